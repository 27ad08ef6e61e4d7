"""What the motion network says of two frames, and what is tracked between them.

Nothing here needs torch; `guide` asks the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ..corners import apply, corners_from_homography
from ..track import View
from ..types import FloatArray, Tracks
from .fit import Fit

GUESSED = 0.3  # confidence of a frame that has nothing else


@dataclass(frozen=True)
class Guess:
    """What the network says of two frames.

    Attributes:
        cur_from_ref: (3, 3), normalised to the picture: x from -1 to 1 over the width, y from -aspect to aspect.
        background: (rows, cols) float32 in 0..1 over the earlier frame: it shows background that the later one shows.
        sure: 0..1, share of the picture that is background and agrees with the answer.
    """

    cur_from_ref: FloatArray
    background: npt.NDArray[np.float32]
    sure: float

    def background_at(self, points: FloatArray, aspect: float) -> npt.NDArray[np.float32]:
        """Return how far the points (N, 2), normalised, are background, (N,)."""
        if not len(points):
            return np.empty(0, np.float32)
        rows, cols = self.background.shape
        cells = np.asarray((points / [1, aspect] + 1) / 2 * [cols, rows] - 0.5, np.float32)[None]
        found = cv2.remap(self.background, cells, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
        return np.asarray(found[0], np.float32)


@dataclass(frozen=True)
class Seen:
    """Tracks between two pictures.

    Attributes:
        ref, cur: (N, 2) their ends, normalised.
        px: size of a pixel of the picture that was tracked in, normalised.
        sought: how many corners were looked for.
    """

    tracks: Tracks
    ref: FloatArray
    cur: FloatArray
    px: float
    sought: int

    def off_px(self, cur_from_ref: FloatArray) -> FloatArray:
        """Return how far each track is off a movement, (N,)."""
        return np.asarray(np.linalg.norm(apply(cur_from_ref, self.ref) - self.cur, axis=1) / self.px)


@dataclass(frozen=True)
class Tracked:
    """What was fitted to tracks.

    Attributes:
        corners: (4, 2) that the fit moves.
        support: share of the corners looked for that agree.
        spread: share of the picture's cells where one does.
    """

    seen: Seen
    fit: Fit
    corners: FloatArray
    support: float
    spread: float


class Guide(Protocol):
    """Who is asked where the tracks leave doubt."""

    def compare(self, ref: View, cur: View, aspect: float) -> Guess:
        """Say where the background of `ref` is in `cur`."""


class NetworkAtNeed:
    """The motion network, loaded with torch when it is first asked: a clip without doubt does not wait for it."""

    def __init__(self) -> None:
        self._guide: Guide | None = None

    def compare(self, ref: View, cur: View, aspect: float) -> Guess:
        """Say where the background of `ref` is in `cur`."""
        if self._guide is None:
            from ..models.torch_import import import_torch

            import_torch()
            from .guide import NetworkGuide

            self._guide = NetworkGuide()
        return self._guide.compare(ref, cur, aspect)


def guide_for(method: str) -> Guide | None:
    """Return who is asked with a `method`: nobody with klt."""
    return NetworkAtNeed() if method == "cnn" else None


def apart(found: Tracked | None, guess: Guess, aspect: float) -> float:
    """Return by how much a tracked motion is another than the network's, at a corner; without one, without end."""
    if found is None:
        return float("inf")
    return float(np.abs(found.corners - corners_from_homography(guess.cur_from_ref, aspect)).max())
