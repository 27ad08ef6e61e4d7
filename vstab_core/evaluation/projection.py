"""Tell a 360 clip (equirectangular) from an ordinary one, as `vstab stabilize` does.

Known limit: stereo and half spheres are judged as the flat pictures that they are, too.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageError
from ..spherical import decide, looks_round
from ..spherical_metadata import read_spherical
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
    metadata = read_spherical(clip.source) if isinstance(clip.source, Path) else None

    def is_round(stereo: str) -> bool:
        pictures = clip.pictures(lambda _: None)
        first = next(pictures, None)
        getattr(pictures, "close", lambda: None)()
        return stereo == "mono" and first is not None and looks_round(first.luma)

    decision = decide(clip.name, clip.width, clip.height, metadata, is_round)
    return (decision.projection, decision.stereo) == ("equirect", "mono")
