"""Packets in, decoded pictures in display order out; what is damaged is passed over and reported."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from .errors import InputError
from .formats import delivered_format
from .media import open_media, video_stream

logger = logging.getLogger(__name__)

MAX_READ_ERRORS = 8  # in a row; some demuxers repeat the same error for ever
QUIET_S = 1.0  # damage after this much sound video is a new stretch


@dataclass
class _Stretch:
    start_s: float
    end_s: float
    lost: int = 0
    repaired: int = 0

    def __str__(self) -> str:
        parts = []
        if self.lost:
            parts.append(f"lost {self.lost} frame{'s' * (self.lost != 1)}")
        if self.repaired:
            parts.append(f"{self.repaired} frame{'s' * (self.repaired != 1)} came out damaged")
        if self.start_s == self.end_s:
            return f"{', '.join(parts)} at {self.start_s:.2f} s"
        return f"{', '.join(parts)} between {self.start_s:.2f} s and {self.end_s:.2f} s"


class DamageReport:
    """Gather lost and damaged frames into stretches, each told once when sound video follows it or the file ends."""

    def __init__(self) -> None:
        self._stretch: _Stretch | None = None
        self._ready: list[str] = []

    def lost(self, time_s: float) -> None:
        """Note a frame that could not be decoded."""
        self._at(time_s).lost += 1

    def repaired(self, time_s: float) -> None:
        """Note a frame that the decoder says is damaged."""
        self._at(time_s).repaired += 1

    def say(self, message: str) -> None:
        """Add a message of another kind."""
        self._ready.append(message)

    def messages(self, time_s: float | None) -> list[str]:
        """Return, and forget, the messages that are complete at this time of the video; None: at its end."""
        if self._stretch is not None and (time_s is None or time_s > self._stretch.end_s + QUIET_S):
            self._ready.append(str(self._stretch))
            self._stretch = None
        ready, self._ready = self._ready, []
        return ready

    def _at(self, time_s: float) -> _Stretch:
        if self._stretch is None:
            self._stretch = _Stretch(time_s, time_s)
        self._stretch.start_s = min(self._stretch.start_s, time_s)
        self._stretch.end_s = max(self._stretch.end_s, time_s)
        return self._stretch


class Missing:
    """Find the frames that went into the decoder and did not come out.

    Pictures leave in display order, so a packet with an earlier pts than the picture that leaves will give none.
    """

    def __init__(self, time_base: Fraction, report: DamageReport) -> None:
        self._waiting: list[int] = []
        self._time_base = time_base
        self._report = report

    def sent(self, packet: Packet[VideoStream]) -> None:
        """Note a packet on its way into the decoder."""
        if packet.pts is not None and packet.size and not packet.is_discard:
            heapq.heappush(self._waiting, packet.pts)

    def received(self, pts: int | None) -> None:
        """Note a picture that came out; None: the last one has come out."""
        while self._waiting and (pts is None or self._waiting[0] <= pts):
            earlier = heapq.heappop(self._waiting)
            if earlier != pts:
                self._report.lost(float(earlier * self._time_base))


def time_base_of(stream: VideoStream) -> Fraction:
    """Return the seconds of a tick of the stream's timestamps."""
    return stream.time_base or Fraction(1, 90000)


def frame_rate_of(stream: VideoStream) -> Fraction:
    """Return the average frames a second; 25 where the file gives no hint."""
    return stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)


def read_pictures(path: Path, start: int | None = None) -> Iterator[av.VideoFrame | str]:
    """Yield each decoded picture with a strictly increasing pts, and a text for each stretch of damage.

    Args:
        path: the file.
        start: a time in ticks; the first pictures are those where the demuxer's seek to it ends: it may miss it, and
            those before the first key picture may be damaged. None: the beginning.

    Raises:
        InputError: the file cannot be read, holds nothing that can be decoded, or its picture size changes.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        stream.thread_type = "AUTO"
        for other in container.streams:
            if other is not stream:
                other.discard = av.stream.Discard.all
        promised = len(stream.index_entries) if start is None else 0
        if start is not None:
            container.seek(start, stream=stream)
        report = DamageReport()
        clock = Clock(path, stream)
        form: Form | None = None
        for picture in _decode(container, stream, report, promised):
            clock.set_pts(picture)
            form = form or Form(path, picture)
            yield form.apply(picture)
            yield from report.messages(picture.time)
        yield from report.messages(None)
        if form is None:
            raise InputError(f"no picture in '{path}' could be decoded")


def _decode(
    container: InputContainer, stream: VideoStream, report: DamageReport, promised: int
) -> Iterator[av.VideoFrame]:
    time_base = time_base_of(stream)
    missing = Missing(time_base, report) if stream.codec_context.field_order <= 1 else None  # two fields, two packets
    seen = 0
    last_s = 0.0
    for packet in _packets(container, stream, report):
        seen += packet.size > 0
        if missing is not None:
            missing.sent(packet)
        try:
            pictures = packet.decode()
        except (av.FFmpegError, ValueError) as error:
            logger.debug("packet at %s: %s", packet.pts, error)
            if missing is None and packet.size:
                report.lost(float((packet.pts if packet.pts is not None else packet.dts or 0) * time_base))
            continue
        for picture in pictures:
            if picture.time_base is None:
                picture.time_base = time_base
            if missing is not None and picture.pts is not None:
                missing.received(picture.pts)
            last_s = picture.time if picture.pts is not None else last_s
            if picture.is_corrupt:
                report.repaired(last_s)
            yield picture
    if missing is not None:
        missing.received(None)
    if seen < promised:
        report.say(f"the file is cut short after {last_s:.2f} s: {seen} of {promised} frames are there")


def _packets(container: InputContainer, stream: VideoStream, report: DamageReport) -> Iterator[Packet[VideoStream]]:
    """Demux, and go on behind a read error if the demuxer can."""
    errors = 0
    time_s = 0.0
    while True:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    errors = 0
                    time_s = float((packet.dts or 0) * time_base_of(stream))
                yield packet
            return
        except (av.FFmpegError, OSError) as error:
            errors += 1
            logger.debug("reading at %.2f s: %s", time_s, error)
            if errors == 1:
                report.say(f"the file cannot be read at {time_s:.2f} s: {getattr(error, 'strerror', error)}")
            if errors >= MAX_READ_ERRORS:
                end: Packet[Any] = Packet()  # empty: makes the decoder give what it still holds
                end.stream = stream
                end.time_base = time_base_of(stream)
                yield end
                return


class Clock:
    """Give each picture a timestamp after the one before: its own wherever it has one."""

    def __init__(self, path: Path, stream: VideoStream) -> None:
        self._path = path
        self._frame_ticks = max(1, round(1 / (frame_rate_of(stream) * time_base_of(stream))))
        self._last: int | None = None
        self._warned = False

    def set_pts(self, picture: av.VideoFrame) -> None:
        """Give the picture its timestamp."""
        pts = picture.pts if picture.pts is not None else picture.dts
        if pts is None:
            pts = 0 if self._last is None else self._last + (picture.duration or self._frame_ticks)
            self._warn("have no timestamp; they follow at the frame rate", picture)
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
            self._warn("have a timestamp that is not later than the one before; it was moved", picture)
        if pts != picture.pts:
            picture.pts = pts
        self._last = pts

    def _warn(self, what: str, picture: av.VideoFrame) -> None:
        if not self._warned:
            logger.warning("'%s': frames %s (the first after tick %s)", self._path, what, self._last)
            self._warned = True


class Form:
    """Hold the clip to the size and format of its first picture."""

    def __init__(self, path: Path, first: av.VideoFrame) -> None:
        self._path = path
        self._size = first.width, first.height
        self._format = delivered_format(first.format.name)
        self._stored = first.format.name
        self._warned = False

    def apply(self, picture: av.VideoFrame) -> av.VideoFrame:
        """Return the picture in the first one's format; raise InputError where its size is another."""
        size = picture.width, picture.height
        if size != self._size:
            raise InputError(
                f"'{self._path}': the picture size changes from {self._size[0]}x{self._size[1]} to {size[0]}x{size[1]} "
                f"at {picture.time:.2f} s; cut the clip there and stabilize the parts on their own"
            )
        name = picture.format.name
        if name == self._format or name.replace("yuvj", "yuv") == self._format:
            return picture
        if name != self._stored and not self._warned:
            logger.warning("'%s': pixel format changes from %s to %s at %.2f s; converted to %s",
                           self._path, self._stored, name, picture.time, self._format)  # fmt: skip
            self._warned = True
        return picture.reformat(format=self._format)


def frame_count_and_duration(container: InputContainer, stream: VideoStream) -> tuple[int, float]:
    """Return how many frames the container promises (0: it does not say) and its seconds (0.0: unknown)."""
    time_base = time_base_of(stream)
    if stream.duration:
        duration_s = float(stream.duration * time_base)
    elif container.duration:
        duration_s = container.duration / 1e6
    else:
        duration_s = 0.0
    frames = stream.frames or (round(duration_s * frame_rate_of(stream)) if duration_s else 0)
    return int(frames), duration_s
