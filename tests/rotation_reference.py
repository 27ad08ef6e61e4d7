"""The slow twin of the rotation path solver, in NumPy and SciPy: the same energy, dense matrices, written to be read.

Quaternions are (w, x, y, z), unit, Hamilton; rotation vectors in radians.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from vstab_core.types import FloatArray

MAX_ITERATIONS = 300
TOLERANCE = 1e-13  # relative change of the energy

Ints = npt.NDArray[np.int64]


def as_rotation(quaternion: FloatArray) -> Rotation:
    return Rotation.from_quat(np.roll(quaternion, -1, axis=-1))


def as_quaternion(of: Rotation) -> FloatArray:
    return np.asarray(np.roll(of.as_quat(), 1, axis=-1))


def skew(v: FloatArray) -> FloatArray:
    """Return the matrices of v x, (..., 3, 3)."""
    return np.cross(v[..., None, :], np.eye(3), axis=-1) * -1.0


def jacobian(w: FloatArray) -> FloatArray:
    """Return J (..., 3, 3): exp(w + d) = exp(J d) exp(w), by its series."""
    k, term, total = skew(w), np.broadcast_to(np.eye(3), (*w.shape, 3)), np.zeros((*w.shape, 3))
    for n in range(1, 40):
        total = total + term
        term = term @ k / (n + 1)
    return np.asarray(total)


def vertex_weights(ray: FloatArray) -> FloatArray:
    """Return (n, 6): what each vertex (+x, -x, +y, -y, +z, -z) has at these source rays."""
    share = np.abs(ray) / np.abs(ray).sum(axis=-1, keepdims=True)
    return np.stack([share * (ray >= 0), share * (ray < 0)], axis=-1).reshape(-1, 6)


@dataclass(frozen=True)
class Weights:
    """The solver's options, all of them spelled out."""

    loss_rad: float = 0.01
    first_weight: float = 1.0
    second_weight: float = 1.0
    prior_first: float = 1e-4
    prior_second: float = 1e-4
    spread_weight: float = 0.01
    magnitude_weight: float = 1e-3
    temporal_weight: float = 0.05
    unseen_weight: float = 0.5
    least_tracks: float = 100.0


@dataclass
class ReferencePath:
    """One segment; `quats` and `local` are the state, `solve` and `solve_local` find the best."""

    quats: FloatArray
    fixed: npt.NDArray[np.bool_]
    track_start: Ints
    frame: Ints
    ray: FloatArray
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        self.local = np.zeros((len(self.quats), 6, 3))
        starts = self.track_start
        pairs = [i for a, b in itertools.pairwise(starts) for i in range(a, b - 1)]
        triples = [i for a, b in itertools.pairwise(starts) for i in range(a, b - 2)]
        self._pairs, self._triples = np.array(pairs, int), np.array(triples, int)
        self._share = vertex_weights(self.ray)
        self._seen = np.maximum(np.bincount(self.frame, minlength=len(self.quats)), self.weights.least_tracks).astype(
            float
        )

    def stabilized(self) -> FloatArray:
        """Return the rays as the state shows them, (N, 3)."""
        omega = np.einsum("nk,nkc->nc", self._share, self.local[self.frame])
        return np.asarray(as_rotation(self.quats[self.frame]).apply(Rotation.from_rotvec(omega).apply(self.ray)))

    def tracks_energy(self) -> float:
        """Return E of the tracks."""
        return sum(float(weight * self._rho(r).sum()) for weight, r, *_ in self._differences())

    def energy(self) -> float:
        """Return E of the tracks and the prior of the rotations."""
        return self.tracks_energy() + sum(float(w * (r**2).sum()) for w, r, *_ in self._prior())

    def local_energy(self) -> float:
        """Return E of the tracks and the regularizer of the local rotations."""
        x = self.local.ravel()
        return self.tracks_energy() + float(x @ self._regularizer() @ x)

    def solve(self) -> None:
        """Stage one: the rotations."""
        self._descend(self.energy, self._rotation_system, self._turn)

    def solve_local(self) -> None:
        """Stage two: the local rotations, the rotations as they are."""
        self._descend(self.local_energy, self._local_system, self._deform)

    def _rho(self, r: FloatArray) -> FloatArray:
        return np.asarray(self.weights.loss_rad**2 * np.log1p((r**2).sum(axis=-1) / self.weights.loss_rad**2))

    def _differences(self) -> list[tuple[float, FloatArray, Ints, tuple[float, ...]]]:
        """Return weight, residuals, first observations and factors of the following rays, of both orders."""
        y, i, j = self.stabilized(), self._pairs, self._triples
        return [
            (self.weights.first_weight, y[i] - y[i + 1], i, (1.0, -1.0)),
            (self.weights.second_weight, 2 * y[j + 1] - y[j] - y[j + 2], j, (-1.0, 2.0, -1.0)),
        ]

    def _prior(self) -> list[tuple[float, FloatArray, int, list[FloatArray]]]:
        """Return weight, residual, first frame and Jacobians of each term on the rotations themselves."""
        turns = as_rotation(self.quats)
        v = (turns[1:] * turns[:-1].inv()).as_rotvec()
        to = np.linalg.inv(jacobian(v))
        back = -np.swapaxes(to, -1, -2)
        terms = [(self.weights.prior_first, v[t], t, [back[t], to[t]]) for t in range(len(v))]
        for t in range(len(v) - 1):
            jacobians = [-back[t], back[t + 1] - to[t], to[t + 1]]
            terms.append((self.weights.prior_second, v[t + 1] - v[t], t, jacobians))
        return terms

    def _tracks_system(self, slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return matrix and gradient, of half the energy; slopes (N, 3, U): of a ray by the unknowns of its frame."""
        unknowns = slopes.shape[-1]
        matrix = np.zeros((len(self.quats), unknowns, len(self.quats), unknowns))
        gradient = np.zeros((len(self.quats), unknowns))
        for weight, r, first, factors in self._differences():
            w = weight / (1 + (r**2).sum(axis=-1) / self.weights.loss_rad**2)
            for a, factor in enumerate(factors):
                ja = factor * slopes[first + a]
                np.add.at(gradient, self.frame[first + a], np.einsum("n,ncu,nc->nu", w, ja, r))
                for b, other in enumerate(factors):
                    jb = other * slopes[first + b]
                    frames = (self.frame[first + a], slice(None), self.frame[first + b])
                    np.add.at(matrix, frames, np.einsum("n,ncu,ncv->nuv", w, ja, jb))
        return matrix.reshape(gradient.size, -1), gradient

    def _rotation_system(self) -> tuple[FloatArray, FloatArray]:
        matrix, gradient = self._tracks_system(-skew(self.stabilized()))
        for weight, r, first, jacobians in self._prior():
            for a, ja in enumerate(jacobians):
                gradient[first + a] += weight * ja.T @ r
                for b, jb in enumerate(jacobians):
                    rows, cols = (
                        slice(3 * (first + a), 3 * (first + a) + 3),
                        slice(3 * (first + b), 3 * (first + b) + 3),
                    )
                    matrix[rows, cols] += weight * ja.T @ jb
        return matrix, gradient

    def _local_system(self) -> tuple[FloatArray, FloatArray]:
        omega = np.einsum("nk,nkc->nc", self._share, self.local[self.frame])
        turned = as_rotation(self.quats[self.frame]).as_matrix() @ jacobian(omega)
        slope = -skew(self.stabilized()) @ turned  # by omega
        slopes = np.einsum("nk,ncd->nckd", self._share, slope).reshape(len(slope), 3, 18)
        matrix, gradient = self._tracks_system(slopes)
        regularizer = self._regularizer()
        return matrix + regularizer, gradient + (regularizer @ self.local.ravel()).reshape(gradient.shape)

    def _regularizer(self) -> FloatArray:
        frames, w = len(self.quats), self.weights
        spread = w.spread_weight * (np.eye(6) - 1 / 6) + w.magnitude_weight * np.eye(6)
        matrix = np.kron(np.diag(self._seen), np.kron(spread, np.eye(3)))
        support = np.zeros((frames, 6))
        np.add.at(support, self.frame, self._share**2)
        lacks = np.maximum(0, 1 - support / (0.03 * self._seen[:, None]))
        matrix += np.diag(np.repeat((w.unseen_weight * self._seen[:, None] * lacks).ravel(), 3))
        change = np.diff(np.eye(frames), axis=0)
        between = w.temporal_weight * 0.5 * (self._seen[1:] + self._seen[:-1])
        return np.asarray(matrix + np.kron(change.T @ (between[:, None] * change), np.eye(18)))

    def _turn(self, step: FloatArray) -> None:
        self.quats = as_quaternion(Rotation.from_rotvec(step) * as_rotation(self.quats))

    def _deform(self, step: FloatArray) -> None:
        self.local = self.local + step.reshape(self.local.shape)

    def _descend(self, energy, system, move) -> None:  # type: ignore[no-untyped-def]
        damping, reached = 1e-6, energy()
        for _ in range(MAX_ITERATIONS):
            matrix, gradient = system()
            unknowns = gradient.shape[1]
            free = np.repeat(~self.fixed, unknowns)
            step = np.zeros(gradient.size)
            inner = matrix[np.ix_(free, free)]
            step[free] = np.linalg.solve(inner + damping * np.diag(inner.diagonal()), -gradient.ravel()[free])
            before = self.quats, self.local
            move(step.reshape(gradient.shape))
            tried = energy()
            if tried > reached:
                self.quats, self.local = before
                damping *= 10
                if damping > 1e6:
                    return
                continue
            gain, reached = (reached - tried) / reached, tried
            damping = max(0.1 * damping, 1e-12)
            if gain < TOLERANCE:
                return
