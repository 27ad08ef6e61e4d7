"""Measured motion of either kind in, the warp of every frame out."""

from __future__ import annotations

from ..errors import UsageError
from ..params import Parameters
from ..types import CameraMotion, RotationMotion, WarpTrack
from . import hyperlapse, path, view


def smooth(motion: CameraMotion | RotationMotion, parameters: Parameters) -> WarpTrack:
    """Return the warps: of an ordinary clip under the crop budget, of a 360 clip without one.

    Raises:
        UsageError: the method is one that decides the warps while it reads the clip.
    """
    if parameters.method == "stabnet" and isinstance(motion, CameraMotion):
        raise UsageError(
            "--method stabnet decides the warps while it reads the clip, so that no other can be had of a sidecar; run "
            "`vstab analyze` again with these parameters, or with another method"
        )
    if parameters.hyperlapse > 1:
        return hyperlapse.smooth(motion, parameters)
    return view.smooth(motion, parameters) if isinstance(motion, RotationMotion) else path.smooth(motion, parameters)


def doubts_of_path(motion: CameraMotion | RotationMotion, parameters: Parameters) -> list[str]:
    """Return sentences about what the parameters ask for and the clip does not allow."""
    return view.doubts(motion, parameters) if isinstance(motion, RotationMotion) else []
