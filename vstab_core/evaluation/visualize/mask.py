"""What the motion estimator takes for background, as its tracks tell."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ...track import CELL_PX, NEW_TRACK_BACKGROUND
from ...types import Frame, VideoInfo
from ..canvas import Image
from .drawer import FINE, RED, Watched, color_of, on_image, stroke

REACH_PX = 0.6 * CELL_PX  # sigma: a track speaks for its cell, and blends into its neighbours
STEP_PX = 4  # of the proxy: the mask is as coarse as its tracks, finer costs time and shows nothing
LEAST_VOICE = 0.15  # of a track that stands right there: with less, nothing is known
SURE = 0.25  # background score at which the tint is full
TINT = 0.6
DIM = 0.45
TOOK_PART = 0.25  # weight in the fit that the estimator counts as an inlier


class BackgroundMask:
    """Tints what moves on its own, dims where nothing is tracked, and dots each track.

    A track's colour and the tint are the estimator's background score, which follows a track through its life; a
    track that took no part in this frame's fit is a ring.
    """

    def __init__(self, info: VideoInfo) -> None:
        self._watched = Watched(info.aspect)

    def see(self, frame: Frame) -> None:
        """Take the next frame."""
        self._watched.see(frame)

    def score(self) -> npt.NDArray[np.float32] | None:
        """Return the background score over the frame last seen.

        Returns:
            (h, w) float32 at 1/STEP_PX of the proxy: 0 foreground, 0.5 not decided, 1 background, NaN where no track
            is near; None where the frame was not followed.
        """
        if self._watched.match is None:
            return None
        tracks, _ = self._watched.match
        shape = tuple(-(-side // STEP_PX) for side in self._watched.size)
        said: Any = np.zeros((*shape, 2), np.float32)
        at = np.clip((tracks.cur_px / STEP_PX).astype(int), 0, np.array(shape[::-1]) - 1)
        np.add.at(said, (at[:, 1], at[:, 0]), np.stack([tracks.background, np.ones(len(tracks), np.float32)], axis=1))
        sigma = REACH_PX / STEP_PX
        said = cv2.GaussianBlur(said, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        voice = said[..., 1] * (2 * np.pi * sigma**2)  # 1 right at a lonely track
        score = said[..., 0] / np.maximum(said[..., 1], 1e-12)
        return np.where(voice < LEAST_VOICE, np.nan, score).astype(np.float32)

    def draw(self, image: Image) -> Image:
        """Return the frame with its mask; untouched where it was not followed."""
        score = self.score()
        if score is None or self._watched.match is None:
            return image
        size = image.shape[1], image.shape[0]
        known: Any = cv2.resize(np.isfinite(score).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
        filled: Any = cv2.resize(np.nan_to_num(score, nan=NEW_TRACK_BACKGROUND), size, interpolation=cv2.INTER_LINEAR)
        tint = TINT * np.clip((NEW_TRACK_BACKGROUND - filled) / (NEW_TRACK_BACKGROUND - SURE), 0, 1)[..., None]
        drawn = image * (DIM + (1 - DIM) * known[..., None])
        drawn += (np.array(RED, np.float32) - drawn) * tint
        image[...] = np.round(drawn)
        tracks, fit = self._watched.match
        points = on_image(tracks.cur_px, self._watched.size, image)
        for point, background, weight in zip(points, tracks.background, fit.weight, strict=True):
            radius = round(2.5 * stroke(image) * (1 << FINE))
            filling = -1 if weight > TOOK_PART else stroke(image)
            cv2.circle(image, point.tolist(), radius, color_of(float(background)), filling, cv2.LINE_AA, FINE)
        return image

    @property
    def caption(self) -> str:
        """A line that says what the colours mean."""
        return "green = background, red = moves on its own, dark = nothing to track, ring = not in the fit"
