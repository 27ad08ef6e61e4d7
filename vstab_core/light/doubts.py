"""What a clip's colour tags say that cannot be true, or that the user says otherwise; a sentence each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..formats import bit_depth, sample_type
from ..params import Parameters
from ..types import Frame, VideoInfo
from .config import AUTO
from .curves import WIDE, curve_of
from .tags import FULL, MATRICES, PRIMARIES, RGB_MATRIX, TRANSFERS, is_rgb, luma_scale
from .tone import light_of

BELOW_BLACK = 0.01  # of the luma: limited range leaves room there for overshoots, not for content
_OVERSHOOT = 4  # codes of 8 bits
_ALIKE = 0.2  # of the light at a quarter and at three quarters of the signal, against that at half


def doubts_of(info: VideoInfo, parameters: Parameters) -> list[str]:
    """Return what is odd about a clip's tags where something hangs on it."""
    tags, name = info.tags, f"'{info.path}'"
    transfer = TRANSFERS.get(tags.transfer, str(tags.transfer))
    doubts = []
    if tags.transfer_of_container != 2 and {tags.transfer, tags.transfer_of_container} & WIDE:
        other = TRANSFERS.get(tags.transfer_of_container, str(tags.transfer_of_container))
        doubts.append(f"{name}: the container says {other}, the video stream {transfer}; the stream counts")
    if parameters.input_space != AUTO and tags.transfer in WIDE and not _means_the_same(info, parameters):
        doubts.append(f"{name} is tagged {transfer}, --input-space says {parameters.input_space}, which counts")
    if parameters.resample_light == "as-is" or is_rgb(info.pixel_format):
        return doubts
    if tags.matrix == RGB_MATRIX:
        doubts.append(f"{name} is tagged RGB but holds YUV; it is taken for BT.709, up to 576 lines for BT.601")
    wide_primaries, wide_matrix = tags.primaries == 9, tags.matrix in (9, 10)
    known = tags.primaries in PRIMARIES and tags.matrix in MATRICES and 2 not in (tags.primaries, tags.matrix)
    if known and wide_primaries != wide_matrix:
        doubts.append(f"{name} is tagged with primaries {PRIMARIES[tags.primaries]} and matrix "
                      f"{MATRICES[tags.matrix]}, which do not go together; the matrix counts")  # fmt: skip
    return doubts


def told_of_range(frames: Iterator[Frame], info: VideoInfo, tell: Callable[[str], None]) -> Iterator[Frame]:
    """Yield the frames, and tell if the first contradicts its range tag."""
    try:
        for number, frame in enumerate(frames):
            if number == 0 and (doubt := range_doubt(frame, info)):
                tell(doubt)
            yield frame
    finally:
        getattr(frames, "close", lambda: None)()


def range_doubt(frame: Frame, info: VideoInfo) -> str:
    """Return a sentence if luma that counts as limited has content below black; "" else."""
    name = info.pixel_format
    if info.tags.range == FULL or is_rgb(name) or sample_type(name) is np.float32:
        return ""
    bits = bit_depth(name)
    black, _ = luma_scale(bits, full=False)
    luma = frame.planes[0][::4, ::4]
    luma = luma[..., 0] if luma.ndim == 3 else luma
    share = float((luma < black - _OVERSHOOT * (1 << (bits - 8))).mean())
    if share <= BELOW_BLACK:
        return ""
    said = "is tagged limited range" if info.tags.range else "has no range tag, which means limited range"
    return (
        f"'{info.path}' {said}, but {share:.0%} of its luma lies below black, as in full range; nothing is cut off, "
        "but its light is taken too dark: correct the tag first (ffmpeg -bsf:v h264_metadata=video_full_range_flag=1)"
    )


def _means_the_same(info: VideoInfo, parameters: Parameters) -> bool:
    named = light_of(info, parameters)
    if named is None:
        return False
    signal = np.array([0.25, 0.5, 0.75])
    lights = [curve(signal) for curve in (named, curve_of(info.tags.transfer, display=False).light)]
    one, other = (light / light[1] for light in lights)
    return bool(np.abs(one / other - 1).max() < _ALIKE)
