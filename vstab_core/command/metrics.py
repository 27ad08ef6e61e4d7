"""What `vstab metrics` shows: the table of metrics as text, Markdown or values for JSON."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any

from ..evaluation.metrics import METRICS, Metric

MARKDOWN_HEAD = """\
# Metrics

Generated from `vstab_core/evaluation/metrics.py` by `vstab metrics --markdown`; change that file, not this one.

`vstab eval ORIGINAL STABILIZED` measures them, `--all` all of them, `--json` for programs.

* Everything is measured **from the pixels** of the two files: nothing is read from a sidecar or a solver, so a result
  of any stabilizer can be judged, and vstab's cannot flatter itself. The judge shares no code with vstab's own tracker.
* Frames are paired **by time**. Every frame counts, not a sample (sharpness: 16 frames; ITF and flow: at most about 120
  pairs). A frame is measured where at least 30 point matches, 40 % of all, in at least 6 of 12 cells of the picture
  agree with one homography within 3 px at 640 wide.
* Motion is measured at a width of 640 px and given in pixels of the original, as if both clips were shown at the same
  width. A magnified picture shakes more: what is cut away is part of the price.
* A shot cut divides the path. Slower than 1 Hz is taken for intended movement.
* What cannot be measured (no texture, too short) is reported as **not measurable**, in JSON as `null` with a `note`,
  never as a perfect score.
* Literature's forms are there to compare with papers, and labelled so; the corrected forms beside them are what vstab
  is developed against. Known faults of the literature's: its stability score rates a perfect pan 0.890 and the same
  pan with 20 px of white jitter 0.886; its distortion (eigenvalues) rates a stretch of 10 % together with a rotation
  of 3 degrees as none; its code takes the last matrix again where a frame cannot be matched.
* One dominant motion is assumed. Where people fill the picture, their movement is measured.

"of" tells what a metric is measured of: *each* of the two clips, or their *pair*.
"""


def values() -> list[dict[str, Any]]:
    """Return one mapping for each metric, in the order of the table."""
    return [dataclasses.asdict(metric) for metric in METRICS]


def text() -> str:
    """Return the table for a terminal."""
    blocks = []
    for metric in METRICS:
        head = f"{metric.key}  ({', '.join(part for part in (metric.unit, _direction(metric)) if part)})"
        body = textwrap.fill(f"{metric.label}: {metric.formula}. Source: {metric.source}.", 100)
        blocks.append(f"{head}\n{textwrap.indent(body, '    ')}")
    return "\n".join(blocks)


def markdown() -> str:
    """Return the whole of docs/metrics.md, without the last line end."""
    lines = [MARKDOWN_HEAD]
    for title, projection in (("Ordinary clips", "rectilinear"), ("360 clips", "equirect")):
        lines += [f"## {title}", ""]
        rows = [metric for metric in METRICS if projection in metric.projections]
        for group in dict.fromkeys(metric.group for metric in rows):
            lines += [
                f"### {group}",
                "",
                "| metric | of | unit | good | formula | source |",
                "| --- | --- | --- | --- | --- | --- |",
            ]
            lines += [
                f"| {metric.label}<br>`{metric.key}` | {'each' if metric.of_each else 'pair'} | {metric.unit} | "
                f"{'' if metric.better == 'neither' else metric.better} | {metric.formula} | {metric.source} |"
                for metric in rows
                if metric.group == group
            ]
            lines.append("")
    return "\n".join(lines).rstrip()


def _direction(metric: Metric) -> str:
    return "" if metric.better == "neither" else f"{metric.better} is better"
