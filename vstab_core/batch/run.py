"""A batch from plan to table: what is finished is kept, the rest goes to a pool of workers, results get their names."""

from __future__ import annotations

import os
import queue
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, Protocol

from ..errors import OutputError, VstabError
from .clip import POLL_S, Job, OnEvent, Outcome, fingerprint_of, run_clip
from .manifest import STAGING, Entry, Manifest, place
from .plan import Clip

CORES_A_CLIP = 2  # decoder, warp and encoder overlap: 1.4 to 2 cores of one 1080p clip
MEMORY_A_CLIP = 2 << 30  # bytes; 1080p takes 0.75 GiB, 4K three times as much
LOGS = "logs"

Report = Callable[[Mapping[str, Any]], None]


class Future(Protocol):
    """What a pool gives for a job: of `concurrent.futures` or of Dask."""

    def add_done_callback(self, fn: Callable[[Any], object]) -> Any:
        """Call `fn` in some thread once the job is over."""

    def result(self) -> Outcome:
        """Return the outcome, or raise what kept it from coming."""


class Pool(Protocol):
    """Where clips are worked on."""

    def submit(self, job: Job) -> Future:
        """Take on a job."""

    def check(self) -> None:
        """Raise where the pool is lost."""

    def close(self) -> None:
        """Stop what is still at work, and wait for it as far as that is possible."""


class LocalPool:
    """This machine: some clips at a time, each in a thread that watches its child.

    Args:
        jobs: how many.
        on_event: gets the children's lines, in their threads.
    """

    def __init__(self, jobs: int, on_event: OnEvent) -> None:
        self._stop = Event()
        self._on_event = on_event
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="clip")

    def submit(self, job: Job) -> Future:
        """Take on a job."""
        return self._threads.submit(run_clip, job, self._stop.is_set, self._on_event)

    def check(self) -> None:
        """Say nothing: this machine is not lost."""

    def close(self) -> None:
        """Stop the children and wait for them."""
        self._stop.set()
        self._threads.shutdown(wait=True, cancel_futures=True)


def jobs_of_this_machine() -> int:
    """Return how many clips this machine can work on at once: by its cores and its memory."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        cores = os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory = MEMORY_A_CLIP * cores
    return max(1, min(cores // CORES_A_CLIP, memory // MEMORY_A_CLIP))


@dataclass(frozen=True)
class Settings:
    """What all clips are made with.

    Attributes:
        arguments: of `vstab stabilize`.
        identity: what of it changes a result; a clip made with another is done again.
        overwrite: whether files may be replaced that no batch has made.
        vstab: the version.
    """

    arguments: tuple[str, ...]
    identity: Mapping[str, Any]
    overwrite: bool
    vstab: str


@dataclass(frozen=True)
class Row:
    """What is told of a clip at the end.

    Attributes:
        status: "done", "kept" (finished before) or "failed".
        frames, seconds, warnings: of the run that made the result.
        message: of a failure.
    """

    name: str
    status: str
    frames: int = 0
    seconds: float = 0.0
    warnings: Sequence[str] = field(default=())
    message: str = ""


class Batch:
    """The clips of one run.

    Args:
        clips: from `find_clips`.
        out: the batch's directory.
        manifest: of that directory, open.
        settings: of all clips.
        report: gets a mapping for every change of a clip's state.
        check: called several times a second; raises to stop the run.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        out: Path,
        manifest: Manifest,
        settings: Settings,
        report: Report,
        check: Callable[[], None],
    ) -> None:
        self._clips = clips
        self._out = out.absolute()
        self._manifest = manifest
        self._settings = settings
        self._report = report
        self._check = check
        self._rows: dict[str, Row] = {}
        self._news: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._staging = self._out / STAGING / secrets.token_hex(4)

    def run(self, pool_of: Callable[[OnEvent], Pool]) -> list[Row]:
        """Do what is left to do and return a row a clip, in their order.

        Args:
            pool_of: makes the pool, given what takes the children's lines.

        Raises:
            OutputError: a file is in the way, before any work has begun.
            VstabError: the pool is lost, or whatever `check` raises; the manifest is right then too.
        """
        jobs = self._jobs()
        self._refuse_foreign(jobs)
        if jobs:
            self._staging.mkdir(parents=True)
            pool = pool_of(self._pass_on)
            try:
                self._work(pool, jobs)
            finally:
                pool.close()
                shutil.rmtree(self._out / STAGING, ignore_errors=True)
        return [self._rows[clip.name] for clip in self._clips]

    def _jobs(self) -> list[Job]:
        jobs = []
        for number, clip in enumerate(self._clips, 1):
            self._check()
            entry = self._manifest.entries.get(clip.name)
            if entry is not None and self._is_finished(clip, entry):
                row = Row(clip.name, "kept", entry.frames, entry.seconds, entry.warnings)
                self._settle(number, clip, row)
                continue
            log = self._out / LOGS / f"{clip.name}.log"
            jobs.append(Job(number, clip.source, clip.name, self._staging, log, self._settings.arguments))
        return jobs

    def _is_finished(self, clip: Clip, entry: Entry) -> bool:
        return (
            entry.status == "done"
            and entry.settings == self._settings.identity
            and entry.fingerprint == fingerprint_of(clip.source)
            and self._manifest.is_ours(clip.name)
        )

    def _refuse_foreign(self, jobs: Sequence[Job]) -> None:
        if self._settings.overwrite:
            return
        foreign = [job.name for job in jobs if self._in_the_way(job.name)]
        if foreign:
            more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
            raise OutputError(
                f"'{self._out / foreign[0]}'{more} exists and was not made by a batch here, or changed since; "
                "give --overwrite to replace it, or another --out"
            )

    def _in_the_way(self, name: str) -> bool:
        return os.path.lexists(self._out / name) and not self._manifest.is_ours(name)

    def _work(self, pool: Pool, jobs: Sequence[Job]) -> None:
        for job in jobs:
            pool.submit(job).add_done_callback(self._noting(job))
        while len(self._rows) < len(self._clips):
            self._check()
            pool.check()
            try:
                self._news.get(timeout=POLL_S)()
            except queue.Empty:
                continue

    def _noting(self, job: Job) -> Callable[[Future], None]:
        return lambda future: self._news.put(lambda: self._finish(job, future))

    def _finish(self, job: Job, future: Future) -> None:
        """Write down what became of a job, and give its result its name."""
        try:
            outcome = future.result()
        except CancelledError as error:  # not by us: we cancel when we do not listen any more
            raise VstabError("the scheduler of the workers is gone; run the same command again to go on") from error
        except Exception as error:  # of another machine, whatever it may be: one clip's failure is not the batch's
            outcome = Outcome("failed", code="error", message=f"{type(error).__name__}: {error}")
        if outcome.status == "stopped":  # not by us: we do not listen any more once we have asked to stop
            outcome = replace(outcome, status="failed", code="cancelled", message="its staging folder has gone")
        clip = self._clips[job.number - 1]
        before = self._manifest.entries.get(job.name)
        result, staged = before.result if before is not None else "", ""
        if outcome.status == "done" and not self._settings.overwrite and self._in_the_way(job.name):
            outcome = Outcome("failed", code="output", message=f"'{self._out / job.name}' has appeared meanwhile")
        if outcome.status == "done" and outcome.staged is not None:
            result, staged = fingerprint_of(outcome.staged), outcome.staged.relative_to(self._out).as_posix()
        self._manifest.add(
            Entry(
                job.name,
                os.fspath(job.source),
                outcome.fingerprint,
                dict(self._settings.identity),
                outcome.status,
                result,
                staged,
                outcome.frames,
                round(outcome.seconds, 3),
                list(outcome.warnings),
                outcome.message,
                self._settings.vstab,
            )
        )
        if outcome.status == "done" and outcome.staged is not None:
            try:
                place(outcome.staged, self._out / job.name)
            except OutputError as error:
                outcome = replace(outcome, status="failed", code=error.code, message=str(error))
        row = Row(job.name, outcome.status, outcome.frames, outcome.seconds, outcome.warnings, outcome.message)
        self._settle(job.number, clip, row, outcome.code)

    def _settle(self, number: int, clip: Clip, row: Row, code: str = "") -> None:
        self._rows[row.name] = row
        event: dict[str, Any] = {
            "state": row.status,
            "frames": row.frames,
            "seconds": round(row.seconds, 3),
            "warnings": list(row.warnings),
        }
        if row.status == "failed":
            event |= {"code": code, "message": row.message}
        self._tell(number, clip, event)

    def _pass_on(self, job: Job, event: dict[str, Any]) -> None:
        """Take a child's line, in any thread."""
        if event.get("event") == "started":
            self._news.put(lambda: self._tell(job.number, self._clips[job.number - 1], {"state": "started"}))
        elif event.get("event") == "progress":
            told = {"state": "running", **{name: event.get(name) for name in ("stage", "frame", "frames")}}
            self._news.put(lambda: self._tell(job.number, self._clips[job.number - 1], told))

    def _tell(self, number: int, clip: Clip, event: Mapping[str, Any]) -> None:
        settled = len(self._rows)
        head = {"clip": number, "clips": len(self._clips), "settled": settled}
        self._report({**head, "input": clip.source, "output": self._out / clip.name, **event})


def table_of(rows: Sequence[Row]) -> str:
    """Lay out what became of the clips."""
    cells = [("file", "frames", "seconds", "status", "warnings")]
    for row in rows:
        warnings = "; ".join(row.warnings)
        note = row.message or (f"{warnings[:97]}..." if len(warnings) > 100 else warnings)
        frames, seconds = (str(row.frames), f"{row.seconds:.1f}") if row.status != "failed" else ("", "")
        cells.append((row.name, frames, seconds, row.status, note))
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return "\n".join(
        f"{name:<{widths[0]}}  {frames:>{widths[1]}}  {seconds:>{widths[2]}}  {status:<{widths[3]}}  {note}".rstrip()
        for name, frames, seconds, status, note in cells
    )


def failure_of(rows: Sequence[Row], out: Path) -> VstabError | None:
    """Return the error that a batch with failed clips ends with."""
    failed = [row.name for row in rows if row.status == "failed"]
    if not failed:
        return None
    names = ", ".join(failed[:3]) + (", ..." if len(failed) > 3 else "")
    return VstabError(f"{len(failed)} of {len(rows)} clips failed: {names}; their logs are in '{out / LOGS}'")
