"""Which sound of an mp4 or mov file is ambisonic: the SA3D box of its sample entry, read and written.

github.com/google/spatial-media, docs/spatial-audio-rfc.md. Only what that document defines is known: full 3D, channels
counted as ACN, normalised as SN3D.
"""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError, OutputError
from .isobmff import Box, is_movie, read_movie, write_movie

logger = logging.getLogger(__name__)

_HEAD_LOCKED = 0x80
_HEAD_LOCKED_CHANNELS = 2


@dataclass(frozen=True)
class Ambisonics:
    """An ambisonic sound track.

    Attributes:
        stream: index of the track in its file, as FFmpeg numbers streams.
        channel_map: for each channel of the track the component in it: 0 W, 1 Y, 2 Z, 3 X of the first order, and so on
            in the order of ACN. Of head-locked stereo, left and right come after the last component.
        head_locked: whether two of the channels are stereo that does not turn with the head, nor with the picture.

    Convention:
        ACN, SN3D. X is to the front, Y to the left, Z up.
    """

    stream: int
    channel_map: tuple[int, ...]
    head_locked: bool = False

    @property
    def order(self) -> int:
        """The ambisonic order: 1 for four components."""
        return math.isqrt(self.components) - 1

    @property
    def components(self) -> int:
        """How many channels belong to the sound field."""
        return len(self.channel_map) - (_HEAD_LOCKED_CHANNELS if self.head_locked else 0)


def read_ambisonics(path: Path) -> list[Ambisonics]:
    """Return the ambisonic sound tracks of a file; none where it is no mp4 or mov, or its index cannot be read."""
    path = Path(path)
    try:
        if not is_movie(path):
            return []
        tracks = read_movie(path).tracks()
        boxes = [(number, _sound_entry(track)) for number, track in enumerate(tracks)]
        found = [_parse(number, entry) for number, entry in boxes if entry is not None]
    except (InputError, OSError, struct.error, IndexError) as error:
        logger.info("'%s': spatial audio metadata cannot be read: %s", path, error)
        return []
    return [item for item in found if item is not None]


def write_ambisonics(path: Path, tracks: Sequence[Ambisonics]) -> None:
    """Say of sound tracks that they are ambisonic, in place of what the file says of them.

    No sample of the file is moved; see `isobmff`. The file must not be the user's source.

    Args:
        path: mp4 or mov, closed.
        tracks: `stream` counts in this file, not in the one they came from.

    Raises:
        InputError: the file is no mp4 or mov.
        OutputError: a stream is no sound, its channels do not fit, or the file cannot be edited.
    """
    movie = read_movie(Path(path))
    all_tracks = movie.tracks()
    for item in tracks:
        entry = _sound_entry(all_tracks[item.stream]) if 0 <= item.stream < len(all_tracks) else None
        if entry is None:
            raise OutputError(f"stream {item.stream} of '{path}' is no sound track")
        if sorted(item.channel_map) != list(range(len(item.channel_map))) or (item.order + 1) ** 2 != item.components:
            raise OutputError(f"{list(item.channel_map)} is no map of a whole ambisonic order")
        entry.remove(b"SA3D")
        entry.children.append(_box(item))
    write_movie(movie)


def _sound_entry(track: Box) -> Box | None:
    if track.first("mdia/hdlr") is None or track.need("mdia/hdlr").head[8:12] != b"soun":
        return None
    return track.first("mdia/minf/stbl/stsd/*")


def _parse(stream: int, entry: Box) -> Ambisonics | None:
    box = entry.first("SA3D")
    if box is None:
        return None
    version, kind, order, ordering, normalization, count = struct.unpack_from(">BBIBBI", box.head)
    if version or kind & ~_HEAD_LOCKED or ordering or normalization or len(box.head) < 12 + 4 * count:
        logger.warning("stream %d: its spatial audio is of a kind that vstab does not know (version %d, type %d, "
                       "ordering %d, normalization %d)", stream, version, kind & ~_HEAD_LOCKED, ordering,
                       normalization)  # fmt: skip
        return None
    item = Ambisonics(stream, struct.unpack_from(f">{count}I", box.head, 12), bool(kind & _HEAD_LOCKED))
    if item.order != order or sorted(item.channel_map) != list(range(count)):
        logger.warning("stream %d: its spatial audio of order %d has the channels %s, which do not fit", stream, order,
                       list(item.channel_map))  # fmt: skip
        return None
    return item


def _box(item: Ambisonics) -> Box:
    kind = _HEAD_LOCKED if item.head_locked else 0
    head = struct.pack(">BBIBBI", 0, kind, item.order, 0, 0, len(item.channel_map))
    return Box(b"SA3D", head + struct.pack(f">{len(item.channel_map)}I", *item.channel_map))
