"""Draw a training's log: every loss term and every held-out measure over the steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..evaluation.canvas import draw_text, write_on_image
from ..outfile import whole_file

WIDTH, HEIGHT, PAD, LEGEND = 1000, 360, 46, 260
GROUND, GRID, INK = (24, 24, 24), (70, 70, 70), (210, 210, 210)
COLORS = ((60, 150, 255), (220, 200, 60), (110, 220, 110), (200, 110, 220), (90, 90, 240), (230, 230, 230))
TEXT_PX = 11.0


def draw_curves(log: Path, picture: Path) -> None:
    """Write a PNG: loss terms above, held-out measures below, logarithmic where all is positive.

    Nothing is written while the log is empty.
    """
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    terms = _series(rows, "terms")
    total = [(row["step"], row["loss"]) for row in rows if "loss" in row]
    if len(terms) > 1:
        terms = {"loss": total, **terms}
    panels = [(name, series) for name, series in (("train", terms), ("held out", _series(rows, "held_out"))) if series]
    if not panels:
        return
    last = max(row["step"] for row in rows)
    image = np.concatenate([_panel(name, series, last) for name, series in panels])
    with whole_file(picture, None, True) as file:
        cv2.imwrite(str(file), image)


def _series(rows: list[dict[str, Any]], key: str) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        for name, value in row.get(key, {}).items():
            found.setdefault(name, []).append((row["step"], value))
    return found


def _panel(title: str, series: dict[str, list[tuple[int, float]]], last: int) -> Any:
    image: Any = np.full((HEIGHT, WIDTH, 3), GROUND, np.uint8)
    values = np.array([value for points in series.values() for _, value in points if np.isfinite(value)])
    values = values if len(values) else np.ones(1)
    linear = values.min() <= 0  # a loss that is a logarithm already

    def scaled(value: float) -> float:
        return value if linear else float(np.log10(max(value, 1e-6 * values.max())))

    low, high = np.floor(scaled(values.min())), np.ceil(scaled(values.max()))
    high = max(low + 1, high)
    right, bottom = WIDTH - LEGEND, HEIGHT - PAD

    def at(step: float, value: float) -> tuple[float, float]:
        return PAD + (right - PAD) * step / last, bottom - (bottom - PAD) * (scaled(value) - low) / (high - low)

    for line in np.linspace(low, high, 5) if linear else np.arange(low, high + 1):
        y = round(at(0, line if linear else 10.0**line)[1])
        cv2.line(image, (PAD, y), (right, y), GRID, 1)
        _write(image, f"{line:.3g}" if linear else f"1e{line:g}", 4, y - 6)
    _write(image, title, PAD, 12)
    _write(image, f"step {last}", right - 70, bottom + 12)
    for index, (name, points) in enumerate(series.items()):
        color = COLORS[index % len(COLORS)]
        drawn = np.array([at(step, value) for step, value in points if np.isfinite(value)])
        if len(drawn):
            cv2.polylines(image, [np.round(drawn * 16).astype(np.int32)], False, color, 1, cv2.LINE_AA, 4)
            if len(drawn) < 100:
                for x, y in drawn:
                    cv2.circle(image, (round(x), round(y)), 2, color, -1, cv2.LINE_AA)
        _write(image, f"{name} {points[-1][1]:.4g}", right + 16, PAD + 22 * index, color)
    return image


def _write(image: Any, words: str, x: int, y: int, color: tuple[int, int, int] = INK) -> None:
    write_on_image(image, draw_text(words, TEXT_PX, LEGEND - 30), x, y, color)
