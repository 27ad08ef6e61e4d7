"""The judges of ordinary (rectilinear) clips, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from . import shake, stability
from .borders import Borders
from .clip import Clip
from .follow import Follower, Step
from .geometry import Geometry
from .moment import Judge, Moment, Pair
from .pan import pan_retention
from .registration import Registrar
from .sharpness import Sharpness
from .temporal import Temporal
from .types import PATH_SIGNALS, Findings, Reading, Series
from .wobble import wobble_of

SHORT = "no shot is long enough"
STILL = "the picture does not move, or there are fewer than twelve frames"
MEASURED_SHARE = 0.5  # of a clip's steps: with fewer, a path would be mostly guessed


class Flat:
    """Measures an ordinary clip and its original, pair by pair."""

    def __init__(self, original: Clip) -> None:
        self._followers = Follower(), Follower()
        self._registrar = Registrar()
        self._geometry = Geometry()
        frames = original.frames_hint
        self._judges: list[Judge] = [self._geometry, Borders(), Sharpness(frames), Temporal(frames)]
        self._cuts: list[int] = []
        self._frames = 0
        self._size = (0, 0)
        self._scale = 1.0

    def add(self, pair: Pair) -> None:
        """Measure a pair of frames."""
        before = self._followers[0].before
        steps = self._followers[0].push(pair.small.luma), self._followers[1].push(pair.small_stabilized.luma)
        self._size = pair.size
        self._scale = pair.original.luma.shape[1] / pair.size[0]
        self._frames += 1
        found: tuple[Step, Step] | None = None
        if before is not None and self._followers[0].is_cut(before, pair.small.luma):
            self._cuts.append(pair.index)
            for follower in self._followers:
                follower.cut()
            self._registrar.forget()
        elif steps[0] is not None and steps[1] is not None:
            found = steps[0], steps[1]
        motions = (found[0].motion, found[1].motion) if found is not None else (None, None)
        carry = (motions[0], motions[1]) if motions[0] is not None and motions[1] is not None else None
        fit = self._registrar.register(pair.small.luma, pair.small_stabilized.luma, carry)
        moment = Moment(
            pair.index, pair.original, pair.stabilized, pair.small, pair.small_stabilized, steps=found, fit=fit
        )
        for judge in self._judges:
            judge.add(moment)

    def result(self, fps: float) -> Findings:
        """Return the readings and the curves."""
        readings = {key: reading for judge in self._judges for key, reading in judge.readings().items()}
        paths = [self._paths(follower) for follower in self._followers]
        unknown = [self._unmeasured(follower) for follower in self._followers]
        each = [self._steadiness(*both, fps) for both in zip(self._followers, paths, strict=True)]
        for key in each[0]:
            note = STILL if key in ("stability_literature", "stability_min") else SHORT
            readings[key] = _reading(each[0][key], each[1][key], unknown, note)
        for key in ("itf_db", "warp_error"):
            reading = readings[key]
            readings[key] = _reading(reading.before, reading.after, unknown, reading.note)
        readings["pan_retention"] = self._pan(readings, paths, unknown, fps)
        black = _black(readings, self._geometry)
        return Findings(
            readings=readings | black,
            before=self._trace(paths[0], self._followers[0]),
            after=self._trace(paths[1], self._followers[1]),
            crop=np.array(self._geometry.crop),
            confidence=np.array(self._geometry.confidence),
            cuts=self._cuts,
        )

    def _paths(self, follower: Follower) -> list[shake.Path]:
        return [shake.path_of([step.motion for step in shot], self._size) for shot in follower.shots if shot]

    def _unmeasured(self, follower: Follower) -> str:
        steps = [step for shot in follower.shots for step in shot]
        measured = sum(step.motion is not None for step in steps)
        if steps and measured >= MEASURED_SHARE * len(steps):
            return ""
        return f"the picture could be followed in only {measured} of {len(steps)} frames; there is too little texture"

    def _steadiness(self, follower: Follower, paths: Sequence[shake.Path], fps: float) -> dict[str, float]:
        diagonal_px = float(np.hypot(*self._size))
        found = shake.shake_of(paths, fps)
        shot = max(follower.shots, key=len)
        homographies = [None if step.homography is None else step.homography.matrix for step in shot]
        scores = stability.literature(homographies)
        longest = max(paths, key=lambda path: len(path.step), default=None)
        position = np.cumsum(longest.step[:, :3], axis=0) if longest is not None else np.zeros((0, 3))
        return {
            "jitter_percent": 100 * found.jitter_px / diagonal_px,
            "jitter_px": found.jitter_px * self._scale,
            "jitter_rotation_deg": found.rotation_deg,
            "jitter_zoom_percent": found.zoom_percent,
            "acceleration_px": found.acceleration_px * self._scale,
            "jerk_px": found.jerk_px * self._scale,
            "wobble_px": wobble_of(follower.shots, self._size) * self._scale,
            "stability_literature": sum(scores) / 2,
            "stability_min": min(scores),
            "stability_corrected": stability.corrected(position, fps, diagonal_px),
        }

    def _pan(
        self, readings: Mapping[str, Reading], paths: Sequence[list[shake.Path]], unknown: Sequence[str], fps: float
    ) -> Reading:
        crop = readings["cropping_ratio"].after
        if crop is None or any(unknown):
            return Reading(None, None, next((note for note in unknown if note), readings["cropping_ratio"].note))
        share, note = pan_retention(paths[0], paths[1], fps, crop, float(np.hypot(*self._size)))
        return Reading(None, share, note)

    def _trace(self, paths: Sequence[shake.Path], follower: Follower) -> dict[str, Series]:
        """Return the path by frame: from 0 in each shot, NaN where the step to a frame could not be measured."""
        rows = np.full((self._frames, 4), np.nan)
        starts = [0, *self._cuts]
        following = iter(paths)
        for start, shot in zip(starts, follower.shots, strict=True):
            rows[start] = 0.0
            if shot:
                known = np.array([step.motion is not None for step in shot])
                position = np.cumsum(next(following).step, axis=0)
                rows[start + 1 : start + 1 + len(shot)][known] = position[known]
        scale = np.array([self._scale, self._scale, 1.0, 100.0])
        return dict(zip(PATH_SIGNALS["rectilinear"], (rows * scale).T, strict=True))


def _reading(before: float | None, after: float | None, unknown: Sequence[str], note: str) -> Reading:
    """Return a reading of either clip; `note` says why a figure is missing that is not `unknown` as a whole."""
    values = [None if value is None or not np.isfinite(value) else value for value in (before, after)]
    for which, why in enumerate(unknown):
        if why:
            values[which], note = None, why
    return Reading(values[0], values[1], note if None in values else "")


def _black(readings: Mapping[str, Reading], geometry: Geometry) -> dict[str, Reading]:
    """Withdraw what is said of borders where nothing could be matched: a clip that is black all over has none."""
    if any(np.isfinite(crop) for crop in geometry.crop):
        return {}
    note = readings["cropping_ratio"].note
    return dict.fromkeys(("border_percent_max", "border_frames"), Reading(None, None, note))
