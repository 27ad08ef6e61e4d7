"""CameraMotion in, WarpTrack out: smooth the camera path of each shot under the crop budget.

The path lives in four-corner space: the running sum of how far the frame corners move. Smoothing eight numbers of one
rigid frame cannot make jello, which smoothing mesh vertices one by one does. The sum is exact only for small motions,
so the solve is repeated on the path that its own correction leaves (`_path_after`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..corners import corners_from_homography, homography_from_corners, similarity_basis, similarity_part
from ..params import Parameters
from ..shutter import undo_rolling_shutter
from ..types import CameraMotion, FloatArray, WarpTrack
from .crop import mesh_at_corners, retained_share, steady_zoom
from .solver import Bounds, PathProblem, Smoothness

HORIZON_S = 2.0  # at smoothness 1
CUTOFF_PERIODS = 2.0  # the path keeps motion slower than this many horizons; at smoothness 0.5: 0.5 Hz
PASSES = 2
PRICE = 0.09  # of picture against smoothness: margin that only a few frames want is not spent
STEADY = 5e-4  # largest correction, normalised (a sixth of a pixel at 640), of a shot that is left untouched
MAX_BEND = 0.01  # of the correction beyond a similarity, normalised corner displacement
DYNAMIC_ZOOM_S = 1.5  # window over which a dynamic zoom moves


@dataclass(frozen=True)
class _Shot:
    """The solution of one shot: stabilized from source, and how far the mesh may reach."""

    stab_from_src: FloatArray
    mesh: FloatArray | None


def smooth(motion: CameraMotion, parameters: Parameters) -> WarpTrack:
    """Return the warp of every frame.

    Args:
        motion: what `analyze` measured.
        parameters: of which model, smoothness, strength, lock, max_crop, zoom, border and rolling_shutter matter here.
    """
    frames = len(motion)
    src_from_dst = np.tile(np.eye(3), (frames, 1, 1))
    mesh = None
    crop = np.zeros(frames)
    starts = np.flatnonzero(motion.cut)
    for first, last in zip(starts, [*starts[1:], frames], strict=True):
        shot = slice(int(first), int(last))
        solution = _solve_shot(motion, shot, parameters)
        if solution is None:
            continue
        src_from_stab = np.asarray(np.linalg.inv(solution.stab_from_src), np.float64)
        shown = _shown_share(src_from_stab, solution.mesh, motion, parameters)
        src_from_dst[shot] = src_from_stab @ magnify(shown)
        crop[shot] = 1.0 - shown
        if solution.mesh is not None:
            if mesh is None:
                mesh = np.zeros((frames, *solution.mesh.shape[1:]), np.float32)
            mesh[shot] = solution.mesh
    src_from_dst /= src_from_dst[:, 2:, 2:]
    return WarpTrack(motion.width, motion.height, motion.aspect, motion.pts, motion.time_base, src_from_dst, mesh, crop)


def usual_interval_s(motion: CameraMotion) -> float:
    """Return the median time between frames, in seconds."""
    return float(np.median(np.diff(motion.time_s))) if len(motion) > 1 else 1.0


def smoothness_weights(parameters: Parameters, interval_s: float) -> Smoothness:
    """Translate the user's smoothness and lock into weights, for time in units of the usual frame interval.

    With only jerk weighted, the path keeps 1 / (1 + (f / f_c)^6) of a motion of frequency f.
    """
    if parameters.lock == "on":
        return Smoothness(anchor=1e-8, speed=1.0, acceleration=0.0, jerk=100.0)
    cutoff_frames = CUTOFF_PERIODS * HORIZON_S * parameters.smoothness / interval_s
    return Smoothness(anchor=1.0, speed=0.0, acceleration=0.0, jerk=(cutoff_frames / (2 * np.pi)) ** 6)


def _solve_shot(motion: CameraMotion, shot: slice, parameters: Parameters) -> _Shot | None:
    """Return the correction of one shot, or None where it should stay as it is."""
    frames = shot.stop - shot.start
    if frames < 2 or parameters.strength == 0 or (parameters.smoothness == 0 and parameters.lock == "off"):
        return None
    aspect = motion.aspect
    corners, mesh = motion.corners[shot], None
    if parameters.rolling_shutter == "on" and motion.readout_ratio:
        corners, mesh = undo_rolling_shutter(corners, aspect, motion.readout_ratio)
    steps = homography_from_corners(corners, aspect)
    interval_s = usual_interval_s(motion)
    time = motion.time_s[shot] / interval_s
    weights = smoothness_weights(parameters, interval_s)
    problem = PathProblem(time, 4, weights)
    similarity, to_similarity = similarity_basis(aspect), similarity_part(aspect)
    sides = sides_of(similarity, aspect)
    skew = np.zeros((frames, 8)) if mesh is None else mesh_at_corners(mesh).reshape(-1, 8)

    stab_from_src = np.tile(np.eye(3), (frames, 1, 1))
    correction = np.zeros((frames, 8))
    for _ in range(PASSES):
        path = _path_after(stab_from_src, steps, aspect) - correction
        rigid = path @ to_similarity.T
        bend = np.zeros((frames, 8))
        if parameters.model in ("homography", "mesh"):
            bend = problem.free(path - rigid @ similarity)
            bend *= min(1.0, MAX_BEND / max(1e-12, float(np.abs(bend).max())))
        wanted = problem.free(rigid)
        if parameters.model == "translation":
            wanted[:, 2:] = 0
        if parameters.lock == "off" and float(np.abs(wanted @ similarity).max()) < STEADY:
            return None
        if parameters.border == "crop":
            room = np.tile((skew - bend) @ _side_rows(aspect).T, 2)
            price = PRICE * frames
            wanted = problem.bounded(rigid, Bounds(sides, room, parameters.max_crop, price))
        rigid_part = similarity_from(wanted, aspect)
        correction = wanted @ similarity + bend
        stab_from_src = homography_from_corners(bend.reshape(-1, 4, 2), aspect) @ rigid_part
    if parameters.strength < 1:
        correction = correction * parameters.strength
        stab_from_src = homography_from_corners(correction.reshape(-1, 4, 2), aspect)
        mesh = None if mesh is None else mesh * parameters.strength
    return _Shot(stab_from_src, mesh)


def _path_after(stab_from_src: FloatArray, steps: FloatArray, aspect: float) -> FloatArray:
    """Return the corner path (F, 8) of the picture after the correction: exact, whatever the correction."""
    moved = stab_from_src[1:] @ steps[1:] @ np.linalg.inv(stab_from_src[:-1])
    first = corners_from_homography(stab_from_src[:1], aspect)
    return np.cumsum(np.concatenate([first, corners_from_homography(moved, aspect)]), axis=0).reshape(-1, 8)


def similarity_from(coefficients: FloatArray, aspect: float) -> FloatArray:
    """Return the similarities (F, 3, 3) whose coefficients (F, 4) in `similarity_basis` are given."""
    diagonal = np.sqrt(1 + aspect**2)
    shift = coefficients[:, :2] / 2.0  # each basis row has norm 1 over four corners
    grow, turn = (coefficients[:, 2:] / (2.0 * diagonal)).T
    result = np.tile(np.eye(3), (len(coefficients), 1, 1))
    scale = np.exp(grow)
    result[:, 0, 0] = result[:, 1, 1] = scale * np.cos(turn)
    result[:, 1, 0] = scale * np.sin(turn)
    result[:, 0, 1] = -result[:, 1, 0]
    result[:, :2, 2] = shift
    return result


def _side_rows(aspect: float) -> FloatArray:
    """Return (8, 8): rows whose product with a corner displacement is how far each corner leaves its two sides open."""
    signs = np.sign([[-1, -1], [1, -1], [1, 1], [-1, 1]]).reshape(8)
    return np.diag(-signs / np.tile([1.0, aspect], 4))


def sides_of(basis: FloatArray, aspect: float) -> FloatArray:
    """Return G (8, 4): the share of the picture that each corner's sides need, from the coefficients of `basis`."""
    rows = _side_rows(aspect) @ basis.T
    # Magnifying would make room at every side at once, and lose as much picture: it counts as loss, not as room.
    shrinking = rows * [1.0, 1.0, -1.0, 1.0]
    return np.asarray(np.concatenate([rows, shrinking]))


def magnify(shown: FloatArray) -> FloatArray:
    """Return the zooms (F, 3, 3), stabilized from output, that show these shares (F,) of the picture."""
    result = np.zeros((len(shown), 3, 3))
    result[:, 0, 0] = result[:, 1, 1] = shown
    result[:, 2, 2] = 1
    return result


def _shown_share(
    src_from_stab: FloatArray, mesh: FloatArray | None, motion: CameraMotion, parameters: Parameters
) -> FloatArray:
    """Return (F,): the share of the picture's width and height that is shown."""
    frames = len(src_from_stab)
    if parameters.zoom == "none":
        return np.ones(frames)
    allowed = retained_share(src_from_stab, motion.aspect, mesh)
    if parameters.border != "crop":
        allowed = np.maximum(allowed, 1 - parameters.max_crop)
    if parameters.zoom == "static":
        return np.full(frames, allowed.min())
    window = round(DYNAMIC_ZOOM_S / usual_interval_s(motion))
    return steady_zoom(allowed, window)
