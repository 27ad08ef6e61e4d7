"""Whether intended movement survived: the slow movement of the stabilized clip against the original's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .shake import Path, above

SLOW_HZ = 0.25  # slower than what stabilizers take out by default (0.5 Hz) by an octave
MIN_PAN_SHARE = 0.05  # of the diagonal that the original must travel slowly; less is no pan
MIN_SHOT_S = 1.0


def pan_retention(
    before: Sequence[Path], after: Sequence[Path], fps: float, crop: float, diagonal_px: float
) -> tuple[float | None, str]:
    """Return the share of the slow movement that is left, and a note where there is no figure.

    Args:
        before, after: the shots of the original and of the stabilized clip, in the same pixels.
        crop: the cropping ratio: the stabilized picture is magnified by its inverse, and its movement too.
    """
    slow = [[], []]  # type: list[list[np.ndarray]]
    travelled = 0.0
    for first, second in zip(before, after, strict=True):
        if len(first.step) < MIN_SHOT_S * fps:
            continue
        paths = [np.cumsum(path.step[:, :2], axis=0) for path in (first, second)]
        parts = [path - above(path, fps, SLOW_HZ) for path in paths]
        travelled = max(travelled, float(np.linalg.norm(np.ptp(parts[0], axis=0))))
        for which in (0, 1):
            slow[which].append(np.diff(parts[which], axis=0))
    if not slow[0]:
        return None, f"no shot is longer than {MIN_SHOT_S:g} s"
    if travelled < MIN_PAN_SHARE * diagonal_px:
        return None, "the original does not pan"
    velocity = [np.concatenate(part) for part in slow]
    return crop * float((velocity[0] * velocity[1]).sum() / (velocity[0] ** 2).sum()), ""
