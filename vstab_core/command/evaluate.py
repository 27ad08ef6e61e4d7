"""`vstab eval`: figures of a stabilized clip beside its original."""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from .arguments import add_pair
from .progress import finite

if TYPE_CHECKING:
    from ..evaluation.types import Evaluation, Reading
    from ..result import ProgressFn, Result

ARROWS = {"higher": "higher is better", "lower": "lower is better", "neither": ""}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_pair(command)
    command.add_argument("--json", action="store_true", help="every figure as one JSON value on stdout")
    command.add_argument("--all", action="store_true", help="every metric, not only the usual ones")
    command.add_argument(
        "--projection",
        choices=("auto", "rectilinear", "equirect"),
        default="auto",
        help="equirect: a 360 clip (default: auto, by its shape and edges)",
    )
    command.add_argument(
        "--bitrate", action="store_true", help="also encode both with x264 at equal settings, and compare their sizes"
    )


def default_output(options: argparse.Namespace) -> None:
    """Return where the result goes: figures are printed."""


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Evaluate and return the figures."""
    from ..evaluation.evaluate import evaluate
    from ..result import Result

    found = evaluate(options.original, options.stabilized, projection=options.projection, on_progress=on_progress)
    values = values_of(found)
    if options.bitrate:
        from ..evaluation.bitrate import bitrate

        values["bitrate"] = [
            dataclasses.asdict(row) for row in bitrate(options.original, options.stabilized, on_progress)
        ]
    if options.json:
        text = json.dumps(finite(values), allow_nan=False)
    else:
        text = "\n".join([table_of(found, everything=options.all), *_bitrate_lines(values.get("bitrate", []))])
    return Result(None, values, list(found.warnings), text)


def values_of(found: Evaluation) -> dict[str, Any]:
    """Return what was found as plain values: the clips, the metrics by key, and the curves."""
    from ..evaluation.metrics import metrics_of

    metrics = {}
    for metric in metrics_of(found.projection):
        reading = found.readings[metric.key]
        value: dict[str, Any] = {"unit": metric.unit, "better": metric.better}
        value |= {"before": reading.before, "after": reading.after} if metric.of_each else {"value": reading.after}
        metrics[metric.key] = value | ({"note": reading.note} if reading.note else {})
    return {
        "original": _facts(found.original),
        "stabilized": _facts(found.stabilized),
        "projection": found.projection,
        "frames_compared": len(found.time_s),
        "cuts": found.cuts,
        "metrics": metrics,
        "warnings": list(found.warnings),
    }


def _facts(facts: Any) -> dict[str, Any]:
    return dataclasses.asdict(facts) | {"path": str(facts.path)}


def table_of(found: Evaluation, *, everything: bool = False) -> str:
    """Return the figures as a table for a terminal."""
    from ..evaluation.metrics import metrics_of

    rows = [("", "original", "stabilized", "unit", "")]
    notes: dict[str, int] = {}
    group = ""
    for metric in metrics_of(found.projection):
        if not (metric.main or everything):
            continue
        reading = found.readings[metric.key]
        if metric.group != group:
            group = metric.group
            rows.append((group.upper(), "", "", "", ""))
        mark = f" [{notes.setdefault(reading.note, len(notes) + 1)}]" if reading.note else ""
        before = _number(reading.before, metric.digits, reading) if metric.of_each else ""
        after = _number(reading.after, metric.digits, reading)
        rows.append((f"  {metric.label}{mark}", before, after, metric.unit, ARROWS[metric.better]))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]:<{widths[3]}}  {row[4]}".rstrip()
        for row in rows
    ]
    lines += [f"[{number}] {note}" for note, number in notes.items()]
    facts = f"{len(found.time_s)} frames compared, {len(found.cuts) + 1} shot{'s' if found.cuts else ''}"
    return "\n".join([*lines, facts])


def _number(value: float | None, digits: int, reading: Reading) -> str:
    return "not measurable" if value is None else f"{value:.{digits}f}"


def _bitrate_lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    lines = ["x264 at equal settings, bytes of the original and of the stabilized clip:"]
    lines += [
        f"  {row['setting']:<8}  {row['original_bytes']:>12}  {row['stabilized_bytes']:>12}  "
        f"{100 * (row['stabilized_bytes'] / row['original_bytes'] - 1):+.1f} %"
        for row in rows
    ]
    return lines
