"""A lossless file of a clip's stabilized video alone, for graphs that cannot hold our step."""

from __future__ import annotations

import logging
from pathlib import Path

from vstab_core.encode import VideoWriter
from vstab_core.errors import SidecarError
from vstab_core.params import Parameters
from vstab_core.render import render_frames
from vstab_core.result import ProgressFn, tell
from vstab_core.sidecar import read_sidecar
from vstab_core.source import open_source
from vstab_core.types import CameraMotion, EncodeOptions

logger = logging.getLogger(__name__)


def render_video(clip: Path, sidecar: Path, output: Path, on_progress: ProgressFn | None = None) -> float:
    """Render a clip with the warps of its sidecar, without sound, and return the time of its first frame in seconds.

    The output is FFV1 in NUT: every pixel format, and every time exactly (Matroska rounds to 1 ms), but no colour tags.
    """
    stored = read_sidecar(sidecar)
    if stored.warps is None:
        raise SidecarError(f"'{sidecar}' holds no warps; run `vstab smooth` on it")
    source = open_source(clip, stored.parameters or Parameters())
    motion = stored.motion if isinstance(stored.motion, CameraMotion) else None
    size = (source.info.height, source.info.width)
    first_s = 0.0
    options = EncodeOptions(codec="ffv1")
    with VideoWriter(output, source.info, options, overwrite=True, size=size, copy_streams=False) as writer:
        frames = render_frames(
            source.frames(logger.warning), stored.warps, motion, source.parameters, writer.new_frame, source.light
        )
        for done, frame in enumerate(frames, 1):
            first_s = frame.time_s if done == 1 else first_s
            writer.write(frame)
            tell(on_progress, "render", done, len(stored.warps))
    return first_s
