"""Camera paths measured from the user's own clips: the sidecars that `vstab analyze` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..corners import similarity_part
from ..errors import InputError
from ..sidecar import read_sidecar
from ..smooth.weights import usual_interval_s
from ..types import CameraMotion
from .paths import Paths

SHARE = 3  # every third path of a batch is a measured one


def read_paths(folder: Path, frames: int) -> list[Paths]:
    """Return the paths of all shots of at least this many frames in a folder's sidecars, one each.

    Raises:
        InputError: there is none.
    """
    found = []
    for file in sorted(folder.rglob("*.vstab")):
        motion = read_sidecar(file).motion
        if not isinstance(motion, CameraMotion):
            continue
        path = np.cumsum(motion.corners.reshape(-1, 8) @ similarity_part(motion.aspect).T, axis=0)
        rate = 1 / usual_interval_s(motion)
        starts = np.flatnonzero(motion.cut)
        for first, last in zip(starts, [*starts[1:], len(path)], strict=True):
            if last - first >= frames:
                found.append(Paths(path[None, first:last], np.array([motion.aspect]), np.array([rate])))
    if not found:
        raise InputError(
            f"no camera path of {frames} frames or more in '{folder}'; run `vstab analyze CLIP` on your clips and give "
            "the folder with their .vstab files"
        )
    return found


def with_measured(rng: np.random.Generator, paths: Paths, measured: Sequence[Paths]) -> Paths:
    """Return the paths with every third replaced by a piece of a measured one: stretched, and mirrored or not."""
    path, aspect, rate = paths.path.copy(), paths.aspect.copy(), paths.rate.copy()
    frames = path.shape[1]
    for index in range(0, len(path), SHARE):
        chosen = measured[int(rng.integers(len(measured)))]
        first = int(rng.integers(chosen.path.shape[1] - frames + 1))
        piece = chosen.path[0, first : first + frames] - chosen.path[0, first]
        path[index] = piece * rng.choice([-1.0, 1.0], 4) * np.exp(rng.uniform(np.log(0.4), np.log(2.0)))
        aspect[index], rate[index] = chosen.aspect[0], chosen.rate[0]
    return Paths(path, aspect, rate)
