"""One clip of a batch: a child process `vstab stabilize --progress json`, wherever the batch's clips are worked on.
Steps of a long clip (`segments`) are such children too, of other commands.

A child of its own, so that a crash in a codec takes one clip along and not the batch. It writes into a staging folder;
the batch gives the result its name. The child stops when its stdin closes, so also when its parent is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from ..errors import VstabError

COMMAND = (sys.executable, "-P", "-m", "vstab_core.cli")  # -P: what lies in this folder is not imported
POLL_S = 0.2
GRACE_S = 10.0  # after the request to stop; a frame of 8K takes a fraction of a second

OnEvent = Callable[["Job", dict[str, Any]], None]


@dataclass(frozen=True)
class Job:
    """What is to be done; travels to other machines.

    Attributes:
        number: of the clip in the batch, from 1.
        source: the clip, absolute.
        name: of the result within the batch's directory.
        staging: the run's own folder in the batch's directory; it goes when the run is given up.
        log: the file that the child's messages are added to.
        arguments: of the command, after the files.
        command: of vstab.
    """

    number: int
    source: Path
    name: str
    staging: Path
    log: Path
    arguments: tuple[str, ...]
    command: str = "stabilize"


@dataclass(frozen=True)
class Outcome:
    """What became of it.

    Attributes:
        status: "done", "failed", or "stopped" on request.
        staged: the complete result, of a clip that is done.
        fingerprint: of the source before the child began; empty where it cannot be read.
        frames: in the result.
        seconds: the child took.
        warnings: the child's.
        code, message: of a failure, see docs/hosts.md.
    """

    status: str
    staged: Path | None = None
    fingerprint: str = ""
    frames: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    code: str = ""
    message: str = ""


def run_clip(job: Job, stop: Callable[[], bool], on_event: OnEvent | None = None) -> Outcome:
    """Stabilize a clip, or do a step of that, into the staging folder.

    Args:
        job: what is to be done.
        stop: asked several times a second; the child is stopped when it says so.
        on_event: gets each line of the child's protocol.

    Raises:
        OSError: the staging folder, the log or the child cannot be made: the machine's fault, not the clip's.
    """
    started = time.monotonic()
    before = fingerprint_of(job.source)
    attempt = job.staging / f"{job.number:05d}-{secrets.token_hex(4)}"  # a second attempt never meets the first
    attempt.mkdir()
    staged = attempt / Path(job.name).name
    command = [*COMMAND, job.command, str(job.source), "-o", str(staged), "--progress", "json", "-v", *job.arguments]
    warnings: list[str] = []
    last: dict[str, Any] = {}
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("ab", buffering=0) as log:
        _note(log, f"=== {datetime.now().astimezone().isoformat(timespec='seconds')} on {socket.gethostname()}")
        _note(log, " ".join(command))
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        ) as child:
            ended = threading.Event()
            watcher = threading.Thread(target=_stop_on_request, args=(child, stop, ended), daemon=True)
            watcher.start()
            assert child.stdout is not None
            for line in child.stdout:
                event = _event_of(line)
                if event.get("event") == "warning":
                    warnings.append(str(event.get("message")))
                elif event.get("event") in ("result", "error"):
                    last = event
                if event.get("event") != "progress":
                    log.write(line)
                if on_event is not None:
                    on_event(job, event)
            ended.set()
            watcher.join()  # nobody else closes stdin now
            status = child.wait()
        _note(log, f"=== status {status}")
    seconds, told = time.monotonic() - started, tuple(warnings)
    if status == 0 and staged.is_file():
        frames = (last.get("figures") or {}).get("frames") or 0
        return Outcome("done", staged, before, int(frames), seconds, told)
    if stop():
        return Outcome("stopped", None, before, 0, seconds, told)
    message = last.get("message") or f"{_ended(status)} without a word; see '{job.log}'"
    return Outcome("failed", None, before, 0, seconds, told, str(last.get("code") or "error"), str(message))


def fingerprint_of(path: Path) -> str:
    """Return a clip's fingerprint, empty where it cannot be read: the child will say why."""
    from ..decode import fingerprint

    try:
        return fingerprint(path)
    except (OSError, VstabError):
        return ""


def _stop_on_request(child: subprocess.Popen[bytes], stop: Callable[[], bool], ended: threading.Event) -> None:
    while not ended.wait(POLL_S):
        if stop():
            with contextlib.suppress(OSError):
                assert child.stdin is not None
                child.stdin.close()
            if not ended.wait(GRACE_S):
                child.kill()
            return


def _event_of(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _ended(status: int) -> str:
    return f"vstab was killed by signal {-status}" if status < 0 else f"vstab ended with status {status}"


def _note(log: IO[bytes], line: str) -> None:
    log.write(os.fsencode(line) + b"\n")
