"""Rotations: unit quaternions (w, x, y, z), Hamilton, and rotation vectors in radians.

`a_from_b` as a quaternion and as a matrix mean the same: they take a vector in b's coordinates to a's. All functions
work on stacks: (..., 4), (..., 3, 3), (..., 3). q and -q are one rotation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .types import FloatArray

IDENTITY = np.array([1.0, 0.0, 0.0, 0.0])
ROBUST_WIDTHS_RAD = np.radians([4.0, 1.5, 0.6, 0.6])  # from the shake of a frame down to the parallax of a step


def normalised(quaternion: npt.ArrayLike) -> FloatArray:
    """Return the quaternions at unit length."""
    q = np.asarray(quaternion, np.float64)
    return np.asarray(q / np.linalg.norm(q, axis=-1, keepdims=True))


def inverse(quaternion: npt.ArrayLike) -> FloatArray:
    """Return b_from_a of a_from_b."""
    return np.asarray(np.asarray(quaternion, np.float64) * [1.0, -1.0, -1.0, -1.0])


def product(a_from_b: npt.ArrayLike, b_from_c: npt.ArrayLike) -> FloatArray:
    """Return a_from_c."""
    p, q = np.asarray(a_from_b, np.float64), np.asarray(b_from_c, np.float64)
    pw, pv, qw, qv = p[..., :1], p[..., 1:], q[..., :1], q[..., 1:]
    scalar = pw * qw - (pv * qv).sum(axis=-1, keepdims=True)
    return np.concatenate([scalar, pw * qv + qw * pv + np.cross(pv, qv)], axis=-1)


def exponential(vector_rad: npt.ArrayLike) -> FloatArray:
    """Return the quaternion of a rotation vector: axis times angle in radians."""
    v = np.asarray(vector_rad, np.float64)
    half = 0.5 * np.linalg.norm(v, axis=-1, keepdims=True)
    return np.concatenate([np.cos(half), 0.5 * v * np.sinc(half / np.pi)], axis=-1)


def logarithm(quaternion: npt.ArrayLike) -> FloatArray:
    """Return the rotation vector, of the shorter way round: at most pi long."""
    q = normalised(quaternion)
    q = np.where(q[..., :1] < 0, -q, q)
    length = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(length, q[..., :1])
    return np.asarray(q[..., 1:] * np.where(length > 1e-12, angle / np.maximum(length, 1e-12), 2.0))


def matrix(quaternion: npt.ArrayLike) -> FloatArray:
    """Return the 3x3 matrices."""
    w, x, y, z = np.moveaxis(normalised(quaternion), -1, 0)
    rows: Any = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def from_matrix(rotation: npt.ArrayLike) -> FloatArray:
    """Return the quaternions of rotation matrices, w >= 0 (Bar-Itzhack 2000: the best one where they are inexact)."""
    m = np.asarray(rotation, np.float64)
    k = np.empty((*m.shape[:-2], 4, 4))
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    k[..., 0, 0], k[..., 1, 1], k[..., 2, 2], k[..., 3, 3] = xx + yy + zz, xx - yy - zz, yy - xx - zz, zz - xx - yy
    k[..., 0, 1] = k[..., 1, 0] = m[..., 2, 1] - m[..., 1, 2]
    k[..., 0, 2] = k[..., 2, 0] = m[..., 0, 2] - m[..., 2, 0]
    k[..., 0, 3] = k[..., 3, 0] = m[..., 1, 0] - m[..., 0, 1]
    k[..., 1, 2] = k[..., 2, 1] = m[..., 0, 1] + m[..., 1, 0]
    k[..., 1, 3] = k[..., 3, 1] = m[..., 0, 2] + m[..., 2, 0]
    k[..., 2, 3] = k[..., 3, 2] = m[..., 1, 2] + m[..., 2, 1]
    q = np.linalg.eigh(k)[1][..., -1]
    return np.asarray(np.where(q[..., :1] < 0, -q, q))


def from_yaw_pitch_roll(angles_rad: npt.ArrayLike) -> FloatArray:
    """Return the quaternions (..., 4) `world_from_cam` of cameras turned by (yaw, pitch, roll), (..., 3) radians.

    Convention:
        world_from_cam = Ry(yaw) Rx(pitch) Rz(roll) in x right, y down, z forward: each turn is about the camera's own
        axis as the turns before have left it. Positive yaw looks right, positive pitch looks up, positive roll leans
        the camera clockwise, to its right (the horizon in the picture turns the other way). Each right-handed.
    """
    angles = np.asarray(angles_rad, np.float64)
    yaw, pitch, roll = (exponential(angles[..., axis, None] * about) for axis, about in enumerate(np.eye(3)[[1, 0, 2]]))
    return product(product(yaw, pitch), roll)


def yaw_pitch_roll(quaternion: npt.ArrayLike) -> FloatArray:
    """Return (yaw, pitch, roll), (..., 3) radians, of cameras `world_from_cam`; undoes `from_yaw_pitch_roll`.

    Yaw and roll are in -pi..pi, pitch in -pi/2..pi/2. Straight up or down, where only yaw minus roll (up) or yaw plus
    roll (down) is defined, roll is 0.
    """
    m = matrix(quaternion)
    level = np.hypot(m[..., 0, 2], m[..., 2, 2])  # of the forward axis; 0 where it points up or down
    pole = level < 1e-9
    yaw = np.where(pole, np.arctan2(-m[..., 2, 0], m[..., 0, 0]), np.arctan2(m[..., 0, 2], m[..., 2, 2]))
    roll = np.where(pole, 0.0, np.arctan2(m[..., 1, 0], m[..., 1, 1]))
    return np.stack([yaw, np.arctan2(0.0 - m[..., 1, 2], level), roll], axis=-1)


def slerp(start: npt.ArrayLike, end: npt.ArrayLike, share: npt.ArrayLike) -> FloatArray:
    """Return the rotations at these shares (n,) of the shorter way from `start` to `end`, (n, 4)."""
    step = logarithm(product(end, inverse(start)))
    return product(exponential(np.asarray(share, np.float64)[..., None] * step), start)


def turn_between(a: FloatArray, b: FloatArray, weight: FloatArray | None = None) -> FloatArray:
    """Return the matrix that takes unit rays a (N, 3) nearest to b: Kabsch's solution, with weights (N,)."""
    u, _, vt = np.linalg.svd((b if weight is None else b * weight[:, None]).T @ a)
    return np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt)


def robust_turn_between(a: FloatArray, b: FloatArray, widths_rad: npt.ArrayLike = ROBUST_WIDTHS_RAD) -> FloatArray:
    """Return `turn_between` with Geman-McClure weights of widths that are narrowed step by step."""
    weight = np.ones(len(a))
    turn = np.eye(3)
    for width in np.asarray(widths_rad):
        turn = turn_between(a, b, weight)
        weight = 1 / (1 + ((b - a @ turn.T) ** 2).sum(axis=1) / width**2) ** 2
    return turn


def continued(quaternions: npt.ArrayLike) -> FloatArray:
    """Return a path (n, 4) with signs such that neighbours are near each other as vectors too."""
    q = np.array(quaternions, np.float64)
    turn = np.sign((q[1:] * q[:-1]).sum(axis=-1))
    turn[turn == 0] = 1.0
    q[1:] *= np.cumprod(turn)[:, None]
    return q


def angle_rad(quaternion: npt.ArrayLike) -> FloatArray:
    """Return how far the rotations turn, 0 to pi."""
    return np.asarray(np.linalg.norm(logarithm(quaternion), axis=-1))
