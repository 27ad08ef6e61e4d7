"""Times the stages of a 360 clip's way: reduce, track, key frames, optimise, warp; without decoder and encoder.

    python -m benchmarks.speed360 [--runs 3] [--size 1920 3840 7680]

The frames lie in memory: a panorama turned as by walking, 8-bit 4:2:0, at 7680 x 3840 10-bit; few of them, played to
and fro. They go through the estimator and the renderer as `vstab stabilize` calls them, threads included. A stage's
time is processor time, without what it calls of another stage; the least of the runs, as other work only adds to it.
`wall` is what passes from the first frame's analysis to the last one's warp. On a machine with other work it is as much
too long as that takes; `load_at_start` says how busy it was.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from benchmarks import sphere_scenes as scenes
from benchmarks.common import FOOTAGE, RESULTS, machine, table, write_result
from benchmarks.sphere_scenes import FPS, Camera
from vstab_core import render, rotation, track360, warp
from vstab_core.handover import read_ahead
from vstab_core.motion import rotation360, segment360, shot360
from vstab_core.params import Parameters
from vstab_core.smooth import view
from vstab_core.source import Source
from vstab_core.types import Frame, FrameWarp, RotationMotion

RESULT = RESULTS / "speed360.json"
SIZES = {1920: ("yuv420p", 30, 240), 3840: ("yuv420p", 24, 96), 7680: ("yuv420p10le", 8, 48)}  # distinct, played
AIMS_MS = {1920: {"deformed": 8.0, "rotation": 6.0}, 3840: {"deformed": 33.3, "rotation": 33.3}}
CLIP = Source(None, Parameters(projection="equirect", stereo="mono"), [])  # type: ignore[arg-type]  # for its luma
STAGES = ("reduce", "cube", "track", "key frames", "optimise", "deform", "view", "grid", "pixels")


class Clock:
    """Processor time by stage, each thread's own."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        self._open = threading.local()

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Count what happens inside, but not what other stages count within."""
        stack = self._open.__dict__.setdefault("stack", [])
        stack.append(0.0)
        begin = time.thread_time()
        try:
            yield
        finally:
            whole = time.thread_time() - begin
            inner = stack.pop()
            if stack:
                stack[-1] += whole
            with self._lock:
                self.seconds[stage] += whole - inner

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function under the clock."""

        def call(*words: Any, **options: Any) -> Any:
            with self.of(stage):
                return function(*words, **options)

        return call


@contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Put the stages' functions under the clock."""

    def solved(*words: Any, **options: Any) -> Any:
        with clock.of("deform" if options.get("deformation") else "optimise"):
            return solve_rotation_path(*words, **options)

    solve_rotation_path = segment360.solve_rotation_path
    places: list[tuple[Any, str, Any]] = [
        (rotation360, "followed", "track"),
        (rotation360, "refilled", "key frames"),
        (shot360, "straight_edges", "key frames"),
        (shot360, "up_of", "key frames"),
        (shot360, "relative", "key frames"),
        (segment360, "relative", "key frames"),
        (shot360, "solve_split", "optimise"),
        (warp, "build_grid", "grid"),
        (warp, "warp_plane", "pixels"),
    ]
    kept = [(module, name, getattr(module, name)) for module, name, _ in places]
    kept.append((segment360, "solve_rotation_path", solve_rotation_path))
    try:
        for module, name, stage in places:
            setattr(module, name, clock.timed(stage, getattr(module, name)))
        segment360.solve_rotation_path = solved
        yield
    finally:
        for module, name, function in kept:
            setattr(module, name, function)


def clip(width: int) -> list[Frame]:
    """Return the distinct frames of a size."""
    name, count, _ = SIZES[width]
    camera, planes = Camera(scenes.walk_turn()), still_planes(width, ten_bit=name.endswith("10le"))
    frames = []
    for index in range(count):
        turned = FrameWarp(rotation.matrix(camera.world_from_cam(index))[0], 0.5, projection="equirect")
        frames.append(Frame(warp.warp_planes(planes, turned), name, index, index / FPS, None))
    return frames


def still_planes(width: int, *, ten_bit: bool) -> tuple[np.ndarray, ...]:
    """Return a panorama in 4:2:0, with grain: luma and two chroma planes."""
    path = FOOTAGE / "pano360" / "panolens_building.jpg"
    luma = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.exists() else None
    luma = scenes.textured_sphere(height=1024) if luma is None else luma
    scale, kind = (4, np.uint16) if ten_bit else (1, np.uint8)
    luma = cv2.resize(luma, (width, width // 2), interpolation=cv2.INTER_AREA).astype(np.float32)
    luma = luma + 2 * np.random.default_rng(1).standard_normal(luma.shape, np.float32)
    grey = np.full((width // 4, width // 2), 128 * scale, kind)
    return np.clip(np.rint(luma * scale), 16 * scale, 235 * scale).astype(kind), grey, grey.copy()


def to_and_fro(frames: list[Frame], count: int) -> Iterator[Frame]:
    """Play frames forth and back until there were `count`, each with a time of its own."""
    period = 2 * len(frames) - 2
    for index in range(count):
        at = index % period
        frame = frames[at if at < len(frames) else period - at]
        yield Frame(frame.planes, frame.pixel_format, index, index / FPS, None)


def run(frames: list[Frame], count: int, deformed: bool, clock: Clock) -> tuple[float, float]:
    """Analyze and render; return wall seconds of either."""
    begin = time.perf_counter()
    estimator, steps = rotation360.RotationEstimator(deformed=deformed), []
    for luma, time_s, atlas in read_ahead(reduced(to_and_fro(frames, count), clock), 1, "reduce"):
        with clock.of("track"):
            steps += estimator.push(luma, time_s, atlas)
    steps += estimator.flush()
    between = time.perf_counter()
    with clock.of("view"):
        names = ("world_from_cam", "local", "confidence", "cut", "key_frame", "travel")
        columns = {name: np.concatenate([getattr(step, name) for step in steps]) for name in names}
        height, width = frames[0].planes[0].shape
        up = np.tile(np.array(estimator.up[:1], np.float32), (count, 1))
        motion = RotationMotion(width, height, np.arange(count), Fraction(1, round(FPS)), up=up, **columns)
        parameters = Parameters(projection="equirect", stereo="mono", deformation=float(deformed))
        if deformed and not motion.local.any():  # the clip only turns: small ones, so that their warp is timed
            motion.local[:] = 0.002 * np.random.default_rng(1).standard_normal((6, 3))
        warps = view.smooth(motion, parameters)
    targets = [Frame(tuple(np.empty_like(p) for p in frames[0].planes), "", 0, 0.0, None) for _ in range(4)]
    ring = iter(range(1 << 30))
    for _ in render.render_frames(
        to_and_fro(frames, count), warps, None, parameters, lambda _: targets[next(ring) % len(targets)]
    ):
        pass
    return between - begin, time.perf_counter() - between


def reduced(frames: Iterator[Frame], clock: Clock) -> Iterator[tuple[Any, float, Any]]:
    """Do what the pipeline does in a thread of its own."""
    for frame in frames:
        with clock.of("reduce"):
            luma = CLIP.sphere_luma(frame)
        with clock.of("cube"):
            atlas = track360.open_atlas(luma)
        yield luma, frame.time_s, atlas


def measure(width: int, runs: int) -> dict[str, Any]:
    """Return milliseconds a frame of both models at a size."""
    frames, count = clip(width), SIZES[width][2]
    result: dict[str, Any] = {"pixel_format": SIZES[width][0], "frames": count}
    for model in ("deformed", "rotation"):
        stages: list[dict[str, float]] = []
        walls: list[tuple[float, float]] = []
        for _ in range(runs):
            clock = Clock()
            with watched(clock):
                walls.append(run(frames, count, model == "deformed", clock))
            stages.append(clock.seconds)
        per_frame = {name: round(1e3 / count * min(found[name] for found in stages), 2) for name in STAGES}
        best = min(walls, key=sum)
        result[model] = {
            "cpu_ms": per_frame,
            "cpu_sum_ms": round(sum(per_frame.values()), 2),
            "wall_analysis_ms": round(1e3 / count * best[0], 2),
            "wall_render_ms": round(1e3 / count * best[1], 2),
            "wall_ms": round(1e3 / count * sum(best), 2),
            "aim_ms": AIMS_MS.get(width, {}).get(model),
        }
    return result


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write speed360.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed360", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--size", type=int, nargs="+", choices=list(SIZES), default=list(SIZES), metavar="WIDTH")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)  # as the pipeline does
    load = round(os.getloadavg()[0], 2)
    found = {}
    for width in options.size:
        found[str(width)] = measure(width, options.runs)
        rows = [
            [f"{width} {model}", *(f"{entry['cpu_ms'][stage]:.2f}" for stage in STAGES), f"{entry['cpu_sum_ms']:.1f}",
             f"{entry['wall_analysis_ms']:.1f}", f"{entry['wall_render_ms']:.1f}", f"{entry['wall_ms']:.1f}"]
            for model, entry in found[str(width)].items() if isinstance(entry, dict)
        ]  # fmt: skip
        print(table(["ms a frame", *STAGES, "cpu", "analysis", "render", "wall"], rows), flush=True)
    if set(options.size) == set(SIZES):
        head = {
            "machine": machine(),
            "load_at_start": load,
            "runs": options.runs,
            "simd": warp._native.simd_levels()[-1],
        }
        write_result(RESULT, {**head, "tracks": track360.MAX_TRACKS, "sizes": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
