"""OpenEXR: every channel of every part as a plane, and back with all attributes; half, float and 32-bit ids.

Pictures are laid on one canvas for the whole sequence, which holds the display window and every data window, so that
overscan is used and a bounding box around a render may move.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR

from ..errors import InputError
from ..types import Plane
from .picture import LINEAR, Header, Picture, Window, frame_rate, size_of, union

HALF_MAX = 65504.0  # a filter's overshoot beyond it must not become an infinity
_COLOUR = {"r", "g", "b", "a", "y", "red", "green", "blue", "alpha", "ar", "ag", "ab"}
# Layers whose channels are called R, G, B and are no light all the same.
_DATA_LAYERS = {
    "id", "ids", "depth", "z", "n", "normal", "normals", "p", "position", "pos", "motion", "motionvector",
    "motionvectors", "mv", "vector", "vectors", "velocity", "forward", "backward", "uv", "st", "pref", "nref",
}  # fmt: skip
_WRITTEN_ANEW = ("channels", "chunkCount", "dataWindow")


def read_header(path: Path) -> Header:
    """Read what a file says of its picture."""
    parts = _open(path, header_only=True)
    for header in parts:
        _refuse_uneven(header, path)
    frame = _window(parts[0]["displayWindow"])
    if any(_window(header["displayWindow"]) != frame for header in parts):
        raise InputError(f"'{path}': its parts have different display windows, which OpenEXR does not allow")
    data = _window(parts[0]["dataWindow"])
    for header in parts[1:]:
        data = union(data, _window(header["dataWindow"]))
    names = [[channel.name for channel in header["channels"]] for header in parts]
    rate = parts[0].get("framesPerSecond", parts[0].get("FramesPerSecond"))
    return Header(
        frame,
        data,
        _main_channels(names)[1],
        Fraction(float(parts[0].get("pixelAspectRatio", 1.0))).limit_denominator(1000),
        frame_rate(float(rate)) if rate is not None else None,
        LINEAR,
        tuple((index, name) for index, part_names in enumerate(names) for name in part_names),
    )


def read_picture(path: Path, number: int, canvas: Window) -> Picture:
    """Read all channels of a file, each a plane as large as the canvas; zero where there is no data.

    Raises:
        InputError: the file is damaged or cut short.
    """
    parts = _open(path, header_only=False)
    names = [[channel.name for channel in part.header["channels"]] for part in parts]
    main, pixel_format = _main_channels(names)
    order = main + [
        (index, name) for index, part_names in enumerate(names) for name in part_names if (index, name) not in main
    ]
    planes, nearest, alpha = [], set(), set()
    specs = []
    for place, (index, name) in enumerate(order):
        channel = parts[index].channels[name]
        planes.append(_on_canvas(channel.pixels, _window(parts[index].header["dataWindow"]), canvas))
        specs.append((index, name, channel.pixels.dtype, channel.pLinear))
        if _is_data(name, channel.pixels.dtype):
            nearest.add(place)
        elif name.rpartition(".")[2].lower() in ("a", "alpha"):
            alpha.add(place)
    rest = _Rest([(part.name(), dict(part.header)) for part in parts], specs, canvas)
    return Picture(path, number, tuple(planes), pixel_format, frozenset(nearest), frozenset(alpha), rest, 2, LINEAR)


class _Rest:
    """What of a file is not its pixels: the headers of its parts, and (part, name, type, pLinear) of each plane."""

    def __init__(self, parts: list[tuple[str, dict[str, Any]]], specs: list[tuple[int, str, Any, bool]],
                 canvas: Window) -> None:  # fmt: skip
        self.parts, self.specs, self.canvas = parts, specs, canvas


def write_picture(path: Path, planes: tuple[Plane, ...], like: Picture) -> None:
    """Write planes with the attributes, channel types and compression of the file that they were made from."""
    rest: _Rest = like.rest
    left, top, right, bottom = rest.canvas
    window = (np.array([left, top], np.int32), np.array([right, bottom], np.int32))
    channels: list[dict[str, Any]] = [{} for _ in rest.parts]
    for plane, (index, name, dtype, linear) in zip(planes, rest.specs, strict=True):
        channels[index][name] = OpenEXR.Channel(_as_stored(plane, dtype), 1, 1, linear)
    parts = []
    for (name, header), part_channels in zip(rest.parts, channels, strict=True):
        kept = {key: value for key, value in header.items() if key not in _WRITTEN_ANEW}
        if "tiles" in kept:  # of smaller levels a warped picture has none
            kept["tiles"] = _of_one_level(kept["tiles"])
        parts.append(OpenEXR.Part({**kept, "dataWindow": window}, part_channels, name))
    OpenEXR.File(parts).write(str(path))


def _of_one_level(tiles: Any) -> Any:
    single = OpenEXR.TileDescription()
    single.xSize, single.ySize, single.mode = tiles.xSize, tiles.ySize, OpenEXR.ONE_LEVEL
    return single


def _open(path: Path, header_only: bool) -> Any:
    """Return the headers of a file's parts, or the parts."""
    try:
        file = OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
        parts = file.parts
        if not parts:  # what it says of damaged pixels
            raise RuntimeError("damaged or cut short")
        if not header_only and any(
            {channel.name for channel in part.header["channels"]} != set(part.channels) for part in parts
        ):
            raise RuntimeError("channels cannot be read")
    except (RuntimeError, ValueError, OSError, TypeError) as error:
        raise InputError(f"'{path}' cannot be read: {error}") from error
    return [part.header for part in parts] if header_only else parts


def _refuse_uneven(header: dict[str, Any], path: Path) -> None:
    if "deep" in str(header.get("type", "")):
        raise InputError(f"'{path}' holds deep data, which cannot be resampled; flatten it first")
    for channel in header["channels"]:
        if (channel.xSampling, channel.ySampling) != (1, 1):
            raise InputError(f"'{path}': channel {channel.name} has fewer pixels than the others (luminance and "
                             "chroma); write the sequence as RGB first")  # fmt: skip


def _main_channels(names: list[list[str]]) -> tuple[list[tuple[int, str]], str]:
    """Return (part, name) of the channels that make the picture, and their pixel format: G B R (A), or one."""
    for index, part_names in enumerate(names):
        layers = sorted({name.rpartition(".")[0] for name in part_names}, key=lambda layer: (layer != "", layer))
        for layer in layers:
            dot = f"{layer}." if layer else ""
            if all(dot + name in part_names and not _is_data(dot + name) for name in "RGB"):
                alpha = [dot + "A"] if dot + "A" in part_names else []
                return [(index, dot + name) for name in "GBR"] + [(index, name) for name in alpha], (
                    "gbrapf32le" if alpha else "gbrpf32le"
                )
    for index, part_names in enumerate(names):
        for name in part_names:
            if name.rpartition(".")[2] == "Y":
                return [(index, name)], "grayf32le"
    return [(0, names[0][0])], "grayf32le"


def _is_data(name: str, dtype: Any = None) -> bool:
    """Tell whether the values of a channel must not be mixed; unknown ones are not."""
    layer, _, last = name.rpartition(".")
    words = {word.rstrip("0123456789") for word in re.split(r"[^a-z0-9]+", layer.lower()) if word}
    named_data = bool(words & _DATA_LAYERS) or any(word.startswith("crypto") for word in words)
    return dtype == np.uint32 or named_data or last.lower() not in _COLOUR


def _on_canvas(pixels: Plane, window: Window, canvas: Window) -> Plane:
    """Return a float32 plane of the canvas' size; the bits of 32-bit integers as they are."""
    values = pixels.view(np.float32) if pixels.dtype == np.uint32 else pixels.astype(np.float32, copy=False)
    if window == canvas:
        return values
    plane = np.zeros(size_of(canvas), np.float32)
    top, left = window[1] - canvas[1], window[0] - canvas[0]
    plane[top : top + values.shape[0], left : left + values.shape[1]] = values
    return plane


def _as_stored(plane: Plane, dtype: Any) -> Plane:
    if dtype == np.uint32:
        return np.ascontiguousarray(plane).view(np.uint32)
    if dtype == np.float16:
        over = np.abs(plane) > HALF_MAX
        if over.any():
            plane = np.where(over & np.isfinite(plane), np.copysign(HALF_MAX, plane), plane)
        return plane.astype(np.float16)
    return np.ascontiguousarray(plane, np.float32)


def _window(value: Any) -> Window:
    (left, top), (right, bottom) = value
    return int(left), int(top), int(right), int(bottom)
