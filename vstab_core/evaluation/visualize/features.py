"""ORB keypoints: where they are, how large, and which way they point."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ...decode import luma_of
from ...types import Frame
from ..canvas import Image
from .drawer import FINE, on_image, stroke

FEATURES = 300
PATCH_SHARE = 1 / 3  # of a keypoint's patch that the circle shows: whole ones would hide each other
LONG_SIDE_PX = 960  # ORB's smallest patch is 31 px wide: at this size it covers what a person would call a corner
# blue, green, red, from the finest level of ORB's pyramid to the coarsest
_COLORS = [(255, 200, 60), (200, 230, 60), (90, 220, 60), (40, 220, 160), (40, 220, 250), (40, 160, 255),
           (60, 90, 255), (160, 60, 250)]  # fmt: skip


class Features:
    """Draws each keypoint as a circle after its size with a line in its direction, coloured by its scale."""

    def __init__(self) -> None:
        self._orb = cv2.ORB.create(FEATURES, nlevels=len(_COLORS))
        self._picture: Any = None

    def see(self, frame: Frame) -> None:
        """Take the next frame."""
        self._picture = luma_of(frame, LONG_SIDE_PX)

    def keypoints(self) -> list[cv2.KeyPoint]:
        """Return the keypoints of the frame last seen, in OpenCV's pixels of its proxy."""
        return sorted(self._orb.detect(self._picture, None), key=lambda point: -point.size)

    def draw(self, image: Image) -> Image:
        """Return the frame with its keypoints."""
        scale = image.shape[1] / self._picture.shape[1]
        for point in self.keypoints():
            centre = on_image(np.array([point.pt]) + 0.5, self._picture.shape, image)[0]
            radius = PATCH_SHARE * point.size / 2 * scale * (1 << FINE)
            angle = np.radians(point.angle)
            end = np.round(centre + radius * np.array([np.cos(angle), np.sin(angle)])).astype(int)
            color, thick = _COLORS[point.octave], stroke(image)
            cv2.circle(image, centre.tolist(), round(radius), color, thick, cv2.LINE_AA, FINE)
            cv2.line(image, centre.tolist(), end.tolist(), color, thick, cv2.LINE_AA, FINE)
        return image

    @property
    def caption(self) -> str:
        """A line that says what the colours mean."""
        return "ORB keypoints: circle = scale, line = direction; blue = fine .. pink = coarse"
