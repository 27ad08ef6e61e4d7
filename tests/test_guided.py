"""What the tracker makes of the motion network's word: nothing where it is not in doubt, nothing of an unsure one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from tests.synthetic import ASPECT, PROXY, Camera, Picture, corner_error_px, film, look, moving, scene, shaking
from vstab_core.corners import corners_from_homography, homography_from_corners
from vstab_core.models.motion import UNIT_PX, Estimate, Features
from vstab_core.motion.guide import NetworkGuide
from vstab_core.motion.guided import GUESSED, Guess, guide_for
from vstab_core.motion.homography import MotionEstimator, MotionStep
from vstab_core.track import View

FRAMES = 12
BODY = 0.66  # half of the width that somebody before the camera fills
CAMERA = shaking(4, x=0.012, turn=0.003)


class Told:
    """Knows the camera, to a pixel or so of the network's input, and where the body stands."""

    def __init__(self, camera: Camera, pictures: list[Picture], *, sure: float, noise_px: float = 2.0) -> None:
        self._camera, self._sure, self._noise = camera, sure, noise_px * 2 / PROXY[1]
        self._number = {picture.tobytes(): n for n, picture in enumerate(pictures)}
        self._rng = np.random.default_rng(1)
        self.asked = 0

    def compare(self, ref: View, cur: View, aspect: float) -> Guess:
        self.asked += 1
        first, second = (self._number[view.image.tobytes()] for view in (ref, cur))
        poses = self._camera.poses([first, second])
        truth = np.linalg.inv(poses[1]) @ poses[0]
        corners = corners_from_homography(truth / truth[2, 2], aspect) + self._rng.normal(0, self._noise, (4, 2))
        x = (np.arange(40) + 0.5) / 20 - 1
        background = np.tile((np.abs(x) > BODY).astype(np.float32), (22, 1))
        return Guess(homography_from_corners(corners, aspect), background, self._sure)


def crowded() -> list[Picture]:
    """A film of a still scene behind somebody who fills two thirds of it and sways."""
    x = (2 * np.arange(PROXY[1]) + 1) / PROXY[1] - 1
    pictures = []
    for frame, behind in enumerate(film(CAMERA, FRAMES)):
        sway = np.array([[1, 0, -0.02 * np.sin(0.9 * frame)], [0, 1, 0.015 * np.sin(0.7 * frame)], [0, 0, 1]])
        body = look(scene(99), sway)
        pictures.append(np.where(np.abs(x) < BODY, np.clip(np.round(body), 0, 255).astype(np.uint8), behind))
    return pictures


def steps_of(pictures: list[Picture], guide: Told | None) -> list[MotionStep]:
    estimator = MotionEstimator(ASPECT, guide=guide)
    return [step for picture in pictures for step in estimator.push(picture)] + estimator.flush()


def errors_px(steps: list[MotionStep]) -> np.ndarray:
    return corner_error_px(np.array([step.corners for step in steps]), CAMERA, FRAMES)


def test_a_foreground_that_outvotes_the_background_is_told_by_the_network() -> None:
    pictures = crowded()
    alone = errors_px(steps_of(pictures, None))
    assert np.median(alone[1:]) > 2  # the tracks follow the body
    guided = errors_px(steps_of(pictures, Told(CAMERA, pictures, sure=0.6)))
    assert guided.max() < 0.8  # and its answer is only 2 px exact: the tracks are


def test_an_unsure_network_changes_nothing() -> None:
    pictures = crowded()
    alone, guided = steps_of(pictures, None), steps_of(pictures, Told(CAMERA, pictures, sure=0.1, noise_px=40))
    assert all(np.array_equal(a.corners, b.corners) for a, b in zip(alone, guided, strict=True))


def test_it_is_not_asked_where_tracks_leave_no_doubt() -> None:
    pictures = film(CAMERA, 4)
    guide = Told(CAMERA, pictures, sure=0.9, noise_px=40)
    alone, guided = steps_of(pictures, None), steps_of(pictures, guide)
    assert guide.asked == 0
    assert all(np.array_equal(a.corners, b.corners) for a, b in zip(alone, guided, strict=True))


def test_without_a_track_its_answer_is_what_is_left() -> None:
    rng = np.random.default_rng(2)
    camera = moving(x=0.02)
    pictures = [rng.integers(120, 136, PROXY).astype(np.uint8) for _ in range(3)]  # noise: nothing holds
    alone = steps_of(pictures, None)
    assert [step.confidence for step in alone[1:]] == [0, 0]
    guided = steps_of(pictures, Told(camera, pictures, sure=0.6, noise_px=0))
    for step in guided[1:]:
        assert step.corners == pytest.approx(np.tile([-0.02, 0], (4, 1)), abs=1e-9)
        assert step.confidence == GUESSED


class Net(torch.nn.Module):
    """Answers a shift of 16 pixels right and 11 down of its input; the left half is background."""

    def features(self, image: torch.Tensor) -> Features:
        self.size = image.shape[2:]
        return Features([], [])

    def forward(self, ref: Features, cur: Features) -> list[Estimate]:
        rows, cols = (side // 8 for side in self.size)
        h = torch.eye(3)[None].clone()
        h[0, 0, 2], h[0, 1, 2] = 16 / UNIT_PX, 11 / UNIT_PX
        flow = torch.tensor([16.0, 11.0])[None, :, None, None].expand(1, 2, rows, cols)
        confidence = torch.where(torch.arange(cols) < cols // 2, 9.0, -9.0).expand(1, 1, rows, cols)
        return [Estimate(h, flow, confidence, torch.sigmoid(confidence), 8)]


@pytest.mark.parametrize("size", [(360, 640), (640, 360), (90, 160), (300, 640)])
def test_the_answer_is_in_shares_of_the_picture(size: tuple[int, int]) -> None:
    net = Net()
    height, width = size
    aspect = height / width
    view = View(np.zeros(size, np.uint8), np.empty((0, 2), np.float32), np.empty(0, np.float32))
    guess = NetworkGuide(net).compare(view, view, aspect)
    assert max(net.size) == 320
    assert all(side % 16 == 0 for side in net.size)
    assert guess.cur_from_ref[0, 2] == pytest.approx(16 / (net.size[1] / 2))
    assert guess.cur_from_ref[1, 2] == pytest.approx(11 / (net.size[0] / 2) * aspect)
    assert guess.background_at(np.array([[-0.5, 0.0], [0.5, 0.0]]), aspect) == pytest.approx([1, 0], abs=1e-3)
    assert guess.sure == pytest.approx(0.5, abs=0.02)


def test_torch_is_loaded_when_the_network_is_asked_and_not_before() -> None:
    code = "import sys; from vstab_core.motion.guided import guide_for; guide_for('cnn'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    assert guide_for("klt") is None
