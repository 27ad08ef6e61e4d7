"""One pass: a warp a frame, in order, no border, and shake that falls by a known factor, on paths that are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.synthetic import ASPECT, FPS, motion_of, moving, shaking
from tests.test_smooth import beyond_source, jitter, output_steps, with_noise_mesh
from vstab_core.errors import UsageError
from vstab_core.params import Parameters
from vstab_core.smooth.streaming import LEARNED_AHEAD, StreamingPath
from vstab_core.types import CameraMotion, FrameWarp, WarpTrack

VIOLENT = shaking(5, x=0.08, turn=0.05, tilt=0.005, band=(0.3, 8.0))


def stream(motion: CameraMotion, parameters: Parameters) -> tuple[WarpTrack, list[int]]:
    """Return the warps, and how many frames came out at each push, the flush last."""
    path = StreamingPath(motion.aspect, 1 / FPS, parameters)
    given: list[list[FrameWarp]] = [
        path.push(corners, bool(cut), mesh)
        for corners, cut, mesh in zip(motion.corners, motion.cut, motion.mesh, strict=True)
    ]
    given.append(path.flush())
    assert path.flush() == []
    h = np.array([warp.src_from_dst for warps in given for warp in warps])
    meshes = [warp.mesh for warps in given for warp in warps if warp.mesh is not None]
    assert len(meshes) == (len(h) if parameters.model == "mesh" else 0)
    crop, mesh = np.zeros(len(h)), np.array(meshes) if meshes else None
    track = WarpTrack(motion.width, motion.height, motion.aspect, motion.pts, motion.time_base, h, mesh, crop)
    return track, [len(warps) for warps in given]


@pytest.mark.parametrize("look_ahead", [0, 1, 5, 30])
@pytest.mark.parametrize("frames", [1, 2, 20, 60])
def test_each_frame_gets_one_warp_as_soon_as_it_can(look_ahead: int, frames: int) -> None:
    track, counts = stream(motion_of(VIOLENT, frames), Parameters(look_ahead=look_ahead))
    assert len(track.src_from_dst) == frames
    waiting = min(look_ahead, frames)
    assert counts == [0] * waiting + [1] * (frames - waiting) + [waiting]


def test_warps_come_in_the_order_of_the_frames() -> None:
    still = motion_of(moving(), 40)
    corners = still.corners.copy()
    corners[25] = 0.02  # one jump
    track, _ = stream(CameraMotion(**{**vars(still), "corners": corners}), Parameters(look_ahead=2, zoom="none"))
    moved = np.abs(track.src_from_dst - np.eye(3)).max(axis=(1, 2))
    assert moved[:23].max() < 1e-9 < moved[23]
    assert moved.argmax() in (24, 25)


@pytest.mark.parametrize("look_ahead", [0, 1, 5, 30])
@pytest.mark.parametrize("max_crop", [0.0, 0.02, 0.15, 0.5])
@pytest.mark.parametrize("model", ["translation", "similarity", "homography", "mesh"])
def test_no_border_shows_whatever_the_shake(look_ahead: int, max_crop: float, model: str) -> None:
    parameters = Parameters(look_ahead=look_ahead, max_crop=max_crop, model=model)
    track, _ = stream(with_noise_mesh(motion_of(VIOLENT, 50, cuts=[20])), parameters)
    assert beyond_source(track) <= 1e-9


@pytest.mark.parametrize(("look_ahead", "factor"), [(0, 2.0), (5, 8.0), (15, 50.0), (30, 80.0)])
def test_jitter_falls_by_a_factor_that_grows_with_the_look_ahead(look_ahead: int, factor: float) -> None:
    motion = motion_of(moving(x=0.003) + shaking(2, x=0.008, turn=0.003, band=(1.5, 6.0)), 300)
    track, _ = stream(motion, Parameters(method="klt", look_ahead=look_ahead))
    assert jitter(motion.corners) > factor * jitter(output_steps(motion, track))


@pytest.mark.parametrize("border", ["crop", "black"])
@pytest.mark.parametrize("look_ahead", [0, 5])
def test_translation_neither_turns_nor_zooms_at_the_limit(look_ahead: int, border: str) -> None:
    parameters = Parameters(look_ahead=look_ahead, max_crop=0.05, model="translation", border=border)
    track, _ = stream(motion_of(VIOLENT, 50), parameters)
    shift, linear = track.src_from_dst[:, :2, 2], track.src_from_dst[:, :2, :2]
    assert np.abs(shift).max() > 0.02  # of half the width: it corrects up to the limit
    assert np.allclose(linear, linear[0, 0, 0] * np.eye(2), atol=1e-9)


@pytest.mark.parametrize("look_ahead", [0, 2, 5, 6, 9, 10])
def test_the_network_chooses_the_path_only_where_it_is_better(look_ahead: int) -> None:
    motion = motion_of(shaking(3), 40)
    one, other = (
        stream(motion, Parameters(look_ahead=look_ahead, method=method))[0].src_from_dst for method in ("klt", "cnn")
    )
    assert np.array_equal(one, other) == (look_ahead not in LEARNED_AHEAD)


def test_live_stays_stable_for_a_hundred_seconds() -> None:
    motion = motion_of(shaking(4, x=0.01, turn=0.004, band=(0.5, 6.0)), 3000)
    track, _ = stream(motion, Parameters(look_ahead=0))
    assert beyond_source(track) <= 1e-9
    size = np.abs(track.src_from_dst[:, :2, 2]).max(axis=1).reshape(3, 1000).max(axis=1)
    assert size[2] < 1.5 * size[0]
    end = jitter(output_steps(motion, track)[2000:])
    assert end < 1.2 * jitter(output_steps(motion, track)[:1000])


@pytest.mark.parametrize("look_ahead", [0, 5, 30])
def test_a_cut_starts_anew(look_ahead: int) -> None:
    whole = with_noise_mesh(motion_of(VIOLENT, 70, cuts=[30]))
    second = CameraMotion(
        **{**vars(whole), **{name: vars(whole)[name][30:] for name in ("pts", "corners", "mesh", "confidence", "cut")}}
    )
    parameters = Parameters(look_ahead=look_ahead, model="mesh")
    joined, alone = stream(whole, parameters)[0], stream(second, parameters)[0]
    assert np.allclose(joined.src_from_dst[30:], alone.src_from_dst, atol=1e-9)
    assert joined.mesh is not None
    assert alone.mesh is not None
    assert np.allclose(joined.mesh[30:], alone.mesh, atol=1e-9)


@pytest.mark.parametrize("look_ahead", [0, 30])
def test_a_still_camera_is_only_zoomed(look_ahead: int) -> None:
    track, _ = stream(motion_of(moving(), 50), Parameters(look_ahead=look_ahead, max_crop=0.1))
    assert np.allclose(track.src_from_dst, np.diag([0.9, 0.9, 1.0]), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("zoom", "dynamic", "static or none"),
        ("border", "fill", "crop, black or mirror"),
    ],
)
def test_what_needs_two_passes_is_refused(name: str, value: str, instead: str) -> None:
    with pytest.raises(UsageError, match=f"--{name} {value} needs two passes; in one pass use {instead}"):
        StreamingPath(ASPECT, 1 / FPS, Parameters(**{name: value}))  # type: ignore[arg-type]
