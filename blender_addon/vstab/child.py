"""`vstab` as a child process: started with a clean environment, read in a thread, stopped by closing its stdin.

The protocol is described in docs/hosts.md. Nothing here knows Blender.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from typing import Any

PROTOCOL = 1
GRACE_S = 10.0  # a cancelled child cleans up within a second; after this it is killed
LOG_TAIL_BYTES = 2000

# Blender sets these for its own Python and libraries; a child that inherits them loads the wrong ones.
_HOSTS_OWN = ("PYTHON", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_", "QT_")


class VstabError(Exception):
    """A run of `vstab` gave an error.

    Attributes:
        code: the protocol's word for the kind: "input", "output", "sidecar", "cancelled", ...; "missing" and "killed"
            are ours: there is no such program, or it ended without a word.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def clean_environment() -> dict[str, str]:
    """Return the environment without what the host has set for itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_HOSTS_OWN)}


class Child:
    """One run of `vstab` whose stdout is read as lines of JSON.

    Raises:
        VstabError: the program cannot be started.
    """

    def __init__(self, program: str, arguments: Sequence[str]) -> None:
        self._events: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._cancelled_at: float | None = None
        try:
            self._process = subprocess.Popen(
                [program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=clean_environment(),
                encoding="utf-8",
                errors="replace",
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            self._log.close()
            raise VstabError("missing", f"vstab could not be started from '{program}': {error.strerror}") from error
        self._reader = threading.Thread(target=self._read, name="vstab reader", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError, OSError):  # the pipe was closed under us
            for line in self._process.stdout:
                with contextlib.suppress(ValueError):  # what is no JSON is none of ours
                    event = json.loads(line)
                    if isinstance(event, dict):
                        self._events.put(event)
        self._events.put(None)

    def poll(self) -> tuple[list[dict[str, Any]], bool]:
        """Return what has come since the last call, and whether the child has ended."""
        events = []
        ended = False
        with contextlib.suppress(queue.Empty):
            while True:
                event = self._events.get_nowait()
                if event is None:
                    ended = True
                else:
                    events.append(event)
        if self._cancelled_at is not None and not ended and time.monotonic() - self._cancelled_at > GRACE_S:
            self._process.kill()
        return events, ended

    def cancel(self) -> None:
        """Ask the child to stop; it leaves nothing half-written."""
        if self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            with contextlib.suppress(OSError):
                assert self._process.stdin is not None
                self._process.stdin.close()

    def close(self) -> int:
        """Wait for the end and return the exit status; cancels what still runs."""
        if self._process.poll() is None:
            self.cancel()
        try:
            status = self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        with contextlib.suppress(OSError):
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        return status

    def last_words(self) -> str:
        """Return the last line of stderr, and forget the log."""
        with self._log as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - LOG_TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else ""


def how_it_ended(status: int, last_words: str) -> str:
    """Return a sentence about a run that ended without a result or an error."""
    if status < 0:
        name = signal.Signals(-status).name if -status in signal.Signals._value2member_map_ else f"signal {-status}"
        return f"vstab was ended from outside ({name}); there is no result. Not enough memory is the usual cause"
    return f"vstab ended with status {status} and no result{f': {last_words}' if last_words else ''}"


def ask(program: str, arguments: Sequence[str], timeout_s: float = 30.0) -> Any:
    """Run a command that answers at once with one JSON value, and return it.

    Raises:
        VstabError: it cannot be started, fails, or does not answer.
    """
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=clean_environment(),
            timeout=timeout_s,
            check=False,
            encoding="utf-8",
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise VstabError("missing", f"vstab could not be started from '{program}': {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise VstabError("killed", f"'{program}' did not answer within {timeout_s:g} s") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        words = done.stderr.strip().splitlines()
        raise VstabError("killed", how_it_ended(done.returncode, words[-1] if words else "")) from None
    if isinstance(answer, dict) and answer.get("event") == "error":
        raise VstabError(answer.get("code", "error"), answer.get("message", "vstab failed"))
    return answer
