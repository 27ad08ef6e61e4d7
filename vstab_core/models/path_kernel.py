"""The path network without torch: the kernels it weighs, what it sees, and its forward pass in NumPy.

The measured path C is smoothed by a bank of kernels, from narrow to wide, each a filter made for one trade between
smooth and close, and each seeing as far ahead as streaming may. The shown path is their average,

    P_t = (C_t + sum_k w_k F_k(t)) / (1 + sum_k w_k),      w_k >= 0,

anchored at the measured path. Five of the F are not of the bank but go on from the path as it was shown: that it stays
where it was, P_(t-1); that it goes on as before, 2 P_(t-1) - P_(t-2); and that it goes on at the pace that the camera
has had on average, over shorter and longer times. The network (three dense layers) chooses the weights anew for every
frame: wide kernels while they stay inside the crop budget, narrower ones before they leave it; it sees how much of the
budget is used. All of the F keep a still camera still and a steady pan even, so any weights do.

All four numbers of a similarity go through the same network, each in units of the correction that would use up the crop
budget alone; so one network serves every budget. Everything here works on any number of paths at once: training runs
the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..types import FloatArray
from .load import Arrays, load

ARCHITECTURE = "path 2"
AHEAD = 9  # the most frames it looks ahead; from ten on, a plain filter is as good
MOVING = (1.5, 3.0, 6.0, 12.0, 24.0, 48.0)  # frames: width of the kernels that expect the speed to last
RESTING = (4.0, 12.0, 30.0)  # of those that expect the camera to stay
KERNELS = len(MOVING) + len(RESTING)
PACES = (8.0, 24.0, 64.0)  # frames over which the camera's pace is averaged
CHOICES = KERNELS + 2 + len(PACES)  # and "stay", "go on", and on at each pace
MIDDLE = 1  # the kernel that the others are seen from: narrow, but without the tracker's noise
LAGS = (2, 6, 15)  # frames back: where the kernels were before
OWN = 3  # features of the path as it was shown
FEATURES = (1 + len(LAGS)) * KERNELS + 3 * KERNELS + 5 + len(PACES) + OWN
HIDDEN = 64
TINY = 1e-6  # of the budget: far below a pixel
DECAY = 0.97  # a frame, of the memory for what was needed of the budget: a second or so
HORIZONS = (2.0, 60.0)  # frames; what it was trained for
LARGEST = 12.0  # of a logit: beyond, the anchor is lost


class Bank:
    """The kernels run over paths, a frame at a time.

    Args:
        shape: (..., K): of a frame's numbers; leading ones are independent paths.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._state = np.zeros((*shape, KERNELS, 2))

    def step(self, ahead: FloatArray) -> FloatArray:
        """Take the path (n, ..., K) at this frame and those ahead; return the kernels' values (..., K, KERNELS)."""
        kernels = _kernels()
        position, speed = self._state[..., 0] + self._state[..., 1], self._state[..., 1]
        wrong = ahead[0][..., None] - position
        self._state = np.stack([position + kernels.gain[:, 0] * wrong, speed + kernels.gain[:, 1] * wrong], axis=-1)
        return self.value(ahead, 0)

    def value(self, ahead: FloatArray, frame: int) -> FloatArray:
        """Return the kernels' values (..., K, KERNELS) at a frame ahead, 0 for the one that was last stepped to."""
        kernels, count = _kernels(), min(len(ahead), AHEAD + 1) - 1
        value = (self._state * kernels.of_state[count][frame]).sum(axis=-1)
        for row, place in zip(kernels.of_ahead[count][frame], ahead[1 : count + 1], strict=True):
            value = value + row * place[..., None]
        return np.asarray(value)


@dataclass(frozen=True)
class Seen:
    """What is seen of the measured path at a frame, (..., K, ...) for K numbers, in units of the budget.

    Attributes:
        features: (..., K, FEATURES - OWN).
        offset: (..., K, KERNELS), the kernels' values beyond the measured path.
        pace: (..., K, PACES), how far the camera moves in a frame, on average.
        scale: (..., K, 1), how far it moves just now.
    """

    features: FloatArray
    offset: FloatArray
    pace: FloatArray
    scale: FloatArray


class Eye:
    """What the network sees of the measured path, a frame at a time.

    Args:
        shape: as of `Bank`.
        sides: (..., R, K), share of the budget that the numbers take at each bound, see `smooth/crop.py`.
    """

    def __init__(self, shape: tuple[int, ...], sides: FloatArray) -> None:
        self.bank = Bank(shape)
        self._sides = sides
        self._before = [np.zeros((*shape, KERNELS))] * (max(LAGS) + 1)
        self._peak = np.zeros((*shape[:-1], KERNELS))
        self._place, self._pace = np.zeros(shape), np.zeros((*shape, len(PACES)))

    def step(self, ahead: FloatArray, horizon: FloatArray) -> Seen:
        """Look at a frame.

        Args:
            ahead: (n, ..., K), the measured path at this frame and those ahead, in units of the budget.
            horizon: (...), frames that the path is smoothed over.
        """
        value = self.bank.step(ahead)
        offset = value - ahead[0][..., None]
        self._before = [*self._before[1:], value]
        middle = value[..., MIDDLE : MIDDLE + 1]
        seen = [value - middle, *(self._before[-1 - lag] - middle for lag in LAGS)]
        seen[0] = seen[0].copy()
        seen[0][..., MIDDLE] = ahead[0] - middle[..., 0]
        moved = np.concatenate(seen, axis=-1)
        scale = np.sqrt((moved**2).mean(axis=-1, keepdims=True) + TINY**2)
        pace = self._paces(ahead)
        use = (self._sides @ offset).max(axis=-2)  # (..., KERNELS)
        self._peak = np.maximum(DECAY * self._peak, use)
        both = np.concatenate([_squeezed(use), _squeezed(self._peak)], axis=-1)[..., None, :]
        horizon = np.log(np.clip(horizon, *HORIZONS))[..., None]
        count = min(len(ahead), AHEAD + 1) - 1
        alike = np.concatenate([horizon - 2, np.full_like(horizon, count / AHEAD), np.full_like(horizon, count < 2),
                                np.full_like(horizon, count < 1)], axis=-1)[..., None, :]  # fmt: skip
        numbers = (*offset.shape[:-1], -1)
        features = np.concatenate([moved / scale, np.tanh(10 * pace / scale), np.tanh(offset),
                                   np.clip(np.log(scale), -8, 4) / 4,
                                   np.broadcast_to(both, (*numbers[:-1], both.shape[-1])),
                                   np.broadcast_to(alike, (*numbers[:-1], alike.shape[-1]))], axis=-1)  # fmt: skip
        return Seen(features, offset, pace, scale)

    def _paces(self, ahead: FloatArray) -> FloatArray:
        """Return the paces as of the last frame that is seen; remember those of this one."""
        share = 1 / np.array(PACES)
        steps = np.diff(np.concatenate([self._place[None], ahead]), axis=0)[..., None]
        self._place = ahead[0]
        self._pace = pace = self._pace + share * (steps[0] - self._pace)
        for step in steps[1:]:
            pace = pace + share * (step - pace)
        return np.asarray(pace)


class Average:
    """The weighted average over the frames, which carries the shown path on. Corrections are P - C, (..., K)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._last, self._before = np.zeros(shape), np.zeros(shape)  # corrections of the last two frames
        self._moved = np.zeros(shape)  # of the measured path, into the last frame

    def own(self, moved: FloatArray, scale: FloatArray, sides: FloatArray) -> FloatArray:
        """Return the features (..., K, OWN) of the path as it was shown: where, how far from the budget, how fast.

        Args:
            moved: (..., K), how far the measured path has moved since the frame before.
            scale: (..., K, 1), see `Seen`.
            sides: as of `Eye`.
        """
        stay = self._last - moved
        use = _squeezed((sides @ stay[..., None]).max(axis=-2))[..., None, :]
        speed = (self._last - self._before + self._moved)[..., None] / scale
        return np.concatenate([np.tanh(stay)[..., None], np.broadcast_to(use, speed.shape), np.tanh(speed)], axis=-1)

    def next(self, weight: FloatArray, offset: FloatArray, pace: FloatArray, moved: FloatArray) -> FloatArray:
        """Return the correction wished of the next frame.

        Args:
            weight: (..., K, CHOICES).
            offset, pace: see `Seen`.
            moved: (..., K), how far the measured path has moved since the frame before.
        """
        stay = (self._last - moved)[..., None]
        go_on = stay + (self._last - self._before + self._moved)[..., None]
        choices = np.concatenate([offset, stay, go_on, stay + pace], axis=-1)
        return np.asarray((weight * choices).sum(axis=-1) / (1 + weight.sum(axis=-1)))

    def show(self, correction: FloatArray, moved: FloatArray) -> None:
        """Take what the frame is shown with."""
        self._before, self._last, self._moved = self._last, correction, moved

    def copy(self) -> Average:
        """Return another that goes on from here."""
        other = Average(self._last.shape)
        other._last, other._before, other._moved = self._last, self._before, self._moved
        return other


class PathNetwork:
    """The network's three layers.

    Raises:
        ModelError: the weights are missing, damaged or of another architecture.
    """

    def __init__(self, arrays: Arrays | None = None) -> None:
        arrays = load("path", ARCHITECTURE) if arrays is None else arrays
        self._layers = [
            (np.asarray(arrays[f"{name}.weight"], np.float64).T.copy(), np.asarray(arrays[f"{name}.bias"], np.float64))
            for name in ("first", "second", "last")
        ]

    def weights(self, features: FloatArray) -> FloatArray:
        """Return the weights (..., CHOICES) of features (..., FEATURES)."""
        (a, a0), (b, b0), (c, c0) = self._layers
        logits = _silu(_silu(features @ a + a0) @ b + b0) @ c + c0
        return np.asarray(np.exp(np.clip(logits, -LARGEST, LARGEST)))


class _Kernels:
    """Steady-state Kalman filters with fixed-interval smoothing, as numbers.

    Attributes:
        gain: (KERNELS, 2), of position and speed.
        of_state: [frames seen ahead] (frame asked for, KERNELS, 2), weight of the filtered state.
        of_ahead: [frames seen ahead] (frame asked for, frames seen, KERNELS), weight of the path there.
    """

    def __init__(self) -> None:
        made = [_filter(width, True) for width in MOVING] + [_filter(width, False) for width in RESTING]
        self.gain = np.array([gain for gain, _, _ in made])
        self.of_state, self.of_ahead = [], []
        for count in range(AHEAD + 1):
            # The answer is linear: ask for it with one input after the other.
            inputs = np.eye(2 + count)
            answers = np.array([_smoothed(inputs[:, :2], inputs[:, 2:], *parts) for parts in made])
            self.of_state.append(np.moveaxis(answers[..., :2], 0, 1))
            self.of_ahead.append(np.moveaxis(answers[..., 2:], 0, 2))


@lru_cache(maxsize=1)
def _kernels() -> _Kernels:
    return _Kernels()


def _filter(width: float, moving: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (gain (2,), backward gain (2, 2), transition (2, 2)) of the filter whose width is given in frames."""
    move = np.array([[1.0, float(moving)], [0.0, float(moving)]])
    push = np.array([[0.25, 0.5], [0.5, 1.0]]) * width**-4 if moving else np.diag([width**-2, 0.0])
    spread = np.diag([1.0, float(moving)])
    for _ in range(400 + 20 * int(width)):
        wide = move @ spread @ move.T + push
        gain = wide[:, 0] / (wide[0, 0] + 1)
        spread = wide - np.outer(gain, wide[0])
    return gain, spread @ move.T @ np.linalg.pinv(wide), move


def _smoothed(state: FloatArray, path: FloatArray, gain: FloatArray, back: FloatArray, move: FloatArray) -> FloatArray:
    """Return the positions (n + 1, S) that filters in S states (S, 2) see once they know the paths ahead, (S, n)."""
    filtered, predicted = [state], []
    for value in path.T:
        ahead = filtered[-1] @ move.T
        predicted.append(ahead)
        filtered.append(ahead + np.outer(value - ahead[:, 0], gain))
    smooth = [filtered[-1]]
    for known, expected in zip(filtered[-2::-1], predicted[::-1], strict=True):
        smooth.append(known + (smooth[-1] - expected) @ back.T)
    return np.array(smooth[::-1])[:, :, 0]


def _squeezed(use: FloatArray) -> FloatArray:
    """Return shares of the budget, one at 0.5, larger ones less and less."""
    return np.asarray(use / (1 + use))


def _silu(values: FloatArray) -> FloatArray:
    return np.asarray(values / (1 + np.exp(-values)))
