"""`vstab pipe`: a filter between two programs, NUT in on stdin and NUT out on stdout."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Cancelled, InputError, OutputError, UsageError
from .arguments import add_parameters, flag_of

if TYPE_CHECKING:
    from ..result import ProgressFn, Result

USUAL = "ffmpeg -i in.mp4 -c:v rawvideo -c:a copy -f nut - | vstab pipe | ffmpeg -f nut -i - -c:a copy out.mp4"
LIVE_PARAMETERS = (
    "method",
    "stabnet_weights",
    "model",
    "smoothness",
    "strength",
    "lock",
    "max_crop",
    "zoom",
    "border",
    "look_ahead",
    "input_space",
    "ocio",
)
RENDER_PARAMETERS = ("interpolation", "resample_light")  # those that count with a sidecar too
PIPE_BYTES = 1 << 20  # of the system's buffers: as much as it gives to anybody


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    command.description = f"{command.description}\n\n  {USUAL}"
    command.add_argument(
        "--sidecar",
        metavar="PATH",
        type=Path,
        help="render with the warps of this sidecar, by time; nothing is measured",
    )
    add_parameters(command, (*LIVE_PARAMETERS, *RENDER_PARAMETERS))


def default_output(options: argparse.Namespace) -> Path | None:
    """Return None: the output is stdout."""
    return None


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Stabilize what comes on stdin.

    Raises:
        UsageError: stdin is a terminal, or a parameter does not go with --sidecar.
        OutputError: stdout is a terminal.
    """
    if options.sidecar is not None:
        for name in options.given:
            if name not in RENDER_PARAMETERS:
                raise UsageError(
                    f"{flag_of(name)} is decided in the sidecar; run `vstab smooth {options.sidecar}` with it, or "
                    "leave --sidecar out"
                )
    if sys.stdin is None or os.isatty(0):
        raise InputError(f"no video comes on stdin; use it between two programs: {USUAL}")
    if sys.stdout is None or os.isatty(1):
        raise OutputError(f"stdout is a terminal and takes no video; use it between two programs: {USUAL}")
    from ..pipe.run import run_pipe

    with _stdout_for_video() as target:
        for descriptor in (0, target):
            _widen(descriptor)
        try:
            return run_pipe(0, target, options.given, sidecar=options.sidecar, on_progress=on_progress)
        except Cancelled as error:
            raise Cancelled(f"{str(error).partition(';')[0]}; the stream ends here") from None


@contextlib.contextmanager
def _stdout_for_video() -> Iterator[int]:
    """Give a descriptor of stdout that only the video is written to: what else is printed goes to stderr meanwhile."""
    target = os.dup(1)
    os.dup2(2, 1)
    try:
        yield target
    finally:
        os.dup2(target, 1)
        os.close(target)


def _widen(descriptor: int) -> None:
    """Ask for a larger buffer where the descriptor is a pipe of Linux: fewer switches between the programs."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
