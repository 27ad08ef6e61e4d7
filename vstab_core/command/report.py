"""`vstab report`: a page with both clips, the camera path and the figures."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .arguments import add_pair

if TYPE_CHECKING:
    from ..result import ProgressFn, Result


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_pair(command)
    command.add_argument(
        "-o", "--output", metavar="OUT", type=Path, help="the page (default: STABILIZED_report.html beside the clip)"
    )
    command.add_argument(
        "--sidecar", metavar="PATH", type=Path, help="of the original; adds what the solver knows to the page"
    )


def default_output(options: argparse.Namespace) -> Path:
    """Return where the result goes without -o."""
    stabilized: Path = options.stabilized
    return stabilized.with_name(f"{stabilized.stem}_report.html")


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Write the page."""
    from ..evaluation.report.make import make_report

    return make_report(
        options.original,
        options.stabilized,
        options.output,
        sidecar=options.sidecar,
        overwrite=options.overwrite,
        on_progress=on_progress,
    )
