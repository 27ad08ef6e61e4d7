"""Frames warped in linear light: opened into planes of light, warped like any planes, and closed into codes again.

A picture with chroma of its own size is opened twice, at the size of luma and at that of chroma. Luma is written from
the first and chroma from the second, so that neither is resampled for the other's sake: without a warp every code
returns, at the edges of saturated colours too.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .. import _native
from ..errors import UsageError
from ..formats import bit_depth, chroma_step, plane_shapes, sample_type
from ..params import Parameters
from ..types import FloatArray, Frame, Plane, VideoInfo
from .bake import MAX_ERROR, InPlace, Pixels, Tables, bake
from .components import Components, codes_from_rgb, components_of, rgb_from_codes
from .config import AUTO, load_config
from .curves import LINEAR, curve_of
from .tags import is_rgb

logger = logging.getLogger(__name__)

Black = float | tuple[float, ...]


@dataclass(frozen=True)
class Layer:
    """Planes that are warped alike.

    Attributes:
        planes: what is warped, or written to.
        black: the value of black, one entry a plane.
        max_value: highest code of integer planes; 0: all bits of their type.
        floor: as in `warp.warp_plane`.
        nearest: which planes hold data (depth, ids) whose values must not be mixed, by index.
    """

    planes: tuple[Plane, ...]
    black: list[Black]
    max_value: int = 0
    floor: bool = False
    nearest: frozenset[int] = frozenset()


class LinearLight:
    """Opens and closes the frames of one clip; may be used by several threads, each with its own memory.

    A thread has one picture open and one canvas at a time: the next `open` writes over the last.
    """

    def __init__(self, info: VideoInfo, there: InPlace, back: InPlace, tables: Tables | None) -> None:
        self._there, self._back, self._tables = there, back, tables
        self._format = info.pixel_format
        self._is_float = sample_type(info.pixel_format) is np.float32
        self._max_value = 0 if self._is_float else (1 << bit_depth(info.pixel_format)) - 1
        self._rgb_from_codes = rgb_from_codes(info)
        self._codes_from_rgb = codes_from_rgb(self._rgb_from_codes, info.pixel_format.startswith(("gray", "ya")))
        self._planes = len(plane_shapes(info.pixel_format, 1, 1))  # a sequence's frames have more
        self._step = chroma_step(info.pixel_format)
        self._place = _place(info.tags.chroma_place, self._step)
        self._memory = threading.local()
        black = np.zeros((1, 4), np.float32)
        if tables is None:
            there(black)
        self._black: Black = tuple(float(value) for value in black[0])

    @property
    def exact(self) -> bool:
        """Whether the processor itself is used, and no tables."""
        return self._tables is None

    def open(self, frame: Frame) -> list[Layer]:
        """Return the light of a frame, and its alpha and the further channels of a sequence as they are."""
        parts = self._parts(frame)
        colour = (*parts.colour, *([None] * (3 - len(parts.colour))))
        layers = self._layers(frame, "open")
        tables = None if self._tables is None else self._tables.light
        for light in layers[0].planes:
            _native.open_light(colour, light, self._rgb_from_codes, tables, step=self._step, place=self._place)
            if self._tables is None:
                self._there(light)
        if parts.alpha is not None:
            layers[1].planes[0][...] = parts.alpha
        return [*layers, *self._further(frame)]

    def canvas(self, frame: Frame) -> list[Layer]:
        """Return layers to write to, of the sizes that `open` gives for such a frame; their content is not defined."""
        return [*self._layers(frame, "canvas"), *self._further(frame)]

    def close(self, canvas: list[Layer], target: Frame) -> None:
        """Write light as codes to the planes of a frame."""
        parts = self._parts(target)
        for light in canvas[0].planes:
            if self._tables is None:
                self._back(light)
            outs = [part if part.shape == light.shape[:2] else None for part in parts.colour]
            _native.close_light(light, [*outs, *([None] * (3 - len(outs)))], self._codes_from_rgb,
                                None if self._tables is None else self._tables.signal,
                                max_value=self._max_value)  # fmt: skip
        if parts.alpha is not None:
            parts.alpha[...] = canvas[1].planes[0]

    @staticmethod
    def holes(canvas: list[Layer]) -> npt.NDArray[np.bool_]:
        """Return where the light of a float picture is no number, (h, w)."""
        return np.asarray(~np.isfinite(canvas[0].planes[0].sum(axis=-1)))

    def _parts(self, frame: Frame) -> Components:
        return components_of(frame.planes[: self._planes], frame.pixel_format)

    def _further(self, frame: Frame) -> list[Layer]:
        """Return the channels of a sequence beside the picture, which the warp takes and writes as they are."""
        planes = frame.planes[self._planes :]
        if not planes:
            return []
        data = frozenset(place - self._planes for place in getattr(frame.source, "nearest_planes", ()))
        return [Layer(planes, [0.0] * len(planes), nearest=data)]

    def _layers(self, frame: Frame, role: str) -> list[Layer]:
        parts = self._parts(frame)
        sizes = list(dict.fromkeys(part.shape for part in parts.colour))
        lights = tuple(self._scratch(f"{role} {number}", (*size, 4), np.float32) for number, size in enumerate(sizes))
        layers = [Layer(lights, [self._black] * len(lights), floor=True)]
        if parts.alpha is not None:
            alpha = self._scratch(f"{role} alpha", parts.alpha.shape, parts.alpha.dtype)
            layers.append(Layer((alpha,), [0.0], self._max_value))
        return layers

    def _scratch(self, name: str, shape: tuple[int, ...], dtype: object) -> Plane:
        """Return this thread's memory of a name: fresh pages for every frame would cost as much as the warp."""
        held: dict[str, Plane] = self._memory.__dict__
        if name not in held or held[name].shape != shape:
            held[name] = np.empty(shape, dtype)  # type: ignore[call-overload]
        return held[name]


def linear_light(info: VideoInfo, parameters: Parameters) -> LinearLight | None:
    """Return what `--resample-light` asks for; None where codes are resampled as they are, or are light already.

    Raises:
        UsageError, InputError: the named space cannot be had, or the clip's YUV cannot be brought to light.
    """
    choice = parameters.resample_light
    if choice == "as-is":
        return None
    if choice == "scene" and parameters.input_space != AUTO:
        there, back, tables = _named(parameters.input_space, parameters.ocio)
    else:
        transfer = info.tags.transfer
        if sample_type(info.pixel_format) is np.float32 and transfer == 2 and is_rgb(info.pixel_format):
            transfer = LINEAR
        there, back, tables = _tagged(transfer, choice == "display")
    if tables is not None and tables.linear:
        return None
    if sample_type(info.pixel_format) is np.float32:
        tables = None  # float signals may be anything, a table ends somewhere
    return LinearLight(info, there, back, tables)


@lru_cache(maxsize=4)
def _named(space: str, ocio: str) -> tuple[InPlace, InPlace, Tables | None]:
    config = load_config(ocio)
    there, back = config.to_linear(space)
    tables = bake(there, back)
    if tables is None and (error := _lost(there, back)) > MAX_ERROR:
        raise UsageError(
            f"colour space {space!r} in {config.source} cannot be undone: grays and full colours return from linear "
            f"light with an error of {error:.2g} of the scale; name the space that the camera wrote, or leave "
            "--resample-light out"
        )
    if tables is None:
        logger.info("%s is not a curve for each channel: the exact processor is used", space)
    return there, back, tables


@lru_cache(maxsize=8)
def _tagged(transfer: int, display: bool) -> tuple[InPlace, InPlace, Tables | None]:
    curve = curve_of(transfer, display=display)
    there, back = _in_place(curve.light), _in_place(curve.signal)
    return there, back, bake(there, back)


def _in_place(function: Callable[[FloatArray], FloatArray]) -> InPlace:
    def change(pixels: Pixels) -> None:
        pixels[..., :3] = function(pixels[..., :3].astype(np.float64))

    return change


def _lost(there: InPlace, back: InPlace) -> float:
    """Return how far a gray ramp and the corners of the colour cube are off, once there and back."""
    colours = np.zeros((1024 + 8, 4), np.float32)
    colours[:1024] = np.linspace(0, 1, 1024)[:, None]
    colours[1024:, :3] = [[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)]
    pixels = colours.copy()
    there(pixels)
    back(pixels)
    error = np.abs(pixels - colours)[:, :3].max()
    return float(error) if np.isfinite(error) else np.inf


def _place(name: str, step: tuple[int, int]) -> tuple[float, float]:
    """Return where the first chroma sample lies, (down, across) in luma pixels; left where a clip does not say."""
    down, across = step
    top = 0.5 if "top" in name else down - 0.5 if "bottom" in name else down / 2
    return top, across / 2 if name in ("center", "top", "bottom") else 0.5
