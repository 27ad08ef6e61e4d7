"""What a run tells while it works and when it is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .params import Parameters
from .smooth import hyperlapse
from .types import CameraMotion, RotationMotion, WarpTrack

# (stage, frames done, frames in all or 0 if unknown); may raise Cancelled
ProgressFn = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Result:
    """What a run made.

    Attributes:
        output: the file written, or None.
        figures: what the run found, by name: numbers for people and for hosts.
        warnings: sentences about what was lost or looks wrong.
        text: what the command was asked to print, or None.
    """

    output: Path | None
    figures: Mapping[str, object]
    warnings: list[str] = field(default_factory=list)
    text: str | None = None


def figures_of(
    motion: CameraMotion | RotationMotion | None, warps: WarpTrack, started: float, parameters: Parameters
) -> dict[str, float | int | str]:
    """Return the figures of a run that began at `started` on the monotonic clock."""
    seconds = time.monotonic() - started
    figures: dict[str, float | int | str] = {"frames": len(warps)}
    if motion is not None:
        figures["shots"] = int(motion.cut.sum())
        figures["weak_frames"] = int((motion.confidence == 0).sum())
    if isinstance(motion, CameraMotion):
        figures["readout_ratio"] = motion.readout_ratio
    if isinstance(motion, RotationMotion):
        figures["key_frames"] = int(motion.key_frame.sum())
    if motion is not None and warps.out_pts is not None:
        figures |= hyperlapse.figures(motion, warps, parameters)
    figures["crop"] = float(warps.crop.max())
    figures["seconds"] = seconds
    figures["fps"] = len(warps) / max(seconds, 1e-9)
    return figures


def tell(on_progress: ProgressFn | None, stage: str, frame: int, frames: int) -> None:
    """Report progress where somebody listens."""
    if on_progress is not None:
        on_progress(stage, frame, frames)
