"""Tell a 360 clip (equirectangular) from an ordinary one by its first picture."""

from __future__ import annotations

from ..errors import UsageError
from ..spherical import is_two_to_one, looks_round
from .clip import Clip
from .types import Projection

CHOICES = ("auto", "rectilinear", "equirect")


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
    if not is_two_to_one(clip.width, clip.height):
        return False
    pictures = clip.pictures(lambda _: None)
    first = next(pictures, None)
    getattr(pictures, "close", lambda: None)()
    return first is not None and looks_round(first.luma)
