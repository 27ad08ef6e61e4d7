"""Feature tracks on the sphere whose truth is known: a still world, seen by a camera that turns in a known way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation, Slerp

from tests.rotation_reference import as_quaternion, as_rotation
from vstab_core.types import FloatArray


@dataclass(frozen=True)
class Tracks:
    """What the solver takes, and the truth."""

    start: npt.NDArray[np.int64]  # (T + 1,)
    frame: npt.NDArray[np.int64]  # (N,)
    ray: FloatArray  # (N, 3), seen
    stab_from_src: FloatArray  # (n, 4), the path that holds the world still
    foreign: npt.NDArray[np.bool_]  # (T,) tracks that are not of the still world

    @property
    def owner(self) -> npt.NDArray[np.int64]:
        """The track of each observation, (N,)."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


def shaky_path(frames: int, seed: int, amplitude_deg: float = 2.0) -> FloatArray:
    """Return (frames, 4): sways of 0.3 to 4 Hz at 30 frames a second, and a pan of 0.3 degrees a frame."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 30
    vector = np.zeros((frames, 3))
    for rate in (0.3, 1.1, 2.3, 4.0):
        vector += np.sin(2 * np.pi * (rate * time + rng.uniform(size=3))) * rng.normal(size=3) / rate**0.5
    vector *= np.radians(amplitude_deg) / np.sqrt((vector**2).mean())
    vector[:, 1] += np.radians(0.3) * np.arange(frames)
    return as_quaternion(Rotation.from_rotvec(vector))


def noisy(ray: FloatArray, noise_deg: float, rng: np.random.Generator) -> FloatArray:
    moved = ray + np.radians(noise_deg) * rng.normal(size=ray.shape)
    return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True))


def directions(count: int, rng: np.random.Generator) -> FloatArray:
    ray = rng.normal(size=(count, 3))
    return np.asarray(ray / np.linalg.norm(ray, axis=-1, keepdims=True))


def make_tracks(
    stab_from_src: FloatArray,
    live: int,
    seed: int,
    *,
    noise_deg: float = 0.1,
    foreign_ratio: float = 0.0,
    lifetime_frames: int | None = None,
    seen_as: Any = None,
    where: Any = None,
) -> Tracks:
    """Return tracks with `live` of them in every frame.

    Args:
        stab_from_src: (n, 4).
        live: tracks in a frame.
        seed: of noise and directions.
        noise_deg: standard deviation along each axis.
        foreign_ratio: share of the tracks that move on their own, 0.2 to 2 degrees a frame.
        lifetime_frames: of a track; None: the whole segment.
        seen_as: (rays (m, 3), frame) -> where the camera shows them; None: there.
        where: which directions (m, 3) of the world have texture, as (m,) bool; None: all.
    """
    rng = np.random.default_rng(seed)
    frames = len(stab_from_src)
    turns = as_rotation(stab_from_src).inv().as_matrix()  # src_from_stab
    life = lifetime_frames or frames
    spans = []
    for slot in range(live):
        begin = 0 if life >= frames else -int(rng.integers(life)) if slot else 0
        while begin < frames:
            spans.append((max(begin, 0), min(begin + life, frames)))
            begin += life
    spans = [span for span in spans if span[1] - span[0] > 1]
    world = directions(len(spans), rng)
    while where is not None and not where(world).all():
        bad = ~where(world)
        world[bad] = directions(int(bad.sum()), rng)
    foreign = rng.uniform(size=len(spans)) < foreign_ratio
    speed = directions(len(spans), rng) * np.radians(rng.uniform(0.2, 2.0, (len(spans), 1))) * foreign[:, None]
    frame = np.concatenate([np.arange(*span) for span in spans])
    first = np.array([begin for begin, _ in spans])
    owner = np.repeat(np.arange(len(spans)), [end - begin for begin, end in spans])
    own = Rotation.from_rotvec(speed[owner] * (frame - first[owner])[:, None]).as_matrix()
    ray = np.einsum("nij,njk,nk->ni", turns[frame], own, world[owner])
    if seen_as is not None:
        for t in range(frames):
            ray[frame == t] = seen_as(ray[frame == t], t)
    start = np.concatenate([[0], np.cumsum([end - begin for begin, end in spans])])
    return Tracks(start.astype(np.int64), frame.astype(np.int64), noisy(ray, noise_deg, rng), stab_from_src, foreign)


def relative_error_deg(found: FloatArray, truth: FloatArray) -> FloatArray:
    """Return how far each step from frame to frame is from the truth's, (n - 1,)."""
    a, b = as_rotation(found), as_rotation(truth)
    return np.degrees(((a[1:] * a[:-1].inv()) * (b[1:] * b[:-1].inv()).inv()).magnitude())


def error_deg(found: FloatArray, truth: FloatArray) -> FloatArray:
    return np.degrees((as_rotation(found) * as_rotation(truth).inv()).magnitude())


def between_ends(path: FloatArray) -> FloatArray:
    """Return the straight way between the two ends, which is what is known before the tracks are looked at."""
    return as_quaternion(Slerp([0, 1], as_rotation(path[[0, -1]]))(np.linspace(0, 1, len(path))))


def fixed_ends(frames: int) -> npt.NDArray[np.bool_]:
    fixed = np.zeros(frames, bool)
    fixed[[0, -1]] = True
    return fixed


def rms(values: FloatArray) -> float:
    return float(np.sqrt((values**2).mean()))
