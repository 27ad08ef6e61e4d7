"""The rotation path solver: against its twin, against known paths and deformations, where tracks are few or foreign."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests import tolerances
from tests.rotation_reference import ReferencePath, Weights, as_quaternion, as_rotation
from tests.sphere_tracks import (
    Tracks,
    between_ends,
    error_deg,
    fixed_ends,
    make_tracks,
    relative_error_deg,
    rms,
    shaky_path,
)
from vstab_core import _native
from vstab_core.motion.rotation_path import SphereTracks, solve_rotation_path
from vstab_core.types import FloatArray

FRAMES = 60
OPTIONS = Weights(
    loss_rad=0.012,
    first_weight=0.8,
    second_weight=1.3,
    prior_first=2e-4,
    prior_second=3e-4,
    spread_weight=0.05,
    least_tracks=9.0,
)
PRECISE: dict[str, Any] = {"tolerance": 1e-14, "max_iterations": 300}


def solve(tracks: Tracks, start: FloatArray | None = None, fixed: Any = None, **options: Any) -> dict[str, Any]:
    frames = len(tracks.stab_from_src)
    start = between_ends(tracks.stab_from_src) if start is None else start
    fixed = fixed_ends(frames) if fixed is None else fixed
    return _native.solve_rotation_path(start, fixed, tracks.start, tracks.frame, tracks.ray, **options)


def local_deg(found: dict[str, Any]) -> FloatArray:
    return np.degrees(np.linalg.norm(found["local"], axis=-1))


def skewed(path: FloatArray, readout_frames: float) -> Any:
    """Return how a camera shows rays whose rows are read one after the other: late below, early above the middle."""
    rate = np.gradient(as_rotation(path).as_rotvec()[:, 1])
    rate[[0, -1]] = 0  # key frames are pure

    def seen_as(ray: FloatArray, t: int) -> FloatArray:
        turn = readout_frames * rate[t] * np.arcsin(ray[:, 1]) / np.pi
        return np.asarray(Rotation.from_rotvec(np.outer(turn, [0, 1, 0])).apply(ray))

    return seen_as


def jitter_deg(found: dict[str, Any], clean: Tracks, *, deformed: bool) -> float:
    """Return the RMS second difference of where the still world's noise-free rays are shown."""
    path = ReferencePath(found["quats"], fixed_ends(FRAMES), clean.start, clean.frame, clean.ray)
    path.local = found["local"] * deformed
    y, owner = path.stabilized(), clean.owner
    inner = (owner[2:] == owner[:-2]) & ~clean.foreign[owner[2:]]
    return float(np.degrees(rms(np.linalg.norm(y[2:] - 2 * y[1:-1] + y[:-2], axis=-1)[inner])))


@pytest.mark.parametrize("ends", ["both", "first", "none"])
@pytest.mark.parametrize("seed", [1, 2])
def test_agrees_with_the_twin(ends: str, seed: int) -> None:
    frames = 11
    tracks = make_tracks(shaky_path(frames, seed), 25, seed, foreign_ratio=0.2, lifetime_frames=7)
    fixed = fixed_ends(frames)
    fixed[-1] &= ends == "both"
    fixed[0] &= ends != "none"
    start = between_ends(tracks.stab_from_src)
    found = solve(tracks, start, fixed, deformation=1.0, max_local_rad=1.0, validate=False, **vars(OPTIONS), **PRECISE)
    twin = ReferencePath(start, fixed, tracks.start, tracks.frame, tracks.ray, OPTIONS)
    assert found["cost_before"] == pytest.approx(twin.tracks_energy(), rel=1e-12)
    twin.solve()
    native = ReferencePath(found["quats"], fixed, tracks.start, tracks.frame, tracks.ray, OPTIONS)
    assert found["cost_rotation"] == pytest.approx(native.tracks_energy(), rel=1e-12)
    assert native.energy() == pytest.approx(twin.energy(), rel=tolerances.ROTATION_ENERGY_RATIO)
    turned = found["quats"], twin.quats
    if ends == "none":  # the whole may turn: only the prior's and the damping's rounding says where it ends
        turned = tuple(as_quaternion(as_rotation(q) * as_rotation(q[0]).inv()) for q in turned)  # type: ignore[assignment]
    assert np.radians(error_deg(*turned)).max() < tolerances.ROTATION_TWIN_RAD
    twin.quats = found["quats"]
    twin.solve_local()
    native.local = found["local"]
    assert found["cost_after"] == pytest.approx(native.tracks_energy(), rel=1e-12)
    assert native.local_energy() == pytest.approx(twin.local_energy(), rel=tolerances.ROTATION_ENERGY_RATIO)
    assert np.abs(twin.local - found["local"]).max() < tolerances.ROTATION_TWIN_RAD


def test_ten_iterations_reach_the_optimum() -> None:
    tracks = make_tracks(shaky_path(FRAMES, 3, 8.0), 100, 3, foreign_ratio=0.2, lifetime_frames=25)
    found, best = solve(tracks, deformation=1.0), solve(tracks, deformation=1.0, **PRECISE)
    assert found["iterations"] <= 20
    assert found["cost_rotation"] == pytest.approx(best["cost_rotation"], rel=1e-5)
    assert error_deg(found["quats"], best["quats"]).max() < 0.01


@pytest.mark.parametrize("amplitude_deg", [0.5, 2.0, 10.0])
def test_a_shaken_camera_is_locked(amplitude_deg: float) -> None:
    tracks = make_tracks(shaky_path(FRAMES, 1, amplitude_deg), 200, 2, foreign_ratio=0.2, lifetime_frames=25)
    found = solve(tracks)
    assert rms(relative_error_deg(found["quats"], tracks.stab_from_src)) < tolerances.ROTATION_STEP_DEG
    assert np.array_equal(found["local"], np.zeros((FRAMES, 6, 3)))
    assert found["cost_after"] < found["cost_before"]


def test_without_noise_the_truth_is_found() -> None:
    tracks = make_tracks(shaky_path(FRAMES, 4), 60, 4, noise_deg=0.0)
    assert error_deg(solve(tracks, **PRECISE)["quats"], tracks.stab_from_src).max() < 0.001  # the prior's pull


def test_key_frames_stay_bit_for_bit() -> None:
    tracks = make_tracks(shaky_path(FRAMES, 5), 50, 5)
    start = between_ends(tracks.stab_from_src)
    fixed = fixed_ends(FRAMES)
    fixed[20] = True
    found = solve(tracks, start, fixed, deformation=1.0)
    assert np.abs(found["quats"][fixed] - start[fixed]).max() < 1e-15
    assert np.array_equal(found["local"][fixed], np.zeros((3, 6, 3)))


def test_a_still_camera_is_left_alone() -> None:
    still = np.tile([1.0, 0.0, 0.0, 0.0], (FRAMES, 1))
    found = solve(make_tracks(still, 50, 6, noise_deg=0.0), still, deformation=1.0)
    assert np.array_equal(found["quats"], still)
    assert np.array_equal(found["local"], np.zeros((FRAMES, 6, 3)))


def test_turning_the_source_turns_the_result() -> None:
    """The energy knows no direction: another frame of the source camera gives the same picture."""
    tracks = make_tracks(shaky_path(20, 7), 50, 7, foreign_ratio=0.2)
    start, turn = between_ends(tracks.stab_from_src), Rotation.from_rotvec([0.4, -1.2, 2.0])
    found = solve(tracks, start, **PRECISE)
    turned = _native.solve_rotation_path(
        as_quaternion(as_rotation(start) * turn.inv()),
        fixed_ends(20),
        tracks.start,
        tracks.frame,
        turn.apply(tracks.ray),
        **PRECISE,
    )
    back = as_quaternion(as_rotation(turned["quats"]) * turn)
    assert np.radians(error_deg(back, found["quats"])).max() < tolerances.ROTATION_TWIN_RAD


@pytest.mark.parametrize("fixed_first", [True, False])
def test_the_end_of_the_clip_is_locked_too(fixed_first: bool) -> None:
    tracks = make_tracks(shaky_path(FRAMES, 8), 100, 8, foreign_ratio=0.2, lifetime_frames=30)
    fixed = np.zeros(FRAMES, bool)
    fixed[0] = fixed_first
    start = np.tile(tracks.stab_from_src[0], (FRAMES, 1))
    found = solve(tracks, start, fixed)
    back = as_rotation(tracks.stab_from_src[0]) * as_rotation(found["quats"][0]).inv()
    found["quats"] = as_quaternion(back * as_rotation(found["quats"]))  # without a key frame the whole may turn
    assert rms(relative_error_deg(found["quats"], tracks.stab_from_src)) < tolerances.ROTATION_STEP_DEG


def test_frames_without_tracks_are_bridged() -> None:
    truth = shaky_path(FRAMES, 9, 0.0)  # a steady pan
    tracks = make_tracks(truth, 100, 9)
    gap = (tracks.frame >= 20) & (tracks.frame < 35)
    early, late = tracks.frame < 20, tracks.frame >= 35
    frame = np.concatenate([tracks.frame[early], tracks.frame[late]])
    ray = np.concatenate([tracks.ray[early], tracks.ray[late]])
    start = np.concatenate([np.arange(100) * 20, 2000 + np.arange(101) * 25])
    assert gap.sum() == 1500
    first = as_quaternion(as_rotation(between_ends(truth)) * Rotation.from_rotvec([0, 0, 0.01]))
    first[[0, -1]] = truth[[0, -1]]
    found = _native.solve_rotation_path(first, fixed_ends(FRAMES), start, frame, ray, deformation=1.0)
    assert error_deg(found["quats"], truth).max() < 0.3
    assert relative_error_deg(found["quats"], truth)[19:34].max() < 0.05  # a straight way through
    assert local_deg(found).max() < tolerances.ROTATION_LOCAL_DEG


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("fixed_first", [True, False])
def test_without_any_tracks_the_rotations_go_straight(frames: int, fixed_first: bool) -> None:
    empty = np.zeros(0, int)
    fixed = np.zeros(frames, bool)
    fixed[0] = fixed_first
    found = _native.solve_rotation_path(
        shaky_path(frames, 1), fixed, np.zeros(1, int), empty, np.zeros((0, 3)), deformation=1.0, **PRECISE
    )
    assert np.isfinite(found["quats"]).all()
    assert frames == 1 or relative_error_deg(found["quats"], np.tile([1.0, 0, 0, 0], (frames, 1))).max() < 1e-3
    assert np.array_equal(found["local"], np.zeros((frames, 6, 3)))


@pytest.mark.parametrize(
    ("readout_frames", "noise_deg", "left_ratio"), [(3.0, 0.1, 0.6), (3.0, 0.03, 0.3), (1.0, 0.03, 0.6)]
)
def test_deformation_takes_rolling_shutter_away(readout_frames: float, noise_deg: float, left_ratio: float) -> None:
    truth = shaky_path(FRAMES, 1)
    known: dict[str, Any] = {"foreign_ratio": 0.2, "lifetime_frames": 40, "seen_as": skewed(truth, readout_frames)}
    tracks = make_tracks(truth, 200, 2, noise_deg=noise_deg, **known)
    clean = make_tracks(truth, 200, 2, noise_deg=0.0, **known)
    found = solve(tracks, deformation=1.0)
    pure, deformed = (jitter_deg(found, clean, deformed=d) for d in (False, True))
    assert deformed < left_ratio * pure
    assert found["cost_after"] < found["cost_rotation"] < found["cost_before"]


def test_validation_only_scales_the_weights() -> None:
    truth = shaky_path(FRAMES, 1)
    tracks = make_tracks(truth, 100, 2, noise_deg=0.03, seen_as=skewed(truth, 3.0))
    found, usual = solve(tracks, deformation=1.0), Weights()
    scale = found["regularizer_scale"]
    assert 0 < scale < 1  # twice the skew that the weights are made for
    fitted = solve(
        tracks,
        deformation=1.0,
        validate=False,
        spread_weight=scale * usual.spread_weight,
        magnitude_weight=scale * usual.magnitude_weight,
        temporal_weight=scale * usual.temporal_weight,
    )
    assert np.abs(found["local"] - fitted["local"]).max() < tolerances.ROTATION_TWIN_RAD  # not the same start
    assert fitted["regularizer_scale"] == 1.0


def test_deformation_is_a_share() -> None:
    truth = shaky_path(FRAMES, 1)
    tracks = make_tracks(truth, 100, 2, noise_deg=0.03, seen_as=skewed(truth, 3.0))
    whole, half, none = (solve(tracks, deformation=share) for share in (1.0, 0.5, 0.0))
    np.testing.assert_allclose(half["local"], 0.5 * whole["local"], atol=1e-15)
    assert np.array_equal(none["local"], np.zeros((FRAMES, 6, 3)))
    assert np.array_equal(none["quats"], whole["quats"])
    assert none["cost_after"] == none["cost_rotation"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_pure_rotation_is_not_deformed(seed: int) -> None:
    tracks = make_tracks(shaky_path(FRAMES, seed), 200, seed, foreign_ratio=0.2, lifetime_frames=30)
    found = solve(tracks, deformation=1.0)
    assert local_deg(found).max() < tolerances.ROTATION_LOCAL_DEG
    assert found["cost_after"] <= found["cost_rotation"]
    fitted = solve(tracks, deformation=1.0, validate=False)
    assert rms(local_deg(fitted)) < tolerances.ROTATION_FITTED_RMS_DEG
    assert local_deg(fitted).max() < tolerances.ROTATION_FITTED_DEG


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
@pytest.mark.parametrize("live", [50, 200])
def test_deformation_makes_no_clip_worse(seed: int, live: int) -> None:
    """A skew of which the tracks' noise hides most: what they were not fitted to decides what is taken away."""
    truth = shaky_path(FRAMES, seed)
    known: dict[str, Any] = {"foreign_ratio": 0.2, "lifetime_frames": 40, "seen_as": skewed(truth, 1.0)}
    found = solve(make_tracks(truth, live, seed, noise_deg=0.1, **known), deformation=1.0)
    clean = make_tracks(truth, live, seed, noise_deg=0.0, **known)
    assert jitter_deg(found, clean, deformed=True) < 1.02 * jitter_deg(found, clean, deformed=False)


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.1])
def test_an_octant_with_few_tracks_follows_its_neighbours(kept: float) -> None:
    """Next to nothing is seen about +y: its vertex is near the mean of the others, and moves no more than they do."""
    truth = shaky_path(FRAMES, 1)
    tracks = make_tracks(truth, 150, 3, noise_deg=0.1, foreign_ratio=0.2, lifetime_frames=30)  # noise is all there is
    lucky = np.random.default_rng(1).uniform(size=len(tracks.start) - 1) < kept
    seen = (tracks.ray[:, 1] < 0.1) | lucky[tracks.owner]  # of the source camera
    keep = [tracks.frame[i] for i in np.flatnonzero(seen)]
    owner = tracks.owner[seen]
    begins = np.flatnonzero(np.r_[True, (np.diff(keep) != 1) | (np.diff(owner) != 0)])
    found = _native.solve_rotation_path(
        between_ends(truth),
        fixed_ends(FRAMES),
        np.r_[begins, len(keep)],
        np.array(keep),
        tracks.ray[seen],
        deformation=1.0,
        validate=False,
    )
    wobble = np.degrees(np.linalg.norm(np.diff(found["local"], 2, axis=0), axis=-1)).max(axis=0)
    others = np.delete(found["local"], 2, axis=1)
    assert wobble[2] < wobble[[0, 1, 3, 4, 5]].max()
    assert local_deg(found).max() < 2 * tolerances.ROTATION_FITTED_DEG
    off = np.degrees(np.linalg.norm(found["local"][:, 2] - others.mean(axis=1), axis=-1))
    assert off.max() < (1.0 if kept == 0 else 1.5) * tolerances.ROTATION_FITTED_DEG


def test_few_tracks_deform_little() -> None:
    tracks = make_tracks(shaky_path(FRAMES, 1), 10, 2, foreign_ratio=0.2, lifetime_frames=25)
    assert local_deg(solve(tracks, deformation=1.0)).max() < tolerances.ROTATION_LOCAL_DEG
    assert local_deg(solve(tracks, deformation=1.0, validate=False)).max() < 2 * tolerances.ROTATION_FITTED_DEG


def test_the_limit_scales_a_frame_as_a_whole() -> None:
    truth = shaky_path(FRAMES, 1)
    tracks = make_tracks(truth, 100, 2, noise_deg=0.03, seen_as=skewed(truth, 10.0))
    free, held = solve(tracks, deformation=1.0), solve(tracks, deformation=1.0, max_local_rad=np.radians(0.3))
    longest = local_deg(free).max(axis=1)
    assert longest.max() > 0.5
    scale = np.minimum(1.0, 0.3 / np.maximum(longest, 1e-9))
    np.testing.assert_allclose(held["local"], free["local"] * scale[:, None, None], atol=1e-12)


def test_twice_the_same_is_the_same_to_the_bit() -> None:
    tracks = make_tracks(shaky_path(FRAMES, 1), 50, 2, foreign_ratio=0.2)
    one, two = solve(tracks, deformation=1.0), solve(tracks, deformation=1.0)
    assert all(np.array_equal(one[key], two[key]) for key in one)


def test_is_fast_enough_for_every_frame() -> None:
    tracks = make_tracks(shaky_path(300, 1), 200, 2, foreign_ratio=0.2, lifetime_frames=60)
    fixed = fixed_ends(300)
    fixed[::60] = True
    for deformation, limit_ms in ((0.0, 2.0), (1.0, 5.0)):
        started = time.process_time()
        solve(tracks, fixed=fixed, deformation=deformation)
        assert 1000 * (time.process_time() - started) / 300 < limit_ms


def test_what_does_not_fit_is_refused() -> None:
    tracks = make_tracks(shaky_path(5, 1), 3, 2)
    known: dict[str, Any] = {
        "quats": tracks.stab_from_src,
        "fixed": fixed_ends(5),
        "track_start": tracks.start,
        "frame": tracks.frame,
        "ray": tracks.ray,
    }

    def refused(words: str, **changes: Any) -> None:
        with pytest.raises(ValueError, match=words):
            _native.solve_rotation_path(**(known | changes))

    refused(r"quats must be \(any, 4\), got \(5, 3\)", quats=np.zeros((5, 3)))
    refused("quats must have length 1; that of frame 0 has 2", quats=2 * tracks.stab_from_src)
    refused("quats must have length 1; that of frame 0 has nan", quats=np.nan * tracks.stab_from_src)
    refused("at least 1 frame, got 0", quats=np.zeros((0, 4)), fixed=np.zeros(0, bool))
    refused(r"fixed must be \(frames = 5,\), got \(4,\)", fixed=np.zeros(4, bool))
    refused(r"frame must be \(observations = 15,\), got \(14,\)", frame=tracks.frame[1:])
    refused("rays must have length 1; that of observation 0 has 1.5", ray=1.5 * tracks.ray)
    refused("frame must be 0 to 4, got 5", frame=tracks.frame + 1)
    refused("consecutive frames; in track 0 2 follows 0", frame=np.array([0, 2, 3, 4, 4, *tracks.frame[5:]]))
    refused("track_start must begin at 0 and end at the number of observations, 15", track_start=tracks.start[:-1])
    refused("must not fall", track_start=np.array([0, 7, 5, 15]))
    refused(r"track_start must be \(tracks \+ 1,\)", track_start=np.zeros(0, int))
    refused("loss_rad must be more than 0, got 0", loss_rad=0.0)
    refused("spread_weight must be 0 or more, got -1", spread_weight=-1.0)
    refused("deformation must be 0 to 1, got 1.5", deformation=1.5)
    refused("max_iterations must be 0 or more, got -1", max_iterations=-1)


def test_the_typed_function_gives_what_native_code_found() -> None:
    tracks = make_tracks(shaky_path(FRAMES, 1), 50, 2)
    start, fixed = between_ends(tracks.stab_from_src), fixed_ends(FRAMES)
    path = solve_rotation_path(start, fixed, SphereTracks(tracks.start, tracks.frame, tracks.ray), deformation=0.5)
    found = solve(tracks, deformation=0.5)
    assert np.array_equal(path.stab_from_src, found["quats"])
    assert np.array_equal(path.local_rad, found["local"])
    assert (path.cost_before, path.cost_rotation) == (found["cost_before"], found["cost_rotation"])
    assert (path.cost_after, path.iterations) == (found["cost_after"], found["iterations"])
    assert path.regularizer_scale == found["regularizer_scale"]
