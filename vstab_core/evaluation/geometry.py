"""Cropping, distortion, field of view: what the homography from original to stabilized says, frame by frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from . import registration
from .moment import Moment
from .registration import Matrix
from .types import Reading

OUTSIDE_SHARE = 0.005  # of a frame's area: less is within what a registration can tell (0.5 px along a side at 640)


class Geometry:
    """Reads the fits. Frames whose fit has too little support do not count; `crop` and `confidence` show them."""

    def __init__(self) -> None:
        self.crop: list[float] = []
        self.confidence: list[float] = []
        self._stretch: list[float] = []
        self._literature: list[tuple[float, float]] = []  # crop, distortion
        self._shown: list[float] = []
        self._outside: list[float] = []
        self._bend_px: list[float] = []
        self._pixels = 0
        self._per_reduced = 1.0

    def add(self, moment: Moment) -> None:
        """Note what this frame shows of the original."""
        fit = moment.fit
        self.confidence.append(0.0 if fit is None or not np.isfinite(fit.share) else fit.share)
        self._pixels = moment.original.luma.size
        self._per_reduced = moment.original.luma.shape[1] / moment.size[0]
        if fit is None or not fit.sound:
            self.crop.append(float("nan"))
            return
        matrix = fit.matrix / fit.matrix[2, 2]
        height, width = moment.small_stabilized.luma.shape
        src_from_dst = np.linalg.inv(matrix)
        values = np.linalg.svd(jacobian(src_from_dst, np.array([width / 2, height / 2])), compute_uv=False)
        moduli = np.abs(np.linalg.eigvals(matrix[:2, :2]))
        shown, outside = _overlap(src_from_dst, (width, height), moment.size)
        # The scale is in widths: a result that is shown smaller or larger than the original loses nothing by that.
        self.crop.append(float(np.sqrt(values[0] * values[1])) * width / moment.size[0])
        self._stretch.append(float(values[1] / values[0]))
        self._literature.append(
            (1 / float(np.hypot(matrix[0, 0], matrix[0, 1])), float(moduli.min() / max(moduli.max(), 1e-12)))
        )
        self._shown.append(shown)
        self._outside.append(outside)
        self._bend_px.append(fit.residual_px)

    def readings(self) -> dict[str, Reading]:
        """Return cropping, field of view, distortion and bending."""
        measured = len(self._shown)
        total = len(self.crop)
        if measured < total / 2 or measured == 0:
            note = f"only {measured} of {total} frames could be matched with their originals: too little texture"
            return dict.fromkeys(KEYS, Reading(None, None, note))
        note = "" if measured == total else f"of the {measured} frames of {total} that could be matched"
        crop, stretch, shown = np.array(self.crop), np.array(self._stretch), np.array(self._shown)
        crop = crop[np.isfinite(crop)]
        literature_crop, literature_distortion = np.array(self._literature).T
        outside = np.array(self._outside)
        values = (
            min(1.0, float(crop.mean())),
            min(1.0, float(crop.min())),
            min(1.0, float(literature_crop.mean())),
            float(np.sqrt(shown).mean()),
            float(shown.mean()),
            float(shown.mean()) * self._pixels / 1e6,
            100 * float(outside.max()),
            float((outside > OUTSIDE_SHARE).sum()),
            float(stretch.min()),
            float(np.percentile(stretch, 1)),
            float(literature_distortion.min()),
            self._per_reduced * float(np.median(self._bend_px)),
        )
        return {key: Reading(None, value, note) for key, value in zip(KEYS, values, strict=True)}


KEYS = (
    *("cropping_ratio", "cropping_worst", "cropping_literature", "fov", "fov_area", "pixels_kept"),
    *("outside_percent_max", "outside_frames"),
    *("distortion", "distortion_p1", "distortion_literature", "bend_px"),
)


def jacobian(matrix: Matrix, point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the affine part, (2, 2), of a homography at a point."""
    x, y, w = matrix @ np.array([point[0], point[1], 1.0])
    return np.asarray((matrix[:2, :2] * w - np.outer([x, y], matrix[2, :2])) / w**2)


def _overlap(src_from_dst: Matrix, size: tuple[int, int], source_size: tuple[int, int]) -> tuple[float, float]:
    """Return the share of the original's area that a frame shows, and the share of the frame that lies outside it."""
    frame = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64)
    outline = registration.apply(src_from_dst, frame * size)
    whole = abs(cv2.contourArea(outline.astype(np.float32)))
    inside, _ = cv2.intersectConvexConvex(outline.astype(np.float32), (frame * source_size).astype(np.float32))
    return float(inside) / (source_size[0] * source_size[1]), max(0.0, 1 - float(inside) / max(whole, 1e-9))
