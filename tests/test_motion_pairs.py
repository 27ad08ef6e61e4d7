"""Pairs that the motion network learns from: the truth that is told of them is the truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vstab_core.models.motion import STRIDES, UNIT_PX, MotionNet, cell_centres, compare, correlation, fit, moved
from vstab_core.training import pairs as pairs_module
from vstab_core.training.motion import corner_error_px, estimates_of, make_batch
from vstab_core.training.pairs import Pair, make_pair
from vstab_core.training.recipe import rng_of
from vstab_core.training.stills import draw, load_stills, pyramid

SIZE = (112, 192)
STILLS = load_stills(None, seed=5, drawn=4)


def seen_back(pair: Pair) -> np.ndarray:
    """The later frame, taken back along the flow that the pair tells."""
    height, width = pair.ref.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(pair.cur, x + pair.flow_px[..., 0], y + pair.flow_px[..., 1], cv2.INTER_LINEAR)


@pytest.fixture
def ideal_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blur, light, noise or compression, so that both frames show the same codes."""
    monkeypatch.setattr(pairs_module, "_camera", lambda rng, ref, cur, h: (ref, cur))
    monkeypatch.setattr(pairs_module, "CUTS", 0.0)


@pytest.mark.usefixtures("ideal_camera")
def test_background_is_where_the_flow_says() -> None:
    for seed in range(12):
        pair = make_pair(STILLS, np.random.default_rng(seed), SIZE)
        sure = cv2.erode(pair.background, np.ones((5, 5))) > 0.99
        if sure.sum() > 500:
            off = np.abs(seen_back(pair) - pair.ref)[sure]
            assert np.median(off) < 3, seed  # codes: interpolation of two views; what moved is tens of codes off
            assert np.mean(off > 25) < 0.03, seed


@pytest.mark.usefixtures("ideal_camera")
def test_background_moves_by_the_homography() -> None:
    for seed in range(12):
        pair = make_pair(STILLS, np.random.default_rng(seed), SIZE)
        y, x = np.nonzero(pair.background > 0.99)
        at = np.stack([x + 0.5 - SIZE[1] / 2, y + 0.5 - SIZE[0] / 2], axis=1)
        there = cv2.perspectiveTransform(at[:, None], pair.cur_from_ref)[:, 0] if len(at) else at
        off = np.linalg.norm(there - at - pair.flow_px[y, x], axis=1)
        assert off.max(initial=0) < 1.001, seed  # parallax up to a pixel still counts as the plane


def test_a_step_makes_the_same_batch_again() -> None:
    one, two = (make_batch(STILLS, rng_of(3, 7), 2) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    other = make_batch(STILLS, rng_of(3, 8), 2)
    assert not torch.equal(one["ref"], other["ref"])


def test_across_a_cut_there_is_no_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs_module, "CUTS", 1.0)
    pair = make_pair(STILLS, np.random.default_rng(1), SIZE)
    assert not pair.related
    assert not pair.background.any()


def test_drawn_stills_have_edges_and_are_repeatable() -> None:
    still = draw(3, (180, 320))
    assert np.array_equal(still, draw(3, (180, 320)))
    assert still.std() > 15
    assert [level.shape for level in pyramid(still)] == [(180, 320), (90, 160), (45, 80), (23, 40)]


def test_fit_finds_the_homography_of_the_cells_and_leaves_a_foreground_out() -> None:
    truth = torch.eye(3)[None].clone()
    truth[0, 0, 2], truth[0, 1, 2], truth[0, 0, 1], truth[0, 1, 0] = 0.08, -0.03, -0.02, 0.02
    grid = cell_centres(7, 12, 16)
    flow = (moved(truth, grid) - grid).permute(0, 3, 1, 2).clone()
    weight = torch.ones(1, 1, 7, 12)
    flow[:, :, :, :5] = 20.0  # 40 % of the cells are somebody else,
    weight[:, :, :, :5] = 0.05  # as the network knows
    found = fit(grid, flow, weight, 3.0)
    corners = torch.tensor([[-96.0, -56], [96, -56], [96, 56], [-96, 56]])
    assert (moved(found, corners) - moved(truth, corners)).norm(dim=-1).max() < 0.05


def test_correlation_is_highest_where_the_picture_went() -> None:
    features = torch.nn.functional.normalize(torch.randn(1, 32, 7, 12, generator=torch.manual_seed(2)), dim=1)
    later = torch.roll(features, shifts=(1, -2), dims=(2, 3))  # content goes a cell down and two to the left
    found = correlation(features, later, torch.eye(3)[None], STRIDES[0], 4)
    best = found[0, :, 3, 6].argmax().item()
    assert divmod(best, 9) == (4 + 1, 4 - 2)  # row and column of the search window


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("cols", [5, 7, 18, 22])
def test_every_cell_is_compared_with_all_around_it(frames: int, cols: int) -> None:
    generator = torch.Generator().manual_seed(cols)
    here = torch.randn(2, frames, 4, 3, cols, generator=generator)
    there = torch.randn(2, 4, 3 + 4, cols + 4, generator=generator)
    found = compare(here, there, 2)
    for number, (dy, dx) in enumerate((dy, dx) for dy in range(5) for dx in range(5)):
        expected = (here * there[:, None, :, dy : dy + 3, dx : dx + cols]).sum(dim=2)
        assert torch.allclose(found[:, :, number], expected, atol=1e-5), (dy, dx)


def test_an_exact_start_makes_correlation_central() -> None:
    features = torch.nn.functional.normalize(torch.randn(1, 32, 7, 12, generator=torch.manual_seed(2)), dim=1)
    h = torch.eye(3)[None].clone()
    h[0, 0, 2], h[0, 1, 2] = -2 * 16 / UNIT_PX, 1 * 16 / UNIT_PX
    later = torch.roll(features, shifts=(1, -2), dims=(2, 3))
    assert correlation(features, later, h, 16, 4)[0, :, 3, 6].argmax().item() == 40


def test_corner_error_is_in_pixels_of_the_training_picture() -> None:
    batch = make_batch(STILLS, rng_of(1), 1)
    estimate = estimates_of(MotionNet().eval(), batch)[-1]
    shifted = batch["cur_from_ref"].clone()
    shifted[:, 0, 2] += 3 / UNIT_PX * shifted[:, 2, 2]
    exact = type(estimate)(batch["cur_from_ref"], *list(vars(estimate).values())[1:])
    assert corner_error_px(exact, batch).max() < 1e-3
    off = type(estimate)(shifted, *list(vars(estimate).values())[1:])
    assert corner_error_px(off, batch).mean() == pytest.approx(3, rel=0.1)  # tilt spreads it a little
