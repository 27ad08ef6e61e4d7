"""From known camera motion to a steady path: the short way through motion, rolling shutter, path and file."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.clips import ClipSpec, write_clip
from vstab_core import pipeline
from vstab_core.corners import apply, corners_from_homography, frame_corners
from vstab_core.decode import read_frames
from vstab_core.errors import InputError
from vstab_core.motion.homography import estimate_motion
from vstab_core.motion.rolling_shutter import readout_ratio
from vstab_core.params import Parameters
from vstab_core.smooth.crop import retained_share
from vstab_core.smooth.path import smooth
from vstab_core.types import MESH_SHAPE, CameraMotion

Image = npt.NDArray[np.uint8]
H, W = 360, 640
ASPECT = H / W
FPS = 30


def scene(seed: int, size: tuple[int, int] = (900, 1400)) -> Image:
    """Return a picture of blobs of all sizes with sharp edges, nowhere flat."""
    random = np.random.default_rng(seed)
    total = np.zeros(size, np.float32)
    for octave in (4, 8, 16, 32, 64, 128):
        coarse = random.normal(size=(size[0] // octave + 2, size[1] // octave + 2)).astype(np.float32)
        total += np.sqrt(octave) * cv2.resize(coarse, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    edges = np.where(total > np.median(total), 60, 0)
    return np.clip(95 + 8 * total + edges, 0, 255).astype(np.uint8)


def shake(frames: int, seed: int, sigma_px: float, smooth_frames: float = 2.0) -> npt.NDArray[np.float64]:
    """Return (frames, 2) a band-limited random path."""
    random = np.random.default_rng(seed)
    kernel = np.exp(-0.5 * (np.arange(-12, 13) / smooth_frames) ** 2)
    path = np.stack([np.convolve(random.normal(size=frames + 24), kernel, "valid") for _ in range(2)], axis=1)
    return np.asarray(sigma_px * path / path.std(axis=0))


def seen_from(texture: Image, position: npt.NDArray[np.float64], turn: float = 0.0, zoom: float = 1.0) -> Image:
    """Return the view (H, W) whose content is moved by `position` px, turned and zoomed about the centre."""
    return warp_view(texture, view_matrix(texture, position, turn, zoom))


def view_matrix(texture: Image, position: npt.NDArray[np.float64], turn: float, zoom: float) -> npt.NDArray[np.float64]:
    """Return view_from_texture (3, 3) in pixels with centres at halves."""
    cos, sin = zoom * np.cos(turn), zoom * np.sin(turn)
    about = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    to_centre = np.array([[1, 0, -texture.shape[1] / 2], [0, 1, -texture.shape[0] / 2], [0, 0, 1]])
    to_view = np.array([[1, 0, W / 2 + position[0]], [0, 1, H / 2 + position[1]], [0, 0, 1]])
    return np.asarray(to_view @ about @ to_centre)


def warp_view(texture: Image, view_from_texture: npt.NDArray[np.float64]) -> Image:
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    index_map = np.linalg.inv(half) @ view_from_texture @ half
    return np.asarray(cv2.warpPerspective(texture, index_map, (W, H), flags=cv2.INTER_CUBIC), np.uint8)


def corner_steps(matrices: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Return the true `CameraMotion.corners` of views with these view_from_texture matrices."""
    px_from_normalised = np.array([[W / 2, 0, W / 2], [0, H / (2 * ASPECT), H / 2], [0, 0, 1]])
    steps = [np.zeros((4, 2))]
    for before, after in pairwise(matrices):
        step = np.linalg.inv(px_from_normalised) @ after @ np.linalg.inv(before) @ px_from_normalised
        steps.append(corners_from_homography(step / step[2, 2], ASPECT))
    return np.array(steps)


def motion_of(corners: npt.NDArray[np.float64], ratio: float = 0.0) -> CameraMotion:
    frames = len(corners)
    cut = np.arange(frames) == 0
    mesh = np.zeros((frames, *MESH_SHAPE), np.float32)
    pts = np.arange(frames, dtype=np.int64)
    return CameraMotion(W, H, ASPECT, pts, Fraction(1, FPS), corners, mesh, np.ones(frames, np.float32), cut, ratio)


def above_1_hz(path: npt.NDArray[np.float64]) -> float:
    """Return the RMS of what of a path (F, n) is faster than 1 Hz; its ends are joined oddly."""
    line = np.linspace(0, 1, len(path))[:, None]
    rest = path - path[0] - line * (path[-1] - path[0])
    both = np.concatenate([rest, -rest[-2:0:-1]])
    spectrum = np.fft.rfft(both, axis=0)
    spectrum[np.fft.rfftfreq(len(both), 1 / FPS) < 1.0] = 0
    return float(np.sqrt((np.fft.irfft(spectrum, len(both), axis=0) ** 2).mean()))


@pytest.mark.parametrize("seed", [1, 2])
def test_motion_of_a_shaking_turning_zooming_view_is_exact_to_a_fraction_of_a_pixel(seed: int) -> None:
    texture, path = scene(seed), shake(24, seed, 6.0)
    turn, zoom = np.radians(0.6) * shake(24, seed + 9, 1.0)[:, 0], 1 + 0.004 * shake(24, seed + 5, 1.0)[:, 0]
    matrices = [view_matrix(texture, path[t], turn[t], zoom[t]) for t in range(24)]
    steps = list(estimate_motion((warp_view(texture, m) for m in matrices), ASPECT))
    error_px = (np.array([step.corners for step in steps]) - corner_steps(matrices))[1:] * W / 2
    assert np.sqrt((error_px**2).sum(axis=2).mean()) < 0.15  # the figure


def test_a_foreground_over_a_third_of_the_frame_does_not_carry_the_camera_away() -> None:
    texture, other = scene(3), scene(4)
    path = shake(40, 3, 4.0)
    matrices = [view_matrix(texture, position, 0, 1) for position in path]
    views = []
    for t, matrix in enumerate(matrices):
        view = warp_view(texture, matrix)
        left = -200 + 16 * t  # crosses the frame, and covers a third of it on the way
        patch = seen_from(other, np.array([16.0 * t, 0.0]))
        view[:, max(0, left) : max(0, left + W // 3)] = patch[:, max(0, left) : max(0, left + W // 3)]
        views.append(view)
    steps = list(estimate_motion(views, ASPECT))
    error_px = (np.array([step.corners for step in steps]) - corner_steps(matrices))[1:] * W / 2
    assert np.sqrt((error_px**2).sum(axis=2).mean()) < 0.5  # the figure


def test_a_cut_is_found_and_a_flash_is_not_one() -> None:
    first, second = scene(5), scene(6)
    path = shake(30, 5, 3.0)
    views = [seen_from(first if t < 17 else second, path[t]) for t in range(30)]
    views[8] = np.full((H, W), 250, np.uint8)
    steps = list(estimate_motion(views, ASPECT))
    assert [t for t, step in enumerate(steps) if step.cut] == [0, 17]
    assert [t for t, step in enumerate(steps) if step.confidence == 0] == [8]
    over_the_flash = sum(step.corners for step in steps[8:10]) * W / 2
    np.testing.assert_allclose(over_the_flash, np.tile(path[9] - path[7], (4, 1)), atol=0.3)


@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.9])
def test_the_read_out_ratio_of_a_rolling_shutter_is_recovered(ratio: float) -> None:
    texture = scene(7)
    fine = shake(70 * 20, 7, 1.0)  # 20 samples a frame
    fine = np.stack([np.convolve(c, np.hanning(161), "same") for c in fine.T], axis=1)  # slower than 8 frames
    fine *= 8 / fine.std(axis=0)
    rows = (np.arange(H) + 0.5) / H - 0.5
    views = []
    for t in range(2, 66):
        at = np.clip(20 * (t + ratio * rows), 0, len(fine) - 1)
        x, y = (np.interp(at, np.arange(len(fine)), c) for c in fine.T)
        map_x = np.arange(W)[None] - W / 2 + texture.shape[1] / 2 - x[:, None]
        map_y = np.broadcast_to((np.arange(H) - H / 2 + texture.shape[0] / 2 - y)[:, None], (H, W))
        views.append(cv2.remap(texture, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_CUBIC))
    steps = list(estimate_motion(views, ASPECT))
    corners = np.array([step.corners for step in steps])
    cut = np.array([step.cut for step in steps])
    found = readout_ratio(corners, cut, np.array([step.confidence for step in steps]), ASPECT)
    assert found == pytest.approx(ratio, rel=0.2, abs=0.02)  # the speed between frames is known from frames only


def test_a_still_camera_is_left_alone_to_the_last_bit() -> None:
    noise = 1e-5 * np.random.default_rng(8).normal(size=(90, 4, 2))
    warps = smooth(motion_of(noise), Parameters())
    np.testing.assert_array_equal(warps.src_from_dst, np.tile(np.eye(3), (90, 1, 1)))
    assert warps.crop.max() == 0


def test_shake_goes_and_the_pan_stays() -> None:
    position = 0.01 * np.arange(240)[:, None] * [1, 0] + 0.004 * shake(240, 9, 1.0)
    corners = np.repeat(np.diff(position, axis=0, prepend=position[:1])[:, None], 4, axis=1)
    warps = smooth(motion_of(corners), Parameters())
    zoom = np.diag([1 / (1 - warps.crop[0])] * 2 + [1])
    stab_from_src = np.linalg.inv(warps.src_from_dst @ zoom)
    after = position + apply(stab_from_src, np.zeros((1, 2)))[:, 0]
    assert above_1_hz(after) < above_1_hz(position) / 10  # at 1 Hz itself a 65th stays, and the zoom is part of it
    pan = np.polyfit(np.arange(240), after[:, 0], 1)[0]
    assert pan == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize("model", ["translation", "similarity", "homography", "mesh"])
@pytest.mark.parametrize("max_crop", [0.02, 0.15, 0.4])
@pytest.mark.parametrize("ratio", [0.0, 0.8])
def test_no_border_ever_shows_and_the_budget_holds(model: str, max_crop: float, ratio: float) -> None:
    random = np.random.default_rng(10)
    corners = 0.03 * random.normal(size=(150, 1, 2)) + 0.004 * random.normal(size=(150, 4, 2))
    corners[0] = 0
    warps = smooth(motion_of(corners, ratio), Parameters(model=model, max_crop=max_crop))
    assert warps.crop.max() <= max_crop + 1e-9
    # what the output window of zoom 1 / (1 - crop) looks at lies inside the source, mesh included
    assert retained_share(warps.src_from_dst, ASPECT, warps.mesh).min() > 1 - 1e-6
    looked_at = apply(warps.src_from_dst, frame_corners(ASPECT))
    if warps.mesh is None:
        assert np.abs(looked_at / [1, ASPECT]).max() <= 1


def test_a_shot_is_solved_as_if_it_were_alone() -> None:
    random = np.random.default_rng(11)
    corners = 0.003 * random.normal(size=(80, 1, 2)).repeat(4, axis=1)
    corners[[0, 50]] = 0
    both = motion_of(corners)
    both.cut[50] = True
    alone = smooth(motion_of(corners[50:]), Parameters())
    np.testing.assert_allclose(smooth(both, Parameters()).src_from_dst[50:], alone.src_from_dst, atol=1e-9)


def make_clip(path: Path, views: Callable[[int], Image], count: int, pts: list[int] | None = None) -> Path:
    chroma = np.full((H // 4, W // 4), 128, np.uint8)
    pictures = [
        (cv2.resize(views(t), (W // 2, H // 2), interpolation=cv2.INTER_AREA), chroma, chroma) for t in range(count)
    ]
    return write_clip(path, ClipSpec(size=(H // 2, W // 2), codec="ffv1", count=count, pts=pts), pictures)


def test_a_shaky_file_comes_out_steady_with_its_own_times(tmp_path: Path) -> None:
    texture, path = scene(12), shake(60, 12, 5.0)
    pts = [3600 * t + (900 if t > 30 else 0) for t in range(60)]
    source = make_clip(tmp_path / "a.mkv", lambda t: seen_from(texture, path[t]), 60, pts)
    seen: list[str] = []
    output = tmp_path / "b.mkv"
    pipeline.stabilize(
        source, tmp_path / "b.mkv", Parameters(), on_progress=lambda stage, done, total: seen.append(stage)
    )
    before, after = list(read_frames(source)), list(read_frames(output))
    assert [frame.pts for frame in after] == [frame.pts for frame in before]
    shaken = []
    for clip in (before, after):
        corners = np.array([step.corners.ravel() for step in estimate_motion([f.planes[0] for f in clip], ASPECT)])
        shaken.append(above_1_hz(np.cumsum(corners, axis=0)))
    assert shaken[1] < shaken[0] / 5
    assert {"analyze", "render"} <= set(seen)


def test_a_steady_file_keeps_every_pixel(tmp_path: Path) -> None:
    still = seen_from(scene(13), np.zeros(2))
    source = make_clip(tmp_path / "a.mkv", lambda t: still, 12)
    pipeline.stabilize(source, tmp_path / "b.mkv", Parameters())
    for before, after in zip(read_frames(source), read_frames(tmp_path / "b.mkv"), strict=True):
        for plane, same in zip(before.planes, after.planes, strict=True):
            np.testing.assert_array_equal(plane, same)


def test_two_frames_are_too_few(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", lambda t: seen_from(scene(14), np.zeros(2)), 2)
    with pytest.raises(InputError, match="at least 3 frames, got 2"):
        pipeline.stabilize(source, tmp_path / "b.mkv", Parameters())
    assert not (tmp_path / "b.mkv").exists()
