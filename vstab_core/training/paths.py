"""Camera paths made up: what hands, feet and intentions do to a camera, seeded.

Each path is a sum of parts that are on or off, at frame rates from 24 to 60. Units: x and y normalised (half the width
of the picture is 1), logarithm of the zoom, roll in radians; `coefficients` turns them into those of `corners`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import FloatArray

RATES = (24.0, 25.0, 30.0, 30.0, 50.0, 60.0)  # frames a second
ASPECTS = (9 / 16, 9 / 16, 3 / 4, 1.0, 16 / 9)
# RMS of a shake in x that is called 1, and how much of it the four numbers get: hands shift more than they turn.
SPREAD = np.array([1.0, 1.0, 0.12, 0.25])


@dataclass(frozen=True)
class Paths:
    """Camera paths of one length.

    Attributes:
        path: (N, F, 4), coefficients in `corners.similarity_basis`, beginning at zero.
        aspect: (N,) of the picture.
        rate: (N,) frames a second.
    """

    path: FloatArray
    aspect: FloatArray
    rate: FloatArray


def make_paths(rng: np.random.Generator, count: int, frames: int) -> Paths:
    """Make camera paths as they are measured: intention, shake, and the tracker's own noise."""
    rate = rng.choice(RATES, count)
    aspect = rng.choice(ASPECTS, count)
    time_s = np.arange(frames)[None] / rate[:, None]
    size = np.exp(rng.uniform(np.log(0.002), np.log(0.06), count))[:, None, None]
    shake = sum(
        _sometimes(rng, count, share) * part
        for share, part in (
            (0.8, _jitter(rng, rate, frames)),
            (0.5, _sway(rng, time_s)),
            (0.4, _walking(rng, time_s)),
            (0.25, _impulses(rng, time_s)),
        )
    )
    meant = _sometimes(rng, count, 0.6) * _segments(rng, time_s) + _sometimes(rng, count, 0.5) * _drift(
        rng, rate, frames
    )
    noise = np.cumsum(rng.normal(0, 1, (count, frames, 4)), axis=1) * np.exp(rng.uniform(-11, -8, (count, 1, 1)))
    path = size * shake * SPREAD + meant + noise * SPREAD
    return Paths(coefficients(path - path[:, :1], aspect), aspect, rate)


def coefficients(motion: FloatArray, aspect: FloatArray) -> FloatArray:
    """Return motion (N, F, 4: x, y, ln zoom, roll) as coefficients in `corners.similarity_basis` of N aspects."""
    corner = 2 * np.sqrt(1 + aspect**2)
    return np.asarray(motion * np.stack([np.full_like(corner, 2), np.full_like(corner, 2), corner, corner], 1)[:, None])


def _sometimes(rng: np.random.Generator, count: int, share: float) -> FloatArray:
    """Return (N, 1, 4): how strong a part is; zero for the other paths, and for some of the four numbers."""
    on = (rng.random((count, 1, 1)) < share) & (rng.random((count, 1, 4)) < 0.8)
    return np.asarray(on * rng.uniform(0.4, 1.6, (count, 1, 4)) * rng.choice([-1.0, 1.0], (count, 1, 4)))


def _jitter(rng: np.random.Generator, rate: FloatArray, frames: int) -> FloatArray:
    """Return a hand's unrest: noise that falls off beyond a knee of 0.4 to 4 Hz, by 6 to 13 dB an octave; RMS 1.

    Of measured hand-held paths each octave from 0.5 to 8 Hz has about 0.6 of the amplitude of the one below.
    """
    count = len(rate)
    length = 4 * frames  # what comes around is never seen
    frequency = np.fft.rfftfreq(length)[None, :, None] * rate[:, None, None]
    knee = np.exp(rng.uniform(np.log(0.4), np.log(4.0), (count, 1, 4)))
    fall = rng.uniform(1.0, 2.2, (count, 1, 4))
    shape = (1 + (frequency / knee) ** 2) ** (-fall / 2)
    drawn = rng.normal(0, 1, (2, count, frequency.shape[1], 4))
    value = np.fft.irfft(shape * (drawn[0] + 1j * drawn[1]), length, axis=1)
    return np.asarray(value[:, :frames] / value.std(axis=1, keepdims=True))


def _sway(rng: np.random.Generator, time_s: FloatArray) -> FloatArray:
    """Return a body's sway, 0.3 to 1.2 Hz, its strength and frequency wandering; RMS about 2."""
    count = len(time_s)
    phase = _phase(rng, time_s, rng.uniform(0.3, 1.2, (count, 1, 4)), 0.15)
    strength = 1 + 0.5 * np.sin(0.7 * time_s[..., None] + rng.uniform(0, 6.3, (count, 1, 4)))
    return np.asarray(2.8 * strength * np.sin(phase))


def _walking(rng: np.random.Generator, time_s: FloatArray) -> FloatArray:
    """Return a walk or a run: bob at each step, sway and roll at every second one, with harmonics."""
    count = len(time_s)
    steps = rng.uniform(1.5, 3.0, (count, 1, 1))
    phase = _phase(rng, time_s, np.broadcast_to(steps, (count, 1, 1)), 0.05)
    half, own = np.array([0.5, 1.0, 1.0, 0.5]), rng.uniform(0, 6.3, (3, count, 1, 4))
    total = np.zeros((count, time_s.shape[1], 4))
    for harmonic, share in enumerate((1.0, 0.45, 0.2), 1):
        strength = share * rng.uniform(0.3, 1.5, (count, 1, 4))
        total += strength * np.sin(harmonic * half * phase + own[harmonic - 1])
    return 2.5 * total


def _phase(rng: np.random.Generator, time_s: FloatArray, frequency: FloatArray, wander: float) -> FloatArray:
    """Return a phase in radians that runs at a frequency in Hz, which wanders by a share of itself over seconds."""
    at = time_s[..., None]
    slow = np.sin(rng.uniform(0.5, 1.5, frequency.shape) * at + rng.uniform(0, 6.3, frequency.shape))
    return np.asarray(2 * np.pi * frequency * (at + wander * slow) + rng.uniform(0, 6.3, frequency.shape))


def _impulses(rng: np.random.Generator, time_s: FloatArray) -> FloatArray:
    """Return knocks: up to three damped oscillations of 2 to 6 Hz."""
    count = len(time_s)
    total = np.zeros((count, time_s.shape[1], 4))
    for _ in range(3):
        since = time_s[..., None] - rng.uniform(0, time_s[:, -1:, None], (count, 1, 1))
        ring = np.exp(-np.maximum(since, 0) / rng.uniform(0.05, 0.25, (count, 1, 4)))
        ring = ring * np.sin(2 * np.pi * rng.uniform(2, 6, (count, 1, 4)) * since)
        total += np.where(since > 0, ring, 0) * rng.normal(0, 4, (count, 1, 4))
    return total


def _segments(rng: np.random.Generator, time_s: FloatArray) -> FloatArray:
    """Return pans, tilts and zooms: up to three moves with a start and an end, more or less abrupt."""
    count = len(time_s)
    total = np.zeros((count, time_s.shape[1], 4))
    fast = np.array([0.5, 0.25, 0.1, 0.05])  # a second: half a width in four seconds, and so on
    for _ in range(3):
        begin_s = rng.uniform(-1.0, time_s[:, -1:, None], (count, 1, 1))
        length_s = np.exp(rng.uniform(np.log(0.4), np.log(6.0), (count, 1, 1)))
        ease_s = rng.uniform(0.02, 0.5, (count, 1, 1)) * np.minimum(length_s, 1.5)
        speed = rng.normal(0, 1, (count, 1, 4)) * fast * (rng.random((count, 1, 4)) < [0.7, 0.4, 0.2, 0.2])
        since = time_s[..., None] - begin_s
        total += speed * (_ramp(since, ease_s) - _ramp(since - length_s, ease_s))
    return total


def _ramp(since_s: FloatArray, ease_s: FloatArray) -> FloatArray:
    """Return 0 before, a parabola while easing, then a straight line of slope 1."""
    eased = np.clip(since_s, 0, ease_s)
    return np.asarray(eased**2 / (2 * ease_s) + np.maximum(since_s - ease_s, 0))


def _drift(rng: np.random.Generator, rate: FloatArray, frames: int) -> FloatArray:
    """Return a camera that looks around: its speed is an Ornstein-Uhlenbeck process of 0.5 to 3 s memory."""
    count = len(rate)
    memory_s = rng.uniform(0.5, 3.0, (count, 1))
    keep = np.exp(-1 / (memory_s * rate[:, None]))
    fast = np.array([0.12, 0.08, 0.02, 0.02]) * np.exp(rng.uniform(-2, 0.5, (count, 4)))
    value = rng.normal(0, 1, (count, 4))
    speeds = []
    for drawn in rng.normal(0, 1, (frames, count, 4)):
        value = keep * value + np.sqrt(1 - keep**2) * drawn
        speeds.append(value * fast / rate[:, None])
    return np.cumsum(np.stack(speeds, axis=1), axis=1)
