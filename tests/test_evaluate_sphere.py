"""Truth tests of the evaluation of 360 clips: a known world seen by a camera that turns in a known way."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import FPS, Luma, look_around, sway, world, yaw

from vstab_core.evaluation.clip import Clip
from vstab_core.evaluation.evaluate import evaluate
from vstab_core.evaluation.metrics import metrics_of
from vstab_core.evaluation.types import Evaluation
from vstab_core.spherical import looks_round

COUNT = 48
ANGLE_DEG = 0.02  # of one path; a face has 0.4 degrees a pixel
SHAKE_DEG = sway(COUNT, 2.5, 1.5)  # four whole cycles
PAN_DEG = np.linspace(0, 100, COUNT)  # right over the seam


@pytest.fixture(scope="module")
def scene() -> Luma:
    return world()


@pytest.fixture(scope="module")
def found(scene: Luma) -> Evaluation:
    shaky = [look_around(scene, yaw(pan) @ pitch(shake)) for pan, shake in zip(PAN_DEG, SHAKE_DEG, strict=True)]
    steady = [look_around(scene, yaw(pan)) for pan in PAN_DEG]
    return evaluate(Clip.of_pictures(shaky, FPS), Clip.of_pictures(steady, FPS))


def pitch(angle_deg: float) -> np.ndarray:
    """world_from_cam of a camera turned up."""
    s, c = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def test_a_picture_that_closes_on_itself_is_taken_for_360(found: Evaluation, scene: Luma) -> None:
    assert found.projection == "equirect"
    assert looks_round(scene)
    assert not looks_round(scene[:, 30:-50])


def test_shake_is_the_known_rms_and_the_pan_is_not_in_it(found: Evaluation) -> None:
    reading = found.readings["rotation_jitter_deg"]
    assert reading.before == pytest.approx(1.5, rel=0.03)
    assert reading.after == pytest.approx(0.0, abs=2 * ANGLE_DEG)


def test_drift_is_the_pan(found: Evaluation) -> None:
    reading = found.readings["rotation_drift_deg"]
    assert reading.before == pytest.approx(100, rel=0.01)
    assert reading.after == pytest.approx(100, rel=0.01)


def test_the_curves_are_the_known_path_with_its_signs(found: Evaluation) -> None:
    np.testing.assert_allclose(found.after["yaw_deg"], PAN_DEG, atol=0.5)
    np.testing.assert_allclose(found.after["pitch_deg"], 0, atol=0.3)
    np.testing.assert_allclose(found.before["pitch_deg"], SHAKE_DEG - SHAKE_DEG[0], atol=0.5)


def test_turning_is_no_wobble_and_bending_is(found: Evaluation, scene: Luma) -> None:
    rigid = found.readings["rotation_wobble_deg"].before
    assert rigid is not None
    assert rigid < 0.05
    bent = []
    for index in range(COUNT):  # the front half turns, the back half stands: no rotation does that
        whole = look_around(scene, yaw(1.5 * (-1) ** index))
        bent.append(np.concatenate([scene[:, :128], whole[:, 128:384], scene[:, 384:]], axis=1))
    local = evaluate(Clip.of_pictures(bent, FPS), Clip.of_pictures(bent, FPS), projection="equirect")
    assert local.readings["rotation_wobble_deg"].before > 0.5


def test_every_metric_of_the_table_has_a_reading(found: Evaluation) -> None:
    assert set(found.readings) == {metric.key for metric in metrics_of("equirect")}


def test_a_clip_without_texture_is_not_measurable() -> None:
    flat = Clip.of_pictures([np.full((128, 256), 90, np.uint8)] * 50, FPS)
    for reading in evaluate(flat, flat, projection="equirect").readings.values():
        assert (reading.before, reading.after) == (None, None)
        assert "only 0 of 49 frames" in reading.note


def test_a_clip_compared_with_itself_has_not_changed(scene: Luma) -> None:
    clip = Clip.of_pictures([look_around(scene, yaw(a)) for a in SHAKE_DEG], FPS)
    for reading in evaluate(clip, clip).readings.values():
        assert reading.before == reading.after
