"""Write raw frames and the packets that belong beside them as NUT, to a descriptor that cannot seek."""

from __future__ import annotations

import logging
import os
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from ..errors import Cancelled
from ..formats import plane_shapes, sample_type
from ..remux import cannot_carry, copy_file_tags, copy_video_tags, describe, mux
from ..types import Frame
from .nut import BUFFER_BYTES
from .pixel_aspect import with_pixel_aspect
from .reader import NutReader

logger = logging.getLogger(__name__)

MAX_HELD_BYTES = 64 << 20  # of sound that waits for its pictures: an hour of AAC, five minutes of PCM
_OPTIONS = {
    "flush_packets": "1",
    "max_interleave_delta": "1",  # packets come in order; a microsecond: hold a packet until the next one, no longer
    "write_index": "0",  # grows with the stream, and nobody can seek in a pipe
}


@dataclass(frozen=True)
class PacketFrame(Frame):
    """A frame whose planes are the memory of the packet in `source`: write into them, then `NutWriter.write` it."""


class NutWriter:
    """Write frames as they come, and each packet of sound right before the first frame that is not earlier.

    Args:
        descriptor: of the file to write.
        reader: the source, for its streams and tags.

    Raises (every method):
        Cancelled: nobody reads any more.
    """

    def __init__(self, descriptor: int, reader: NutReader) -> None:
        self._sink = _Sink(descriptor, reader.info.pixel_aspect)
        self._held: deque[Packet[Any]] = deque()
        self._held_bytes = 0
        self._last_dts: dict[int, int] = {}
        self._targets: dict[int, Stream] = {}
        self._info = reader.info
        self._output = av.open(self._sink, "w", format="nut", buffer_size=BUFFER_BYTES, container_options=_OPTIONS,
                               metadata_errors="surrogateescape")  # fmt: skip
        self._video = self._add_video(reader)
        copy_file_tags(reader.container, self._output)
        for stream in reader.container.streams:
            if stream is not reader.video:
                self._add(stream)
        self._guard(self._output.start_encoding)

    def _add_video(self, reader: NutReader) -> VideoStream:
        info = self._info
        stream = self._output.add_stream("rawvideo", rate=info.frame_rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = info.width, info.height, info.pixel_format
        context.time_base = stream.time_base = info.time_base
        copy_video_tags(reader.video, stream)
        return stream

    def _add(self, stream: Stream) -> None:
        reason = cannot_carry(stream, self._output)
        if reason is not None:
            logger.warning("%s is left out: %s", describe(stream), reason)
            return
        target = self._output.add_stream_from_template(stream)
        target.time_base = stream.time_base
        target.metadata.update(stream.metadata)
        target.disposition = stream.disposition
        self._targets[stream.index] = target

    def new_frame(self, like: Frame) -> PacketFrame:
        """Return a frame with the time of `like` whose planes are to be written."""
        shapes = plane_shapes(like.pixel_format, self._info.width, self._info.height)
        dtype = np.dtype(sample_type(like.pixel_format))
        sizes = [int(np.prod(shape)) * dtype.itemsize for shape in shapes]
        packet: Packet[Any] = Packet(sum(sizes))
        starts = np.cumsum([0, *sizes])
        planes = tuple(np.ndarray(shape, dtype, memoryview(packet), int(start))
                       for shape, start in zip(shapes, starts, strict=False))  # fmt: skip
        if like.source is not None and like.source.duration:
            packet.duration = like.source.duration
        return PacketFrame(planes, like.pixel_format, like.pts, like.time_s, packet)

    def write(self, frame: Frame) -> None:
        """Write a frame, and before it what was held for it."""
        if not isinstance(frame, PacketFrame):
            untouched, frame = frame, self.new_frame(frame)
            for target, plane in zip(frame.planes, untouched.planes, strict=True):
                np.copyto(target, plane)
        while self._held and _time_s(self._held[0]) <= frame.time_s:
            self._release()
        packet = frame.source
        packet.pts = packet.dts = frame.pts
        packet.time_base, packet.is_keyframe = self._info.time_base, True
        self._guard(mux, self._output, packet, self._video, self._last_dts)

    def hold(self, packet: Packet[Any]) -> None:
        """Take a packet of another stream, to be written before the first frame that is not earlier."""
        if packet.stream_index not in self._targets:
            return
        self._held.append(packet)
        self._held_bytes += packet.size
        while self._held_bytes > MAX_HELD_BYTES:
            self._release()

    def close(self) -> None:
        """Write what is held and end the stream."""
        while self._held:
            self._release()
        self._guard(self._output.close)

    def abort(self) -> None:
        """Write nothing any more."""
        self._sink.closed = True

    def _release(self) -> None:
        packet = self._held.popleft()
        self._held_bytes -= packet.size
        self._guard(mux, self._output, packet, self._targets[packet.stream_index], self._last_dts)

    def _guard(self, act: Any, *arguments: Any) -> None:
        try:
            act(*arguments)
        except BrokenPipeError:
            self.abort()
            raise Cancelled("cancelled: nobody reads the video on stdout any more") from None


class _Sink:
    """What FFmpeg writes to: no `seek`, and nothing once it is closed."""

    def __init__(self, descriptor: int, pixel_aspect: Fraction) -> None:
        self._descriptor = descriptor
        self._pixel_aspect = pixel_aspect
        self._begun = False
        self.closed = False

    def write(self, data: bytes) -> int:
        """Write all of it."""
        rest = memoryview(data if self._begun else self._with_aspect(data))
        self._begun = True
        while rest and not self.closed:
            rest = rest[os.write(self._descriptor, rest) :]
        return len(data)

    def _with_aspect(self, head: bytes) -> bytes:
        return head if self._pixel_aspect == 1 else with_pixel_aspect(head, self._pixel_aspect)


def _time_s(packet: Packet[Any]) -> float:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return float("-inf") if stamp is None else float(stamp * packet.time_base)
