"""`vstab export`: a sidecar's camera motion and warps for other programs."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..result import ProgressFn, Result
    from ..sidecar import Sidecar

ENDINGS = {"vidstab": ".trf", "v360": ".v360.txt"}  # for ffmpeg, of `export_ffmpeg`


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    command.add_argument("sidecar", metavar="SIDECAR", type=Path, help="a .vstab file")
    command.add_argument(
        "--to",
        choices=("csv", "json", "camm", *ENDINGS),
        required=True,
        help="csv: a table, one row a frame; json: the same with a head; camm: a copy of a 360 clip with its rotations "
        "as a track, for players that turn the picture by it; vidstab: an ordinary clip's motion for a stock ffmpeg's "
        "vidstabtransform; v360: a 360 clip's for its sendcmd and v360",
    )
    command.add_argument(
        "--clip",
        metavar="CLIP",
        type=Path,
        help="for camm: the original (players then stabilize it) or the stabilized clip (they undo it); mp4 or mov",
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        help="the file (default: SIDECAR.csv, .json, .trf or .v360.txt; CLIP_camm.mp4)",
    )


def default_output(options: argparse.Namespace) -> Path:
    """Return where the result goes without -o."""
    sidecar: Path = options.sidecar
    if options.to == "camm":
        clip = _clip_of(options)
        return clip.with_name(f"{clip.stem}_camm{clip.suffix}")
    return sidecar.with_suffix(ENDINGS.get(options.to, f".{options.to}"))


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Write the file."""
    from ..export import export, export_camm
    from ..result import Result
    from ..sidecar import read_sidecar

    started = time.monotonic()
    stored = read_sidecar(options.sidecar)
    if options.to in ENDINGS:
        return _run_for_ffmpeg(options, stored, on_progress)
    if options.to == "camm":
        frames = export_camm(stored, _clip_of(options), options.output, overwrite=options.overwrite)
    else:
        frames = export(stored, options.output, options.to, overwrite=options.overwrite, source=options.sidecar)
    on_progress("export", frames, frames)
    return Result(options.output, {"frames": frames, "seconds": time.monotonic() - started})


def _run_for_ffmpeg(options: argparse.Namespace, stored: Sidecar, on_progress: ProgressFn) -> Result:
    from ..export import write_text
    from ..export_ffmpeg import command_line, text_of, v360_script, vidstab_script
    from ..result import Result

    output: Path = options.output
    script = vidstab_script(stored) if options.to == "vidstab" else v360_script(stored)
    text = text_of(script, output.name, stored.source_name)
    write_text(text, output, overwrite=options.overwrite, source=options.sidecar)
    on_progress("export", len(stored.track), len(stored.track))
    line = command_line(script, str(output), stored.source_name)
    figures = {"frames": len(stored.track), f"left_out_{script.unit}": script.error, "command": line}
    return Result(output, figures, script.notes, line)


def _clip_of(options: argparse.Namespace) -> Path:
    clip: Path | None = options.clip
    if clip is None:
        raise UsageError("--to camm needs the clip that gets the track; give --clip CLIP")
    return clip
