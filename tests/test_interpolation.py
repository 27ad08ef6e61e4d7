"""The resampling filter: what `auto` is for each kind of clip, and how much of a fine pattern it keeps."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.clips import ClipSpec, write_clip
from tests.synthetic import film, motion_of, moving
from vstab_core import _native
from vstab_core.cli import main
from vstab_core.decode import read_frames
from vstab_core.params import Parameters
from vstab_core.render import render_frames
from vstab_core.types import Frame, FrameWarp, WarpTrack
from vstab_core.warp import warp_plane, warp_plane_reference

SIZE = (32, 128)  # a power of two wide: half a pixel is exact in positions
TURN = np.array([[0.95, -0.02, 0.013], [0.02, 0.95, -0.008], [0, 0, 1]])
PITCH = np.array([[1, 0, 0], [0, 0.96, -0.28], [0, 0.28, 0.96]])


def empty(frame: Frame) -> Frame:
    return replace(frame, planes=tuple(np.zeros_like(plane) for plane in frame.planes))


def rendered(
    planes: tuple[np.ndarray, ...],
    pixel_format: str,
    matrix: np.ndarray,
    parameters: Parameters,
    projection: str = "rectilinear",
) -> tuple[np.ndarray, ...]:
    height, width = planes[0].shape[:2]
    pts = np.arange(1)
    warps = WarpTrack(width, height, height / width, pts, Fraction(1, 25), matrix[None], None, np.zeros(1),
                      projection=projection)  # fmt: skip
    frames = [Frame(planes, pixel_format, 0, 0.0)]
    return next(iter(render_frames(frames, warps, None, parameters, empty))).planes


def noise(pixel_format: str, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(2)
    halves = (size[0] // 2, size[1] // 2)
    if pixel_format == "yuv420p":
        return tuple(rng.integers(0, 256, shape, np.uint8) for shape in (size, halves, halves))
    if pixel_format == "yuv420p10le":
        return tuple(rng.integers(0, 1024, shape, np.uint16) for shape in (size, halves, halves))
    return (rng.normal(0.5, 0.4, (*size, 4)).astype(np.float32),)


def kept_half_way(weights: list[float], period_px: float) -> float:
    """Return the share of a wave's amplitude that a filter leaves half a pixel beside the samples.

    Args:
        weights: of the samples at 0.5, 1.5 ... px on either side.
        period_px: of the wave.
    """
    at = 0.5 + np.arange(len(weights))
    return float(2 * np.sum(np.array(weights) * np.cos(2 * np.pi * at / period_px)))


def lanczos3_weights() -> list[float]:
    at = np.array([0.5, 1.5, 2.5])
    weights = np.sin(np.pi * at) / (np.pi * at) * np.sin(np.pi * at / 3) / (np.pi * at / 3)
    return list(weights / (2 * weights.sum()))


KERNELS = {"bilinear": [1 / 2], "bicubic": [9 / 16, -1 / 16], "lanczos3": lanczos3_weights()}


@pytest.mark.parametrize("period_px", [8.0, 16 / 3, 4.0, 3.2, 16 / 6])
@pytest.mark.parametrize("interpolation", ["auto", "bilinear", "bicubic", "lanczos3"])
def test_a_fine_pattern_half_a_pixel_on_keeps_the_filters_share_of_its_amplitude(
    interpolation: str, period_px: float
) -> None:
    phase = 2 * np.pi * (np.arange(SIZE[1]) + 0.5) / period_px
    plane = np.tile(np.round(128 + 100 * np.cos(phase)), (SIZE[0], 1)).astype(np.uint8)
    half = np.eye(3)
    half[0, 2] = 1 / SIZE[1]  # of the half width: half a pixel
    parameters = Parameters() if interpolation == "auto" else Parameters(interpolation=interpolation)
    done = rendered((plane,), "gray", half, parameters)[0].astype(float)
    inner = slice(16, 112)  # whole periods of every pattern, away from the edges

    def amplitude(row: np.ndarray, shift_px: float) -> tuple[float, float]:
        wave, at = row[inner] - 128.0, phase[inner] + shift_px * 2 * np.pi / period_px
        return 2 * float((wave * np.cos(at)).mean()), 2 * float((wave * np.sin(at)).mean())

    share = kept_half_way(KERNELS["lanczos3" if interpolation == "auto" else interpolation], period_px)
    found, astray = amplitude(done[16], 0.5)
    assert found == pytest.approx(amplitude(plane[16], 0.0)[0] * share, abs=0.5)  # codes: half of one by rounding
    assert astray == pytest.approx(0, abs=0.5)  # the wave stands where it should


def test_lanczos_keeps_what_bicubic_blurs() -> None:
    """The shares themselves, so that the test above does not lean on a formula alone."""
    assert kept_half_way(KERNELS["bicubic"], 3.0) == pytest.approx(0.6875)
    assert kept_half_way(KERNELS["lanczos3"], 3.0) == pytest.approx(0.908, abs=0.001)
    assert 1.01 < kept_half_way(KERNELS["lanczos3"], 4.0) < 1.03  # it lifts the middle frequencies by 2 %


@pytest.mark.parametrize(
    ("pixel_format", "usual", "other"),
    [
        ("yuv420p", "lanczos3", "bicubic"),
        ("yuv420p10le", "lanczos3", "bicubic"),
        ("gbrapf32le", "bicubic", "lanczos3"),  # may be light
    ],
)
def test_by_default_a_flat_clip_is_rendered_by_lanczos_and_float_by_bicubic(
    pixel_format: str, usual: str, other: str
) -> None:
    planes = noise(pixel_format)
    default, same, different = (
        rendered(planes, pixel_format, TURN, how)
        for how in (Parameters(), Parameters(interpolation=usual), Parameters(interpolation=other))
    )
    for one, two, three in zip(default, same, different, strict=True):
        assert one.tobytes() == two.tobytes()
        assert one.tobytes() != three.tobytes()


@pytest.mark.parametrize(
    ("projection", "stereo"), [("equirect", "mono"), ("equirect", "top-bottom"), ("vr180", "mono")]
)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "gbrapf32le"])
def test_by_default_a_360_clip_is_rendered_by_bicubic(pixel_format: str, projection: str, stereo: str) -> None:
    planes = noise(pixel_format, (64, 64) if projection == "vr180" or stereo != "mono" else (64, 128))
    layout = Parameters(projection=projection, stereo=stereo)
    default, bicubic, lanczos = (
        rendered(planes, pixel_format, PITCH, replace(layout, interpolation=interpolation), "equirect")
        for interpolation in ("auto", "bicubic", "lanczos3")
    )
    for one, same, other in zip(default, bicubic, lanczos, strict=True):
        assert one.tobytes() == same.tobytes()
        assert one.tobytes() != other.tobytes()


@pytest.mark.parametrize(
    ("projection", "pixel_format", "usual", "other"),
    [
        ("rectilinear", "yuv420p", "lanczos3", "bicubic"),
        ("rectilinear", "gbrapf32le", "bicubic", "lanczos3"),
        ("equirect", "yuv420p", "bicubic", "lanczos3"),
    ],
)
def test_the_slow_twin_means_the_same_by_auto(projection: str, pixel_format: str, usual: str, other: str) -> None:
    matrix, size = (TURN, (32, 64)) if projection == "rectilinear" else (PITCH, (64, 128))
    warp = FrameWarp(matrix, 0.5, projection=projection)
    plane = noise(pixel_format, size)[0]
    plane = plane[..., 0].copy() if plane.ndim == 3 else plane
    twin = warp_plane_reference(plane, warp, filter="auto", border="replicate")
    off = {
        name: np.abs(warp_plane(plane, warp, filter=name, border="replicate").astype(float) - twin).mean()
        for name in ("auto", "bicubic", "lanczos3")
    }
    assert off["auto"] == off[usual]
    assert off["auto"] < 0.3 * off[other]  # of noise: what is left is the grid, on the sphere up to 0.3 px


@pytest.mark.parametrize(
    ("pixel_format", "black", "white", "top"), [("gray", 40, 200, 255), ("gray10le", 64, 940, 1023)]
)
@pytest.mark.parametrize(("interpolation", "first", "second"), [("auto", 0.1178, 0.0313), ("bicubic", 0.0741, 0.0)])
def test_an_edge_overshoots_by_the_filters_share_and_codes_end_at_their_range(
    pixel_format: str, black: int, white: int, top: int, interpolation: str, first: float, second: float
) -> None:
    """The largest partial sums of each kernel's weights, over every phase: a zoom of 1.03 passes them all."""
    plane = np.full((16, 512), black, np.uint8 if top == 255 else np.uint16)
    plane[:, np.arange(512) // 16 % 2 == 1] = white
    matrix = np.diag([1 / 1.03, 1.0, 1.0])
    row = rendered((plane,), pixel_format, matrix, Parameters(interpolation=interpolation))[0][8].astype(float)
    step = white - black
    assert row.min() == pytest.approx(max(black - first * step, 0), abs=1.5)
    assert row.max() == pytest.approx(min(white + first * step, top), abs=1.5)
    at = (np.arange(512) + 0.5 - 256) / 1.03 + 256
    beyond = np.abs(at - 16 * np.round(at / 16)) > 1.55  # px from an edge: the ring behind the first
    assert row[beyond & (row < (black + white) / 2)].max() == pytest.approx(black + second * step, abs=1.5)


def test_linear_light_is_mixed_by_bicubic_and_a_lamp_has_no_bright_ring() -> None:
    """Lanczos weights are positive again two pixels beside an edge: 2.4 % of a lamp are more than the wall there."""
    wall, lamp = 0.01, 40 * 0.01
    plane = np.full((*SIZE, 4), wall, np.float32)
    plane[:, 40:80] = lamp
    half = np.eye(3)
    half[0, 2] = 1 / SIZE[1]
    light = Parameters(resample_light="scene")
    default, bicubic, lanczos = (
        rendered((plane,), "gbrapf32le", half, how)[0]
        for how in (light, replace(light, interpolation="bicubic"), replace(light, interpolation="lanczos3"))
    )
    beside = np.s_[:, 30:38]
    assert default.tobytes() == bicubic.tobytes()
    assert np.abs(default[beside] - wall).max() < 1e-6
    assert lanczos[beside].max() == pytest.approx(wall + lanczos3_weights()[2] * (lamp - wall), rel=1e-3)


def test_filled_borders_take_the_same_filter() -> None:
    """With `--border fill` neighbours are moved too; their warps are those of a flat clip."""
    motion = motion_of(moving(x=0.02), 3, size=(90, 160))
    warps = WarpTrack(160, 90, 90 / 160, motion.pts, motion.time_base, np.tile(TURN, (3, 1, 1)), None, np.zeros(3))
    frames = [Frame((p,), "gray", 3000 * t, t / 30) for t, p in enumerate(film(moving(x=0.02), 3, size=(90, 160)))]
    done = {
        interpolation: [
            frame.planes[0].tobytes()
            for frame in render_frames(
                iter(frames), warps, motion, Parameters(border="fill", interpolation=interpolation), empty
            )
        ]
        for interpolation in ("auto", "lanczos3", "bicubic")
    }
    assert done["auto"] == done["lanczos3"]
    assert done["auto"] != done["bicubic"]


def test_from_file_to_file_the_default_is_lanczos_and_a_sidecar_keeps_the_filter_it_says(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    still = rng.integers(0, 256, (110, 180)).astype(np.uint8)
    steps = rng.integers(0, 12, (8, 2))
    planes = [(still[y : y + 90, x : x + 160].copy(),) for y, x in steps]
    clip = write_clip(tmp_path / "clip.mkv", ClipSpec(size=(90, 160), pixel_format="gray", codec="ffv1"), planes)
    quiet = ["--progress", "none", "--overwrite"]

    def shown(name: str, *options: str) -> bytes:
        out = tmp_path / f"{name}.mkv"
        assert main(["render", str(clip), "-o", str(out), "--codec", "ffv1", *quiet, *options]) == 0
        return b"".join(frame.planes[0].tobytes() for frame in read_frames(out))

    assert main(["analyze", str(clip), "--method", "klt", *quiet]) == 0
    sidecar = clip.with_suffix(".vstab")
    fields = _native.read_sidecar(sidecar)
    assert "\ninterpolation=auto\n" in fields["parameters"]
    default = shown("default")
    assert default == shown("lanczos", "--interpolation", "lanczos3")
    bicubic = shown("bicubic", "--interpolation", "bicubic")
    assert default != bicubic
    line = "interpolation=auto\n"
    for instead, wanted in (("", default), ("interpolation=bicubic\n", bicubic)):
        _native.write_sidecar(sidecar, {**fields, "parameters": fields["parameters"].replace(line, instead)})
        assert shown("other") == wanted
