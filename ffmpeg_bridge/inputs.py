"""Where a stream of ffmpeg-python comes from, and whether its frames are still the clip's, known by their times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from vstab_core.errors import UsageError

# Those that make another clock of it, so that frames could not be told by their times.
BREAKING = ("sseof", "stream_loop", "itsscale", "r", "framerate", "loop")
# Filters after which a frame is no longer the clip's at its time. Others (deinterlacing, denoising) may come first.
MOVING = frozenset((
    "scale", "zscale", "crop", "pad", "transpose", "hflip", "vflip", "rotate", "perspective", "v360",
    "setpts", "fps", "framerate", "minterpolate", "reverse", "loop", "tinterlace", "telecine",
    "concat", "overlay", "hstack", "vstack", "xstack",
))  # fmt: skip


@dataclass(frozen=True)
class Input:
    """The input that a stream comes from: its file, its options, and whether the stream is its video as it is."""

    path: Path
    options: dict[str, Any]
    direct: bool

    def start_s(self) -> float:
        """Return the file's start, which ffmpeg takes off all times."""
        with av.open(str(self.path)) as container:
            return (container.start_time or 0) / av.time_base

    def shift_s(self) -> float:
        """Return what is to be added to the stream's times for those of the file; ffmpeg takes the file's start off."""
        return self.start_s() + self._option_s("ss") - self._option_s("itsoffset")

    def for_video_alone(self, first_s: float) -> dict[str, float]:
        """Return the options with which a file of the clip's video alone, at the same times, gives the same stream.

        Args:
            first_s: the time of the first frame. The clip's sound may begin before it, and then ffmpeg takes less off.
        """
        later_s = first_s - self.start_s()
        begin_s = self._option_s("ss")
        end_s = None
        if "t" in self.options:
            end_s = begin_s + self._option_s("t")
        elif "to" in self.options:
            end_s = self._option_s("to")
        own_begin_s = max(0.0, begin_s - later_s)
        options = {"ss": own_begin_s, "itsoffset": self._option_s("itsoffset") + later_s - begin_s + own_begin_s}
        options = {name: round(value, 6) for name, value in options.items() if abs(value) >= 5e-7}
        return options if end_s is None else {**options, "t": round(max(0.0, end_s - later_s - own_begin_s), 6)}

    def _option_s(self, name: str) -> float:
        return seconds(self.options.get(name, 0))


def input_of(stream: Any) -> Input:
    """Find the input of a stream.

    Raises:
        UsageError: it has none, several, or an option or filter on the way makes frames unknown.
    """
    node = getattr(stream, "node", None)
    if node is None:
        raise UsageError(
            f"stabilize needs a stream of ffmpeg-python, such as ffmpeg.input('in.mp4').video; got {stream!r}"
        )
    inputs = {id(found): found for found in _nodes_above(node) if not found.incoming_edges}
    if len(inputs) != 1:
        raise UsageError(f"stabilize needs a stream that comes from one input, this one comes from {len(inputs)}")
    (found,) = inputs.values()
    moving = sorted({above.name for above in _nodes_above(node) if above.name in MOVING})
    if moving:
        raise UsageError(
            f"the filter {moving[0]} before stabilize changes where or when the clip's frames are shown; stabilize the "
            "input's video first, and apply it to the result"
        )
    options = {name: value for name, value in found.kwargs.items() if name not in ("filename", "format", "video_size")}
    breaking = [name for name in BREAKING if name in options]
    if breaking:
        raise UsageError(
            f"the input's option {breaking[0]} changes the times that frames are known by; leave it out, and apply it "
            "to the result (a filter, or another run)"
        )
    return Input(Path(found.kwargs["filename"]), options, direct=found is node)


def _nodes_above(node: Any) -> Iterator[Any]:
    yield node
    for edge in node.incoming_edges:
        yield from _nodes_above(edge.upstream_node)


def seconds(value: object) -> float:
    """Read ffmpeg's way of writing a duration: 1.5, "90", "1:30.5", "00:01:30.5", "1500ms"."""
    match = re.fullmatch(r"\s*(-?)(?:(?:(\d+):)?(\d+):)?(\d*\.?\d+|\d+\.)(s|ms|us)?\s*", str(value))
    if match is None:
        raise UsageError(f"the input's start {value!r} is no time; give seconds, or hours:minutes:seconds")
    sign, hours, minutes, seconds, unit = match.groups()
    total = (int(hours or 0) * 60 + int(minutes or 0)) * 60 + float(seconds)
    return (-1 if sign else 1) * total * {"ms": 1e-3, "us": 1e-6}.get(unit or "s", 1.0)
