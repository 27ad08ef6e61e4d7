"""`vstab batch`: many clips, so that a killed run can go on."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..params import DEFAULTS, PARAMS, parameters_from
from .arguments import add_encoder, encoder_options, flag_of

if TYPE_CHECKING:
    from ..batch.run import Settings
    from ..result import ProgressFn, Result

RUNNING_S = 1.0  # between two reports on a clip that is being worked on


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    command.add_argument(
        "patterns",
        metavar="PATTERN",
        nargs="+",
        help="clips: files, globs (quoted, ** goes through folders) or directories (searched through)",
    )
    command.add_argument(
        "--out",
        dest="output",
        metavar="DIR",
        type=Path,
        required=True,
        help="where the results go, in the folders that the clips have; a run that was stopped goes on there",
    )
    command.add_argument(
        "--suffix", metavar="EXT", help="the ending of the results, as .mov (default: each clip's own)"
    )
    command.add_argument(
        "--jobs", metavar="N", type=int, help="clips at a time (default: one for 2 cores and 2 GiB of memory)"
    )
    command.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="work on the machines of this Dask scheduler, as tcp://host:8786; they share the file system",
    )
    command.add_argument(
        "--streaming", action="store_true", help="one pass with a bounded look into the future (see --look-ahead)"
    )
    add_encoder(command)


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Stabilize what is not finished yet."""
    if options.jobs is not None and (options.jobs < 1 or options.scheduler):
        raise UsageError(
            f"--jobs must be at least 1, got {options.jobs}"
            if options.jobs < 1
            else "--jobs counts on this machine only; the workers' threads decide with --scheduler"
        )
    settings = settings_of(options)
    from ..batch.manifest import opened
    from ..batch.plan import checked_suffix, find_clips
    from ..batch.run import Batch, LocalPool, failure_of, jobs_of_this_machine, table_of
    from ..result import Result

    started = time.monotonic()
    out: Path = options.output
    clips = find_clips(options.patterns, out, checked_suffix(options.suffix))

    def pool_of(on_event: Any) -> Any:
        if not options.scheduler:
            return LocalPool(min(options.jobs or jobs_of_this_machine(), len(clips)), on_event)
        from ..batch.cluster import ClusterPool

        return ClusterPool(options.scheduler)

    with opened(out) as manifest:
        report = _reporter(options.on_event, on_progress)
        rows = Batch(clips, out, manifest, settings, report, options.check).run(pool_of)
    counts = {status: sum(row.status == status for row in rows) for status in ("done", "kept", "failed")}
    figures = {
        "clips": len(rows),
        **counts,
        "frames": sum(row.frames for row in rows if row.status == "done"),
        "seconds": time.monotonic() - started,
    }
    options.on_event("summary", {"figures": figures}, table_of(rows))
    failure = failure_of(rows, out)
    if failure is not None:
        raise failure
    return Result(out, figures)


def settings_of(options: argparse.Namespace) -> Settings:
    """Return what all clips are made with; parameters that have their default are left out.

    Raises:
        UsageError: a parameter is wrong.
        ModelError: the weights that are asked for cannot be used.
    """
    from .. import _native
    from ..batch.run import Settings
    from ..closed_loop import check_weights

    chosen, encoder = parameters_from(options.given), encoder_options(options)
    check_weights(chosen)
    for name in options.given:
        if PARAMS[name].streaming and not options.streaming:
            raise UsageError(f"{flag_of(name)} counts with --streaming only; add --streaming or leave it out")
    changed = {name: value for name, value in chosen.as_dict().items() if value != DEFAULTS[name]}
    arguments = [f"{flag_of(name)}={value}" for name, value in changed.items()]
    given = {name: encoder[name] for name in ("codec", "crf", "preset", "pix_fmt") if encoder[name] is not None}
    arguments += [f"{flag_of(name)}={value}" for name, value in given.items()]
    arguments += [f"--encoder-option={name}={value}" for name, value in encoder["extra"]]
    arguments += ["--streaming"] * options.streaming
    return Settings(tuple(arguments), {"arguments": sorted(arguments)}, options.overwrite, _native.VERSION)


def _reporter(
    on_event: Callable[[str, Mapping[str, Any], str], None], on_progress: ProgressFn
) -> Callable[[Mapping[str, Any]], None]:
    """Return what tells of the clips: as events to programs, a line a clip to people."""
    told_at: dict[int, float] = {}
    settled = -1

    def report(event: Mapping[str, Any]) -> None:
        nonlocal settled
        state, number = event["state"], event["clip"]
        if state == "running":
            if time.monotonic() - told_at.get(number, 0.0) < RUNNING_S:
                return
            told_at[number] = time.monotonic()
        if event["settled"] != settled:
            settled = event["settled"]
            on_progress("batch", settled, event["clips"])
        on_event("clip", {name: value for name, value in event.items() if name != "settled"}, _line_of(event))

    return report


def _line_of(event: Mapping[str, Any]) -> str:
    """Return what people get to read; nothing of what a bar would show."""
    state = event["state"]
    if state in ("running", "started"):
        return ""
    head = f"vstab: [{event['clip']}/{event['clips']}] {event['output']}: "
    if state == "failed":
        return f"{head}failed: {event['message']}"
    count = len(event["warnings"])
    warned = f", {count} warning{'s' * (count > 1)}" if count else ""
    return f"{head}{state}, {event['frames']} frames in {event['seconds']:.1f} s{warned}"
