"""The way from a space to light, baked into a table for each channel where that is as good.

Camera spaces are a curve for each channel and then a matrix to the light of other primaries. The matrix need not be
computed: a warp is a weighted mean, the same for all channels, so that it may as well mix before the matrix. What is
baked are the curves alone; their light has other primaries and another scale, which the way back undoes. A space that
is more than that (its channels depend on each other) is found out by mixing colours both ways, and stays exact.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import _native
from ..types import FloatArray

logger = logging.getLogger(__name__)

Pixels = npt.NDArray[np.float32]
InPlace = Callable[[Pixels], None]

MAX_ERROR = 1 / 1023  # one code of 10 bits
_PAIRS = 4096  # colours that are mixed to see whether the tables are right
_NOISE = 1e-6  # of the light of signal 1: the rounding of the exact way's matrix, seen where a curve is steep at black
_OWN = ((-0.1, 1.1), (0.0, 1.0))  # signals for which the space's own curve is taken, if it rises there throughout


@dataclass(frozen=True)
class Tables:
    """Curves of R', G' and B' as `native/include/vstab/light.h` describes them: 1 is the light of signal 1.

    Attributes:
        light: (3, SIGNAL_POINTS) float32.
        signal: (3, 2 * LIGHT_POINTS) float32.
        linear: whether the curves are straight lines: then codes may be mixed as they are.
    """

    light: npt.NDArray[np.float32]
    signal: npt.NDArray[np.float32]
    linear: bool


def bake(there: InPlace, back: InPlace) -> Tables | None:
    """Return tables in place of two functions that change pixels (..., 4) to light and back; None if they cannot be."""
    signal = _native.SIGNAL_LOW + np.arange(_native.SIGNAL_POINTS) / _steps()
    curves = []
    for channel in range(3):
        light = _channel(there, signal, channel)
        curve = None if light is None else _continued(signal, light)
        if curve is None:
            return None
        curves.append(curve)
    tables = Tables(
        np.array(curves, np.float32),
        np.array([_inverse(signal, curve) for curve in curves], np.float32),
        all(np.abs(curve - signal)[(signal >= 0) & (signal <= 1)].max() < MAX_ERROR / 4 for curve in curves),
    )
    error = _mixing_error(there, back, signal, curves)
    logger.debug("baked curves mix colours within %.2g of the exact way", error)
    return tables if error <= MAX_ERROR else None


def _steps() -> float:
    return (_native.SIGNAL_POINTS - 1) / (_native.SIGNAL_HIGH - _native.SIGNAL_LOW)


def _channel(there: InPlace, signal: FloatArray, channel: int) -> FloatArray | None:
    """Return how far one channel's signal brings the light along the way that signal 1 brings it."""
    pixels = np.zeros((len(signal) + 2, 4), np.float32)
    pixels[:-2, channel] = signal
    pixels[-2, channel] = 1
    there(pixels)
    light = pixels[:, :3].astype(np.float64)
    way = light[-2] - light[-1]
    length = way @ way
    if not np.isfinite(length) or length == 0:
        return None
    return np.asarray((light[:-2] - light[-1]) @ way / length)


def _continued(signal: FloatArray, light: FloatArray) -> FloatArray | None:
    """Return a curve that rises throughout: the space's own as far as it does, straight on beyond."""
    for low, high in _OWN:
        first, last = np.searchsorted(signal, [low, high])
        own = light[first : last + 1]
        if np.isfinite(own).all() and (np.diff(own) > 0).all():
            break
    else:
        return None
    curve = light.copy()
    curve[:first] = own[0] - (own[1] - own[0]) * np.arange(first, 0, -1)
    curve[last + 1 :] = own[-1] + (own[-1] - own[-2]) * np.arange(1, len(curve) - last)
    return curve


def _inverse(signal: FloatArray, light: FloatArray) -> FloatArray:
    least = np.array([_native.LEAST_LIGHT], np.float32).view(np.uint32)
    bits = least + (np.arange(_native.LIGHT_POINTS, dtype=np.uint32) << _native.LIGHT_SHIFT)
    size = bits.astype(np.uint32).view(np.float32).astype(np.float64) - _native.LEAST_LIGHT
    return np.asarray(np.interp(np.concatenate([size, -size]), light, signal))


def _mixing_error(there: InPlace, back: InPlace, signal: FloatArray, curves: list[FloatArray]) -> float:
    rng = np.random.default_rng(1)
    colours = rng.random((2, _PAIRS, 3))
    colours[:, : _PAIRS // 4] = colours[:, : _PAIRS // 4, :1]  # grays
    colours[:, _PAIRS // 4 : _PAIRS // 2] = colours[:, _PAIRS // 4 : _PAIRS // 2].round()  # corners of the cube
    pixels = np.zeros((2, _PAIRS, 4), np.float32)
    pixels[..., :3] = colours
    there(pixels)
    mixed = np.ascontiguousarray((pixels[0] + pixels[1]) / 2)
    back(mixed)
    worst = 0.0
    for channel, curve in enumerate(curves):
        light = np.interp(colours[..., channel], signal, curve).mean(axis=0)
        same = np.abs(np.interp(mixed[:, channel], signal, curve) - light) < _NOISE
        error = np.abs(np.interp(light, curve, signal) - mixed[:, channel])
        worst = max(worst, float(np.where(same, 0, error).max()))
    return worst
