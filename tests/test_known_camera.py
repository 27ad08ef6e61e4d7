"""The benchmark that knows the camera: directions, a rolling shutter put on, and the measure of shake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.known_camera import as_measured, camera_steps, shake_percent
from tests.synthetic import ASPECT, motion_of, shaking
from vstab_core.corners import apply
from vstab_core.shutter import undo_rolling_shutter

DEGREE = np.radians(1)
FOV_DEG = 62


def turned(about: str, angle: float) -> list[list[float]]:
    """Return a camera (x right, y up, looking along -z) that is turned about one of its axes."""
    c, s = np.cos(angle), np.sin(angle)
    return {
        "x": [[1, 0, 0], [0, c, -s], [0, s, c]],
        "y": [[c, 0, s], [0, 1, 0], [-s, 0, c]],
        "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]],
    }[about]


@pytest.mark.parametrize(
    ("about", "where", "moves"),
    [
        ("y", [0.0, 0.0], [1, 0]),  # turning left, the scene goes right
        ("x", [0.0, 0.0], [0, 1]),  # looking up, down (y is down in the picture)
        ("z", [1.0, 0.0], [0, 1]),  # rolling to the left (anticlockwise), what is at the right goes down
    ],
)
def test_a_turning_camera_moves_the_far_scene(
    tmp_path: Path, about: str, where: list[float], moves: list[float]
) -> None:
    said = {"fov": FOV_DEG, "frames": [{"R": turned(about, 0)}, {"R": turned(about, DEGREE)}]}
    (tmp_path / "truth.json").write_text(json.dumps(said))
    still, step = camera_steps(tmp_path / "truth.json")
    at = np.array([where])
    reach = DEGREE if about == "z" else np.tan(DEGREE) / np.tan(np.radians(FOV_DEG / 2))
    assert np.array_equal(still, np.eye(3))
    assert (apply(step, at) - at)[0] == pytest.approx(np.array(moves) * reach, abs=2e-4)


def test_rows_put_on_a_motion_are_those_that_are_taken_off() -> None:
    corners = motion_of(shaking(1, x=0.03, turn=0.01, band=(1.0, 8.0)), 40).corners
    seen = as_measured(corners, ASPECT, 0.95)
    assert np.abs(seen - corners).max() > 0.01
    assert undo_rolling_shutter(seen, ASPECT, 0.95)[0] == pytest.approx(corners, abs=1e-9)
    assert np.array_equal(as_measured(corners, ASPECT, 0.0), corners)


def test_shake_is_that_above_1_hz_over_the_diagonal() -> None:
    frames = 121
    wave = 0.01 * np.sin(2 * np.pi * 3 * np.arange(frames) / 30)  # 3 Hz, 0.01 of half the width
    slow = 0.05 * np.sin(2 * np.pi * 0.25 * np.arange(frames) / 30)
    for path, expected in ((wave, 0.01 / np.sqrt(2)), (slow, 0.0), (wave + slow, 0.01 / np.sqrt(2))):
        steps = np.tile(np.eye(3), (frames, 1, 1))
        steps[1:, 0, 2] = np.diff(path)
        diagonal = 2 * np.hypot(1, ASPECT)
        assert shake_percent(steps, ASPECT, 30) == pytest.approx(100 * expected / diagonal, rel=0.02, abs=0.01)
