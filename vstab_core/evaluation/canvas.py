"""Draw on frames without shifting what is under the drawing: code values of any pixel format, and text.

Text and pictures reach a frame in its own planes; only what has another pixel format, matrix, range or size is
converted, and then with both ends named, so that two clips side by side keep the colours that a player shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation

from ..colour import FULL_RANGE, UNSPECIFIED, read_look
from ..formats import bit_depth, has_alpha, plane_shapes, plane_views
from ..types import Frame, Plane, VideoInfo

Coverage = npt.NDArray[np.uint8]  # (h, w), how far a drawing covers what is under it
Image = npt.NDArray[np.uint8]  # (h, w, 3), blue, green, red, full range

FONT = cv2.FONT_HERSHEY_SIMPLEX
LEAST_TEXT_PX = 3.0
_PQ, _HLG = 16, 18  # H.273's transfer characteristics
_WHITE = {_PQ: 0.58, _HLG: 0.75}  # code of diffuse white (203 cd/m2, ITU-R BT.2408); a label at 1.0 would blind
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}  # H.273's number: swscale's
# With these a picture comes back from RGB as it was; swscale's fast ways make it up to 3 codes darker.
_INTERPOLATION = int(
    Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.FULL_CHR_H_INP
)


@dataclass(frozen=True)
class Look:
    """What a clip's code values mean.

    Attributes:
        pixel_format: FFmpeg's name, native.
        matrix: swscale's number of the RGB to YUV matrix, or None where the clip does not say.
        full: whether black is 0 and white the largest code.
        white: share of the code range where diffuse white lies.
        hdr: whether the transfer is PQ or HLG.
    """

    pixel_format: str
    matrix: int | None
    full: bool
    white: float = 1.0
    hdr: bool = False

    @property
    def rgb(self) -> bool:
        """Whether the planes hold red, green and blue."""
        return is_rgb(self.pixel_format)


def is_rgb(pixel_format: str) -> bool:
    """Tell whether the planes of a native format hold red, green and blue."""
    return av.VideoFormat(pixel_format).is_rgb


def look_of(info: VideoInfo) -> Look:
    """Return the look of a clip, from its first picture."""
    look = read_look(info.path)
    gray = info.pixel_format.startswith(("gray", "ya"))  # FFmpeg takes gray for full range, whatever the tag says
    full = look.color_range == FULL_RANGE or gray or is_rgb(info.pixel_format)
    matrix = None if look.colorspace in (0, UNSPECIFIED) else _MATRICES.get(look.colorspace)
    return Look(info.pixel_format, matrix, full, _WHITE.get(look.color_trc, 1.0), look.color_trc in _WHITE)


def codes_of(look: Look, level: float) -> list[npt.NDArray[np.float32]]:
    """Return the code values of a gray, opaque where the format has alpha; one array of channels a plane.

    Args:
        look: of the clip.
        level: 0 black .. 1 diffuse white.
    """
    name = look.pixel_format
    float_samples = "f32" in name
    top = 1.0 if float_samples else float((1 << bit_depth(name)) - 1)
    step = top / 255 if float_samples else float(1 << (bit_depth(name) - 8))
    low, high = (0.0, top) if look.full or look.rgb or float_samples else (16 * step, 235 * step)
    gray = low + (high - low) * level * look.white
    planes = []
    for index, shape in enumerate(plane_shapes(name, 64, 64)):
        channels = shape[2] if len(shape) == 3 else 1
        chroma = not look.rgb and index in (1, 2)
        codes = np.full(channels, 128 * step if chroma else gray, np.float32)
        if has_alpha(name):
            if len(plane_shapes(name, 64, 64)) == 1:
                codes[0 if name.startswith(("argb", "abgr")) else -1] = top
            elif index == 3:
                codes[:] = top
        planes.append(codes)
    return planes


def reductions(pixel_format: str) -> list[tuple[int, int]]:
    """Return by how much each plane is smaller than the picture, (in y, in x)."""
    return [(64 // shape[0], 64 // shape[1]) for shape in plane_shapes(pixel_format, 64, 64)]


def steps_of(pixel_format: str) -> tuple[int, int]:
    """Return the even numbers of pixels, (in y, in x), on which a seam cuts no chroma sample in two."""
    found = reductions(pixel_format)
    return max(2, *(y for y, _ in found)), max(2, *(x for _, x in found))


def fill(planes: tuple[Plane, ...], codes: list[npt.NDArray[np.float32]]) -> None:
    """Fill planes with one colour."""
    for plane, code in zip(planes, codes, strict=True):
        plane[...] = _rounded(code if plane.ndim == 3 else code[0], plane)


def part(planes: tuple[Plane, ...], pixel_format: str, rows: slice, columns: slice) -> tuple[Plane, ...]:
    """Return views of a part of a picture; `rows` and `columns` are pixels of the picture."""
    found = []
    for plane, (y, x) in zip(planes, reductions(pixel_format), strict=True):
        found.append(plane[_reduced(rows, y), _reduced(columns, x)])
    return tuple(found)


def _reduced(pixels: slice, step: int) -> slice:
    return slice(pixels.start // step, -(-pixels.stop // step))


def put(target: tuple[Plane, ...], source: tuple[Plane, ...]) -> None:
    """Copy planes into the top left of others."""
    for to, values in zip(target, source, strict=True):
        to[: values.shape[0], : values.shape[1]] = values


def cover(planes: tuple[Plane, ...], codes: list[npt.NDArray[np.float32]], coverage: Coverage) -> None:
    """Lay a colour over a part of a picture.

    Args:
        planes: of the part; begins at a whole chroma sample.
        codes: of the colour.
        coverage: (h, w) of the part, 0 leaves the picture, 255 hides it.
    """
    for plane, code in zip(planes, codes, strict=True):
        height, width = plane.shape[:2]
        share: Any = coverage
        if coverage.shape != (height, width):
            share = cv2.resize(coverage, (width, height), interpolation=cv2.INTER_AREA)
        share = share.astype(np.float32) / 255
        if plane.ndim == 3:
            share = share[..., None]
        color = code if plane.ndim == 3 else code[0]
        plane[...] = np.where(share > 0, _rounded(plane + (color - plane) * share, plane), plane)


def _rounded(values: Any, like: Plane) -> Any:
    return values if like.dtype == np.float32 else np.round(values).astype(like.dtype)


# -- conversions ----------------------------------------------------------------------------------------------------


def converted(frame: Frame, source: Look, target: Look, size: tuple[int, int]) -> tuple[Plane, ...]:
    """Return the frame's planes in another look and size; its own where nothing differs.

    Args:
        frame: of the clip.
        source: look of the clip. Where one of the looks has no matrix it is taken to be the other's.
        target: look that is wanted.
        size: (height, width) that is wanted.
    """
    matrices = source.matrix or target.matrix, target.matrix or source.matrix
    same = frame.pixel_format == target.pixel_format and source.full == target.full
    if same and (target.rgb or matrices[0] == matrices[1]) and frame.planes[0].shape[:2] == size:
        return frame.planes
    guess = guessed_matrix(frame.planes[0].shape[0])
    picture = picture_of(frame.planes, frame.pixel_format)
    return plane_views(
        picture.reformat(
            width=size[1],
            height=size[0],
            format=target.pixel_format,
            src_colorspace=matrices[0] or guess,
            dst_colorspace=matrices[1] or guess,
            src_color_range=_range(source),
            dst_color_range=_range(target),
            interpolation=_INTERPOLATION,
        )
    )


def guessed_matrix(height: int) -> int:
    """Return the matrix that players assume where a clip does not say: BT.601 below 720 lines, else BT.709."""
    return 5 if height < 720 else 1


def _range(look: Look) -> int:
    return 2 if look.full or look.rgb else 1


def picture_of(planes: tuple[Plane, ...], pixel_format: str) -> av.VideoFrame:
    """Return the planes as a picture of FFmpeg's, in memory of its own."""
    height, width = planes[0].shape[:2]
    picture = av.VideoFrame(width, height, pixel_format)
    for target, values in zip(plane_views(picture), planes, strict=True):
        target[...] = values
    return picture


def image_of(frame: Frame, look: Look, size: tuple[int, int] | None = None) -> Image:
    """Return the frame as an image to be drawn on, (height, width, 3) uint8, writable."""
    height = frame.planes[0].shape[0]
    target = Look("bgr24", look.matrix or guessed_matrix(height), True)
    (image,) = converted(frame, look, target, size or frame.planes[0].shape[:2])
    return np.ascontiguousarray(image) if image is not frame.planes[0] else image.copy()


def planes_of(image: Image, look: Look) -> tuple[Plane, ...]:
    """Return a drawn image as planes in a clip's look."""
    frame = Frame((image,), "bgr24", 0, 0.0)
    return converted(frame, Look("bgr24", look.matrix or guessed_matrix(image.shape[0]), True), look, image.shape[:2])


# -- text -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A line of text, drawn.

    Attributes:
        letters, outline: (h, w) coverage; the outline lies under the letters and around them.
    """

    letters: Coverage
    outline: Coverage


def draw_text(words: str, height_px: float, longest_px: float = float("inf")) -> Text:
    """Draw a line of text, its capitals `height_px` high, smaller where it would be longer than `longest_px`."""
    thickness = max(1, round(height_px / 9))
    scale = height_px / cv2.getTextSize(words, FONT, 1.0, 1)[0][1]
    width = cv2.getTextSize(words, FONT, scale, thickness)[0][0]
    if width > longest_px and height_px > LEAST_TEXT_PX:
        return draw_text(words, max(LEAST_TEXT_PX, 0.98 * height_px * longest_px / width), longest_px)
    (width, above), below = cv2.getTextSize(words, FONT, scale, thickness)
    edge = max(1, round(height_px / 8 + 0.6))
    at = edge + thickness // 2, edge + above + thickness // 2
    letters: Any = np.zeros((above + below + 2 * at[0], width + 2 * at[0]), np.uint8)
    cv2.putText(letters, words, at, FONT, scale, 255, thickness, cv2.LINE_AA)
    # not drawn with a thicker pen, which OpenCV 5 takes for a bolder, wider font
    outline = cv2.dilate(letters, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * edge + 1, 2 * edge + 1)))
    return Text(letters, np.asarray(outline, np.uint8))


def write_on_image(image: Image, text: Text, x: int, y: int, color: tuple[int, int, int] = (255, 255, 255)) -> None:
    """Write text on an image, its top left corner at (x, y); what lies outside is left out."""
    height, width = image.shape[:2]
    shape = text.letters.shape
    rows, columns = slice(max(0, y), min(height, y + shape[0])), slice(max(0, x), min(width, x + shape[1]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    inside = slice(rows.start - y, rows.stop - y), slice(columns.start - x, columns.stop - x)
    under: Any = image[rows, columns].astype(np.float32)
    for layer, ink in ((text.outline, (0, 0, 0)), (text.letters, color)):
        share = layer[inside][..., None].astype(np.float32) / 255
        under += (np.array(ink, np.float32) - under) * share
    image[rows, columns] = np.round(under)


def text_height_px(height: int, width: int) -> float:
    """Return how high text is drawn on a picture: legible where the whole picture is seen at once."""
    return max(7.0, min(height / 24, width / 32))
