"""What the plots show, as values for JSON: the camera path before and after, what is kept, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import PATH_SIGNALS, Evaluation, Series

MOST_POINTS = 12_000  # of a curve: three screens wide, four points each; more makes a browser slow and a page large

# signal -> (label, unit, what it says)
SIGNALS = {
    "x_px": ("Horizontal", "px", "Movement of the scene to the side"),
    "y_px": ("Vertical", "px", "Movement of the scene up and down"),
    "rotation_deg": ("Rotation", "°", "Turning of the scene in the picture"),
    "zoom_percent": ("Zoom", "%", "Growing of the scene in the picture"),
    "yaw_deg": ("Yaw", "°", "Turning of the camera to the side"),
    "pitch_deg": ("Pitch", "°", "Tilting of the camera up and down"),
    "roll_deg": ("Roll", "°", "Rolling of the camera about its viewing direction"),
}


@dataclass(frozen=True)
class Curve:
    """One line in a plot.

    Attributes:
        key: what it is of: "before", "after" (colour of the clips) or "solver".
        label: for the legend.
        values: (N,), NaN where there is a gap.
        time_s: (N,) seconds from the first compared frame; None: those of the evaluation.
    """

    key: str
    label: str
    values: Series
    time_s: Series | None = None


@dataclass(frozen=True)
class Plot:
    """Curves over one pair of axes.

    Attributes:
        key, label, unit: what is plotted.
        text: one line about it.
        curves: the lines, the last one on top.
        low, high: ends of the value axis; None follows the values.
    """

    key: str
    label: str
    unit: str
    text: str
    curves: Sequence[Curve]
    low: float | None = None
    high: float | None = None


def plots_of(evaluation: Evaluation) -> list[Plot]:
    """Return the plots of an evaluation: the path's signals, what is kept, and the confidence."""
    plots = []
    for signal in PATH_SIGNALS[evaluation.projection]:
        label, unit, text = SIGNALS[signal]
        curves = [
            Curve("before", "original", np.asarray(evaluation.before[signal], np.float64)),
            Curve("after", "stabilized", np.asarray(evaluation.after[signal], np.float64)),
        ]
        plots.append(Plot(signal, label, unit, f"{text}, summed up since the start or the last cut", curves))
    kept = Curve("after", "measured", np.asarray(evaluation.crop, np.float64) * 100)
    if evaluation.projection == "rectilinear":  # a sphere is turned, not cropped
        text = "Share of the original's width and height that is still shown"
        plots.append(Plot("kept_percent", "Picture kept", "%", text, [kept], _round_below(kept.values), 100))
    sure = Curve("after", "measured", np.asarray(evaluation.confidence, np.float64))
    text = "Share of point matches that agree on one movement; low: figures are doubtful there"
    plots.append(Plot("confidence", "Confidence", "0 to 1", text, [sure], 0, 1))
    return plots


def _round_below(values: Series) -> float:
    """Return a multiple of five, 95 at most, below every value: the foot of an axis of percent."""
    found = values[np.isfinite(values)]
    return float(np.clip(5 * np.floor((found.min() - 1) / 5), 0, 95)) if len(found) else 0.0


def plot_values(plot: Plot, time_s: Series) -> dict[str, Any]:
    """Return a plot for JSON; gaps are null."""
    return {
        "key": plot.key, "label": plot.label, "unit": plot.unit, "text": plot.text, "low": plot.low, "high": plot.high,
        "curves": [_curve_values(curve, time_s) for curve in plot.curves],
    }  # fmt: skip


def _curve_values(curve: Curve, time_s: Series) -> dict[str, Any]:
    values = curve.values
    own_s = time_s if curve.time_s is None else curve.time_s
    kept = thinned(values)
    told: dict[str, Any] = {"key": curve.key, "label": curve.label}
    if curve.time_s is not None or len(kept) < len(values):
        told["time_s"] = rounded(own_s[kept], 5)
    told["values"] = rounded(values[kept], 4)
    return told


def thinned(values: Series, most: int = MOST_POINTS) -> npt.NDArray[np.intp]:
    """Return the indices that are drawn of a long curve: of each stretch its least and its greatest value.

    A plain choice of every n-th frame would hide the shake, or show one that is not there. Stretches with a gap give
    its first frame too.
    """
    if len(values) <= most:
        return np.arange(len(values))
    kept: set[int] = {0, len(values) - 1}
    for stretch in np.array_split(np.arange(len(values)), most // 3):
        found = np.isfinite(values[stretch])
        if not found.all():
            kept.add(int(stretch[np.argmin(found)]))
        if found.any():
            there = stretch[found]
            kept.add(int(there[np.argmin(values[there])]))
            kept.add(int(there[np.argmax(values[there])]))
    return np.array(sorted(kept))


def rounded(values: Series, digits: int) -> list[float | None]:
    """Return numbers as JSON takes them: rounded, None where not finite."""
    return [round(value, digits) + 0.0 if math.isfinite(value) else None for value in map(float, values)]


def data_of(
    evaluation: Evaluation, plots: Sequence[Plot], bands: Sequence[tuple[float, float]], sound: bool
) -> Mapping[str, Any]:
    """Return everything that the page's scripts read.

    Args:
        evaluation: gives times and cuts.
        plots: what is drawn.
        bands: (from, to) in seconds: stretches that the solver could not measure.
        sound: whether the original is heard.
    """
    return {
        "frames": rounded(evaluation.time_s, 6),
        "cuts": [round(float(evaluation.time_s[index]), 6) for index in evaluation.cuts],
        "bands": [[round(begin, 5), round(end, 5)] for begin, end in bands],
        "sound": sound,
        "plots": [plot_values(plot, evaluation.time_s) for plot in plots],
    }
