"""A long clip's video encoded in parts, on several machines, and the parts joined without encoding again.

A part is a file of the encoder's packets as they came out of it, before any container has rounded their times. The
joined file is written by a `VideoWriter` that has these packets in the place of its encoder's: its header, sound, tags
and side data are those of a clip that was encoded in one piece.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
from av.packet import Packet
from av.video.stream import VideoStream

from .encode import VideoWriter
from .encoders import CONSTANT_RATE, SourceCodec, container_of, plan_encoder
from .errors import InputError, VstabError
from .formats import delivered_format, has_alpha
from .media import open_media, video_stream
from .outfile import output_error
from .types import EncodeOptions

# Each part of these begins with a key frame that needs nothing before it, and says nothing of its place in the clip (as
# the time codes in MPEG-2 and MPEG-4 do); a packet a frame. All are joined in tests/test_parts.py.
JOINABLE = frozenset(
    ["libx264", "libx264rgb", "libx265", "libsvtav1", "libvpx-vp9", "libvpx", "prores_ks", "dnxhd", "ffv1", "mjpeg",
     "v210", "cfhd"]
)  # fmt: skip
MOST_DELAY = 64  # frames that an encoder shows later than it sends the next one; x264's most is 16
_MAGIC = b"vstab part 1\n"
_RECORD = struct.Struct("<qqqBI")  # pts, dts, duration, key frame, bytes
_SEI = {"libx264": (0x1F, 0, {6}), "libx264rgb": (0x1F, 0, {6}), "libx265": (0x7E, 1, {39, 40})}  # mask, shift, types


def cannot_join(path: Path, suffix: str, codec: str | None) -> str | None:
    """Return why a clip's result could not be encoded in parts, or None.

    Args:
        path: the clip.
        suffix: the ending of the result.
        codec: the encoder that the user asks for, or None.

    Raises:
        VstabError: it cannot be encoded at all.
    """
    container = container_of(suffix)
    if container in CONSTANT_RATE:
        return f"{container} files know frames by number only"
    with open_media(path) as source, av.open(io.BytesIO(), "w", format=container) as scratch:
        stream = video_stream(source, path)
        context = stream.codec_context
        if context.pix_fmt is None:
            raise InputError(f"the pixel format of '{path}' is not known")
        given = SourceCodec(context.codec.canonical_name, context.profile, delivered_format(context.pix_fmt))
        plan = plan_encoder(given, container, scratch.supported_codecs, EncodeOptions(codec=codec))
    if plan.name not in JOINABLE or (plan.name.startswith("libvpx") and has_alpha(plan.pix_fmt)):
        return f"parts from encoder {plan.name} cannot be joined"
    return None


class PartWriter(VideoWriter):
    """Encodes frames as `VideoWriter` does, and keeps the packets in a file of their own.

    The file has the ending of the whole result, which decides how the encoder is set, but is no such container.
    """

    _records: IO[bytes] | None = None

    def _target(self) -> IO[bytes]:
        self._records = self._file.temporary.open("wb")
        return io.BytesIO()  # takes a header and nothing more

    def _open(self, container: str) -> None:
        super()._open(container)
        assert self._records is not None
        self._records.write(_MAGIC + json.dumps(_facts(self._video, self.plan.name)).encode("ascii") + b"\n")

    def _put(self, packet: Packet[VideoStream]) -> None:
        assert self._records is not None
        pts = packet.pts
        if pts is None:
            raise VstabError(f"encoder '{self.plan.name}' gave a packet without a time; it cannot work in parts")
        dts = packet.dts if packet.dts is not None else pts
        self._records.write(_RECORD.pack(pts, dts, packet.duration or 0, packet.is_keyframe, packet.size))
        self._records.write(packet)

    def _finish(self) -> None:
        assert self._records is not None
        self._records.close()
        self._output.close()

    def _release(self) -> None:
        if self._records is not None:
            self._records.close()
        super()._release()


class JoinWriter(VideoWriter):
    """Writes parts in the place of frames; what else there is comes from the source, as in a `VideoWriter`."""

    def join(self, parts: Iterable[Path], pts: Sequence[int]) -> Iterator[int]:
        """Write the packets, and yield how many there were after each part.

        Args:
            parts: files of `PartWriter`, in order.
            pts: the times of the clip's frames: the parts must have these and no others.

        Raises:
            InputError: a part is damaged, of other settings, or the parts are not the whole clip.
            OutputError: the disk failed.
        """
        shown: deque[int] = deque(maxlen=MOST_DELAY)  # times of the last frames before the part
        last_dts: int | None = None
        facts = _facts(self._video, self.plan.name)
        for part in parts:
            times = []
            for packet in self._renewed(read_part(part, facts), shown):
                assert packet.pts is not None
                assert packet.dts is not None
                if packet.dts > packet.pts or (last_dts is not None and packet.dts <= last_dts):
                    raise InputError(f"'{part}' does not go on where the part before ends, at tick {packet.dts}")
                last_dts = packet.dts
                times.append(packet.pts)
                try:
                    self._put(packet)
                except (av.FFmpegError, OSError) as error:
                    raise output_error(error, self.path) from error
            times.sort()
            if times != list(pts[self._frames : self._frames + len(times)]):
                raise InputError(f"'{part}' does not hold the frames from number {self._frames} on")
            shown.extend(times)
            self._frames += len(times)
            yield self._frames
        if self._frames != len(pts):
            raise InputError(f"the parts hold {self._frames} of {len(pts)} frames")

    @staticmethod
    def _renewed(packets: Iterable[Packet[Any]], shown: Sequence[int]) -> Iterator[Packet[Any]]:
        """Give the packets that lead a part the decoding times that they have in one piece.

        With B-frames an encoder sends a frame when that of `delay` frames before is shown. At its start it makes up
        such times; in the midst of a clip they are those of the last frames before.
        """
        leading: list[Packet[Any]] = []
        first: int | None = None
        for packet in packets:
            first = packet.pts if first is None else first
            assert packet.dts is not None
            assert first is not None
            if packet.dts < first and len(leading) < MOST_DELAY:
                leading.append(packet)
                continue
            yield from _timed(leading, shown)
            leading.clear()
            yield packet
        yield from _timed(leading, shown)

    def _encode(self, picture: av.VideoFrame | None) -> None:
        """Do nothing: all is encoded."""


def _timed(leading: Sequence[Packet[Any]], shown: Sequence[int]) -> Iterator[Packet[Any]]:
    before = list(shown)[-len(leading) :] if leading else []
    for packet, dts in zip(leading, before, strict=False):
        packet.dts = dts
    yield from leading


def read_part(path: Path, facts: dict[str, Any]) -> Iterator[Packet[Any]]:
    """Yield the packets of a part.

    Raises:
        InputError: it cannot be read, or was made with other settings than `facts`.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise InputError(f"'{path}' is no part of a clip, or of another version of vstab")
            found = json.loads(file.readline())
            if found != facts:
                raise InputError(f"'{path}' was encoded in another way than the clip: {found}, wanted {facts}")
            while head := file.read(_RECORD.size):
                if len(head) < _RECORD.size:
                    raise InputError(f"'{path}' is cut short")
                pts, dts, duration, key, size = _RECORD.unpack(head)
                data = file.read(size)
                if len(data) < size:
                    raise InputError(f"'{path}' is cut short")
                packet: Packet[Any] = Packet(data)
                packet.pts, packet.dts, packet.duration, packet.is_keyframe = pts, dts, duration, bool(key)
                packet.time_base = Fraction(*facts["time_base"])
                yield packet
    except ValueError as error:
        raise InputError(f"'{path}' is damaged: {error}") from error
    except OSError as error:
        raise InputError(f"part '{path}' cannot be read: {error.strerror}") from error


def _facts(stream: VideoStream, encoder: str) -> dict[str, Any]:
    """Return what parts must have in common."""
    context = stream.codec_context
    base = context.time_base
    assert base is not None
    return {
        "encoder": encoder,
        "size": [context.width, context.height],
        "pix_fmt": context.pix_fmt,
        "time_base": [base.numerator, base.denominator],
        "extradata": parameter_sets(encoder, context.extradata or b"").hex(),
    }


def parameter_sets(encoder: str, extradata: bytes) -> bytes:
    """Return an encoder's header without the text in which x264 and x265 name the machine's threads."""
    if encoder not in _SEI or not extradata.startswith((b"\0\0\1", b"\0\0\0\1")):
        return extradata
    mask, shift, types = _SEI[encoder]
    units = [unit for unit in re.split(b"\0*\0\0\1", extradata) if unit]
    return b"\0\0\1".join(unit for unit in units if (unit[0] & mask) >> shift not in types)
