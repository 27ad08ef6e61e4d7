"""The judge of 360 (equirectangular) clips: how the camera turns, measured on the faces of a cube.

Camera coordinates: x right, y down, z forward. Longitude 0 is in the middle of the picture and grows right, latitude
grows down. The faces overlap by 5 degrees, so that a point near an edge is seen whole; neither the seam nor the poles
are special to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from . import registration
from .clip import Luma
from .moment import Pair
from .shake import MIN_SHOT_S, above
from .types import PATH_SIGNALS, Findings, Reading

Rays = npt.NDArray[np.float64]  # (N, 3), unit

FACE_PX = 256
HALF_FACE = np.tan(np.radians(50.0))  # of a face in the plane at distance 1: 90 degrees and the overlap
AGREE_DEG = 0.5  # a point that is farther from the common rotation belongs to something else, or is near the camera
MIN_POINTS = 60
MIN_SHARE = 0.3
OCTANT_POINTS = 6
MEASURED_SHARE = 0.5
_WIDTHS_DEG = (4.0, 2.0, 1.0, 0.5, 0.5, 0.5)  # of the Geman-McClure weights, narrowed step by step


@dataclass(frozen=True)
class Turn:
    """A rotation between two frames and what supports it.

    Attributes:
        rotation: (3, 3), now_from_before of camera coordinates.
        share: of the points that agree with it.
        own_deg: (8, 3) median of what it leaves in each octant, degrees; NaN where too few points are.
    """

    rotation: npt.NDArray[np.float64]
    share: float
    own_deg: npt.NDArray[np.float64]


class Sphere:
    """Measures a 360 clip and its original, pair by pair."""

    def __init__(self) -> None:
        self._clips = _Turner(), _Turner()

    def add(self, pair: Pair) -> None:
        """Measure a pair of frames."""
        self._clips[0].push(pair.original.luma)
        self._clips[1].push(pair.stabilized.luma)

    def result(self, fps: float) -> Findings:
        """Return the readings and the curves."""
        found = [clip.figures(fps) for clip in self._clips]
        notes = [clip.note() for clip in self._clips]
        note = next((text for text in notes if text), "")
        readings = {}
        for key in found[0]:
            values = [
                None if text or not np.isfinite(one[key]) else one[key] for one, text in zip(found, notes, strict=True)
            ]
            readings[key] = Reading(values[0], values[1], note or ("no shot is long enough" if None in values else ""))
        frames = len(self._clips[0].turns) + 1
        share = [0.0 if turn is None else turn.share for turn in self._clips[1].turns]
        return Findings(
            readings=readings,
            before=self._clips[0].trace(),
            after=self._clips[1].trace(),
            crop=np.ones(frames),
            confidence=np.array([share[0] if share else 0.0, *share]),
            cuts=[],
        )


class _Turner:
    """The turns of one clip."""

    def __init__(self) -> None:
        self.turns: list[Turn | None] = []
        self._before: list[Luma] | None = None
        self._maps: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None = None

    def push(self, luma: Luma) -> None:
        if self._maps is None:
            self._maps = _face_maps(luma.shape[1], luma.shape[0])
        wrapped = np.concatenate([luma[:, -1:], luma, luma[:, :1]], axis=1)
        faces = [
            cv2.remap(wrapped, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)
            for x, y in zip(*self._maps, strict=True)
        ]
        if self._before is not None:
            self.turns.append(_turn(*_followed(self._before, faces)))
        self._before = faces

    def note(self) -> str:
        measured = sum(turn is not None for turn in self.turns)
        if self.turns and measured >= MEASURED_SHARE * len(self.turns):
            return ""
        return f"the rotation could be measured in only {measured} of {len(self.turns)} frames: too little texture"

    def _path_deg(self) -> npt.NDArray[np.float64]:
        """Return the summed rotation vectors of the camera, (F, 3): about x, y and z."""
        steps = np.full((len(self.turns), 3), np.nan)
        for index, turn in enumerate(self.turns):
            if turn is not None:
                steps[index] = -np.degrees(
                    cv2.Rodrigues(turn.rotation)[0].ravel()
                )  # the camera turns against the scene
        for column in steps.T:
            gap = np.isnan(column)
            if gap.all():
                column[:] = 0.0
            elif gap.any():
                column[gap] = np.interp(np.flatnonzero(gap), np.flatnonzero(~gap), column[~gap])
        return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])

    def figures(self, fps: float) -> dict[str, float]:
        path = self._path_deg()
        own = np.array([turn.own_deg if turn is not None else np.full((8, 3), np.nan) for turn in self.turns])
        change = np.diff(own, axis=0).reshape(-1, 3) if len(own) > 1 else np.zeros((0, 3))
        change = change[np.isfinite(change).all(axis=1)]
        if len(path) < MIN_SHOT_S * fps:
            jitter = drift = float("nan")
        else:
            fast = above(path, fps)
            slow = path - fast
            jitter = float(np.sqrt(np.mean(np.sum(fast**2, axis=1))))
            drift = float(np.linalg.norm(slow - slow[0], axis=1).max())
        return {
            "rotation_jitter_deg": jitter,
            "rotation_drift_deg": drift,
            "rotation_wobble_deg": float(np.sqrt(np.mean(np.sum(change**2, axis=1)))) if len(change) else float("nan"),
        }

    def trace(self) -> dict[str, npt.NDArray[np.float64]]:
        path = self._path_deg()
        path[1:][[turn is None for turn in self.turns]] = np.nan
        pitch, yaw, roll = path.T
        return dict(zip(PATH_SIGNALS["equirect"], (yaw, pitch, roll), strict=True))


def _face_axes() -> list[npt.NDArray[np.float64]]:
    """Return face_from_camera of the six faces, each (3, 3)."""
    turns = [(0.0, 0.0), (0.0, 90.0), (0.0, 180.0), (0.0, 270.0), (90.0, 0.0), (-90.0, 0.0)]  # about x, then y
    return [
        np.asarray(cv2.Rodrigues(np.radians([pitch, 0, 0]))[0] @ cv2.Rodrigues(np.radians([0, yaw, 0]))[0], np.float64)
        for pitch, yaw in turns
    ]


_FACES = _face_axes()


def _face_maps(width: int, height: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return where each pixel of each face lies in a picture with one column more at either side; (6, n, n) each."""
    plane = ((np.arange(FACE_PX) + 0.5) / FACE_PX * 2 - 1) * HALF_FACE
    x, y = np.meshgrid(plane, plane)
    rays = np.stack([x, y, np.ones_like(x)], axis=-1)
    maps_x, maps_y = [], []
    for face in _FACES:
        ray = rays @ face  # camera_from_face, of row vectors
        longitude = np.arctan2(ray[..., 0], ray[..., 2])
        latitude = np.arctan2(ray[..., 1], np.hypot(ray[..., 0], ray[..., 2]))
        maps_x.append((longitude / (2 * np.pi) + 0.5) * width - 0.5 + 1)
        maps_y.append((latitude / np.pi + 0.5) * height - 0.5)
    return np.array(maps_x, np.float32), np.array(maps_y, np.float32)


def _followed(before: list[Luma], now: list[Luma]) -> tuple[Rays, Rays]:
    """Follow corners on every face; returns rays before and now."""
    found: list[tuple[Rays, Rays]] = []
    for face, first, second in zip(_FACES, before, now, strict=True):
        ends = registration.track(first, second, registration.corners_of(first))
        found.append((_rays(ends[0], face), _rays(ends[1], face)))
    return np.concatenate([pair[0] for pair in found]), np.concatenate([pair[1] for pair in found])


def _rays(points: registration.Points, face: npt.NDArray[np.float64]) -> Rays:
    plane = (points.astype(np.float64) / FACE_PX * 2 - 1) * HALF_FACE
    rays = np.c_[plane, np.ones(len(plane))]
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True) @ face)


def _turn(before: Rays, now: Rays) -> Turn | None:
    """Fit one rotation robustly: Kabsch's solution, reweighted with a narrowing Geman-McClure kernel."""
    if len(before) < MIN_POINTS:
        return None
    weight = np.ones(len(before))
    rotation = np.eye(3)
    for width_deg in _WIDTHS_DEG:
        u, _, vt = np.linalg.svd((now * weight[:, None]).T @ before)
        rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
        rest = np.degrees(np.linalg.norm(now - before @ rotation.T, axis=1))
        weight = 1 / (1 + (rest / width_deg) ** 2) ** 2
    agree = rest < AGREE_DEG
    share = float(agree.mean())
    if agree.sum() < MIN_POINTS or share < MIN_SHARE:
        return None
    own = np.full((8, 3), np.nan)
    octant = (before > 0) @ np.array([1, 2, 4])
    left = np.degrees(now - before @ rotation.T)
    for number in range(8):
        chosen = left[(octant == number) & (rest < 4 * AGREE_DEG)]
        if len(chosen) >= OCTANT_POINTS:
            own[number] = np.median(chosen, axis=0)
    return Turn(rotation, share, own)
