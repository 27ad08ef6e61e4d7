"""`vstab compare`: a video of the original beside the stabilized clip."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .arguments import add_encoder, add_pair, encoder_options

if TYPE_CHECKING:
    from ..result import ProgressFn, Result


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_pair(command)
    command.add_argument(
        "-o", "--output", metavar="OUT", type=Path, help="the video (default: STABILIZED_compare.EXT beside the clip)"
    )
    command.add_argument(
        "--layout",
        choices=("side", "wipe", "stack"),
        default="side",
        help="side: side by side (default); wipe: one picture, the original left of a line; stack: above each other",
    )
    command.add_argument(
        "--line", metavar="WHERE", help="of a wipe: 0 (left) .. 1 (right), or sweep (default: 0.5, the middle)"
    )
    command.add_argument("--height", metavar="PX", help="of each picture (default: the original's)")
    command.add_argument("--no-labels", dest="labels", action="store_false", help='no "before" and "after"')
    command.add_argument(
        "--path", action="store_true", help="a strip below with the camera path of both clips, measured from pixels"
    )
    add_encoder(command)


def default_output(options: argparse.Namespace) -> Path:
    """Return where the result goes without -o."""
    stabilized: Path = options.stabilized
    return stabilized.with_name(f"{stabilized.stem}_compare{stabilized.suffix}")


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Write the comparison."""
    line, height = _line(options), _height(options.height)
    encoder = encoder_options(options)
    from ..evaluation.compare.make import compare
    from ..types import EncodeOptions

    return compare(
        options.original,
        options.stabilized,
        options.output,
        EncodeOptions(**encoder),
        arrangement=options.layout,
        line=line,
        height=height,
        labels=options.labels,
        path=options.path,
        overwrite=options.overwrite,
        on_progress=on_progress,
    )


def _line(options: argparse.Namespace) -> float | str:
    text: str | None = options.line
    if text is None:
        return 0.5
    if options.layout != "wipe":
        raise UsageError("--line counts with --layout wipe only; add --layout wipe or leave it out")
    if text == "sweep":
        return text
    try:
        share = float(text)
    except ValueError:
        share = float("nan")
    if not 0 <= share <= 1:
        raise UsageError(f"--line must be a number from 0 to 1, or sweep, got {text!r}")
    return share


def _height(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 16 <= int(text) <= 16384:
        raise UsageError(f"--height must be a whole number of pixels from 16 to 16384, got {text!r}")
    return int(text)
