"""Colour tags: what they are called, what range and matrix follow from them, and what in them cannot be true."""

from __future__ import annotations

import numpy as np

from ..formats import sample_type
from ..types import ColourTags, VideoInfo

LIMITED, FULL = 1, 2  # of FFmpeg's color_range
UNSPECIFIED = 2  # of primaries, transfer and matrix
RGB_MATRIX = 0
_SD_LINES = 576  # up to here an unspecified matrix is BT.601

RANGES = {0: "unspecified", 1: "limited", 2: "full"}
MATRICES = {
    0: "RGB", 1: "BT.709", 2: "unspecified", 4: "FCC", 5: "BT.601 (625)", 6: "BT.601 (525)", 7: "SMPTE 240M",
    8: "YCgCo", 9: "BT.2020", 10: "BT.2020 constant luminance", 14: "ICtCp",
}  # fmt: skip
PRIMARIES = {
    1: "BT.709", 2: "unspecified", 4: "BT.470 M", 5: "BT.601 (625)", 6: "BT.601 (525)", 7: "SMPTE 240M", 8: "film",
    9: "BT.2020", 10: "XYZ", 11: "DCI-P3", 12: "Display P3",
}  # fmt: skip
TRANSFERS = {
    1: "BT.709", 2: "unspecified", 4: "gamma 2.2", 5: "gamma 2.8", 6: "BT.601", 7: "SMPTE 240M", 8: "linear",
    9: "log 100:1", 10: "log 316:1", 11: "xvYCC", 12: "BT.1361", 13: "sRGB", 14: "BT.2020 (10 bits)",
    15: "BT.2020 (12 bits)", 16: "PQ", 17: "SMPTE 428", 18: "HLG",
}  # fmt: skip

# Red and blue in luma; green is what is left.
_LUMA = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 5: (0.299, 0.114), 6: (0.299, 0.114), 7: (0.212, 0.087),
         9: (0.2627, 0.0593)}  # fmt: skip


def names_of(tags: ColourTags) -> dict[str, str]:
    """Return the tags in words."""
    return {
        "range": RANGES.get(tags.range, str(tags.range)),
        "matrix": MATRICES.get(tags.matrix, str(tags.matrix)),
        "primaries": PRIMARIES.get(tags.primaries, str(tags.primaries)),
        "transfer": TRANSFERS.get(tags.transfer, str(tags.transfer)),
        "chroma_place": tags.chroma_place or "unspecified",
    }


def is_rgb(pixel_format: str) -> bool:
    """Tell whether a native format holds R'G'B' and not luma."""
    return pixel_format.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb", "0bgr"))


def is_full(tags: ColourTags, pixel_format: str) -> bool:
    """Tell whether codes run from 0 to the highest: RGB and float do; YUV where it says so."""
    return tags.range == FULL or is_rgb(pixel_format) or sample_type(pixel_format) is np.float32


def luma_scale(bits: int, full: bool) -> tuple[float, float]:
    """Return the code of black, and how many codes white is above it."""
    unit = float(1 << (bits - 8))
    return (0.0, float((1 << bits) - 1)) if full else (16 * unit, 219 * unit)


def chroma_scale(bits: int, full: bool) -> tuple[float, float]:
    """Return the code of no colour, and how many codes lie between the most and the least of a colour difference."""
    unit = float(1 << (bits - 8))
    return 128 * unit, float((1 << bits) - 1) if full else 224 * unit


def luma_weights(info: VideoInfo) -> tuple[float, float] | None:
    """Return how much of red and of blue is in luma; None for a matrix that is none of this kind."""
    matrix = info.tags.matrix
    if matrix in (UNSPECIFIED, RGB_MATRIX, 3):
        matrix = 1 if info.height > _SD_LINES else 6
    return _LUMA.get(matrix)
