"""The stability scores: the literature's as it is computed, and what the corrected one sees that it does not."""

from __future__ import annotations

import numpy as np
import pytest

from vstab_core.evaluation import stability

FPS, COUNT, DIAGONAL_PX = 30.0, 300, 734.0
TIME_S = np.arange(COUNT) / FPS


def moves(x: np.ndarray, angle_deg: np.ndarray | None = None) -> list[np.ndarray]:
    """Frame-to-frame matrices whose product (in the order that the published code takes) is the given path."""
    angle = np.radians(np.zeros(len(x)) if angle_deg is None else angle_deg)
    path = [
        np.array([[np.cos(a), -np.sin(a), p], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]])
        for p, a in zip(x, angle, strict=True)
    ]
    before = [np.eye(3), *path[:-1]]
    return [np.linalg.inv(a) @ b for a, b in zip(before, path, strict=True)]


def share_of_lowest(signal: np.ndarray) -> float:
    """Energy of cycles 1 to 5 of the clip over that of all up to the middle of the spectrum, written as a plain sum."""
    n = len(signal)
    energy = [abs(sum(signal * np.exp(-2j * np.pi * k * np.arange(n) / n))) ** 2 for k in range(1, (n - 1) // 2 + 1)]
    return sum(energy[:5]) / sum(energy)


def test_the_literature_s_score_is_the_plain_sum() -> None:
    rng = np.random.default_rng(2)
    x = 100 + 40 * np.sin(2 * np.pi * 0.3 * TIME_S) + rng.normal(0, 3, COUNT)
    angle_deg = 2 * np.sin(2 * np.pi * 0.2 * TIME_S) + rng.normal(0, 0.5, COUNT)
    translation, rotation = stability.literature(moves(x, angle_deg))
    assert translation == pytest.approx(share_of_lowest(np.abs(x)), rel=1e-6)
    assert rotation == pytest.approx(share_of_lowest(angle_deg), rel=1e-6)
    assert 0.1 < rotation < 0.95


def test_an_unmeasured_motion_repeats_the_one_before_it() -> None:
    with_gap: list[np.ndarray | None] = list(moves(np.linspace(0, 300, COUNT) ** 1.2, np.sin(TIME_S)))
    filled = list(with_gap)
    with_gap[100], filled[100] = None, filled[99]
    assert stability.literature(with_gap) == stability.literature(filled)


def test_too_few_frames_have_no_score() -> None:
    assert np.isnan(stability.literature(moves(np.arange(11.0)))).all()


def corrected(x: np.ndarray, fps: float = FPS) -> float:
    return stability.corrected(np.c_[x, np.zeros((len(x), 2))], fps, DIAGONAL_PX)


def test_the_literature_s_score_is_blind_to_jitter_on_a_pan_and_the_corrected_one_is_not() -> None:
    ramp = np.linspace(0, 3000, COUNT)
    shaky = ramp + np.random.default_rng(3).normal(0, 20, COUNT)
    assert stability.literature(moves(shaky))[0] == pytest.approx(stability.literature(moves(ramp))[0], abs=0.03)
    assert corrected(ramp) == pytest.approx(1.0, abs=1e-6)
    assert corrected(shaky) < 0.15


def test_a_tripod_is_steady_although_its_noise_is_white() -> None:
    noise = np.random.default_rng(4).normal(0, 0.02, COUNT)
    assert corrected(noise) > 0.95
    assert stability.literature(moves(noise))[0] < 0.3


@pytest.mark.parametrize("seconds", [5, 10, 20, 45])
def test_the_corrected_score_does_not_depend_on_the_clip_s_length(seconds: int) -> None:
    time_s = np.arange(seconds * 30) / 30
    assert corrected(50 * np.sin(2 * np.pi * 0.2 * time_s)) > 0.93
    assert corrected(50 * np.sin(2 * np.pi * 2.0 * time_s)) < 0.01
    mixed = 50 * np.sin(2 * np.pi * 0.3 * time_s) + 50 * np.sin(2 * np.pi * 3.0 * time_s)
    if seconds >= 10:  # half of the energy each
        assert corrected(mixed) == pytest.approx(0.5, abs=0.06)


def test_the_worst_of_the_three_signals_counts() -> None:
    slow = 50 * np.sin(2 * np.pi * 0.2 * TIME_S)
    turning = np.c_[slow, slow, np.sin(2 * np.pi * 4 * TIME_S)]
    assert stability.corrected(turning, FPS, DIAGONAL_PX) < 0.05


def test_a_short_shot_has_no_corrected_score() -> None:
    assert np.isnan(corrected(TIME_S[:119]))
