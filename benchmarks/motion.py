"""Measures the motion network beside the tracker alone: corner errors on films of known cameras.

    python -m benchmarks.motion [--stills FOLDER] [--frames 40] [--scenes 3]

The figure of a set is the 95th percentile over all corners of all frames, in pixels of the 640 x 360 proxy. Frames that
a method gives up count as standing still. The photographs are four of the shared footage, which no network was trained
on.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.common import FOOTAGE, RESULTS, machine, table, write_result
from benchmarks.films import ASIDE, EASY, HARD, Film, Picture, photographs, shoot
from tests.synthetic import ASPECT, corner_error_px
from vstab_core.corners import corners_from_homography
from vstab_core.motion.guide import NetworkGuide
from vstab_core.motion.homography import MotionEstimator, MotionStep
from vstab_core.track import View, open_view
from vstab_core.types import MESH_SHAPE

RESULT = RESULTS / "motion.json"
STILLS = (
    "brighton_DJI_0030.jpg",
    "npmkits_now-ui-kit-1.3.0__bg1.jpg",
    "npmkits_paper-kit-2-2.1.0__daniel-olahs.jpg",
    "npmkits_paper-kit-2-2.1.0__soroush-karimi.jpg",
)


class Alone:
    """The network's own answer for each pair of frames, whatever it is worth; no track."""

    def __init__(self, guide: NetworkGuide) -> None:
        self._guide = guide
        self._last: View | None = None

    def push(self, image: Picture) -> list[MotionStep]:
        """Take the next frame; return its step."""
        view, corners = open_view(image), np.zeros((4, 2))
        if self._last is not None:
            guess = self._guide.compare(self._last, view, ASPECT)
            corners = corners_from_homography(guess.cur_from_ref, ASPECT)
        self._last = view
        return [MotionStep(corners, np.zeros(MESH_SHAPE, np.float32), 1.0, False)]

    def flush(self) -> list[MotionStep]:
        """Return nothing: no frame is held back."""
        return []


def main(arguments: list[str]) -> int:
    """Shoot, measure, print and write motion.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.motion", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--stills", type=Path, help="other photographs, that it was not trained on")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--scenes", type=int, default=3)
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    stills = sorted(options.stills.glob("*.jpg")) if options.stills else [FOOTAGE / "photos" / name for name in STILLS]
    if not all(still.exists() for still in stills):
        print(f"motion: skipped, there is no footage at {FOOTAGE}")
        return 0
    scenes = photographs(stills, options.scenes + 1)
    guide = NetworkGuide()
    methods: dict[str, Callable[[], MotionEstimator | Alone]] = {
        "klt": lambda: MotionEstimator(ASPECT),
        "cnn": lambda: MotionEstimator(ASPECT, guide=guide),
        "network alone": lambda: Alone(guide),
    }
    result = {}
    for group, films in (("easy", EASY), ("hard", HARD), ("aside", ASIDE)):
        rows, whole = [], {name: [] for name in methods}
        for title, film in films.items():
            found = _measure(film, methods, scenes, options.frames)
            for name, (error, _) in found.items():
                whole[name].append(error)
            rows.append(
                [title, *(_cell(error) for error, _ in found.values()), *(f"{ms:.1f}" for _, ms in found.values())]
            )
            result[title] = {name: {**_figures(e), "ms_a_frame": round(ms, 2)} for name, (e, ms) in found.items()}
        all_of = {name: np.concatenate(errors) for name, errors in whole.items()}
        result[f"all {group}"] = {name: _figures(e) for name, e in all_of.items()}
        rows.append(["all", *(_cell(error) for error in all_of.values()), *("" for _ in methods)])
        print(table([f"{group}: median / 95 %, px", *methods, *(f"{name} ms" for name in methods)], rows), flush=True)
    write_result(RESULT, {"machine": machine(), "frames": options.frames, "scenes": len(scenes) - 1, "films": result})
    return 0


def _figures(error: np.ndarray) -> dict[str, float]:
    return {"median_px": round(float(np.median(error)), 4), "p95_px": round(float(np.percentile(error, 95)), 3)}


def _cell(error: np.ndarray) -> str:
    return "{median_px:.3f} / {p95_px:.2f}".format(**_figures(error))


def _measure(
    film: Film, methods: dict[str, Callable[[], MotionEstimator | Alone]], scenes: list[np.ndarray], frames: int
) -> dict[str, tuple[np.ndarray, float]]:
    """Return, by method, the errors of all corners, px, and processor milliseconds a frame."""
    errors: dict[str, list[np.ndarray]] = {name: [] for name in methods}
    spent = dict.fromkeys(methods, 0.0)
    for seed, (behind, before) in enumerate(itertools.pairwise(scenes), 1):
        pictures: list[Picture] = shoot(film, behind, before, seed, frames)
        for name, make in methods.items():
            started = time.process_time()
            estimator = make()
            steps = [step for picture in pictures for step in estimator.push(picture)] + estimator.flush()
            spent[name] += time.process_time() - started
            corners = np.array([step.corners for step in steps])
            errors[name].append(corner_error_px(corners, film.camera(seed), frames)[1:].ravel())
    return {name: (np.concatenate(errors[name]), 1e3 * spent[name] / (frames * (len(scenes) - 1))) for name in methods}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
