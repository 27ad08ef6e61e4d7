"""Frames in, stabilized frames out, with no more delay than the look-ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ..closed_loop import ClosedLoopPath
from ..decode import luma_of
from ..handover import read_ahead
from ..light.resample import LinearLight
from ..light.tone import Tone
from ..motion.guided import guide_for
from ..motion.homography import MotionEstimator, MotionStep
from ..params import Parameters
from ..render import NewFrame, warp_frame
from ..smooth.streaming import StreamingPath
from ..track import Luma
from ..types import Frame, FrameWarp, VideoInfo

Tracked = tuple[Frame | None, Luma | None, list[MotionStep]]  # the last has no frame


class OnePass:
    """Stabilizes a stream of frames.

    Args:
        info: the clip or stream.
        interval_s: from frame to frame.
        parameters: the user's.
        tone, light: as those of a `Source`.

    Attributes:
        shots, weak_frames: how many there were so far.

    Raises:
        UsageError: a parameter needs two passes.
    """

    def __init__(
        self, info: VideoInfo, interval_s: float, parameters: Parameters, tone: Tone | None, light: LinearLight | None
    ) -> None:
        closed = parameters.method == "stabnet"
        self._estimator = MotionEstimator(
            info.aspect, live=closed or parameters.look_ahead == 0, guide=guide_for(parameters.method)
        )
        self._smoother = None if closed else StreamingPath(info.aspect, interval_s, parameters)
        self._loop = ClosedLoopPath(info.aspect, interval_s, parameters) if closed else None
        self._tone, self._light = tone, light
        self._parameters = parameters
        self._waiting: deque[Frame] = deque()
        self.shots = self.weak_frames = 0

    def frames(self, frames: Iterable[Frame], new_frame: NewFrame, ahead: int = 0) -> Iterator[Frame]:
        """Yield each frame stabilized, as soon as its warp is decided.

        Args:
            frames: in order.
            new_frame: gives the frames that are written to.
            ahead: frames that may be decided, in a thread of their own, while others are warped.
        """
        # A closed loop takes as long as all the rest, so the tracker does not wait for it.
        between = ahead if self._loop is not None else 0
        tracked = read_ahead(self._tracked(frames), between, "track", lambda item: item[0].nbytes if item[0] else 0)
        decided = read_ahead(self._decided(tracked), ahead, "decide", lambda pair: pair[0].nbytes)
        for frame, warp in decided:
            yield warp_frame(frame, warp, self._parameters, new_frame, self._light)
            del frame  # while the next one is awaited, nothing but `_waiting` need hold it

    def _tracked(self, frames: Iterable[Frame]) -> Iterator[Tracked]:
        for frame in frames:
            image = luma_of(frame, tone=self._tone)
            yield frame, image, self._estimator.push(image)
            del frame
        yield None, None, self._estimator.flush()

    def _decided(self, tracked: Iterable[Tracked]) -> Iterator[tuple[Frame, FrameWarp]]:
        for frame, image, steps in tracked:
            if frame is not None:
                self._waiting.append(frame)
            del frame
            for warp in self._warps(steps, image):
                yield self._waiting.popleft(), warp
        for warp in self._smoother.flush() if self._smoother is not None else []:
            yield self._waiting.popleft(), warp

    def _warps(self, steps: list[MotionStep], image: Luma | None) -> Iterator[FrameWarp]:
        for step in steps:
            self.shots += step.cut
            self.weak_frames += step.confidence == 0
            if self._smoother is not None:
                yield from self._smoother.push(step.corners, step.cut, step.mesh)
            elif self._loop is not None and image is not None:  # live: the step is the image's own
                yield self._loop.push(image, step)
