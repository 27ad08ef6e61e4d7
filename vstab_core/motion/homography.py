"""Luma proxies in, frame-to-frame camera motion out, with shot cuts found and weak frames bridged.

A frame that cannot be tracked from the last good one is held back until the next frames tell what it was:
  * a later frame tracks from the last good one: the held frames were weak (a flash, a blur); the motion over the gap is
    spread evenly over them;
  * a later frame tracks from the last held one instead, and the picture has changed: a shot cut;
  * neither, for more than `MAX_HELD` frames: the motion is lost; the frames stand still with confidence 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..track import Luma, View, open_view, refill
from ..types import MESH_SHAPE, FloatArray
from .guided import Guide
from .match import Matcher, MatchFn
from .similar import same_picture

MAX_HELD = 10  # frames, a third of a second: a bridge over more is a guess


@dataclass(frozen=True)
class MotionStep:
    """Motion from the frame before to this one; the fields are rows of `CameraMotion`."""

    corners: FloatArray
    mesh: npt.NDArray[np.float32]
    confidence: float
    cut: bool
    speed: float = 0.0


class MotionEstimator:
    """Push luma proxies one by one; each call returns the steps that are decided by now, in order.

    Args:
        aspect: display height / display width of the clip.
        live: decide at once. A weak frame then stands still, and a cut is known one frame late.
        on_match: for looking on: called within `push`, once at most, with the tracks that lead to the frame, their
            background as it is from now on, and what was fitted to them.
        guide: the motion network, asked where the tracks leave doubt.
    """

    def __init__(
        self, aspect: float, *, live: bool = False, on_match: MatchFn | None = None, guide: Guide | None = None
    ) -> None:
        self._matcher = Matcher(aspect, guide, on_match)
        self._live = live
        self._ref: View | None = None
        self._held: list[View] = []

    def push(self, image: Luma) -> list[MotionStep]:
        """Take the next frame; return the steps of zero, one or several frames."""
        cur = open_view(image)
        if self._ref is None:
            self._accept(cur)
            return [_still(confidence=1.0, cut=True)]
        match = self._matcher.match(self._ref, cur)
        if match is not None:
            waiting = 0 if self._live else len(self._held)
            share = 1.0 / (waiting + 1)
            steps = [MotionStep(match.corners * share, _no_mesh(), 0.0, False)] * waiting
            self._accept(cur)
            return [*steps, MotionStep(match.corners * share, match.mesh, match.confidence, False, match.speed * share)]
        if self._held and not same_picture(self._ref.image, self._held[-1].image):
            match = self._matcher.match(self._held[-1], cur)
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


def estimate_motion(images: Iterable[Luma], aspect: float, guide: Guide | None = None) -> Iterator[MotionStep]:
    """Yield the motion step of every frame of a clip, in order; see `MotionEstimator`."""
    estimator = MotionEstimator(aspect, guide=guide)
    for image in images:
        yield from estimator.push(image)
    yield from estimator.flush()


def _still(confidence: float, cut: bool = False) -> MotionStep:
    return MotionStep(np.zeros((4, 2)), _no_mesh(), confidence, cut)


def _no_mesh() -> npt.NDArray[np.float32]:
    return np.zeros(MESH_SHAPE, np.float32)
