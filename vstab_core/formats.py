"""Pixel formats: which ones the warp can read as they are, their planes as arrays, and the nearest other format.

A format is *native* when each of its planes is an array (h, w) or (h, w, channels) of whole little-endian samples:
planar YUV, gray and GBR of any depth with or without alpha, two-channel chroma (NV12, P010 ...) and packed RGB.
Everything else (palettes, bit-packed, big-endian, 4:2:2 interleaved in one plane, full-range `yuvj` names) is
delivered in the nearest native format that keeps bit depth, chroma size and alpha.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import av
import numpy as np
from av.video.format import VideoFormat

from .types import Plane

ALL_FORMATS: frozenset[str] = frozenset(av.video.format.names)  # type: ignore[attr-defined]

_NATIVE = re.compile(
    r"yuva?4(20|22|44|40|11|10)p(9|1[0246])?(le)?"
    r"|gray(9|1[0246])?(le)?|grayf32le|ya8|ya16le"
    r"|gbra?p(9|1[0246])?(le)?|gbra?pf32le"
    r"|nv(12|21|16|24|42)|p[024]1[0246]le"
    r"|rgb24|bgr24|rgba|bgra|argb|abgr|rgb0|bgr0|0rgb|0bgr|(rgb|bgr)48le|(rgb|bgr)a64le"
)
_TWO_CHANNEL_CHROMA = re.compile(r"nv\d\d|p[024]1[0246]le")


@lru_cache(maxsize=256)
def is_native(name: str) -> bool:
    """Tell whether frames of this pixel format are delivered without conversion."""
    if not _NATIVE.fullmatch(name):
        return False
    depth = max(component.bits for component in VideoFormat(name).components)
    return (depth == 8) != name.endswith("le")  # "gray10" without an ending does not exist; "yuv420ple" neither


@lru_cache(maxsize=256)
def bit_depth(name: str) -> int:
    """Return the bits of a sample: 8, 10, 12 ..., 16, or 32 for float. Samples are at most 2**bits - 1.

    Known limit: P010 and its kin keep their 10 or 12 bits in the high end of 16; 16 is returned for them.
    """
    if _TWO_CHANNEL_CHROMA.fullmatch(name) and name.startswith("p"):
        return 16
    return max(component.bits for component in VideoFormat(name).components)


@lru_cache(maxsize=256)
def has_alpha(name: str) -> bool:
    """Tell whether the pixel format has an alpha channel (a palette counts as having one)."""
    pixel_format = VideoFormat(name)
    if pixel_format.has_palette:
        return True
    if re.fullmatch(r"(rgb|bgr)0|0(rgb|bgr)", name):
        return False
    return any(component.is_alpha for component in pixel_format.components)


@lru_cache(maxsize=256)
def _traits(name: str) -> tuple[bool, bool, int, bool, int, int, bool]:
    """Return (rgb, gray, bits, alpha, log2 of chroma reduction in x, in y, float)."""
    pixel_format = VideoFormat(name, 64, 64)
    rgb = pixel_format.is_rgb or pixel_format.has_palette or pixel_format.is_bayer
    gray = not rgb and len(pixel_format.components) <= 2
    bits = 8 if pixel_format.has_palette else max(component.bits for component in pixel_format.components)
    reduce_x, reduce_y = (
        (0, 0) if rgb or gray else (6 - (pixel_format.chroma_width().bit_length() - 1),
                                    6 - (pixel_format.chroma_height().bit_length() - 1))
    )  # fmt: skip
    return rgb, gray, bits, has_alpha(name), reduce_x, reduce_y, "f32" in name or "f16" in name


def nearest_format(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that loses least of a picture in format `name`, or None where there are no choices.

    Losses in order: alpha, colour, bit depth, chroma size, the change between RGB and YUV; after them the wasted
    bits and chroma. Equal choices: the first.
    """
    best: tuple[tuple[int, ...], str] | None = None
    rgb, gray, bits, alpha, reduce_x, reduce_y, is_float = _traits(_canonical(name))
    for choice in choices:
        if _canonical(choice) == _canonical(name):
            return choice
        to_rgb, to_gray, to_bits, to_alpha, to_x, to_y, to_float = _traits(choice)
        cost = (
            int(alpha and not to_alpha),
            int(to_gray and not gray),
            max(0, bits - to_bits) + 8 * int(is_float and not to_float),
            max(0, to_x - reduce_x) + max(0, to_y - reduce_y) if not gray else 0,
            int(rgb != to_rgb and not gray),
            int(to_float and not is_float),
            max(0, to_bits - bits),
            int(gray and not to_gray) + int(to_alpha and not alpha),
            max(0, reduce_x - to_x) + max(0, reduce_y - to_y) if not gray else -to_x - to_y,
            int(choice.endswith("be")),
            int(choice.startswith("yuvj")),
            int(bool(_TWO_CHANNEL_CHROMA.fullmatch(choice))),
        )
        if best is None or cost < best[0]:
            best = cost, choice
    return None if best is None else best[1]


def _canonical(name: str) -> str:
    return name.replace("yuvj", "yuv")


@lru_cache(maxsize=256)
def delivered_format(name: str) -> str:
    """Return the native format that frames of format `name` are delivered in."""
    name = _canonical(name)
    if is_native(name):
        return name
    little_endian = name[:-2] + "le" if name.endswith("be") else name
    if little_endian != name and little_endian in ALL_FORMATS and is_native(little_endian):
        return little_endian
    if VideoFormat(name).has_palette:
        return "rgba"
    found = nearest_format(name, _native_names())
    assert found is not None
    return found


@lru_cache(maxsize=1)
def _native_names() -> tuple[str, ...]:
    names = [name for name in ALL_FORMATS if is_native(name)]
    return tuple(sorted(names, key=lambda name: (not name.startswith(("yuv", "gbr", "gray")), name)))


@lru_cache(maxsize=64)
def plane_shapes(name: str, width: int, height: int) -> tuple[tuple[int, ...], ...]:
    """Return the array shape of each plane of a native format: (h, w) or (h, w, channels)."""
    pixel_format = VideoFormat(name, width, height)
    shapes: list[tuple[int, ...]] = []
    if name in ("rgb0", "bgr0", "0rgb", "0bgr"):
        return ((height, width, 4),)
    for index in sorted({component.plane for component in pixel_format.components}):
        parts = [component for component in pixel_format.components if component.plane == index]
        size = (parts[0].height, parts[0].width)
        shapes.append(size if len(parts) == 1 else (*size, len(parts)))
    return tuple(shapes)


def chroma_step(name: str) -> tuple[int, int]:
    """Return how many luma samples, (vertically, horizontally), one chroma sample stands for; (1, 1) without chroma."""
    shapes = plane_shapes(name, 64, 64)
    height, width = min(shape[:2] for shape in shapes)
    return 64 // height, 64 // width


def sample_type(name: str) -> type[np.generic]:
    """Return the numpy type of a native format's samples: uint8, uint16 or float32."""
    if "f32" in name:
        return np.float32
    return np.uint8 if bit_depth(name) == 8 else np.uint16


def plane_views(picture: av.VideoFrame) -> tuple[Plane, ...]:
    """Return the planes of a picture in a native format as arrays over its own memory (rows may be padded).

    The arrays keep the picture alive. Rows that run upwards in memory (as in some AVI files) come as negative strides.
    """
    name = picture.format.name
    dtype = np.dtype(sample_type(name))
    views = []
    for plane, shape in zip(picture.planes, plane_shapes(name, picture.width, picture.height), strict=True):
        line, height = plane.line_size, shape[0]
        channels = shape[2] if len(shape) == 3 else 1
        strides = (
            (abs(line), dtype.itemsize) if len(shape) == 2 else (abs(line), dtype.itemsize * channels, dtype.itemsize)
        )
        view: Plane = np.ndarray(shape, dtype, memoryview(plane), 0, strides)
        views.append(view if line > 0 or height == 1 else view[::-1])
    return tuple(views)
