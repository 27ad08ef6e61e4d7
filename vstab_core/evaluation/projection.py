"""Tell a 360 clip (equirectangular) from an ordinary one by its first picture."""

from __future__ import annotations

import numpy as np

from ..errors import UsageError
from .clip import Clip, Luma
from .types import Projection

CHOICES = ("auto", "rectilinear", "equirect")
ASPECT_SLACK = 0.01
SEAM_RATIO = 3.0  # the step across the seam, in steps between neighbouring columns; pictures have 10 and more


def projection_of(wanted: str, original: Clip, stabilized: Clip) -> Projection:
    """Return what both clips are taken for: 360 only if both look like it.

    Raises:
        UsageError: the word is not among the choices.
    """
    if wanted not in CHOICES:
        raise UsageError(f"projection must be one of {', '.join(CHOICES)}, got {wanted!r}")
    if wanted == "rectilinear":
        return "rectilinear"
    if wanted == "equirect" or all(_clip_looks_round(clip) for clip in (original, stabilized)):
        return "equirect"
    return "rectilinear"


def _clip_looks_round(clip: Clip) -> bool:
    if abs(clip.width - 2 * clip.height) > ASPECT_SLACK * clip.width:
        return False
    pictures = clip.pictures(lambda _: None)
    first = next(pictures, None)
    getattr(pictures, "close", lambda: None)()
    return first is not None and looks_round(first.luma)


def looks_round(luma: Luma) -> bool:
    """Tell whether the left and the right edge of a 2:1 picture continue each other."""
    columns = luma.astype(np.float32)
    neighbours = np.abs(np.diff(columns, axis=1)).mean()
    return bool(np.abs(columns[:, 0] - columns[:, -1]).mean() < SEAM_RATIO * neighbours + 1)
