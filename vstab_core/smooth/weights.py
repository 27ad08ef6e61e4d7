"""From the user's words to the weights of the path's energy."""

from __future__ import annotations

import numpy as np

from ..params import Parameters
from ..types import CameraMotion, RotationMotion
from .solver import Smoothness

HORIZON_S = 2.0  # at smoothness 1
SHAKE_HZ = 1.0  # what is faster is called shake, as in the evaluation
CUTOFF_PERIODS = 2.0  # the path keeps motion slower than this many horizons; at smoothness 0.5: 0.5 Hz


def usual_interval_s(motion: CameraMotion | RotationMotion) -> float:
    """Return the median time between frames, in seconds."""
    return float(np.quantile(np.diff(motion.time_s), 0.5)) if len(motion) > 1 else 1.0


def smoothness_weights(parameters: Parameters, interval_s: float) -> Smoothness:
    """Translate the user's smoothness and lock into weights, for time in units of the usual frame interval.

    With only jerk weighted, the path keeps 1 / (1 + (f / f_c)^6) of a motion of frequency f.
    """
    if parameters.lock == "on":
        return Smoothness(anchor=1e-8, speed=1.0, acceleration=0.0, jerk=100.0)
    return of_order(horizon_frames(parameters, interval_s), 3)


def horizon_frames(parameters: Parameters, interval_s: float) -> float:
    """Return over how many frames the path is smoothed: the period of the cut-off, over 2 pi."""
    return float(CUTOFF_PERIODS * HORIZON_S * parameters.smoothness / interval_s / (2 * np.pi))


def of_order(horizon: float, order: int) -> Smoothness:
    """Return the weights of one derivative that keep 1 / (1 + (f / f_c)^(2 order)) of a motion of frequency f.

    Args:
        horizon: frames, see `horizon_frames`.
        order: 1: speed, 2: acceleration, 3: jerk.
    """
    weights = [0.0, 0.0, 0.0]
    weights[order - 1] = horizon ** (2 * order)
    return Smoothness(1.0, *weights)


def shake_weights(interval_s: float) -> Smoothness:
    """Return the weights that keep what is slower than 1 Hz, so that what they take off is shake."""
    return of_order(1 / (2 * np.pi * SHAKE_HZ * interval_s), 3)
