"""What both ends of the pipe know of NUT."""

from __future__ import annotations

import io
import logging
from fractions import Fraction
from functools import lru_cache

import av

from ..formats import ALL_FORMATS, delivered_format, is_native, nearest_format

logger = logging.getLogger(__name__)

MAGIC = b"nut/multimedia container\0"
HEADER_CODES = (b"NM", b"NS", b"NI", b"NX")  # what may follow the last frame: headers again, and the index
BUFFER_BYTES = 1 << 20  # FFmpeg's I/O buffer; frames are larger and pass it by


@lru_cache(maxsize=64)
def holds(name: str) -> bool:
    """Tell whether raw video of a native pixel format comes out of NUT as it went in.

    Found by trying: FFmpeg writes a format that NUT has no tag for without an error, and reads it as another.
    """
    file = io.BytesIO()
    with av.open(file, "w", format="nut") as output:
        stream = output.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, name
        picture = av.VideoFrame(16, 16, name)
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        output.mux(stream.encode(picture))
    file.seek(0)
    with av.open(file, "r", format="nut") as written:
        return written.streams.video[0].codec_context.pix_fmt == name


@lru_cache(maxsize=64)
def held_format(name: str) -> str:
    """Return the native format that NUT holds and that loses least of `name`: mostly itself."""
    name = delivered_format(name)
    if holds(name):
        return name
    found = nearest_format(name, sorted(other for other in ALL_FORMATS if is_native(other) and holds(other)))
    assert found is not None
    logger.warning("NUT has no name for pixel format %s; the pictures are converted to %s", name, found)
    return found
