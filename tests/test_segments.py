"""Long clips of a batch in parts: where they are cut, and what becomes of a clip whose parts fail.

The children are the stand-in's; `test_batch_cluster.py` has the workers, `test_parts.py` the parts themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import batch_stand_in
import numpy as np
import pytest
from test_batch import sources

from vstab_core.batch import clip as batch_clip
from vstab_core.batch import segments
from vstab_core.batch.clip import Job, Outcome, run_clip
from vstab_core.batch.segments import REACH_S, SEGMENT_S, LongClip, is_long, ranges_of
from vstab_core.types import CameraMotion


def motion_of(times_s: Sequence[float], cuts: Sequence[int] = ()) -> CameraMotion:
    count = len(times_s)
    cut = np.zeros(count, bool)
    cut[[0, *cuts]] = True
    pts = np.round(np.array(times_s) * 1000).astype(np.int64)
    return CameraMotion(64, 48, 0.75, pts, Fraction(1, 1000), np.zeros((count, 4, 2)),
                        np.zeros((count, 5, 5, 2), np.float32), np.ones(count, np.float32), cut)  # fmt: skip


def test_parts_begin_at_cuts_in_reach_and_are_never_short() -> None:
    even = np.arange(0, 400) * 1.0  # a frame a second
    assert ranges_of(motion_of(even)) == [(0, 60), (60, 120), (120, 180), (180, 240), (240, 300), (300, 400)]
    # 59 comes too early, 70 is taken and 80 is not, 161 is beyond the reach of 130, 345 would leave too short a rest
    found = ranges_of(motion_of(even, [59, 70, 80, 161, 339, 345]))
    assert found == [(0, 70), (70, 130), (130, 190), (190, 250), (250, 339), (339, 400)]
    rng = np.random.default_rng(11)
    times_s = np.cumsum(rng.uniform(0.02, 2.5, 900))
    ranges = ranges_of(motion_of(times_s, sorted(rng.choice(np.arange(1, 900), 40, replace=False))))
    assert [first for first, _ in ranges[1:]] == [end for _, end in ranges[:-1]]
    assert (ranges[0][0], ranges[-1][1]) == (0, 900)
    for first, end in ranges:
        lasts_s = times_s[min(end, 899)] - times_s[first]
        assert SEGMENT_S - 2.5 <= lasts_s <= 2 * SEGMENT_S + REACH_S


@pytest.mark.parametrize("word", ["--interpolation=lanczos3", "--resample-light=scene", "--look-ahead=9"])
def test_what_the_sidecar_does_not_tell_the_parts_is_done_in_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(segments, "_duration_s", lambda path: 900.0)
    monkeypatch.setattr(segments, "_can_join", lambda job: True)
    job = Job(0, tmp_path / "a.mp4", "a.mp4", tmp_path, tmp_path / "a.log", ("--crf=20", "--smoothness=0.3"))
    assert is_long(job)
    assert not is_long(replace(job, arguments=(*job.arguments, word)))


def test_a_short_clip_is_one_part() -> None:
    assert ranges_of(motion_of(np.arange(0, 119) * 1.0, [65])) == [(0, 119)]


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadPoolExecutor]:
    monkeypatch.setattr(batch_clip, "COMMAND", batch_stand_in.CHILD)
    for name in ("_duration_s", "_can_join", "_ranges_in"):
        monkeypatch.setattr(segments, name, getattr(segments, name))  # to be undone
    batch_stand_in.play_long_clips()
    with ThreadPoolExecutor(2) as threads:
        yield threads


def job_of(tmp_path: Path, text: str, *arguments: str) -> Job:
    folder = sources(tmp_path / "in", a=text)
    (tmp_path / "staging").mkdir()
    return Job(1, folder / "a.mp4", "day/a.mp4", tmp_path / "staging", tmp_path / "logs" / "a.mp4.log", arguments)


def outcome_of(job: Job, workers: ThreadPoolExecutor) -> tuple[Outcome, list[str]]:
    """Do a long clip; return also its steps."""
    steps = []

    def submit(step: Job, name: str) -> object:
        steps.append(name)
        return workers.submit(run_clip, step, lambda: not step.staging.is_dir())

    clip = LongClip(job, submit)  # type: ignore[arg-type]
    clip.begin()
    return clip.future.result(timeout=20), steps


def left(job: Job) -> list[str]:
    """Return what lies in the staging folder once the last parts have been removed."""
    patience = time.monotonic() + 10
    while any("parts" in path.name for path in job.staging.iterdir()) and time.monotonic() < patience:
        time.sleep(0.02)
    return [path.name for path in job.staging.rglob("*") if path.is_file()]


def test_parts_become_one_result_and_go(tmp_path: Path, workers: ThreadPoolExecutor) -> None:
    job = job_of(tmp_path, "0 ok long", "--crf=3")
    outcome, steps = outcome_of(job, workers)
    assert steps == ["analysis", "part0", "part1", "part2", "part3", "join"]
    assert (outcome.status, outcome.frames) == ("done", 10)
    assert outcome.fingerprint == batch_clip.fingerprint_of(job.source)
    assert outcome.staged is not None
    assert outcome.staged.read_text().startswith("joined of --frames=0:100")
    assert left(job) == ["a.mp4"]


def test_parts_that_do_not_join_are_no_failure_of_the_clip(
    tmp_path: Path, workers: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    job = job_of(tmp_path, "0 apart long")
    outcome, steps = outcome_of(job, workers)
    assert steps[-2:] == ["join", "whole"]
    assert outcome.staged is not None
    assert outcome.staged.read_text() == "result of 0 apart long "
    assert "is done again in one piece: no clip of ours" in caplog.text
    assert left(job) == ["a.mp4"]


def test_a_part_that_crashes_fails_the_clip_and_stops_the_others(tmp_path: Path, workers: ThreadPoolExecutor) -> None:
    job = job_of(tmp_path, "30 crack long")
    outcome, steps = outcome_of(job, workers)
    assert "join" not in steps
    assert (outcome.status, "signal 11" in outcome.message) == ("failed", True)
    assert left(job) == []
    begun_at = time.monotonic()
    workers.shutdown(wait=True)
    assert time.monotonic() - begun_at < 15


def test_a_clip_that_fails_is_told_once_and_leaves_nothing(tmp_path: Path, workers: ThreadPoolExecutor) -> None:
    job = job_of(tmp_path, "0 crash")
    outcome, steps = outcome_of(job, workers)
    assert steps == ["analysis"]
    assert (outcome.status, "signal 11" in outcome.message) == ("failed", True)
    assert outcome.fingerprint == batch_clip.fingerprint_of(job.source)
    assert left(job) == []


@pytest.mark.usefixtures("workers")
def test_what_is_not_worth_parts_or_has_none_is_one_task(tmp_path: Path) -> None:
    assert is_long(job_of(tmp_path, "0 ok long"))
    for number, (text, argument) in enumerate(
        [("0 ok", "--crf=3"), ("0 ok long", "--streaming"), ("0 ok long", "--hyperlapse=4")]
    ):
        assert not is_long(job_of(tmp_path / str(number), text, argument))
