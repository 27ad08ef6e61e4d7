"""How large the clips in the page may be: the page's limit shared out over time, size and rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

PAGE_BYTES = 60_000_000  # what mail servers, chat tools and a browser on a laptop still take
_REST_BYTES = 8_000_000  # of it for curves, tables and code: 20 000 frames of every curve take 2 MB
_FILL = 0.85  # of a clip's share is planned: rate control overshoots
CLIP_BYTES = (PAGE_BYTES - _REST_BYTES) * 3 // 4 // 2  # base64 makes 4 bytes of 3

LONG_SIDES_PX = (640, 480, 320, 240)
_LEAST_BITS_A_PIXEL = 0.03  # x264 below this shows blocks instead of a picture
_MOST_BITS_A_SECOND = 4_000_000  # CRF decides below it; noise at 640 px would take more and show no more
SOUND_BITS_A_SECOND = 64_000
_SOUND_FROM = 4 * SOUND_BITS_A_SECOND  # sound takes a quarter of the rate at most


@dataclass(frozen=True)
class Plan:
    """How one clip is encoded for the page.

    Attributes:
        width, height: in pixels, even.
        every: each so-many-th frame is kept.
        bits_a_second: the most the picture may take.
        sound: whether there is room for sound.
    """

    width: int
    height: int
    every: int
    bits_a_second: int
    sound: bool


def plan(width: float, height: float, fps: float, duration_s: float, share: float = 1.0) -> Plan:
    """Choose size and rate so that a clip fits its part of the page.

    Args:
        width, height: displayed size, in square pixels.
        fps: frames a second.
        duration_s: seconds that will be embedded.
        share: of the clip's part that may be used; less where a first try came out too large.

    Returns:
        the largest size whose pixels get bits enough; where none does, the smallest at a lower frame rate.
    """
    room = share * _FILL * CLIP_BYTES * 8 / max(duration_s, 0.1)
    sound = room >= _SOUND_FROM
    rate = min(room - SOUND_BITS_A_SECOND * sound, _MOST_BITS_A_SECOND)
    for long_side_px in LONG_SIDES_PX:
        size = fit(width, height, long_side_px)
        least = size[0] * size[1] * fps * _LEAST_BITS_A_PIXEL
        if least <= rate:
            break
    every = max(1, math.ceil(least / rate))
    return Plan(*size, every, max(1000, int(rate)), sound)


def fit(width: float, height: float, long_side_px: int) -> tuple[int, int]:
    """Return (width, height), even, of a picture reduced to `long_side_px` on its longer side; never enlarged."""
    scale = min(1.0, long_side_px / max(width, height))
    return max(16, 2 * round(width * scale / 2)), max(16, 2 * round(height * scale / 2))
