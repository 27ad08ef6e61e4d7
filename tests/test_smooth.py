"""Two passes against the law: what is kept, what is taken away, and that no border shows, on paths that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.signal import butter, detrend, sosfiltfilt

from tests.synthetic import ASPECT, FPS, Camera, motion_of, moving, rms, shaking, walking
from tests.tolerances import PAN_KEPT, RATE_INDEPENDENCE, SIMILARITY_RATIO
from vstab_core.corners import apply, corners_from_homography, frame_corners, homography_from_corners
from vstab_core.params import Parameters
from vstab_core.smooth.path import smooth
from vstab_core.types import CameraMotion, FloatArray, WarpTrack

STILL = np.eye(3)


def output_steps(motion: CameraMotion, warps: WarpTrack) -> FloatArray:
    """Return how the corners of the output picture move from frame to frame: B_t H_t B_(t-1)^-1."""
    h = homography_from_corners(motion.corners, motion.aspect)
    b = np.linalg.inv(warps.src_from_dst)
    steps = b[1:] @ h[1:] @ warps.src_from_dst[:-1]
    return np.concatenate([np.zeros((1, 4, 2)), corners_from_homography(steps, motion.aspect)])


def jitter(steps: FloatArray) -> float:
    """Return the RMS above 1 Hz of a path given by its corner steps, a second at either end left out."""
    high = butter(4, 1.0, "high", fs=FPS, output="sos")
    path = sosfiltfilt(high, detrend(np.cumsum(steps.reshape(len(steps), -1), axis=0), axis=0), axis=0)
    return rms(path[30:-30])


def beyond_source(warps: WarpTrack) -> float:
    """Return how far the edge of an output looks beyond the source, in normalised units; negative: it stays inside."""
    even = np.linspace(-1, 1, 33)
    a = warps.aspect
    edge = np.concatenate(
        [np.stack([even, even * 0 + s * a], 1) for s in (-1, 1)]
        + [np.stack([even * 0 + s, even * a], 1) for s in (-1, 1)]
    )
    at = apply(warps.src_from_dst, edge)
    if warps.mesh is not None:
        at = at + np.array([mesh_at(mesh, points, a) for mesh, points in zip(warps.mesh, at, strict=True)])
    return float(np.max(np.abs(at) - [1.0, a]))


def mesh_at(mesh: np.ndarray, points: FloatArray, aspect: float) -> FloatArray:
    cells = mesh.shape[0] - 1
    at = np.clip((points / [1.0, aspect] + 1) * cells / 2, 0, cells)
    first = np.minimum(at.astype(int), cells - 1)
    fx, fy = (at - first).T[..., None]
    x, y = first.T
    top = (1 - fx) * mesh[y, x] + fx * mesh[y, x + 1]
    bottom = (1 - fx) * mesh[y + 1, x] + fx * mesh[y + 1, x + 1]
    return np.asarray((1 - fy) * top + fy * bottom)


def with_noise_mesh(motion: CameraMotion, seed: int = 4) -> CameraMotion:
    rng = np.random.default_rng(seed)
    mesh = rng.normal(0, 0.002, motion.mesh.shape).astype(np.float32)
    return CameraMotion(**{**vars(motion), "mesh": mesh})


def test_a_still_camera_comes_out_untouched() -> None:
    for model in ("translation", "similarity", "homography", "mesh"):
        warps = smooth(motion_of(moving(), 90), Parameters(model=model))
        assert np.array_equal(warps.src_from_dst, np.tile(STILL, (90, 1, 1)))
        assert not warps.crop.any()
        assert warps.mesh is None or not warps.mesh.any()


@pytest.mark.parametrize("model", ["translation", "similarity", "homography"])
@pytest.mark.parametrize("camera", [moving(x=0.01), moving(x=-0.004, y=0.006)], ids=["pan", "tilt"])
def test_a_perfect_pan_is_kept(camera: Camera, model: str) -> None:
    motion = motion_of(camera, 150)
    warps = smooth(motion, Parameters(model=model))
    steps = output_steps(motion, warps)[1:] * (1 - warps.crop[1:, None, None])
    assert np.abs(steps - motion.corners[1:]).max() < PAN_KEPT * np.abs(motion.corners[1:]).max()
    assert jitter(output_steps(motion, warps)) < 1e-5


def test_a_shaky_pan_keeps_its_speed() -> None:
    motion = motion_of(moving(x=0.008) + shaking(2, x=0.006), 240)
    warps = smooth(motion, Parameters())
    shown = 1 - warps.crop[0]
    middle = output_steps(motion, warps)[40:-40].mean(axis=(0, 1)) * shown
    assert np.linalg.norm(middle - [-0.008, 0]) < PAN_KEPT * 0.008


def white_jitter(frames: int = 300) -> CameraMotion:
    motion = motion_of(moving(x=0.006), frames)
    place = np.random.default_rng(8).normal(0, 0.01, (frames, 1, 2))
    corners = motion.corners + np.diff(place, axis=0, prepend=place[:1])
    return CameraMotion(**{**vars(motion), "corners": corners})


def test_white_jitter_of_one_per_cent_falls_twentyfivefold() -> None:
    motion = white_jitter()
    warps = smooth(motion, Parameters())
    assert warps.crop.max() < 0.15
    assert jitter(motion.corners) > 25 * jitter(output_steps(motion, warps))


def test_smoothness_decides_how_much_is_left() -> None:
    motion = motion_of(shaking(3, x=0.02, band=(0.3, 2.0)), 300)
    left = [jitter(output_steps(motion, smooth(motion, Parameters(smoothness=s)))) for s in (0.0, 0.2, 0.4, 0.9)]
    assert left == sorted(left, reverse=True)
    assert left[3] < left[0] / 10


VIOLENT = shaking(5, x=0.08, turn=0.05, tilt=0.01, band=(0.3, 8.0))


@pytest.mark.parametrize("readout", [0.0, 0.6])
@pytest.mark.parametrize("model", ["translation", "similarity", "homography", "mesh"])
@pytest.mark.parametrize("max_crop", [0.0, 0.02, 0.15, 0.5])
def test_no_border_shows_and_the_budget_holds_whatever_the_shake(max_crop: float, model: str, readout: float) -> None:
    motion = with_noise_mesh(motion_of(VIOLENT, 60, cuts=[25], readout_ratio=readout))
    for zoom in ("static", "dynamic"):
        warps = smooth(motion, Parameters(model=model, max_crop=max_crop, zoom=zoom))
        assert warps.crop.max() <= max_crop + 1e-9
        assert beyond_source(warps) <= 1e-9, zoom


def test_zoom_none_costs_no_picture() -> None:
    motion = motion_of(VIOLENT, 60)
    warps = smooth(motion, Parameters(zoom="none", border="black"))
    assert not warps.crop.any()
    assert np.allclose(np.linalg.det(warps.src_from_dst).mean(), 1, atol=0.05)


def test_dynamic_zoom_moves_slowly_and_costs_no_more_than_static() -> None:
    motion = motion_of(shaking(6, x=0.02, turn=0.01, band=(0.3, 4.0)), 240)
    fixed, moved = (smooth(motion, Parameters(zoom=zoom)) for zoom in ("static", "dynamic"))
    assert moved.crop.mean() < fixed.crop.mean()
    assert np.ptp(fixed.crop) == 0
    assert np.ptp(moved.crop) > 0.001
    # The window is 1.5 s: over one frame the crop cannot move by more than 1/45 of its range.
    assert np.abs(np.diff(moved.crop)).max() <= np.ptp(moved.crop) / 45 * 2


def test_strength_scales_the_correction() -> None:
    motion = motion_of(walking(), 120)
    given = [smooth(motion, Parameters(strength=s, border="black", zoom="none")) for s in (0.0, 0.5, 1.0)]
    none, half, full = (corners_from_homography(np.linalg.inv(w.src_from_dst), ASPECT) for w in given)
    assert not none.any()
    assert np.array_equal(given[0].src_from_dst, np.tile(STILL, (120, 1, 1)))
    assert np.allclose(half, full / 2, atol=1e-9)
    assert np.abs(full).max() > 0.01


def test_lock_holds_the_camera_still_while_the_budget_lasts() -> None:
    motion = motion_of(shaking(7, x=0.02, turn=0.004, band=(0.1, 4.0)), 150)
    warps = smooth(motion, Parameters(lock="on", max_crop=0.3))
    loose = smooth(motion, Parameters(max_crop=0.3))
    assert beyond_source(warps) <= 1e-9
    held = np.abs(np.cumsum(output_steps(motion, warps), axis=0)).max()
    assert held < np.abs(np.cumsum(motion.corners, axis=0)).max() / 20
    assert held < np.abs(np.cumsum(output_steps(motion, loose), axis=0)).max() / 5
    tight = smooth(motion, Parameters(lock="on", max_crop=0.03))
    assert tight.crop.max() <= 0.03 + 1e-9
    assert beyond_source(tight) <= 1e-9


def slice_of(motion: CameraMotion, part: slice) -> CameraMotion:
    values = {name: vars(motion)[name][part] for name in ("pts", "corners", "mesh", "confidence", "cut")}
    return CameraMotion(**{**vars(motion), **values})


@pytest.mark.parametrize("zoom", ["static", "dynamic"])
def test_the_path_never_crosses_a_cut(zoom: str) -> None:
    motion = motion_of(walking(), 140, cuts=[60])
    whole = smooth(motion, Parameters(zoom=zoom))
    for part in (slice(0, 60), slice(60, 140)):
        alone = smooth(slice_of(motion, part), Parameters(zoom=zoom))
        assert np.allclose(whole.src_from_dst[part], alone.src_from_dst, atol=1e-12)
        assert np.allclose(whole.crop[part], alone.crop[:], atol=1e-12)


def test_an_uneven_frame_rate_is_smoothed_in_seconds() -> None:
    camera = shaking(9, x=0.01, turn=0.003, band=(0.2, 1.5)).only(0, 1)
    even = np.arange(300.0)
    kept = np.sort(np.random.default_rng(1).choice(np.arange(1, 299), 240, replace=False))
    kept = np.concatenate([[0], kept, [299]])
    settings: dict[str, Any] = {"model": "translation", "border": "black", "zoom": "none"}
    full = smooth(motion_of(camera, 300, moments=even), Parameters(**settings)).src_from_dst[kept, :2, 2]
    part = smooth(motion_of(camera, len(kept), moments=even[kept]), Parameters(**settings)).src_from_dst[:, :2, 2]
    # A constant of the path is free to differ; the shape is not.
    shape = (full - full.mean(axis=0)) - (part - part.mean(axis=0))
    assert rms(shape[20:-20]) < RATE_INDEPENDENCE * rms(full - full.mean(axis=0))


def test_translation_only_shifts() -> None:
    warps = smooth(motion_of(walking(), 120, readout_ratio=0.5), Parameters(model="translation", rolling_shutter="off"))
    share = 1 - warps.crop
    expected = share[:, None, None] * np.eye(2)
    assert np.allclose(warps.src_from_dst[:, :2, :2], expected, atol=1e-12)
    assert not warps.src_from_dst[:, 2, :2].any()
    assert np.abs(warps.src_from_dst[:, :2, 2]).max() > 0.001


def test_similarity_neither_stretches_nor_shears() -> None:
    warps = smooth(motion_of(VIOLENT, 60, readout_ratio=0.5), Parameters(rolling_shutter="off"))
    values = np.linalg.svd(warps.src_from_dst[:, :2, :2], compute_uv=False)
    assert np.abs(values[:, 0] / values[:, 1] - 1).max() < SIMILARITY_RATIO
    assert np.abs(warps.src_from_dst[:, 2, :2]).max() < SIMILARITY_RATIO


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
@pytest.mark.parametrize("model", ["translation", "similarity", "homography", "mesh"])
def test_shots_of_few_frames_do_not_crash(frames: int, model: str) -> None:
    motion = motion_of(VIOLENT, frames + 2, cuts=[frames], readout_ratio=0.4)
    for zoom in ("none", "static", "dynamic"):
        for lock in ("off", "on"):
            warps = smooth(motion, Parameters(model=model, zoom=zoom, lock=lock))
            assert np.isfinite(warps.src_from_dst).all()
            assert zoom == "none" or beyond_source(warps) <= 1e-9
    assert len(smooth(slice_of(motion, slice(0, 1)), Parameters(model=model))) == 1


def seen_through(camera: Camera, warps: WarpTrack, readout: float, points: FloatArray) -> FloatArray:
    """Return (F, N, 2): where scene points stand in each output, the shutter's rows each at their time."""
    aspect = warps.aspect
    target = apply(camera.poses([len(warps) // 2])[0], points)
    shown = []
    for t in range(len(warps)):
        p = apply(np.linalg.inv(camera.poses([t])[0]), target)
        for _ in range(25):  # the row a point falls on depends on when it is seen
            poses = camera.poses(t + readout * p[:, 1] / (2 * aspect))
            p = np.stack([apply(np.linalg.inv(pose), x[None])[0] for pose, x in zip(poses, target, strict=True)])
        h = p.copy()
        for _ in range(10 if warps.mesh is not None else 0):
            assert warps.mesh is not None
            h = p - mesh_at(warps.mesh[t], h, aspect)
        shown.append(apply(np.linalg.inv(warps.src_from_dst[t]), h))
    return np.array(shown)


def test_a_rolling_shutter_is_straightened() -> None:
    readout, frames = 0.8, 150
    camera = shaking(11, x=0.012, turn=0.0, band=(1.0, 4.0))
    measured = rolling_motion(camera, frames, readout)
    points = frame_corners(ASPECT) * 0.8
    left = {}
    for choice in ("off", "on"):
        warps = smooth(measured, Parameters(rolling_shutter=choice, max_crop=0.3))
        path = seen_through(camera, warps, readout, points)
        bending = path - path.mean(axis=1, keepdims=True)  # what the rows do that the whole picture does not
        left[choice] = jitter(np.diff(bending, axis=0, prepend=bending[:1]))
        if choice == "on":
            assert beyond_source(warps) <= 1e-9
    assert left["off"] > 2.5 * left["on"], left


def rolling_motion(camera: Camera, frames: int, readout: float) -> CameraMotion:
    """Return what an estimator that fits homographies to the whole picture reports of a rolling shutter."""
    motion = motion_of(camera, frames, readout_ratio=readout)
    x, y = np.meshgrid(np.arange(-7, 8, 2) / 8, np.arange(-7, 8, 2) / 8 * ASPECT)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    corners = motion.corners.copy()
    for t in range(1, frames):
        poses = camera.poses(t - 1 + readout * points[:, 1] / (2 * ASPECT))
        world = np.stack([apply(pose, p[None])[0] for pose, p in zip(poses, points, strict=True)])
        now = points.copy()
        for _ in range(12):
            poses = camera.poses(t + readout * now[:, 1] / (2 * ASPECT))
            now = np.stack([apply(np.linalg.inv(pose), p[None])[0] for pose, p in zip(poses, world, strict=True)])
        corners[t] = corners_from_homography(fitted(points, now), ASPECT)
    return CameraMotion(**{**vars(motion), "corners": corners})


def fitted(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the homography b_from_a of least algebraic error; the points are within 1 of the origin."""
    x, y, u, v = *a.T, *b.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    rows = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 1),
        ]
    )
    return np.append(np.linalg.lstsq(rows, np.concatenate([u, v]), rcond=None)[0], 1.0).reshape(3, 3)
