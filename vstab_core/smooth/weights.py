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
    return Smoothness(anchor=1.0, speed=0.0, acceleration=0.0, jerk=horizon_frames(parameters, interval_s) ** 6)


def horizon_frames(parameters: Parameters, interval_s: float) -> float:
    """Return over how many frames the path is smoothed: the period of the cut-off, over 2 pi."""
    return float(CUTOFF_PERIODS * HORIZON_S * parameters.smoothness / interval_s / (2 * np.pi))


def of_order(weights: Smoothness, order: int) -> Smoothness:
    """Return weights of another derivative that keep a half at the same frequency, 1 / (1 + (f / f_c)^(2 order)).

    Args:
        weights: of the jerk alone.
        order: 1: speed, 2: acceleration.
    """
    horizon = weights.jerk ** (1 / 6)
    return Smoothness(weights.anchor, horizon**2 if order == 1 else 0.0, horizon**4 if order == 2 else 0.0, 0.0)


def shake_weights(interval_s: float) -> Smoothness:
    """Return the weights that keep what is slower than 1 Hz, so that what they take off is shake."""
    return Smoothness(1.0, 0.0, 0.0, (1 / (SHAKE_HZ * interval_s) / (2 * np.pi)) ** 6)
