"""Read and edit the index (`moov`, ISO 14496-12) of an mp4 or mov file, whatever the size of the file.

An edit never moves a sample: the new index goes to the end of the file, and only when it is there does the old one
become free space. So chunk offsets stay right, a file of 50 GB is not copied, and at every moment before that last
step (four bytes) the file is what it was.

Known limits: a file whose index stood in front ("faststart") has it at the end afterwards. Fragmented files can be read
but not edited.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from .errors import InputError, OutputError

_PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"sv3d", b"proj", b"wave", b"dinf"}
_TABLES = {b"stsd": 8, b"dref": 8}  # bytes before the children: version, flags, count
_VISUAL_ENTRY = 78  # bytes of a VisualSampleEntry before its boxes
_SOUND_ENTRY = {0: 28, 1: 44, 2: 64}  # of a sound entry, by its version as QuickTime counts
_TOP_LEVEL = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"moof", b"styp", b"sidx"}
_MAX_INDEX_BYTES = 1 << 30  # a day at 60 frames a second has 200 MB
_MAX_DEPTH = 16


@dataclass
class Box:
    """A box inside the index.

    Attributes:
        kind: its four characters.
        head: what stands before the boxes in it; the whole content of a box without any.
        children: the boxes in it.
        tail: bytes after them that are no box (QuickTime ends some lists with four zeros).
    """

    kind: bytes
    head: bytes = b""
    children: list[Box] = field(default_factory=list)
    tail: bytes = b""

    def to_bytes(self) -> bytes:
        """Return the box as it stands in a file."""
        content = b"".join([self.head, *(child.to_bytes() for child in self.children), self.tail])
        return struct.pack(">I4s", len(content) + 8, self.kind) + content

    def all(self, path: str) -> Iterator[Box]:
        """Yield the boxes at a path below this one, such as "trak/mdia/hdlr"; "*" stands for any kind."""
        kind, _, rest = path.partition("/")
        for child in self.children:
            if kind in ("*", child.kind.decode("latin-1")):
                if rest:
                    yield from child.all(rest)
                else:
                    yield child

    def first(self, path: str) -> Box | None:
        """Return the first box at a path, or None."""
        return next(self.all(path), None)

    def need(self, path: str) -> Box:
        """Return the first box at a path.

        Raises:
            InputError: there is none.
        """
        box = self.first(path)
        if box is None:
            raise InputError(f"damaged index: '{self.kind.decode('latin-1')}' has no '{path}'")
        return box

    def remove(self, *kinds: bytes) -> None:
        """Take the children of these kinds out."""
        self.children = [child for child in self.children if child.kind not in kinds]


@dataclass(frozen=True)
class Extent:
    """Where a top-level box stands in the file: `size` bytes from `start`, `header` of them before its content."""

    kind: bytes
    start: int
    header: int
    size: int
    to_the_end: bool = False


@dataclass
class Movie:
    """An mp4 or mov file: where its top-level boxes stand, and its index as boxes."""

    path: Path
    extents: list[Extent]
    moov: Box
    quicktime: bool

    def tracks(self, handler: bytes | None = None) -> list[Box]:
        """Return the tracks, in the order in which FFmpeg numbers the streams; of one handler ("vide", "soun") only."""
        return [track for track in self.moov.all("trak") if handler in (None, handler_of(track))]


def is_movie(path: Path) -> bool:
    """Tell whether a file looks like mp4 or mov, from its first bytes."""
    with path.open("rb") as file:
        return file.read(8)[4:] in _TOP_LEVEL


def handler_of(track: Box) -> bytes:
    """Return what a track holds: "vide", "soun", "meta" ..."""
    return track.need("mdia/hdlr").head[8:12]


def read_movie(path: Path) -> Movie:
    """Read the index of a file; nothing else of it.

    Raises:
        InputError: the file cannot be read, or is no mp4 or mov file with an index.
    """
    try:
        if not is_movie(path):
            raise InputError(f"'{path}' is no mp4 or mov file")
        with path.open("rb") as file:
            extents = list(_top_level(file))
            brand = b""
            index: bytes | None = None
            for extent in extents:
                file.seek(extent.start + extent.header)
                if extent.kind == b"ftyp":
                    brand = file.read(4)
                elif extent.kind == b"moov" and index is None:  # FFmpeg, too, takes the first of two
                    if extent.size > _MAX_INDEX_BYTES:
                        raise InputError(f"'{path}': an index of {extent.size} bytes cannot be true")
                    index = file.read(extent.size - extent.header)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error
    if index is None:
        raise InputError(f"'{path}' is no mp4 or mov file with an index (no 'moov' box)")
    return Movie(path, extents, _parse(b"moov", index), brand in (b"qt  ", b""))


def write_movie(movie: Movie, media: bytes = b"") -> None:
    """Put the changed index of a movie into its file.

    Args:
        movie: from `read_movie`, its boxes changed.
        media: samples to store besides; they begin at `new_media_offset` of the file.

    Raises:
        OutputError: the file is fragmented, has changed meanwhile, or cannot be written.
    """
    path = movie.path
    if movie.moov.first("mvex") or any(extent.kind == b"moof" for extent in movie.extents):
        raise OutputError(
            f"'{path}' is a fragmented mp4, whose index cannot be edited; remux it (ffmpeg -c copy) first"
        )
    old = next(extent for extent in movie.extents if extent.kind == b"moov")
    end = movie.extents[-1].start + movie.extents[-1].size
    added = _media_box(media) + movie.moov.to_bytes()
    try:
        with path.open("r+b") as file:
            if file.seek(0, os.SEEK_END) != end:
                raise OutputError(f"'{path}' has changed while its index was edited")
            if movie.extents[-1].to_the_end:
                _bound(file, movie.extents[-1], path)
            try:
                file.seek(end)
                file.write(added)
                file.flush()
                os.fsync(file.fileno())  # the new index is on the disk before the old one goes
            except OSError:
                file.truncate(end)
                raise
            file.seek(old.start + 4)
            file.write(b"free")
    except OSError as error:
        raise OutputError(f"'{path}' could not be written: {error.strerror or error}") from error


def new_media_offset(movie: Movie) -> int:
    """Return where in the file the samples given to `write_movie` will begin."""
    return movie.extents[-1].start + movie.extents[-1].size + 8


# -- parsing ----------------------------------------------------------------------------------------------------------


def _top_level(file: BinaryIO) -> Iterator[Extent]:
    end = file.seek(0, os.SEEK_END)
    start = 0
    while start < end:
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            raise InputError(f"damaged file: {len(header)} bytes at {start} are no box")
        size, kind = struct.unpack_from(">I4s", header)
        length = 8
        if size == 1 and len(header) == 16:
            size, length = struct.unpack_from(">Q", header, 8)[0], 16
        open_end = size == 0
        if open_end:
            size = end - start
        if size < length or start + size > end:
            raise InputError(
                f"damaged file: box '{kind.decode('latin-1')}' at {start} says {size} bytes of {end - start}"
            )
        yield Extent(kind, start, length, size, open_end)
        start += size


def _parse(kind: bytes, content: bytes, depth: int = 0) -> Box:
    """Return a box with what is in it as boxes, where its kind is known to hold some."""
    if depth > _MAX_DEPTH:
        raise InputError("damaged index: boxes are nested without end")
    if kind not in _PARENTS and kind not in _TABLES:
        return Box(kind, content)
    at = _TABLES.get(kind, 0)
    head, children = content[:at], []
    while len(content) - at >= 8:
        size, child = struct.unpack_from(">I4s", content, at)
        length = 8
        if size == 1 and len(content) - at >= 16:
            size, length = struct.unpack_from(">Q", content, at + 8)[0], 16
        if size == 0 and child == b"\0\0\0\0":
            break  # a QuickTime terminator, and what may follow it
        size = size or len(content) - at
        if size < length or size > len(content) - at:
            raise InputError(f"damaged index: box '{child.decode('latin-1')}' says {size} of {len(content) - at} bytes")
        children.append(_parse(child, content[at + length : at + size], depth + 1))
        at += size
    box = Box(kind, head, children, content[at:])
    table = box.first("mdia/minf/stbl/stsd") if kind == b"trak" else None
    if table is not None and box.first("mdia/hdlr") is not None:
        for entry in table.children:
            _split_entry(entry, handler_of(box), table.head[0])
    return box


def _split_entry(entry: Box, handler: bytes, table_version: int) -> None:
    """Tell a sample entry's own fields from the boxes behind them."""
    skip = len(entry.head)
    if handler == b"vide":
        skip = _VISUAL_ENTRY
    elif handler == b"soun" and len(entry.head) >= 10:
        # In a table of version 0, as all of QuickTime's are, an entry's version adds fields; ISO's version 1 does not.
        version = struct.unpack_from(">H", entry.head, 8)[0] if table_version == 0 else 0
        skip = _SOUND_ENTRY.get(version, skip)
    if skip < len(entry.head):
        with contextlib.suppress(InputError):  # some entries end in private fields
            inside = _parse(b"proj", entry.head[skip:])  # any parent: a plain list of boxes
            entry.head, entry.children, entry.tail = entry.head[:skip], inside.children, inside.tail


# -- writing ----------------------------------------------------------------------------------------------------------


def _media_box(media: bytes) -> bytes:
    return struct.pack(">I4s", len(media) + 8, b"mdat") + media if media else b""


def _bound(file: BinaryIO, last: Extent, path: Path) -> None:
    """Give a last box that runs to the end of the file its size, so that another one may follow."""
    if last.size >= 1 << 32:
        raise OutputError(
            f"'{path}': its last box is without a size and too large for one; remux it (ffmpeg -c copy) first"
        )
    file.seek(last.start)
    file.write(struct.pack(">I", last.size))
