"""Luma proxies in, frame-to-frame camera motion out, with shot cuts found and weak frames bridged.

A frame that cannot be tracked from the last good one is held back until the next frames tell what it was:
  * a later frame tracks from the last good one: the held frames were weak (a flash, a blur); the motion over the gap is
    spread evenly over them;
  * a later frame tracks from the last held one instead, and the picture has changed: a shot cut;
  * neither, for more than `MAX_HELD` frames: the motion is lost; the frames stand still with confidence 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..corners import corners_from_homography
from ..track import Luma, View, follow, open_view, refill
from ..types import MESH_SHAPE, FloatArray, Tracks
from .fit import Fit, fit_homography
from .local import LocalFit
from .similar import same_picture
from .speed import robust_mean

MIN_INLIERS = 8
MIN_SUPPORT = 0.15  # of the corners looked for; across a cut 1 to 6 % still agree by accident
FULL_SUPPORT = 0.5  # support that counts as confidence 1
MAX_SHIFT = 0.7  # of a corner in one frame, half widths: LK cannot have seen more
MAX_HELD = 10  # frames, a third of a second: a bridge over more is a guess
MEMORY = 0.85  # share of a track's past in its background score: a third of a second at 30 frames a second

MatchFn = Callable[[Tracks, Fit], None]


@dataclass(frozen=True)
class MotionStep:
    """Motion from the frame before to this one; the fields are rows of `CameraMotion`."""

    corners: FloatArray
    mesh: npt.NDArray[np.float32]
    confidence: float
    cut: bool
    speed: float = 0.0


@dataclass(frozen=True)
class _Match:
    corners: FloatArray
    mesh: npt.NDArray[np.float32]
    confidence: float
    speed: float


class MotionEstimator:
    """Push luma proxies one by one; each call returns the steps that are decided by now, in order.

    Args:
        aspect: display height / display width of the clip.
        live: decide at once. A weak frame then stands still, and a cut is known one frame late.
        on_match: for looking on: called within `push`, once at most, with the tracks that lead to the frame, their
            background as it is from now on, and what was fitted to them.
    """

    def __init__(self, aspect: float, *, live: bool = False, on_match: MatchFn | None = None) -> None:
        self._aspect = aspect
        self._on_match = on_match
        self._live = live
        self._ref: View | None = None
        self._held: list[View] = []
        self._local = LocalFit(aspect)

    def push(self, image: Luma) -> list[MotionStep]:
        """Take the next frame; return the steps of zero, one or several frames."""
        cur = open_view(image)
        if self._ref is None:
            self._accept(cur)
            return [_still(confidence=1.0, cut=True)]
        match = self._match(self._ref, cur)
        if match is not None:
            waiting = 0 if self._live else len(self._held)
            share = 1.0 / (waiting + 1)
            steps = [MotionStep(match.corners * share, _no_mesh(), 0.0, False)] * waiting
            self._accept(cur)
            return [*steps, MotionStep(match.corners * share, match.mesh, match.confidence, False, match.speed * share)]
        if self._held and not same_picture(self._ref.image, self._held[-1].image):
            match = self._match(self._held[-1], cur)
            if match is not None:
                self._accept(cur, keep_held=True)
                step = MotionStep(match.corners, match.mesh, match.confidence, False, match.speed)
                if self._live:
                    return [_still(match.confidence, cut=True)]
                lost = [_still(0.0)] * (len(self._held) - 1)
                self._held = []
                return [*lost, _still(match.confidence, cut=True), step]
        refill(cur)
        self._held.append(cur)
        lost_count = 1 if self._live else 0
        if len(self._held) > MAX_HELD:
            lost_count = lost_count or len(self._held)
            self._ref, self._held = cur, []
        return [_still(0.0)] * lost_count

    def flush(self) -> list[MotionStep]:
        """Return the steps of the frames still held back at the end of the clip."""
        waiting = 0 if self._live else len(self._held)
        self._held = []
        return [_still(0.0)] * waiting

    def _accept(self, cur: View, *, keep_held: bool = False) -> None:
        refill(cur)
        self._ref = cur
        if not keep_held or self._live:
            self._held = []

    def _match(self, ref: View, cur: View) -> _Match | None:
        """Track `ref` into `cur`, coarsely if it must be; on success `cur` carries the tracks on."""
        return self._match_at(ref, cur, coarse=False) or self._match_at(ref, cur, coarse=True)

    def _match_at(self, ref: View, cur: View, *, coarse: bool) -> _Match | None:
        tracks, good = follow(ref, cur, coarse=coarse)
        height, width = cur.image.shape
        px = (4.0 if coarse else 2.0) / width
        a, b = self._normalised(tracks.ref_px, height, width), self._normalised(tracks.cur_px, height, width)
        fit = fit_homography(a, b, tracks.background, px)
        if fit is None:
            return None
        inliers = int((fit.weight > 0.25).sum())
        support = inliers / max(1, len(good))
        corners = corners_from_homography(fit.cur_from_ref, self._aspect)
        if inliers < MIN_INLIERS or support < MIN_SUPPORT or not np.abs(corners).max() < MAX_SHIFT:
            return None
        _carry(tracks, fit, cur)
        if self._on_match is not None:
            self._on_match(replace(tracks, background=cur.background), fit)
        mesh = self._local.fit(a, b, fit, px)
        return _Match(corners, mesh, min(1.0, support / FULL_SUPPORT), robust_mean(fit.residual_px) * px)

    def _normalised(self, points_px: npt.NDArray[np.float32], height: int, width: int) -> FloatArray:
        scale = np.array([2.0 / width, 2.0 * self._aspect / height])
        return np.asarray(points_px * scale - [1.0, self._aspect])


def estimate_motion(images: Iterable[Luma], aspect: float) -> Iterator[MotionStep]:
    """Yield the motion step of every frame of a clip, in order."""
    estimator = MotionEstimator(aspect)
    for image in images:
        yield from estimator.push(image)
    yield from estimator.flush()


def _carry(tracks: Tracks, fit: Fit, cur: View) -> None:
    cur.points = np.ascontiguousarray(tracks.cur_px - np.float32(0.5))
    agrees = 1.0 / (1.0 + (fit.residual_px / 1.5) ** 2)
    cur.background = (MEMORY * tracks.background + (1 - MEMORY) * agrees).astype(np.float32)


def _still(confidence: float, cut: bool = False) -> MotionStep:
    return MotionStep(np.zeros((4, 2)), _no_mesh(), confidence, cut)


def _no_mesh() -> npt.NDArray[np.float32]:
    return np.zeros(MESH_SHAPE, np.float32)
