"""Measures motion against truth: corner errors on drawn scenes with known cameras.

    python -m benchmarks.accuracy [--frames 60]

The scenes and cameras are those of the tests (`tests.synthetic`). The error of a frame is how far its four corners are
moved from where the camera truly took them, in pixels of the 640 x 360 proxy. With a rolling shutter no homography is
true; there the read-out ratio found is stated instead.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import cv2
import numpy as np

from benchmarks.common import RESULTS, machine, table, write_result
from tests.synthetic import (
    ASPECT,
    PROXY,
    Camera,
    Lens,
    Walker,
    corner_error_px,
    film,
    moving,
    rms,
    shaking,
    walking,
)
from vstab_core.motion.homography import MotionStep, estimate_motion
from vstab_core.motion.rolling_shutter import readout_ratio

RESULT = RESULTS / "accuracy.json"
SEEDS = (1, 2, 3, 4)


def jobs(seed: int) -> dict[str, tuple[Camera, dict[str, Any]]]:
    """Return what is filmed, by name."""
    shake = shaking(seed)
    return {
        "shake": (shake, {}),
        "shake_perspective": (shaking(seed, tilt=0.002), {}),
        "zoom": (shake + moving(zoom=-0.004), {}),
        "rotation": (shake + moving(roll=0.01), {}),
        "walk": (walking(seed), {}),
        "foreground_third": (shake, {"walker": Walker()}),
        "foreground_third_entering": (shake + moving(x=0.01), {"walker": Walker(0.4, -0.02)}),
        "noise_8": (shake, {"lens": Lens(noise=8, noise_seed=seed)}),
        "motion_blur_180": (shake, {"lens": Lens(exposure=0.5)}),
        "low_texture": (shake, {"contrast": 0.08}),
    }


def main(arguments: list[str]) -> int:
    """Film, measure, print and write accuracy.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=60, help="of each film")
    frames = parser.parse_args(arguments).frames
    cv2.setNumThreads(1)
    found: dict[str, list[np.ndarray]] = {}
    for seed in SEEDS:
        for name, (camera, how) in jobs(seed).items():
            steps = _measure(camera, frames, seed, how)
            error = corner_error_px(np.array([step.corners for step in steps]), camera, frames)
            found.setdefault(name, []).append(error[1:])
    corners = {
        name: {
            "rms_px": round(rms(errors), 4),
            "worst_film_rms_px": round(max(rms(error) for error in errors), 4),
            "worst_corner_px": round(float(np.max(errors)), 3),
        }
        for name, errors in found.items()
    }
    ratios = {f"{truth:g}": _ratios(truth, 2 * frames) for truth in (0.0, 0.4, 0.8)}
    rows = [[name, *(f"{value:.3f}" for value in figures.values())] for name, figures in corners.items()]
    print(table(["corner error, px at 640 x 360", "RMS", "worst film", "worst corner"], rows))
    print(table(["read-out ratio", *(f"seed {seed}" for seed in SEEDS)],
                [[truth, *(f"{value:.3f}" for value in values)] for truth, values in ratios.items()]))  # fmt: skip
    write_result(
        RESULT,
        {"machine": machine(), "seeds": list(SEEDS), "frames": frames, "proxy": list(PROXY), "corner_error": corners,
         "readout_ratio": ratios},
    )  # fmt: skip
    return 0


def _measure(camera: Camera, frames: int, seed: int, how: dict[str, Any]) -> list[MotionStep]:
    return list(estimate_motion(film(camera, frames, seed=seed, **how), ASPECT))


def _ratios(truth: float, frames: int) -> list[float]:
    ratios = []
    for seed in SEEDS:
        camera = shaking(seed, x=0.02, turn=0.003, band=(1.0, 3.0))
        steps = _measure(camera, frames, seed, {"lens": Lens(readout_ratio=truth)})
        cut = np.array([step.cut for step in steps])
        confidence = np.array([step.confidence for step in steps])
        ratios.append(round(readout_ratio(np.array([step.corners for step in steps]), cut, confidence, ASPECT), 4))
    return ratios


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
