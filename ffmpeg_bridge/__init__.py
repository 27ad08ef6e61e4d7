"""Use vstab inside ffmpeg: a step for graphs made with ffmpeg-python, and whole files. `docs/ffmpeg.md` says how."""

from .errors import FfmpegError
from .escape import frei0r_filter
from .files import stabilize_file
from .graph import stabilize
from .process import run

__all__ = ["FfmpegError", "frei0r_filter", "run", "stabilize", "stabilize_file"]
