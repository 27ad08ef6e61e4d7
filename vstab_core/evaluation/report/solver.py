"""What a sidecar adds to the page: the solver's own view of the clip, aligned with it by time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...params import DEFAULTS, PARAMS
from ...sidecar import Sidecar
from ...types import RotationMotion
from .curves import Curve, Plot


@dataclass(frozen=True)
class Solver:
    """What the solver knows.

    Attributes:
        facts: (what, value) for people.
        parameters: (label, flag's name, value, whether it is the default).
        curves: plot's key -> the line that joins it.
        bands: (from, to) in seconds: stretches where the motion could not be measured and was bridged.
    """

    facts: Sequence[tuple[str, str]]
    parameters: Sequence[tuple[str, str, str, bool]]
    curves: dict[str, Curve]
    bands: Sequence[tuple[float, float]]


def solver_of(sidecar: Sidecar, origin_s: float, end_s: float) -> Solver:
    """Return what a sidecar says about the time from 0 to `end_s`.

    Args:
        sidecar: of the original.
        origin_s: the moment of the original's clock that is 0 on the page.
        end_s: the last compared frame, counted from there.
    """
    track, motion, warps = sidecar.track, sidecar.motion, sidecar.warps
    time_s = track.pts.astype(np.float64) * float(track.time_base) - origin_s
    shown = (time_s > -1e-6) & (time_s < end_s + 1e-6)
    curves: dict[str, Curve] = {}
    bands: list[tuple[float, float]] = []
    facts = [("Sidecar", f"for '{sidecar.source_name}', written by vstab {sidecar.writer or 'of unknown version'}"),
             ("Frames", f"{len(track)}")]  # fmt: skip
    if motion is not None:
        confidence = motion.confidence.astype(np.float64)
        curves["confidence"] = Curve("solver", "solver, of its tracking", confidence[shown], time_s[shown])
        weak = (confidence == 0) & ~motion.cut
        bands = _stretches(weak, time_s, end_s)
        cuts = time_s[np.flatnonzero(motion.cut)[1:]]
        facts += [
            ("Cuts found", ", ".join(f"{cut:.2f} s" for cut in cuts) or "none"),
            ("Weak frames", f"{int(weak.sum())}, their motion bridged" if weak.any() else "none"),
        ]  # fmt: skip
        if isinstance(motion, RotationMotion):
            facts.append(("Key frames", f"{int(motion.key_frame.sum())}, their rotation measured in 3D"))
        else:
            rows = f"rows read out over {motion.readout_ratio:.0%} of the frame interval"
            facts.append(("Rolling shutter", rows if motion.readout_ratio else "none corrected"))
    if warps is not None:
        crop = np.asarray(warps.crop, np.float64)
        curves["kept_percent"] = Curve("solver", "solver, what its zoom leaves", (1 - crop[shown]) * 100, time_s[shown])
        facts.append(("Crop by zoom", f"{crop.max():.1%} of width and height at most, {crop.mean():.1%} on average"))
    return Solver(facts, _parameters(sidecar), curves, bands)


def join(plots: Sequence[Plot], solver: Solver | None) -> list[Plot]:
    """Return the plots with the solver's lines among them."""
    if solver is None:
        return list(plots)
    return [
        dataclasses.replace(plot, curves=[solver.curves[plot.key], *plot.curves]) if plot.key in solver.curves else plot
        for plot in plots
    ]


def _parameters(sidecar: Sidecar) -> list[tuple[str, str, str, bool]]:
    if sidecar.parameters is None:
        return []
    return [
        (PARAMS[name].label, name, f"{value:g}" if isinstance(value, float) else str(value), value == DEFAULTS[name])
        for name, value in sidecar.parameters.as_dict().items()
    ]


def _stretches(
    weak: np.typing.NDArray[np.bool_], time_s: np.typing.NDArray[np.float64], end_s: float
) -> list[tuple[float, float]]:
    """Return (from, to) of each run of weak frames: from its first frame to the first good one after it."""
    padded = np.concatenate([[False], weak, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    following_s = np.append(time_s, end_s)
    runs = [(float(time_s[a]), float(following_s[b])) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [(max(0.0, begin), min(end, end_s)) for begin, end in runs if end > 0 and begin < end_s]
