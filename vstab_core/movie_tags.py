"""What FFmpeg's muxer leaves out of an mp4 or mov: languages that QuickTime's old list lacks, and HDR data of pictures.

Written into the index of the finished file (see `isobmff`); no sample is moved.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from .isobmff import Box, Movie, read_movie, write_movie

_UNKNOWN = 0x7FFF  # FFmpeg writes it for codes that are not on the list of 1989
_CHROMA_STEPS, _LUMA_STEPS = 50000, 10000  # per unit of chromaticity, per cd/m2


def complete_movie(
    path: Path,
    languages: Mapping[int, str],
    video: int,
    mastering: bytes | None = None,
    light_level: tuple[int, int] | None = None,
) -> None:
    """Write languages and HDR data into a closed file.

    Args:
        path: mp4 or mov; must not be the user's source.
        languages: stream -> ISO 639-2 code, where there is one.
        video: the stream that the HDR data is of.
        mastering: AVMasteringDisplayMetadata, ten rationals: red, green, blue, white as (x, y); least and greatest
            luminance.
        light_level: (MaxCLL, MaxFALL) in cd/m2.
    """
    movie = read_movie(path)
    changed = [_set_language(movie, stream, code) for stream, code in languages.items()]
    entry = movie.tracks()[video].first("mdia/minf/stbl/stsd/*")
    if entry is not None and (mastering is not None or light_level is not None):
        entry.remove(b"mdcv", b"clli")
        if mastering is not None:
            entry.children.append(Box(b"mdcv", _display(mastering)))
        if light_level is not None:
            entry.children.append(Box(b"clli", struct.pack(">2H", *(min(level, 0xFFFF) for level in light_level))))
        changed.append(True)
    if any(changed):
        write_movie(movie)


def _set_language(movie: Movie, stream: int, code: str) -> bool:
    """Write a language where the file has none; ISO 639-2, packed in three times five bits, is for mov too."""
    tracks = movie.tracks()
    header = tracks[stream].first("mdia/mdhd") if stream < len(tracks) else None
    if header is None or len(code) != 3 or not (code.isascii() and code.islower()) or code == "und":
        return False
    at = 4 + (28 if header.head[0] == 1 else 16)
    if struct.unpack_from(">H", header.head, at)[0] != _UNKNOWN:
        return False
    packed = 0
    for letter in code:
        packed = packed << 5 | ord(letter) - 0x60
    header.head = header.head[:at] + struct.pack(">H", packed) + header.head[at + 2 :]
    return True


def _display(mastering: bytes) -> bytes:
    """Return the content of `mdcv` (ISO 23001-8): green, blue, red, white; greatest and least luminance."""
    numbers = struct.unpack_from("=20i", mastering)
    values = [Fraction(n, d) if d else Fraction(0) for n, d in zip(numbers[::2], numbers[1::2], strict=True)]
    points = [round(values[index] * _CHROMA_STEPS) for index in (2, 3, 4, 5, 0, 1, 6, 7)]
    return struct.pack(">8H2I", *points, round(values[9] * _LUMA_STEPS), round(values[8] * _LUMA_STEPS))
