"""Slow twins of the relative rotation: five points by an action matrix, refinement by a general optimizer."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from tests.rotation_reference import skew
from vstab_core.types import FloatArray

CAUCHY = 2.385  # scale in standard deviations

# the ten cubics, then what is left of a polynomial modulo them; as powers of x, y, z
CUBIC = [(3, 0, 0), (2, 1, 0), (1, 2, 0), (0, 3, 0), (2, 0, 1), (1, 1, 1), (0, 2, 1), (1, 0, 2), (0, 1, 2), (0, 0, 3)]
REST = [(2, 0, 0), (1, 1, 0), (0, 2, 0), (1, 0, 1), (0, 1, 1), (0, 0, 2), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)]


def essential(rotation: FloatArray, direction: FloatArray) -> FloatArray:
    return np.asarray(skew(direction) @ rotation)


def five_point(ref: FloatArray, cur: FloatArray) -> FloatArray:
    """Return the essential matrices (k, 3, 3) of five matches (Stewenius, Engels, Nister 2006: an eigenproblem)."""
    constraints = (cur[:, :, None] * ref[:, None, :]).reshape(5, 9)
    basis = np.linalg.svd(constraints)[2][5:].reshape(4, 3, 3)  # E = x b0 + y b1 + z b2 + b3
    square = np.einsum("aij,bkj->abik", basis, basis)
    trace = np.einsum("abii->ab", square)
    cubics = 2 * np.einsum("abik,ckj->abcij", square, basis) - np.einsum("ab,cij->abcij", trace, basis)
    determinant = np.einsum("ai,bj,ck,ijk->abc", basis[:, 0], basis[:, 1], basis[:, 2], skew(np.eye(3)).swapaxes(1, 2))
    tensors = np.concatenate([cubics.reshape(4, 4, 4, 9), determinant[..., None]], axis=-1)
    matrix = np.zeros((10, 20))
    for which in itertools.product(range(4), repeat=3):
        powers = tuple(which.count(axis) for axis in range(3))
        matrix[:, (CUBIC + REST).index(powers)] += tensors[which]
    reduced = np.linalg.solve(matrix[:, :10], matrix[:, 10:])
    action = np.zeros((10, 10))  # multiplication by x
    for row, (x, y, z) in enumerate(REST):
        if (x + 1, y, z) in CUBIC:
            action[row] = -reduced[CUBIC.index((x + 1, y, z))]
        else:
            action[row, REST.index((x + 1, y, z))] = 1
    vectors = np.linalg.eig(action)[1]
    points = (vectors[6:9] / vectors[9]).T
    points = points[np.abs(points.imag).max(axis=1) < 1e-8].real
    found = np.einsum("nk,kij->nij", points, basis[:3]) + basis[3]
    return np.asarray(found * np.sqrt(2) / np.linalg.norm(found, axis=(1, 2), keepdims=True))


def sampson_rad(rotation: FloatArray, direction: FloatArray, ref: FloatArray, cur: FloatArray) -> FloatArray:
    """Return the least shift of both rays that puts them on the epipolar constraint, with its sign, (n,)."""
    e = essential(rotation, direction)
    line, back = ref @ e.T, cur @ e
    off = (cur * line).sum(axis=1)
    return np.asarray(off / np.sqrt((line**2).sum(axis=1) + (back**2).sum(axis=1) - 2 * off**2))


def refined(
    rotation: FloatArray, direction: FloatArray, ref: FloatArray, cur: FloatArray, noise_rad: float
) -> tuple[FloatArray, FloatArray]:
    """Return the rotation and direction of the least Cauchy cost near these."""
    side = np.linalg.svd(direction[None])[2][1:]

    def pose(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        moved = direction + x[3:] @ side
        return Rotation.from_rotvec(x[:3]).as_matrix() @ rotation, moved / np.linalg.norm(moved)

    best = least_squares(
        lambda x: sampson_rad(*pose(x), ref, cur),
        np.zeros(5),
        loss="cauchy",
        f_scale=CAUCHY * noise_rad,
        x_scale=[0.01, 0.01, 0.01, 0.1, 0.1],
        xtol=1e-14,
        ftol=1e-15,
        gtol=1e-15,
    )
    return pose(best.x)
