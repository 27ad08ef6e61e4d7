"""What the tracker sees of a clip whose codes are no SDR picture: log, linear and HDR brought to one that is.

A table from code to 8 bits, laid over the reduced luma: tenths of a millisecond a frame. Colour is not needed for it:
the table is the space's neutral axis, and luma of R'G'B' goes along it nearly as the luma of the light would.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from ..formats import bit_depth, sample_type
from ..params import Parameters
from ..types import FloatArray, Plane, VideoInfo
from .config import AUTO, load_config
from .curves import LINEAR, WIDE, bt709_signal, curve_of
from .tags import is_full, is_rgb, luma_scale

KNEE = 0.9  # of the signal: up to here the tracker sees what a BT.709 camera would have written,
TOP = 64.0  # and above it six stops over white, evenly by the stop
GRAY = 0.18
MAX_GAIN = 4.0
_KNEE_LIGHT = 0.8138  # where bt709_signal is KNEE


class Tone:
    """A table from code, or from the bits of a half float, to what the tracker sees.

    Exposed once, for the clip's first frame, so that footage that was over- or underexposed on purpose is seen as well;
    what is the same from frame to frame does not disturb tracking.

    Attributes:
        gain: what light is multiplied by; None until a first frame has been seen.
    """

    def __init__(self, light: FloatArray, is_float: bool = False) -> None:
        self.gain: float | None = None
        self._light = np.nan_to_num(light, nan=0.0, posinf=TOP, neginf=0.0)
        self._is_float = is_float
        self._table = np.empty(0, np.uint8)

    def __call__(self, plane: Plane) -> npt.NDArray[np.uint8]:
        """Return what the tracker sees of a reduced plane (h, w), as uint8."""
        if self._is_float:
            with np.errstate(over="ignore"):  # more than 65504 is infinite to a half float, and white to the table
                plane = plane.astype(np.float16).view(np.uint16)
        else:
            plane = np.minimum(plane, len(self._light) - 1)
        if not len(self._table):
            self.gain = self.gain or _gain_for(float(np.median(self._light[plane])))
            self._table = _seen(self.gain * self._light)
        return np.asarray(self._table[plane])


def tone_of(info: VideoInfo, parameters: Parameters) -> Tone | None:
    """Return the tone for a clip; None where its luma is fine as it is.

    Raises:
        UsageError, InputError: the space that the user named cannot be had, see `config`.
    """
    light = light_of(info, parameters)
    if light is None:
        return None
    is_float = sample_type(info.pixel_format) is np.float32
    if is_float:
        half = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float64)
        signal: FloatArray = np.nan_to_num(half, nan=0.0, posinf=65504.0, neginf=-65504.0)
    else:
        bits = bit_depth(info.pixel_format)
        black, span = luma_scale(bits, is_full(info.tags, info.pixel_format))
        signal = (np.arange(1 << bits, dtype=np.float64) - black) / span
    with np.errstate(over="ignore", invalid="ignore"):
        return Tone(light(signal), is_float)


def light_of(info: VideoInfo, parameters: Parameters) -> Callable[[FloatArray], FloatArray] | None:
    """Return the way from a neutral signal to light, or None for the SDR curves."""
    if parameters.input_space != AUTO:
        there, _ = load_config(parameters.ocio).to_linear(parameters.input_space)

        def named(signal: FloatArray) -> FloatArray:
            pixels = np.repeat(signal.astype(np.float32)[:, None], 4, axis=1)
            there(pixels)
            return np.asarray(pixels[:, :3].mean(axis=1), np.float64)

        return named
    transfer = info.tags.transfer
    if sample_type(info.pixel_format) is np.float32 and is_rgb(info.pixel_format) and transfer not in WIDE:
        transfer = LINEAR  # float pictures are linear by custom; nobody tags them
    return curve_of(transfer, display=False).light if transfer in WIDE else None


def _gain_for(level: float) -> float:
    """Return what brings a level that is more than a stop from middle gray there, by two stops at most.

    A frame that is black tells nothing: a fade may begin with it.
    """
    usual = GRAY / 2 <= level <= GRAY * 2
    return 1.0 if usual or level < GRAY / 64 else float(np.clip(GRAY / level, 1 / MAX_GAIN, MAX_GAIN))


def _seen(light: FloatArray) -> npt.NDArray[np.uint8]:
    shoulder = np.log(np.maximum(light, _KNEE_LIGHT) / _KNEE_LIGHT) / np.log(TOP / _KNEE_LIGHT)
    signal = np.where(light < _KNEE_LIGHT, bt709_signal(light), KNEE + (1 - KNEE) * shoulder)
    return np.asarray(np.round(255 * np.clip(signal, 0, 1)).astype(np.uint8))
