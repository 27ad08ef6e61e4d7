"""One step for a graph of ffmpeg-python: a stream in, the stabilized stream out."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from vstab_core.decode import probe
from vstab_core.errors import UsageError
from vstab_core.formats import bit_depth
from vstab_core.params import Parameters, parameters_from
from vstab_core.result import ProgressFn
from vstab_core.sidecar import read_sidecar
from vstab_core.types import VideoInfo

from .analysis import sidecar_for
from .colour import colour_of
from .errors import FfmpegError
from .escape import frei0r_parameter
from .inputs import Input, input_of
from .intermediate import render_video
from .process import announce_plugin, find_ffmpeg, find_plugin, has_filter

Form = Literal["auto", "frei0r", "file"]

PLUGIN_DEPTH = 8  # bits: all that frei0r has
PLUGIN_CANNOT = ("vr180", "cubemap", "eac")  # projections
LINE = 64  # px: ffmpeg pads lines to a multiple of it, and then forgets the time of what it hands to frei0r


def stabilize(
    stream: Any,
    source: Path | str | None = None,
    sidecar: Path | str | None = None,
    *,
    form: Form = "auto",
    folder: Path | str | None = None,
    cmd: str = "ffmpeg",
    on_progress: ProgressFn | None = None,
    **parameters: object,
) -> Any:
    """Return a stream that shows the clip stabilized; audio and the rest of the graph stay as they are.

    The clip is measured now, unless its sidecar is there (`clip.vstab` beside it); the pictures are made when the graph
    runs (form "frei0r"), or now (form "file").

    Args:
        stream: of ffmpeg-python, `ffmpeg.input('in.mp4').video`. Stabilize first, then cut, scale, overlay.
        source: the clip that the stream comes from; None: the file of the stream's only input.
        sidecar: where the analysis is, or goes; None: beside the clip.
        form: "frei0r" (our filter in the graph, 8 bits), "file" (a lossless file made by our own renderer, any depth),
            or "auto": frei0r where ffmpeg has it and nothing is lost by it.
        folder: where the file goes, and stays; None: a temporary folder, removed when the program ends.
        cmd: the program ffmpeg that the graph will run with.
        on_progress: called with (stage, frames done, frames in all or 0).
        parameters: those of docs/parameters.md, with underscores.

    Raises:
        UsageError: a parameter is unknown (the nearest are named) or out of its range, or the stream does not fit.
        FfmpegError: ffmpeg is missing, or cannot do the form that was asked for.
    """
    parameters_from(parameters)  # before anything slow
    if form not in ("auto", "frei0r", "file"):
        raise UsageError(f"form must be one of auto, frei0r, file; got {form!r}")
    ffmpeg = _ffmpeg_python()
    program = find_ffmpeg(cmd)
    taken = input_of(stream)
    clip = Path(source) if source is not None else taken.path
    info = probe(clip)
    if form == "frei0r":
        _require_plugin(program)
    path = sidecar_for(clip, None if sidecar is None else Path(sidecar), parameters, on_progress)
    made_with = read_sidecar(path).parameters or Parameters()
    reason = _why_not_plugin(program, info, made_with)
    if form == "frei0r" and made_with.projection in PLUGIN_CANNOT:
        raise UsageError(f"the frei0r form does not know the projection {made_with.projection}; leave form=, or 'file'")
    if form == "frei0r" or (form == "auto" and not reason):
        return _through_plugin(stream, taken, clip, info, path)
    if not taken.direct:
        because = f" ({reason})" if form == "auto" else ""
        raise UsageError(
            f"only an input's video can be replaced by a file{because}; call stabilize on ffmpeg.input(...).video, and "
            "apply other filters to what it returns"
        )
    return _through_file(ffmpeg, taken, clip, path, folder, on_progress)


def _through_plugin(stream: Any, taken: Input, clip: Path, info: VideoInfo, sidecar: Path) -> Any:
    plugin = _require_plugin()
    announce_plugin(plugin)
    stream = stream.video if taken.direct and stream.selector is None else stream
    shift_s = taken.shift_s()
    # Rounded, for PTS is cut to a whole number: both ways together leave it as it was.
    ticks = f"round({shift_s!r}/TB)"
    padded = info.width % LINE != 0
    if shift_s:
        stream = stream.filter("setpts", f"PTS+{ticks}")
    stream = stream.filter("scale", flags="bicubic+accurate_rnd+full_chroma_int").filter("format", "rgba")
    if padded:
        stream = stream.filter("pad", w=f"ceil(iw/{LINE})*{LINE}", h="ih")
    stream = stream.filter("frei0r", "vstab", filter_params=frei0r_parameter(sidecar.absolute()))
    if padded:
        stream = stream.filter("crop", w=info.width, h="ih", x=0, y=0)
    if shift_s:
        stream = stream.filter("setpts", f"PTS-{ticks}")
    return colour_of(clip).after_rgb(stream, info.pixel_format)


def _through_file(
    ffmpeg: ModuleType,
    taken: Input,
    clip: Path,
    sidecar: Path,
    folder: Path | str | None,
    on_progress: ProgressFn | None,
) -> Any:
    where = Path(folder) if folder is not None else Path(_kept_folder().name)
    made = where / f"{sidecar.stem}_stabilized_{hashlib.sha256(bytes(sidecar.absolute())).hexdigest()[:8]}.nut"
    first_s = render_video(clip, sidecar, made, on_progress)
    return colour_of(clip).tagged(ffmpeg.input(str(made), **taken.for_video_alone(first_s)).video)


@lru_cache(maxsize=1)
def _kept_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="vstab-")


def _why_not_plugin(program: str, info: VideoInfo, parameters: Parameters) -> str:
    """Return why the frei0r form would lose something or is not there, or nothing."""
    if bit_depth(info.pixel_format) > PLUGIN_DEPTH:
        return f"the clip has {bit_depth(info.pixel_format)} bits, frei0r has {PLUGIN_DEPTH}"
    if parameters.projection in PLUGIN_CANNOT:
        return f"frei0r form does not know the projection {parameters.projection}"
    if parameters.border == "fill":
        return "the frei0r form cannot fill borders from other frames"
    if parameters.resample_light != "as-is":
        return "the frei0r form resamples codes as they are"
    if not has_filter(program, "frei0r"):
        return "this ffmpeg is built without frei0r"
    plugin = find_plugin()
    if plugin is None:
        return "the frei0r plug-in is not built"
    return (
        f"the plug-in's folder '{plugin.parent}' has a '{os.pathsep}' in its name"
        if os.pathsep in str(plugin.parent)
        else ""
    )


def _require_plugin(program: str | None = None) -> Path:
    if program is not None and not has_filter(program, "frei0r"):
        raise FfmpegError(f"'{program}' is built without the filter frei0r; leave form=, or give form='file'")
    plugin = find_plugin()
    if plugin is None:
        raise FfmpegError("the frei0r plug-in is not built (`make frei0r`); leave form=, or give form='file'")
    return plugin


def _ffmpeg_python() -> ModuleType:
    try:
        import ffmpeg
    except ImportError as error:
        raise FfmpegError(
            "ffmpeg-python is missing: pip install 'vstab[ffmpeg]'. Without it `stabilize_file` and the command work"
        ) from error
    if not hasattr(ffmpeg, "compile"):
        raise FfmpegError("the Python module ffmpeg is of another package; uninstall that, and install ffmpeg-python")
    module: ModuleType = ffmpeg
    return module
