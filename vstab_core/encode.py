"""Write stabilized frames to a video file that otherwise is the source: times, sound, tags and colour stay.

Frames keep their timestamps and time base, so variable frame rate is exact in MP4, MOV and NUT. Matroska and WebM
round to milliseconds; transport streams move the whole programme by the same time, sound included; AVI and MXF know
frames by number only (a warning says so where that moves them).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, NoReturn

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from .colour import SourceLook, hdr_parameters, read_look, set_colour, tag_picture, uncarried
from .encoders import CONSTANT_RATE, SourceCodec, coded_size, container_of, plan_encoder
from .errors import InputError, OutputError, UsageError, VstabError
from .formats import plane_shapes, plane_views
from .handover import Handover
from .isobmff import is_movie
from .kept import Output, losses
from .media import ffmpeg_log, open_media, video_stream
from .movie_tags import complete_movie
from .outfile import PartialFile, WholeOrNothing, output_error
from .remux import StreamCopier, copy_file_tags, copy_video_tags, mux, muxer_options
from .resound import ChangeSamples
from .sa3d import read_ambisonics, write_ambisonics
from .spherical_metadata import SphericalMetadata, SphericalTag
from .stretch import Pace, PacedStreams
from .types import EncodeOptions, Frame, VideoInfo

logger = logging.getLogger(__name__)

MAX_SHIFT_FRAMES = 0.1  # of a frame by number against its time: more is seen against the sound
FRAMES_WAITING = 3  # between the warp and the encoder, which holds its own look-ahead besides
_FRAME_DURATION = int(av.codec.context.Flags.frame_duration)


class NewFrame(Frame):
    """A frame whose planes are the memory that the encoder will read: write into them, then `VideoWriter.write` it."""


class VideoWriter(WholeOrNothing):
    """Encode frames in a thread of their own and carry over everything else from the source.

    Use as a context manager: the output appears when the block ends well; after any exception (an interrupt
    included) nothing is left.

    Args:
        path: the output; its ending decides the container.
        info: the source, as `decode.probe` says; its file gives the other streams and tags.
        options: what the user asked of the encoder.
        overwrite: whether an existing output may be replaced.
        size: (height, width) of the frames to be written, where it is not the source's.
        copy_streams: whether sound, subtitles, data and chapters are carried over.
        sound: streams, by index in the source, whose samples are changed on the way (see `resound`).
        spherical: what the file is to say of its sphere, where the frames are a 360 clip's.
        pace: of a hyperlapse; its sound is stretched or left out, see `stretch`.

    Raises:
        OutputError: the output is the input, exists, or cannot be written, or the container cannot hold the codec.
        UsageError: unknown encoder, pixel format, option or file ending.
    """

    def __init__(
        self,
        path: Path,
        info: VideoInfo,
        options: EncodeOptions | None = None,
        *,
        overwrite: bool = False,
        size: tuple[int, int] | None = None,
        copy_streams: bool = True,
        sound: Mapping[int, ChangeSamples] | None = None,
        spherical: SphericalMetadata | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.path = Path(path)
        self.info = info
        self._height, self._width = size or (info.height, info.width)
        self._options = options or EncodeOptions()
        self._copy_streams = copy_streams
        self._sound = sound
        self._pace = pace
        self._last_dts: dict[int, int] = {}
        self._frames = 0
        self._last_pts: int | None = None
        self._first_s = 0.0
        self._last_number: int | None = None
        self._shift_told = False
        self._error: BaseException | None = None
        self._closing = contextlib.ExitStack()
        self._done = False
        container = container_of(self.path.suffix)
        self._spherical = SphericalTag(spherical, container, self.path) if spherical is not None else None
        self._file = PartialFile(self.path, info.path, overwrite)
        try:
            self._open(container)
        except BaseException as error:
            self._done = True
            self._release()
            self._raise(error)
        self._handover: Handover[av.VideoFrame] = Handover(FRAMES_WAITING, _bytes_of)
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    # -- opening ------------------------------------------------------------------------------------------------

    def _open(self, container: str) -> None:
        self._container = container
        source = self._source = self._closing.enter_context(open_media(self.info.path))
        source_video = video_stream(source, self.info.path)
        self._look = look = read_look(self.info.path)
        for what in uncarried(look):
            logger.warning("'%s': %s in the video stream is lost", self.path, what)
        self._output: OutputContainer = av.open(
            self._target(),
            "w",
            format=container,
            container_options=muxer_options(source, container),
            metadata_errors="surrogateescape",
        )
        codec = SourceCodec(self.info.codec, source_video.codec_context.profile, self.info.pixel_format, look.bit_rate)
        self.plan = plan_encoder(codec, container, self._output.supported_codecs, self._options)
        for note in self.plan.notes:
            logger.warning("'%s': %s", self.path, note)
        self._coded = coded_size(self.plan, self._height, self._width)
        if self._coded != (self._height, self._width):
            logger.warning("'%s': encoder %s takes no odd sizes: %dx%d is padded to %dx%d", self.path, self.plan.name,
                           self._width, self._height, self._coded[1], self._coded[0])  # fmt: skip
        self._by_number = container in CONSTANT_RATE
        self._time_base = 1 / self.info.frame_rate if self._by_number else self.info.time_base
        self._video = self._add_video(container, look)
        copy_video_tags(source_video, self._video)
        if self._spherical is not None:
            self._spherical.prepare(self._video.metadata)
        self._copier: StreamCopier | PacedStreams | None = None
        if self._pace is not None:
            self._copier = PacedStreams(source, self._output, self._pace, f"'{self.path}'", self._sound)
        elif self._copy_streams:
            copy_file_tags(source, self._output)
            self._copier = StreamCopier(source, self._output, source_video, f"'{self.path}'", self._sound)
        log: list[str] = []
        try:
            with ffmpeg_log(av.logging.ERROR, log):
                self._output.start_encoding()
        except av.FFmpegError as error:
            if not log:
                raise
            raise OutputError(f"a {container} file refuses this: {'; '.join(log)}") from error

    def _target(self) -> str | IO[bytes]:
        """Return what the muxer writes to."""
        return str(self._file.temporary)

    def _add_video(self, container: str, look: SourceLook) -> VideoStream:
        plan = self.plan
        stream = self._output.add_stream(plan.name, rate=self.info.frame_rate, options=plan.options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        set_colour(context, plan, look, container)
        (context.height, context.width), context.pix_fmt = self._coded, plan.pix_fmt
        context.time_base = self._time_base
        stream.time_base = self._time_base
        context.sample_aspect_ratio = self.info.pixel_aspect
        context.thread_type = "AUTO"  # PyAV's own default would make x264 cut frames into slices
        context.flags |= _FRAME_DURATION
        if plan.bit_rate is not None:
            context.bit_rate = plan.bit_rate
        if plan.qscale is not None:
            context.qscale = True
            context.global_quality = plan.qscale
        if plan.name.startswith(("libx265", "hevc")) and container in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # what Apple's players and editors ask for; 'hev1' shows black there
        if plan.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only
        wanted = dict(context.options)
        log: list[str] = []
        try:
            with ffmpeg_log(av.logging.ERROR, log):
                context.open()
        except (av.FFmpegError, ValueError) as error:
            settings = " ".join(f"{key}={value}" for key, value in wanted.items())
            raise UsageError(
                f"encoder '{plan.name}' refuses {self._width}x{self._height} {plan.pix_fmt} "
                f"with {settings or 'its defaults'}: {'; '.join(log) or error}"
            ) from error
        unused = [key for key in wanted if key in context.options]
        if unused:
            raise UsageError(f"encoder '{plan.name}' did not take the option {', '.join(unused)}")
        return stream

    # -- frames -------------------------------------------------------------------------------------------------

    def new_frame(self, like: Frame) -> NewFrame:
        """Return a frame with the time of `like` whose planes (views, rows padded) are to be written."""
        picture = av.VideoFrame(self._coded[1], self._coded[0], like.pixel_format)
        if like.source is not None and like.source.duration:
            picture.duration = like.source.duration
        planes = plane_views(picture)
        if self._coded != (self._height, self._width):
            shapes = plane_shapes(like.pixel_format, self._width, self._height)
            planes = tuple(plane[: shape[0], : shape[1]] for plane, shape in zip(planes, shapes, strict=True))
        return NewFrame(planes, like.pixel_format, like.pts, like.time_s, picture)

    def write(self, frame: Frame) -> None:
        """Hand a frame to the encoder; waits while the encoder is behind.

        Frames of `new_frame` and untouched frames of the decoder go as they are, others are copied.

        Raises:
            OutputError: the encoder or the disk failed, now or some frames ago.
            UsageError: the frame has another size than the output, or is not later than the one before.
        """
        if self._done:
            raise OutputError(f"output '{self.path}' is closed")
        if self._last_pts is not None and frame.pts <= self._last_pts:
            raise UsageError(f"frames must come in order of time: tick {frame.pts} after {self._last_pts}")
        own = isinstance(frame, NewFrame) or (_is_untouched(frame) and frame.planes[0].shape[:2] == self._coded)
        picture = frame.source if own else self._copy(frame)
        if self._coded != (self._height, self._width):
            _pad(picture, self._height, self._width)
        if self._last_pts is None:
            self._first_s = frame.time_s
        self._last_pts = frame.pts
        self._frames += 1
        picture.pts, picture.time_base, picture.pict_type = self._stamp(frame), self._time_base, 0
        tag_picture(picture, self._look)
        if not self._handover.put(picture):
            self._fail()

    def _stamp(self, frame: Frame) -> int:
        """Return the frame's time in the encoder's time base: its number where the container knows nothing else."""
        if not self._by_number:
            return frame.pts
        exact = frame.pts * self.info.time_base / self._time_base
        number = round(exact)
        if self._last_number is not None:
            number = max(number, self._last_number + 1)
        if abs(number - exact) > MAX_SHIFT_FRAMES and not self._shift_told:
            self._shift_told = True
            logger.warning("'%s': this container stores frames by number, at an even rate: the uneven times of the "
                           "source are lost (mp4, mov and mkv keep them)", self.path)  # fmt: skip
        self._last_number = number
        return number

    def _copy(self, frame: Frame) -> av.VideoFrame:
        shapes = plane_shapes(frame.pixel_format, self._width, self._height)
        if tuple(plane.shape for plane in frame.planes) != shapes:
            got = ", ".join("x".join(map(str, plane.shape)) for plane in frame.planes)
            raise UsageError(f"output '{self.path}' is {self._width}x{self._height}, got planes of {got}")
        target = self.new_frame(frame)
        for plane, values in zip(target.planes, frame.planes, strict=True):
            np.copyto(plane, values)
        picture: av.VideoFrame = target.source
        return picture

    # -- the encoder's thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            for picture in self._handover:
                self._encode(picture)
            if not self._cancelled:
                self._encode(None)
                if self._copier is not None:
                    self._copier.copy_until(None)
        except BaseException as error:
            self._error = error
            self._handover.cancel()

    _cancelled = False

    def _encode(self, picture: av.VideoFrame | None) -> None:
        for packet in self._video.encode(picture):
            self._put(packet)

    def _put(self, packet: Packet[VideoStream]) -> None:
        """Write a packet of the video, after what the other streams have until then."""
        if self._copier is not None and packet.dts is not None:
            self._copier.copy_until(float(packet.dts * packet.time_base))
        mux(self._output, packet, self._video, self._last_dts)

    # -- the end ------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Finish the file and give it its name.

        Raises:
            OutputError: the encoder or the disk failed, or no frame was written.
        """
        if self._done:
            return
        self._handover.finish()
        self._thread.join()
        if self._error is not None:
            self._fail()
        if self._frames == 0:
            self.abort()
            raise OutputError(f"output '{self.path}': no frame was written")
        self._done = True
        try:
            self._finish()
        except (av.FFmpegError, OSError) as error:
            self._release()
            self._raise(error)
        except BaseException:
            self._release()
            raise
        self._closing.close()
        self._file.complete()

    def _finish(self) -> None:
        """Write the end of the file."""
        self._output.close()
        if self._spherical is not None:
            self._spherical.write(self._file.temporary)
        self._keep_ambisonics()
        self._finish_tags()

    def _keep_ambisonics(self) -> None:
        """Say again which sound is ambisonic: FFmpeg's muxer drops it."""
        if self._copier is None or not is_movie(self._file.temporary):
            return
        targets = [(item, self._copier.target_of(item.stream)) for item in read_ambisonics(self.info.path)]
        kept = [replace(item, stream=target) for item, target in targets if target is not None]
        if kept:
            write_ambisonics(self._file.temporary, kept)

    def _finish_tags(self) -> None:
        """Write what FFmpeg's muxer leaves out, and say what the container does not keep."""
        temporary, copier, look = self._file.temporary, self._copier, self._look
        if is_movie(temporary):
            carried = bool(hdr_parameters(self.plan.name, look)[0])
            complete_movie(
                temporary,
                self._languages(),
                self._video.index,
                None if carried else look.mastering,
                None if carried else look.light_level,
            )
        if isinstance(copier, StreamCopier):
            rgb = av.VideoFormat(self.plan.pix_fmt).is_rgb
            output = Output(temporary, self._container, copier.target_of, rgb, self._first_s)
            try:
                lost = losses(self._source, self.info.path, look, output)
            except InputError as error:  # no decoder for what was encoded; the file is complete
                logger.warning("'%s': what it keeps could not be looked at: %s", self.path, error)
                return
            if lost:
                logger.warning("'%s': a %s file does not keep: %s", self.path, self._container, "; ".join(lost))

    def _languages(self) -> dict[int, str]:
        targets = {stream.index: self._copier.target_of(stream.index) for stream in self._source.streams
                   } if self._copier is not None else {}  # fmt: skip
        targets[video_stream(self._source, self.info.path).index] = self._video.index
        return {
            target: self._source.streams[index].metadata["language"]
            for index, target in targets.items()
            if target is not None and "language" in self._source.streams[index].metadata
        }

    def abort(self) -> None:
        """Stop at once and leave nothing."""
        if self._done:
            return
        self._cancelled = True
        self._handover.cancel()
        self._thread.join()
        self._done = True
        self._release()

    def _fail(self) -> None:
        self._thread.join()
        error = self._error
        self.abort()
        assert error is not None
        self._raise(error)

    def _release(self) -> None:
        with contextlib.suppress(Exception):
            self._output.close()
        with contextlib.suppress(Exception):
            self._closing.close()
        self._file.remove()

    def _raise(self, error: BaseException) -> NoReturn:
        """Raise the error as it is, or as what it means for the output."""
        if isinstance(error, VstabError) or not isinstance(error, Exception):
            raise error
        raise output_error(error, self.path) from error


def _pad(picture: av.VideoFrame, height: int, width: int) -> None:
    """Repeat the last row and column of a picture into the margin that the encoder asked for."""
    shapes = plane_shapes(picture.format.name, width, height)
    for plane, shape in zip(plane_views(picture), shapes, strict=True):
        plane[: shape[0], shape[1] :] = plane[: shape[0], shape[1] - 1 : shape[1]]
        plane[shape[0] :] = plane[shape[0] - 1]


def _bytes_of(picture: av.VideoFrame) -> int:
    return sum(plane.buffer_size for plane in picture.planes)


def _is_untouched(frame: Frame) -> bool:
    """Tell whether the frame's planes still are the memory of its source picture."""
    picture = frame.source
    if picture is None or picture.format.name.replace("yuvj", "yuv") != frame.pixel_format:
        return False
    if len(picture.planes) != len(frame.planes):
        return False
    return all(
        plane.__array_interface__["data"][0] == memory.buffer_ptr and plane.strides[0] == memory.line_size
        for plane, memory in zip(frame.planes, picture.planes, strict=True)
    )
