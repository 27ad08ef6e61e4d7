"""`vstab segment`: what `vstab batch` has its children do with a part of a long clip. Not a promise to anyone else."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .arguments import add_encoder, encoder_options

if TYPE_CHECKING:
    from ..result import ProgressFn, Result


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    command.add_argument("input", metavar="IN", type=Path, help="the video")
    command.add_argument("-o", "--output", metavar="OUT", type=Path, required=True, help="the part, or the result")
    command.add_argument("--sidecar", metavar="PATH", type=Path, required=True, help="the video's analysis")
    work = command.add_mutually_exclusive_group(required=True)
    work.add_argument("--frames", metavar="FIRST:END", help="render these frames into a part")
    work.add_argument("--join", metavar="PART", type=Path, nargs="+", help="write the result from these parts")
    add_encoder(command)


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Render a part, or join them all."""
    encoder = encoder_options(options)
    from ..batch.part import join_parts, render_part
    from ..types import EncodeOptions

    encode = EncodeOptions(**encoder)
    if options.join:
        return join_parts(
            options.input,
            options.sidecar,
            options.output,
            options.join,
            encode,
            overwrite=options.overwrite,
            on_progress=on_progress,
        )
    first, _, end = options.frames.partition(":")
    if not (first.isdecimal() and end.isdecimal()):
        raise UsageError(f"--frames must be FIRST:END, got {options.frames!r}")
    frames = int(first), int(end)
    return render_part(options.input, options.sidecar, options.output, frames, encode, on_progress=on_progress)
