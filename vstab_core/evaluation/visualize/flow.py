"""Dense optical flow from the frame before, in colours."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ...decode import luma_of
from ...types import Frame, VideoInfo
from .. import canvas
from ..canvas import Image
from .wheel import disc, flow_image

LONG_SIDE_PX = 320  # TV-L1 takes half a second a frame at this size, and four times that at twice the size
FULL_SHARE = 0.015  # of the longer side: what handheld clips move between frames, but for the worst
LEGEND_SHARE = 0.09  # radius of the wheel, of the shorter side


class Flow:
    """Draws the movement since the frame before by TV-L1 (Zach, Pock and Bischof 2007), to one scale for the clip.

    Args:
        info: the clip.
        full_px: movement a frame, in pixels of the clip, that is shown in full colour; a share of its size if None.
        legend: whether the colour wheel is drawn in a corner.
    """

    def __init__(self, info: VideoInfo, full_px: float | None = None, *, legend: bool = True) -> None:
        self.full_px = full_px or FULL_SHARE * max(info.width, info.height)
        self._width = info.width
        self._legend = legend
        self._solver: Any = cv2.optflow.DualTVL1OpticalFlow_create()  # type: ignore[attr-defined]
        self._pictures: list[Any] = []

    def see(self, frame: Frame) -> None:
        """Take the next frame."""
        self._pictures = [*self._pictures[-1:], luma_of(frame, LONG_SIDE_PX)]

    def field(self) -> npt.NDArray[np.float32]:
        """Return how the content of the frame last seen has come there, (h, w, 2) of the proxy, pixels of the clip.

        Zero in the first frame.
        """
        now = self._pictures[-1]
        if len(self._pictures) < 2:
            return np.zeros((*now.shape, 2), np.float32)
        # From this frame back to the one before: so that the flow lies on the picture that is shown.
        back = self._solver.calc(now, self._pictures[0], None)
        return np.asarray(-back * (self._width / now.shape[1]), np.float32)

    def draw(self, image: Image) -> Image:
        """Return the flow as a picture of the frame's size."""
        height, width = image.shape[:2]
        field = cv2.resize(self.field(), (width, height), interpolation=cv2.INTER_LINEAR)
        image[...] = flow_image(field, self.full_px)
        if self._legend:
            self._draw_legend(image)
        return image

    def _draw_legend(self, image: Image) -> None:
        height, width = image.shape[:2]
        radius = max(6, round(LEGEND_SHARE * min(height, width)))
        if 2 * radius + 8 > min(height, width):
            return
        colors, inside = disc(radius)
        margin = round(canvas.text_height_px(height, width) * 0.6)
        rows = slice(height - margin - len(colors), height - margin)
        columns = slice(width - margin - len(colors), width - margin)
        image[rows, columns][inside] = colors[inside]
        centre = columns.start + radius, rows.start + radius
        cv2.circle(image, centre, radius, (0, 0, 0), 1, cv2.LINE_AA)

    @property
    def caption(self) -> str:
        """A line that says what the colours mean."""
        return f"flow: white = still, full colour = {self.full_px:.3g} px a frame, darker = more"
