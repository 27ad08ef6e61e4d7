"""What the path network saves: residual acceleration against crop, beside causal filters, on paths it has not seen.

    python -m benchmarks.path_network [--clips PART...] [--folder DIR] [--made N] [--json FILE]

Paths: those measured from the shared shaky clips (`vstab analyze`, kept under build/bench), and made-up ones of a seed
that training never draws. Each method is swept over its parameter:

* Gaussian: its width; truncated at the look-ahead.
* Kalman: its process noise; constant velocity, and constant position; smoothed over the look-ahead (fixed lag).
* solver: what `--method klt` does in streaming, over max_crop and smoothness.
* network: `--method cnn`, over max_crop, at the default smoothness and at 1; also at look-aheads that vstab leaves to
  the solver.

The residual acceleration is the RMS of the second difference of the output's corner path, over that of the input. The
crop is the 99th percentile, and the largest, of what the frames need. A point of the network is compared with the least
crop of any filter that leaves the same acceleration: with one setting of the filter for all paths, as in a product
(accelerations: geometric mean over the paths; crops: of all frames), and with the filter's kind and parameter tuned to
each path, which no product can do before it has seen the path. "<" means that no setting reaches this acceleration.
The shake above 1 Hz, the main figure of `vstab eval`, is told for the solver and the network beside it.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np

from benchmarks.common import FOOTAGE, RESULTS, WORK, machine, run_measured, table, vstab_command, write_result
from vstab_core.corners import (
    corners_from_homography,
    homography_from_corners,
    inverse,
    similarity_basis,
    similarity_from,
    similarity_part,
)
from vstab_core.evaluation.canvas import draw_text, write_on_image
from vstab_core.evaluation.shake import MIN_SHOT_S, above
from vstab_core.models.path_kernel import AHEAD
from vstab_core.params import Parameters
from vstab_core.smooth import streaming
from vstab_core.smooth.crop import magnify, retained_share
from vstab_core.training.paths import make_paths
from vstab_core.training.recipe import rng_of

RESULT = RESULTS / "path_network.json"
PICTURE = WORK / "path_network.png"  # a picture is no source: made again from the result
MADE_SEED = 424242  # training draws with seeds 0 up and 10^6
LOOK_AHEADS = (0, 5)
BUDGETS = (0.03, 0.05, 0.1, 0.2)
SMOOTHNESS = (0.5, 1.0)
FRAMES = 240  # of each path, at most
WIDTHS = tuple(np.geomspace(0.5, 90, 22))
NOISES = tuple(np.geomspace(3.0, 1e-9, 30))
Clip = dict[str, Any]  # name, corners (F, 4, 2), cut (F,), aspect, interval_s


def gaussian(path: np.ndarray, width: float, look_ahead: int) -> np.ndarray:
    """Return the path (F, K) smoothed by a Gaussian of this sigma, of which nothing after the look-ahead is seen."""
    frames = len(path)
    lag = np.arange(frames)[:, None] - np.arange(frames)[None]
    weight = np.exp(-0.5 * (lag / width) ** 2) * (lag >= -look_ahead)
    return weight / weight.sum(axis=1, keepdims=True) @ path


@lru_cache(maxsize=256)
def _gains(frames: int, noise: float, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a Kalman filter's gains (F - 1, order, 1), and its smoother's (F - 1, order, order)."""
    move, push = _model(order)
    spread = np.diag([1.0, 1e3][:order])  # the first position is measured, the first speed unknown
    forward, backward = [], []
    for _ in range(frames - 1):
        wide = move @ spread @ move.T + noise * push
        backward.append(spread @ move.T @ np.linalg.inv(wide))
        forward.append(wide[:, :1] / (wide[0, 0] + 1))
        spread = (np.eye(order) - forward[-1] @ np.eye(order)[:1]) @ wide
    return np.array(forward), np.array(backward)


def _model(order: int) -> tuple[np.ndarray, np.ndarray]:
    if order == 1:
        return np.ones((1, 1)), np.ones((1, 1))
    return np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[0.25, 0.5], [0.5, 1.0]])


def kalman(path: np.ndarray, noise: float, look_ahead: int, order: int) -> np.ndarray:
    """Return the path (F, K) by a Kalman filter with fixed-lag smoothing; order 1: position, 2: and velocity."""
    frames, (move, _) = len(path), _model(order)
    if frames < 2:
        return path
    forward, backward = _gains(frames, noise, order)
    state = np.zeros((order, path.shape[1]))
    state[0] = path[0]
    states, expected = [state], []
    for value, gain in zip(path[1:], forward, strict=True):
        expected.append(move @ state)
        state = expected[-1] + gain * (value - expected[-1][0])
        states.append(state)
    known, predicted = np.array(states), np.array(expected)
    smooth = known
    for _ in range(min(look_ahead, frames - 1)):
        later = known.copy()
        later[:-1] += backward @ (smooth[1:] - predicted)
        smooth = later
    return smooth[:, 0]


def filtered(clip: Clip, smooth: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return stabilized from source (F, 3, 3) of a filter run over each shot's similarity path."""
    basis, part = similarity_basis(clip["aspect"]), similarity_part(clip["aspect"])
    parts = []
    for shot in shots(clip):
        path = np.cumsum(clip["corners"][shot].reshape(-1, 8) @ part.T, axis=0)
        parts.append(similarity_from((smooth(path) - path) @ basis, clip["aspect"]))
    return np.concatenate(parts)


def streamed(clip: Clip, parameters: Parameters) -> np.ndarray:
    """Return stabilized from source (F, 3, 3) as `--streaming` gives it, without its zoom."""
    with patch.object(streaming, "LEARNED_AHEAD", range(AHEAD + 1)):
        path = streaming.StreamingPath(clip["aspect"], clip["interval_s"], parameters)
    warps = []
    for corners, cut in zip(clip["corners"], clip["cut"], strict=True):
        warps += path.push(corners, bool(cut))
    warps += path.flush()
    h = np.array([warp.src_from_dst for warp in warps]) @ inverse(magnify(np.array([1 - parameters.max_crop])))
    return inverse(h)


def shots(clip: Clip) -> list[slice]:
    """Return the frames of each shot."""
    starts = np.flatnonzero(clip["cut"])
    return [slice(first, last) for first, last in zip(starts, [*starts[1:], len(clip["cut"])], strict=True)]


def judge(clip: Clip, stab_from_src: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the residual acceleration and the crop (F,) that each frame needs."""
    aspect, total = clip["aspect"], np.zeros(2)
    steps = homography_from_corners(clip["corners"], aspect)
    for shot in shots(clip):
        b, h = stab_from_src[shot], steps[shot]
        out = corners_from_homography(b[1:] @ h[1:] @ inverse(b[:-1]), aspect)
        for index, moved in enumerate((out, clip["corners"][shot][1:])):
            total[index] += np.square(np.diff(moved, axis=0)).sum()
    return float(np.sqrt(total[0] / total[1])), 1 - retained_share(inverse(stab_from_src), aspect)


def runs_of(look_ahead: int) -> list[tuple[str, float, float, Callable[[Clip], np.ndarray]]]:
    """Return every (method, parameter, second parameter, how to run it)."""
    runs: list[tuple[str, float, float, Callable[[Clip], np.ndarray]]] = []
    for width in WIDTHS:
        runs.append(("gaussian", width, 0, lambda c, w=width: filtered(c, lambda p: gaussian(p, w, look_ahead))))
    for order, name in ((1, "kalman position"), (2, "kalman velocity")):
        for noise in NOISES:
            runs.append(
                (name, noise, 0, lambda c, q=noise, n=order: filtered(c, lambda p: kalman(p, q, look_ahead, n)))
            )
    for method, name in (("klt", "solver"), ("cnn", "network")):
        for smoothness in SMOOTHNESS:
            for budget in BUDGETS:
                parameters = Parameters(method=method, look_ahead=look_ahead, max_crop=budget, smoothness=smoothness)
                runs.append((name, budget, smoothness, lambda c, p=parameters: streamed(c, p)))
    return runs


Points = dict[str, list[list[float]]]  # method -> [parameter, second, residual acceleration, p99 crop, largest crop]


def shake_left(clip: Clip, stab_from_src: np.ndarray) -> float:
    """Return the RMS above 1 Hz of the centre's path, over that of the input: what `vstab eval` calls shake."""
    steps, total = homography_from_corners(clip["corners"], clip["aspect"]), np.zeros(2)
    for shot in shots(clip):
        if (shot.stop - shot.start) * clip["interval_s"] < MIN_SHOT_S:
            continue
        b, h = stab_from_src[shot], steps[shot]
        for index, moved in enumerate((b[1:] @ h[1:] @ inverse(b[:-1]), h[1:])):
            centre = np.cumsum(moved[:, :2, 2] / moved[:, 2:, 2], axis=0)
            total[index] += np.square(above(centre, 1 / clip["interval_s"])).sum()
    return float(np.sqrt(total[0] / max(total[1], 1e-12)))


def shakes(clips: list[Clip]) -> list[dict[str, Any]]:
    """Return the shake left by the solver and by the network, at more look-aheads: median, geometric mean, worst."""
    rows = []
    for look_ahead in (0, 1, 2, 3, 4, 5, 9):
        for budget in (0.1, 0.15):
            row: dict[str, Any] = {"look_ahead": look_ahead, "max_crop": budget}
            for method in ("klt", "cnn"):
                parameters = Parameters(method=method, look_ahead=look_ahead, max_crop=budget)
                left = [shake_left(clip, streamed(clip, parameters)) for clip in clips]
                row[method] = [round(float(x), 3) for x in (np.median(left), np.exp(np.mean(np.log(left))), max(left))]
            rows.append(row)
    return rows


FILTERS = ("gaussian", "kalman position", "kalman velocity")


def sweep(clips: list[Clip], look_ahead: int) -> tuple[list[Points], Points]:
    """Return each clip's points, and those of all clips with one setting: geometric mean, crops of all frames."""
    each: list[Points] = [{} for _ in clips]
    pooled: Points = {}
    for name, first, second, run in runs_of(look_ahead):
        judged = [judge(clip, run(clip)) for clip in clips]
        for points, (left, crop) in zip(each, judged, strict=True):
            points.setdefault(name, []).append([first, second, left, *_crops(crop)])
        left = float(np.exp(np.mean([np.log(left) for left, _ in judged])))
        pooled.setdefault(name, []).append([first, second, left, *_crops(np.concatenate([crop for _, crop in judged]))])
        print(f"look-ahead {look_ahead}: {name} {first:.3g} {second:g}", file=sys.stderr, flush=True)
    return each, pooled


def _crops(crop: np.ndarray) -> tuple[float, float]:
    return float(np.quantile(crop, 0.99)), float(crop.max())


def least_crop(points: list[list[float]], acceleration: float, column: int) -> float:
    """Return the least crop of a method at this acceleration, its points joined by lines along the parameter."""
    rows = np.array(points)
    best = np.inf
    for second in np.unique(rows[:, 1]):
        curve = rows[rows[:, 1] == second]
        for one, two in itertools.pairwise(curve):
            low, high = sorted((one, two), key=lambda row: row[2])
            if high[2] <= acceleration:
                best = min(best, high[column], low[column])
            elif low[2] <= acceleration:
                share = (acceleration - low[2]) / (high[2] - low[2])
                best = min(best, low[column], low[column] + share * (high[column] - low[column]))
    return float(best)


def ratios(points: Points, against: tuple[str, ...], column: int) -> list[float]:
    """Return the network's crop over the least of the others', for each of its points.

    0 where the others reach this acceleration with no parameter; NaN where they need no crop for it.
    """
    found = []
    for _, _, acceleration, *crops in points["network"]:
        least = min(least_crop(points[name], acceleration, column) for name in against)
        found.append(crops[column - 3] / least if least > 1e-4 else float("nan"))
    return found


def summary(each: list[Points], pooled: Points) -> list[dict[str, Any]]:
    """Return a row for each point of the network: what it leaves, and its crop over the least of the others'."""
    rows = []
    for index, (budget, smoothness, left, *crops) in enumerate(pooled["network"]):
        row: dict[str, Any] = {"max_crop": budget, "smoothness": smoothness, "left": left, "crop_p99": crops[0]}
        for name, against in (("filters", FILTERS), ("solver", ("solver",))):
            for column, crop in ((3, "p99"), (4, "max")):
                row[f"{name}_{crop}_one_setting"] = ratios(pooled, against, column)[index]
                values = np.array([ratios(points, against, column)[index] for points in each])
                values = values[~np.isnan(values)]
                row[f"{name}_{crop}_tuned_median"] = float(np.median(values)) if len(values) else None
                row[f"{name}_{crop}_tuned_worst"] = float(values.max()) if len(values) else None
        rows.append({key: round(v, 4) if v is not None and np.isfinite(v) else None for key, v in row.items()})
    return rows


def measured_clips(folder: Path, parts: list[str]) -> list[Clip]:
    """Return the paths of the shaky clips, analyzed where that was not done yet."""
    from vstab_core.sidecar import read_sidecar
    from vstab_core.smooth.weights import usual_interval_s

    clips = []
    kept = WORK / "path_network"
    kept.mkdir(parents=True, exist_ok=True)
    for source in sorted((folder / "shaky").glob("*.*")):
        if parts and not any(part in source.name for part in parts):
            continue
        sidecar = kept / f"{source.stem}.vstab"
        if not sidecar.exists():
            run_measured([vstab_command() or "vstab", "analyze", source, "-o", sidecar, "--progress", "none"])
        motion = read_sidecar(sidecar).motion
        clips.append({"name": source.stem, "corners": motion.corners[:FRAMES], "cut": motion.cut[:FRAMES],
                      "aspect": motion.aspect, "interval_s": usual_interval_s(motion)})  # fmt: skip
    return clips


def made_clips(count: int, frames: int = FRAMES) -> list[Clip]:
    """Return made-up paths that training never saw."""
    paths = make_paths(rng_of(MADE_SEED), count, frames)
    clips = []
    for index in range(count):
        aspect = float(paths.aspect[index])
        moved = np.diff(paths.path[index], axis=0, prepend=paths.path[index][:1])
        corners = corners_from_homography(similarity_from(moved @ similarity_basis(aspect), aspect), aspect)
        clips.append({"name": f"made {index}", "corners": corners, "cut": np.arange(frames) == 0, "aspect": aspect,
                      "interval_s": 1 / float(paths.rate[index])})  # fmt: skip
    return clips


SHOWN = ("p99_one_setting", "max_one_setting", "p99_tuned_median", "p99_tuned_worst")


def _cell(value: float | None) -> str:
    return "-" if value is None else "<" if value == 0 else f"{value:.2f}"


COLORS = {"gaussian": (60, 150, 255), "kalman position": (110, 220, 110), "kalman velocity": (220, 200, 60),
          "solver": (200, 110, 220), "network": (255, 255, 255)}  # fmt: skip


def draw(groups: dict[str, dict[str, Any]]) -> np.ndarray:
    """Draw residual acceleration (up) against the crop's 99th percentile, with one setting for all paths."""
    panels = []
    for title, group in groups.items():
        image = np.full((420, 560, 3), 24, np.uint8)
        low, high, most = np.log10(0.01), np.log10(1.0), 0.30
        for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0):
            y = round(380 - (np.log10(tick) - low) / (high - low) * 340)
            cv2.line(image, (50, y), (540, y), (60, 60, 60), 1)
            write_on_image(image, draw_text(f"{tick:g}", 9), 8, y - 6)
        for crop in (0.05, 0.1, 0.15, 0.2, 0.25):
            x = round(50 + crop / most * 490)
            cv2.line(image, (x, 40), (x, 380), (60, 60, 60), 1)
            write_on_image(image, draw_text(f"{100 * crop:g} %", 9), x - 14, 388)
        write_on_image(image, draw_text(title, 11), 60, 10)
        for index, (name, rows) in enumerate(group["curves"].items()):
            write_on_image(image, draw_text(name, 9), 400, 46 + 16 * index, COLORS[name])
            for second in sorted({row[1] for row in rows}):
                curve = np.array([row for row in rows if row[1] == second])
                x = 50 + np.clip(curve[:, 3], 0, most * 1.02) / most * 490
                y = 380 - (np.log10(np.clip(curve[:, 2], 0.008, 1.1)) - low) / (high - low) * 340
                line = [np.round(np.stack([x, y], 1) * 16).astype(np.int32)]
                cv2.polylines(image, line, False, COLORS[name], 1 if second != 0.5 else 2, cv2.LINE_AA, 4)
        panels.append(image)
    return np.concatenate([np.concatenate(panels[i : i + 2], axis=1) for i in range(0, len(panels), 2)])


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.path_network", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, default=FOOTAGE)
    parser.add_argument("--clips", nargs="+", default=[])
    parser.add_argument("--made", type=int, default=16)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    sets = {"made-up": made_clips(options.made) if options.made else []}
    sets["measured"] = measured_clips(options.folder, options.clips) if options.folder.exists() else []
    result: dict[str, Any] = {"machine": machine(), "groups": {}}
    for look_ahead in LOOK_AHEADS:
        for kind, clips in sets.items():
            if clips:
                each, pooled = sweep(clips, look_ahead)
                curves = {name: np.round(rows, 5).tolist() for name, rows in pooled.items()}
                result["groups"][f"{kind}, look-ahead {look_ahead}"] = {
                    "clips": [clip["name"] for clip in clips], "network": summary(each, pooled), "curves": curves,
                }  # fmt: skip
    if sets["measured"]:
        result["shake of measured"] = shakes(sets["measured"])
        head = ["look-ahead", "max_crop", "solver: median", "mean", "worst", "network: median", "mean", "worst"]
        print(table(head, [[str(value) for value in (row["look_ahead"], row["max_crop"], *row["klt"], *row["cnn"])]
                           for row in result["shake of measured"]]), end="\n\n")  # fmt: skip
    head = ["paths", "max_crop", "smoothness", "left", *(f"{a} {b}" for a in ("filters", "solver") for b in SHOWN)]
    rows = [
        [title, f"{row['max_crop']:g}", f"{row['smoothness']:g}", f"{row['left']:.3f}",
         *(_cell(row[f"{a}_{b}"]) for a in ("filters", "solver") for b in SHOWN)]
        for title, group in result["groups"].items()
        for row in group["network"]
    ]  # fmt: skip
    print(table(head, rows))
    whole = options.json is None and not options.clips
    write_result(options.json or (RESULT if whole else WORK / "path_network.json"), result)
    cv2.imwrite(str(PICTURE if whole else (options.json or WORK / "path_network").with_suffix(".png")),
                draw(result["groups"]))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
