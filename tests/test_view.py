"""Where stabilized 360 views look, for camera paths that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import FPS, sway

from vstab_core import rotation
from vstab_core.errors import UsageError
from vstab_core.params import Parameters, orientation_keys
from vstab_core.smooth import view
from vstab_core.types import FloatArray, Fraction, RotationMotion, WarpTrack

COUNT = 60
UP = np.array([0.0, -1.0, 0.0])
FORWARD = np.array([0.0, 0.0, 1.0])


def turns(count: int = COUNT) -> FloatArray:
    """world_from_cam, (count, 4): a pan of 40 degrees a second under shake about all axes; begins at rest."""
    vectors = np.stack([sway(count, 2.0, 2.0), sway(count, 3.0, 1.0, 0.4), sway(count, 2.5, 1.5, 1.0)], axis=1)
    vectors[:, 1] += 40 * np.arange(count) / FPS
    path = rotation.exponential(np.radians(vectors))
    return rotation.product(rotation.inverse(path[0]), path)


def motion_of(
    path: FloatArray, local: np.ndarray | None = None, up: np.ndarray = UP, travel: np.ndarray | None = None
) -> RotationMotion:
    count = len(path)
    return RotationMotion(
        width=768, height=384, pts=np.arange(count, dtype=np.int64), time_base=Fraction(1, 30), world_from_cam=path,
        local=np.zeros((count, 6, 3), np.float32) if local is None else local,
        confidence=np.ones(count, np.float32), cut=np.arange(count) == 0, key_frame=np.arange(count) % 20 == 0,
        up=np.tile(up, (count, 1)).astype(np.float32),
        travel=np.zeros((count, 3), np.float32) if travel is None else travel.astype(np.float32),
    )  # fmt: skip


def shown(path: FloatArray, warps: WarpTrack) -> FloatArray:
    """Return world_from_dst, (n, 4): where the stabilized view looks."""
    return rotation.product(path, rotation.from_matrix(warps.src_from_dst))


def test_horizon_is_level_and_keeps_the_smoothed_heading() -> None:
    path = turns(150)
    up = np.array([0.2, -0.95, -0.1])
    up /= np.linalg.norm(up)
    warps = view.smooth(motion_of(path, up=up), Parameters(view="horizon"))
    world_from_dst = rotation.matrix(shown(path, warps))
    np.testing.assert_allclose(world_from_dst @ UP, np.tile(up, (150, 1)), atol=1e-6)
    steady = view.smooth(motion_of(path, up=up), Parameters())
    level = [m @ FORWARD for m in (world_from_dst, rotation.matrix(shown(path, steady)))]
    level = [(v - (v @ up)[:, None] * up) for v in level]
    level = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in level]
    assert np.degrees(np.arccos(np.clip((level[0] * level[1]).sum(axis=1), -1, 1))).max() < 2.5  # the tilt's own yaw


def test_follow_has_the_direction_of_travel_in_front() -> None:
    path = turns(240)
    yaw = np.radians(np.linspace(0, 180, 240))  # walking a half circle, known in stretches of 40 frames
    known = yaw[np.arange(240) // 40 * 40 + 20]
    travel = np.stack([np.sin(known), 0.3 * np.ones(240), np.cos(known)], axis=1)  # uphill
    warps = view.smooth(motion_of(path, travel=travel), Parameters(view="follow"))
    front = rotation.matrix(shown(path, warps)) @ FORWARD
    np.testing.assert_allclose(front[:, 1], 0, atol=1e-9)
    off_deg = np.degrees(np.angle(np.exp(1j * (np.arctan2(front[:, 0], front[:, 2]) - yaw))))
    assert np.abs(off_deg[40:180]).max() < 1.0
    turning = np.diff(np.unwrap(np.arctan2(front[:, 0], front[:, 2])))
    assert np.degrees(np.abs(np.diff(turning)).max()) < 0.1  # no kink where a stretch ends


def test_follow_without_a_known_direction_is_level_and_says_so() -> None:
    path = turns()
    motion = motion_of(path)
    horizon = view.smooth(motion, Parameters(view="horizon"))
    np.testing.assert_array_equal(view.smooth(motion, Parameters(view="follow")).src_from_dst, horizon.src_from_dst)
    assert "where the camera travels" in view.doubts(motion, Parameters(view="follow"))[0]
    assert view.doubts(motion, Parameters(view="horizon")) == []


@pytest.mark.parametrize(("axis", "name"), [(0, "yaw"), (1, "pitch"), (2, "roll")])
def test_an_axis_can_be_left_to_the_camera(axis: int, name: str) -> None:
    path = turns()
    warps = view.smooth(motion_of(path), Parameters(view="lock", **{f"stabilize_{name}": 0.0}))
    own, kept = rotation.yaw_pitch_roll(path), rotation.yaw_pitch_roll(shown(path, warps))
    expected = np.zeros_like(own)
    expected[:, axis] = own[:, axis]
    np.testing.assert_allclose(kept, expected, atol=1e-9)


def test_half_of_an_axis_is_half_of_its_angle() -> None:
    path = rotation.from_yaw_pitch_roll(np.radians(np.linspace([0, 0, 0], [0, 20, 0], COUNT)))
    warps = view.smooth(motion_of(path), Parameters(view="lock", stabilize_pitch=0.5))
    pitch_deg = np.degrees(rotation.yaw_pitch_roll(shown(path, warps))[:, 1])
    np.testing.assert_allclose(pitch_deg, np.linspace(0, 10, COUNT), atol=1e-9)


def test_the_users_orientation_turns_the_finished_view() -> None:
    path = turns()
    motion = motion_of(path)
    plain = rotation.matrix(shown(path, view.smooth(motion, Parameters())))
    turned = rotation.matrix(shown(path, view.smooth(motion, Parameters(orientation="30 0 0"))))
    front = np.einsum("nji,nj->ni", plain, turned @ FORWARD)
    np.testing.assert_allclose(front, np.tile([0.5, 0, np.sqrt(0.75)], (COUNT, 1)), atol=1e-9)  # to the right
    still = motion_of(np.tile(rotation.IDENTITY, (COUNT, 1)))
    keyed = view.smooth(still, Parameters(orientation="0: 0 0 0, 1: 90 0 0"))
    yaw_deg = np.degrees(rotation.yaw_pitch_roll(rotation.from_matrix(keyed.src_from_dst))[:, 0])
    np.testing.assert_allclose(yaw_deg, np.minimum(3 * np.arange(COUNT), 90), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0 0 0", [(0, 0, 0, 0)]),
        ("-30 5.5 1e1", [(0, -30, 5.5, 10)]),
        ("1: 0 0 0,4.5:90 0 0", [(1, 0, 0, 0), (4.5, 90, 0, 0)]),
    ],
)
def test_orientation_is_read(text: str, rows: list[tuple[float, ...]]) -> None:
    assert orientation_keys(text) == rows


@pytest.mark.parametrize(
    "text", ["", "1 2", "1 2 3 4", "a b c", "0: 1 2", "1 2 3, 4 5 6", "nan 0 0", "0 0 0\n", ": 1 2 3"]
)
def test_a_meaningless_orientation_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--orientation must be"):
        Parameters(orientation=text)
    with pytest.raises(UsageError, match="in order of time"):
        Parameters(orientation="2: 0 0 0, 1: 0 0 0")


def test_lock_holds_the_first_direction() -> None:
    path = turns()
    warps = view.smooth(motion_of(path), Parameters(view="lock"))
    assert warps.projection == "equirect"
    # a thing seen along p in the camera is shown where the first frame showed it
    first_from_cam = rotation.matrix(rotation.product(rotation.inverse(path[0]), path))
    np.testing.assert_allclose(np.swapaxes(warps.src_from_dst, 1, 2), first_from_cam, atol=1e-9)


def test_steady_keeps_the_pan_and_takes_the_shake() -> None:
    path = turns(150)
    warps = view.smooth(motion_of(path), Parameters(view="steady"))
    world_from_view = rotation.product(path, rotation.from_matrix(warps.src_from_dst))
    steps_deg = np.degrees(
        rotation.logarithm(rotation.product(rotation.inverse(world_from_view[:-1]), world_from_view[1:]))
    )
    middle = steps_deg[30:-30]
    np.testing.assert_allclose(middle[:, 1], 40 / FPS, rtol=0.1)  # degrees a frame to the right
    assert np.abs(middle[:, [0, 2]]).max() < 0.06  # of steps of up to 1 degree


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_strength_and_deformation_scale_the_correction(share: float) -> None:
    path = turns()
    local = np.full((COUNT, 6, 3), 0.01, np.float32)
    warps = view.smooth(motion_of(path, local), Parameters(view="lock", deformation=share))
    assert (warps.local is None) == (share == 0)
    if warps.local is not None:
        np.testing.assert_allclose(warps.local, 0.01 * share, rtol=1e-6)
    weak = view.smooth(motion_of(path), Parameters(view="lock", strength=share))
    turned = rotation.angle_rad(rotation.from_matrix(weak.src_from_dst))
    whole = rotation.angle_rad(rotation.product(rotation.inverse(path[0]), path))
    np.testing.assert_allclose(turned, share * whole, atol=1e-9)


def test_a_steady_shot_is_left_untouched() -> None:
    trembling = rotation.exponential(np.random.default_rng(1).normal(0, 5e-5, (COUNT, 3)))
    warps = view.smooth(motion_of(trembling), Parameters())
    np.testing.assert_array_equal(warps.src_from_dst, np.tile(np.eye(3), (COUNT, 1, 1)))
