"""The tracks of the motion estimator, with tails, coloured by how well they agree with the camera's motion."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ...types import Frame, VideoInfo
from ..canvas import Image
from .drawer import FINE, GRAY, Watched, color_of, on_image, stroke

TAIL_FRAMES = 15  # half a second: longer tails of a shaky clip hide the picture
WORST_PX = 3.0  # of the 640 px proxy: red from here; the estimator gives such a track a weight of 0.003
_KEY = 1024.0  # parts of a pixel by which a point is known again; the estimator hands points on unchanged


@dataclass
class Tail:
    """One track.

    Attributes:
        points: where it was, (x, y) in pixels of the proxy, oldest first; at most TAIL_FRAMES + 1.
        residual_px: its distance from the homography of the last step.
    """

    points: list[tuple[float, float]]
    residual_px: float


class TrackTails:
    """Draws where the tracks of the estimator come from."""

    def __init__(self, info: VideoInfo) -> None:
        self._watched = Watched(info.aspect)
        self._tails: dict[tuple[int, int], Tail] = {}
        self._followed = False

    def see(self, frame: Frame) -> None:
        """Take the next frame."""
        match = self._watched.see(frame)
        self._followed = match is not None
        if match is None:
            return
        tracks, fit = match
        grown: dict[tuple[int, int], Tail] = {}
        for ref, cur, residual_px in zip(tracks.ref_px, tracks.cur_px, fit.residual_px, strict=True):
            known = self._tails.get(_key(ref))
            points = known.points if known is not None else [(float(ref[0]), float(ref[1]))]
            points = [*points[-TAIL_FRAMES:], (float(cur[0]), float(cur[1]))]
            grown[_key(cur)] = Tail(points, float(residual_px))
        self._tails = grown

    def tails(self) -> list[Tail]:
        """Return the tracks that live."""
        return list(self._tails.values())

    def draw(self, image: Image) -> Image:
        """Return the frame with its tracks; gray where it could not be followed."""
        for tail in sorted(self.tails(), key=lambda tail: tail.residual_px):
            points = on_image(np.array(tail.points), self._watched.size, image)
            color = color_of(1 - tail.residual_px / WORST_PX) if self._followed else GRAY
            cv2.polylines(image, [points], False, color, stroke(image), cv2.LINE_AA, FINE)
            radius = round(1.6 * stroke(image) * (1 << FINE))
            cv2.circle(image, points[-1].tolist(), radius, color, -1, cv2.LINE_AA, FINE)
        return image

    @property
    def caption(self) -> str:
        """A line that says what the colours mean."""
        return f"tracks: green = on the camera's motion, red = {WORST_PX:g} px off it (at 640 px)"


def _key(point: np.ndarray[tuple[int], np.dtype[np.float32]]) -> tuple[int, int]:
    return round(float(point[0]) * _KEY), round(float(point[1]) * _KEY)
