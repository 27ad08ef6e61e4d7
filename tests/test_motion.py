"""Motion against truth: a drawn scene and cameras that are known, in pixels of the proxy's corners."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.synthetic import (
    ASPECT,
    PROXY,
    Camera,
    Lens,
    Picture,
    Size,
    Walker,
    corner_error_px,
    film,
    moving,
    rms,
    shaking,
    walking,
)
from tests.tolerances import (
    MOTION_BRIDGED_PX,
    MOTION_DEGRADED_PX,
    MOTION_FOREGROUND_PX,
    MOTION_PX,
    MOTION_STILL_PX,
    MOTION_WHOLE_PX,
    READOUT_RATIO,
)
from vstab_core.corners import corners_from_homography
from vstab_core.motion.homography import MAX_HELD, MotionEstimator, MotionStep, estimate_motion
from vstab_core.motion.rolling_shutter import readout_ratio
from vstab_core.types import FloatArray


def measure(pictures: Sequence[Picture]) -> list[MotionStep]:
    size = pictures[0].shape
    steps = list(estimate_motion(pictures, size[0] / size[1]))
    assert len(steps) == len(pictures)
    return steps


def corners_of(steps: Sequence[MotionStep]) -> FloatArray:
    return np.array([step.corners for step in steps])


def error_of(pictures: Sequence[Picture], camera: Camera) -> FloatArray:
    size: Size = pictures[0].shape  # type: ignore[assignment]
    return corner_error_px(corners_of(measure(pictures)), camera, len(pictures), size)[1:]


CAMERAS = {
    "shake": shaking(1),
    "strong shake": shaking(2, x=0.03, turn=0.01),
    "perspective": shaking(3, tilt=0.002),
    "pan": moving(x=0.02, y=0.003),
    "zoom": moving(zoom=0.01),
    "roll": moving(roll=0.01),
    "walk": walking(),
}


@pytest.mark.parametrize("name", CAMERAS)
def test_corners_are_found_to_a_fraction_of_a_pixel(name: str) -> None:
    assert rms(error_of(film(CAMERAS[name], 16), CAMERAS[name])) < MOTION_PX


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("start", "rate"), [(-0.45, 0.02), (0.4, -0.02), (0.45, -0.01)])
@pytest.mark.parametrize("pan", [0.0, 0.01])
def test_a_foreground_over_a_third_of_the_frame_does_not_carry_the_motion_away(
    seed: int, start: float, rate: float, pan: float
) -> None:
    camera = shaking(seed) + moving(x=pan)
    pictures = film(camera, 12, seed=seed, walker=Walker(start, rate))
    assert rms(error_of(pictures, camera)) < MOTION_FOREGROUND_PX


@pytest.mark.parametrize(
    "worse",
    [{"lens": Lens(noise=8)}, {"lens": Lens(exposure=0.5)}, {"contrast": 0.1}],
    ids=["noise", "motion blur", "low texture"],
)
def test_noise_blur_and_low_texture_cost_little(worse: dict[str, object]) -> None:
    camera = shaking(4)
    assert rms(error_of(film(camera, 14, **worse), camera)) < MOTION_DEGRADED_PX  # type: ignore[arg-type]


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (0, -3), (-7, 4), (24, 11)])
def test_whole_pixels_are_found_exactly(dx: int, dy: int) -> None:
    large = film(moving(), 1, size=(460, 740))[0]
    pictures = []
    for t in range(3):
        x, y = 50 + t * dx, 50 + t * dy
        pictures.append(np.ascontiguousarray(large[y : y + PROXY[0], x : x + PROXY[1]]))
    moved_px = corners_of(measure(pictures))[1:] * PROXY[1] / 2
    assert np.abs(moved_px - [-dx, -dy]).max() < MOTION_WHOLE_PX


def test_a_still_camera_does_not_move() -> None:
    noise_free = corners_of(measure(film(moving(), 5))) * PROXY[1] / 2
    assert np.abs(noise_free).max() < MOTION_STILL_PX


def test_motion_there_and_back_adds_up_to_nothing() -> None:
    first, second = film(moving(x=0.02, roll=0.008), 2)
    there, back = corners_of(measure([first, second, first]))[1:]
    assert np.abs(there + back).max() * PROXY[1] / 2 < 2 * MOTION_PX + 0.02 * 320 * 0.008 * 2  # to first order


@pytest.mark.parametrize("code", [0, 128, 255])
def test_pictures_without_texture_have_no_confidence(code: int) -> None:
    for live in (False, True):
        estimator = MotionEstimator(ASPECT, live=live)
        steps = [step for _ in range(40) for step in estimator.push(np.full(PROXY, code, np.uint8))]
        steps += estimator.flush()
        assert len(steps) == 40
        assert [step.confidence for step in steps[1:]] == [0.0] * 39
        assert not any(step.cut for step in steps[1:])
        assert not corners_of(steps).any()


def test_a_flash_is_bridged() -> None:
    camera, count, flash = moving(x=0.01, y=-0.004), 9, 4
    pictures = film(camera, count)
    pictures[flash] = np.full(PROXY, 255, np.uint8)
    steps = measure(pictures)
    assert [step.cut for step in steps] == [True, *[False] * (count - 1)]
    assert [step.confidence == 0 for step in steps] == [t == flash for t in range(count)]
    over_gap = corners_of(steps)[flash : flash + 2]
    truth = corners_from_homography(camera.steps([flash - 1, flash + 1])[1], ASPECT)
    assert np.abs(over_gap.sum(axis=0) - truth).max() * PROXY[1] / 2 < MOTION_BRIDGED_PX
    assert np.array_equal(over_gap[0], over_gap[1])  # spread evenly


@pytest.mark.parametrize("length", [2, MAX_HELD - 1, MAX_HELD])
def test_a_longer_gap_is_bridged_up_to_a_third_of_a_second(length: int) -> None:
    camera = moving(x=0.004)
    pictures = film(camera, length + 8)
    for t in range(4, 4 + length):
        pictures[t] = np.full(PROXY, 250, np.uint8)
    steps = measure(pictures)
    assert sum(step.cut for step in steps) == 1
    error = corner_error_px(corners_of(steps), camera, len(pictures))
    assert error.max() < MOTION_BRIDGED_PX


@pytest.mark.parametrize("at", [1, 2, 7, 10])
def test_a_hard_cut_is_found_at_its_frame(at: int) -> None:
    first, second = shaking(1), shaking(2)
    pictures = [*film(first, at, seed=1), *film(second, 12 - at, seed=2)]
    steps = measure(pictures)
    assert [t for t, step in enumerate(steps) if step.cut] == [0, at]
    assert not steps[at].corners.any()
    error = corner_error_px(corners_of(steps)[at:], second, 12 - at)
    assert rms(error[1:]) < MOTION_PX


def test_two_cuts_in_a_row_of_short_shots() -> None:
    pictures = [*film(shaking(1), 4, seed=1), *film(shaking(2), 4, seed=2), *film(shaking(3), 4, seed=3)]
    assert [t for t, step in enumerate(measure(pictures)) if step.cut] == [0, 4, 8]


def test_a_fast_pan_is_no_cut() -> None:
    camera = moving(x=0.1)
    steps = measure(film(camera, 8))
    assert sum(step.cut for step in steps) == 1
    assert corner_error_px(corners_of(steps), camera, 8).max() < MOTION_BRIDGED_PX


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (17, 31), (5, 200), (40, 40)])
def test_tiny_pictures_do_not_crash(size: Size) -> None:
    rng = np.random.default_rng(3)
    for live in (False, True):
        estimator = MotionEstimator(size[0] / size[1], live=live)
        steps = [
            step for _ in range(14) for step in estimator.push(rng.integers(0, 255, size).astype(np.uint8))
        ] + estimator.flush()
        assert len(steps) == 14
        assert np.isfinite(corners_of(steps)).all()


def test_live_gives_one_step_a_frame() -> None:
    pictures = [*film(shaking(1), 6, seed=1), *film(shaking(2), 8, seed=2)]
    pictures[3] = np.full(PROXY, 255, np.uint8)
    estimator = MotionEstimator(ASPECT, live=True)
    given = [estimator.push(picture) for picture in pictures]
    assert [len(steps) for steps in given] == [1] * len(pictures)
    assert estimator.flush() == []
    cuts = [t for t, steps in enumerate(given) if steps[0].cut]
    assert cuts == [0, 7]  # one frame late: the first frame of a shot alone could be a flash
    assert given[3][0].confidence == 0
    assert not given[3][0].corners.any()


def test_steps_come_in_order_and_none_twice_without_live() -> None:
    camera = moving(x=0.01)
    pictures = film(camera, 8)
    pictures[7] = np.full(PROXY, 0, np.uint8)  # the clip ends in black: flushed
    estimator = MotionEstimator(ASPECT)
    counts = [len(estimator.push(picture)) for picture in pictures]
    assert counts == [1] * 7 + [0]
    assert [step.confidence for step in estimator.flush()] == [0.0]


@pytest.mark.parametrize("truth", [0.4, 0.8])
def test_the_readout_ratio_is_recovered(truth: float) -> None:
    camera = shaking(1, x=0.02, turn=0.003, band=(1.0, 3.0))  # above, the speed between frames is a guess
    steps = measure(film(camera, 90, size=(180, 320), lens=Lens(readout_ratio=truth)))
    assert ratio_of(steps, 180 / 320) == pytest.approx(truth, rel=READOUT_RATIO)


@pytest.mark.parametrize("name", ["global shutter", "zoom", "still"])
def test_no_rolling_shutter_is_seen_where_there_is_none(name: str) -> None:
    camera = {
        "global shutter": shaking(1, x=0.012, turn=0.003),
        "zoom": shaking(1, x=0.0, turn=0.006).only(2) + moving(zoom=-0.003),
        "still": moving(),
    }[name]
    steps = measure(film(camera, 60, size=(180, 320), lens=Lens(noise=2)))
    assert ratio_of(steps, 180 / 320) == 0.0


def ratio_of(steps: Sequence[MotionStep], aspect: float) -> float:
    cut = np.array([step.cut for step in steps])
    confidence = np.array([step.confidence for step in steps])
    return readout_ratio(corners_of(steps), cut, confidence, aspect)
