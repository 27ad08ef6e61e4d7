"""Stop a running job: by SIGINT or SIGTERM, by closing its stdin, or because nobody reads its output any more.

A request sets a flag that the next progress call turns into `Cancelled`, a moment at which every stage can unwind. If
no progress call comes for `GRACE_S`, `Cancelled` is raised in the main thread wherever it is. A second signal ends the
process at once. Only signals count for that, and only those that come `SAME_REQUEST_S` after the request: a host that
closes stdin and sends SIGTERM, or a shell and a wrapper that both pass on one Ctrl-C, ask once.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import stat
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from ..errors import Cancelled

GRACE_S = 0.5  # a frame of 8K takes about 0.2 s from one progress call to the next
SAME_REQUEST_S = 1.0  # wrappers pass a signal on within milliseconds; a person's second Ctrl-C takes longer
POLL_S = 0.2

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


class Cancellation:
    """A context in which the job can be cancelled. Enter it in the main thread; it restores the signal handlers.

    Convention:
        leaving the context ends the story: a request that comes later, or that no one has noticed yet, is void.
    """

    def __init__(self) -> None:
        self._reason: str | None = None
        self._asked_at = 0.0
        self._raised = False
        self._raise_now = False
        self._active = False
        self._lock = threading.RLock()  # reentrant: the signal handler runs in whatever the main thread is doing
        self._handlers: dict[int, Any] = {}
        self._deaf_to: set[int] = set()  # ignored when we came: nohup, a background job

    def __enter__(self) -> Cancellation:
        self._active = True
        for number in _SIGNALS:
            before = signal.signal(number, self._on_signal)
            self._handlers[number] = signal.SIG_DFL if before is None else before
            if before is signal.SIG_IGN:
                self._deaf_to.add(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._active = False
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    @property
    def requested(self) -> bool:
        """Whether someone has asked to stop."""
        return self._reason is not None

    def check(self) -> None:
        """Raise `Cancelled` if someone has asked to stop."""
        if self._reason is not None:
            self._raised = True
            raise Cancelled(self._message())

    def request(self, reason: str) -> None:
        """Ask the job to stop; from any thread. The first reason is the one that is told."""
        with self._lock:
            if not self._active or self._reason is not None:
                return
            self._reason, self._asked_at = reason, time.monotonic()
        threading.Thread(target=self._insist, name="cancel", daemon=True).start()

    def watch_stdin(self) -> bool:
        """Cancel when stdin ends, if it is a pipe or a socket; return whether it is watched.

        A terminal, a file, the null device and a closed descriptor are left alone: they say nothing about a host. What
        comes through the pipe is read and dropped.
        """
        try:
            mode = os.fstat(0).st_mode
        except OSError:
            return False
        if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            return False
        threading.Thread(target=self._await_end_of_stdin, name="stdin", daemon=True).start()
        return True

    def _message(self) -> str:
        return f"cancelled: {self._reason}; nothing half-written is left"

    def _await_end_of_stdin(self) -> None:
        with contextlib.suppress(OSError):
            _read_to_end_of_stdin()
        self.request("stdin was closed")

    def _insist(self) -> None:
        """Interrupt the main thread where no progress call has done so."""
        time.sleep(GRACE_S)
        with self._lock:
            if not self._active or self._raised:  # raised: the stages are cleaning up, and that may take a while
                return
            self._raise_now = True
            if hasattr(signal, "pthread_kill"):  # unlike interrupt_main it wakes a thread that waits for a lock
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            else:
                _thread.interrupt_main()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._active:
            return
        if self._raise_now:
            self._raise_now = False
            if not self._raised:
                self.check()
        elif number in self._deaf_to:
            return
        elif self._reason is None:
            self.request(signal.Signals(number).name)
        elif time.monotonic() - self._asked_at > SAME_REQUEST_S:
            os._exit(128 + number)


def _read_to_end_of_stdin() -> None:
    if sys.platform == "win32":
        # Windows: a thread that waits in read() holds the handle, and loading a library then waits for it. So peek.
        import _winapi
        import msvcrt

        handle = msvcrt.get_osfhandle(0)
        while True:
            waiting, _ = _winapi.PeekNamedPipe(handle, 0)  # raises BrokenPipeError at the end
            if waiting:
                os.read(0, waiting)
            time.sleep(POLL_S)
    while os.read(0, 4096):
        pass
