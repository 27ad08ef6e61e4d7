"""Write the comparison: check, measure the paths if they are asked for, lay out, encode."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...encode import VideoWriter
from ...errors import InputError, OutputError, UsageError
from ...result import ProgressFn, Result, tell
from ...types import EncodeOptions, Frame, Plane
from .. import canvas
from ..canvas import Look
from . import chart, layout
from .layout import ARRANGEMENTS, SWEEP, Arrangement, Layout
from .sync import Moment, Sync
from .trace import measure

STAGE = "compare"
STRIP_SHARE = 0.3  # of a picture's height: two curves stay readable at 360 lines
DIM = 0.5  # brightness of the part of the strip that is still to come
WORDS = ("before", "after")


def compare(
    original: Path,
    stabilized: Path,
    output: Path,
    encode: EncodeOptions | None = None,
    *,
    arrangement: Arrangement = "side",
    line: float | str = 0.5,
    height: int | None = None,
    labels: bool = True,
    path: bool = False,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Write a video that shows a clip before and after, in sync, with the original's sound, tags and colour.

    Args:
        original, stabilized: the clips.
        output: the video; appears under its name only when it is complete.
        encode: the encoder's options.
        arrangement: "side" by side, "stack" (above each other), or "wipe" (one picture, divided by a line).
        line: of a wipe: 0..1, where the line stands, as a share of the width; or "sweep".
        height: of each picture in pixels; the original's where left out.
        labels: whether "before" and "after" stand in the pictures.
        path: whether a strip shows the camera path of both clips.
        overwrite: whether an existing output may be replaced.
        on_progress: called with the stage "compare"; may raise `Cancelled`.

    Raises:
        InputError: a clip cannot be read, or no frames show the same moment.
        OutputError: the output is one of the inputs, exists, or cannot be written.
        UsageError: an option is out of range, or the clips do not fit the arrangement.
    """
    started = time.monotonic()
    _check(arrangement, line, height)
    if _same(output, stabilized):
        raise OutputError(f"output '{output}' is an input; give another name with -o")
    damage: list[str] = []
    sync = Sync.open(original, stabilized, damage.append)
    place = layout.plan(
        arrangement, sync.original, sync.stabilized, height=height, strip_share=STRIP_SHARE if path else 0.0
    )
    clock = sync.clock
    info = dataclasses.replace(sync.original, time_base=clock.time_base, frame_rate=clock.frame_rate)
    with VideoWriter(output, info, encode, overwrite=overwrite, size=place.size) as writer:
        work = _Work(on_progress, sync, path)
        show = _Show(sync, place, line, labels)
        if path:
            show.add_strip(work.step)
        for moment in sync:
            like = Frame((), sync.original.pixel_format, moment.pts, moment.time_s, _lead(moment, sync).source)
            frame = writer.new_frame(like)
            show.draw(frame.planes, moment)
            writer.write(frame)
            work.step()
        if not sync.shown:
            raise InputError(
                f"no frame of '{original}' shows the same moment as one of '{stabilized}'; give a clip and what was "
                "made of it"
            )
        work.finish()
    seconds = time.monotonic() - started
    figures = {
        "frames": sync.shown,
        "width": place.size[1],
        "height": place.size[0],
        "seconds": seconds,
        "fps": sync.shown / max(seconds, 1e-9),
    }
    return Result(output, figures, [*dict.fromkeys(damage), *show.warnings, *sync.differences()])


def _check(arrangement: str, line: float | str, height: int | None) -> None:
    if arrangement not in ARRANGEMENTS:
        raise UsageError(f"unknown layout {arrangement!r}; choose one of: {', '.join(ARRANGEMENTS)}")
    if line != SWEEP and not (isinstance(line, (int, float)) and 0 <= line <= 1):
        raise UsageError(f"the line of a wipe stands at 0 (left edge) .. 1 (right edge), or is 'sweep'; got {line!r}")
    if height is not None and height < 16:
        raise UsageError(f"the pictures must be at least 16 pixels high, got {height}")


def _lead(moment: Moment, sync: Sync) -> Frame:
    return moment.stabilized if sync.stabilized_leads else moment.original


def _same(output: Path, source: Path) -> bool:
    try:
        return os.path.samefile(output, source)
    except OSError:
        return False


class _Work:
    """Counts the frames that are read or written, out of those that will be."""

    def __init__(self, on_progress: ProgressFn | None, sync: Sync, path: bool) -> None:
        self._on_progress = on_progress
        self._done = 0
        self._total = sync.expected + (sync.original.frames + sync.stabilized.frames if path else 0)

    def step(self) -> None:
        self._done += 1
        tell(self._on_progress, STAGE, self._done, max(self._total, self._done) if self._total else 0)

    def finish(self) -> None:
        tell(self._on_progress, STAGE, self._done, self._done)


class _Show:
    """Draws a moment on the canvas."""

    def __init__(self, sync: Sync, place: Layout, line: float | str, labels: bool) -> None:
        self._sync, self._place, self._line, self._labels = sync, place, line, labels
        self._looks = canvas.look_of(sync.original), canvas.look_of(sync.stabilized)
        self._texts = [canvas.draw_text(words, *self._text_size(side)) for side, words in enumerate(WORDS)]
        self._strip: tuple[tuple[Plane, ...], tuple[Plane, ...], tuple[float, float]] | None = None
        self._start_s: float | None = None
        self.warnings: list[str] = []
        if self._looks[0].hdr != self._looks[1].hdr:
            kinds = ["HDR" if look.hdr else "SDR" for look in self._looks]
            self.warnings.append(
                f"the original is {kinds[0]}, the stabilized {kinds[1]}: its brightness is shown as if it were "
                f"{kinds[0]}, and looks wrong"
            )

    @property
    def _look(self) -> Look:
        return self._looks[0]

    def _text_size(self, side: int) -> tuple[float, float]:
        height, width = self._place.sizes[side]
        return canvas.text_height_px(height, width), 0.4 * width

    def add_strip(self, on_frame: Callable[[], None]) -> None:
        """Measure both paths and draw the strip, bright and dim."""
        sync, box = self._sync, self._place.strip
        assert box is not None
        traces = measure(sync.original, 0.0, on_frame), measure(sync.stabilized, sync.shift_s, on_frame)
        start_s = max(float(trace.time_s[0]) for trace in traces)
        end_s = min(float(trace.time_s[-1]) for trace in traces)
        before, after = (trace.between(start_s, end_s) for trace in traces)
        image = chart.draw_chart(before, after, (box.height, box.width))
        planes = []
        for share in (1.0, DIM):
            drawn = np.round(image * share).astype(np.uint8)
            if self._labels:
                chart.name_curves(drawn, before, after)
            planes.append(canvas.planes_of(np.round(drawn * self._look.white).astype(np.uint8), self._look))
        self._strip = planes[0], planes[1], chart.span_of(before, after)

    def draw(self, planes: tuple[Plane, ...], moment: Moment) -> None:
        """Fill the planes of a canvas."""
        if self._start_s is None:
            self._start_s = moment.time_s
        place, look = self._place, self._look
        pair = (
            canvas.converted(moment.original, look, look, place.sizes[0]),
            canvas.converted(moment.stabilized, self._looks[1], look, place.sizes[1]),
        )
        line = layout.line_columns(place, layout.line_at(self._line, moment.time_s - self._start_s))
        layout.compose(planes, pair, place, look, line)
        if self._labels:
            self._draw_labels(planes, line)
        if self._strip is not None:
            self._draw_strip(planes, moment.time_s)

    def _draw_labels(self, planes: tuple[Plane, ...], line: tuple[int, int]) -> None:
        place = self._place
        for side, (text, box) in enumerate(zip(self._texts, place.panes, strict=True)):
            height, width = text.letters.shape
            margin = _whole(max(place.steps), canvas.text_height_px(*place.sizes[side]) * 0.6)
            left, right = 0, place.pictures.width  # where this clip is seen
            x = box.x + margin
            if place.arrangement == "wipe":
                left, right = ((0, line[0]), (line[1], place.sizes[0][1]))[side]
                if side == 1:
                    x = _whole(place.steps[1], place.sizes[0][1] - margin - width)
            seen = slice(max(x, left), min(x + width, right))
            rows = slice(box.y + margin, min(box.y + margin + height, box.y + box.height))
            if seen.start >= seen.stop or rows.start >= rows.stop:
                continue
            under = canvas.part(planes, self._look.pixel_format, rows, seen)
            inside = slice(0, rows.stop - rows.start), slice(seen.start - x, seen.stop - x)
            for coverage, level in ((text.outline, 0.0), (text.letters, 1.0)):
                canvas.cover(under, canvas.codes_of(self._look, level), coverage[inside])

    def _draw_strip(self, planes: tuple[Plane, ...], time_s: float) -> None:
        assert self._strip is not None
        assert self._place.strip is not None
        bright, dim, span_s = self._strip
        box, step, name = self._place.strip, self._place.steps[1], self._look.pixel_format
        rows = slice(box.y, box.y + box.height)
        at = min(max(0, _whole(step, float(chart.column_of(time_s, span_s, box.width)))), box.width - step)
        for columns, source in ((slice(0, at), bright), (slice(at, box.width), dim)):
            part = canvas.part(source, name, slice(0, box.height), columns)
            canvas.put(canvas.part(planes, name, rows, columns), part)
        cursor = canvas.part(planes, name, rows, slice(at, at + step))
        canvas.fill(cursor, canvas.codes_of(self._look, 1.0))


def _whole(step: int, length: float) -> int:
    return int(length // step) * step
