"""Short of room: the path is then smoothed by the derivative that leaves the least shake, at the same cut-off."""

from __future__ import annotations

import numpy as np
import pytest

from tests.synthetic import FPS, motion_of, moving, rms, shaking
from tests.test_smooth import jitter, output_steps
from vstab_core.params import Parameters
from vstab_core.smooth import shot
from vstab_core.smooth.path import smooth
from vstab_core.smooth.solver import PathProblem
from vstab_core.smooth.weights import CUTOFF_PERIODS, HORIZON_S, horizon_frames, of_order, shake_weights
from vstab_core.types import CameraMotion


def left(motion: CameraMotion, max_crop: float) -> tuple[float, float]:
    """Return the share of the shake that is left, and the crop."""
    warps = smooth(motion, Parameters(max_crop=max_crop))
    return jitter(output_steps(motion, warps)) / jitter(motion.corners), float(warps.crop.max())


@pytest.mark.parametrize("seed", [1, 2, 3, 5])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_it_leaves_less_than_a_correction_that_is_weakened_as_a_whole(seed: int, share: float) -> None:
    motion = motion_of(shaking(seed, x=0.05, turn=0.03, band=(0.3, 4.0)), 300)
    free, room = left(motion, 0.5)
    assert free < 0.04
    assert left(motion, share * room)[0] < free + 0.8 * (1 - share)


def test_with_room_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    motion = motion_of(shaking(1, x=0.03, turn=0.01, band=(0.3, 4.0)) + moving(x=0.002), 200)
    now = smooth(motion, Parameters(max_crop=0.5))
    assert 0.02 < now.crop.max() < 0.4
    monkeypatch.setattr(shot, "LOWER_ORDERS", ())
    assert np.array_equal(smooth(motion, Parameters(max_crop=0.5)).src_from_dst, now.src_from_dst)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_every_order_keeps_a_half_at_the_same_frequency(order: int) -> None:
    horizon = horizon_frames(Parameters(), 1 / FPS)
    period = CUTOFF_PERIODS * HORIZON_S * Parameters().smoothness * FPS
    frames = np.arange(20 * round(period), dtype=np.float64)
    swing = np.sin(2 * np.pi * frames / period)[:, None]
    shown = swing + PathProblem(frames, 1, of_order(horizon, order)).free(swing)
    middle = slice(5 * round(period), -5 * round(period))
    assert rms(shown[middle]) == pytest.approx(0.5 * rms(swing[middle]), rel=0.02)


@pytest.mark.parametrize(("hertz", "shake"), [(0.3, 0.0), (1.0, 0.5), (3.0, 1.0)])
def test_shake_is_what_is_faster_than_a_hertz(hertz: float, shake: float) -> None:
    frames = np.arange(600, dtype=np.float64)
    swing = np.sin(2 * np.pi * hertz / FPS * frames)[:, None]
    taken = PathProblem(frames, 1, shake_weights(1 / FPS)).free(swing)
    assert rms(taken[100:-100]) == pytest.approx(shake * rms(swing[100:-100]), abs=0.01)
