"""Tell a 360 clip from an ordinary one: by what its file says, else by its shape and edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .layout import usual_stereo
from .spherical_metadata import SphericalMetadata

ASPECT_SLACK = 0.01
SEAM_RATIO = 3.0  # step across the seam, in steps between neighbouring columns; ordinary pictures have 10 and more


@dataclass(frozen=True)
class Decision:
    """What a clip was taken for.

    Attributes:
        projection: a value of the parameter `projection`, other than auto.
        reason: what says so, in words.
        stereo: of a 360 clip: "mono", "top-bottom" or "left-right", where the picture can be cut that way.
        warnings: where file and picture contradict each other, a sentence each.
    """

    projection: str
    reason: str
    stereo: str = "mono"
    warnings: list[str] = field(default_factory=list)


def is_two_to_one(width: int, height: int) -> bool:
    """Return whether a picture has the shape of a whole equirectangular sphere."""
    return abs(width - 2 * height) <= ASPECT_SLACK * width


def looks_round(luma: npt.NDArray[np.uint8]) -> bool:
    """Return whether the left and the right edge of a picture (H, W) continue each other."""
    columns = luma.astype(np.float32)
    neighbours = np.abs(np.diff(columns, axis=1)).mean()
    return bool(np.abs(columns[:, 0] - columns[:, -1]).mean() < SEAM_RATIO * neighbours + 1)


def decide(
    name: str, width: int, height: int, metadata: SphericalMetadata | None, is_round: Callable[[str], bool]
) -> Decision:
    """Decide what a clip is: the file's word counts first, then the picture.

    Args:
        name: of the clip, for the warnings.
        width, height: of a frame, pixels.
        metadata: what the file says, or None.
        is_round: tells of a stereo layout whether each eye's left and right edge continue each other, and both eyes see
            one scene; only asked where that matters.
    """
    if metadata is None or metadata.projection == "rectilinear":
        return _by_picture(name, width, height, is_round, metadata)
    if metadata.half_sphere:
        return Decision("vr180", metadata.source, "mono" if metadata.stereo == "custom" else metadata.stereo)
    if metadata.projection == "cubemap":
        return Decision("cubemap", metadata.source, "mono" if metadata.stereo == "custom" else metadata.stereo)
    if not metadata.whole_sphere:
        what = "only a part of the sphere" if metadata.projection == "equirectangular" else metadata.projection
        return Decision("rectilinear", metadata.source, warnings=[
            f"'{name}' says that its projection is {what} ({metadata.source}), which vstab cannot stabilize as such: "
            "it is taken for an ordinary picture, and the result does not say so any more; convert it to a whole "
            "equirectangular sphere first, or give --projection equirect if it is one"])  # fmt: skip
    uneven = _uneven(width, height, metadata.stereo)
    layout = "mono" if uneven or metadata.stereo == "custom" else metadata.stereo
    doubt = _doubt(width, height, layout)
    if uneven:
        doubt = f"{width}x{height} cannot be cut into two equal eyes ({metadata.stereo})"
    if doubt is None:
        return Decision("equirect", metadata.source, layout)
    says = f"'{name}' says that it is a 360 clip ({metadata.source}), but {doubt}"
    if is_round("mono"):
        return Decision("equirect", metadata.source, layout, [
            f"{says}: taken for a whole sphere{' of one eye' * uneven}, as its left and right edge fit; give "
            "--projection rectilinear if it is an ordinary clip"])  # fmt: skip
    return Decision("rectilinear", "shape and edges of the picture", warnings=[
        f"{says} and its left and right edge do not fit: taken for an ordinary clip; give --projection equirect if it "
        "is a 360 clip"])  # fmt: skip


def _by_picture(
    name: str, width: int, height: int, is_round: Callable[[str], bool], metadata: SphericalMetadata | None
) -> Decision:
    """Decide for a file that says nothing, or that its picture is an ordinary one."""
    reason = "shape and edges of the picture" if metadata is None else metadata.source
    stereo = usual_stereo(width, height, half=False)
    if stereo != "mono" and is_round(stereo):
        return Decision("equirect", reason, stereo)
    if not is_two_to_one(width, height):
        return Decision("rectilinear", reason)
    if is_round("mono"):
        return Decision("equirect", reason)
    if metadata is not None:
        return Decision("rectilinear", reason)
    return Decision("rectilinear", reason, warnings=[
        f"'{name}' has the 2:1 shape of a 360 clip, but its left and right edge do not continue each other: taken for "
        "an ordinary clip; give --projection equirect or vr180 if it is one of these"])  # fmt: skip


def _doubt(width: int, height: int, layout: str) -> str | None:
    """Return what of a picture's size contradicts its being a whole sphere, or None.

    An eye of a stereo picture is 2:1, or squeezed so that the whole picture is.
    """
    eye = (width // (1 + (layout == "left-right")), height // (1 + (layout == "top-bottom")))
    if is_two_to_one(*eye) or is_two_to_one(width, height):
        return None
    return f"{'the picture' if layout == 'mono' else 'an eye'} of {eye[0]}x{eye[1]} is not 2:1"


def _uneven(width: int, height: int, layout: str) -> bool:
    return (layout == "top-bottom" and height % 2 == 1) or (layout == "left-right" and width % 2 == 1)
