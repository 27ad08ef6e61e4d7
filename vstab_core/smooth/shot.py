"""The correction of one shot: from its measured motion to where each of its frames should lie.

The path lives in four-corner space: the running sum of how far the frame corners move. Smoothing eight numbers of one
rigid frame cannot make jello, which smoothing mesh vertices one by one does. The sum is exact only for small motions,
so the solve is repeated on the path that its own correction leaves (`_path_after`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..corners import (
    corners_from_homography,
    homography_from_corners,
    inverse,
    similarity_basis,
    similarity_from,
    similarity_part,
)
from ..params import Parameters
from ..shutter import undo_rolling_shutter
from ..types import CameraMotion, FloatArray
from .crop import mesh_at_corners, retained_share, side_rows, sides_of
from .solver import Bounds, PathProblem
from .weights import horizon_frames, of_order, shake_weights, smoothness_weights, usual_interval_s

PASSES = 2
MORE_PASSES = 3  # where turns and perspective, which the bounds count to first order, left the budget
BISECTIONS = 10
PRICE = 0.09  # of picture against smoothness: margin that only a few frames want is not spent
LOCK_PRICE = 1e-7  # a tripod is asked for at any price within the budget
STEADY = 5e-4  # largest correction, normalised (a sixth of a pixel at 640), of a shot that is left untouched
MAX_BEND = 0.01  # of the correction beyond a similarity, normalised corner displacement
MESH_SHARE = 0.5  # of the budget that a mesh may use up; the rest is for the camera path
TIGHT = 0.1  # of the budget is left, at most, where it may be what holds the path back
TINY = 1e-18  # so that a path without shake can be divided by
LOWER_ORDERS = (2, 1)  # of the derivative that is smoothed there in place of the third
MAX_LOCAL = 0.01  # of the mesh's correction, normalised: beyond it lies wobble


@dataclass(frozen=True)
class ShotSolution:
    """Where the frames of a shot go.

    Attributes:
        stab_from_src: (F, 3, 3) normalised.
        mesh: (F, rows, cols, 2) offsets in the source, see `FrameWarp`, or None.
    """

    stab_from_src: FloatArray
    mesh: FloatArray | None


def solve_shot(
    motion: CameraMotion, shot: slice, parameters: Parameters, skew: FloatArray | None = None
) -> ShotSolution | None:
    """Return the correction of one shot, or None where it should stay as it is.

    Args:
        motion: what was measured.
        shot: the frames.
        parameters: see `path.smooth`.
        skew: (F, 5, 5, 2), the mesh that undoes the rolling shutter, where the caller has taken it off the motion.
    """
    frames = shot.stop - shot.start
    if frames < 2 or parameters.strength == 0 or (parameters.smoothness == 0 and parameters.lock == "off"):
        return None
    if parameters.border == "crop" and parameters.max_crop == 0:
        return None
    corners, mesh = motion.corners[shot], None if skew is None else skew[shot]
    if parameters.rolling_shutter == "on" and motion.readout_ratio:
        corners, mesh = undo_within_budget(corners, motion, parameters)
    interval_s = usual_interval_s(motion)
    weights = smoothness_weights(parameters, interval_s)
    time = motion.time_s[shot] / interval_s
    channels = 2 if parameters.model == "translation" else 4
    problem = PathProblem(time, channels, weights)
    if parameters.model == "mesh":
        local = _local_correction(motion.mesh[shot], problem)
        mesh = local if mesh is None else mesh + local
    if parameters.lock == "off" and _is_steady(corners, motion.aspect, problem):
        return None
    steps = homography_from_corners(corners, motion.aspect)
    solution = _solve(steps, mesh, motion.aspect, problem, parameters)
    if parameters.lock == "off" and _is_tight(solution, motion.aspect, parameters):
        # Jerk counts shake by the sixth power of its frequency: short of room it keeps off the fast by a slow sway.
        horizon = horizon_frames(parameters, interval_s)
        lower = [PathProblem(time, channels, of_order(horizon, order)) for order in LOWER_ORDERS]
        solutions = [solution, *(_solve(steps, mesh, motion.aspect, other, parameters) for other in lower)]
        slow = PathProblem(time, 4, shake_weights(interval_s))
        shakes = [_shake(of, steps, motion.aspect, slow) for of in solutions]
        # Less of the shift must not be bought with more turning and zooming, nor the other way round.
        solution = solutions[int(np.argmin([(shake / shakes[0]).max() for shake in shakes]))]
    return _with_strength(solution, motion.aspect, parameters.strength)


def _is_tight(solution: ShotSolution, aspect: float, parameters: Parameters) -> bool:
    left = -_over_budget(solution, aspect, parameters)
    return parameters.border == "crop" and left < TIGHT * parameters.max_crop


def _shake(solution: ShotSolution, steps: FloatArray, aspect: float, slow: PathProblem) -> FloatArray:
    """Return the RMS of the shown path without what `slow` keeps of it, (2,): of its shift, and of all four numbers."""
    path = _path_after(solution.stab_from_src, steps, aspect) @ similarity_part(aspect).T
    fast = np.square(slow.free(path)).mean(axis=0)
    return np.sqrt(np.array([fast[:2].sum(), fast.sum()]) + TINY)


def _solve(
    steps: FloatArray, mesh: FloatArray | None, aspect: float, problem: PathProblem, parameters: Parameters
) -> ShotSolution:
    frames = len(steps)
    channels = problem.channels
    basis, to_similarity = similarity_basis(aspect)[:channels], similarity_part(aspect)
    sides = sides_of(basis, aspect)
    skew = np.zeros((frames, 8)) if mesh is None else mesh_at_corners(mesh).reshape(-1, 8)
    stab_from_src = np.tile(np.eye(3), (frames, 1, 1))
    correction = np.zeros((frames, 8))
    budget = parameters.max_crop
    for done in range(1, PASSES + MORE_PASSES + 1):
        path = _path_after(stab_from_src, steps, aspect) - correction
        rigid = path @ to_similarity.T
        bend = np.zeros((frames, 8))
        if parameters.model in ("homography", "mesh"):
            bend = _limited(problem.free(path - rigid @ similarity_basis(aspect)), MAX_BEND)
        if parameters.border == "crop":
            room = np.tile((skew - bend) @ side_rows(aspect).T, 2)
            price = (LOCK_PRICE if parameters.lock == "on" else PRICE) * frames
            offset = problem.bounded(rigid[:, :channels], Bounds(sides, room, budget, price))
        else:
            offset = problem.free(rigid[:, :channels])
        correction = offset @ basis + bend
        bent = homography_from_corners(bend.reshape(-1, 4, 2), aspect)
        stab_from_src = bent @ similarity_from(offset @ basis, aspect)
        if done >= PASSES:
            over = _over_budget(ShotSolution(stab_from_src, mesh), aspect, parameters)
            if over <= 0:
                break
            budget = max(budget / 2, budget - 1.1 * over)
    return _within_budget(ShotSolution(stab_from_src, mesh), aspect, parameters)


def _over_budget(solution: ShotSolution, aspect: float, parameters: Parameters) -> float:
    """Return by how much the exact crop exceeds the budget, which the solver counts to first order."""
    if parameters.border != "crop":
        return 0.0
    src_from_stab = inverse(solution.stab_from_src)
    return 1.0 - float(retained_share(src_from_stab, aspect, solution.mesh).min()) - parameters.max_crop


def _within_budget(solution: ShotSolution, aspect: float, parameters: Parameters) -> ShotSolution:
    """Return the solution, weakened where the passes did not bring it inside the budget: the budget is a promise."""
    enough, too_much = 0.0, 1.0
    if _over_budget(solution, aspect, parameters) <= 0:
        return solution
    for _ in range(BISECTIONS):
        strength = (enough + too_much) / 2
        if _over_budget(_with_strength(solution, aspect, strength), aspect, parameters) <= 0:
            enough = strength
        else:
            too_much = strength
    return _with_strength(solution, aspect, enough)


def undo_within_budget(
    corners: FloatArray, motion: CameraMotion, parameters: Parameters
) -> tuple[FloatArray, FloatArray]:
    """Undo the rolling shutter as far as its mesh leaves the camera path a share of the budget."""
    clean, mesh = undo_rolling_shutter(corners, motion.aspect, motion.readout_ratio)
    if parameters.border != "crop":
        return clean, mesh
    reach = float(np.abs(mesh / [1.0, motion.aspect]).max())
    share = min(1.0, MESH_SHARE * parameters.max_crop / max(reach, 1e-12))
    # The path and the mesh must be of the same read-out time, so a weaker correction is made anew.
    return (clean, mesh) if share == 1 else undo_rolling_shutter(corners, motion.aspect, share * motion.readout_ratio)


def _is_steady(corners: FloatArray, aspect: float, problem: PathProblem) -> bool:
    """Tell a shot whose correction could not be seen: resampling it would only cost sharpness."""
    path = np.cumsum(corners, axis=0).reshape(-1, 8) @ similarity_part(aspect).T
    return float(np.abs(problem.free(path) @ similarity_basis(aspect)).max()) < STEADY


def _local_correction(mesh: npt.NDArray[np.float32], problem: PathProblem) -> FloatArray:
    """Return the mesh offsets that smooth the local motion; backward, so minus the way the content should go."""
    path = np.cumsum(mesh.astype(np.float64), axis=0)
    wanted = _limited(problem.free(path.reshape(len(mesh), -1)), MAX_LOCAL)
    return np.asarray(-wanted.reshape(mesh.shape))


def _limited(values: FloatArray, limit: float) -> FloatArray:
    """Scale a whole shot's correction into its limit: cutting off single frames would make them jump."""
    return np.asarray(values * min(1.0, limit / max(1e-12, float(np.abs(values).max()))))


def _with_strength(solution: ShotSolution, aspect: float, strength: float) -> ShotSolution:
    if strength == 1:
        return solution
    corners = corners_from_homography(solution.stab_from_src, aspect) * strength
    mesh = None if solution.mesh is None else solution.mesh * strength
    return ShotSolution(homography_from_corners(corners, aspect), mesh)


def _path_after(stab_from_src: FloatArray, steps: FloatArray, aspect: float) -> FloatArray:
    """Return the corner path (F, 8) of the picture after the correction: exact, whatever the correction."""
    moved = stab_from_src[1:] @ steps[1:] @ inverse(stab_from_src[:-1])
    first = corners_from_homography(stab_from_src[:1], aspect)
    return np.cumsum(np.concatenate([first, corners_from_homography(moved, aspect)]), axis=0).reshape(-1, 8)
