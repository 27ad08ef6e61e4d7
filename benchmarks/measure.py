"""Judges a stabilized clip from its pixels and those of the original, and from nothing else.

    python -m benchmarks.measure ORIGINAL OUTPUT

What is measured, and how (lengths at 640 wide unless said otherwise; frames are paired by their number):

* every frame is registered to its own original (`tracking.Registrar`: SIFT where nothing is known, Lucas-Kanade in
  between), so the worst frame is the worst of all frames, not of a sample. A frame counts only if at least 30 matches
  within 3 px, 40 % of all, in at least 6 of 12 cells of the picture, support its homography; `frames_measured` says
  how many did.
* `crop`: share of the picture's width and height that is kept, 1 / scale of the homography at the centre of the
  output; mean over the clip (literature: cropping ratio) and the worst frame. `fov` is the same from the area of the
  original that the output really shows (the square root of that share), perspective and borders included.
* `distortion`: smallest singular value of the affine part at the centre of the output over the largest, worst frame
  and 1st percentile. Singular values, not eigenvalues: those are blind to shear, and to stretch combined with rotation.
* `bend_px`: RMS distance of the matches from the homography: local warps (a mesh, row corrections) show here.
* shake of either clip: `shake.shake_of`, on frame-to-frame similarities of the clip alone. Shot cuts of the original
  divide both clips.
* `border_percent_max`: largest share of a frame that is black because the output has no picture there.
* `sharpness`: variance of the Laplacian of the output over that of the original warped to the same place by a Lanczos
  kernel, full size, median of about 16 frames. 1 = as sharp as one good resampling; the encoder's loss is part of it.

Known limits: one dominant motion is assumed; where people fill the picture their motion is measured. Rotation tags are
not applied. Interlaced clips are taken as frames.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks import shake, tracking
from benchmarks.clip import Clip, Picture, proxy_size, to_proxy
from benchmarks.tracking import Fit, Matrix

SHARPNESS_FRAMES = 16
CUT_HISTOGRAM = 0.15  # Hellinger distance of luma histograms; motion without blur stays under 0.1 in our clips
FOLLOWED = 15  # points that must agree on a frame-to-frame motion
CUT_TRACKED = 0.2  # share of points still followed
CUT_MATCHES = 10  # SIFT matches that agree; unrelated pictures have 3 or 4


@dataclass
class _Follower:
    """Frame-to-frame motion of one clip, split into shots."""

    shots: list[list[Matrix | None]] = field(default_factory=lambda: [[]])
    before: Picture | None = None
    points: tracking.Points | None = None
    tracked_share: float = 1.0
    residuals_px: list[float] = field(default_factory=list)

    def step(self, picture: Picture) -> Matrix | None:
        """Return now_from_before, or None for the first frame and where it cannot be measured."""
        motion = None
        if self.before is not None:
            points = tracking.corners_of(self.before)
            first, second = tracking.track(self.before, picture, points)
            self.tracked_share = len(first) / max(len(points), 1)
            fit = tracking.fit_similarity(first, second, picture.shape)
            if fit is None or fit.inliers < FOLLOWED:  # blurred, or beyond the reach of Lucas-Kanade
                fit = tracking.fit_similarity(*tracking.SiftMatcher().match(self.before, picture), picture.shape)
            if fit is not None and fit.inliers >= FOLLOWED and fit.share >= 0.25:
                motion = fit.matrix
                self.residuals_px.append(fit.residual_px)
            self.shots[-1].append(motion)
        self.before = picture
        return motion

    def cut(self) -> None:
        """Begin a new shot at the frame just given."""
        self.shots[-1].pop()
        self.shots.append([])

    def summary(self, fps: float, size: tuple[int, int], scale: float) -> dict[str, Any]:
        paths = [shake.path_of(motions, size) for motions in self.shots if motions]
        result: dict[str, Any] = shake.shake_of(paths, fps, size, scale)
        result["bridged"] = sum(path.bridged for path in paths)
        result["residual_px"] = float(np.median(self.residuals_px)) if self.residuals_px else None
        return result


def measure(
    original: Path | str | Clip, output: Path | str | Clip, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Judge an output against its original.

    Args:
        original, output: files, or `Clip`s of luma arrays. The output is scaled to the original's size first.
        progress: called with the number of frames done.

    Returns:
        What the module's docstring lists, as plain numbers: per-clip shake under "input" and "output", and the ratio
        of the two jitters as "gain".
    """
    started = time.perf_counter()
    source, result = Clip.open(original), Clip.open(output)
    followers = _Follower(), _Follower()
    registrar = tracking.Registrar()
    geometry = _Geometry()
    borders = _Borders(source.black_code, result.black_code)
    sharpness = _Sharpness(max(1, (source.frames_hint or 160) // SHARPNESS_FRAMES))
    frames, lengths, cuts, size, full_size = 0, [0, 0], [], (0, 0), (0, 0)
    for index, (picture, judged) in enumerate(zip_longest(source, result)):
        lengths[0] += picture is not None
        lengths[1] += judged is not None
        if picture is None or judged is None:
            continue
        if index == 0:
            size, full_size = proxy_size(picture), (picture.shape[1], picture.shape[0])
        small, small_judged = to_proxy(picture, size), to_proxy(judged, size)
        if small_judged.shape != small.shape:
            small_judged = cv2.resize(small_judged, size)
        before = followers[0].before
        steps = followers[0].step(small), followers[1].step(small_judged)
        if before is not None and _is_cut(before, small, followers[0].tracked_share):
            cuts.append(index)
            for follower in followers:
                follower.cut()
            registrar.forget()
        carry = (steps[0], steps[1]) if steps[0] is not None and steps[1] is not None else None
        fit = registrar.register(small, small_judged, carry)
        geometry.add(index, fit, size)
        sound = fit if fit is not None and fit.sound else None
        borders.add(index, picture, judged, sound, size)
        if sound is not None and picture.shape == judged.shape:
            sharpness.add(index, picture, judged, sound, size)
        frames += 1
        if progress is not None:
            progress(frames)
    if frames == 0:
        raise ValueError(f"nothing to compare: {lengths[0]} frames in {original}, {lengths[1]} in {output}")
    scale = full_size[0] / size[0]
    input_shake = followers[0].summary(source.fps, size, scale)
    output_shake = followers[1].summary(source.fps, size, scale)
    report = {
        "frames": frames,
        "frames_in": lengths[0],
        "frames_out": lengths[1],
        "width": full_size[0],
        "height": full_size[1],
        "fps": source.fps,
        "cuts": cuts,
        "sift_frames": registrar.sift_frames,
        **geometry.summary(scale),
        **borders.summary(),
        "sharpness": sharpness.summary(),
        "input": input_shake,
        "output": output_shake,
    }
    if input_shake.get("jitter_percent") is not None and output_shake.get("jitter_percent"):
        report["gain"] = input_shake["jitter_percent"] / output_shake["jitter_percent"]
    report["seconds"] = time.perf_counter() - started
    return _rounded(report)


def _is_cut(before: Picture, now: Picture, tracked_share: float) -> bool:
    """Tell a shot cut from a blurred frame: few points followed, other brightness, and SIFT finds nothing in common."""
    if tracked_share > CUT_TRACKED:
        return False
    shares = [np.histogram(picture, 64, (0, 256))[0] / picture.size for picture in (before, now)]
    if np.sqrt(max(0.0, 1 - np.sqrt(shares[0] * shares[1]).sum())) < CUT_HISTOGRAM:
        return False
    fit = tracking.fit_similarity(*tracking.SiftMatcher().match(before, now), now.shape)
    return fit is None or fit.inliers < CUT_MATCHES


class _Geometry:
    """Crop and distortion, frame by frame."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, float, float, float, float]] = []

    def add(self, index: int, fit: Fit | None, size: tuple[int, int]) -> None:
        if fit is None or not fit.sound:
            return
        src_from_dst = np.linalg.inv(fit.matrix)
        centre = np.array([size[0] / 2, size[1] / 2])
        values = np.linalg.svd(jacobian(src_from_dst, centre), compute_uv=False)
        self.rows.append(
            (
                index,
                float(np.sqrt(values[0] * values[1])),
                float(values[1] / values[0]),
                _fov(src_from_dst, size),
                fit.residual_px,
            )
        )

    def summary(self, scale: float) -> dict[str, Any]:
        if not self.rows:
            return {"frames_measured": 0}
        index, crop, distortion, fov, residual = np.array(self.rows).T
        worst = int(np.argmin(distortion))
        return {
            "frames_measured": len(self.rows),
            "crop": min(1.0, float(crop.mean())),
            "crop_worst": min(1.0, float(crop.min())),
            "fov": float(fov.mean()),
            "fov_worst": float(fov.min()),
            "distortion": float(distortion[worst]),
            "distortion_frame": int(index[worst]),
            "distortion_p1": float(np.percentile(distortion, 1)),
            "distortion_median": float(np.median(distortion)),
            "bend_px": scale * float(np.median(residual)),
        }


def jacobian(matrix: Matrix, point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the affine part, (2, 2), of a homography at a point."""
    x, y, w = matrix @ np.array([point[0], point[1], 1.0])
    return (matrix[:2, :2] * w - np.outer([x, y], matrix[2, :2])) / w**2


def _fov(src_from_dst: Matrix, size: tuple[int, int]) -> float:
    """Return the square root of the share of the original that the output shows: its outline cut at the frame's."""
    outline = tracking.apply(src_from_dst, np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size)
    for axis in (0, 1):
        for sign, bound in ((1, 0.0), (-1, float(-size[axis]))):
            inside = sign * outline[:, axis] - bound  # >= 0 is kept; one side of the frame at a time
            kept: list[npt.NDArray[np.float64]] = []
            for i, point in enumerate(outline):
                after = (i + 1) % len(outline)
                if inside[i] >= 0:
                    kept.append(point)
                if (inside[i] >= 0) != (inside[after] >= 0):
                    kept.append(point + (outline[after] - point) * inside[i] / (inside[i] - inside[after]))
            if len(kept) < 3:
                return 0.0
            outline = np.array(kept)
    x, y = outline.T
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    return float(np.sqrt(area / (size[0] * size[1])))


class _Borders:
    """Black that touches the edge of the output and stands for nothing in the original."""

    SLACK = 2  # codes a lossy encoder may add to black

    def __init__(self, source_black: int, black: int) -> None:
        self.source_black, self.black = source_black, black
        self.worst, self.worst_frame, self.frames = 0.0, -1, 0

    def add(self, index: int, picture: Picture, judged: Picture, fit: Fit | None, size: tuple[int, int]) -> None:
        limit = self.black + self.SLACK
        ring = judged[0], judged[-1], judged[:, 0], judged[:, -1]
        if min(int(side.min()) for side in ring) > limit:
            return
        black = self._touching(judged <= limit)
        if not black.any():
            return
        dark = (picture <= self.source_black + 3 * self.SLACK).astype(np.uint8)
        dark = cv2.dilate(dark, np.ones((5, 5), np.uint8))
        if fit is not None:  # what the original holds at this place; outside it there is nothing, so 0
            to_small = np.diag([size[0] / picture.shape[1], size[1] / picture.shape[0], 1.0])
            to_full = np.diag([judged.shape[1] / size[0], judged.shape[0] / size[1], 1.0])
            shape = (judged.shape[1], judged.shape[0])
            dark = cv2.warpPerspective(dark, to_full @ fit.matrix @ to_small, shape, flags=cv2.INTER_NEAREST)
        elif dark.shape != judged.shape:
            dark = cv2.resize(dark, (judged.shape[1], judged.shape[0]), interpolation=cv2.INTER_NEAREST)
        share = float((black & (dark == 0)).mean())
        self.frames += share > 1e-4
        if share > self.worst:
            self.worst, self.worst_frame = share, index

    @staticmethod
    def _touching(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
        rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
        return np.isin(labels, rim[rim > 0])

    def summary(self) -> dict[str, Any]:
        return {
            "border_percent_max": 100 * self.worst,
            "border_frame": self.worst_frame if self.worst > 0 else None,
            "border_frames": self.frames,
        }


class _Sharpness:
    """Laplacian variance against the original, resampled once to the same place."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.ratios: list[float] = []

    def add(self, index: int, picture: Picture, judged: Picture, fit: Fit, size: tuple[int, int]) -> None:
        if index % self.every != self.every // 2:
            return
        factor = picture.shape[1] / size[0], picture.shape[0] / size[1]
        half = np.array(
            [[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]]
        )  # pixel centres at halves: there a resize is a pure scale
        enlarge = np.linalg.inv(half) @ np.diag([*factor, 1.0]) @ half
        matrix = enlarge @ fit.matrix @ np.linalg.inv(enlarge)
        shape = (judged.shape[1], judged.shape[0])
        warped = cv2.warpPerspective(picture, matrix, shape, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
        there = cv2.warpPerspective(np.full(picture.shape, 255, np.uint8), matrix, shape, flags=cv2.INTER_NEAREST)
        there[[0, -1]] = there[:, [0, -1]] = 0
        there = cv2.erode(there, np.ones((9, 9), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
        if there.mean() < 0.3:
            return
        variances = [float(cv2.Laplacian(p, cv2.CV_32F)[there].var()) for p in (judged, warped)]
        if variances[1] > 1.0:  # less is a blank wall: no statement
            self.ratios.append(variances[0] / variances[1])

    def summary(self) -> float | None:
        return float(np.median(self.ratios)) if self.ratios else None


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 5) if isinstance(value, float) else value


def main(arguments: list[str] | None = None) -> int:
    """Print the measure of one pair as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure", description=__doc__.split("\n", 1)[0])
    parser.add_argument("original", type=Path)
    parser.add_argument("output", type=Path)
    options = parser.parse_args(arguments)
    print(json.dumps(measure(options.original, options.output), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
