"""The deformed-rotation model of 360 pictures (Kopf 2016, 3.4) in double precision: the slow twin of the native one.

Six rotation vectors stand at the vertices +x, -x, +y, -y, +z, -z of an octahedron. In between, omega(p) is the mean of
those of the three vertices of p's octant, weighted by |p_x|, |p_y|, |p_z|: continuous over the whole sphere, with kinks
at the planes between octants.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .types import FloatArray

STEPS = 60  # of the fixed-point iteration at most; each leaves the share by which omega changes along a radian


def local_rotation(local: npt.ArrayLike, rays: npt.ArrayLike) -> FloatArray:
    """Return omega, (..., 3) rotation vectors in radians, at rays (..., 3) of any length."""
    vertices, p = np.asarray(local, np.float64), np.asarray(rays, np.float64)
    parts = np.stack([np.maximum(p, 0), np.maximum(-p, 0)], axis=-1).reshape(*p.shape[:-1], 6)
    return np.asarray((parts / parts.sum(axis=-1, keepdims=True)) @ vertices)


def rotate(vectors_rad: npt.ArrayLike, rays: npt.ArrayLike) -> FloatArray:
    """Return exp(v) r, each ray turned by its own rotation vector."""
    v, r = np.asarray(vectors_rad, np.float64), np.asarray(rays, np.float64)
    angle = np.linalg.norm(v, axis=-1, keepdims=True)
    once = np.cross(v, r)
    twice = np.cross(v, once)
    return np.asarray(r + np.sinc(angle / np.pi) * once + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * twice)


def deformed(local: npt.ArrayLike, rays: npt.ArrayLike) -> FloatArray:
    """Return exp(omega(p)) p: where the model's inner part takes source rays p."""
    return rotate(local_rotation(local, rays), rays)


def undeformed(local: npt.ArrayLike, rays: npt.ArrayLike) -> FloatArray:
    """Return the p with exp(omega(p)) p = ray, by fixed-point iteration.

    Known limit: it converges where neighbouring vertices differ by less than about half a radian; beyond, the model
    folds.
    """
    target = np.asarray(rays, np.float64)
    p = target
    for _ in range(STEPS):
        before, p = p, rotate(-local_rotation(local, p), target)
        if np.abs(p - before).max() < 1e-12:
            break
    return p
