"""`vstab visualize`: what the stages see in a clip."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .arguments import add_encoder, encoder_options

if TYPE_CHECKING:
    from ..result import ProgressFn, Result

MOST_FRAMES = 100_000  # in a range: more is a slip of the finger


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    command.add_argument("input", metavar="CLIP", type=Path, help="the video")
    command.add_argument(
        "--what",
        choices=("features", "tracks", "flow", "mask", "confidence"),
        required=True,
        help="features: ORB keypoints with scale and direction; tracks: the estimator's tracks with tails, green "
        "where they follow the camera's motion; flow: TV-L1 optical flow, hue = direction; mask: what the motion "
        "estimator takes for background; confidence: what the motion network does",
    )
    command.add_argument(
        "-o",
        "--output",
        metavar="OUT",
        type=Path,
        help="a video, a pattern of stills such as x_%%04d.png, or a folder (default: CLIP_WHAT.EXT beside the clip)",
    )
    command.add_argument("--frames", metavar="N,N-N,...", help="only these frames, as stills; the first one is 0")
    command.add_argument(
        "--flow-scale",
        metavar="PX",
        help="of flow: movement a frame that is shown in full colour (default: 1.5 %% of the longer side)",
    )
    command.add_argument("--no-labels", dest="labels", action="store_false", help="no caption, no colour wheel")
    add_encoder(command)


def default_output(options: argparse.Namespace) -> Path:
    """Return where the result goes without -o."""
    source: Path = options.input
    ending = source.suffix if options.frames is None else "_%04d.png"
    stem = source.stem if options.frames is None else source.stem.replace("%", "%%")
    return source.with_name(f"{stem}_{options.what}{ending}")


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Draw the clip."""
    frames, scale_px = frames_of(options.frames), _scale(options)
    encoder = encoder_options(options)
    from ..evaluation.visualize.make import visualize
    from ..types import EncodeOptions

    return visualize(
        options.input,
        options.output,
        options.what,
        EncodeOptions(**encoder),
        frames=frames,
        flow_scale_px=scale_px,
        labels=options.labels,
        overwrite=options.overwrite,
        on_progress=on_progress,
    )


def frames_of(text: str | None) -> set[int] | None:
    """Return the frames that a text such as "10,50,100-120" names; None for None.

    Raises:
        UsageError: it is no such text.
    """
    if text is None:
        return None
    frames: set[int] = set()
    for word in text.split(","):
        first, dash, last = word.strip().partition("-")
        last = last if dash else first
        if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
            raise UsageError(f"--frames takes numbers from 0 up, as in 10,50,100-120, got {text!r}")
        if not 0 <= int(last) - int(first) < MOST_FRAMES:
            raise UsageError(f"--frames: a range goes up, by {MOST_FRAMES} frames at most, got {word.strip()!r}")
        frames.update(range(int(first), int(last) + 1))
    return frames


def _scale(options: argparse.Namespace) -> float | None:
    text: str | None = options.flow_scale
    if text is None:
        return None
    if options.what != "flow":
        raise UsageError("--flow-scale counts with --what flow only; leave it out")
    try:
        scale_px = float(text)
    except ValueError:
        scale_px = float("nan")
    if not 0 < scale_px < float("inf"):
        raise UsageError(f"--flow-scale must be more than 0 px a frame, got {text!r}")
    return scale_px
