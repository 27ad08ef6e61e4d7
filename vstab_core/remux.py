"""Carry everything that is not the picture from the source to the output: sound, subtitles, data, chapters, tags."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Mapping
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from .resound import CannotReencode, ChangeSamples, Resound

logger = logging.getLogger(__name__)

# Written anew by the muxer, or true of the old video stream only.
_STALE_FILE_TAGS = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration",
    # of MXF
    "application_platform", "company_name", "generation_uid", "material_package_umid", "modification_date",
    "operational_pattern_ul", "product_name", "product_uid", "product_version", "product_version_num",
    "toolkit_version_num", "uid",
}  # fmt: skip
_STALE_VIDEO_TAGS = {
    "encoder", "rotate", "duration", "bps", "number_of_frames", "number_of_bytes", "vendor_id",
    "file_package_umid", "spherical",  # SPHERICAL-VIDEO: written anew where the output is a 360 clip
}  # fmt: skip


_PRIMED = {"aac", "mp3", "opus", "vorbis", "ac3", "eac3"}
# What a transport stream has a number for.
_IN_TRANSPORT = {
    "aac", "aac_latm", "mp2", "mp3", "ac3", "eac3", "ac4", "dts", "truehd", "opus", "s302m", "dvb_subtitle",
    "dvb_teletext", "hdmv_pgs_subtitle", "hdmv_text_subtitle", "klv", "timed_id3", "scte_35",
}  # fmt: skip


class StreamCopier:
    """Copies the packets of every stream but the video from source to output, in step with the video.

    Holds one packet; the source is read once, from front to end. Of the streams in `changes` (by index in the source)
    the samples are changed on the way, as far as there is an encoder for them; else a warning says that they are
    copied.
    """

    def __init__(
        self,
        source: InputContainer,
        output: OutputContainer,
        video: Stream,
        name: str,
        changes: Mapping[int, ChangeSamples] | None = None,
    ) -> None:
        self._output = output
        self._name = name
        self._targets: dict[int, Stream] = {}
        self._last_dts: dict[int, int] = {}
        self._told: set[int] = set()
        self._changes = changes or {}
        self._resounds: dict[int, Resound] = {}
        self._waiting: Packet[Any] | None = None
        for stream in source.streams:
            if stream.index == video.index:
                stream.discard = Discard.all
            elif not _is_remade(stream, bool(source.chapters())):
                self._add(stream)
        readable = [stream for stream in source.streams if stream.index in self._targets]
        for stream in source.streams:
            if stream.index not in self._targets:
                stream.discard = Discard.all
        readable = [stream for stream in readable if stream.type != "attachment"]  # those are in the header
        self._packets = iter(source.demux(readable)) if readable else iter(())

    def _add(self, stream: Stream) -> None:
        reason = cannot_carry(stream, self._output)
        if reason is not None:
            logger.warning("%s: %s is left out: %s", self._name, describe(stream), reason)
            return
        target = self._add_changed(stream) or self._output.add_stream_from_template(stream)
        _name_channels(target, self._output)
        target.metadata.update(stream.metadata)
        target.disposition = stream.disposition
        self._targets[stream.index] = target

    def _add_changed(self, stream: Stream) -> Stream | None:
        if stream.index not in self._changes or not isinstance(stream, AudioStream):
            return None
        try:
            resound = Resound(stream, self._output, self._changes[stream.index])
        except CannotReencode as error:
            logger.warning("%s: %s is copied as it is, not turned with the picture: %s",
                           self._name, describe(stream), error)  # fmt: skip
            return None
        self._resounds[stream.index] = resound
        return resound.target

    def target_of(self, index: int) -> int | None:
        """Return the index in the output of a stream of the source; None where it is left out."""
        return self._targets[index].index if index in self._targets else None

    def copy_until(self, time_s: float | None) -> None:
        """Write the packets whose decoding time is at or before this; None: all that are left."""
        while True:
            if self._waiting is None:
                self._waiting = self._next()
                if self._waiting is None:
                    for index in list(self._resounds):
                        self._write_changed(index, self._resounds.pop(index), None)
                    return
            packet = self._waiting
            stamp = packet.dts if packet.dts is not None else packet.pts
            if time_s is not None and stamp is not None and stamp * packet.time_base > time_s:
                return
            self._waiting = None
            self._write(packet)

    def _next(self) -> Packet[Any] | None:
        try:
            for packet in self._packets:
                # MP4 fills the time between subtitles with empty ones; its muxer will do so again
                if packet.size and not (packet.size == 2 and _is_mov_text(packet.stream) and bytes(packet) == b"\0\0"):
                    return packet
        except (av.FFmpegError, OSError) as error:
            logger.warning("%s: sound and other streams end early: %s", self._name, getattr(error, "strerror", error))
            self._packets = iter(())
        return None

    def _write(self, packet: Packet[Any]) -> None:
        index = packet.stream_index
        if self._output.format.name == "avi" and _ends_before_zero(packet):
            return  # AVI begins every stream at zero: the sound's priming would make all of it late
        if index in self._resounds:
            self._write_changed(index, self._resounds[index], packet)
            return
        try:
            mux(self._output, packet, self._targets[index], self._last_dts)
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            if index not in self._told:
                logger.warning("%s: a packet of stream %d is left out: %s", self._name, index, error.strerror)
                self._told.add(index)

    def _write_changed(self, index: int, resound: Resound, packet: Packet[Any] | None) -> None:
        try:
            for part in resound.push(packet):
                mux(self._output, part, self._targets[index], self._last_dts)
        except (av.error.InvalidDataError, av.error.ArgumentError) as error:
            if index not in self._told:
                logger.warning("%s: a packet of stream %d is left out: %s", self._name, index, error.strerror)
                self._told.add(index)


def mux(output: OutputContainer, packet: Packet[Any], target: Stream, last_dts: dict[int, int]) -> None:
    """Write one packet, its times in the target's time base and its dts after the one before.

    A coarser time base (Matroska's milliseconds) can make two times equal, which muxers refuse.
    """
    if packet.dts is None:
        packet.dts = packet.pts
    packet.stream = target
    assert target.time_base is not None
    packet.rescale_ts(av.rational.AVRational(target.time_base.numerator, target.time_base.denominator))
    last = last_dts.get(target.index)
    if packet.dts is None:
        packet.dts = packet.pts = 0 if last is None else last + 1
    if last is not None and packet.dts <= last:
        packet.dts = last + 1
    if packet.pts is not None and packet.pts < packet.dts:
        packet.pts = packet.dts
    last_dts[target.index] = packet.dts
    output.mux_one(packet)


def copy_file_tags(source: InputContainer, output: OutputContainer) -> None:
    """Copy chapters and the file's own metadata."""
    chapters = source.chapters()
    if chapters:
        output.set_chapters(chapters)
    code = timecode_of(source)
    if code is not None and output.format.name not in ("mp4", "mov"):  # those take it from the video stream
        output.metadata["timecode"] = code
    for key, value in source.metadata.items():
        if is_of_the_file(key):
            output.metadata[key] = value


def copy_video_tags(source: VideoStream, target: VideoStream) -> None:
    """Copy language, title, timecode and the like; not what was true of the old encoding only."""
    for key, value in source.metadata.items():
        if is_of_the_video(key):
            target.metadata[key] = value
    target.disposition = source.disposition


def timecode_of(container: InputContainer) -> str | None:
    """Return the timecode of the first frame, wherever a container keeps it."""
    places = [container.metadata, *(stream.metadata for stream in container.streams)]
    return next((value for place in places for key, value in place.items() if key.lower() == "timecode"), None)


def is_of_the_file(key: str) -> bool:
    """Tell whether a tag of a file is for its copy too, and not of the old muxer."""
    return key.lower() not in _STALE_FILE_TAGS


def is_of_the_video(key: str) -> bool:
    """Tell whether a tag of a video stream is for its copy too, and not of the old encoding."""
    return key.lower().split("-")[0] not in _STALE_VIDEO_TAGS and not key.startswith("_STATISTICS")


def muxer_options(source: InputContainer, container: str) -> dict[str, str]:
    """Return options of the muxer that the source's metadata asks for."""
    # Packets arrive in order already; half a second bounds what the muxer holds back for streams with gaps (it would
    # wait 10 s: 1 GB of 4K ProRes).
    options = {"max_interleave_delta": "500000"}
    if container == "nut" and not _starts_before_zero(source):
        options["avoid_negative_ts"] = "disabled"  # decoding times below zero it holds; shifting would move the start
    if container in ("mov", "mp4") and any(key.startswith("com.") for key in source.metadata):
        options["movflags"] = "+use_metadata_tags"  # the keys that phones write; by default they are dropped
    return options


def _starts_before_zero(source: InputContainer) -> bool:
    """Tell whether sound may begin before zero, with what its decoder drops: NUT refuses such packets."""
    return any(_codec_of(stream) in _PRIMED for stream in source.streams.audio)


def _ends_before_zero(packet: Packet[Any]) -> bool:
    return packet.pts is not None and packet.pts + (packet.duration or 0) <= 0


def _is_remade(stream: Stream, chapters: bool) -> bool:
    """Tell whether the muxer writes this stream itself: the timecode track from a tag, chapter titles from chapters."""
    if stream.type != "data":
        return False
    return "timecode" in stream.metadata or (chapters and stream.discard == Discard.all)


def _is_mov_text(stream: Stream) -> bool:
    return stream.type == "subtitle" and stream.codec_context is not None and stream.codec_context.name == "mov_text"


def describe(stream: Stream) -> str:
    """Return how a warning names a stream."""
    codec = getattr(stream, "name", None) or "unknown codec"
    title = stream.metadata.get("title") or stream.metadata.get("handler_name") or stream.metadata.get("filename")
    language = stream.metadata.get("language")
    extra = ", ".join(part for part in (language, title) if part)
    return f"{stream.type} stream {stream.index} ({codec}{', ' + extra if extra else ''})"


def cannot_carry(stream: Stream, output: OutputContainer) -> str | None:
    """Return why the output's container cannot hold a stream, or None: found by trying it on a scratch file."""
    if isinstance(stream, VideoStream) and not stream.disposition & Disposition.attached_pic:
        return "only the first video stream is stabilized"
    if output.format.name == "mpegts" and _codec_of(stream) not in _IN_TRANSPORT:
        return "a mpegts file cannot hold it"  # its muxer writes anything, as data that nobody can read
    scratch = av.open(io.BytesIO(), "w", format=output.format.name)
    try:
        if output.format.name == "mxf":
            _add_any_video(scratch)  # it takes no other stream first
        scratch.add_stream_from_template(stream).metadata.update(stream.metadata)
        scratch.start_encoding()
    except (av.FFmpegError, ValueError) as error:
        logger.debug("%s: %s", describe(stream), error)
        return f"a {output.format.name} file cannot hold it"
    finally:
        with contextlib.suppress(av.FFmpegError):  # of a file without packets
            scratch.close()
    return None


def _codec_of(stream: Stream) -> str:
    context = stream.codec_context
    return context.codec.canonical_name if context is not None else getattr(stream, "name", None) or ""


def _name_channels(target: Stream, output: OutputContainer) -> None:
    """Give PCM without a layout (as in MXF) the usual one: the muxer of mp4 fails at the end of the file otherwise."""
    if not isinstance(target, AudioStream) or output.format.name != "mp4":
        return
    layout = target.codec_context.layout
    usual = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(layout.nb_channels)
    if layout.name == f"{layout.nb_channels} channels" and usual is not None:
        target.codec_context.layout = usual


def _add_any_video(output: OutputContainer) -> None:
    video = output.add_stream("mpeg2video", rate=25)
    assert isinstance(video, VideoStream)
    video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
