"""What a crop leaves of the shake of the rendered rolling-shutter clip, by measured motion and by the camera's own.

    python -m benchmarks.known_camera [--runs 8] [--crops 0.15 ...]

Nothing is rendered and no judge asked: the solved path is applied to the camera that rendered the clip, and the
formula of `vstab eval` to what comes out. `true` is the path solved from that camera's own motion, rows and all. The
other methods measure a clip anew in every run, with another noise of one code on the luma: how far their figures then
lie apart is what a difference must exceed to mean something. The camera's turning alone is compared; how it travels
moves near things only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.common import FOOTAGE, RESULTS, machine, table, write_result
from vstab_core.corners import corners_from_homography, homography_from_corners, inverse
from vstab_core.decode import luma_of, probe, read_frames
from vstab_core.evaluation.shake import path_of, shake_of
from vstab_core.motion.guided import guide_for
from vstab_core.motion.homography import estimate_motion
from vstab_core.motion.rolling_shutter import readout_ratio
from vstab_core.params import Parameters
from vstab_core.shutter import undo_rolling_shutter
from vstab_core.smooth.path import smooth
from vstab_core.types import MESH_SHAPE, CameraMotion, FloatArray, VideoInfo

CLIP = FOOTAGE / "rendered" / "rolling_shutter.mp4"
RESULT = RESULTS / "known_camera.json"
METHODS = ("klt", "cnn")
NOISE_CODES = 1.0
ROWS_S = 0.95 / 30  # from first row to last: a frame of exposure less the band of 1/20, see tools/render_truth.py
PROXY_HALF_PX = 320.0
_TO_PICTURE = np.diag([1.0, -1.0, -1.0])  # Blender's camera looks along -z with y up


def main(arguments: list[str]) -> int:
    """Measure, solve, print and write known_camera.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.known_camera", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--crops", type=float, nargs="+", default=[0.15, 0.18, 0.2081, 0.24, 0.3])
    options = parser.parse_args(arguments)
    if not CLIP.exists():
        print(f"known_camera: skipped, there is no footage at {FOOTAGE}")
        return 0
    cv2.setNumThreads(1)
    info = probe(CLIP)
    fps = float(info.frame_rate)
    frames = list(read_frames(CLIP))
    images, pts = [luma_of(frame) for frame in frames], np.array([frame.pts for frame in frames], np.int64)
    steps = camera_steps(CLIP.with_suffix(".truth.json"))
    rows = ROWS_S * fps
    true = _motion(info, pts, as_measured(corners_from_homography(steps, info.aspect), info.aspect, rows), rows)
    motions = {"true": [true]}
    for method in METHODS:
        motions[method] = [_measured(_noisy(images, run), info, pts, method) for run in range(options.runs)]
    found: dict[str, Any] = {
        "source_shake_percent": round(shake_percent(steps, info.aspect, fps), 4),
        "middle_error_px": {name: [round(_middle_px(m, steps), 2) for m in motions[name]] for name in METHODS},
        "shake_percent": {},
    }
    for crop in options.crops:
        parameters = replace(Parameters(), max_crop=crop)
        found["shake_percent"][str(crop)] = {
            name: [round(shake_percent(_shown(motion, steps, parameters), info.aspect, fps), 4) for motion in several]
            for name, several in motions.items()
        }
    print(f"source {found['source_shake_percent']} % of the diagonal; off in the middle, px of 640: ")
    print({name: f"{np.mean(px):.1f} ({min(px)} to {max(px)})" for name, px in found["middle_error_px"].items()})
    lines = [[crop, *(_cell(by[name]) for name in motions)] for crop, by in found["shake_percent"].items()]
    print(table(["--max-crop", *(f"{name}: mean (least to most)" for name in motions)], lines))
    write_result(RESULT, {"machine": machine(), "runs": options.runs} | found)
    return 0


def camera_steps(truth: Path) -> FloatArray:
    """Return how a far scene moves from frame to frame, (F, 3, 3) cur_from_prev, normalised; the first is 1."""
    said = json.loads(truth.read_text())
    world_from_camera = np.array([frame["R"] for frame in said["frames"]])
    focal = 1 / np.tan(np.radians(said["fov"]) / 2)  # of half the width
    lens = np.diag([focal, focal, 1.0]) @ _TO_PICTURE
    turn = np.swapaxes(world_from_camera[1:], 1, 2) @ world_from_camera[:-1]
    steps = np.concatenate([np.eye(3)[None], lens @ turn @ np.linalg.inv(lens)])
    return np.asarray(steps / steps[:, 2:, 2:])


def as_measured(corners: FloatArray, aspect: float, ratio: float) -> FloatArray:
    """Return the motion (F, 4, 2) that a rolling shutter of that read-out ratio makes of a true one."""
    measured = corners
    for _ in range(200 if ratio else 0):  # what `undo_rolling_shutter` undoes: its inverse, by iteration
        measured = measured + 0.3 * (corners - undo_rolling_shutter(measured, aspect, ratio)[0])
    return measured


def shake_percent(steps: FloatArray, aspect: float, fps: float) -> float:
    """Return the shake of a picture that moves by `steps`, (F, 3, 3) normalised, in % of its diagonal."""
    width, height = 2 * PROXY_HALF_PX, 2 * PROXY_HALF_PX * aspect
    to_px = np.array([[PROXY_HALF_PX, 0, width / 2], [0, PROXY_HALF_PX, height / 2], [0, 0, 1]])
    path = path_of(list(to_px @ steps[1:] @ np.linalg.inv(to_px)), (round(width), round(height)))
    return 100 * shake_of([path], fps).jitter_px / float(np.hypot(width, height))


def _shown(motion: CameraMotion, steps: FloatArray, parameters: Parameters) -> FloatArray:
    """Return how the stabilized picture truly moves, (F, 3, 3) normalised."""
    src_from_dst = smooth(motion, parameters).src_from_dst
    moved = inverse(src_from_dst[1:]) @ steps[1:] @ src_from_dst[:-1]
    return np.concatenate([np.eye(3)[None], moved / moved[:, 2:, 2:]])


def _noisy(images: Sequence[npt.NDArray[np.uint8]], seed: int) -> list[npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    return [np.clip(np.round(i + rng.normal(0, NOISE_CODES, i.shape)), 0, 255).astype(np.uint8) for i in images]


def _measured(
    images: Sequence[npt.NDArray[np.uint8]], info: VideoInfo, pts: npt.NDArray[np.int64], method: str
) -> CameraMotion:
    steps = list(estimate_motion(images, info.aspect, guide_for(method)))
    corners, confidence = np.array([step.corners for step in steps]), np.array([step.confidence for step in steps])
    cut = np.array([step.cut for step in steps])
    return _motion(info, pts, corners, readout_ratio(corners, cut, confidence, info.aspect))


def _motion(info: VideoInfo, pts: npt.NDArray[np.int64], corners: FloatArray, ratio: float) -> CameraMotion:
    frames = len(corners)
    still, sure = np.zeros((frames, *MESH_SHAPE), np.float32), np.ones(frames, np.float32)
    cut = np.arange(frames) == 0
    return CameraMotion(info.width, info.height, info.aspect, pts, info.time_base, corners, still, sure, cut, ratio)


def _middle_px(motion: CameraMotion, steps: FloatArray) -> float:
    """Return how far off the middle of the picture is found, a frame, RMS in pixels of the proxy."""
    found = homography_from_corners(motion.corners, motion.aspect)
    off = found[1:, :2, 2] - steps[1:, :2, 2]  # matrices that end in 1: where they take the middle
    return PROXY_HALF_PX * float(np.sqrt(np.mean(np.sum(off**2, axis=1))))


def _cell(values: list[float]) -> str:
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
