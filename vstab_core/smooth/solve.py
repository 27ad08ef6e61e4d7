"""Measured motion of either kind in, the warp of every frame out."""

from __future__ import annotations

from ..params import Parameters
from ..types import CameraMotion, RotationMotion, WarpTrack
from . import hyperlapse, path, view


def smooth(motion: CameraMotion | RotationMotion, parameters: Parameters) -> WarpTrack:
    """Return the warps: of an ordinary clip under the crop budget, of a 360 clip without one."""
    if parameters.hyperlapse > 1:
        return hyperlapse.smooth(motion, parameters)
    return view.smooth(motion, parameters) if isinstance(motion, RotationMotion) else path.smooth(motion, parameters)


def doubts_of_path(motion: CameraMotion | RotationMotion, parameters: Parameters) -> list[str]:
    """Return sentences about what the parameters ask for and the clip does not allow."""
    return view.doubts(motion, parameters) if isinstance(motion, RotationMotion) else []
