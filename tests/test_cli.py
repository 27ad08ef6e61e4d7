"""The command as a host meets it: a child process with its lines, its exit status and its ways to be stopped.

What concerns the protocol alone runs against a stand-in for the pipeline, which can be slow, stuck or broken on
request; what concerns input and output runs against the real one.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vstab_core import cli

ROOT = Path(__file__).parents[1]
PATIENCE_S = 20.0  # a loaded machine of two cores; nothing here takes 2 s on an idle one

STAND_IN = r"""
import os, signal, sys, threading, time, types
from pathlib import Path

mode = sys.argv.pop(1)
pipeline = types.ModuleType("vstab_core.pipeline")

def work(output, on_progress):
    partial = output.with_name("." + output.name + ".partial")
    partial.write_bytes(b"half")
    try:
        if mode == "stuck":  # no progress call for a long time
            on_progress("analyze", 1, 1000)
            time.sleep(60)
        elif mode == "locked":  # the main thread waits for another one
            on_progress("analyze", 1, 1000)
            threading.Event().wait(60)
        elif mode == "tidy":  # cleaning up takes longer than the grace and must not be disturbed
            try:
                for frame in range(1, 1001):
                    on_progress("analyze", frame, 1000)
                    time.sleep(0.02)
            finally:
                time.sleep(1.5)
                output.with_name("tidied").touch()
        elif mode == "stubborn":  # takes no for an answer
            while True:
                try:
                    on_progress("analyze", 1, 1000)
                    time.sleep(0.01)
                except BaseException:
                    pass
        elif mode == "crash":
            1 / 0
        elif mode == "memory":
            raise MemoryError
        elif mode == "full":
            raise OSError(28, "No space left on device", str(output))
        elif mode == "warns":
            import logging
            logging.getLogger("vstab_core.decode").warning("3 frames lost")
            on_progress("analyze", 1, 1)
        else:
            for frame in range(1, 1001 if mode == "slow" else 6):
                on_progress("analyze", frame, 1000 if mode == "slow" else 5)
                time.sleep(0.02)
        os.replace(partial, output)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    figures = {"shake": float("nan"), "frames": 5}
    return types.SimpleNamespace(output=output, figures=figures, warnings=["3 frames lost"], text=None)

def stabilize(source, output, parameters, encode, *, sidecar, streaming, overwrite, on_progress):
    return work(output, on_progress)

pipeline.stabilize = stabilize
sys.modules["vstab_core.pipeline"] = pipeline
from vstab_core.cli import main
sys.exit(main())
"""


def vstab(*arguments: object, **settings: Any) -> subprocess.CompletedProcess[str]:
    settings = {"stdin": subprocess.DEVNULL, "timeout": 4 * PATIENCE_S} | settings
    command = [sys.executable, "-m", "vstab_core.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **settings)


def stand_in(mode: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", STAND_IN, mode, *map(str, arguments)]


@contextlib.contextmanager
def running(mode: str, folder: Path, *more: object, **settings: Any) -> Iterator[subprocess.Popen[str]]:
    """Start the stand-in with --progress json and wait for its first progress line."""
    settings = {"stdin": subprocess.PIPE} | settings
    command = stand_in(mode, "stabilize", "a.mp4", "-o", folder / "b.mp4", "--progress", "json", *more)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, **settings
    ) as child:
        try:
            assert child.stdout is not None
            while '"progress"' not in (line := child.stdout.readline()):
                assert line, child.stderr.read() if child.stderr else ""
            yield child
        finally:
            child.kill()


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def finish(child: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    """Wait for the child's end; return its exit status and last event."""
    assert child.stdout is not None
    rest = child.stdout.read()
    status = child.wait(PATIENCE_S)
    return status, events(rest)[-1]


# -- grammar ----------------------------------------------------------------------------------------------------


def test_help_is_quick() -> None:
    """Processor time: what a wall clock says depends on who else is there."""

    def best(command: list[str]) -> float:
        times = []
        for _ in range(5):
            before = os.times()
            subprocess.run(command, capture_output=True, check=True)
            after = os.times()
            times.append(after.children_user + after.children_system - before.children_user - before.children_system)
        return min(times)

    bare = best([sys.executable, "-c", "pass"])
    assert best([sys.executable, "-m", "vstab_core.cli", "stabilize", "--help"]) - bare < 0.15


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stabilize", "--max-crp", "0.2", "a.mp4"], "unknown parameter --max-crp; did you mean --max-crop?"),
        (["stabilize", "a.mp4", "--max-crp=0.2"], "unknown parameter --max-crp; did you mean --max-crop?"),
        (["stabilize", "a.mp4", "--max", "0.2"], "unknown parameter --max; "),
        (["stabilize", "a.mp4", "--max-crop", "nan"], "--max-crop must be between 0 and 0.5, got nan"),
        (["stabilize", "a.mp4", "--max-crop", "0.6"], "--max-crop must be between 0 and 0.5, got 0.6"),
        (["stabilize", "a.mp4", "--zoom", "much"], "--zoom must be one of none, static, dynamic; got 'much'"),
        (["stabilize", "a.mp4", "--look-ahead", "3"], "--look-ahead counts with --streaming only"),
        (["stabilize", "a.mp4", "--crf", "nan"], "--crf must be a number from 0 up, got 'nan'"),
        (["stabilize", "a.mp4", "--encoder-option", "x"], "--encoder-option must be NAME=VALUE, got 'x'"),
        (["smooth", "a.vstab", "--method", "klt"], "--method is no option of `vstab smooth`; it belongs to stabilize"),
        (["stabilise", "a.mp4"], "unknown command 'stabilise'; did you mean stabilize or unstabilize?"),
        (["stabilize"], "the following arguments are required: IN; see `vstab stabilize --help`"),
        (["stabilize", "a.mp4", "b.mp4"], "unrecognized arguments: b.mp4"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_what_is_right(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"vstab: error: {words}")
    assert shown.out == ""


@pytest.mark.parametrize("mode", [["--progress", "json"], ["--progress=json"]])
@pytest.mark.parametrize("wrong", [["--max-crp", "1"], ["--max-crop", "2"], []])
def test_a_wrong_command_line_is_an_error_object_for_programs(
    mode: list[str], wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    source = ["a.mp4"] if wrong else []
    assert cli.main(["stabilize", *source, *wrong, *mode]) == 2
    shown = capsys.readouterr()
    (event,) = events(shown.out)
    assert (event["event"], event["code"]) == ("error", "usage")
    assert event["message"]


def test_version_and_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("vstab 0.")
    assert cli.main(["params", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "projection"
    assert cli.main(["params"]) == 0
    assert "--max-crop  (0 to 0.5; default 0.15)" in capsys.readouterr().out
    assert cli.main([]) == 2


def test_doctor_finds_this_installation_healthy() -> None:
    done = vstab("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, report
    assert report["self_check"] == "passed"
    assert report["encoders"]["libx264"] == "yes"
    assert report["simd"] is None or report["simd"]


def test_a_reader_of_params_that_leaves_early_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "vstab_core.cli", "params"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 130


# -- protocol ---------------------------------------------------------------------------------------------------


def test_a_run_tells_start_progress_warning_and_result(tmp_path: Path) -> None:
    command = stand_in("quick", "stabilize", "a.mp4", "--progress", "json", "--sidecar", "a.vstab")
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=tmp_path, check=True)
    got = events(done.stdout)
    assert [event["event"] for event in got][:2] == ["started", "progress"]
    assert got[0]["protocol"] == 1
    assert got[0]["stages"] == ["analyze", "smooth", "render"]
    assert got[0]["output"] == "a_stabilized.mp4"
    assert got[-2] == {"event": "warning", "message": "3 frames lost"}
    assert got[-1] == {
        "event": "result",
        "output": "a_stabilized.mp4",
        "sidecar": "a.vstab",
        "figures": {"shake": None, "frames": 5},
    }
    last = [event for event in got if event["event"] == "progress"][-1]
    assert (last["stage"], last["frame"], last["frames"]) == ("analyze", 5, 5)
    assert done.stderr == ""


def test_a_warning_that_is_logged_and_returned_is_told_once(tmp_path: Path) -> None:
    command = stand_in("warns", "stabilize", "a.mp4", "--progress", "json")
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=tmp_path, check=True)
    assert [event["event"] for event in events(done.stdout)] == ["started", "warning", "progress", "result"]


@pytest.mark.parametrize(
    ("mode", "status", "code", "words"),
    [
        ("crash", 70, "internal", "unexpected ZeroDivisionError: division by zero; this is a fault of vstab"),
        ("memory", 71, "memory", "not enough memory"),
        ("full", 4, "output", "the disk is full; nothing half-written is left"),
    ],
)
def test_what_goes_wrong_inside_has_its_code_and_leaves_nothing(
    mode: str, status: int, code: str, words: str, tmp_path: Path
) -> None:
    command = stand_in(mode, "stabilize", "a.mp4", "--progress", "json")
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=tmp_path, check=False)
    event = events(done.stdout)[-1]
    assert done.returncode == status
    assert (event["event"], event["code"]) == ("error", code)
    assert event["message"].startswith(words)
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def test_the_trace_of_a_fault_is_shown_with_v_only(tmp_path: Path) -> None:
    plain = subprocess.run(
        stand_in("crash", "stabilize", "a"), capture_output=True, text=True, cwd=tmp_path, check=False
    )
    loud = subprocess.run(
        stand_in("crash", "stabilize", "a", "-v"), capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert "Traceback" not in plain.stderr
    assert plain.stderr.startswith("vstab: error: unexpected ZeroDivisionError")
    assert "Traceback" in loud.stderr


# -- cancelling -------------------------------------------------------------------------------------------------


CANCELS = [(mode, how) for mode in ("slow", "stuck", "locked") for how in ("SIGINT", "SIGTERM", "stdin")]


# who says nothing does not notice that nobody listens: stdout goes with "slow" only
@pytest.mark.parametrize(("mode", "how"), [*CANCELS, ("slow", "stdout")])
def test_a_cancelled_run_ends_soon_and_leaves_nothing(mode: str, how: str, tmp_path: Path) -> None:
    with running(mode, tmp_path) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        start = time.monotonic()
        if how == "stdin":
            child.stdin.close()
        elif how == "stdout":
            child.stdout.close()
        else:
            child.send_signal(getattr(signal, how))
        if how == "stdout":
            status = child.wait(PATIENCE_S)
        else:
            status, event = finish(child)
            reason = "stdin was closed" if how == "stdin" else how
            assert (event["event"], event["code"]) == ("error", "cancelled")
            assert event["message"] == f"cancelled: {reason}; nothing half-written is left"
        assert status == 130
        assert time.monotonic() - start < 5
        assert child.stderr is not None
        assert child.stderr.read() == ""
    assert not list(tmp_path.iterdir())


def test_what_comes_through_stdin_does_not_cancel(tmp_path: Path) -> None:
    with running("slow", tmp_path) as child:
        assert child.stdin is not None
        child.stdin.write("anything\n")
        child.stdin.flush()
        time.sleep(0.7)
        assert child.poll() is None


@pytest.mark.parametrize("stdin", ["null", "file", "closed"])
def test_a_host_that_gives_no_stdin_cancels_nothing(stdin: str, tmp_path: Path) -> None:
    command = stand_in("quick", "stabilize", "a.mp4", "--progress", "json")
    (tmp_path / "empty").touch()
    with (tmp_path / "empty").open() as file:
        given = {"null": subprocess.DEVNULL, "file": file, "closed": None}[stdin]
        before = (lambda: os.close(0)) if stdin == "closed" else None
        done = subprocess.run(command, capture_output=True, stdin=given, cwd=tmp_path, preexec_fn=before, check=False)
    assert done.returncode == 0, done.stderr


def test_without_json_a_closed_stdin_means_nothing(tmp_path: Path) -> None:
    command = stand_in("quick", "stabilize", "a.mp4")
    done = subprocess.run(command, capture_output=True, text=True, input="", cwd=tmp_path, check=False)
    assert done.returncode == 0
    assert done.stdout == "a_stabilized.mp4\n"


def test_cleaning_up_is_not_interrupted(tmp_path: Path) -> None:
    with running("tidy", tmp_path) as child:
        child.send_signal(signal.SIGINT)
        child.send_signal(signal.SIGTERM)  # a wrapper that passes on what the terminal has sent already
        assert finish(child)[0] == 130
    assert [path.name for path in tmp_path.iterdir()] == ["tidied"]


def test_a_second_signal_ends_what_does_not_want_to_end(tmp_path: Path) -> None:
    with running("stubborn", tmp_path) as child:
        child.send_signal(signal.SIGTERM)
        time.sleep(1.5)
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_S) == 128 + signal.SIGTERM


def test_handlers_of_signals_are_given_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    assert cli.main(["stabilize", str(tmp_path / "none.mp4"), "--progress", "none"]) != 0
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
