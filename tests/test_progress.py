"""The lines of the protocol and the bar, with a clock that the test turns."""

from __future__ import annotations

import io
import json
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vstab_core.command.progress import PROTOCOL, JsonReporter, Speed, TextReporter, WarningHandler, finite


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    with io.StringIO() as stream:
        yield stream


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in stream.getvalue().splitlines()]


def test_first_line_names_the_version_of_the_protocol(lines: io.StringIO) -> None:
    JsonReporter(lines).started({"vstab": "1", "input": Path("a.mp4")})
    assert events(lines) == [{"event": "started", "protocol": PROTOCOL, "vstab": "1", "input": "a.mp4"}]


def test_progress_comes_ten_times_a_second_and_ends_with_the_last_frame(lines: io.StringIO, clock: Clock) -> None:
    reporter = JsonReporter(lines, clock=clock)
    for frame in range(1, 201):
        clock.now_s += 0.01  # 100 fps, 2 s
        reporter.progress("analyze", frame, 200)
    got = events(lines)
    assert 19 <= len(got) <= 22
    assert [event["frame"] for event in got] == sorted({event["frame"] for event in got})
    assert got[0] == {"event": "progress", "stage": "analyze", "frame": 1, "frames": 200, "fps": None, "eta_s": None}
    assert got[-1]["frame"] == 200
    assert got[-1]["eta_s"] == 0
    assert got[10]["fps"] == pytest.approx(100, rel=0.02)
    assert got[10]["eta_s"] == pytest.approx((200 - got[10]["frame"]) / 100, abs=0.02)


def test_last_frame_of_a_stage_of_unknown_length_is_told_before_the_next_stage(
    lines: io.StringIO, clock: Clock
) -> None:
    reporter = JsonReporter(lines, clock=clock)
    for frame in (1, 2, 3):
        reporter.progress("analyze", frame, 0)
    reporter.progress("render", 1, 0)
    reporter.progress("render", 2, 0)
    reporter.result({"output": Path("b.mp4"), "figures": {}})
    told = [(event.get("stage"), event.get("frame"), event.get("frames")) for event in events(lines)]
    assert told == [
        ("analyze", 1, 0),
        ("analyze", 3, 0),
        ("render", 1, 0),
        ("render", 2, 0),
        (None, None, None),
    ]


def test_more_frames_than_promised_never_exceed_the_total(lines: io.StringIO, clock: Clock) -> None:
    reporter = JsonReporter(lines, clock=clock)
    for frame in (9, 10, 11, 12):
        clock.now_s += 1
        reporter.progress("render", frame, 10)
    assert all(event["frame"] <= event["frames"] for event in events(lines))
    assert all(event["eta_s"] is None or event["eta_s"] >= 0 for event in events(lines))


def test_numbers_that_json_lacks_become_null(lines: io.StringIO) -> None:
    figures = {
        "a": math.nan,
        "b": -math.inf,
        "c": np.float32(0.5),
        "d": np.int64(3),
        "e": [np.nan],
        "f": "x",
        "g": True,
    }
    JsonReporter(lines).result({"figures": figures})
    assert events(lines)[0]["figures"] == {"a": None, "b": None, "c": 0.5, "d": 3, "e": [None], "f": "x", "g": True}


def test_lines_are_ascii_whatever_a_file_is_called(lines: io.StringIO) -> None:
    JsonReporter(lines).started({"input": Path("Käse\udcff\n.mp4")})
    assert lines.getvalue().isascii()
    assert lines.getvalue().count("\n") == 1
    assert events(lines)[0]["input"] == "Käse\udcff\n.mp4"


def test_a_reader_that_is_gone_is_told_once_and_stops_nothing_here() -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    told: list[int] = []
    reporter = JsonReporter(Gone(), on_broken=lambda: told.append(1))
    reporter.warning("a")
    reporter.warning("b")
    assert told == [1]


def test_speed_follows_the_last_seconds() -> None:
    speed = Speed()
    assert speed.fps is None
    for step in range(100):
        speed.add(step * 0.1, step)  # 10 fps
    for step in range(100):
        speed.add(10 + step * 0.1, 100 + 2 * step)  # 20 fps
    assert speed.fps == pytest.approx(20)
    assert speed.eta_s(298 + 20) == pytest.approx(1)


def test_without_a_terminal_each_stage_gives_one_line_and_the_path_stands_alone_on_stdout(clock: Clock) -> None:
    out, err = io.StringIO(), io.StringIO()
    reporter = TextReporter(out, err, quiet=False, bar=False, clock=clock)
    reporter.started({})
    for stage in ("analyze", "render"):
        for frame in range(1, 51):
            clock.now_s += 0.02
            reporter.progress(stage, frame, 50)
    reporter.warning("3 frames were bridged")
    reporter.result({"output": Path("b.mp4"), "figures": {"shake_ratio": 0.123456, "frames": 50}})
    assert out.getvalue() == "b.mp4\n"
    assert err.getvalue().splitlines() == [
        "vstab: analyze: 50 frames in 1.0 s, 50 fps",
        "vstab: warning: 3 frames were bridged",
        "vstab: render: 50 frames in 1.0 s, 50 fps",
        "  shake ratio: 0.1235",
        "  frames: 50",
    ]


def test_quiet_still_warns() -> None:
    out, err = io.StringIO(), io.StringIO()
    reporter = TextReporter(out, err, quiet=True, bar=True)
    reporter.progress("analyze", 1, 1)
    reporter.warning("w")
    reporter.result({"output": "b.mp4", "figures": {"a": 1}})
    assert (out.getvalue(), err.getvalue()) == ("b.mp4\n", "vstab: warning: w\n")


def test_a_bar_shows_stage_speed_and_end() -> None:
    out, err = io.StringIO(), io.StringIO()
    reporter = TextReporter(out, err, quiet=False, bar=True)
    for frame in range(1, 11):
        reporter.progress("analyze", frame, 10)
    reporter.warning("look")
    reporter.progress("render", 1, 0)
    reporter.error("input", "broken")
    text = err.getvalue()
    assert "analyze" in text
    assert "10/10" in text
    assert "vstab: warning: look" in text
    assert text.endswith("vstab: error: broken\n")


def test_a_warning_from_the_log_is_told_once(lines: io.StringIO) -> None:
    handler = WarningHandler(JsonReporter(lines))
    log = logging.getLogger("test-progress")
    log.propagate = False
    log.addHandler(handler)
    log.warning("lost %d frames", 3)
    log.info("not this")
    handler.tell("lost 3 frames")
    log.removeHandler(handler)
    assert events(lines) == [{"event": "warning", "message": "lost 3 frames"}]


def test_finite_leaves_plain_values_alone() -> None:
    value = {"a": [1, 2.5, "x", None, False], "b": {"c": 0}}
    assert finite(value) == value
