"""What a container did not keep: the finished output read again and compared with its source.

Tables of what each muxer can do go out of date and know nothing of the file at hand; a look at the result does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from av.container import InputContainer
from av.stream import Stream

from .colour import UNSPECIFIED, SourceLook, read_look
from .media import open_media, read_first, video_stream
from .remux import describe, is_of_the_file, is_of_the_video, timecode_of

logger = logging.getLogger(__name__)

LATER_S = 0.0005  # a container's rounding; more is a shift


@dataclass(frozen=True)
class Output:
    """A finished file.

    Attributes:
        path: where it lies now.
        container: FFmpeg's name of the muxer.
        target_of: gives the index of a stream that came from stream n of the source; None: not carried, and told.
        rgb: whether its picture is RGB.
        first_s: when its first frame was to be shown.
    """

    path: Path
    container: str
    target_of: Callable[[int], int | None]
    rgb: bool
    first_s: float


def losses(source: InputContainer, source_path: Path, look: SourceLook, output: Output) -> list[str]:
    """Return, in words, what the output does not have of its source; streams left out have been told before."""
    lost: list[str] = []
    with open_media(output.path) as copy:
        ours, theirs = video_stream(source, source_path), video_stream(copy, output.path)
        tags = [key for key in source.metadata if is_of_the_file(key) and key.lower() != "timecode"]
        there = {key.lower() for key in copy.metadata}
        gone = sorted(key for key in tags if key.lower() not in there)
        if gone:
            lost.append(f"tags of the file ({', '.join(gone)})")
        code = timecode_of(source)
        if code is not None and timecode_of(copy) != code:
            lost.append(f"the timecode {code}")
        if len(copy.chapters()) < len(source.chapters()):
            lost.append(f"{len(source.chapters())} chapters")
        lost += _of_stream(ours, theirs, is_of_the_video)
        for stream in source.streams:
            target = output.target_of(stream.index)
            if target is None:
                continue
            if target >= len(copy.streams) or copy.streams[target].type != stream.type:
                lost.append(describe(stream))
            else:
                lost += _of_stream(stream, copy.streams[target], lambda key: key in ("language", "title"))
        later_s = (read_first(copy, theirs, output.path).time or 0.0) - output.first_s
    if later_s > LATER_S and output.container in ("matroska", "webm", "nut"):
        lost.append(f"times before zero (everything, sound too, is {1000 * later_s:.0f} ms later)")
    return lost + _colour(look, output)


def _of_stream(ours: Stream, theirs: Stream, counts: Callable[[str], bool]) -> list[str]:
    there = {key.lower() for key in theirs.metadata}
    gone = sorted(
        key
        for key, value in ours.metadata.items()
        if counts(key) and key.lower() not in there and (key.lower(), value) != ("language", "und")
        and key.lower() not in ("timecode", "handler_name", "reel_name")
    )  # fmt: skip
    return [f"{', '.join(gone)} of {describe(ours)}"] if gone else []


def _colour(look: SourceLook, output: Output) -> list[str]:
    after = read_look(output.path)
    names = {"primaries": "color_primaries", "transfer": "color_trc", "matrix": "colorspace", "range": "color_range"}
    gone = []
    for name, attribute in names.items():
        before = getattr(look, attribute)
        nothing = 0 if name == "range" else UNSPECIFIED
        if before == nothing or (name == "matrix" and (output.rgb or before == 0)):
            continue
        if getattr(after, attribute) != before:
            gone.append(name)
    return [f"colour tags ({', '.join(gone)})"] if gone else []
