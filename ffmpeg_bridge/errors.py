"""What can go wrong with ffmpeg itself; vstab's own errors are in `vstab_core.errors`."""

from __future__ import annotations

from vstab_core.errors import VstabError


class FfmpegError(VstabError):
    """The program ffmpeg, or what is needed of it, is missing, or it failed; the message ends with its last lines."""

    code = "ffmpeg"
