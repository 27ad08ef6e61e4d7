"""The parts of a long clip: a range of its frames rendered, and all of them joined. Run by `vstab segment`."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from ..errors import InputError, UsageError
from ..params import Parameters
from ..parts import JoinWriter, PartWriter
from ..pipeline import beside_the_picture
from ..render import FILL_REACH, render_frames
from ..result import ProgressFn, Result, tell
from ..sidecar import Sidecar, check_matches, read_sidecar
from ..source import Source, open_source
from ..types import CameraMotion, EncodeOptions, Frame, WarpTrack

logger = logging.getLogger(__name__)

# How far before its first frame a part begins to decode. The demuxer seeks by decoding times, and what follows a key
# frame may need a moment to be whole (recovery points); streams without an index are hit roughly. None: the beginning.
PREROLLS_S = (2.0, 20.0, None)


class Missed(Exception):  # noqa: N818 - not an error: the next preroll is tried
    """The decoder, having sought, does not give the frames that it gave in one piece."""


def render_part(
    source: Path,
    sidecar: Path,
    output: Path,
    frames: tuple[int, int],
    encode: EncodeOptions,
    *,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Render a range of a clip's frames into a part, see `parts`.

    Args:
        source, sidecar: the clip and its analysis.
        output: the part; its ending is that of the whole result.
        frames: first and end.
        encode: as for the whole.
    """
    started = time.monotonic()
    clip, stored, warps = _opened(source, sidecar)
    first, end = frames
    if not 0 <= first < end <= len(warps):
        raise UsageError(f"--frames must lie within 0:{len(warps)}, got {first}:{end}")
    reach = FILL_REACH[0] if clip.parameters.border == "fill" else 0
    wanted = warps.pts[max(0, first - reach) : end + reach]
    flat = stored.motion if isinstance(stored.motion, CameraMotion) else None
    for preroll_s in PREROLLS_S:
        start = None if preroll_s is None else int(wanted[0]) - round(preroll_s / clip.info.time_base)
        if start is None or start <= warps.pts[0]:
            start = None
        try:
            with PartWriter(
                output, clip.info, encode, overwrite=True, size=(clip.info.height, clip.info.width), copy_streams=False
            ) as writer:
                given = frames_at(clip, wanted, start)
                done = 0
                for frame in render_frames(given, warps, flat, clip.parameters, writer.new_frame, clip.light):
                    if warps.pts[first] <= frame.pts <= warps.pts[end - 1]:
                        writer.write(frame)
                        done += 1
                        tell(on_progress, "render", done, end - first)
        except Missed as missed:
            if start is None:
                raise InputError(f"'{source}' does not decode as it did when '{sidecar}' was made: {missed}") from None
            logger.info("seeking to frame %d missed it (%s); decoding from farther ahead", first, missed)
            continue
        return Result(output, {"frames": done, "seconds": time.monotonic() - started})
    raise AssertionError("the last preroll is the beginning")


def join_parts(
    source: Path,
    sidecar: Path,
    output: Path,
    parts: Sequence[Path],
    encode: EncodeOptions,
    *,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Write the whole result: the parts' video, and everything else from the clip."""
    started = time.monotonic()
    clip, stored, warps = _opened(source, sidecar)
    beside = beside_the_picture(clip, warps, stored.motion)
    with JoinWriter(output, clip.info, encode, overwrite=overwrite, **beside) as writer:
        for done in writer.join(parts, [int(pts) for pts in warps.pts]):
            tell(on_progress, "render", done, len(warps))
    return Result(output, {"frames": len(warps), "seconds": time.monotonic() - started})


def frames_at(clip: Source, pts: npt.NDArray[np.int64], start: int | None) -> Iterator[Frame]:
    """Yield the frames at these times, decoded from `start` on (None: the beginning).

    Raises:
        Missed: they are not what the decoder gives; seeking is to blame.
    """
    wanted = iter(pts.tolist())
    next_pts = next(wanted)
    whole = start is None
    frames = clip.frames(lambda _: None, start)  # the analysis has told of damage
    try:
        for frame in frames:
            whole = whole or bool(frame.source.key_frame)
            if frame.pts < next_pts:
                continue
            if not whole or frame.pts != next_pts or frame.pixel_format != clip.info.pixel_format:
                raise Missed(f"tick {frame.pts} came, {next_pts} was expected")
            yield frame
            following = next(wanted, None)
            if following is None:
                return
            next_pts = following
    except (InputError, av.FFmpegError) as error:  # no picture behind that place, or the file cannot be sought in
        if start is None:
            raise
        raise Missed(str(error)) from error
    finally:
        getattr(frames, "close", lambda: None)()
    raise Missed(f"the clip ends before tick {next_pts}")


def _opened(source: Path, sidecar: Path) -> tuple[Source, Sidecar, WarpTrack]:
    stored = read_sidecar(sidecar)
    if stored.warps is None:
        raise InputError(f"'{sidecar}' {stored.no_warps}")
    clip = open_source(source, stored.parameters or Parameters())
    check_matches(stored, clip.info)
    return clip, stored, stored.warps
