"""Put the shape of a pixel into the header of a NUT stream: FFmpeg's muxer has a field for it that PyAV cannot reach.

NUT: a header is a startcode of 8 bytes, the length of the rest, the payload and its CRC-32. Numbers have seven bits a
byte, the highest first, and the eighth says that another follows.
"""

from __future__ import annotations

from fractions import Fraction

STREAM_CODE = b"NS\x11\x40\x5b\xf2\xf9\xdb"
_CRC_BYTES = 4
_POLYNOMIAL = 0x04C11DB7


def with_pixel_aspect(head: bytes, pixel_aspect: Fraction) -> bytes:
    """Return the beginning of a NUT stream whose first stream is video, with its pixels' width / height.

    Raises:
        ValueError: it holds no whole stream header.
    """
    at = head.find(STREAM_CODE)
    size, start = _number(head, at + len(STREAM_CODE))
    end = start + size
    if at < 0 or end > len(head):
        raise ValueError("no stream header of NUT in what is to begin a stream")
    where = start
    for kind in "nnbnnnnnbnn":  # id, class, tag, time base, 4 of timing, codec's own, width, height
        value, where = _number(head, where)
        where += value if kind == "b" else 0
    _, behind = _number(head, where)
    _, behind = _number(head, behind)
    payload = (
        head[start:where]
        + _coded(pixel_aspect.numerator)
        + _coded(pixel_aspect.denominator)
        + head[behind : end - _CRC_BYTES]
    )
    return (
        head[: at + len(STREAM_CODE)]
        + _coded(len(payload) + _CRC_BYTES)
        + payload
        + _crc(payload).to_bytes(_CRC_BYTES, "big")
        + head[end:]
    )


def _number(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that stands there, and where it ends."""
    value = 0
    while at < len(data):
        value = value << 7 | data[at] & 0x7F
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("no stream header of NUT in what is to begin a stream")


def _coded(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def _crc(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (_POLYNOMIAL if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value
