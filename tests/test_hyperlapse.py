"""Which frames a hyperlapse shows, judged by what the camera is known to have done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
import pytest

from tests.rotation_reference import as_rotation
from tests.sphere_tracks import directions, noisy, shaky_path
from tests.synthetic import Camera, motion_of, moving, shaking
from vstab_core import rotation
from vstab_core.corners import apply, motion_over_picture
from vstab_core.errors import SidecarError, UsageError
from vstab_core.motion.speed import speed_of
from vstab_core.params import Parameters
from vstab_core.smooth import path, view
from vstab_core.smooth.pace import variation
from vstab_core.smooth.solve import smooth
from vstab_core.track360 import Rays
from vstab_core.types import CameraMotion, FloatArray, RotationMotion, WarpTrack

FRAMES = 600
# Frames and speed of each stretch of a way: a stop of three seconds, a stroll, a run. Half widths a frame.
STRETCHES = ((150, 0.010), (90, 0.0), (150, 0.004), (120, 0.020), (90, 0.010))
SPEED = np.repeat([speed for _, speed in STRETCHES], [frames for frames, _ in STRETCHES])
WAY = np.cumsum(SPEED) - SPEED[0]
STOP = (150, 240)


@dataclass(frozen=True)
class Traveller(Camera):
    """A camera that pans along a way on top of its shake."""

    way: FloatArray = field(default_factory=lambda: WAY)

    def numbers(self, frame: np.typing.ArrayLike) -> FloatArray:
        numbers = super().numbers(frame)
        numbers[:, 0] += np.interp(np.atleast_1d(np.asarray(frame)), np.arange(len(self.way)), self.way)
        return numbers


TRAVELLER = Traveller(**vars(shaking(4, x=0.008, turn=0.003)))


def flat(camera: Camera = TRAVELLER, cuts: tuple[int, ...] = (), frames: int = FRAMES) -> CameraMotion:
    motion = motion_of(camera, frames, cuts=cuts)
    return replace(motion, speed=np.zeros(frames, np.float32))


def sphere(speed: FloatArray = SPEED, cuts: tuple[int, ...] = (), *, noise: float = 0.1) -> RotationMotion:
    """A 360 camera that shakes and travels; the measured speed is off by 10 % in every frame."""
    frames = len(speed)
    rng = np.random.default_rng(8)
    measured = speed * rng.normal(1, noise, frames) + np.abs(rng.normal(0, 1e-4, frames))
    return RotationMotion(
        512,
        256,
        np.arange(frames, dtype=np.int64) * 3000,
        Fraction(1, 90000),
        as_rotation(shaky_path(frames, 5)).as_quat(scalar_first=True),
        np.zeros((frames, 6, 3), np.float32),
        np.ones(frames, np.float32),
        np.isin(np.arange(frames), [0, *cuts]),
        np.zeros(frames, bool),
        np.tile(np.array([0, -1, 0], np.float32), (frames, 1)),
        np.zeros((frames, 3), np.float32),
        np.abs(measured).astype(np.float32),
    )


def used(warps: WarpTrack) -> np.ndarray:
    return warps.pts // 3000


def picture_motion(warps: WarpTrack, camera: Camera) -> FloatArray:
    """How far the stabilized picture moves from shown frame to shown frame, of the camera's true poses."""
    points, _ = motion_over_picture(warps.aspect)
    dst_from_scene = np.linalg.inv(warps.src_from_dst) @ np.linalg.inv(camera.poses(used(warps)))
    steps = dst_from_scene[1:] @ np.linalg.inv(dst_from_scene[:-1])
    return np.linalg.norm(apply(steps, points) - points, axis=2).mean(axis=1)


# -- an even speed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "times_evener"), [(4, 4), (8, 4), (20, 3)])
def test_the_stabilized_picture_of_an_uneven_pan_moves_evenly(factor: int, times_evener: float) -> None:
    motion = flat()
    every = np.arange(0, FRAMES, factor)
    before = variation(np.diff(WAY[every]))
    after = variation(picture_motion(smooth(motion, Parameters(hyperlapse=factor)), TRAVELLER))
    assert before > 0.6
    assert after < before / times_evener


def test_a_360_camera_travels_evenly() -> None:
    warps = smooth(sphere(), Parameters(hyperlapse=8, view="lock"))
    before, after = np.diff(WAY[::8]), np.diff(WAY[used(warps)])
    assert variation(before) > 0.6
    assert variation(after) < variation(before) / 3.5


def test_a_360_view_that_turns_with_the_camera_counts_its_turning_too() -> None:
    motion = sphere()
    warps = smooth(motion, Parameters(hyperlapse=8, view="steady"))
    world_from_view = rotation.matrix(motion.world_from_cam[used(warps)]) @ warps.src_from_dst
    steps = world_from_view[1:] @ np.swapaxes(world_from_view[:-1], 1, 2)
    turn = np.arccos(np.clip((np.trace(steps, axis1=1, axis2=2) - 1) / 2, -1, 1)) * np.pi / 4
    assert turn.mean() > 0.02  # it pans by 0.3 degrees a frame, also while it stands
    every = np.hypot(np.diff(WAY[::8]), turn.mean())
    assert variation(np.hypot(np.diff(WAY[used(warps)]), turn)) < variation(every) / 3


def test_a_stop_is_skipped_but_not_at_once() -> None:
    for motion in (flat(), sphere()):
        frames = used(smooth(motion, Parameters(hyperlapse=8, view="lock")))
        stopped = ((frames > STOP[0] + 8) & (frames < STOP[1] - 8)).sum()
        assert 1 <= stopped <= 3  # 11 of the 90 would be an even share


@pytest.mark.parametrize("factor", [1.3, 2, 8, 100])
def test_it_plays_as_many_times_shorter_at_the_same_rate(factor: float) -> None:
    for motion in (flat(), sphere()):
        warps = smooth(motion, Parameters(hyperlapse=factor))
        assert warps.out_pts is not None
        assert len(warps) == round(FRAMES / factor)
        np.testing.assert_array_equal(np.diff(warps.out_pts), 3000)
        assert (np.diff(warps.pts) > 0).all()
        assert warps.pts[0] == warps.out_pts[0] == motion.pts[0]


def test_frames_that_are_not_due_are_not_repeated_where_the_camera_races() -> None:
    speed = np.full(300, 0.002)
    speed[100:130] = 0.5
    frames = used(smooth(sphere(speed), Parameters(hyperlapse=3)))
    assert len(frames) == 100
    assert (np.diff(frames) >= 1).all()
    assert (np.diff(frames)[(frames[:-1] > 105) & (frames[:-1] < 125)] == 1).all()


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_small_changes_of_speed_make_no_jerks(factor: int) -> None:
    """Whole frames cannot follow 10 %: the nearest ones make gaps of 3 among those of 2, and a variation of 0.17."""
    speed = 0.01 * (1 + 0.1 * np.sin(np.arange(FRAMES) / 20))
    frames = used(smooth(sphere(speed), Parameters(hyperlapse=factor, view="lock")))
    plain = variation(np.add.reduceat(speed, np.arange(0, FRAMES, factor)))
    assert variation(np.diff(np.cumsum(speed)[frames])) < plain + 0.02
    assert (np.diff(frames) != factor).mean() < 0.05


def test_a_camera_that_stands_still_all_the_time_gives_a_plain_time_lapse() -> None:
    for motion in (replace(flat(moving()), speed=np.full(FRAMES, 1e-5, np.float32)), sphere(np.zeros(FRAMES))):
        frames = used(smooth(motion, Parameters(hyperlapse=5, view="lock")))
        np.testing.assert_array_equal(frames, np.arange(0, FRAMES, 5))


def test_bridged_frames_are_no_stop() -> None:
    motion = sphere(np.full(300, 0.01))
    assert motion.speed is not None
    motion.speed[100:140], motion.confidence[100:140] = 0, 0
    frames = used(smooth(motion, Parameters(hyperlapse=5)))
    assert ((frames >= 100) & (frames < 140)).sum() == pytest.approx(8, abs=1)


def test_uneven_times_count_in_seconds() -> None:
    rng = np.random.default_rng(3)
    pts = np.cumsum(rng.integers(10, 60, FRAMES)).astype(np.int64)
    way = 0.01 * np.diff(pts, prepend=pts[0] - 35) / 35
    motion = replace(sphere(way), pts=pts, time_base=Fraction(1, 1000))
    warps = smooth(motion, Parameters(hyperlapse=6, view="lock"))
    assert warps.out_pts is not None
    lasts, source_lasts = warps.out_pts[-1] - warps.out_pts[0], pts[-1] - pts[0]
    assert lasts == pytest.approx(source_lasts / 6, rel=0.02)
    assert np.ptp(np.diff(warps.out_pts)) <= 1
    assert variation(np.diff(warps.pts)) < 0.15  # even in seconds; every sixth frame: 0.17


# -- shots ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cuts", [(300,), (7, 301, 303)])
def test_a_cut_stays_a_cut_and_every_shot_is_as_much_shorter(cuts: tuple[int, ...]) -> None:
    for motion in (flat(cuts=cuts), sphere(cuts=cuts)):
        frames = used(smooth(motion, Parameters(hyperlapse=8)))
        assert set(cuts) <= set(frames.tolist())
        for first, last in zip([0, *cuts], [*cuts, FRAMES], strict=True):
            shown = ((frames >= first) & (frames < last)).sum()
            assert shown == pytest.approx(max(1, (last - first) / 8), abs=0.501)


def test_nothing_is_smoothed_across_a_cut() -> None:
    """The camera jumps at the cut; each side must come out as if it were alone."""
    cut = 304
    parameters = Parameters(hyperlapse=8)
    whole = sphere(cuts=(cut,))
    rows = ("pts", "world_from_cam", "local", "confidence", "cut", "key_frame", "up", "travel", "speed")
    later = replace(whole, **{name: getattr(whole, name)[cut:] for name in rows})
    together, alone = smooth(whole, parameters), smooth(later, parameters)
    np.testing.assert_array_equal(together.pts[-len(alone) :], alone.pts)
    np.testing.assert_allclose(together.src_from_dst[-len(alone) :], alone.src_from_dst, atol=1e-9)


# -- the path -------------------------------------------------------------------------------------------------------


def test_a_factor_of_one_is_the_ordinary_result_bit_for_bit() -> None:
    parameters = Parameters(hyperlapse=1)
    for motion in (flat(cuts=(300,)), sphere(cuts=(300,))):
        once = smooth(motion, parameters)
        plain = (
            view.smooth(motion, parameters) if isinstance(motion, RotationMotion) else path.smooth(motion, parameters)
        )
        assert once.out_pts is None
        assert once.src_from_dst.tobytes() == plain.src_from_dst.tobytes()
        assert once.pts.tobytes() == motion.pts.tobytes()


def test_smoothness_counts_seconds_of_the_output() -> None:
    """A sway of 0.2 Hz is kept at the clip's own speed; eight times faster it is a shake of 1.6 Hz, and goes."""
    seconds = np.arange(FRAMES) / 30
    sway = np.zeros((FRAMES, 3))
    sway[:, 1] = np.radians(10) * np.sin(2 * np.pi * 0.2 * seconds)
    motion = replace(sphere(np.full(FRAMES, 0.01)), world_from_cam=rotation.exponential(sway))

    def left_deg(warps: WarpTrack) -> float:
        world_from_view = rotation.matrix(motion.world_from_cam[used(warps)]) @ warps.src_from_dst
        yaw = np.degrees(np.arctan2(world_from_view[:, 0, 2], world_from_view[:, 2, 2]))[25:-25]
        return float(np.ptp(yaw)) / 2

    assert left_deg(smooth(motion, Parameters())) == pytest.approx(10, rel=0.05)
    assert left_deg(smooth(motion, Parameters(hyperlapse=8))) < 1.0


def test_shake_between_the_shown_frames_is_taken_away() -> None:
    warps = smooth(flat(), Parameters(hyperlapse=8))
    at = np.linalg.inv(warps.src_from_dst) @ np.linalg.inv(TRAVELLER.poses(used(warps)))
    unsteady = np.linalg.inv(TRAVELLER.poses(used(warps)))
    jerk = [np.diff(m[:, 1, 2] / m[:, 2, 2], n=2) for m in (unsteady, at)]  # the way leads along x only
    assert np.std(jerk[1]) < np.std(jerk[0]) / 4
    assert warps.crop.max() <= Parameters().max_crop + 1e-9


def test_a_rolling_shutter_is_undone_with_the_speed_of_the_moment() -> None:
    motion = replace(flat(), readout_ratio=0.5)
    warps, without = (smooth(motion, Parameters(hyperlapse=8, rolling_shutter=choice)) for choice in ("on", "off"))
    assert without.mesh is None
    assert warps.mesh is not None
    now = used(warps)[3:-3]
    # A row is seen rho tau frames late; the bottom one a quarter of a frame, in which content moves this far.
    speed = 0.5 * (TRAVELLER.numbers(now - 1)[:, 0] - TRAVELLER.numbers(now + 1)[:, 0])
    seen = warps.mesh[3:-3, -1, 2, 0]
    assert np.corrcoef(seen, speed)[0, 1] > 0.95
    assert np.polyfit(speed, seen, 1)[0] == pytest.approx(0.25, rel=0.25)


# -- what is measured -----------------------------------------------------------------------------------------------


def test_the_speed_of_a_360_camera_is_what_its_travel_leaves() -> None:
    """Points at depths of 1 to 6, seen with 0.03 degrees of noise by a camera that turns by degrees and stops."""
    rng = np.random.default_rng(2)
    frames = 60
    speed = np.where((np.arange(frames) >= 20) & (np.arange(frames) < 40), 0.0, 0.03)
    points = directions(300, rng) * rng.uniform(1, 6, (300, 1))
    way = np.cumsum(speed)[:, None] * [1.0, 0.0, 0.0]
    world_from_cam = shaky_path(frames, 6)
    turns = as_rotation(world_from_cam).as_matrix()
    seen = points - way[:, None]
    seen /= np.linalg.norm(seen, axis=2, keepdims=True)
    rays = [Rays(np.arange(300), noisy(seen[i] @ turns[i], 0.03, rng)) for i in range(frames)]
    angles = np.arccos(np.clip((seen[1:] * seen[:-1]).sum(axis=2), -1, 1))
    angles = np.append(0.0, np.sort(angles, axis=1)[:, 75:225].mean(axis=1))
    found = speed_of(rays, world_from_cam)
    assert found[0] == 0
    steady = [*range(3, 17), *range(43, 58)]
    np.testing.assert_allclose(found[steady], angles[steady], rtol=0.1)
    assert found[24:36].max() < 0.05 * found[steady].mean()


def test_a_frame_without_tracks_has_the_speed_of_its_neighbours() -> None:
    rng = np.random.default_rng(2)
    points = directions(100, rng) * rng.uniform(1, 3, (100, 1))
    rays = []
    for frame in range(20):
        seen = points - [0.03 * frame, 0, 0]
        rays.append(Rays(np.arange(100), seen / np.linalg.norm(seen, axis=1, keepdims=True)))
    still = np.tile(rotation.IDENTITY, (20, 1))
    whole = speed_of(rays, still)
    rays[8:12] = [Rays()] * 4
    np.testing.assert_allclose(speed_of(rays, still)[1:], whole[1:], rtol=0.15)
    assert not speed_of([Rays()] * 5, still[:5]).any()


# -- refusals -------------------------------------------------------------------------------------------------------


def test_a_motion_without_speeds_is_refused_in_words() -> None:
    for motion in (replace(flat(), speed=None), replace(sphere(), speed=None)):
        assert smooth(motion, Parameters()).out_pts is None
        with pytest.raises(SidecarError, match=r"did not measure the camera's speed.*run `vstab analyze` again"):
            smooth(motion, Parameters(hyperlapse=2))


def test_filled_borders_are_refused_in_words() -> None:
    with pytest.raises(UsageError, match="--border fill takes picture from neighbouring frames and does not go with"):
        smooth(flat(), Parameters(hyperlapse=2, border="fill"))
