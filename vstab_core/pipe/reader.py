"""Read a NUT stream that cannot seek: its frames, the packets of its other streams, and how it ended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Union

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from ..errors import InputError
from ..formats import delivered_format, plane_views
from ..media import Orientation, ffmpeg_log, orientation_of, picture_tags, video_stream
from ..pictures import Clock, DamageReport, Form, frame_rate_of, time_base_of
from ..types import Frame, VideoInfo
from .nut import BUFFER_BYTES, MAGIC, held_format

NAME = Path("stdin")  # what messages call the stream
FASTEST_FPS = 500  # a header that says more means its time base, as ffmpeg writes of uneven clips
# FFmpeg would read up to 5 MB ahead to guess rates that the header of a NUT stream states: 60 small frames of delay.
_NO_GUESSING = {"probesize": "32", "fpsprobesize": "0", "max_ts_probe": "0"}

Item = Union[Frame, "Packet[Any]", str]  # Packet is generic to type checkers only


class NutReader:
    """Give out what comes, in its order, as it comes: nothing is read before it is asked for.

    Use as a context manager. Opening waits for the first picture.

    Args:
        descriptor: of the file to read; a pipe, a socket, a file.

    Attributes:
        container: FFmpeg's demuxer; its header is read.
        video: the stream whose frames are given out: the first one.
        info: of the video; `frames`, `duration_s` and `fingerprint` are not known.
        interval_s: usual time between frames.

    Raises:
        InputError: what comes is no NUT stream, has no video, or no picture of it can be decoded.
    """

    def __init__(self, descriptor: int) -> None:
        self._source = _Source(descriptor)
        self.container = _open(self._source)
        try:
            self.video: VideoStream = video_stream(self.container, NAME)
            self.video.thread_type = "SLICE"  # threads by frames would hold back as many frames
            for stream in self.container.streams.video:
                if stream is not self.video:
                    stream.discard = av.stream.Discard.all
            self._orientation: Orientation | None = None
            self._broken: InputError | None = None
            self._cut = ""
            self._time_s = 0.0
            self._items = self._read()
            self._open_with_first_picture()
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> NutReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(av.FFmpegError, OSError):
            self.container.close()

    def __iter__(self) -> Iterator[Item]:
        """Yield frames, packets of the other streams, and a text for each stretch of damage.

        Raises:
            InputError: the stream breaks off, or its picture size changes; after all frames that could be had.
        """
        yield from self._items
        if self._broken is not None:
            raise self._broken

    def _open_with_first_picture(self) -> None:
        before: list[Item] = []
        frames: list[Frame] = []
        rate = frame_rate_of(self.video)
        needed = 1 if rate <= FASTEST_FPS else 2
        try:
            while len(frames) < needed and (item := next(self._items, None)) is not None:
                before.append(item)
                if isinstance(item, Frame):
                    frames.append(item)
        except InputError as caught:
            if not frames:
                raise
            self._broken = caught
        if not frames:
            raise InputError("no picture came on stdin: the stream has a video header and no frame that can be decoded")
        self._items = chain(before, self._items)
        interval_s = frames[-1].time_s - frames[0].time_s if needed == 2 else 0.0
        self.interval_s = interval_s or float(1 / min(rate, Fraction(30) if needed == 2 else rate))
        self.info = self._info(frames[0])

    def _info(self, first: Frame) -> VideoInfo:
        assert self._orientation is not None
        context = self.video.codec_context
        height, width = first.planes[0].shape[:2]
        return VideoInfo(
            path=NAME,
            width=width,
            height=height,
            pixel_aspect=self._orientation.turn_aspect(self.video.sample_aspect_ratio or Fraction(1)),
            frame_rate=frame_rate_of(self.video),
            time_base=time_base_of(self.video),
            frames=0,
            duration_s=0.0,
            pixel_format=first.pixel_format,
            codec=context.codec.canonical_name,
            interlaced=context.field_order > 1 or first.source.interlaced_frame,
            fingerprint="",
            tags=picture_tags(first.source),
        )

    def _read(self) -> Iterator[Item]:
        report, clock, form = DamageReport(), Clock(NAME, self.video), None
        for packet in self._packets():
            if packet.stream_index != self.video.index:
                if packet.size:
                    yield packet
                continue
            try:
                pictures = packet.decode()
            except (av.FFmpegError, ValueError):
                if self._source.ended_at(packet):
                    self._cut = "in the middle of a frame"
                    continue
                report.lost(float((packet.pts or 0) * time_base_of(self.video)))
                continue
            for picture in pictures:
                if picture.time_base is None:
                    picture.time_base = time_base_of(self.video)
                clock.set_pts(picture)
                form = form or Form(NAME, picture)
                self._time_s = picture.time
                yield self._frame(form.apply(picture))
            yield from report.messages(self._time_s)
        yield from report.messages(None)

    def _frame(self, picture: av.VideoFrame) -> Frame:
        if self._orientation is None:
            self._orientation = orientation_of(picture)
        name = held_format(picture.format.name)
        if name != delivered_format(picture.format.name):
            picture = picture.reformat(format=name)
        planes = plane_views(picture)
        if self._orientation:
            planes = self._orientation.turn_planes(planes, name)
        assert picture.pts is not None
        return Frame(planes, name, picture.pts, picture.time, picture)

    def _packets(self) -> Iterator[Packet[Any]]:
        """Demux; where the stream breaks off, let the decoder give what it holds, then raise."""
        try:
            yield from self.container.demux()
        except av.FFmpegError as error:
            self._cut = f"with what is no NUT: {error.strerror}"
            end: Packet[Any] = Packet()  # empty: makes the decoder give what it still holds
            end.stream, end.time_base = self.video, time_base_of(self.video)
            yield end
        if self._cut:
            raise InputError(
                f"stdin broke off after {self._time_s:.2f} s of video, {self._cut}; what had come was stabilized and "
                "put out. See what the command before the pipe says"
            )


class _Source:
    """What FFmpeg reads from: no `seek`, and reads that end with a signal's exception.

    FFmpeg gives out a frame that is cut short as if it were whole, so the bytes are counted to tell.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._total = 0
        self._ended = False
        self._head = self._read_head()
        if not self._head:
            raise InputError("nothing came on stdin: it ended after 0 bytes; see what the command before the pipe says")
        if self._head != MAGIC:
            raise InputError(
                f"stdin is no NUT stream: it begins with {self._head[:12]!r}; end the ffmpeg command before the pipe "
                "with `-f nut -`"
            )

    def _read_head(self) -> bytes:
        # FFmpeg would look for a header to the end of whatever comes.
        head = b""
        while len(head) < len(MAGIC) and MAGIC.startswith(head):
            part = os.read(self._descriptor, len(MAGIC) - len(head))
            if not part:
                break
            head += part
        return head

    def read(self, size: int) -> bytes:
        """Return at least one byte, at most `size`; none at the end."""
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
        else:
            data = os.read(self._descriptor, size)
        self._total += len(data)
        self._ended = not data
        return data

    def ended_at(self, packet: Packet[Any]) -> bool:
        """Tell whether a packet reaches to the end of the input."""
        return self._ended and packet.pos is not None and packet.pos + packet.size >= self._total


def _open(source: _Source) -> InputContainer:
    log: list[str] = []
    try:
        with ffmpeg_log(av.logging.ERROR, log):
            return av.open(source, "r", format="nut", buffer_size=BUFFER_BYTES, container_options=_NO_GUESSING,
                           metadata_errors="surrogateescape")  # fmt: skip
    except (av.FFmpegError, ValueError) as error:
        reason = "; ".join(log) or str(getattr(error, "strerror", None) or error)
        raise InputError(
            f"the header of the NUT stream on stdin cannot be read: {reason}; see what the command before the pipe says"
        ) from error
