"""Laws of the rotations: what a product, an inverse, an exponential mean, against plain matrices."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vstab_core import rotation

EXACT = 1e-12


@pytest.fixture
def some() -> np.ndarray:
    rng = np.random.default_rng(8)
    return rotation.normalised(rng.standard_normal((50, 4)))


def test_a_matrix_is_that_of_the_rotation_vector(some: np.ndarray) -> None:
    for q in some:
        expected = cv2.Rodrigues(rotation.logarithm(q))[0]
        np.testing.assert_allclose(rotation.matrix(q), expected, atol=1e-9)


def test_products_are_those_of_the_matrices(some: np.ndarray) -> None:
    a, b = some[:25], some[25:]
    np.testing.assert_allclose(
        rotation.matrix(rotation.product(a, b)), rotation.matrix(a) @ rotation.matrix(b), atol=EXACT
    )


def test_the_inverse_undoes(some: np.ndarray) -> None:
    np.testing.assert_allclose(
        np.abs(rotation.product(some, rotation.inverse(some))), np.tile(rotation.IDENTITY, (50, 1)), atol=EXACT
    )


@pytest.mark.parametrize("angle_rad", [0.0, 1e-9, 1e-4, 0.3, 3.1])
def test_the_logarithm_undoes_the_exponential(angle_rad: float) -> None:
    vector = angle_rad * np.array([2.0, -1.0, 2.0]) / 3
    np.testing.assert_allclose(rotation.logarithm(rotation.exponential(vector)), vector, atol=1e-12)
    assert rotation.angle_rad(-rotation.exponential(vector)) == pytest.approx(angle_rad, abs=1e-12)


def test_matrices_give_their_quaternion_back(some: np.ndarray) -> None:
    back = rotation.from_matrix(rotation.matrix(some))
    np.testing.assert_allclose(np.abs((back * some).sum(axis=1)), 1, atol=EXACT)
    assert (back[:, 0] >= 0).all()
    half_turn = rotation.from_matrix(np.diag([-1.0, 1.0, -1.0]))  # where a formula with sqrt(1 + trace) fails
    np.testing.assert_allclose(np.abs(half_turn), [0, 0, 1, 0], atol=EXACT)


def test_slerp_turns_evenly_the_shorter_way() -> None:
    start, end = rotation.exponential([0, 0.2, 0]), -rotation.exponential([0, 1.0, 0])
    path = rotation.slerp(start, end, np.array([0.0, 0.25, 1.0]))
    np.testing.assert_allclose(rotation.logarithm(path), [[0, 0.2, 0], [0, 0.4, 0], [0, 1.0, 0]], atol=1e-12)


def test_a_continued_path_has_no_sign_jumps() -> None:
    path = rotation.exponential(np.linspace([0, 0, 0], [0, 7.0, 0], 60))
    flipped = path * np.where(np.arange(60) % 3 == 0, -1, 1)[:, None]
    assert np.abs(np.diff(rotation.continued(flipped), axis=0)).max() < 0.1
