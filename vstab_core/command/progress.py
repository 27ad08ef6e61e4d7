"""Tell people and programs how a job goes: a bar, plain lines, or one JSON object per line (`docs/hosts.md`)."""

from __future__ import annotations

import io
import json
import logging
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TextIO

PROTOCOL = 1
INTERVAL_S = 0.1
SPEED_WINDOW_S = 5.0  # long enough to be calm, short enough to follow a scene that is slower

Clock = Callable[[], float]


class Speed:
    """Frames a second over the last `SPEED_WINDOW_S`, and the time that is left."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, frame: int) -> None:
        """Note that `frame` frames were done at `now_s`."""
        self._samples.append((now_s, frame))
        while len(self._samples) > 2 and now_s - self._samples[0][0] > SPEED_WINDOW_S:
            self._samples.popleft()

    @property
    def fps(self) -> float | None:
        """Frames a second, None while unknown."""
        if not self._samples:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        return (last - first) / (last_s - first_s) if last > first and last_s > first_s else None

    def eta_s(self, frames: int) -> float | None:
        """Seconds until `frames` are done, None while unknown."""
        fps = self.fps
        return max(0, frames - self._samples[-1][1]) / fps if fps and frames else None


class Reporter(Protocol):
    """Where a job's news go. `progress` and `result` come from the main thread, `warning` from any."""

    def started(self, facts: Mapping[str, object]) -> None:
        """The command line was understood, work begins."""

    def progress(self, stage: str, frame: int, frames: int) -> None:
        """`frame` frames of the stage are done, out of `frames` (0: unknown)."""

    def warning(self, message: str) -> None:
        """Something the user should know although the job goes on."""

    def event(self, name: str, facts: Mapping[str, object], text: str) -> None:
        """Something of its own kind has happened; `text` is what people get to read, empty: nothing."""

    def result(self, facts: Mapping[str, object], text: str | None = None) -> None:
        """The job is done; `text` is what people get to read instead of figures and path."""

    def error(self, code: str, message: str) -> None:
        """The job has failed or was cancelled."""


class JsonReporter:
    """One JSON object per line, ASCII only, flushed: at most about ten a second, and the last of every stage.

    Args:
        stream: where the lines go.
        on_broken: called once when nobody reads the lines any more.
        clock: seconds that only grow.
    """

    def __init__(
        self, stream: TextIO, on_broken: Callable[[], None] = lambda: None, clock: Clock = time.monotonic
    ) -> None:
        self._stream = stream
        self._on_broken = on_broken
        self._clock = clock
        self._lock = threading.Lock()
        self._broken = False
        self._stage = ""
        self._speed = Speed()
        self._sent_at_s = -math.inf
        self._waiting: dict[str, object] | None = None

    def started(self, facts: Mapping[str, object]) -> None:
        """Send the first line, which names the protocol's version."""
        self._send({"event": "started", "protocol": PROTOCOL, **facts})

    def progress(self, stage: str, frame: int, frames: int) -> None:
        """Send a line if the last one is old enough or the stage is done; keep it back otherwise."""
        now_s = self._clock()
        if stage != self._stage:
            self._flush()
            self._stage, self._speed, self._sent_at_s = stage, Speed(), -math.inf
        self._speed.add(now_s, frame)
        frames = max(frames, frame) if frames else 0  # containers promise too few
        done = 0 < frames == frame
        self._waiting = {
            "event": "progress",
            "stage": stage,
            "frame": frame,
            "frames": frames,
            "fps": _rounded(self._speed.fps),
            "eta_s": _rounded(self._speed.eta_s(frames)),
        }
        if now_s - self._sent_at_s >= INTERVAL_S or done:
            self._flush()
            self._sent_at_s = now_s

    def warning(self, message: str) -> None:
        """Send a warning."""
        self._send({"event": "warning", "message": message})

    def event(self, name: str, facts: Mapping[str, object], text: str) -> None:
        """Send a line of another kind."""
        self._send({"event": name, **facts})

    def result(self, facts: Mapping[str, object], text: str | None = None) -> None:
        """Send the last line of a job that has succeeded."""
        self._flush()
        self._send({"event": "result", **facts})

    def error(self, code: str, message: str) -> None:
        """Send the last line of a job that has failed."""
        self._send({"event": "error", "code": code, "message": message})

    def _flush(self) -> None:
        if self._waiting is not None:
            self._send(self._waiting)
            self._waiting = None

    def _send(self, message: Mapping[str, object]) -> None:
        line = json.dumps(finite(message), allow_nan=False) + "\n"
        with self._lock:
            if self._broken:
                return
            try:
                self._stream.write(line)
                self._stream.flush()
                return
            except (BrokenPipeError, ConnectionError, ValueError):  # ValueError: closed
                self._broken = True
        self._on_broken()


class TextReporter:
    """For people: a bar where stderr is a terminal, else one line per finished stage; figures at the end.

    Args:
        out: takes the path of the result, and nothing else, so that a script can use it.
        err: takes everything else.
        quiet: only warnings and errors, and the path of the result.
        bar: draw a bar.
    """

    def __init__(self, out: TextIO, err: TextIO, *, quiet: bool, bar: bool, clock: Clock = time.monotonic) -> None:
        self._out, self._err = out, err
        self._quiet = quiet
        self._draw = bar and not quiet
        self._bar: Any = None
        self._clock = clock
        self._stage = ""
        self._began_at_s = clock()  # of the stage: what it does before its first frame counts
        self._last_at_s = self._began_at_s
        self._frame = 0

    def started(self, facts: Mapping[str, object]) -> None:
        """Say nothing: the first progress will."""

    def progress(self, stage: str, frame: int, frames: int) -> None:
        """Move the bar."""
        if stage != self._stage:
            self._end_stage()
            self._stage = stage
            if self._draw:
                self._bar = _new_bar(stage, frames, self._err)
        self._frame, self._last_at_s = frame, self._clock()
        if self._bar is not None:
            if frames and frames != self._bar.total:
                self._bar.total = max(frames, frame)
            self._bar.update(frame - self._bar.n)

    def warning(self, message: str) -> None:
        """Write a warning above the bar."""
        self._say(f"vstab: warning: {message}")

    def event(self, name: str, facts: Mapping[str, object], text: str) -> None:
        """Write the text above the bar."""
        if text and not self._quiet:
            self._say(text)

    def result(self, facts: Mapping[str, object], text: str | None = None) -> None:
        """Write the path, or the text that was asked for, on `out`, what was measured on `err`."""
        self._end_stage()
        if text is not None:
            self._out.write(text + "\n")
            self._out.flush()
            return
        figures = facts.get("figures")
        if not self._quiet and isinstance(figures, Mapping):
            for name, value in figures.items():
                self._say(f"  {str(name).replace('_', ' ')}: {f'{value:.4g}' if isinstance(value, float) else value}")
        self._out.write(f"{facts.get('output')}\n")
        self._out.flush()

    def error(self, code: str, message: str) -> None:
        """Write the error below what the bar has reached."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._say(f"vstab: error: {message}" if code != "cancelled" else f"vstab: {message}")

    def _end_stage(self) -> None:
        if not self._stage:
            return
        if self._bar is not None:
            if self._bar.total != self._frame:
                self._bar.total = self._frame
            self._bar.close()
            self._bar = None
        elif not self._quiet:
            took_s = self._last_at_s - self._began_at_s
            fast = took_s > 0.1 and self._frame > 1 and _unit_of(self._stage) == "frames"
            speed = f", {self._frame / took_s:.0f} fps" if fast else ""
            self._say(f"vstab: {self._stage}: {self._frame} {_unit_of(self._stage)} in {took_s:.1f} s{speed}")
        self._stage, self._began_at_s = "", self._last_at_s

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=self._err)
        else:
            self._err.write(line + "\n")
            self._err.flush()


def _new_bar(stage: str, frames: int, err: TextIO) -> Any:
    from tqdm import tqdm

    try:
        sized = min(os.get_terminal_size(err.fileno())) > 0
    except (OSError, ValueError):
        sized = False
    # without a size (a pseudo-terminal that nobody gave one) tqdm would draw nothing
    size: dict[str, Any] = {"dynamic_ncols": True} if sized else {"ncols": 80, "nrows": 24}
    return tqdm(desc=f"{stage:9}", total=frames or None, unit=f" {_unit_of(stage)}", file=err, smoothing=0.1, **size)


def _unit_of(stage: str) -> str:
    return {"batch": "clips", "train": "steps"}.get(stage, "frames")


def reporter_for(mode: str, on_broken: Callable[[], None], piped: bool = False) -> Reporter:
    """Return the reporter of a `--progress` mode on this process' own streams; stderr alone where `piped`."""
    if mode == "json":
        return JsonReporter(sys.stderr) if piped else JsonReporter(sys.stdout, on_broken)
    if piped:
        return TextReporter(io.StringIO(), sys.stderr, quiet=mode == "none", bar=mode == "auto" and sys.stderr.isatty())
    return TextReporter(sys.stdout, sys.stderr, quiet=mode == "none", bar=mode == "auto" and sys.stderr.isatty())


def finite(value: object) -> object:
    """Return the value as JSON can hold it: NaN and infinities become None, NumPy numbers plain ones, paths text."""
    if isinstance(value, Mapping):
        return {str(name): finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    item = getattr(value, "item", None)  # a NumPy scalar
    number = item() if callable(item) else value
    if isinstance(number, float):
        return number if math.isfinite(number) else None
    return number if isinstance(number, (str, bool, int)) else str(number)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 2)


class WarningHandler(logging.Handler):
    """Pass warnings from the log to a reporter, each text once."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._reporter = reporter
        self._told: set[str] = set()

    def tell(self, message: str) -> None:
        """Report a warning unless it was reported before."""
        if message not in self._told:
            self._told.add(message)
            self._reporter.warning(message)

    def emit(self, record: logging.LogRecord) -> None:
        """Report a log record."""
        self.tell(record.getMessage())
