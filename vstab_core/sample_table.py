"""Samples of an mp4 or mov track: when each is shown, and its bytes. For small tracks, such as telemetry."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from .errors import InputError
from .isobmff import Box, Movie
from .types import FloatArray

_MAX_SAMPLES = 1 << 26  # ten days at 60 a second
_MAX_SAMPLE_BYTES = 1 << 24


def sample_times_s(movie: Movie, track: Box) -> FloatArray:
    """Return when each sample is shown, (N,) seconds on the movie's clock, edit list included.

    Known limits: of an edit list, the empty time at the start and the first edit count; composition offsets do not.
    """
    clock = track.need("mdia/mdhd").head
    ticks_per_s = struct.unpack_from(">I", clock, 20 if clock[0] == 1 else 12)[0]
    runs = _table(track.need("mdia/minf/stbl/stts"), ">II")
    if sum(count for count, _ in runs) > _MAX_SAMPLES:
        raise InputError("damaged index: a track of more samples than time allows")
    steps = np.repeat([step for _, step in runs], [count for count, _ in runs]).astype(np.int64)
    ticks = np.concatenate([[0], np.cumsum(steps)[:-1]]) if len(steps) else np.zeros(0)
    return np.asarray(ticks / max(ticks_per_s, 1) + _first_shown_s(movie, track, ticks_per_s))


def _first_shown_s(movie: Movie, track: Box, ticks_per_s: int) -> float:
    edits = track.first("edts/elst")
    if edits is None:
        return 0.0
    header = movie.moov.need("mvhd").head
    movie_ticks_per_s = struct.unpack_from(">I", header, 20 if header[0] == 1 else 12)[0]
    start = 0.0
    for length, media_time, _ in _table(edits, ">QqI" if edits.head[0] == 1 else ">IiI"):
        if media_time >= 0:
            return start - media_time / max(ticks_per_s, 1)
        start += length / max(movie_ticks_per_s, 1)
    return start


def sample_bytes(movie: Movie, track: Box) -> Iterator[bytes]:
    """Yield the bytes of each sample, in order.

    Raises:
        InputError: the tables contradict each other, or the file is shorter than they say.
    """
    tables = track.need("mdia/minf/stbl")
    sizes = tables.need("stsz").head
    same, count = struct.unpack_from(">II", sizes, 4)
    if count > _MAX_SAMPLES or (not same and len(sizes) < 12 + 4 * count):
        raise InputError("damaged index: the table of sample sizes is cut off")
    if tables.first("co64"):
        chunks = [offset for (offset,) in _table(tables.need("co64"), ">Q")]
    else:
        chunks = [offset for (offset,) in _table(tables.need("stco"), ">I")]
    runs = _table(tables.need("stsc"), ">III")
    number = run = 0
    with movie.path.open("rb") as file:
        for chunk, offset in enumerate(chunks, 1):
            while run + 1 < len(runs) and runs[run + 1][0] <= chunk:
                run += 1
            file.seek(offset)
            for _ in range(min(runs[run][1] if runs else 0, count - number)):
                size = same or struct.unpack_from(">I", sizes, 12 + 4 * number)[0]
                data = file.read(size) if size <= _MAX_SAMPLE_BYTES else b""
                if len(data) != size:
                    raise InputError(f"damaged file: sample {number} of {size} bytes at {offset} is not there")
                number += 1
                yield data
    if number != count:
        raise InputError(f"damaged index: {number} of {count} samples have a place")


def _table(box: Box, row: str) -> list[tuple[int, ...]]:
    """Return the rows of a table box: version and flags, their number, the rows."""
    count = struct.unpack_from(">I", box.head, 4)[0]
    size = struct.calcsize(row)
    if len(box.head) < 8 + count * size:
        raise InputError(f"damaged index: '{box.kind.decode('latin-1')}' is cut off")
    return list(struct.iter_unpack(row, box.head[8 : 8 + count * size]))
