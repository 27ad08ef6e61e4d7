"""`vstab export`: a sidecar's camera motion and warps for other programs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..result import ProgressFn, Result


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    command.add_argument("sidecar", metavar="SIDECAR", type=Path, help="a .vstab file")
    command.add_argument(
        "--to", choices=("csv", "json"), required=True, help="csv: a table, one row a frame; json: the same with a head"
    )
    command.add_argument(
        "-o", "--output", metavar="OUT", type=Path, help="the file (default: SIDECAR.csv or .json beside the sidecar)"
    )


def default_output(options: argparse.Namespace) -> Path:
    """Return where the result goes without -o."""
    sidecar: Path = options.sidecar
    return sidecar.with_suffix(f".{options.to}")


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Write the file."""
    from ..export import export
    from ..result import Result
    from ..sidecar import read_sidecar

    started = time.monotonic()
    stored = read_sidecar(options.sidecar)
    frames = export(stored, options.output, options.to, overwrite=options.overwrite, source=options.sidecar)
    on_progress("export", frames, frames)
    return Result(options.output, {"frames": frames, "seconds": time.monotonic() - started})
