"""What the tracker makes of the motion network's word: nothing where it is not in doubt, nothing across a cut."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from tests.synthetic import ASPECT, PROXY, Camera, Lens, Picture, corner_error_px, film, look, moving, scene, shaking
from vstab_core.corners import apply, corners_from_homography, homography_from_corners
from vstab_core.models.load import load_module
from vstab_core.models.motion import UNIT_PX, Estimate, Features
from vstab_core.motion.believe import belief_in, movements, one_movement
from vstab_core.motion.fit import Fit
from vstab_core.motion.guide import NetworkGuide
from vstab_core.motion.guided import GUESSED, Guess, Seen, Tracked, guide_for
from vstab_core.motion.homography import MotionEstimator, MotionStep
from vstab_core.track import View
from vstab_core.types import Tracks

FRAMES = 12
PX = 2 / PROXY[1]  # normalised
BODY = 0.66  # half of the width that somebody before the camera fills
CAMERA = shaking(4, x=0.012, turn=0.003)


class Told:
    """Knows the camera, to a pixel or so of the network's input, and where the body stands."""

    def __init__(
        self, camera: Camera, pictures: list[Picture], *, sure: float, noise_px: float = 2.0, body: float = BODY
    ) -> None:
        self._camera, self._sure, self._noise = camera, sure, noise_px * 2 / PROXY[1]
        self._number = {picture.tobytes(): n for n, picture in enumerate(pictures)}
        self._rng = np.random.default_rng(1)
        self._body = body
        self.asked = 0

    def compare(self, ref: View, cur: View, aspect: float) -> Guess:
        self.asked += 1
        first, second = (self._number[view.image.tobytes()] for view in (ref, cur))
        poses = self._camera.poses([first, second])
        truth = np.linalg.inv(poses[1]) @ poses[0]
        corners = corners_from_homography(truth / truth[2, 2], aspect) + self._rng.normal(0, self._noise, (4, 2))
        x = (np.arange(40) + 0.5) / 20 - 1
        background = np.tile((np.abs(x) > self._body).astype(np.float32), (22, 1))
        return Guess(homography_from_corners(corners, aspect), background, self._sure)


@cache
def crowded(body: float = BODY) -> list[Picture]:
    """A film of a still scene behind somebody who fills that much of it and sways."""
    x = (2 * np.arange(PROXY[1]) + 1) / PROXY[1] - 1
    pictures = []
    for frame, behind in enumerate(film(CAMERA, FRAMES)):
        sway = np.array([[1, 0, -0.02 * np.sin(0.9 * frame)], [0, 1, 0.015 * np.sin(0.7 * frame)], [0, 0, 1]])
        texture = look(scene(99), sway)
        pictures.append(np.where(np.abs(x) < body, np.clip(np.round(texture), 0, 255).astype(np.uint8), behind))
    return pictures


def steps_of(pictures: list[Picture], guide: Told | None) -> list[MotionStep]:
    estimator = MotionEstimator(ASPECT, guide=guide)
    return [step for picture in pictures for step in estimator.push(picture)] + estimator.flush()


def errors_px(steps: list[MotionStep]) -> np.ndarray:
    return corner_error_px(np.array([step.corners for step in steps]), CAMERA, FRAMES)


@pytest.mark.parametrize(("sure", "noise_px"), [(0.6, 2.0), (0.1, 40.0)])
def test_a_foreground_that_outvotes_the_background_is_told_apart(sure: float, noise_px: float) -> None:
    pictures = crowded()
    alone = errors_px(steps_of(pictures, None))
    assert np.median(alone[1:]) > 2  # the tracks follow the body
    guide = Told(CAMERA, pictures, sure=sure, noise_px=noise_px)
    guided = errors_px(steps_of(pictures, guide))
    assert guided.max() < 0.3  # though the answer is 2 px exact, or wrong and doubtful
    assert guide.asked < FRAMES - 1  # what was the background is remembered


def test_a_network_that_is_not_sure_at_all_changes_nothing() -> None:
    pictures = crowded()
    alone, guided = steps_of(pictures, None), steps_of(pictures, Told(CAMERA, pictures, sure=0.05, noise_px=40))
    assert all(np.array_equal(a.corners, b.corners) for a, b in zip(alone, guided, strict=True))


@pytest.mark.parametrize("sure", [0.05, 0.9])
def test_a_cut_stays_one(sure: float) -> None:
    pictures = film(CAMERA, 4) + film(CAMERA, 4, seed=7)
    steps = steps_of(pictures, Told(CAMERA, pictures, sure=sure))
    assert [step.cut for step in steps] == [True, False, False, False] * 2


def test_one_bent_movement_is_no_doubt() -> None:
    pictures = film(shaking(4, x=0.05, turn=0.0), 6, lens=Lens(readout_ratio=0.9))
    guide = Told(CAMERA, pictures, sure=0.9, noise_px=40)
    alone, guided = steps_of(pictures, None), steps_of(pictures, guide)
    assert min(np.abs(step.corners).max() for step in alone[1:]) > 0.005
    assert guide.asked == 0
    assert all(step.confidence > 0 for step in guided)


def test_a_movement_that_no_plane_follows_is_followed_as_a_whole() -> None:
    camera = shaking(4, x=0.04, turn=0.0, band=(10.0, 14.0))
    pictures = film(camera, 2, lens=Lens(readout_ratio=0.9))
    assert steps_of(pictures, None)[1].confidence == 0
    step = steps_of(pictures, Told(camera, pictures, sure=0.9, noise_px=40))[1]
    truth = corners_from_homography(camera.steps([0, 1])[1], ASPECT).mean(axis=0)
    assert np.hypot(*truth) > 15 * PX
    assert np.hypot(*(step.corners.mean(axis=0) - truth)) < 2 * PX
    assert step.confidence > 0.5


def test_following_as_a_whole_is_nearer_the_truth_than_bridging() -> None:
    camera = shaking(6, x=0.04, turn=0.0, band=(8.0, 14.0))
    pictures = film(camera, 8, lens=Lens(readout_ratio=0.9))[3:]
    truth = corners_from_homography(camera.steps(np.arange(3, 8)), ASPECT).mean(axis=1)
    bridged, whole = steps_of(pictures, None), steps_of(pictures, Told(camera, pictures, sure=0.9, noise_px=40))
    assert [step.confidence == 0 for step in bridged] == [False, False, True, False, False]
    assert all(step.confidence > 0.2 for step in whole)
    off = {
        name: np.hypot(*(np.array([step.corners.mean(axis=0) for step in steps]) - truth).T)[2:4] / PX
        for name, steps in (("bridged", bridged), ("whole", whole))
    }
    assert off["bridged"].min() > 10  # turning back within the gap, the camera did anything but go on evenly
    assert off["whole"].max() < 4


def test_what_the_network_confirmed_is_trusted_for_a_while() -> None:
    pictures = crowded(0.35)  # the background still wins, but the tracks are torn
    alone, guide = steps_of(pictures, None), Told(CAMERA, pictures, sure=0.9, noise_px=0.5, body=0.35)
    guided = steps_of(pictures, guide)
    assert errors_px(alone).max() < 0.1
    assert all(np.array_equal(a.corners, b.corners) for a, b in zip(alone, guided, strict=True))
    assert 1 <= guide.asked <= 5  # of 11 pairs: about every fourth


def test_it_is_asked_again_where_what_it_confirmed_is_lost() -> None:
    pictures = crowded(0.35)[:4]
    guide = Told(CAMERA, pictures, sure=0.9, noise_px=0.5, body=0.35)
    steps_of(pictures, guide)
    assert guide.asked == 1  # and trusted for the three frames after
    fewer = [*pictures[:2], pictures[2].copy(), pictures[3]]
    fewer[2][:, :128] = 128  # a fifth of the picture, all of it background: fewer than nine of ten cells are left
    guide = Told(CAMERA, fewer, sure=0.9, noise_px=0.5, body=0.35)
    steps_of(fewer, guide)
    assert guide.asked > 1


def test_it_is_not_asked_where_tracks_leave_no_doubt() -> None:
    pictures = film(CAMERA, 4)
    guide = Told(CAMERA, pictures, sure=0.9, noise_px=40)
    alone, guided = steps_of(pictures, None), steps_of(pictures, guide)
    assert guide.asked == 0
    assert all(np.array_equal(a.corners, b.corners) for a, b in zip(alone, guided, strict=True))


def test_without_a_track_its_answer_is_what_is_left() -> None:
    rng = np.random.default_rng(2)
    camera = moving(x=0.02)
    dusk = np.linspace(116, 124, PROXY[0])[:, None]  # the same picture, and no corner in it: nothing holds
    pictures = [(dusk + rng.integers(0, 16, PROXY)).astype(np.uint8) for _ in range(3)]
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


def seen_of(ref: np.ndarray, moves: list[tuple[np.ndarray, np.ndarray]], background: np.ndarray) -> Seen:
    """Return tracks of movements, a homography and a mask (N,) each, a fiftieth of a pixel exact."""
    cur = ref + np.random.default_rng(3).normal(0, 0.02 * PX, ref.shape)
    for h, which in moves:
        cur[which] += (apply(h, ref) - ref)[which]
    empty = np.zeros((len(ref), 2), np.float32)
    return Seen(Tracks(empty, empty, background.astype(np.float32)), ref, cur, PX, len(ref))


def moved_by(x_px: float, y_px: float, turn: float = 0.0) -> np.ndarray:
    return np.array([[1, -turn, x_px * PX], [turn, 1, y_px * PX], [0, 0, 1]])


def everywhere() -> np.ndarray:
    x, y = np.meshgrid(np.linspace(-0.95, 0.95, 16), np.linspace(-0.52, 0.52, 9))
    return np.stack([x.ravel(), y.ravel()], axis=1)


def test_movements_among_tracks_are_all_found() -> None:
    at = everywhere()
    middle = np.abs(at[:, 0]) < 0.6
    behind, before = moved_by(9, -4, 0.01), moved_by(-3, 1)
    seen = seen_of(at, [(behind, ~middle), (before, middle)], np.full(len(at), 0.5))
    found = movements(seen)
    assert len(found) == 2
    for h, truth in zip(found, (before, behind), strict=True):  # the more common one first
        assert np.abs(apply(h, at) - apply(truth, at)).max() < 0.1 * PX


def test_tracks_of_noise_are_no_movement() -> None:
    at = everywhere()
    rng = np.random.default_rng(5)
    chance = Seen(
        Tracks(at, at, np.ones(len(at), np.float32)), at, at + rng.uniform(-20, 20, at.shape) * PX, PX, len(at)
    )
    assert movements(chance) == []
    assert not one_movement(chance)


def test_a_bent_movement_is_one_and_a_torn_one_two() -> None:
    at = everywhere()
    half = np.full(len(at), 0.5)
    for bend in (moved_by(0, 0), np.array([[1, 0, 0.02], [0, 1, 0], [0.03, 0.05, 1]])):
        seen = seen_of(at, [(bend, at[:, 0] > -2)], half)
        skew = Seen(seen.tracks, at, seen.cur + np.stack([0.06 * at[:, 1], 0 * at[:, 0]], axis=1), PX, len(at))
        assert one_movement(skew)  # a rolling shutter's: 10 px from top to bottom
    body = np.hypot(at[:, 0], at[:, 1]) < 0.6
    assert not one_movement(seen_of(at, [(moved_by(20, 5), ~body), (moved_by(-2, 1), body)], half))
    few = Seen(Tracks(at, at, np.ones(len(at), np.float32)), at, at, PX, 3 * len(at))
    assert not one_movement(few)  # who knows what the lost ones did


def belief_of(seen: Seen, h: np.ndarray, mask: float = 0.5, says: np.ndarray | None = None) -> float:
    found = Tracked(seen, Fit(h, seen.off_px(h), np.ones(len(seen.ref))), corners_from_homography(h, ASPECT), 0.5, 0.5)
    guess = Guess(np.eye(3) if says is None else says, np.full((22, 40), mask, np.float32), 0.5)
    return belief_in(found, guess, ASPECT)


def test_what_lies_around_and_is_rigid_and_long_known_is_believed() -> None:
    at = everywhere()
    middle = np.abs(at[:, 0]) < 0.6
    behind, before = moved_by(9, -4), moved_by(-3, 1)
    seen = seen_of(at, [(behind, ~middle), (before, middle)], np.full(len(at), 0.5))
    assert belief_of(seen, behind) > belief_of(seen, before) + 0.5  # though the foreground has more tracks
    known = seen_of(at, [(behind, ~middle), (before, middle)], middle.astype(np.float32))
    assert belief_of(known, before) > belief_of(seen, before) + 0.2
    bending = replace(seen, cur=seen.cur + np.where(middle, 0.8 * PX * np.sin(40 * at[:, 1]), 0)[:, None])
    assert belief_of(bending, before) < belief_of(seen, before) - 0.3
    assert belief_of(seen, behind, mask=0.9) > belief_of(seen, behind, mask=0.1) + 0.3


def test_what_stands_still_is_doubted_where_the_network_sees_it_move() -> None:
    at = everywhere()
    seen = seen_of(at, [], np.full(len(at), 0.5))
    still, moves = np.eye(3), moved_by(12, 0)
    assert belief_of(seen, still, says=still) > belief_of(seen, still, says=moves) + 1.5


def test_folded_batch_norms_change_nothing() -> None:
    image = np.clip(np.round(look(scene(3), np.eye(3))), 0, 255).astype(np.uint8)
    with torch.inference_mode():
        folded, plain = NetworkGuide().look(image), NetworkGuide(load_module("motion")).look(image)
    for a, b in zip([*folded.compared, *folded.context], [*plain.compared, *plain.context], strict=True):
        assert (a - b).abs().max() < 1e-4 * b.abs().max()


def test_torch_is_loaded_when_the_network_is_asked_and_not_before() -> None:
    code = "import sys; from vstab_core.motion.guided import guide_for; guide_for('cnn'); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    assert guide_for("klt") is None
