"""Measures StabNet in its closed loop beside live streaming, and whether it stays steady over minutes.

    python -m benchmarks.stabnet [--weights FILE] [--clips PART...] [--frames N] [--minutes M|--speed]

Shaky clips of the shared footage, each method with no look-ahead and under the same crop budget. Shake: what of the
shown path of the frame corners, and of its centre, is faster than 1 Hz, RMS, as a share of the source's; motion between
frames as the tracker measures it. `bent`: with `--model homography`. `alone`: the network without the tracker to hold
the picture, and without fallback.

With --minutes, instead, a film of a known hand-held camera before a drawn scene, at the network's own size: by minute,
the shake left, how far the shown view is off a camera that holds still, and the fallbacks. With --speed, instead, the
frames a second of one pass at 1080p, decoded and warped and not encoded, by method.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.common import FOOTAGE, RESULTS, WORK, machine, table, write_result
from benchmarks.synthetic import timing_clip
from tests.synthetic import ASPECT, FPS, look, scene, shaking
from vstab_core.closed_loop import ClosedLoopPath
from vstab_core.corners import corners_from_homography, homography_from_corners, inverse
from vstab_core.decode import luma_of
from vstab_core.evaluation.shake import MIN_SHOT_S, above
from vstab_core.models.backbone import AUTO, chosen
from vstab_core.motion.homography import MotionEstimator, MotionStep
from vstab_core.motion.stabnet import ClosedLoop, Proposal, net_of
from vstab_core.params import Parameters
from vstab_core.pipe.one_pass import OnePass
from vstab_core.pipeline import DECIDED_AHEAD
from vstab_core.smooth.streaming import StreamingPath
from vstab_core.source import open_source
from vstab_core.track import Luma
from vstab_core.types import FloatArray, Frame, FrameWarp

RESULT = RESULTS / "stabnet.json"
NAMES = ("klt", "cnn", "cnn bent", "stabnet", "stabnet bent", "alone")
MAX_CROPS = (0.15, 0.25)  # the default, and what the published network cuts away of any clip
MINUTE = round(60 * FPS)
LONG_SIZE = (144, 256)  # height and width: what the network sees of any clip


def main(arguments: list[str]) -> int:
    """Run, print and write stabnet.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stabnet", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--weights", default=AUTO, help="as --stabnet-weights: a file, of either network")
    parser.add_argument("--clips", nargs="*", default=[], metavar="PART", help="clips whose name holds this")
    parser.add_argument("--frames", type=int, default=300, help="of each clip, at most")
    parser.add_argument("--minutes", type=int, default=0, help="of the long film")
    parser.add_argument("--speed", action="store_true", help="of one pass at 1080p, without the encoder")
    parser.add_argument("--json", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    net = net_of(options.weights)
    clips = [path for path in sorted((FOOTAGE / "shaky").glob("*.*")) if path.suffix in (".mp4", ".m4v", ".avi")]
    wanted = [path for path in clips if not options.clips or any(part in path.name for part in options.clips)]
    result: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
    result |= {"machine": machine(), "network": chosen(options.weights)[0]}
    if options.speed:
        result["1080p without the encoder"] = _speed(options.weights)
    elif options.minutes:
        result["long film"] = _long(net, options.minutes)
    else:
        result["clips"] = {}
        for path in wanted:
            result["clips"][path.stem] = found = _clip(path, net, options.frames)
            print(path.stem, found, flush=True)
        for crop in map(str, MAX_CROPS) if wanted else ():
            for what in ("corners", "centre"):
                rows = _rows({name: found[crop] for name, found in result["clips"].items()}, what)
                print(table([f"shake left, {what}, max_crop {crop}", *NAMES, "fallbacks", "ms"], [*rows]))
    write_result(options.json, result)
    return 0


def _rows(clips: dict[str, dict[str, Any]], what: str) -> Iterator[list[str]]:
    for name, found in clips.items():
        shake = [f"{found[what][method]:.3f}" for method in NAMES]
        yield [name, *shake, f"{found['fallbacks']:.2f}", f"{found['ms_a_frame']:.1f}"]
    for title, mean in (
        ("median", np.median),
        ("geometric mean", lambda values: np.exp(np.mean(np.log(values)))),
        ("worst", np.max),
    ):
        yield [title, *(f"{mean([found[what][method] for found in clips.values()]):.3f}" for method in NAMES), "", ""]


def _clip(path: Path, net: torch.nn.Module, frames: int) -> dict[str, Any]:
    """Return by crop budget what `_left` finds."""
    clip = open_source(path, Parameters())
    images = [luma_of(frame, tone=clip.tone) for frame in islice(clip.frames(lambda _: None), frames)]
    aspect, interval_s = clip.info.aspect, float(1 / clip.info.frame_rate)
    estimator = MotionEstimator(aspect, live=True)
    steps = [step for image in images for step in estimator.push(image)]
    return {str(crop): _left(images, steps, aspect, interval_s, crop, net) for crop in MAX_CROPS}


def _left(
    images: list[Luma], steps: list[MotionStep], aspect: float, interval_s: float, crop: float, net: torch.nn.Module
) -> dict[str, Any]:
    """Return the shake that each method leaves, the share of fallbacks, and the network's milliseconds a frame."""
    source = shake_of(steps, [FrameWarp(np.eye(3), aspect) for _ in steps], aspect, interval_s)
    left, figures = {}, {}
    for name in NAMES:
        method, *bent = name.split()
        parameters = Parameters(
            method="stabnet" if method == "alone" else method,
            model="homography" if bent else "similarity",
            look_ahead=0,
            max_crop=crop,
        )
        if method in ("klt", "cnn"):
            path_of = StreamingPath(aspect, interval_s, parameters)
            warps = [path_of.push(step.corners, step.cut)[0] for step in steps]
        else:
            kind = Alone if method == "alone" else ClosedLoopPath
            loop = kind(aspect, interval_s, parameters, ClosedLoop(aspect, net))
            started = time.process_time()
            warps = [loop.push(image, step) for image, step in zip(images, steps, strict=True)]
            seconds = time.process_time() - started
            if name == "stabnet":
                figures = {"fallbacks": loop.fallbacks / len(steps), "ms_a_frame": 1e3 * seconds / len(steps)}
        left[name] = shake_of(steps, warps, aspect, interval_s) / source
    return {
        "corners": {name: round(float(shake[0]), 4) for name, shake in left.items()},
        "centre": {name: round(float(shake[1]), 4) for name, shake in left.items()},
        **{name: round(value, 4) for name, value in figures.items()},
    }


class Alone(ClosedLoopPath):
    """The picture is held where the network sees it; the tracker still has its say of the zoom's pace."""

    def _agree(self, held: FloatArray, proposed: Proposal) -> bool:
        return True

    def _wished(self, held: FloatArray, moved: FloatArray, proposed: Proposal) -> FloatArray:
        return super()._wished(self._path.coefficients(inverse(proposed.src_from_seen)), moved, proposed)


def shake_of(steps: list[MotionStep], warps: list[FrameWarp], aspect: float, interval_s: float) -> FloatArray:
    """Return the RMS above 1 Hz of the shown path of the corners and of the centre, (2,), normalised.

    Over the shots that are long enough; NaN if there is none.
    """
    shots: list[list[FloatArray]] = []
    before = np.eye(3)
    for step, warp in zip(steps, warps, strict=True):
        correction = inverse(warp.src_from_dst)
        if step.cut:
            shots.append([np.zeros(10)])
        else:
            moved = correction @ homography_from_corners(step.corners, aspect) @ inverse(before)
            moved /= moved[2, 2]
            both = np.concatenate([corners_from_homography(moved, aspect).reshape(8), moved[:2, 2]])
            shots[-1].append(shots[-1][-1] + both)
        before = correction
    long = [np.array(shot) for shot in shots if len(shot) >= MIN_SHOT_S / interval_s]
    if not long:
        return np.full(2, np.nan)
    fast = np.concatenate([above(shot, 1 / interval_s) for shot in long]) ** 2
    return np.sqrt([fast[:, :8].mean(), fast[:, 8:].mean()])


def _speed(weights: str) -> dict[str, dict[str, float]]:
    """Print and return frames a second and processor milliseconds a frame, by method."""
    clip = open_source(timing_clip(WORK / "speed"), Parameters())
    found = {}
    for method in ("klt", "cnn", "stabnet"):
        parameters = Parameters(method=method, look_ahead=0, stabnet_weights=weights)
        steady = OnePass(clip.info, float(1 / clip.info.frame_rate), parameters, clip.tone, clip.light)
        frames = steady.frames(clip.frames(lambda _: None), _blank, DECIDED_AHEAD)
        next(frames)  # what is loaded once does not count
        began, spent, count = time.monotonic(), time.process_time(), 0
        for _ in frames:
            count += 1
        fps, ms = count / (time.monotonic() - began), 1e3 * (time.process_time() - spent) / count
        found[method] = {"fps": round(fps, 1), "cpu_ms": round(ms, 1)}
        print(method, found[method], flush=True)
    return found


def _blank(like: Frame) -> Frame:
    return replace(like, planes=tuple(np.empty_like(plane) for plane in like.planes), source=None)


def _long(net: torch.nn.Module, minutes: int) -> list[dict[str, float]]:
    """Film for minutes, stabilize, print and return figures by minute."""
    camera = shaking(7, x=0.02, turn=0.006, band=(0.3, 6.0))
    parameters = Parameters(method="stabnet", max_crop=MAX_CROPS[0])
    loop = ClosedLoopPath(ASPECT, 1 / FPS, parameters, ClosedLoop(ASPECT, net))
    estimator = MotionEstimator(ASPECT, live=True)
    rows = []
    for minute in range(minutes):
        moments = np.arange(minute * MINUTE, (minute + 1) * MINUTE)
        before = loop.fallbacks
        poses = camera.poses(moments)
        steps, warps = [], []
        for image in _film(poses):
            step = estimator.push(image)[0]
            warps.append(loop.push(image, step))
            steps.append(step)
        # Where the shown view looks in the scene: a camera that held still would always show the same.
        shown = poses @ np.array([warp.src_from_dst for warp in warps])
        off = np.abs(corners_from_homography(shown, ASPECT) - corners_from_homography(shown[:1], ASPECT)).max(
            axis=(1, 2)
        )
        exact = [
            MotionStep(c, step.mesh, 1.0, n == 0) for n, (c, step) in enumerate(zip(_steps(poses), steps, strict=True))
        ]
        still = [FrameWarp(np.eye(3), ASPECT) for _ in steps]
        left = (shake_of(exact, warps, ASPECT, 1 / FPS) / shake_of(exact, still, ASPECT, 1 / FPS))[0]
        row = {
            "shake left": float(left),
            "off, 95 %": float(np.percentile(off, 95)),
            "fallbacks": loop.fallbacks - before,
        }
        rows.append({name: round(value, 4) for name, value in row.items()})
        print(f"minute {minute + 1}: {rows[-1]}", flush=True)
    return rows


def _film(poses: np.ndarray) -> Iterable[Luma]:
    drawn = scene(11)
    for pose in poses:
        yield np.clip(np.round(look(drawn, pose, LONG_SIZE)), 0, 255).astype(np.uint8)


def _steps(poses: np.ndarray) -> np.ndarray:
    moved = inverse(poses[1:]) @ poses[:-1]
    return np.concatenate([np.zeros((1, 4, 2)), corners_from_homography(moved / moved[:, 2:, 2:], ASPECT)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
