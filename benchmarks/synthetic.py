"""Clips made for the clock and for the memory benchmark: real texture, a hand-held path, film grain."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.common import FOOTAGE

Color = npt.NDArray[np.uint8]  # (H, W, 3), RGB

FPS = 30
SIZE = (1920, 1080)
MARGIN = 1.1  # how much larger than the picture the still is; the path stays inside
LOOP_S = 10  # the path closes after this, so that copies of a segment join without a jump


def scene(seed: int = 1) -> Color:
    """Return a still larger than the picture: a drone photograph, or noise of many octaves where there is none."""
    photographs = sorted((FOOTAGE / "photos").glob("brighton_*.jpg"))
    if photographs:
        still = cv2.imread(str(photographs[seed % len(photographs)]), cv2.IMREAD_COLOR)
        still = cv2.cvtColor(still, cv2.COLOR_BGR2RGB)
        scale = MARGIN * SIZE[0] / still.shape[1]
        return cv2.resize(
            still, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        )
    rng = np.random.default_rng(seed)
    width, height = round(MARGIN * SIZE[0]), round(MARGIN * SIZE[1])
    total = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 9):
        coarse = rng.standard_normal((height // 2**octave + 2, width // 2**octave + 2, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 1.3**octave
    total = (total - total.min()) / (total.max() - total.min())
    return (255 * total).astype(np.uint8)


def path(frames: int, seed: int = 2) -> npt.NDArray[np.float64]:
    """Return a hand-held path, (frames, 3): x, y in pixels and rotation in degrees; closed after LOOP_S.

    Amplitudes fall with frequency as in hand-held footage: 9 px RMS below 1 Hz, 5 px above, at 1920 wide.
    """
    rng = np.random.default_rng(seed)
    time_s = np.arange(frames) / FPS
    total = np.zeros((frames, 3))
    for hz in np.arange(1, 80) / LOOP_S:
        amplitude = np.array([1.0, 1.0, 0.03]) * 6 / (1 + (hz / 0.6) ** 1.3)
        total += amplitude * np.sin(2 * np.pi * (hz * time_s[:, None] + rng.random(3))) * rng.uniform(0.5, 1.5, 3)
    return total


def pictures(frames: int, grain: float, seed: int = 1) -> Iterator[Color]:
    """Give the pictures of a camera that looks at a still with an unsteady hand.

    Args:
        grain: standard deviation of the noise on each pixel, codes; new in each frame.
    """
    still, rng = scene(seed), np.random.default_rng(seed)
    width, height = SIZE
    noise = rng.normal(0, grain, (height + 64, width + 64, 1)).astype(np.int8) if grain else None
    for x, y, angle_deg in path(frames):
        matrix = cv2.getRotationMatrix2D((still.shape[1] / 2, still.shape[0] / 2), angle_deg, 1.0)
        matrix[:, 2] += [x - (still.shape[1] - width) / 2, y - (still.shape[0] - height) / 2]
        picture = cv2.warpAffine(still, matrix, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        if noise is not None:
            top, left = rng.integers(0, 64, 2)
            shifted = noise[top : top + height, left : left + width].repeat(3, axis=2)
            picture = cv2.add(picture, shifted, dtype=cv2.CV_8U)
        yield picture


def write_clip(
    target: Path,
    frames: int,
    grain: float,
    options: dict[str, str],
    size: tuple[int, int] = SIZE,
    bit_rate: int | None = None,
) -> None:
    """Encode a synthetic clip with x264, its pictures reduced to `size`."""
    part = target.with_suffix(".part.mp4")
    with av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for picture in pictures(frames, grain):
            if size != SIZE:
                picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    part.replace(target)


def timing_clip(work: Path) -> Path:
    """Return a 1080p clip of 300 frames at about 46 Mbit/s, as a camera would write it; made once."""
    target = work / "timing-1080p.mp4"
    if not target.exists():
        work.mkdir(parents=True, exist_ok=True)
        write_clip(target, 300, 6.0, {"preset": "veryfast", "g": "30"}, bit_rate=46_000_000)
    return target


def long_clip(work: Path, minutes: float, size: tuple[int, int] = SIZE) -> Path:
    """Return a clip of some minutes at a low bit rate: one coded segment of 10 s, its packets repeated."""
    target, segment = work / f"long-{size[1]}p-{minutes:g}min.mp4", work / f"segment-{size[1]}p.mp4"
    if target.exists():
        return target
    work.mkdir(parents=True, exist_ok=True)
    if not segment.exists():
        options = {"preset": "veryfast", "crf": "30", "bf": "0", "g": str(LOOP_S * FPS)}
        write_clip(segment, LOOP_S * FPS, 0.0, options, size)
    part = target.with_suffix(".part.mp4")
    with av.open(str(segment)) as source:
        stream = source.streams.video[0]
        packets = [(bytes(p), p.pts, p.is_keyframe) for p in source.demux(stream) if p.size]
        time_base, step = stream.time_base, round(Fraction(1, FPS) / stream.time_base)
        with av.open(str(part), "w") as container:
            copy = container.add_stream_from_template(stream)
            for repeat in range(max(1, round(minutes * 60 / LOOP_S))):
                for data, pts, key in packets:
                    packet = av.Packet(data)
                    packet.stream, packet.time_base, packet.is_keyframe = copy, time_base, key
                    packet.pts = packet.dts = pts + repeat * len(packets) * step
                    packet.duration = step
                    container.mux_one(packet)
    part.replace(target)
    return target
