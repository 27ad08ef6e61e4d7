"""What the motion network takes for background, and where it says the picture went."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ...corners import apply, frame_corners, inverse
from ...decode import luma_of
from ...motion.guided import Guess, NetworkAtNeed
from ...track import View, open_view
from ...types import Frame, VideoInfo
from ..canvas import Image
from .drawer import RED, stroke
from .mask import TINT

GREEN = (60, 220, 60)
FRAME = 0.92  # of the picture: its outline, moved on by the network's answer, is drawn


class Confidence:
    """Tints what is not background, and draws a frame that moves on by one step of the camera.

    The network is asked in every frame, also where the tracker would not ask it.
    """

    def __init__(self, info: VideoInfo) -> None:
        self._aspect = info.aspect
        self._guide = NetworkAtNeed()
        self._last: View | None = None
        self._guess: Guess | None = None

    def see(self, frame: Frame) -> None:
        """Take the next frame."""
        view = open_view(luma_of(frame))
        self._guess = None if self._last is None else self._guide.compare(view, self._last, self._aspect)
        self._last = view

    def draw(self, image: Image) -> Image:
        """Return the frame with what the network says of it and the frame before; the first frame as it is."""
        if self._guess is None:
            return image
        size = image.shape[1], image.shape[0]
        background: Any = cv2.resize(self._guess.background, size, interpolation=cv2.INTER_LINEAR)
        drawn = image + (np.array(RED, np.float32) - image) * (TINT * (1 - background))[..., None]
        image[...] = np.round(drawn)
        still = FRAME * frame_corners(self._aspect)
        # The answer leads to the frame before; the outline stands there as the camera saw it then.
        before = apply(inverse(self._guess.cur_from_ref), still)
        for corners, color in ((still, (255, 255, 255)), (before, GREEN)):
            px = (corners / [1, self._aspect] + 1) / 2 * size
            cv2.polylines(image, [np.round(px).astype(np.int32)], True, color, stroke(image), cv2.LINE_AA)
        return image

    @property
    def caption(self) -> str:
        """A line that says what the colours mean."""
        sure = "" if self._guess is None else f", sure {self._guess.sure:.2f}"
        return f"red = not background to the network, green frame = the white one of the frame before{sure}"
