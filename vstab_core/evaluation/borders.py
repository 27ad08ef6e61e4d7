"""Black that touches the edge of the stabilized frame and stands for nothing in the original."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from .clip import Luma
from .moment import Moment
from .registration import Fit
from .types import Reading
from .warped import stabilized_from_original, warp_original

SLACK = 2  # codes a lossy encoder may add to black
SEEN_SHARE = 1e-4


class Borders:
    """Counts black pixels at the rim, frame by frame, at full size."""

    def __init__(self) -> None:
        self._worst, self._frames = 0.0, 0

    def add(self, moment: Moment) -> None:
        """Look at the rim of a frame."""
        share = _share(moment)
        self._frames += share > SEEN_SHARE
        self._worst = max(self._worst, share)

    def readings(self) -> dict[str, Reading]:
        """Return the worst share and the number of frames."""
        return {
            "border_percent_max": Reading(None, 100 * self._worst),
            "border_frames": Reading(None, float(self._frames)),
        }


def _share(moment: Moment) -> float:
    stabilized = moment.stabilized.luma
    limit = moment.stabilized.black + SLACK
    if min(int(side.min()) for side in (stabilized[0], stabilized[-1], stabilized[:, 0], stabilized[:, -1])) > limit:
        return 0.0
    black = _touching(stabilized <= limit)
    if not black.any():
        return 0.0
    return float((black & (_dark_in_original(moment, moment.fit, stabilized.shape) == 0)).mean())


def _dark_in_original(moment: Moment, fit: Fit | None, shape: tuple[int, int]) -> Luma:
    """Return where the original holds black itself; outside it there is nothing, so 0."""
    original = moment.original
    dark = (original.luma <= original.black + 3 * SLACK).astype(np.uint8)
    dark = cv2.dilate(dark, np.ones((5, 5), np.uint8)).astype(np.uint8)
    if fit is not None and fit.sound:
        return warp_original(dark, stabilized_from_original(moment, fit), shape, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
    return cv2.resize(dark, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def _touching(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    return np.isin(labels, rim[rim > 0])
