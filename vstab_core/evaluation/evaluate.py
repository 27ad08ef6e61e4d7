"""Judge a stabilized clip beside its original: every frame of both, from their pixels and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ..errors import InputError
from ..result import ProgressFn, tell
from . import flat, sphere
from .clip import Clip, Picture, proxy_size, to_proxy
from .moment import Pair
from .pairing import Pairs
from .projection import projection_of
from .types import ClipFacts, Evaluation

MIN_FRAMES = 10  # fewer say nothing about a movement


def evaluate(
    original: Path | str | Clip,
    stabilized: Path | str | Clip,
    *,
    projection: str = "auto",
    on_progress: ProgressFn | None = None,
) -> Evaluation:
    """Measure how steady a clip is, and what that cost.

    Frames are paired by time. Lengths are in pixels of the original, as if both clips were shown at the same width.

    Args:
        original, stabilized: files, or `Clip`s.
        projection: auto, rectilinear or equirect.
        on_progress: told of each pair of frames, stage "evaluate".

    Returns:
        a reading for every metric of the projection; what cannot be measured is None, with a note.

    Raises:
        InputError: a clip cannot be read, or fewer than ten frames show the same moment.
    """
    clips = Clip.open(original), Clip.open(stabilized)
    warnings: list[str] = []
    pairs = Pairs(*clips, on_damage=warnings.append)
    kind = projection_of(projection, *clips)
    scene: sphere.Sphere | flat.Flat = sphere.Sphere() if kind == "equirect" else flat.Flat(clips[0])
    times_s: list[float] = []
    cv2.setRNGSeed(1)  # the same random samples in every run
    for index, (first, second) in enumerate(pairs):
        times_s.append(first.time_s)
        scene.add(_reduced(index, first, second))
        tell(on_progress, "evaluate", index + 1, clips[0].frames_hint)
    if pairs.paired < MIN_FRAMES:
        raise InputError(
            f"evaluating needs at least {MIN_FRAMES} frames that show the same moment, got {pairs.paired}: "
            f"{clips[0].name} has {pairs.frames[0]}, {clips[1].name} has {pairs.frames[1]}; give a clip and what was "
            "made of it"
        )
    time_s = np.array(times_s) - times_s[0]
    fps = (len(time_s) - 1) / max(float(time_s[-1]), 1e-9)
    found = scene.result(fps)
    facts = [_facts(clip, frames) for clip, frames in zip(clips, pairs.frames, strict=True)]
    return Evaluation(
        original=facts[0],
        stabilized=facts[1],
        projection=kind,
        readings=found.readings,
        time_s=time_s,
        before=found.before,
        after=found.after,
        crop=found.crop,
        confidence=found.confidence,
        cuts=found.cuts,
        warnings=[*dict.fromkeys(warnings), *pairs.differences()],
    )


def _reduced(index: int, original: Picture, stabilized: Picture) -> Pair:
    size = proxy_size(original.luma)
    height, width = stabilized.luma.shape
    # its own height at the same width: a result of another shape must not be taken for a distorted one
    own = size if (height, width) == original.luma.shape else (size[0], max(1, round(height * size[0] / width)))
    small = replace(original, luma=to_proxy(original.luma, size))
    return Pair(index, original, stabilized, small, replace(stabilized, luma=to_proxy(stabilized.luma, own)))


def _facts(clip: Clip, frames: int) -> ClipFacts:
    path = clip.source if isinstance(clip.source, Path) else Path()
    return ClipFacts(path, clip.width, clip.height, frames, clip.fps, frames / max(clip.fps, 1e-9))
