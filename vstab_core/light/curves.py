"""Transfer curves by the numbers of ITU-T H.273: from a signal to light and back, for any real number.

Light 1 is diffuse white: signal 1 of SDR curves, 0.75 of HLG, 203 cd/m2 of PQ (BT.2408). A signal outside 0 to 1, as
limited range and saturated YUV have it, goes on along the curve, mirrored or straight: every curve can be undone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..types import FloatArray

LINEAR, LOG_100, LOG_316, SRGB, PQ, HLG = 8, 9, 10, 13, 16, 18  # H.273, table 3
WIDE = frozenset({LINEAR, LOG_100, LOG_316, PQ, HLG})  # signals in which a picture looks dark or flat as it is
_POWER = {4: 2.2, 5: 2.8, 17: 2.6}

PQ_WHITE = 203 / 10000  # of PQ's peak; BT.2408
HLG_WHITE = 0.75  # BT.2408
HLG_GAMMA = 1.2  # of a display of 1000 cd/m2; BT.2100
BT1886_GAMMA = 2.4


@dataclass(frozen=True)
class Curve:
    """A transfer curve; both functions take and return arrays, and undo each other."""

    name: str
    light: Callable[[FloatArray], FloatArray]
    signal: Callable[[FloatArray], FloatArray]


def curve_of(transfer: int, *, display: bool) -> Curve:
    """Return the curve of a transfer tag.

    Args:
        transfer: H.273's number; what is unknown or not said counts as BT.709.
        display: of the light that a display gives off, not of the light that the camera saw. The two differ for BT.709
            and its kin (BT.1886) and for HLG (its system gamma, here channel by channel); PQ knows the display's only.
    """
    if transfer == LINEAR:
        return Curve("linear", lambda v: v, lambda x: x)
    if transfer in (LOG_100, LOG_316):
        return _log(2.0 if transfer == LOG_100 else 2.5)
    if transfer == SRGB:
        return Curve("sRGB", _srgb_light, _srgb_signal)
    if transfer == PQ:
        return Curve("PQ", _pq_light, _pq_signal)
    if transfer == HLG:
        return _hlg(HLG_GAMMA if display else 1.0)
    if transfer in _POWER:
        return _power(_POWER[transfer])
    return _power(BT1886_GAMMA) if display else Curve("BT.709", bt709_light, bt709_signal)


def _power(gamma: float) -> Curve:
    return Curve(
        f"gamma {gamma:g}",
        lambda v: np.sign(v) * np.abs(v) ** gamma,
        lambda x: np.sign(x) * np.abs(x) ** (1 / gamma),
    )


def _log(decades: float) -> Curve:
    return Curve(
        f"log, {decades:g} decades",
        lambda v: 10 ** (decades * (np.asarray(v) - 1)),
        lambda x: 1 + np.log10(np.maximum(x, 1e-30)) / decades,
    )


_ALPHA, _BETA = 1.09929682680944, 0.018053968510807  # BT.2020 with all digits; the same curve


def bt709_light(v: FloatArray) -> FloatArray:
    """Return the light in front of a BT.709 camera."""
    above = (np.maximum(v, 4.5 * _BETA) + _ALPHA - 1) / _ALPHA
    return np.where(v < 4.5 * _BETA, v / 4.5, above ** (1 / 0.45))


def bt709_signal(x: FloatArray) -> FloatArray:
    """Undo `bt709_light`."""
    return np.where(x < _BETA, 4.5 * x, _ALPHA * np.maximum(x, _BETA) ** 0.45 - (_ALPHA - 1))


def _srgb_light(v: FloatArray) -> FloatArray:
    return np.where(v < 0.04045, v / 12.92, ((np.maximum(v, 0.04045) + 0.055) / 1.055) ** 2.4)


def _srgb_signal(x: FloatArray) -> FloatArray:
    knee = 0.04045 / 12.92
    return np.where(x < knee, 12.92 * x, 1.055 * np.maximum(x, knee) ** (1 / 2.4) - 0.055)


# SMPTE ST 2084
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
_PQ_END = 1e-6  # signals this far apart give the slope


def _pq_inside(v: FloatArray) -> FloatArray:
    power = v ** (1 / _M2)
    return (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


_PQ_SLOPE = float(np.diff(_pq_inside(np.array([1 - _PQ_END, 1.0])))[0]) / _PQ_END


def _pq_light(v: FloatArray) -> FloatArray:
    size = np.abs(v)
    light = _pq_inside(np.minimum(size, 1)) + _PQ_SLOPE * np.maximum(size - 1, 0)
    return np.asarray(np.sign(v) * light / PQ_WHITE)


def _pq_signal(x: FloatArray) -> FloatArray:
    size = np.abs(x) * PQ_WHITE
    power = np.minimum(size, 1) ** _M1
    zero = _C1**_M2  # what the formula gives for no light
    signal = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2 - zero + np.maximum(size - 1, 0) / _PQ_SLOPE
    return np.asarray(np.sign(x) * (signal + zero * (size > 0)))


# BT.2100
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * np.log(4 * _A)


def _hlg_scene(v: FloatArray) -> FloatArray:
    size = np.abs(v)
    return np.asarray(
        np.sign(v) * np.where(size <= 0.5, size**2 / 3, (np.exp((np.maximum(size, 0.5) - _C) / _A) + _B) / 12)
    )


def _hlg_signal(x: FloatArray) -> FloatArray:
    size = np.abs(x)
    above = _A * np.log(np.maximum(12 * size - _B, 1e-9)) + _C
    return np.asarray(np.sign(x) * np.where(size <= 1 / 12, np.sqrt(3 * size), above))


def _hlg(gamma: float) -> Curve:
    white = float(_hlg_scene(np.array([HLG_WHITE]))[0])

    def light(v: FloatArray) -> FloatArray:
        scene = _hlg_scene(v) / white
        return np.asarray(np.sign(scene) * np.abs(scene) ** gamma)

    def signal(x: FloatArray) -> FloatArray:
        return np.asarray(_hlg_signal(np.sign(x) * np.abs(x) ** (1 / gamma) * white))

    return Curve("HLG", light, signal)
