"""What the tracker sees of scene-linear light."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

DARK = 2.0**-7  # light below this is mostly noise: one stop of it takes less and less of the range
BRIGHT_STOPS = 6  # above 1: highlights of a plate; brighter ones are white


def tone_of_linear(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return scene-linear light, (h, w) float32, as logarithmic codes, (h, w) uint8: 0 is 0, 0.18 is 90, 64 is 255.

    As the light itself, a face in the shade of a bright sky would be five codes. What is no number is black.
    """
    light = np.nan_to_num(plane, nan=0.0, posinf=2.0**BRIGHT_STOPS, neginf=0.0).clip(0, 2.0**BRIGHT_STOPS)
    codes = cv2.log(light + np.float32(DARK)) / np.log(2) - np.log2(DARK)
    return np.asarray(cv2.convertScaleAbs(codes, alpha=255 / (BRIGHT_STOPS - np.log2(DARK))), np.uint8)
