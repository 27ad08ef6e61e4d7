"""A contact sheet: one column a file, one row a moment, so that methods are seen side by side."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vstab_core.decode import probe, read_frames

Color = npt.NDArray[np.uint8]  # (H, W, 3), BGR

HEAD_PX = 28  # height of the line with the names
GAP_PX = 4
MARGIN_S = 0.02  # of the clip's length, at either end: fades and half-stabilized first frames say little


def sheet(target: Path, columns: dict[str, Path], moments: int = 6, width: int = 400) -> Path:
    """Write a sheet.

    Args:
        target: a PNG or JPEG file.
        columns: files by their labels; the first one decides the moments.
        moments: rows.
        width: of a picture, pixels.
    """
    first = probe(next(iter(columns.values())))
    duration_s = first.frames / float(first.frame_rate) if first.frames else _duration_s(first.path)
    times_s = (np.linspace(MARGIN_S, 1 - MARGIN_S, moments) * duration_s).tolist()
    height = round(width * first.height / first.width)
    strips = []
    for label, path in columns.items():
        pictures = _pictures(path, times_s, (width, height))
        if label == next(iter(columns)):
            pictures = [_marked(picture, f"{t:.1f} s") for picture, t in zip(pictures, times_s, strict=True)]
        strips.append(np.vstack([_title(label, width), *(_spaced(picture) for picture in pictures)]))
    target.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(target), np.hstack([_beside(strip) for strip in strips]))
    return target


def _pictures(path: Path, times_s: list[float], size: tuple[int, int]) -> list[Color]:
    """Return the picture shown at each time; after the end, the last one."""
    found: list[Color] = []
    start_s, last = None, None
    for frame in read_frames(path, on_damage=lambda _: None):
        start_s = frame.time_s if start_s is None else start_s
        last = frame
        while len(found) < len(times_s) and frame.time_s - start_s >= times_s[len(found)]:
            found.append(_picture(frame, size))
        if len(found) == len(times_s):
            break
    while last is not None and len(found) < len(times_s):
        found.append(_picture(last, size))
    return found


def _picture(frame: object, size: tuple[int, int]) -> Color:
    source = frame.source  # type: ignore[attr-defined]
    turned = np.rot90(source.to_ndarray(format="bgr24"), round(source.rotation / 90))
    return np.asarray(cv2.resize(np.ascontiguousarray(turned), size, interpolation=cv2.INTER_AREA), np.uint8)


def _duration_s(path: Path) -> float:
    times_s = [frame.time_s for frame in read_frames(path, on_damage=lambda _: None)]
    return times_s[-1] - times_s[0]


def _title(text: str, width: int) -> Color:
    line = np.full((HEAD_PX, width, 3), 255, np.uint8)
    cv2.putText(line, text, (6, HEAD_PX - 9), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return line


def _marked(picture: Color, text: str) -> Color:
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
    cv2.rectangle(picture, (0, 0), (width + 12, height + 12), (0, 0, 0), cv2.FILLED)
    cv2.putText(picture, text, (6, height + 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def _spaced(picture: Color) -> Color:
    return cv2.copyMakeBorder(picture, 0, GAP_PX, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255)).astype(np.uint8)


def _beside(strip: Color) -> Color:
    return cv2.copyMakeBorder(strip, 0, 0, 0, GAP_PX, cv2.BORDER_CONSTANT, value=(255, 255, 255)).astype(np.uint8)
