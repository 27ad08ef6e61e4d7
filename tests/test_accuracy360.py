"""The rotation of small 360 clips against exact truth: the cases of benchmarks/accuracy360.py that once went wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tolerances

from benchmarks import accuracy360 as accuracy
from benchmarks import sphere_scenes as scenes
from benchmarks.sphere_scenes import Camera, Lens, Room, Still
from vstab_core.motion.foreign360 import of_the_world
from vstab_core.motion.rotation_path import SphereTracks

HEIGHT, COUNT = 256, 40


def found_and_truth(
    case: accuracy.Case, count: int = COUNT, height: int = HEIGHT
) -> tuple[accuracy.RotationSteps, np.ndarray]:
    return accuracy.measure(case, count, height), case.camera.world_from_cam(np.arange(count))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


@pytest.fixture(scope="module")
def still() -> Still:
    return Still(scenes.textured_sphere(height=HEIGHT))


@pytest.mark.parametrize(
    "lens",
    [Lens(), Lens(fixed_share=1 / 3), Lens(nadir_deg=35), Lens(stitch_deg=0.5)],
    ids=["plain", "a third fixed in view", "nadir patch", "stitch"],
)
def test_a_walker_who_only_turns_is_followed(still: Still, lens: Lens) -> None:
    found, truth = found_and_truth(accuracy.Case(still, Camera(scenes.walk_turn()), lens))
    assert rms(accuracy.path_errors_deg(found.world_from_cam, truth)) < tolerances.SPHERE_PURE_DEG
    assert rms(accuracy.step_errors_deg(found.world_from_cam, truth)) < tolerances.SPHERE_PURE_STEP_DEG
    assert np.degrees(np.abs(found.local).max()) < tolerances.SPHERE_WOBBLE_DEG


def test_a_whip_pan_is_followed() -> None:
    early = Camera(lambda frame: scenes.whip_turn()(frame + 35))  # begins after 10 frames
    whole = Still(scenes.textured_sphere(height=2 * HEIGHT))
    found, truth = found_and_truth(accuracy.Case(whole, early), count=32, height=2 * HEIGHT)
    assert not found.cut[1:].any()
    assert rms(accuracy.path_errors_deg(found.world_from_cam, truth)) < tolerances.SPHERE_WHIP_DEG


def test_a_walk_among_people_is_followed() -> None:
    camera = Camera(scenes.walk_turn(), scenes.walk_place())
    found, truth = found_and_truth(accuracy.Case(Room(scenes.crowd(2)), camera, pure=False), count=14)
    assert rms(accuracy.path_errors_deg(found.world_from_cam, truth)) < tolerances.SPHERE_MOVING_DEG


@pytest.mark.parametrize("axis", [(0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)], ids=["down", "up", "sideways"])
def test_a_rolling_shutter_trembles_less_once_deformed(still: Still, axis: tuple[float, float, float]) -> None:
    """Judged on directions that no track follows."""
    case = accuracy.Case(still, Camera(scenes.pole_turn()), Lens(shutter_frames=0.8, shutter_axis=axis))
    found, _ = found_and_truth(case)
    rotated, deformed = (accuracy.tremble_deg(case, found, local) for local in (0 * found.local, found.local))
    assert deformed < tolerances.SPHERE_DEFORMED_RATIO * rotated


def test_few_tracks_make_no_wobble() -> None:
    """One small patch with texture: what lies elsewhere must not be bent by it."""
    picture = scenes.textured_sphere(height=HEIGHT)
    patch = np.full_like(picture, 120)
    patch[90:150, 200:300] = picture[90:150, 200:300]
    case = accuracy.Case(Still(patch), Camera(scenes.walk_turn()))
    found, _ = found_and_truth(case)
    rotated, deformed = (accuracy.tremble_deg(case, found, local) for local in (0 * found.local, found.local))
    assert deformed < 1.1 * rotated + 0.01


def test_the_scenes_say_where_things_are_seen(still: Still) -> None:
    """The truth's own truth: a bright spot is where `seen_from` says, rolling shutter and all."""
    towards = np.array([[0.5, 0.2, 0.84]])
    towards /= np.linalg.norm(towards)
    spot = (255 * np.exp(900 * (scenes.directions(HEIGHT) @ towards[0] - 1))).astype(np.uint8)
    lens = Lens(shutter_frames=0.8, noise=0.0)
    camera = Camera(scenes.pole_turn())
    for index, picture in enumerate(scenes.film(Still(spot), camera, 3, lens, HEIGHT)):
        weight = picture.astype(float) ** 2
        middle = (weight[..., None] * scenes.directions(HEIGHT)).sum(axis=(0, 1))
        off = middle / np.linalg.norm(middle) - scenes.seen_from(None, towards, camera, lens, index)[0]
        assert np.degrees(np.linalg.norm(off)) < 0.1  # a seventh of a pixel


def test_what_moves_by_itself_is_told_from_what_stands_near() -> None:
    """A camera goes forward: things at rest flow back, one in four tracks flows forth or across."""
    rng = np.random.default_rng(1)
    count, frames = 200, 20
    place = rng.standard_normal((count, 3)) * [4, 2, 4] + [0, 0, 1]
    own = np.where(np.arange(count)[:, None] % 4 == 0, rng.uniform(0.08, 0.15, (count, 1)) * [0.6, 0, 1.8], 0.0)
    seen = [place + own * t - [0, 0, 0.05 * t] for t in range(frames)]
    ray = np.array(seen).transpose(1, 0, 2).reshape(-1, 3)
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    tracks = SphereTracks(np.arange(count + 1) * frames, np.tile(np.arange(frames), count), ray)
    turn = np.tile([1.0, 0, 0, 0], (frames, 1))
    turning = scenes.STRIDE_DEG(np.arange(frames))  # so that nothing at rest is fixed in view
    rotations = accuracy.rotation.exponential(np.radians(turning))
    matrices = accuracy.rotation.matrix(rotations)
    shaken = replace(tracks, ray=np.einsum("nji,nj->ni", matrices[tracks.frame], tracks.ray))
    kept = of_the_world(shaken, accuracy.rotation.product(rotations, turn))
    assert kept[own[:, 2] == 0].mean() > 0.9
    assert kept[own[:, 2] > 0].mean() < 0.35
