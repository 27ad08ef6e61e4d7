"""What the homography leaves over: local motion at the vertices of a coarse mesh.

A regularised least-squares surface through the residuals of the tracks: parallax layers and lens bending. Fast movers
have no weight in it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..corners import apply
from ..types import MESH_CELLS, MESH_SHAPE, FloatArray
from .fit import Fit

STIFFNESS = 4.0  # tracks' worth of weight on each difference between neighbouring vertices
ANCHOR = 1.0  # and on each vertex being at rest
SCALE_PX = 2.5  # residuals beyond this are somebody walking, not parallax


class LocalFit:
    """Fits the mesh; the regulariser is built once for a clip."""

    def __init__(self, aspect: float) -> None:
        self._aspect = aspect
        n = MESH_CELLS + 1
        index = np.arange(n * n).reshape(n, n)
        pairs = np.concatenate(
            [
                np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
                np.stack([index[:-1].ravel(), index[1:].ravel()], 1),
            ]
        )
        difference = np.zeros((len(pairs), n * n))
        difference[np.arange(len(pairs)), pairs[:, 0]] = 1
        difference[np.arange(len(pairs)), pairs[:, 1]] = -1
        self._regulariser = STIFFNESS * difference.T @ difference + ANCHOR * np.eye(n * n)

    def fit(self, ref: FloatArray, cur: FloatArray, fit: Fit, px: float) -> npt.NDArray[np.float32]:
        """Return the mesh (5, 5, 2) of displacements, normalised, defined over the current frame.

        Args:
            ref, cur: (N, 2) normalised track positions.
            fit: the homography they were fitted with.
            px: size of a proxy pixel in normalised units.
        """
        left = cur - apply(fit.cur_from_ref, ref)
        weight = 1.0 / (1.0 + (fit.residual_px / SCALE_PX) ** 2) ** 2
        basis = self._bilinear(cur)
        weighted = basis * weight[:, None]
        vertices = np.linalg.solve(basis.T @ weighted + self._regulariser, weighted.T @ left)
        return vertices.reshape(MESH_SHAPE).astype(np.float32)

    def _bilinear(self, points: FloatArray) -> FloatArray:
        """Return (N, vertices): how much of each mesh vertex a point takes."""
        n = MESH_CELLS + 1
        at = (points / [1.0, self._aspect] + 1.0) * (MESH_CELLS / 2.0)
        cell = np.clip(np.floor(at), 0, MESH_CELLS - 1).astype(int)
        fx, fy = np.clip(at - cell, 0.0, 1.0).T
        basis = np.zeros((len(points), n * n))
        rows = np.arange(len(points))
        first = cell[:, 1] * n + cell[:, 0]
        basis[rows, first] = (1 - fx) * (1 - fy)
        basis[rows, first + 1] = fx * (1 - fy)
        basis[rows, first + n] = (1 - fx) * fy
        basis[rows, first + n + 1] = fx * fy
        return basis
