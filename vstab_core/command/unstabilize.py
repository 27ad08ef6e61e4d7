"""`vstab unstabilize`: the original view of a stabilized 360 clip."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..params import parameters_from
from .arguments import add_encoder, encoder_options

if TYPE_CHECKING:
    from ..result import ProgressFn, Result


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    command.add_argument("stabilized", metavar="STABILIZED", type=Path, help="a 360 clip that vstab has stabilized")
    command.add_argument(
        "--sidecar", metavar="PATH", type=Path, required=True, help="the sidecar it was stabilized with"
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        help="the result (default: STABILIZED_original.EXT beside the clip)",
    )
    add_encoder(command)


def default_output(options: argparse.Namespace) -> Path:
    """Return where the result goes without -o."""
    source: Path = options.stabilized
    return source.with_name(f"{source.stem}_original{source.suffix}")


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Turn the frames back."""
    parameters, encoder = parameters_from(options.given), encoder_options(options)
    from ..types import EncodeOptions
    from ..unstabilize import unstabilize

    return unstabilize(
        options.stabilized,
        options.sidecar,
        options.output,
        parameters,
        EncodeOptions(**encoder),
        overwrite=options.overwrite,
        on_progress=on_progress,
    )
