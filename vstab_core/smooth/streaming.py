"""Smooth a camera path while it is still being measured: one pass, a bounded look ahead.

Each frame's correction minimises the energy of `solver` over the window from the last three frames, already shown and
so fixed, to the last one seen. While no bound is touched that is a linear filter, made once (`_window_gains`); else the
window is solved under the bounds, so the picture eases into the limit from as far as it can be seen coming.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile

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
from ..errors import UsageError
from ..models.path_kernel import AHEAD
from ..params import PARAMS, Parameters
from ..types import MESH_SHAPE, FloatArray, FrameWarp
from .bend import LiveBend
from .crop import magnify, mesh_at_corners, retained_share, side_rows, sides_of
from .learned import LearnedPath
from .shot import MAX_BEND, MAX_LOCAL
from .solver import Bounds, PathProblem, Smoothness, roughness_bands
from .weights import horizon_frames, smoothness_weights

# Frames ahead at which the network leaves clearly less shake above 1 Hz than the solver on measured paths, at max_crop
# 0.1 and 0.15: live 0.41 and 0.30 of the source's against 0.52 and 0.43; at 3 it is 0.38 and 0.28 against 0.37 and 0.29
# (`benchmarks/path_network.py`).
LEARNED_AHEAD = (0, 1, *range(4, AHEAD + 1))
PAST = 3  # frames that the third difference reaches back
FIRST_ORDER = 0.99  # of the budget for the solver, which counts a turn to first order only; the rest keeps corners in
TINY_PRICE = 1e-6  # streaming cannot save margin: the zoom is fixed before the first frame
# After the network: the solve that keeps its path in the budget smooths it over this many frames, times the square of
# those ahead, and over no more than AFTER_HORIZON times what the user asks for. Short of sight, more left more shake.
AFTER_NETWORK = 0.6
AFTER_HORIZON = 1.25
# The goal is taken to go on beyond what is seen: a window that ends there would leave the path swinging about it.
BEYOND = 16
SPEED_OVER = 6  # frames back over which the goal's speed is taken, beside those ahead
IN_SIGHT = 4.0  # look-aheads that make the cut-off's period: then the filter sees enough
BEND_SHARE = 0.25  # of the budget, at most, for the bend, and as much for the mesh: without room there is no path
NO_BOUND = 10.0
NO_MESH = np.zeros(MESH_SHAPE, np.float32)

Mesh = npt.NDArray[np.float32]


class StreamingPath:
    """Push the motion of each frame; get warps back `look_ahead` frames later.

    Args:
        aspect: display height / display width.
        interval_s: usual time between frames; streaming counts frames, it does not weigh their times.
        parameters: zoom static or none; `rolling_shutter` is not corrected here.

    Raises:
        UsageError: a parameter needs two passes.
    """

    def __init__(self, aspect: float, interval_s: float, parameters: Parameters) -> None:
        for name, value, instead in (
            ("zoom", parameters.zoom, "static or none"),
            ("border", parameters.border, "crop, black or mirror"),
        ):
            if value in ("dynamic", "fill"):
                raise UsageError(f"--{name} {value} needs two passes; in one pass use {instead}")
        self._aspect, self._parameters = aspect, parameters
        self._basis, self._part = similarity_basis(aspect), similarity_part(aspect)
        self._numbers = 2 if parameters.model == "translation" else 4  # that a correction may use
        self._sides = sides_of(self._basis, aspect)[:, : self._numbers]
        self._look_ahead = parameters.look_ahead
        self._budget = FIRST_ORDER * parameters.max_crop
        self._learned = self._learned_path(interval_s) if parameters.method == "cnn" else None
        self._weights = _weights_in_sight(parameters, interval_s, self._learned is not None)
        self._beyond = BEYOND if self._learned is not None and self._look_ahead > 0 else 0
        windows = range(self._beyond, self._beyond + self._look_ahead + 1)
        self._gains = [_window_gains(n, self._weights) for n in windows]
        self._problems = [_window_problem(n, self._numbers, self._weights) for n in windows]
        horizon = horizon_frames(parameters, interval_s)
        most = BEND_SHARE * parameters.max_crop * min(1.0, aspect) if parameters.border == "crop" else np.inf
        bent, local = parameters.model in ("homography", "mesh"), parameters.model == "mesh"
        self._bend = LiveBend(horizon, 8, min(MAX_BEND, most)) if bent else None
        self._local = LiveBend(horizon, NO_MESH.size, min(MAX_LOCAL, most)) if local else None
        # The solver goes on from what was shown; a network's path would swing about one that is corrected by half.
        solved = self._learned is None and parameters.method != "stabnet"
        self._strengths = (parameters.strength, 1.0) if solved else (1.0, parameters.strength)
        self._shown = 1.0 if parameters.zoom == "none" else 1.0 - parameters.max_crop
        self._waiting: deque[tuple[FloatArray, bool, Mesh]] = deque()  # as pushed, of frames not yet given out
        self._begin_shot()

    def _learned_path(self, interval_s: float) -> LearnedPath | None:
        """Return the network's path where it is better than the solver's; what it is worth: `docs/cnn.md`."""
        parameters = self._parameters
        if parameters.look_ahead not in LEARNED_AHEAD or parameters.lock == "on":
            return None
        budget = FIRST_ORDER * (parameters.max_crop if parameters.border == "crop" else PARAMS["max_crop"].maximum)
        return LearnedPath(self._sides, budget, horizon_frames(parameters, interval_s))

    def push(self, corners: FloatArray, cut: bool, mesh: Mesh = NO_MESH) -> list[FrameWarp]:
        """Take the next frame's motion, rows of `CameraMotion`; return the warps that are decided."""
        self._waiting.append((corners, cut, mesh))
        return [self._next()] if len(self._waiting) > self._look_ahead else []

    def flush(self) -> list[FrameWarp]:
        """Return the warps of the frames still waiting, at the end of the clip."""
        return [self._next() for _ in range(len(self._waiting))]

    def _begin_shot(self) -> None:
        self._similarity = np.eye(3)  # stabilized from source, of the last frame given out, before its bend
        self._correction = np.eye(3)  # and with it
        self._smooth = np.zeros((PAST, 4))  # the path of the last frames given out
        self._offset = np.zeros(4)  # correction of the last one, as coefficients
        for bend in self._bends():
            bend.begin_shot()
        if self._learned is not None:
            self._learned.begin_shot()
            self._goals: deque[FloatArray] = deque(maxlen=SPEED_OVER + 1)  # of the last frames given out

    def show_instead(self, correction: FloatArray) -> FrameWarp:
        """Take another correction (4,) for the frame given out last, as far as the budget allows; return its warp."""
        self._smooth[-1] += correction - self._offset
        self._offset = correction
        self._correct()
        if self._parameters.border == "crop" and self._parameters.zoom != "none":
            self._fit_exactly()
            self._smooth[-1] += self._offset - correction
        return self._warp()

    def coefficients(self, correction: FloatArray) -> FloatArray:
        """Return a correction (3, 3) as coefficients (4,) in the basis of similarities; 0 for those not to be used."""
        offset = np.array(self._part @ corners_from_homography(correction, self._aspect).reshape(8))
        offset[self._numbers :] = 0
        return offset

    @property
    def offset(self) -> FloatArray:
        """Correction of the frame given out last, at full strength, as coefficients (4,)."""
        return self._offset

    @property
    def src_from_steady(self) -> FloatArray:
        """Where the frame given out last comes from at full strength and without zoom, (3, 3)."""
        return inverse(self._bent(self._rigid(1.0), 1.0))

    def held(self, corners: FloatArray) -> FloatArray:
        """Return the correction (4,) that holds the picture where the frame given out last has it.

        Args:
            corners: the motion (4, 2) since that frame.
        """
        return self.coefficients(self._rigid(1.0) @ inverse(homography_from_corners(corners, self._aspect)))

    def _next(self) -> FrameWarp:
        corners, cut, mesh = self._waiting.popleft()
        if cut:
            self._begin_shot()
            corners, mesh = np.zeros((4, 2)), NO_MESH
        ahead = list(takewhile(lambda step: not step[1], self._waiting))
        path, bent = self._path_ahead([corners, *(step[0] for step in ahead)])
        taken = np.zeros((len(path), 8)) if self._bend is None else self._bend.next(bent)
        if self._local is not None:
            local = self._local.next(np.array([mesh, *(step[2] for step in ahead)], np.float64).reshape(len(path), -1))
            taken = taken + mesh_at_corners(local.reshape(-1, *NO_MESH.shape)).reshape(-1, 8)
        self._offset = self._solve(path, self._goal(path), taken)[0] * self._strengths[0]
        self._correct()
        if self._parameters.border == "crop" and self._parameters.zoom != "none":
            self._fit_exactly()
        self._smooth = np.concatenate([self._smooth[1:], (path[0] + self._offset)[None]])
        return self._warp()

    def _warp(self) -> FrameWarp:
        src_from_dst = inverse(self._correction) @ magnify(np.array([self._shown]))[0]
        return FrameWarp(src_from_dst / src_from_dst[2, 2], self._aspect, self._mesh())

    def _mesh(self) -> Mesh | None:
        """Return the mesh of the frame given out last: backward, so minus the way the content goes."""
        if self._local is None:
            return None
        return (-self._parameters.strength * self._local.now.reshape(NO_MESH.shape)).astype(np.float32)

    def _bends(self) -> list[LiveBend]:
        return [bend for bend in (self._bend, self._local) if bend is not None]

    def _correct(self) -> None:
        self._similarity = self._rigid(self._strengths[1])
        self._correction = self._bent(self._similarity, self._parameters.strength)

    def _rigid(self, strength: float) -> FloatArray:
        return np.asarray(similarity_from(strength * self._offset[None] @ self._basis, self._aspect)[0])

    def _bent(self, similarity: FloatArray, strength: float) -> FloatArray:
        if self._bend is None:
            return similarity
        return homography_from_corners(strength * self._bend.now.reshape(4, 2), self._aspect) @ similarity

    def _path_ahead(self, corners: list[FloatArray]) -> tuple[FloatArray, FloatArray]:
        """Return how a frame and those ahead in its shot moved, as seen after the correction.

        Args:
            corners: (4, 2) of each, as measured.

        Returns:
            The path (n, 4) of similarities; and how else the corners move from frame to frame, (n, 8).
        """
        source_steps = homography_from_corners(np.array(corners), self._aspect)
        seen = self._similarity @ source_steps @ inverse(self._similarity)
        moved = corners_from_homography(seen, self._aspect).reshape(-1, 8)
        rigid = moved @ self._part.T
        path = self._smooth[-1] - self._offset + np.cumsum(rigid, axis=0)
        return np.asarray(path), np.asarray(moved - rigid @ self._basis)

    def _solve(self, path: FloatArray, goal: FloatArray, bends: FloatArray) -> FloatArray:
        """Return the corrections (n, 4) of this frame and those ahead: smooth, near the goal, in the budget.

        Args:
            path: (n, 4), as measured.
            goal: (n or more, 4), of which what lies beyond the path is without bounds.
            bends: (n, 8) corner displacements that take of the budget, too.
        """
        count, used = len(path), slice(self._numbers)
        smooth, goal, path = self._smooth[:, used], goal[:, used], path[:, used]
        wanted = (self._gains[count - 1] @ np.concatenate([smooth, goal]))[:count] - path
        taken = np.tile(bends @ side_rows(self._aspect).T, 2)
        if self._parameters.border == "crop" and (wanted @ self._sides.T + taken).max() > self._budget:
            room = np.full((len(goal), len(self._sides)), NO_BOUND)
            room[:count] = (path - goal[:count]) @ self._sides.T - taken
            bounds = Bounds(self._sides, room, self._budget, TINY_PRICE)
            moved = self._problems[count - 1].bounded(goal, bounds, smooth)[:count]
            wanted = moved + goal[:count] - path
        return np.pad(wanted, ((0, 0), (0, 4 - self._numbers)))

    def _goal(self, path: FloatArray) -> FloatArray:
        """Return what the solved path keeps to: the path as measured, or as the network makes it and has it go on."""
        if self._learned is None:
            return path
        goal = path.copy()
        moved = path - (self._smooth[-1] - self._offset)
        goal[:, : self._learned.numbers] += self._learned.next(moved[:, : self._learned.numbers])
        self._goals.append(goal[0])
        speed = (goal[-1] - self._goals[0]) / max(1, len(goal) + len(self._goals) - 2)
        return np.concatenate([goal, goal[-1] + np.arange(1, self._beyond + 1)[:, None] * speed])

    def _fit_exactly(self) -> None:
        # The budget above is first order in the angle; the picture's edge is not.
        for _ in range(8):
            src_from_stab, mesh = inverse(self._correction), self._mesh()
            each = None if mesh is None else mesh[None].astype(np.float64)
            short = self._shown - float(retained_share(src_from_stab[None], self._aspect, each)[0])
            if short <= 0:
                return
            self._weaken(1 - max(0.01, 2 * short))
        self._weaken(0.0)

    def _weaken(self, share: float) -> None:
        self._offset = share * self._offset
        for bend in self._bends():
            bend.now = share * bend.now
        self._correct()


def _window_problem(ahead: int, numbers: int, weights: Smoothness) -> PathProblem:
    """Return the problem of a frame and those `ahead`, after the last frames shown."""
    return PathProblem(np.arange(PAST + ahead + 1, dtype=np.float64), numbers, weights, PAST)


def _window_gains(ahead: int, weights: Smoothness) -> FloatArray:
    """Return (ahead + 1, PAST + ahead + 1): the smooth path ahead from the last smooth frames and the measured path."""
    count = PAST + ahead + 1
    bands = roughness_bands(np.arange(count, dtype=np.float64), (weights.speed, weights.acceleration, weights.jerk))
    dense = np.diag(bands[0])
    for n in range(1, len(bands)):
        dense += np.diag(bands[n][: count - n], -n) + np.diag(bands[n][: count - n], n)
    free = dense[PAST:, PAST:] + weights.anchor * np.eye(ahead + 1)
    measured = np.concatenate([-dense[PAST:, :PAST], weights.anchor * np.eye(ahead + 1)], axis=1)
    return np.asarray(np.linalg.solve(free, measured))


def _weights_in_sight(parameters: Parameters, interval_s: float, learned: bool) -> Smoothness:
    """Return the weights: of acceleration, which gives way to speed where the look-ahead is short.

    At the window's end a jerk filter goes on along a parabola and swings, an acceleration filter along a line; a speed
    filter only lags. All are made for the same cut-off, and a quarter of its period is enough for acceleration alone.
    After the network, whose path is to be followed and not smoothed anew, there is no speed either.
    """
    full = smoothness_weights(parameters, interval_s)
    if learned:
        width = min(AFTER_NETWORK * parameters.look_ahead**2, AFTER_HORIZON * horizon_frames(parameters, interval_s))
        return Smoothness(full.anchor, 0.0, width**4, 0.0)
    if parameters.lock == "on":
        return full
    horizon = horizon_frames(parameters, interval_s)
    in_sight = min(1.0, (IN_SIGHT * parameters.look_ahead / max(1e-9, 2 * np.pi * horizon)) ** 2)
    return Smoothness(full.anchor, (1 - in_sight) * horizon**2, (in_sight * horizon) ** 4, 0.0)
