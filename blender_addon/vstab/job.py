"""One clip's work for `vstab`, as a sequence of runs, and the table of moves that the keyframes come from.

A job knows names and paths, not strips: while it runs, undo may replace every strip in memory. Nothing here knows
Blender, but for what `settings` declares.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from . import settings
from .child import PROTOCOL, Child, VstabError, how_it_ended
from .locate import refuse_old

Steps = Generator[list[str], dict[str, Any], None]

STAGE_WORDS = {"analyze": "Analyzing", "smooth": "Smoothing", "render": "Rendering", "export": "Reading"}


@dataclass
class Job:
    """What is to be done to a clip for a strip, or for several pieces of it, and how far it is.

    Attributes:
        scene, strips: their names.
        shown_source: the clip as the first strip's path says it; source: absolute.
        result: "RENDER", "ABOVE", "KEYFRAMES" or "CORNERS".
        parameters: name -> value.
        is_360: whether the user says that this is a 360 clip.
        fresh: whether an old analysis that does not fit may be replaced; else the job fails.
        output, analysis: the files.
        state: "waiting", "running", "done", "failed" or "cancelled".
    """

    program: str
    scene: str
    strips: list[str]
    shown_source: str
    source: str
    result: str
    parameters: dict[str, Any]
    is_360: bool
    fresh: bool
    output: str
    analysis: str
    state: str = "waiting"
    message: str = ""
    stage: str = ""
    factor: float = 0.0
    eta_s: float | None = None
    warnings: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)  # (height, width) of the clip's picture, upright
    moves: dict[str, Any] | None = None  # of KEYFRAMES and CORNERS: the export

    @property
    def title(self) -> str:
        """What the user calls it."""
        more = len(self.strips) - 1
        return f"{self.strips[0]} and {more} more" if more else self.strips[0]

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")

    def steps(self) -> Steps:
        """Yield the arguments of each run of `vstab`; is sent its result, or thrown its VstabError."""
        clip = yield from _facts_of(self.source)
        self.size = (clip["height"], clip["width"])
        if self.is_360 and self.parameters["projection"] == "auto" and clip.get("projection") != "equirect":
            self.parameters["projection"] = "equirect"
        if settings.animates(self.result):
            yield from self._keyframe_steps(clip)
        else:
            yield from self._render_steps()

    def _render_steps(self) -> Steps:
        words = ["stabilize", self.source, "-o", self.output, "--sidecar", self.analysis, "--overwrite"]
        words += ["--progress", "json", *settings.flags(self.parameters, "analyze", "smooth", "render")]
        try:
            done = yield words
        except VstabError as error:
            if error.code != "sidecar":
                raise
            self._drop_analysis(str(error))
            done = yield words
        self.figures = done["figures"]

    def _keyframe_steps(self, clip: dict[str, Any]) -> Steps:
        if clip.get("projection") == "equirect":
            raise VstabError("input", "a 360 clip cannot be stabilized by keyframes; use the result Render")
        if clip.get("pixel_aspect", "1") != "1":
            raise VstabError("input", "keyframes cannot turn pixels that are not square; use the result Render")
        wanted = settings.for_keyframes(self.parameters, self.result)
        if os.path.exists(self.analysis):
            try:
                stored = yield from _facts_of(self.analysis)
                if stored.get("fingerprint") != clip.get("fingerprint"):
                    raise VstabError("sidecar", f"'{self.analysis}' was made for another clip")
            except VstabError as error:
                if error.code != "sidecar":
                    raise
                self._drop_analysis(str(error))
        if not os.path.exists(self.analysis):
            words = ["analyze", self.source, "-o", self.analysis, "--overwrite", "--progress", "json"]
            yield [*words, *settings.flags(wanted, "analyze", "smooth")]
        with tempfile.TemporaryDirectory(prefix="vstab-") as folder:
            solved, table = os.path.join(folder, "solved.vstab"), os.path.join(folder, "moves.json")
            words = ["smooth", self.analysis, "-o", solved, "--overwrite", "--progress", "json"]
            done = yield [*words, *settings.flags(wanted, "smooth")]
            self.figures = done["figures"]
            yield ["export", solved, "--to", "json", "-o", table, "--progress", "json"]
            with open(table, encoding="utf-8") as file:
                self.moves = json.load(file)

    def _drop_analysis(self, why: str) -> None:
        if not self.fresh:
            raise VstabError(
                "sidecar", f"the clip has changed since it was analyzed ({why}); use Stabilize Strip again"
            )
        os.remove(self.analysis)


_known: dict[tuple[str, int, int], dict[str, Any]] = {}  # asked once for each file as it is


def _facts_of(path: str) -> Generator[list[str], dict[str, Any], dict[str, Any]]:
    """Return what `vstab info` says of a file."""
    state = os.stat(path)
    key = (path, state.st_size, state.st_mtime_ns)
    if key not in _known:
        _known[key] = yield ["info", path, "--json"]
    return _known[key]


class Runner:
    """Drives a job: `tick` often, until the job is over."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._steps = job.steps()
        self._child: Child | None = None
        self._answer: dict[str, Any] | None = None
        self._failure: VstabError | None = None
        self._stages: list[str] = []
        self._seen: set[str] = set()

    def tick(self) -> None:
        """Take in what the child has said; start the next run where one has ended."""
        job = self.job
        if job.over:
            return
        job.state = "running"
        try:
            if self._child is None:
                self._start_next()
                return
            events, ended = self._child.poll()
            for event in events:
                self._take(event)
            if ended:
                self._settle()
                self._start_next()
        except VstabError as error:
            self._give_up("cancelled" if error.code == "cancelled" else "failed", str(error))
        except OSError as error:
            self._give_up("failed", str(error))
        except (KeyError, TypeError, ValueError) as error:
            self._give_up("failed", f"vstab answered what this extension does not understand ({error!r}); update both")

    def cancel(self) -> None:
        """Stop the job; the next ticks see its end."""
        if self._child is None:
            self._end("cancelled", "cancelled")
        else:
            self._child.cancel()

    def close(self) -> None:
        """Stop the job now and wait for its child."""
        if not self.job.over:
            self._give_up("cancelled", "cancelled")

    def _start_next(self) -> None:
        """Go on with the job's steps.

        Raises:
            VstabError: the job gives up.
        """
        try:
            if self._failure is not None:
                failure, self._failure = self._failure, None
                words = self._steps.throw(failure)
            else:
                answer, self._answer = self._answer, None
                words = next(self._steps) if answer is None else self._steps.send(answer)
        except StopIteration:
            self._end("done", "")
            return
        self._stages, self._seen = [], set()
        self._child = Child(self.job.program, words)

    def _give_up(self, state: str, message: str) -> None:
        if self._child is not None:
            self._child.close()
            self._child.last_words()
        self._end(state, message)

    def _settle(self) -> None:
        assert self._child is not None
        status = self._child.close()
        words = self._child.last_words()
        self._child = None
        if self._answer is None and self._failure is None:
            self._failure = VstabError("killed", how_it_ended(status, words))

    def _take(self, event: dict[str, Any]) -> None:
        job, kind = self.job, event.get("event")
        if kind is None or kind == "result":  # `info` answers with one value
            self._answer = event
        elif kind == "error":
            self._failure = VstabError(event.get("code", "error"), event.get("message", "vstab failed"))
        elif kind == "warning":
            job.warnings.append(event.get("message", ""))
        elif kind == "started":
            refuse_old(str(event.get("vstab", "")), job.program)
            if event.get("protocol") != PROTOCOL:
                raise VstabError("missing", "vstab and this extension are of different versions; update both")
            self._stages = list(event.get("stages", ()))
        elif kind == "progress":
            self._show(event)

    def _show(self, event: dict[str, Any]) -> None:
        """Turn a stage's progress into that of the job: analyzing and rendering take about as long as each other."""
        job, stage, frames = self.job, event.get("stage", ""), event.get("frames", 0)
        self._seen.add(stage)
        slow = [name for name in self._stages if name in ("analyze", "render")]
        if stage == "render" and "analyze" not in self._seen:  # the analysis was there already
            slow = ["render"]
        part = min(event.get("frame", 0) / frames, 1.0) if frames else 0.0
        job.stage = STAGE_WORDS.get(stage, stage)
        if stage in slow:
            job.factor = (slow.index(stage) + part) / len(slow)
            left = event.get("eta_s")
            to_come = len(slow) - 1 - slow.index(stage)
            done_s_a_frame = 1 / event["fps"] if event.get("fps") else None
            whole = done_s_a_frame * frames if done_s_a_frame is not None else None
            job.eta_s = None if left is None or whole is None else left + to_come * whole

    def _end(self, state: str, message: str) -> None:
        self._steps.close()
        self._child = None
        self.job.state, self.job.message = state, message
        self.job.factor, self.job.eta_s = (1.0 if state == "done" else self.job.factor), None
