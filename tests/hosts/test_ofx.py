"""The OpenFX plug-in in a strict host: what it describes, and its pictures against our own renderer's."""

from __future__ import annotations

from pathlib import Path

import pytest

from ofx_bridge.generate import HEADER, header
from tests.hosts.ofx_clips import COUNT, FLAT, SPHERE, bend, far_apart, flat_sidecar, ours, picture, sphere_sidecar
from tests.hosts.ofx_host import Host
from vstab_core.params import PARAMS, Parameters


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


@pytest.mark.parametrize(
    ("plugin", "dtype", "usual"),
    [
        (FLAT, "float32", "bicubic"),
        (FLAT, "uint16", "lanczos3"),
        (FLAT, "uint8", "lanczos3"),
        (SPHERE, "float32", "bicubic"),
        (SPHERE, "uint16", "bicubic"),
        (SPHERE, "uint8", "bicubic"),
    ],
)
def test_auto_on_the_panel_is_what_our_renderer_takes_it_for(
    host: Host, tmp_path: Path, dtype: str, plugin: str, usual: str
) -> None:
    """Byte for byte: the panel of a new effect, and of one whose sidecar says auto or nothing."""
    shown = {}
    for interpolation in ("auto", None, "lanczos3", "bicubic"):
        parameters = None if interpolation is None else Parameters(interpolation=interpolation)
        path = tmp_path / f"{interpolation}.vstab"
        sidecar = flat_sidecar(path, parameters) if plugin == FLAT else sphere_sidecar(path, (80, 160), parameters)
        sources = [picture(i, dtype, 4, (54, 96) if plugin == FLAT else (80, 160)) for i in range(COUNT)]
        instance = host.plugins[plugin].create(sidecar=sidecar)
        shown[interpolation] = instance.render(1, sources[1])
        assert not far_apart(shown[interpolation], ours(sidecar, sources)[1])
        instance.destroy()
    assert shown["auto"].tobytes() == shown[usual].tobytes()
    assert shown[None].tobytes() == shown[usual].tobytes()
    assert shown["lanczos3"].tobytes() != shown["bicubic"].tobytes()
