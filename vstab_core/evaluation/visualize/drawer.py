"""What every kind of drawing has in common."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...decode import luma_of
from ...motion.fit import Fit
from ...motion.homography import MotionEstimator
from ...types import Frame, Tracks
from .. import canvas
from ..canvas import Image

FINE = 4  # bits of cv2's fractional coordinates
GREEN, YELLOW, RED, GRAY = (90, 220, 60), (40, 220, 250), (60, 60, 250), (150, 150, 150)  # blue, green, red
_RAMP = np.array([RED, YELLOW, GREEN], np.float64)


class Drawer(Protocol):
    """Sees every frame of a clip in order, and draws on those that are asked for."""

    def see(self, frame: Frame) -> None:
        """Take the next frame."""

    def draw(self, image: Image) -> Image:
        """Return the frame last seen, drawn on; `image` may be written to."""

    @property
    def caption(self) -> str:
        """A line that says what the colours mean."""


class Watched:
    """The product's own motion estimator at work on a clip.

    Attributes:
        match: the tracks that lead to the frame last seen, in pixels of the proxy, and the homography fitted to them;
            None in the first frame, after a cut, and where the frame could not be followed.
        size: (height, width) of the proxy.
    """

    def __init__(self, aspect: float) -> None:
        self.match: tuple[Tracks, Fit] | None = None
        self.size = (1, 1)
        self._estimator = MotionEstimator(aspect, on_match=self._on_match)

    def see(self, frame: Frame) -> tuple[Tracks, Fit] | None:
        """Take the next frame and return `match`."""
        self.match = None
        picture = luma_of(frame)
        self.size = picture.shape[0], picture.shape[1]
        self._estimator.push(picture)
        return self.match

    def _on_match(self, tracks: Tracks, fit: Fit) -> None:
        self.match = tracks, fit


def on_image(points: npt.NDArray[Any], proxy: tuple[int, int], image: Image) -> npt.NDArray[np.int32]:
    """Return (N, 2) points of a proxy, centres at halves, as cv2 draws them on an image with FINE bits."""
    scale = np.array([image.shape[1] / proxy[1], image.shape[0] / proxy[0]])
    return np.asarray(np.round((points * scale - 0.5) * (1 << FINE)), np.int32)


def color_of(share: float) -> tuple[int, int, int]:
    """Return red for 0, yellow for a half, green for 1."""
    at = min(max(share, 0.0), 1.0) * 2
    low = min(int(at), 1)
    blue, green, red = np.round(_RAMP[low] + (at - low) * (_RAMP[low + 1] - _RAMP[low])).astype(int).tolist()
    return blue, green, red


def stroke(image: Image) -> int:
    """Return how thick a line is drawn, in pixels: seen where the whole picture is seen at once."""
    long_side: int = max(image.shape[0], image.shape[1])
    return max(1, round(long_side / 800))


def write_caption(image: Image, words: str) -> None:
    """Write a line at the bottom left of an image."""
    height_px = canvas.text_height_px(*image.shape[:2]) * 0.85
    text = canvas.draw_text(words, height_px, image.shape[1] * 0.9)
    margin = round(height_px * 0.6)
    canvas.write_on_image(image, text, margin, image.shape[0] - text.letters.shape[0] - margin)
