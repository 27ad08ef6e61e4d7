"""The warps of a sidecar laid over a stream whose frames are known by their times only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from ..cubemap import INPUTS
from ..errors import SidecarError, UsageError
from ..params import Parameters
from ..sidecar import Sidecar
from ..types import Frame, VideoInfo, WarpTrack

ON_TIME = 0.25  # of a frame: what time bases round away is less, a frame of another time is more


class Replay:
    """The warps of a sidecar, in ticks of a stream.

    Times count as they come if the first frame's is one of the sidecar's; else from the first frame, as ffmpeg shifts a
    clip that does not begin at 0.

    Attributes:
        warps: in the stream's ticks, shifted to its first frame.
        warnings: what is odd about it, a sentence each.

    Raises:
        SidecarError: it holds no warps, or is of another picture size.
        UsageError: it is of a cube map, which is converted only from file to file.
    """

    def __init__(self, sidecar: Sidecar, name: str, info: VideoInfo, first_pts: int, parameters: Parameters) -> None:
        if sidecar.warps is None:
            raise SidecarError(f"'{name}' {sidecar.no_warps}")
        if parameters.projection in INPUTS:
            raise UsageError(f"'{name}' is of a clip in cube faces, which a pipe does not convert; use `vstab render`")
        _check(sidecar.warps, name, info)
        pts = np.array([round(int(tick) * sidecar.warps.time_base / info.time_base) for tick in sidecar.warps.pts])
        self._close = ON_TIME * (float(np.median(np.diff(pts))) if len(pts) > 1 else 1.0)
        self.warnings: list[str] = []
        shift = 0
        if np.abs(pts - first_pts).min() > self._close:
            shift = first_pts - int(pts[0])
            self.warnings.append(
                f"the stream begins at {float(first_pts * info.time_base):.3f} s, which is no frame of '{name}'; it is "
                f"taken to begin where the clip begins ({float(pts[0] * info.time_base):.3f} s)"
            )
        self.warps = replace(sidecar.warps, pts=(pts + shift).astype(np.int64), time_base=info.time_base)
        self.strangers = 0

    def counted(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield the frames, and count in `strangers` those at whose time the sidecar has no warp."""
        for frame in frames:
            self.strangers += int(np.abs(self.warps.pts - frame.pts).min() > self._close)
            yield frame


def _check(warps: WarpTrack, name: str, info: VideoInfo) -> None:
    if (warps.width, warps.height) != (info.width, info.height):
        raise SidecarError(
            f"'{name}' was made for {warps.width}x{warps.height}, the stream is {info.width}x{info.height}; run "
            "`vstab analyze` on the clip that is piped, or pipe it at its own size"
        )
    if not math.isclose(warps.aspect, info.aspect, rel_tol=1e-6):
        raise SidecarError(
            f"'{name}' was made for height / width {warps.aspect:.6g}, the stream is shown at {info.aspect:.6g}"
        )
