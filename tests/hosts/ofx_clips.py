"""Sidecars and pictures for the tests of the OpenFX plug-in, and what our own renderer makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tests.hosts.frei0r_host import STEPS, shake, write_warps
from tests.hosts.ofx_host import Array, Instance
from vstab_core.params import Parameters
from vstab_core.render import render_frames
from vstab_core.sidecar import read_sidecar
from vstab_core.types import Frame

SIZE = (54, 96)
COUNT = 4
BASE = Fraction(1, 25)
FLAT, SPHERE = "vstab.Stabilize", "vstab.Stabilize360"
FORMATS = {("uint8", 4): "rgba", ("uint8", 3): "rgb24", ("uint16", 4): "rgba64le", ("uint16", 3): "rgb48le"}


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


def ruler_sidecar_at(path: Path, pts: Sequence[int]) -> Path:
    """A sidecar whose frame i moves a picture of SIZE by i % STEPS + 1 px to the left."""
    warps = np.tile(np.eye(3), (len(pts), 1, 1))
    warps[:, 0, 2] = 2 * (np.arange(len(pts)) % STEPS + 1) / SIZE[1]
    return write_warps(path, SIZE, warps, pts, BASE)


def ruler_at(instance: Instance, time: float, **more: Any) -> int:
    """Return which frame's warp is shown at a time."""
    source = np.zeros((*SIZE, 4), np.uint8)
    source[..., 0] = np.arange(SIZE[1])
    return int(instance.render(time, source, **more)[0, 0, 0]) - 1
