"""How a frame of a 360 clip is laid out: one eye or two, and the whole sphere or half of it.

The two pictures of a stereo frame are warped alike, for both eyes are on one camera. A half sphere (VR180) is warped as
the middle of a whole one whose other half is black. Cube maps are made equirectangular when they are read
(`cubemap.py`), so they do not come up here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .params import Parameters
from .types import Plane, VideoInfo

ALIKE = 0.7  # correlation of the two eyes' pictures; of halves of one picture 0.3 and less on our stills


@dataclass(frozen=True)
class Layout:
    """Where the pictures stand in a frame.

    Attributes:
        stereo: "mono", "top-bottom" (the left eye on top) or "left-right".
        half: whether each picture is the front half of the sphere, 180 degrees wide.
    """

    stereo: str = "mono"
    half: bool = False

    def eyes(self, plane: Plane) -> tuple[Plane, ...]:
        """Return views of the pictures in a plane, the left eye's first."""
        height, width = plane.shape[:2]
        if self.stereo == "top-bottom":
            return plane[: height // 2], plane[height // 2 :]
        if self.stereo == "left-right":
            return plane[:, : width // 2], plane[:, width // 2 :]
        return (plane,)

    def whole(self, plane: Plane, outside: float | Sequence[float] = 0) -> Plane:
        """Return the whole sphere that an eye's picture belongs to; a copy where that is more than the picture."""
        if not self.half:
            return plane
        height, width = plane.shape[:2]
        sphere = np.empty((height, 2 * width, *plane.shape[2:]), plane.dtype)
        sphere[...] = outside
        self.part(sphere)[...] = plane
        return sphere

    def part(self, sphere: Plane) -> Plane:
        """Return a view of what `whole` was made of."""
        quarter = sphere.shape[1] // 4
        return sphere[:, quarter : sphere.shape[1] - quarter] if self.half else sphere

    def check(self, info: VideoInfo, chroma: tuple[int, int]) -> None:
        """Refuse frames that cannot be parted evenly.

        Args:
            info: the clip.
            chroma: luma samples (vertically, horizontally) of one chroma sample.

        Raises:
            InputError: the size does not allow it.
        """
        rows, columns = chroma
        if self.stereo == "top-bottom" and info.height % (2 * rows):
            raise InputError(
                f"top-bottom stereo needs a height that is a multiple of {2 * rows}, '{info.path}' has {info.height}; "
                "crop it first (ffmpeg -vf crop), or give --stereo mono if it holds one picture"
            )
        parts = (2 if self.stereo == "left-right" else 1) * (2 if self.half else 1) * columns
        if (self.stereo == "left-right" or self.half) and info.width % parts:
            raise InputError(
                f"this layout ({self.stereo}{', half a sphere' if self.half else ''}) needs a width that is a multiple "
                f"of {parts}, '{info.path}' has {info.width}; crop it first (ffmpeg -vf crop), or give another "
                "--stereo or --projection"
            )


def layout_of(parameters: Parameters) -> Layout:
    """Return the layout that decided parameters say; one eye where they are not decided."""
    return Layout("mono" if parameters.stereo == "auto" else parameters.stereo, parameters.projection == "vr180")


def usual_stereo(width: int, height: int, half: bool) -> str:
    """Return the stereo layout that a frame's shape speaks for, each eye's picture being 2:1 (half a sphere: 1:1)."""
    if half:
        width *= 2
    if abs(width - height) <= 0.01 * width:
        return "top-bottom"
    return "left-right" if abs(width - 4 * height) <= 0.01 * width else "mono"


def eyes_alike(luma: npt.NDArray[np.uint8], stereo: str) -> bool:
    """Return whether the two halves of a picture (H, W) show one scene, as two eyes do."""
    left, right = (eye.astype(np.float64).ravel() for eye in Layout(stereo).eyes(luma))
    count = min(len(left), len(right))
    if count == 0:
        return False
    left, right = left[:count] - left[:count].mean(), right[:count] - right[:count].mean()
    scale = np.sqrt((left**2).sum() * (right**2).sum())
    return bool(scale > 0 and (left * right).sum() > ALIKE * scale)
