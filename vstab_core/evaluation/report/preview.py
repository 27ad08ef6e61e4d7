"""A clip re-encoded small, in memory, for a browser: H.264 in MP4, its times counted from a given moment."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation
from av.video.stream import VideoStream

from ...colour import FULL_RANGE, UNSPECIFIED, SourceLook, read_look
from ...decode import probe, read_frames
from ...errors import InputError
from ...formats import plane_views
from ...media import Orientation, orientation_of
from ...types import Frame, VideoInfo
from .budget import CLIP_BYTES, PAGE_BYTES, Plan, plan
from .sound import Sound

TIME_BASE = Fraction(1, 90000)  # of both clips, so that equal times are equal ticks
_CRF = "25"
_KEY_INTERVAL_S = 0.5  # a seek decodes half a second at most
_TRIES = 4
_SLOWEST_S = 5  # fewer frames than one in so many seconds show no movement
_HD_LINES = 720  # from here on video without tags is BT.709, below BT.601
_BT709, _BT601 = 1, 6  # H.273


@dataclass(frozen=True)
class Preview:
    """A clip as the page embeds it.

    Attributes:
        data: an MP4 file; its first frame is at 0 or later.
        plan: size and rate.
        frames: how many there are.
        origin_s: the moment, in the clip's own clock, that is 0 in `data`.
        sound: whether there is any.
        lost_sound: why the clip's sound is missing; empty if it is not.
    """

    data: bytes
    plan: Plan
    frames: int
    origin_s: float
    sound: bool
    lost_sound: str = ""


def make_preview(
    path: Path,
    *,
    not_before_s: float = -math.inf,
    origin_s: float | None = None,
    duration_s: float,
    with_sound: bool = False,
    on_frame: Callable[[int], None] | None = None,
) -> Preview:
    """Encode a clip for the page, within its part of the page's size.

    Args:
        path: the clip.
        not_before_s: frames before this, in the clip's clock, are left out.
        origin_s: the moment that becomes 0; None takes the first frame that is not left out.
        duration_s: how much of the clip is embedded, from the origin.
        with_sound: whether its sound is embedded too, where there is room.
        on_frame: called with the number of frames done.

    Raises:
        InputError: no frame lies in that time, or the clip does not fit.
    """
    info, look = probe(path), read_look(path)
    display_width = info.width * float(info.pixel_aspect)
    share = 1.0
    for _ in range(_TRIES):
        chosen = plan(display_width, info.height, float(info.frame_rate), duration_s, share)
        if chosen.every > _SLOWEST_S * info.frame_rate:
            break
        job = _Job(info, look, chosen, not_before_s, origin_s, duration_s, with_sound)
        preview = job.run(on_frame)
        if len(preview.data) <= CLIP_BYTES:
            return preview
        share *= 0.8 * CLIP_BYTES / len(preview.data)
    raise InputError(f"'{path}' is too long for a page of {PAGE_BYTES // 1_000_000} MB; cut it and report on the parts")


class _Job:
    def __init__(
        self,
        info: VideoInfo,
        look: SourceLook,
        plan: Plan,
        not_before_s: float,
        origin_s: float | None,
        duration_s: float,
        with_sound: bool,
    ) -> None:
        self._info, self._look, self._plan = info, look, plan
        self._not_before_s, self._origin_s, self._duration_s = not_before_s, origin_s, duration_s
        self._with_sound = with_sound
        self._resize = _Resize(info, look, plan)

    def run(self, on_frame: Callable[[int], None] | None) -> Preview:
        memory = io.BytesIO()
        count, last = 0, -1
        sound: Sound | None = None
        lost_sound = "" if self._plan.sound else "the clip is too long for sound in a page"
        with av.open(memory, "w", format="mp4") as output:
            video = self._add_video(output)
            if self._with_sound and self._plan.sound:
                sound = Sound.find(self._info.path, output)
            frames = read_frames(self._info.path, on_damage=lambda _: None)
            with contextlib.closing(frames):  # type: ignore[type-var]
                for number, frame in enumerate(self._wanted(frames)):
                    if on_frame is not None:
                        on_frame(number + 1)
                    if number % self._plan.every:
                        continue
                    picture = self._resize(frame)
                    assert self._origin_s is not None
                    last = max(last + 1, round((frame.time_s - self._origin_s) / TIME_BASE))
                    picture.pts, picture.time_base = last, TIME_BASE
                    picture.duration = round(self._plan.every / (self._info.frame_rate * TIME_BASE))
                    output.mux(video.encode(picture))
                    count += 1
            if not count or self._origin_s is None:
                raise InputError(f"'{self._info.path}' has no frame in the time that the two clips share")
            output.mux(video.encode(None))
            if sound is not None:
                lost_sound = sound.write(self._origin_s, float(last * TIME_BASE))
        heard = sound is not None and not lost_sound
        return Preview(
            memory.getvalue(), self._plan, count, self._origin_s, heard, lost_sound if self._with_sound else ""
        )

    def _wanted(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        half_s = 0.5 / float(self._info.frame_rate)
        for frame in frames:
            if frame.time_s < self._not_before_s - half_s:
                continue
            if self._origin_s is None:
                self._origin_s = frame.time_s
            if frame.time_s < self._origin_s - half_s:
                continue
            if frame.time_s > self._origin_s + self._duration_s + half_s:
                return
            yield frame

    def _add_video(self, output: Any) -> VideoStream:
        plan, rate = self._plan, self._info.frame_rate / self._plan.every
        options = {
            "preset": "veryfast", "crf": _CRF, "bf": "0",  # without B-frames the file starts at its first frame
            "maxrate": str(plan.bits_a_second), "bufsize": str(2 * plan.bits_a_second),
            "g": str(max(1, round(rate * Fraction(_KEY_INTERVAL_S)))),
        }  # fmt: skip
        video: VideoStream = output.add_stream("libx264", rate=rate, options=options)
        context = video.codec_context
        context.width, context.height, context.pix_fmt = plan.width, plan.height, "yuv420p"
        context.time_base = video.time_base = TIME_BASE
        context.color_range = int(ColorRange.MPEG)
        context.colorspace = self._resize.matrix
        context.color_primaries, context.color_trc = self._resize.primaries, self._look.color_trc
        context.thread_type = "AUTO"
        return video


class _Resize:
    """Bring frames to the page's size: upright, square pixels, 8-bit 4:2:0 in limited range, with tags that say so."""

    def __init__(self, info: VideoInfo, look: SourceLook, plan: Plan) -> None:
        self._plan = plan
        self._full = look.color_range == FULL_RANGE
        self._turn: Orientation | None = None
        self.matrix = look.colorspace
        if self.matrix in (0, UNSPECIFIED):  # 0: RGB, which becomes YUV here
            self.matrix = _BT709 if info.height >= _HD_LINES else _BT601
        self.primaries = look.color_primaries

    def __call__(self, frame: Frame) -> av.VideoFrame:
        source: av.VideoFrame = frame.source
        if self._turn is None:
            self._turn = orientation_of(source)
        width, height = self._turn.turn_size(self._plan.width, self._plan.height)
        rgb = source.format.is_rgb
        small = source.reformat(
            width,
            height,
            "yuv420p",
            src_colorspace=None if rgb else self.matrix,
            dst_colorspace=self.matrix,
            src_color_range=ColorRange.JPEG if self._full or rgb else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.AREA,
        )
        picture = small
        if self._turn:
            picture = av.VideoFrame(self._plan.width, self._plan.height, "yuv420p")
            turned = self._turn.turn_planes(plane_views(small), "yuv420p")
            for target, values in zip(plane_views(picture), turned, strict=True):
                np.copyto(target, values)
        picture.pict_type = 0
        picture.color_range, picture.colorspace = int(ColorRange.MPEG), self.matrix
        return picture
