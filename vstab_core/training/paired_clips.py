"""Films for StabNet from clips that a shaky and a steady camera took side by side, as in the DeepStab data set.

The folder holds `unstable/` and `stable/` with clips of the same names and frames. Where the steady view is in the
shaky one is measured by tracking; frames in which it cannot be are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ..corners import homography_from_corners, similarity_basis, similarity_from
from ..decode import luma_of, read_frames
from ..errors import InputError
from ..motion.match import Matcher
from ..track import open_view, refill
from ..types import FloatArray
from .pairs import cells_of
from .shaky import Film, Image, inside, loose

STEADY, SHAKY = "stable", "unstable"
MAX_FRAMES = 900  # of a clip: half a minute
FEWEST_SEEN = 0.5  # of a clip's frames in which the steady view can be found
SUFFIXES = {".mp4", ".mov", ".avi", ".mkv", ".m4v", ".webm"}


@dataclass(frozen=True)
class PairedClip:
    """One scene, filmed twice.

    Attributes:
        shaky, steady: (F, H, W) uint8.
        shaky_from_steady: (F, 3, 3) in pixels from the middle; NaN where it is not known.
        shake_px: RMS of the shift between them.
    """

    shaky: npt.NDArray[np.uint8]
    steady: npt.NDArray[np.uint8]
    shaky_from_steady: FloatArray
    shake_px: float


def has_pairs(folder: Path) -> bool:
    """Return whether a folder is laid out as paired clips."""
    return (folder / STEADY).is_dir() and (folder / SHAKY).is_dir()


def read_pairs(folder: Path, size: tuple[int, int], shortest: int) -> list[PairedClip]:
    """Return the clips of a folder, reduced to (height, width).

    Args:
        folder: holds both sub-folders.
        size: of the films.
        shortest: frames that a film needs.

    Raises:
        InputError: no clip of the two can be used; the reason of the last one is told.
    """
    steady = {path.stem: path for path in sorted((folder / STEADY).iterdir()) if path.suffix.lower() in SUFFIXES}
    shaky = [path for path in sorted((folder / SHAKY).iterdir()) if path.suffix.lower() in SUFFIXES]
    found, why = [], f"no clip of '{folder / SHAKY}' has one of the same name in '{folder / STEADY}'"
    for path in shaky:
        if path.stem not in steady:
            continue
        clip = _read(path, steady[path.stem], size)
        known = np.isfinite(clip.shaky_from_steady[:, 0, 0])
        if len(known) < shortest:
            why = f"'{path}' and its steady clip have {len(known)} frames in common; a film needs {shortest}"
        elif known.mean() < FEWEST_SEEN:
            why = f"the steady view was found in only {known.sum()} of {len(known)} frames of '{path}'"
        else:
            found.append(clip)
    if not found:
        raise InputError(f"no pair of clips to learn from: {why}")
    return found


def film_pair(
    clips: Sequence[PairedClip], rng: np.random.Generator, back: Sequence[int], frames: int, stride: int
) -> Film:
    """Return a film of a random place of a random clip, mirrored or not; see `shaky.make_films` for the arguments."""
    clip = clips[int(rng.integers(len(clips)))]
    size = clip.steady.shape[1:]
    known = np.isfinite(clip.shaky_from_steady[:, 0, 0])
    first = np.arange(max(back), len(known) - frames + 1)
    first = first[np.all([known[first + n] for n in [*range(frames), *(-np.asarray(back))]], axis=0)]
    now = int(rng.choice(first)) + np.arange(frames)
    cells, whole = cells_of(size, stride), cells_of(size, 1)
    truth = np.array([cv2.perspectiveTransform(cells, clip.shaky_from_steady[t]) for t in now])
    past, mask, filmed, error = _past(clip, rng, int(now[0]), np.asarray(back), whole, cells)
    film = Film(
        frames=clip.shaky[now].astype(np.float32),
        steady=clip.steady[now].astype(np.float32),
        past=past,
        mask=mask,
        filmed_from_past=filmed,
        truth_px=truth.astype(np.float32),
        seen=np.array([inside(at, size) for at in truth], np.float32),
        past_error_px=error,
        shake_px=clip.shake_px,
    )
    return _mirrored(film) if rng.random() < 0.5 else film


def _past(
    clip: PairedClip, rng: np.random.Generator, first: int, back: npt.NDArray[np.int_], whole: Image, cells: Image
) -> tuple[Image, Image, Image, Image]:
    height, width = clip.steady.shape[1:]
    off = loose(rng, back, width, clip.shake_px) @ similarity_basis(height / width)
    maps = similarity_from(off, height / width)
    maps[:, :2, 2] *= width / 2
    past, masks, filmed = [], [], []
    for t, matrix in zip(first - back, maps, strict=True):
        at = cv2.transform(whole, np.linalg.inv(matrix)[:2])
        lit = inside(at, (height, width))
        to_index = np.array([width / 2 - 0.5, height / 2 - 0.5], np.float32)
        picture = cv2.remap(clip.steady[t], np.asarray(at + to_index, np.float32), None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
        past.append(np.where(lit, picture, picture[lit].mean() if lit.any() else 128.0))
        masks.append(lit)
        filmed.append(clip.shaky_from_steady[t] @ np.linalg.inv(matrix))
    error = [-(cv2.transform(cells, matrix[:2]) - cells) for matrix in maps[:2]]
    arrays = (np.array(values, np.float32) for values in (past, masks, filmed, error))
    one, two, three, four = arrays
    return one, two, three, four


def _mirrored(film: Film) -> Film:
    def turned(points: Image) -> Image:
        return np.ascontiguousarray(points[:, :, ::-1] * np.array([-1, 1], np.float32))

    turn = np.diag([-1, 1, 1]).astype(np.float32)
    pictures = {name: np.ascontiguousarray(getattr(film, name)[:, :, ::-1]) for name in _PICTURES}
    return Film(
        **pictures,
        filmed_from_past=turn @ film.filmed_from_past @ turn,
        truth_px=turned(film.truth_px),
        past_error_px=turned(film.past_error_px),
        shake_px=film.shake_px,
    )


_PICTURES = ("frames", "steady", "past", "mask", "seen")


def _read(shaky: Path, steady: Path, size: tuple[int, int]) -> PairedClip:
    height, width = size
    to_px = np.diag([width / 2, width / 2, 1.0])
    pictures: list[list[npt.NDArray[np.uint8]]] = [[], []]
    maps = []
    matcher = Matcher(height / width, None, None)
    both = zip(islice(read_frames(shaky), MAX_FRAMES), read_frames(steady), strict=False)
    for frames in both:
        proxies = [luma_of(frame) for frame in frames]
        for kept, proxy in zip(pictures, proxies, strict=True):
            kept.append(np.asarray(cv2.resize(proxy, (width, height), interpolation=cv2.INTER_AREA), np.uint8))
        # Both views as if of one shape: what the network sees is.
        shape = proxies[0].shape[::-1]
        here, there = (open_view(np.asarray(cv2.resize(proxy, shape), np.uint8)) for proxy in proxies)
        refill(there)
        match = matcher.match(there, here)
        if match is None:
            maps.append(np.full((3, 3), np.nan))
        else:
            maps.append(to_px @ homography_from_corners(match.corners, height / width) @ np.linalg.inv(to_px))
    shifts = np.array(maps).reshape(-1, 3, 3)[:, :2, 2]
    shake_px = float(np.sqrt(np.nanmean((shifts**2).sum(axis=1)))) if np.isfinite(shifts).any() else 0.0
    return PairedClip(np.array(pictures[0]), np.array(pictures[1]), np.array(maps).reshape(-1, 3, 3), shake_px)
