"""`vstab` as a child process: a clean environment, read in a thread, stopped by closing its stdin (docs/hosts.md)."""

import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
import time

from .refused import Refused

PROTOCOL = 1
GRACE_S = 10.0  # a cancelled child cleans up within a second; after this it is killed
LOG_TAIL_BYTES = 2000

# Resolve sets these for its own Python and libraries; a child that inherits them loads the wrong ones.
_HOSTS_OWN = ("PYTHON", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_", "QT_")
_OPTIONS = {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0x08000000)} if os.name == "nt" else {}


def clean_environment():
    """Return the environment without what Resolve has set for itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_HOSTS_OWN)}


class Child:
    """One run of `vstab` whose stdout is read as lines of JSON.

    Raises:
        Refused: the program cannot be started.
    """

    def __init__(self, program, arguments):
        self._events = queue.Queue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        self._cancelled_at = None
        try:
            self._process = subprocess.Popen(
                [program] + list(arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env=clean_environment(),
                encoding="utf-8",
                errors="replace",
                **_OPTIONS,
            )
        except OSError as error:
            self._log.close()
            raise _not_started(program, error) from error
        threading.Thread(target=self._read, name="vstab reader", daemon=True).start()

    def _read(self):
        with contextlib.suppress(ValueError, OSError):  # the pipe was closed under us
            for line in self._process.stdout:
                with contextlib.suppress(ValueError):  # what is no JSON is none of ours
                    event = json.loads(line)
                    if isinstance(event, dict):
                        self._events.put(event)
        self._events.put(None)

    def poll(self):
        """Return what has come since the last call, and whether the child has ended."""
        events, ended = [], False
        with contextlib.suppress(queue.Empty):
            while not ended:
                event = self._events.get_nowait()
                if event is None:
                    ended = True
                else:
                    events.append(event)
        late = self._cancelled_at is not None and time.monotonic() - self._cancelled_at > GRACE_S
        if late and not ended:
            self._process.kill()
        return events, ended

    def cancel(self):
        """Ask the child to stop; it leaves nothing half-written."""
        if self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def close(self):
        """Wait for the end, cancelling what still runs; return the exit status and the last line of stderr."""
        if self._process.poll() is None:
            self.cancel()
        try:
            status = self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        with self._log as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - LOG_TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").strip().splitlines()
        return status, lines[-1] if lines else ""


def how_it_ended(status, last_words):
    """Return a sentence about a run that ended without a result or an error."""
    if status < 0:
        return (
            "vstab was ended from outside (signal {}) and there is no result; not enough memory is the usual cause. "
            "Close other programs and run the script again".format(-status)
        )
    words = ": " + last_words if last_words else ""
    return "vstab ended with status {} and no result{}; `vstab doctor` says whether it is sound".format(status, words)


def ask(program, arguments, timeout_s=60.0):
    """Run a command that answers at once and return its stdout.

    Raises:
        Refused: it cannot be started, fails, or does not answer.
    """
    try:
        done = subprocess.run(
            [program] + list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            timeout=timeout_s,
            check=False,
            encoding="utf-8",
            errors="replace",
            **_OPTIONS,
        )
    except OSError as error:
        raise _not_started(program, error) from error
    except subprocess.TimeoutExpired as error:
        raise Refused("'{}' did not answer within {:g} s".format(program, timeout_s), "killed") from error
    if done.returncode:
        with contextlib.suppress(ValueError):
            answer = json.loads(done.stdout)
            raise Refused(answer.get("message", "vstab failed"), answer.get("code", "error"))
        words = done.stderr.strip().splitlines()
        raise Refused(how_it_ended(done.returncode, words[-1] if words else ""), "killed")
    return done.stdout


def _not_started(program, error):
    return Refused("vstab could not be started from '{}': {}".format(program, error.strerror or error), "missing")
