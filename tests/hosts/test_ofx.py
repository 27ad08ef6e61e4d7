"""The OpenFX plug-in in a strict host: what it describes, and its pictures against our own renderer's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofx_bridge.bundle import binary_of, find_bundle
from ofx_bridge.generate import HEADER, header
from tests.hosts import ofx_abi as abi
from tests.hosts.conftest import missing
from tests.hosts.frei0r_host import write_warps
from tests.hosts.ofx_host import Array, Host
from vstab_core.params import PARAMS, Parameters
from vstab_core.render import render_frames
from vstab_core.sidecar import read_sidecar
from vstab_core.types import Frame

SIZE = (54, 96)
COUNT = 4
BASE = Fraction(1, 25)
FLAT, SPHERE = "vstab.Stabilize", "vstab.Stabilize360"
FORMATS = {("uint8", 4): "rgba", ("uint8", 3): "rgb24", ("uint16", 4): "rgba64le", ("uint16", 3): "rgb48le"}


@pytest.fixture(scope="session")
def binary() -> Path:
    given = os.environ.get("VSTAB_OFX_BINARY")  # of another build, for the sanitizers
    if given:
        return Path(given)
    bundle = find_bundle() or missing("the OpenFX plug-in is not built; make setup, or make ofx")
    return binary_of(bundle)


@pytest.fixture
def host(binary: Path) -> Iterator[Host]:
    host = Host(binary)
    for plugin in host.plugins.values():
        assert plugin.load() == abi.OK
        plugin.describe()
    yield host
    for plugin in host.plugins.values():
        if plugin.loaded:
            plugin.unload()
    assert host.violations == []


def picture(index: int = 0, dtype: str = "float32", channels: int = 4, size: tuple[int, int] = SIZE) -> Array:
    """A smooth picture with some noise, opaque."""
    y, x = np.mgrid[: size[0], : size[1]] / size[1]
    waves = [np.sin(11 * x + 3 * c + index) * np.cos(7 * y - c) for c in range(3)]
    noise = np.random.default_rng(index).uniform(-0.1, 0.1, (*size, 3))
    colour = np.clip(0.5 + 0.35 * np.stack(waves, -1) + noise, 0, 1)
    whole = np.concatenate([colour, np.ones((*size, 1))], -1)[..., :channels]
    if dtype == "float32":
        return whole.astype(np.float32)
    return np.round(whole * np.iinfo(dtype).max).astype(dtype)


def shake(count: int = COUNT) -> np.ndarray:
    rng = np.random.default_rng(8)
    warps = np.tile(np.eye(3), (count, 1, 1))
    angle = np.radians(rng.uniform(-3, 3, count))
    warps[:, 0, 0] = warps[:, 1, 1] = 0.95 * np.cos(angle)
    warps[:, 1, 0] = 0.95 * np.sin(angle)
    warps[:, 0, 1] = -warps[:, 1, 0]
    warps[:, :2, 2] = rng.uniform(-0.1, 0.1, (count, 2))
    warps[:, 2, :2] = rng.uniform(-0.02, 0.02, (count, 2))
    return warps


def turns(count: int = COUNT) -> np.ndarray:
    rng = np.random.default_rng(3)
    turned = []
    for _ in range(count):
        q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turned.append(q * np.sign(np.linalg.det(q)))
    return np.array(turned)


def bend(count: int = COUNT) -> np.ndarray:
    return np.random.default_rng(9).uniform(-0.02, 0.02, (count, 5, 5, 2)).astype(np.float32)


def flat_sidecar(path: Path, parameters: Parameters | None = None, **more: Any) -> Path:
    pts = more.pop("pts", range(COUNT))
    return write_warps(path, SIZE, shake(len(pts)), pts, BASE, parameters, **more)


def sphere_sidecar(path: Path, size: tuple[int, int], parameters: Parameters | None = None) -> Path:
    local = np.random.default_rng(4).uniform(-0.02, 0.02, (COUNT, 6, 3)).astype(np.float32)
    return write_warps(path, size, turns(), range(COUNT), BASE, parameters, local=local, projection="equirect")


def ours(sidecar: Path, sources: list[Array]) -> list[Array]:
    """Our own renderer's pictures; `sources` are the sidecar's frames."""
    stored = read_sidecar(sidecar)
    assert stored.warps is not None
    name = FORMATS.get((sources[0].dtype.name, sources[0].shape[2]), "gbrapf32le")
    frames = [Frame((p,), name, int(t), float(t * BASE)) for p, t in zip(sources, stored.warps.pts, strict=True)]
    new = lambda frame: replace(frame, planes=(np.empty_like(frame.planes[0]),))  # noqa: E731
    done = render_frames(frames, stored.warps, None, stored.parameters or Parameters(), new)
    return [frame.planes[0] for frame in done]


def far_apart(found: Array, wanted: Array) -> bool:
    """Whether pictures differ by more than the project allows."""
    most = 1e-4 if found.dtype == np.float32 else 1
    return float(np.abs(found.astype(np.float64) - wanted).max()) > most


def test_the_plug_ins_table_is_ours() -> None:
    assert HEADER.read_text() == header(), "run python -m ofx_bridge.generate"


def test_both_plug_ins_describe_themselves(host: Host) -> None:
    assert set(host.plugins) == {FLAT, SPHERE}
    for plugin, label in ((host.plugins[FLAT], "vstab Stabilize"), (host.plugins[SPHERE], "vstab 360 Stabilize")):
        values = plugin.descriptor.properties.values
        assert values["OfxPropLabel"] == [label]
        assert values["OfxImageEffectPluginPropGrouping"] == ["vstab"]
        assert values["OfxImageEffectPropSupportedContexts"] == [
            "OfxImageEffectContextFilter",
            "OfxImageEffectContextGeneral",
        ]
        assert values["OfxImageEffectPluginRenderThreadSafety"] == ["OfxImageEffectRenderFullySafe"]
        for effect in plugin.contexts.values():
            assert set(effect.clips) == {"Source", "Output"}
            for clip in effect.clips.values():
                components = clip.values["OfxImageEffectPropSupportedComponents"]
                assert components == ["OfxImageComponentRGBA", "OfxImageComponentRGB"]


def test_the_panel_is_the_table_of_parameters(host: Host) -> None:
    flat, sphere = (host.plugins[name].contexts["OfxImageEffectContextFilter"].params for name in (FLAT, SPHERE))
    assert "max_crop" in flat
    assert "max_crop" not in sphere
    assert "stabilize_yaw" in sphere
    assert "stabilize_yaw" not in flat
    for name, row in PARAMS.items():
        for params in (flat, sphere):
            if name not in params:
                continue
            values = params[name].values
            assert values["OfxPropLabel"] == [row.label.replace(" (360)", "")]
            assert values["OfxParamPropHint"] == [row.help]
            assert values["OfxParamPropAnimates"] == [0]
            if row.choices:
                assert values["OfxParamPropChoiceOption"] == list(row.choices)
                assert row.choices[values["OfxParamPropDefault"][0]] == getattr(Parameters(), name)
            else:
                assert values["OfxParamPropDefault"] == [getattr(Parameters(), name)]
            if row.maximum:
                assert (values["OfxParamPropMin"], values["OfxParamPropMax"]) == ([row.minimum], [row.maximum])


@pytest.mark.parametrize("channels", [4, 3])
@pytest.mark.parametrize("dtype", ["float32", "uint16", "uint8"])
@pytest.mark.parametrize("border", ["crop", "black", "mirror"])
def test_a_frame_is_our_renderers(host: Host, tmp_path: Path, dtype: str, channels: int, border: str) -> None:
    sidecar = flat_sidecar(tmp_path / "c.vstab", Parameters(border=border), mesh=bend())
    sources = [picture(i, dtype, channels) for i in range(COUNT)]
    instance = host.plugins[FLAT].create(sidecar=sidecar)
    for time in (2, 0, 3, 1):
        found, wanted = instance.render(time, sources[time]), ours(sidecar, sources)[time]
        assert not far_apart(found, wanted)
        assert far_apart(sources[time], wanted)
    instance.destroy()


@pytest.mark.parametrize("interpolation", ["bilinear", "lanczos3"])
def test_the_panel_takes_over_the_sidecars_filter(host: Host, tmp_path: Path, interpolation: str) -> None:
    parameters = Parameters(interpolation=interpolation, smoothness=0.7, border="mirror")
    sidecar = flat_sidecar(tmp_path / "c.vstab", parameters)
    sources = [picture(i) for i in range(COUNT)]
    instance = host.plugins[FLAT].create(sidecar=sidecar)
    assert instance.value("smoothness") == 0.7
    assert not far_apart(instance.render(1, sources[1]), ours(sidecar, sources)[1])
    instance.choose("interpolation", "bicubic")
    assert far_apart(instance.render(1, sources[1]), ours(sidecar, sources)[1])


@pytest.mark.parametrize("stereo", ["mono", "top-bottom", "left-right"])
@pytest.mark.parametrize("dtype", ["float32", "uint16", "uint8"])
def test_a_frame_of_a_sphere_is_our_renderers(host: Host, tmp_path: Path, dtype: str, stereo: str) -> None:
    size = {"mono": (80, 160), "top-bottom": (160, 160), "left-right": (80, 320)}[stereo]
    sidecar = sphere_sidecar(tmp_path / "c.vstab", size, Parameters(projection="equirect", stereo=stereo))
    sources = [picture(i, dtype, 4, size) for i in range(COUNT)]
    instance = host.plugins[SPHERE].create(sidecar=sidecar)
    for time in range(COUNT):
        found, wanted = instance.render(time, sources[time]), ours(sidecar, sources)[time]
        assert not far_apart(found, wanted)
        assert far_apart(sources[time], wanted)
