"""A long clip of a batch, worked on by several machines: one analysis, parts between shot cuts, joined at the end.

The steps are jobs like any other, so each may be lost with its worker and done again. `LongClip` hands them out as they
become possible and looks, from outside, like one job.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future as LocalFuture
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, VstabError
from ..params import PARAMS
from .clip import Job, Outcome

if TYPE_CHECKING:
    from ..types import CameraMotion, RotationMotion
    from .run import Future

logger = logging.getLogger(__name__)

SEGMENT_S = 60.0  # of a part, at least: starting a child and seeking cost 1 to 3 s, and encoders begin anew
REACH_S = 30.0  # a shot cut that far behind the least length ends a part: there the encoder begins anew in any case
ENCODER_FLAGS = frozenset({"--codec", "--crf", "--preset", "--pix-fmt", "--encoder-option"})

Submit = Callable[[Job, str], "Future"]  # the job, and a word that tells the steps of one clip apart


# The parts know the parameters from the sidecar, which `analyze` makes without these.
_RENDER_FLAGS = frozenset(
    "--" + name.replace("_", "-") for name, row in PARAMS.items() if row.stage == "render" or row.streaming
)


def is_long(job: Job) -> bool:
    """Whether a clip is worth parts and its result can be joined from them. What cannot be read is not long."""
    flags = [argument.partition("=")[0] for argument in job.arguments]
    if "--streaming" in flags or "--hyperlapse" in flags or not _RENDER_FLAGS.isdisjoint(flags):
        return False
    try:
        return _duration_s(job.source) >= 2 * SEGMENT_S and _can_join(job)
    except (VstabError, OSError):
        return False  # the child will say why


def ranges_of(motion: CameraMotion | RotationMotion) -> list[tuple[int, int]]:
    """Return the parts of a clip as (first frame, end): each of `SEGMENT_S` at least, from cut to cut where it can."""
    time_s = motion.time_s
    cuts = np.flatnonzero(motion.cut)
    ends: list[int] = []
    first = 0
    while time_s[-1] - time_s[first] >= 2 * SEGMENT_S:
        least, most = (
            int(np.searchsorted(time_s, time_s[first] + length_s)) for length_s in (SEGMENT_S, SEGMENT_S + REACH_S)
        )
        most = min(most, int(np.searchsorted(time_s, time_s[-1] - SEGMENT_S)))  # the rest is a part too
        near = cuts[(cuts >= least) & (cuts <= most)]
        first = int(near[0]) if len(near) else least
        ends.append(first)
    return list(zip([0, *ends], [*ends, len(motion)], strict=True))


class LongClip:
    """A long clip in work.

    Args:
        job: the whole clip.
        submit: gives a step to the workers.

    Attributes:
        future: gives the outcome, as the future of a whole clip does.
    """

    def __init__(self, job: Job, submit: Submit) -> None:
        self.future: LocalFuture[Outcome] = LocalFuture()
        self._job = job
        self._submit = submit
        self._lock = threading.Lock()
        self._folder = job.staging / f"{job.number:05d}-parts-{secrets.token_hex(4)}"  # gone: its steps stop
        self._encoder = tuple(word for word in job.arguments if word.partition("=")[0] in ENCODER_FLAGS)
        self._analysis = Outcome("failed")
        self._parts: list[Outcome | None] = []
        self._in_parts = True

    def begin(self) -> None:
        """Hand out the analysis."""
        self._folder.mkdir(parents=True)
        parameters = tuple(word for word in self._job.arguments if word not in self._encoder)
        name = f"{Path(self._job.name).name}.vstab"
        self._hand_out(
            replace(self._job, command="analyze", name=name, staging=self._folder, arguments=parameters),
            "analysis",
            self._split,
        )

    def _split(self, analysis: Outcome) -> None:
        assert analysis.staged is not None
        self._analysis = analysis
        ranges = _ranges_in(analysis.staged)
        logger.info("'%s' is worked on in %d parts", self._job.source, len(ranges))
        self._parts = [None] * len(ranges)
        logs, suffix = self._job.log.with_suffix(".parts"), Path(self._job.name).suffix
        for number, (first, end) in enumerate(ranges):
            job = replace(
                self._job,
                command="segment",
                name=f"{number:04d}{suffix}",
                staging=self._folder,
                log=logs / f"{number:04d}.log",  # machines that append to one file would garble it
                arguments=(f"--sidecar={analysis.staged}", f"--frames={first}:{end}", *self._encoder),
            )
            self._hand_out(job, f"part{number}", partial(self._gather, number))

    def _gather(self, number: int, part: Outcome) -> None:
        with self._lock:
            self._parts[number] = part
            parts = [part for part in self._parts if part is not None]
            if len(parts) < len(self._parts):
                return
        sidecar, files = self._analysis.staged, [str(part.staged) for part in parts]
        arguments = (f"--sidecar={sidecar}", *self._encoder, "--join", *files)
        self._hand_out(replace(self._job, command="segment", arguments=arguments), "join", self._end)

    def _end(self, joined: Outcome) -> None:
        seconds = sum(outcome.seconds for outcome in (self._analysis, *self._parts, joined) if outcome is not None)
        warnings = tuple(dict.fromkeys((*self._analysis.warnings, *joined.warnings)))  # the parts say nothing else
        self._settle(replace(joined, fingerprint=self._analysis.fingerprint, seconds=seconds, warnings=warnings))

    def _hand_out(self, job: Job, step: str, then: Callable[[Outcome], None]) -> None:
        in_parts = self._in_parts

        def done(future: Future) -> None:
            if self.future.done() or in_parts != self._in_parts:
                return
            try:
                outcome = future.result()
                if self._in_parts and outcome.code == InputError.code and job.command == "segment":
                    self._do_as_one(outcome.message)
                elif outcome.status != "done":
                    self._settle(replace(outcome, fingerprint=outcome.fingerprint or self._analysis.fingerprint))
                else:
                    then(outcome)
            except BaseException as error:  # handed on, as the future of a whole clip would
                if in_parts == self._in_parts:
                    self._settle(error)

        self._submit(job, step).add_done_callback(done)

    def _do_as_one(self, reason: str) -> None:
        """Begin again without parts."""
        with self._lock:
            if not self._in_parts:
                return
            self._in_parts = False
        logger.warning("'%s' is done again in one piece: %s", self._job.source, reason)
        self._clear()
        self._hand_out(self._job, "whole", self._settle)

    def _settle(self, result: Outcome | BaseException) -> None:
        """End: the first failure counts, and stops the other parts."""
        with self._lock:
            if self.future.done():
                return
            if isinstance(result, BaseException):
                self.future.set_exception(result)
            else:
                self.future.set_result(result)
        self._clear()

    def _clear(self) -> None:
        """Remove the parts; steps that are still at work stop."""
        gone = self._folder.with_name(f"{self._folder.name}-gone")  # at once, also while someone writes there
        with contextlib.suppress(OSError):
            self._folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def _ranges_in(sidecar: Path) -> list[tuple[int, int]]:
    from ..sidecar import read_sidecar

    motion = read_sidecar(sidecar).motion
    assert motion is not None
    return ranges_of(motion)


def _duration_s(path: Path) -> float:
    from ..media import open_media, video_stream
    from ..pictures import frame_count_and_duration

    with open_media(path) as container:
        return frame_count_and_duration(container, video_stream(container, path))[1]


def _can_join(job: Job) -> bool:
    from ..parts import cannot_join

    codec = next((word.partition("=")[2] for word in job.arguments if word.startswith("--codec=")), None)
    reason = cannot_join(job.source, Path(job.name).suffix, codec)
    if reason is not None:
        logger.info("'%s' is long, but one task: %s", job.source, reason)
    return reason is None
