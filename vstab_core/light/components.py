"""A picture's components, whatever the format keeps them in, and the matrix between their codes and R'G'B' signals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UsageError
from ..formats import bit_depth, sample_type
from ..types import FloatArray, Plane, VideoInfo
from .tags import MATRICES, chroma_scale, is_full, is_rgb, luma_scale, luma_weights


@dataclass(frozen=True)
class Components:
    """Views of a picture's planes.

    Attributes:
        colour: Y', or Y' Cb Cr, or R' G' B', each (h, w), chroma at its own size.
        alpha: (h, w), or None; the unused fourth byte of rgb0 and its kin counts as one.
    """

    colour: tuple[Plane, ...]
    alpha: Plane | None


def components_of(planes: Sequence[Plane], pixel_format: str) -> Components:
    """Return the components of a picture in a native format."""
    packed = re.match(r"[a0]?(?:rgb|bgr)[a0]?", pixel_format)
    if packed:
        letters = packed.group(0).replace("0", "a")
        by_letter = {letter: planes[0][..., at] for at, letter in enumerate(letters)}
        return Components(tuple(by_letter[letter] for letter in "rgb"), by_letter.get("a"))
    if pixel_format.startswith("gbr"):
        return Components((planes[2], planes[0], planes[1]), planes[3] if len(planes) > 3 else None)
    if pixel_format.startswith("ya"):
        return Components((planes[0][..., 0],), planes[0][..., 1])
    if len(planes) == 2:  # NV12 and its kin
        first, second = (1, 0) if pixel_format in ("nv21", "nv42") else (0, 1)
        return Components((planes[0], planes[1][..., first], planes[1][..., second]), None)
    return Components(tuple(planes[:3]), planes[3] if len(planes) > 3 else None)


def rgb_from_codes(info: VideoInfo) -> FloatArray:
    """Return the matrix (3, 4) from (codes, 1) of a clip's components to R'G'B', black 0 and white 1.

    Raises:
        UsageError: its YUV is of another kind (constant luminance, ICtCp), which no matrix undoes.
    """
    name = info.pixel_format
    is_float = sample_type(name) is np.float32
    bits = 8 if is_float else bit_depth(name)
    black, span = (0.0, 1.0) if is_float else luma_scale(bits, is_full(info.tags, name))
    if is_rgb(name):
        return np.hstack([np.eye(3) / span, np.zeros((3, 1))])
    if name.startswith(("gray", "ya")):
        return np.array([[1 / span, 0.0, 0.0, -black / span]] * 3)
    weights = luma_weights(info)
    if weights is None:
        raise UsageError(
            f"'{info.path}' has YUV of the kind {MATRICES.get(info.tags.matrix, info.tags.matrix)}, which "
            "--resample-light cannot bring to light; convert it first (ffmpeg -vf scale=out_color_matrix=bt2020), or "
            "leave --resample-light out"
        )
    red, blue = weights
    green = 1 - red - blue
    middle, width = chroma_scale(bits, is_full(info.tags, name))
    from_yuv = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    scale = np.array([1 / span, 1 / width, 1 / width])
    matrix = from_yuv * scale
    return np.hstack([matrix, -matrix @ np.array([[black], [middle], [middle]])])


def codes_from_rgb(rgb: FloatArray, gray: bool) -> FloatArray:
    """Return the matrix (3, 4) that undoes one of `rgb_from_codes`; of a gray picture luma is green."""
    if gray:
        return np.array([[0.0, 1 / rgb[0, 0], 0.0, -rgb[0, 3] / rgb[0, 0]], [0.0] * 4, [0.0] * 4])
    back = np.linalg.inv(rgb[:, :3])
    return np.hstack([back, -back @ rgb[:, 3:]])
