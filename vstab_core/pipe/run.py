"""The whole pipe: read, stabilize, write, in one thread, so that what waits for a slow reader is the program before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import cv2

from .. import closed_loop
from ..errors import InputError
from ..light.doubts import doubts_of
from ..light.resample import linear_light
from ..light.tone import tone_of
from ..params import Parameters, parameters_from
from ..render import render_frames
from ..result import ProgressFn, Result, tell
from ..sidecar import Sidecar, read_sidecar
from ..smooth.streaming import StreamingPath
from ..types import CameraMotion, Frame
from .one_pass import OnePass
from .reader import NutReader
from .replay import Replay
from .writer import NutWriter


def run_pipe(
    source: int,
    target: int,
    given: dict[str, object],
    *,
    sidecar: Path | None = None,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Stabilize the NUT stream of one descriptor and write it to another.

    Args:
        source, target: descriptors, of pipes mostly.
        given: the parameters that the user gave, by name.
        sidecar: of the clip that is piped; its warps are then laid on by time, and nothing is measured.
        on_progress: told each frame; may raise `Cancelled`.

    Raises:
        InputError: the input cannot be used, or breaks off; what could be had is then written before.
        Cancelled: nobody reads the output.
    """
    started = time.monotonic()
    stored = read_sidecar(sidecar) if sidecar is not None else None
    before = stored.parameters.as_dict() if stored is not None and stored.parameters else {}
    parameters = parameters_from({**before, **given})
    if stored is None:  # refuse what needs two passes, before a frame is awaited
        closed_loop.check_weights(parameters)
        if parameters.method == "stabnet":
            closed_loop.check(parameters)
        else:
            StreamingPath(1.0, 1 / 30, parameters)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the programs on both sides fill the other cores
    try:
        with NutReader(source) as reader:
            job = _Job(reader, target, on_progress)
            try:
                return job.run(stored, str(sidecar), parameters, started)
            except BaseException:
                job.writer.abort()
                raise
    finally:
        cv2.setNumThreads(threads)


class _Job:
    def __init__(self, reader: NutReader, target: int, on_progress: ProgressFn | None) -> None:
        self._reader = reader
        self.writer = NutWriter(target, reader)
        self._on_progress = on_progress
        self._broken: InputError | None = None
        self._warnings: list[str] = []
        if reader.info.interlaced:
            self._warnings.append(
                "the video is interlaced: its two fields are bent as one picture, which combs where it moves; "
                "deinterlace it before the pipe (ffmpeg -vf bwdif)"
            )

    def run(self, stored: Sidecar | None, name: str, parameters: Parameters, started: float) -> Result:
        self._warnings += doubts_of(self._reader.info, parameters)
        figures: dict[str, object] = {}
        if stored is None:
            info = self._reader.info
            tone, light = tone_of(info, parameters), linear_light(info, parameters)
            steady = OnePass(info, self._reader.interval_s, parameters, tone, light)
            done = self._write(steady.frames(self._frames(), self.writer.new_frame))
            figures = {"shots": steady.shots, "weak_frames": steady.weak_frames}
        else:
            done = self._write(self._replayed(stored, name, parameters))
        self.writer.close()
        if self._broken is not None:
            raise self._broken
        seconds = time.monotonic() - started
        return Result(
            None, {"frames": done, **figures, "seconds": seconds, "fps": done / max(seconds, 1e-9)}, self._warnings
        )

    def _write(self, frames: Iterator[Frame]) -> int:
        done = 0
        for done, frame in enumerate(frames, 1):
            self.writer.write(frame)
            tell(self._on_progress, "stabilize", done, 0)
        return done

    def _frames(self) -> Iterator[Frame]:
        """Yield the frames; hand the rest on. An input that breaks ends them, so that what waits still comes out."""
        try:
            for item in self._reader:
                if isinstance(item, Frame):
                    yield item
                elif isinstance(item, str):
                    self._warnings.append(item)
                else:
                    self.writer.hold(item)
        except InputError as error:
            self._broken = error

    def _replayed(self, stored: Sidecar, name: str, parameters: Parameters) -> Iterator[Frame]:
        frames = self._frames()
        first = next(frames)  # the reader has seen to it that there is one
        replay = Replay(stored, name, self._reader.info, first.pts, parameters)
        self._warnings += replay.warnings
        motion = stored.motion if isinstance(stored.motion, CameraMotion) else None
        light = linear_light(self._reader.info, parameters)
        every = replay.counted(chain([first], frames))
        yield from render_frames(every, replay.warps, motion, parameters, self.writer.new_frame, light)
        if replay.strangers:
            self._warnings.append(
                f"{replay.strangers} frames came at times of which '{name}' has no warp and took the nearest; pipe the "
                "clip with its own times (ffmpeg -fps_mode passthrough -enc_time_base -1)"
            )
