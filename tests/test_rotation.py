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


@pytest.mark.parametrize(
    ("angles_deg", "forward", "right"),
    [
        ((30, 0, 0), (0.5, 0, 0.75**0.5), (0.75**0.5, 0, -0.5)),  # looks right
        ((0, 30, 0), (0, -0.5, 0.75**0.5), (1, 0, 0)),  # looks up: y is down
        ((0, 0, 30), (0, 0, 1), (0.75**0.5, 0.5, 0)),  # leans clockwise: its right hand goes down
        ((90, 30, 0), (0.75**0.5, -0.5, 0), (0, 0, -1)),  # yaw first: up stays up
        ((90, 0, 30), (1, 0, 0), (0, 0.5, -(0.75**0.5))),
    ],
)
def test_yaw_looks_right_pitch_up_and_roll_leans_clockwise(angles_deg: tuple, forward: tuple, right: tuple) -> None:
    turn = rotation.matrix(rotation.from_yaw_pitch_roll(np.radians(angles_deg)))
    np.testing.assert_allclose(turn @ [0, 0, 1], forward, atol=EXACT)
    np.testing.assert_allclose(turn @ [1, 0, 0], right, atol=EXACT)


def test_yaw_pitch_and_roll_come_back() -> None:
    rng = np.random.default_rng(9)
    angles = rng.uniform([-3.1, -1.55, -3.1], [3.1, 1.55, 3.1], (4, 50, 3))
    np.testing.assert_allclose(rotation.yaw_pitch_roll(rotation.from_yaw_pitch_roll(angles)), angles, atol=1e-9)
    np.testing.assert_allclose(rotation.yaw_pitch_roll(-rotation.from_yaw_pitch_roll(angles)), angles, atol=1e-9)


@pytest.mark.parametrize("pitch_deg", [90, -90])
def test_straight_up_and_down_roll_is_none_and_the_rotation_is_kept(pitch_deg: float) -> None:
    turn = rotation.from_yaw_pitch_roll(np.radians([40, pitch_deg, 25]))
    angles = rotation.yaw_pitch_roll(turn)
    assert angles[2] == 0
    assert np.degrees(angles[1]) == pytest.approx(pitch_deg)
    away = rotation.product(rotation.inverse(turn), rotation.from_yaw_pitch_roll(angles))
    assert rotation.angle_rad(away) < 1e-7
