"""The page's tables and lists as HTML. Everything that is not a literal here is escaped."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..metrics import Metric, metrics_of
from ..types import ClipFacts, Evaluation, Reading
from .preview import Preview
from .solver import Solver

_SAME = 0.005  # less than half a percent is shown as no change


def escape(text: object) -> str:
    """Return text that is inert in HTML, attributes included. Bytes of a file name that are no UTF-8 become marks."""
    plain = str(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return html.escape(plain, quote=True)


def name_of(path: Path) -> str:
    """Return a file's name as text."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def metrics_table(evaluation: Evaluation) -> str:
    """Return the body of the table: a heading for each group, a row for each metric of the projection."""
    rows: list[str] = []
    group = ""
    metrics = sorted(metrics_of(evaluation.projection), key=lambda metric: _GROUPS.index(metric.group))
    for metric in metrics:
        if metric.group != group:
            group = metric.group
            few = "" if any(other.main for other in metrics if other.group == group) else ' class="more"'
            rows.append(f'<tr{few}><th scope="rowgroup" colspan="5" class="group">{escape(group)}</th></tr>')
        rows.append(
            _row(metric, evaluation.readings.get(metric.key, Reading(None, None, "not part of this evaluation")))
        )
    return "\n".join(rows)


_GROUPS = tuple(dict.fromkeys(metric.group for metric in (*metrics_of("rectilinear"), *metrics_of("equirect"))))


def _row(metric: Metric, reading: Reading) -> str:
    about = f"{metric.formula}. Source: {metric.source}."
    name = (
        f'<th scope="row"><details><summary title="{escape(about)}">{escape(metric.label)}'
        f"{f' <span class=unit>{escape(_unit(metric))}</span>' if metric.unit else ''}</summary>"
        f"<p>{escape(metric.formula)}.</p><p>Source: {escape(metric.source)}.</p></details></th>"
    )
    note = f'<p class="note">{escape(reading.note)}</p>' if reading.note else ""
    before, after = _finite(reading.before), _finite(reading.after)
    measured = after is not None and (before is not None or not metric.of_each)
    if before is None and after is None:
        why = f": {escape(reading.note)}" if reading.note else ""
        cells = f'<td colspan="3" class="unmeasured">could not be measured{why}</td>'
    elif metric.of_each:
        cells = (
            f"<td>{_number(metric, before)}</td><td>{_number(metric, after)}{note}</td>"
            f"<td>{_change(metric, before, after) if measured else ''}</td>"
        )
    else:
        cells = f'<td class="none" title="measured of the pair">–</td><td>{_number(metric, after)}{note}</td><td></td>'
    more = "" if metric.main else ' class="more"'
    return f'<tr data-metric="{escape(metric.key)}"{more}>{name}{cells}<td class="direction">{metric.better}</td></tr>'


def _unit(metric: Metric) -> str:
    return {"deg": "°", "deg/frame^2": "°/frame²", "px/frame^2": "px/frame²", "px/frame^3": "px/frame³",
            "x 1e-3": "× 10⁻³"}.get(metric.unit, metric.unit)  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _number(metric: Metric, value: float | None) -> str:
    if value is None:
        return '<span class="unmeasured">not measured</span>'
    text = f"{value:.{metric.digits}f}"
    if value and not float(text):
        return f"{'&gt; −' if value < 0 else '&lt; '}{10**-metric.digits:.{metric.digits}f}"
    return text.replace("-", "−")


def _change(metric: Metric, before: float | None, after: float | None) -> str:
    """Return the change in words and percent; the words carry the meaning, colour only repeats it."""
    assert before is not None
    assert after is not None
    by = (after - before) / abs(before) if before else math.copysign(math.inf, after) if after else 0.0
    if abs(by) < _SAME:
        return '<span class="same">no change</span>'
    amount = (
        f"{'+' if by > 0 else '−'}{abs(by):.0%}".replace("%", " %") if abs(by) < 10 else ("more" if by > 0 else "less")
    )
    if metric.better == "neither":
        return f'<span class="same">{amount}</span>'
    good = (by < 0) == (metric.better == "lower")
    word = "better" if good else "worse"
    return f'<span class="{word}">{amount}, {word}</span>'


def facts_table(evaluation: Evaluation, previews: Sequence[Preview]) -> str:
    """Return the body of the table of the two clips' facts."""
    clips = (evaluation.original, evaluation.stabilized)
    rows: list[tuple[str, list[str]]] = [
        ("File", [name_of(clip.path) for clip in clips]),
        ("Size", [f"{clip.width} × {clip.height} px" for clip in clips]),
        ("Frames", [str(clip.frames) for clip in clips]),
        ("Frames a second", [f"{clip.fps:.6g}" for clip in clips]),
        ("Duration", [f"{clip.duration_s:.2f} s" for clip in clips]),
        ("On disk", [_megabytes(clip) for clip in clips]),
        ("In this page", [_preview_fact(preview) for preview in previews]),
    ]
    return "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(value)}</td>" for value in values)}</tr>'
        for name, values in rows
    )


def _megabytes(clip: ClipFacts) -> str:
    try:
        size = clip.path.stat().st_size
    except OSError:
        return "unknown"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _preview_fact(preview: Preview) -> str:
    text = f"{preview.plan.width} × {preview.plan.height} px, {preview.frames} frames, {len(preview.data) / 1e6:.1f} MB"
    return text + (", with sound" if preview.sound else "")


def paragraphs(texts: Iterable[str]) -> str:
    """Return list items."""
    return "\n".join(f"<li>{escape(text)}</li>" for text in texts)


def solver_section(solver: Solver | None) -> str:
    """Return the section on what the solver knows; empty without a sidecar."""
    if solver is None:
        return ""
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in solver.facts)
    rows = "".join(
        f'<tr{"" if default else " class=changed"}><th scope="row">{escape(label)} '
        f"<code>--{escape(name.replace('_', '-'))}</code></th><td>{escape(value)}</td>"
        f"<td>{'default' if default else 'changed'}</td></tr>"
        for label, name, value, default in solver.parameters
    )
    table = (
        '<table><thead><tr><th scope="col">Parameter</th><th scope="col">Value</th><th scope="col"></th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        if rows
        else "<p>The sidecar holds no parameters.</p>"
    )
    return (
        '<section aria-labelledby="solver-heading"><h2 id="solver-heading">What the solver knows</h2>'
        f'<dl>{facts}</dl><details class="parameters"><summary>Parameters</summary>{table}</details></section>'
    )
