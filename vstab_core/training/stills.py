"""Pictures that training moves a camera over: photographs from a folder, and drawn ones where there is none.

Drawn pictures are dead leaves, shapes of all sizes that hide one another: they have the edges, the occlusions and the
spectrum of photographs, and need no licence (Lee, Mumford and Huang, IJCV 2001).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ..errors import UsageError

Gray = npt.NDArray[np.uint8]
Pyramid = list[Gray]  # each half of the one before
Points = npt.NDArray[Any]
Picture = npt.NDArray[Any]

PHOTO_LONG_SIDE_PX = 1600
DRAWN_SIZE = (720, 1280)
DRAWN = 48  # different enough for a training run, drawn in ten seconds
LEVELS = 4
HELD_OUT_DRAWN = 8  # drawn pictures of another seed,
HELD_OUT_EVERY = 8  # and every eighth of the photographs
SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp"}


def load_stills(folder: Path | None, seed: int, drawn: int = DRAWN) -> list[Pyramid]:
    """Return the pictures of a folder, in order of their names, and drawn ones.

    Raises:
        UsageError: the folder holds no picture that can be read.
    """
    stills = [pyramid(draw(seed * 1000 + n)) for n in range(drawn)]
    if folder is not None:
        photographs = [_read(path) for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
        found = [pyramid(picture) for picture in photographs if picture is not None]
        if not found:
            raise UsageError(f"no picture in '{folder}'; stills are {', '.join(sorted(SUFFIXES))} files")
        stills += found
    return stills


def split_stills(folder: Path | None, seed: int) -> tuple[list[Pyramid], list[Pyramid]]:
    """Return the pictures to train on, and those held out: other drawn ones, and some of the photographs."""
    stills, held_out = load_stills(folder, seed), load_stills(None, seed + 1, HELD_OUT_DRAWN)
    held_out += stills[DRAWN::HELD_OUT_EVERY]
    return [still for n, still in enumerate(stills) if n < DRAWN or (n - DRAWN) % HELD_OUT_EVERY], held_out


def view_of(
    still: Pyramid, rng: np.random.Generator, size: tuple[int, int], scales: tuple[float, float], turn_rad: float
) -> Callable[[Points], Picture]:
    """Return a function from points (H, W, 2), px from the middle, to what they show of a still, (H, W) float32.

    Args:
        still: of which a random place is seen.
        rng: decides where, how large, and whether mirrored.
        size: (height, width) of the picture, whose points lie within the still if there is room.
        scales: pixels of the still a pixel of the picture, least and most.
        turn_rad: deviation of the angle.
    """
    height, width = size
    scale = float(np.exp(rng.uniform(np.log(scales[0]), np.log(scales[1]))))
    level = int(np.clip(np.round(np.log2(scale)), 0, len(still) - 1))
    picture = still[level]
    scale /= 2**level
    turn = rng.normal(0, turn_rad)
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    room = np.maximum(np.array(picture.shape[::-1]) - scale * np.array([width, height]), 0) / 2
    middle = np.array(picture.shape[::-1]) / 2 + rng.uniform(-1, 1, 2) * room
    flip = [-1, 1] if rng.random() < 0.5 else [1, 1]
    to_still = np.column_stack([rotation * flip, middle - 0.5])
    no_map: Any = None  # positions in one array need no second

    def at(points: Points) -> Picture:
        places = cv2.transform(np.asarray(points, np.float32), to_still)
        seen = cv2.remap(picture, places, no_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(seen, np.float32)

    return at


def pyramid(picture: Gray) -> Pyramid:
    """Return a picture and its halves, so that a view from afar does not alias."""
    levels = [picture]
    for _ in range(LEVELS - 1):
        levels.append(np.asarray(cv2.pyrDown(levels[-1]), np.uint8))
    return levels


def draw(seed: int, size: tuple[int, int] = DRAWN_SIZE) -> Gray:
    """Draw dead leaves: discs, bars and polygons, plain or textured, many small and few large."""
    rng = np.random.default_rng(seed)
    height, width = size
    picture = _noise(rng, size, rng.uniform(0.9, 1.6))
    for radius in np.sort(_radii(rng, int(rng.integers(150, 900)), height))[::-1]:
        centre = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        outline = _outline(rng, centre, radius)
        shade = float(rng.uniform(10, 245))
        if rng.random() < 0.35:
            x0, y0 = np.maximum(outline.min(axis=0), 0)
            x1, y1 = np.minimum(outline.max(axis=0) + 1, [width, height])
            if x1 > x0 and y1 > y0:
                mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
                cv2.fillPoly(mask, [outline - [x0, y0]], 1)
                grain: Any = shade + rng.uniform(5, 30) * np.asarray(rng.standard_normal(mask.shape), np.float32)
                grain = cv2.GaussianBlur(grain, (0, 0), rng.uniform(0.5, 3))
                np.copyto(picture[y0:y1, x0:x1], grain, where=mask.astype(bool))
        else:
            cv2.fillPoly(picture, [outline], shade, lineType=cv2.LINE_AA)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7)
    return np.clip(picture, 0, 255).astype(np.uint8)


def pick(stills: Sequence[Pyramid], rng: np.random.Generator) -> Pyramid:
    """Return one of the pictures."""
    return stills[int(rng.integers(len(stills)))]


def _read(path: Path) -> Gray | None:
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        return None
    scale = PHOTO_LONG_SIDE_PX / max(picture.shape)
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8)


def _radii(rng: np.random.Generator, count: int, height: int) -> npt.NDArray[np.float64]:
    # A density of r^-2: of r^-3, which looks the same at every scale, one sees little but specks.
    low, high = 6.0, height / 3
    return np.asarray(1 / (1 / low + rng.random(count) * (1 / high - 1 / low)))


def _outline(rng: np.random.Generator, centre: npt.NDArray[np.float64], radius: float) -> npt.NDArray[Any]:
    corners = int(rng.choice([3, 4, 5, 6, 24]))
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, np.pi)
    shape = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius
    turn = rng.uniform(0, np.pi)
    stretch = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * [1, rng.uniform(0.15, 1)]
    return np.asarray(np.round(shape @ stretch.T + centre), np.int32)


def _noise(rng: np.random.Generator, size: tuple[int, int], slope: float) -> npt.NDArray[Any]:
    height, width = size
    total = np.zeros(size, np.float32)
    for octave in range(1, 8):
        coarse = rng.standard_normal((height // 2**octave + 2, width // 2**octave + 2)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(slope**octave)
    return np.asarray(128 + total * (rng.uniform(10, 50) / total.std()), np.float32)
