"""For the report's tests: clips whose pictures say which frame they are, and an evaluation with known numbers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from clips import ClipSpec, Planes, write_clip

from vstab_core.evaluation.metrics import metrics_of
from vstab_core.evaluation.types import PATH_SIGNALS, ClipFacts, Evaluation, Projection, Reading

BITS = 8  # bars across the picture, white for 1, the lowest bit on the left
SIZE = (96, 160)  # (height, width)
RATE = Fraction(25)


def coded(index: int, size: tuple[int, int] = SIZE) -> Planes:
    """Return a 4:2:0 picture of bars that spell `index`."""
    height, width = size
    luma = np.full(size, 30, np.uint8)
    for bit in range(BITS):
        if index >> bit & 1:
            luma[:, bit * width // BITS : (bit + 1) * width // BITS] = 220
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    return luma, chroma, chroma


def code_of(luma: npt.NDArray[np.uint8]) -> int:
    """Return the index that a picture spells."""
    height, width = luma.shape
    return sum(int(luma[height // 2, (2 * bit + 1) * width // (2 * BITS)] > 125) << bit for bit in range(BITS))


def coded_clip(
    path: Path, indices: Sequence[int], ticks: Sequence[int], size: tuple[int, int] = SIZE, **more: object
) -> Path:
    """Write a clip of the frames `indices` at `ticks` of 1/90000 s."""
    spec = ClipSpec(size=size, rate=RATE, pts=list(ticks), options={"crf": "12", "bf": "0"}, **more)  # type: ignore[arg-type]
    return write_clip(path, spec, (coded(index, size) for index in indices))


def read_codes(data: bytes) -> list[tuple[float, int]]:
    """Return (seconds, index) of every frame of an MP4 file in memory."""
    with av.open(io.BytesIO(data)) as container:
        return [(float(frame.time), code_of(frame.to_ndarray(format="gray"))) for frame in container.decode(video=0)]


def evaluation_of(
    original: Path, stabilized: Path, time_s: npt.NDArray[np.float64], projection: Projection = "rectilinear"
) -> Evaluation:
    """Return an evaluation of which every number is known: see the sources."""
    count = len(time_s)
    signals = PATH_SIGNALS[projection]
    before = {name: (10 + n) * np.sin(2 * np.pi * (n + 1) * time_s) for n, name in enumerate(signals)}
    after = {name: values / 20 for name, values in before.items()}
    readings = {
        metric.key: Reading(1.0 + n if metric.of_each else None, 0.5 + n)
        for n, metric in enumerate(metrics_of(projection))
    }
    return Evaluation(
        original=ClipFacts(original, SIZE[1], SIZE[0], count, float(RATE), count / float(RATE)),
        stabilized=ClipFacts(stabilized, SIZE[1], SIZE[0], count, float(RATE), count / float(RATE)),
        projection=projection,
        readings=readings,
        time_s=time_s,
        before=before,
        after=after,
        crop=np.full(count, 0.9),
        confidence=np.linspace(1, 0.5, count),
        cuts=[],
    )
