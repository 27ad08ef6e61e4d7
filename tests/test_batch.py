"""`vstab batch`: killed and gone on with, changed sources, bad files, names in the way, patterns.

What concerns the batch itself runs with a stand-in for the children (`batch_stand_in.py`), which can be slow or crash
on request; one test runs the real ones.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import batch_stand_in
import numpy as np
import pytest
from clips import ClipSpec, write_clip

from vstab_core import pipeline
from vstab_core.batch import clip as batch_clip
from vstab_core.batch.manifest import FILE, STAGING, opened
from vstab_core.batch.plan import find_clips
from vstab_core.batch.run import jobs_of_this_machine
from vstab_core.cli import main
from vstab_core.decode import read_frames
from vstab_core.errors import InputError, OutputError
from vstab_core.params import Parameters
from vstab_core.types import EncodeOptions

PATIENCE_S = 20.0


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_clip, "COMMAND", batch_stand_in.CHILD)


def sources(folder: Path, **texts: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.mp4").write_text(text)
    return folder


def batch(*arguments: object) -> int:
    return main(["batch", *map(str, arguments)])


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, batch_stand_in.__file__, "run", "batch", *map(str, arguments), "--progress", "json"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, stdin=subprocess.DEVNULL, text=True)


def until(child: subprocess.Popen[str], wanted: Callable[[dict[str, Any]], bool]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if wanted(json.loads(line)):
            return
    pytest.fail(f"the run ended before: {child.stderr.read() if child.stderr else ''}")


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def states(text: str) -> dict[str, str]:
    found = [event for event in events(text) if event.get("state") in ("done", "kept", "failed")]
    return {Path(event["output"]).stem: event["state"] for event in found}


def results(out: Path) -> dict[str, tuple[int, str]]:
    """Name -> (time of writing, content) of what stands under a name."""
    return {path.stem: (path.stat().st_mtime_ns, path.read_text()) for path in sorted(out.glob("*.mp4"))}


def manifest(out: Path) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in map(json.loads, (out / FILE).read_text().splitlines())}


def children(folder: Path) -> list[int]:
    return [int(line.split()[0]) for line in (folder / "children.txt").read_text().splitlines()]


def wait_for_end(pids: list[int]) -> None:
    patience = time.monotonic() + PATIENCE_S
    for pid in pids:
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < patience, f"child {pid} lives on"
            time.sleep(0.02)


def test_real_clips_come_out_as_stabilize_makes_them_and_a_bad_one_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, out = ClipSpec(size=(90, 160), count=8), tmp_path / "out"
    (tmp_path / "in" / "day 2").mkdir(parents=True)
    write_clip(tmp_path / "in" / "a.mp4", spec)
    (tmp_path / "in" / "b.mp4").write_text("no clip")
    write_clip(tmp_path / "in" / "day 2" / "-c.mkv", spec)
    assert batch(tmp_path / "in", "--out", out, "--jobs", 2, "--smoothness", 0.9, "--crf", 0) == 1
    told = capsys.readouterr()
    assert told.out == ""
    table = told.err[told.err.index("\nfile ") + 1 :].splitlines()
    assert [line.split()[:1] for line in table[:3]] == [["file"], ["a.mp4"], ["b.mp4"]]
    assert table[1].split()[1] == "8"
    assert "failed  '" in table[2]
    assert "moov atom not found" in table[2]
    assert "1 of 3 clips failed: b.mp4" in told.err
    # lossless (crf 0), because x264's macroblock tree reads memory it never wrote: two lossy runs may differ by a bit
    for name in ("a.mp4", "day 2/-c.mkv"):
        alone = tmp_path / Path(name).name
        pipeline.stabilize(tmp_path / "in" / name, alone, Parameters(smoothness=0.9), EncodeOptions(crf=0.0))
        for ours, theirs in zip(read_frames(out / name), read_frames(alone), strict=True):
            assert ours.time_s == theirs.time_s
            assert all(np.array_equal(*planes) for planes in zip(ours.planes, theirs.planes, strict=True))
        assert '"event": "result"' in (out / "logs" / f"{name}.log").read_text()
    assert sorted(path.name for path in out.iterdir()) == [FILE, "a.mp4", "day 2", "logs"]
    assert "not a media file" in (out / "logs" / "b.mp4.log").read_text()


def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = sources(tmp_path / "in", **{f"clip{number}": "0.4 ok" for number in range(5)})
    out = tmp_path / "out"
    run = start(folder, "--out", out, "--jobs", 2)
    until(run, lambda event: event.get("state") == "done" and event["clip"] in (3, 4))
    run.kill()
    run.communicate()
    before = results(out)
    assert 2 <= len(before) < 5
    assert all(content.startswith("result of") for _, content in before.values())
    wait_for_end(children(folder))  # they saw their stdin close
    (folder / "children.txt").unlink()
    again = start(folder, "--out", out, "--jobs", 2)
    text = again.communicate(timeout=PATIENCE_S)[0]
    assert again.returncode == 0
    after = results(out)
    assert len(after) == 5
    assert {name: after[name] for name in before} == before
    kept = {name for name, state in states(text).items() if state == "kept"}
    assert kept >= set(before)  # more by one where the kill came between a line of the manifest and the name
    # A set: a child that the kill found starting adds its line late, before it sees that its stdin is closed.
    begun = {Path(line.split()[1]).stem for line in (folder / "children.txt").read_text().splitlines()}
    assert begun == {f"clip{number}" for number in range(5)} - kept
    assert not list(out.rglob(".*partial*"))
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == [FILE]


def test_ctrl_c_stops_the_children_and_leaves_the_manifest_right(tmp_path: Path) -> None:
    folder = sources(tmp_path / "in", a="0.1 ok", b="30 ok", c="30 ok", d="30 ok")
    out = tmp_path / "out"
    run = start(folder, "--out", out, "--jobs", 2)
    until(run, lambda event: event.get("state") == "started" and event["clip"] == 3)
    asked_at = time.monotonic()
    run.send_signal(signal.SIGINT)
    text = run.communicate(timeout=PATIENCE_S)[0]
    assert run.returncode == 130
    assert events(text)[-1]["code"] == "cancelled"
    wait_for_end(children(folder))
    assert time.monotonic() - asked_at < batch_clip.GRACE_S / 2  # asked, not killed
    assert {name: entry["status"] for name, entry in manifest(out).items()} == {"a.mp4": "done"}
    assert set(results(out)) == {"a"}
    assert not (out / STAGING).exists()


@pytest.mark.usefixtures("played")
def test_what_changed_is_done_again_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = sources(tmp_path / "in", a="0 ok", b="0 warn", c="0 fail"), tmp_path / "out"
    run = (folder, "--out", out, "--progress", "json")
    assert batch(*run) == 1
    assert states(capsys.readouterr().out) == {"a": "done", "b": "done", "c": "failed"}
    before = results(out)
    sources(folder, a="0 ok, and longer")
    os.utime(folder / "b.mp4")  # the same content is the same clip
    assert batch(*run) == 1
    told = events(capsys.readouterr().out)
    assert [event["warnings"] for event in told if event.get("state") == "kept"] == [["it shakes"]]
    after = results(out)
    assert after["b"] == before["b"]
    assert after["a"][1].startswith("result of 0 ok, and longer")
    sources(folder, c="0 ok")
    assert batch(*run, "--max-crop", "0.150") == 0  # the default, so the same
    assert states(capsys.readouterr().out) == {"a": "kept", "b": "kept", "c": "done"}
    assert batch(*run, "--max-crop", "0.2", "--orientation", "-30 0 0") == 0
    assert set(states(capsys.readouterr().out).values()) == {"done"}
    assert results(out)["a"][1] == "result of 0 ok, and longer --max-crop=0.2 --orientation=-30 0 0"
    (out / "a.mp4").unlink()
    assert batch(*run, "--max-crop", "0.2", "--orientation", "-30 0 0") == 0
    assert states(capsys.readouterr().out) == {"a": "done", "b": "kept", "c": "kept"}


@pytest.mark.usefixtures("played")
def test_a_file_that_no_batch_has_made_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = sources(tmp_path / "in", a="0 ok", b="0 ok"), tmp_path / "out"
    sources(out, b="mine")
    assert batch(folder, "--out", out) == 4
    assert "was not made by a batch here, or changed since" in capsys.readouterr().err
    assert results(out).keys() == {"b"}  # nothing was begun
    assert batch(folder, "--out", out, "--overwrite") == 0
    assert results(out)["b"][1].startswith("result of")
    sources(out, a="edited by hand")
    assert batch(folder, "--out", out, "--smoothness", "1") == 4
    assert results(out)["a"][1] == "edited by hand"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    folder, out = sources(tmp_path / "in", a="1 ok"), tmp_path / "out"
    run = start(folder, "--out", out)
    until(run, lambda event: event.get("state") == "running")
    sources(out, a="mine")
    text = run.communicate(timeout=PATIENCE_S)[0]
    assert run.returncode == 1
    failed = next(event for event in events(text) if event.get("state") == "failed")
    assert (failed["code"], "appeared meanwhile" in failed["message"]) == ("output", True)
    assert results(out)["a"][1] == "mine"


@pytest.mark.usefixtures("played")
def test_a_child_that_crashes_takes_no_other_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = sources(tmp_path / "in", a="0 crash", b="0 ok"), tmp_path / "out"
    assert batch(folder, "--out", out, "--progress", "none") == 1
    assert "1 of 2 clips failed: a.mp4" in capsys.readouterr().err
    assert manifest(out)["a.mp4"]["message"].startswith("vstab was killed by signal 11")
    assert results(out).keys() == {"b"}


@pytest.mark.usefixtures("played")
def test_a_line_that_was_cut_short_costs_one_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, out = sources(tmp_path / "in", a="0 ok", b="0 ok"), tmp_path / "out"
    assert batch(folder, "--out", out, "--jobs", 1) == 0
    lines = (out / FILE).read_bytes()
    (out / FILE).write_bytes(lines[:-40])
    (out / "b.mp4").unlink()
    assert batch(folder, "--out", out, "--progress", "json") == 0
    text = capsys.readouterr().out.partition('{"event": "started"')
    told = text[1] + text[2]
    assert states(told) == {"a": "kept", "b": "done"}
    assert any("line 2 is damaged" in event.get("message", "") for event in events(told))
    capsys.readouterr()
    assert batch(folder, "--out", out, "--progress", "json") == 0
    assert set(states(capsys.readouterr().out).values()) == {"kept"}


@pytest.mark.usefixtures("played")
def test_a_result_that_was_written_down_but_not_named_gets_its_name(tmp_path: Path) -> None:
    """Killed between the manifest's line and the name."""
    folder, out = sources(tmp_path / "in", a="0 ok"), tmp_path / "out"
    assert batch(folder, "--out", out) == 0
    staged = out / manifest(out)["a.mp4"]["staged"]
    staged.parent.mkdir(parents=True)
    (out / "a.mp4").rename(staged)
    (folder / "children.txt").unlink()
    assert batch(folder, "--out", out) == 0
    assert results(out)["a"][1].startswith("result of")
    assert not (folder / "children.txt").exists()
    assert not (out / STAGING).exists()


@pytest.mark.usefixtures("played")
def test_a_result_that_cannot_get_its_name_stops_no_other(tmp_path: Path) -> None:
    folder, out = sources(tmp_path / "in", b="0 ok"), tmp_path / "out"
    sources(folder / "day1", a="0 ok")
    out.mkdir()
    (out / "day1").write_text("a file where a folder is needed")
    for _ in range(2):
        assert batch(folder, "--out", out, "--jobs", 1, "--progress", "none") == 1
        assert set(results(out)) == {"b"}
        assert (out / "day1").is_file()
    (out / "day1").unlink()
    assert batch(folder, "--out", out) == 0
    assert (out / "day1" / "a.mp4").exists()


def test_two_batches_at_once_in_one_directory_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(OutputError, match="another `vstab batch` is at work"), opened(tmp_path):
        pass


def test_at_most_so_many_at_once(tmp_path: Path) -> None:
    folder = sources(tmp_path / "in", **{f"clip{number}": "0.2 ok" for number in range(5)})
    run = start(folder, "--out", tmp_path / "out", "--jobs", 2)
    at_work, most = set(), 0
    for event in events(run.communicate(timeout=PATIENCE_S)[0]):
        if event.get("state") == "started":
            at_work.add(event["clip"])
        elif event.get("state") == "done":
            at_work.remove(event["clip"])
        most = max(most, len(at_work))
    assert most == 2
    assert jobs_of_this_machine() >= 1


def test_patterns_are_files_globs_and_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sources(tmp_path / "in", a="", b="")
    sources(tmp_path / "in" / "day1" / "cam[2]", c="")
    sources(tmp_path / "in" / ".hidden", d="")
    sources(tmp_path / "in" / "out", made="")
    (tmp_path / "in" / "notes.txt").write_text("")
    (tmp_path / "in" / "E.MOV").write_text("")

    def names(*patterns: str, out: str = "in/out", suffix: str | None = None) -> list[str]:
        return [clip.name for clip in find_clips(patterns, Path(out), suffix)]

    assert names("in") == ["E.MOV", "a.mp4", "b.mp4", "day1/cam[2]/c.mp4"]
    assert names("in/day1/cam[2]/c.mp4", "in/b.mp4") == ["c.mp4", "b.mp4"]  # a name, although it looks like a glob
    assert names("in/*.mp4") == ["a.mp4", "b.mp4"]
    assert names("in/**/*.mp4") == ["a.mp4", "b.mp4", "day1/cam[2]/c.mp4"]
    assert names("in/**") == ["E.MOV", "a.mp4", "b.mp4", "day1/cam[2]/c.mp4"]
    assert names("in/d*") == ["day1/cam[2]/c.mp4"]
    assert names("in/notes.txt") == ["notes.txt"]
    assert names("in/a.mp4", "in", str(tmp_path / "in")) == ["a.mp4", "E.MOV", "b.mp4", "day1/cam[2]/c.mp4"]
    assert names("in/*.mp4", suffix=".mov") == ["a.mov", "b.mov"]
    with pytest.raises(InputError, match=r"'nothing.mp4' does not exist"):
        names("nothing.mp4")
    with pytest.raises(InputError, match=r"no clips found for 'in/\*.avi'"):
        names("in/*.avi")


def test_names_that_collide_are_refused_before_the_work_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = sources(tmp_path / "one", a="0 ok"), sources(tmp_path / "two", A="0 ok")
    assert batch(one, two, "--out", tmp_path / "out") == 4
    assert "would both become" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert [clip.name for clip in find_clips([str(tmp_path)], tmp_path / "out")] == ["one/a.mp4", "two/A.mp4"]
    (one / "a.mkv").write_text("")
    with pytest.raises(OutputError, match="would both become"):
        find_clips([str(one)], tmp_path / "out", ".mov")
    with pytest.raises(OutputError, match="would be a source"):
        find_clips([str(one / "a.mp4")], one)
    with pytest.raises(OutputError, match="where the results go"):
        find_clips([str(one)], one)


def test_a_wrong_command_line_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sources(tmp_path / "in", a="0 ok")
    for wrong, words in [
        (["--jobs", "0"], "--jobs must be at least 1"),
        (["--jobs", "2", "--scheduler", "tcp://x:1"], "counts on this machine only"),
        (["--look-ahead", "3"], "counts with --streaming only"),
        (["--max-crop", "7"], "--max-crop must be between"),
        (["--suffix", "../x"], "--suffix must be an ending"),
    ]:
        assert batch(folder, "--out", tmp_path / "out", *wrong) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert batch(folder, "--out", tmp_path / "file") == 4
    assert not (tmp_path / "out").exists()
