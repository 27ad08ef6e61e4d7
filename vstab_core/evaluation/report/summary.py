"""The sentence at the top of the page, made from the figures."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..types import Evaluation, Reading

_SAME = 0.1  # less than a tenth more or less is no change that a viewer sees
_NO_BORDER_PERCENT = 0.01  # of a frame, as the metric counts frames with a border


def summary_of(evaluation: Evaluation) -> str:
    """Return one or two plain sentences: what became of the shake, and what that cost."""
    if evaluation.projection == "equirect":
        return f"{_shake(evaluation.readings, 'rotation_jitter_deg', '°', ' of rotation')}."
    parts = [_shake(evaluation.readings, "jitter_percent", " %", " of the diagonal")]
    kept = _value(evaluation.readings, "fov")
    if kept is not None:
        parts.append(f"{100 * kept:.0f} % of width and height are kept")
    text = "; ".join(parts) + "."
    border = _value(evaluation.readings, "border_percent_max")
    if border is not None and border > _NO_BORDER_PERCENT:
        text += f" A black border takes up to {significant(border)} % of a frame."
    return text


def significant(value: float) -> str:
    """Return a figure with two digits that count, never in powers of ten: 12, 1.2, 0.041."""
    if value == 0 or not math.isfinite(value):
        return "0"
    digits = 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):.{max(0, digits)}f}"


def _shake(readings: Mapping[str, Reading], key: str, unit: str, of: str) -> str:
    reading = readings.get(key)
    before, after = (reading.before, reading.after) if reading is not None else (None, None)
    if before is None or after is None or not (math.isfinite(before) and math.isfinite(after)):
        note = reading.note if reading is not None else ""
        return "The shake could not be measured" + (f" ({note})" if note else "")
    figures = f"from {significant(before)}{unit} to {significant(after)}{unit}{of}"
    if abs(after - before) <= _SAME * before:
        return f"The shake stayed about the same, {figures}"
    return f"The shake {'fell' if after < before else 'rose'} {figures}"


def _value(readings: Mapping[str, Reading], key: str) -> float | None:
    reading = readings.get(key)
    if reading is None or reading.after is None or not math.isfinite(reading.after):
        return None
    return reading.after
