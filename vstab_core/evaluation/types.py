"""What an evaluation found, as the table, the report and the benchmarks read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]  # (F,)
Projection = Literal["rectilinear", "equirect"]

PATH_SIGNALS: dict[Projection, tuple[str, ...]] = {
    "rectilinear": ("x_px", "y_px", "rotation_deg", "zoom_percent"),
    "equirect": ("yaw_deg", "pitch_deg", "roll_deg"),
}


@dataclass(frozen=True)
class ClipFacts:
    """What a clip is, apart from how it looks.

    Attributes:
        path: the file.
        width, height: size of a frame in pixels, as displayed.
        frames: frames that decode.
        fps: frames a second, on average.
        duration_s: from the first frame to the end of the last.
    """

    path: Path
    width: int
    height: int
    frames: int
    fps: float
    duration_s: float


@dataclass(frozen=True)
class Reading:
    """One metric's figures.

    Attributes:
        before: of the original; None where the metric is of the pair, or could not be measured.
        after: of the stabilized clip, or of the pair; None where it could not be measured.
        note: why it could not be measured, or what limits it; empty if nothing does.
    """

    before: float | None
    after: float | None
    note: str = ""


@dataclass(frozen=True)
class Findings:
    """What one projection's measurements give; as in `Evaluation`."""

    readings: Mapping[str, Reading]
    before: Mapping[str, Series]
    after: Mapping[str, Series]
    crop: Series
    confidence: Series
    cuts: list[int]


@dataclass(frozen=True)
class Evaluation:
    """Figures and curves of a stabilized clip beside its original.

    Attributes:
        original, stabilized: what the clips are.
        projection: how the picture is to be understood; decides which metrics and which path signals there are.
        readings: by `Metric.key`; every metric of the projection has one.
        time_s: (F,) seconds of the compared frames, counted from the first of them.
        before, after: the camera paths by signal (`PATH_SIGNALS`), (F,) each: summed frame-to-frame movement of the
            picture's centre, of what stands still in the scene. Begins at 0, and again after each cut. NaN in frames
            that could not be measured.
        crop: (F,) share of width and height that is kept; NaN where it could not be measured.
        confidence: (F,) 0..1, share of the point matches between a frame and its original that agree with one
            homography (equirect: of those between a stabilized frame and the one before it, with one rotation).
        cuts: indices of the frames that begin a new shot (frame 0 is not among them).
        warnings: sentences about what differs or could not be compared.
    """

    original: ClipFacts
    stabilized: ClipFacts
    projection: Projection
    readings: Mapping[str, Reading]
    time_s: Series
    before: Mapping[str, Series]
    after: Mapping[str, Series]
    crop: Series
    confidence: Series
    cuts: list[int]
    warnings: list[str] = field(default_factory=list)
