"""Films that StabNet learns from: the truth that is told of them is the truth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from vstab_core.models.stabnet import PAST, Answer, StabNet, filled, shown, sources
from vstab_core.models.stabnet_resnet50 import FARTHEST, PublishedStabNet
from vstab_core.training import shaky
from vstab_core.training.pairs import cells_of
from vstab_core.training.recipe import rng_of
from vstab_core.training.shaky import Film, make_films
from vstab_core.training.stabnet import BACK, TURNS, answers_of, error_px, loss, make_batch, with_motion_network
from vstab_core.training.stills import load_stills

SIZE = (144, 256)
STRIDE = 8
STILLS = load_stills(None, seed=5, drawn=4)


def films(seed: int, count: int = 4) -> list[Film]:
    return make_films(STILLS, np.random.default_rng(seed), count, SIZE, BACK, TURNS, STRIDE)


def seen_by(film: Film, turn: int) -> np.ndarray:
    """What the steady camera should see of a filmed frame: the pixels where the truth says that they are."""
    height, width = SIZE
    x = (np.arange(width) + 0.5) / STRIDE - 0.5
    y = (np.arange(height) + 0.5) / STRIDE - 0.5
    cell = np.stack(np.meshgrid(x, y), axis=-1).astype(np.float32)
    at = cv2.remap(film.truth_px[turn], cell, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    at = (at + np.array([width / 2 - 0.5, height / 2 - 0.5])).astype(np.float32)
    return cv2.remap(film.frames[turn], at, None, cv2.INTER_LINEAR)


@pytest.fixture
def ideal_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blur, noise or compression, so that both cameras see the same codes."""
    monkeypatch.setattr(shaky._Light, "recorded", lambda self, picture, speed_px: self.clean(picture))


@pytest.mark.usefixtures("ideal_camera")
def test_the_steady_view_is_where_the_truth_says() -> None:
    shaken = []
    for film in films(1, 10):
        for turn in range(TURNS):
            sure = cv2.erode(cv2.resize(film.seen[turn], SIZE[::-1]), np.ones((9, 9))) > 0.99
            sure[:STRIDE], sure[-STRIDE:], sure[:, :STRIDE], sure[:, -STRIDE:] = False, False, False, False
            if sure.sum() > 1000:
                off = np.abs(seen_by(film, turn) - film.steady[turn])[sure]
                asis = np.abs(film.frames[turn] - film.steady[turn])[sure]
                spread = film.steady[turn][sure].std() + 1
                assert np.median(off) < 0.12 * spread
                shaken.append(asis.mean() / off.mean())
    assert np.median(shaken) > 3  # there was something to stabilize


@pytest.mark.usefixtures("ideal_camera")
def test_the_past_is_the_steady_view_off_by_the_error_that_is_told() -> None:
    for film in films(3, 10):
        # The latest past frame is one before the first: nearly the same steady view, but for its error.
        error = film.past_error_px[0].mean(axis=(0, 1))
        assert np.isfinite(error).all()
        assert set(np.unique(film.mask)) <= {0.0, 1.0}
        lit = film.mask[0] > 0
        outside = film.past[0][~lit]
        assert outside.size == 0 or np.ptp(outside) < 1e-3  # filled with one brightness


def test_error_of_the_past_is_that_of_an_answer() -> None:
    """A past frame that shows everything 3 px further right is the answer of a warp that looks 3 px further left."""
    answer = Answer(shift(-3.0), mesh_px=torch.zeros(1, 2, 5, 5))
    truth = torch.from_numpy(cells_of(SIZE, STRIDE))[None]
    off = error_px(answer, truth, SIZE)
    moved = np.eye(3)
    moved[0, 2] = 3.0
    told = -(shaky._moved(moved, cells_of(SIZE, STRIDE)) - cells_of(SIZE, STRIDE))
    assert np.allclose(off[0].numpy(), told, atol=1e-4)


def shift(x_px: float) -> torch.Tensor:
    h = torch.eye(3)[None].clone()
    h[0, 0, 2] = x_px / 160.0
    return h


def test_what_is_shown_comes_from_where_the_answer_says() -> None:
    image = torch.rand(1, 1, *SIZE) * 255
    mesh = torch.zeros(1, 2, 5, 5)
    mesh[0, 0] = 4.0  # px to the right, everywhere
    picture, mask = shown(image, Answer(shift(6.0), mesh_px=mesh))
    assert torch.allclose(picture[0, 0, :, :-10], image[0, 0, :, 10:], atol=2e-2)
    assert float(mask[0, :, :-10].min()) == 1.0
    assert float(mask[0, :, -10:].max()) == 0.0
    assert torch.allclose(picture[0, 0, :, -10:], picture[0, 0, :, :-10].mean().expand(SIZE[0], 10), atol=1e-2)
    assert torch.equal(filled(image, torch.ones(1, *SIZE)), image)
    corners = torch.tensor([[[-128.0, -72.0], [128.0, 72.0]]])
    assert torch.allclose(sources(Answer(shift(0.0), mesh_px=mesh), corners, SIZE)[0], corners + torch.tensor([4.0, 0]))


def test_a_step_makes_the_same_films_again_and_a_perfect_answer_costs_nothing() -> None:
    small = (64, 112)
    one, two = (make_batch(STILLS, rng_of(3, 7), 1, small) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)

    batch = dict(one)
    still = torch.from_numpy(cells_of(small, STRIDE))
    batch["truth_px"] = still.expand_as(batch["truth_px"]).contiguous()
    batch["steady"] = batch["frames"]
    batch["past_error_px"] = torch.zeros_like(batch["past_error_px"])
    with torch.no_grad():
        terms = loss(PublishedStabNet().eval(), batch)  # begins with the picture as it is
    assert {name: round(float(value), 4) for name, value in terms.items()} == dict.fromkeys(terms, 0.0)
    batch["truth_px"] = batch["truth_px"] + torch.tensor([2.0, 0.0])
    with torch.no_grad():
        assert float(loss(PublishedStabNet().eval(), batch)["feature"]) > 0.05


def test_the_published_network_begins_with_the_frame_as_it_is_and_stays_inside() -> None:
    net = PublishedStabNet().eval()
    batch = make_batch(STILLS, rng_of(0, 0), 1, (96, 160))
    with torch.no_grad():
        first = answers_of(net, batch)[0][-1]
        assert first.mesh_px is not None
        assert float(first.mesh_px.abs().max()) == 0.0
        net.head[-1].bias += 9.0  # type: ignore[operator]
        far = answers_of(net, batch)[0][-1]
    assert far.mesh_px is not None
    assert float(far.mesh_px[0, 0, 2, 2]) == pytest.approx(FARTHEST * 80)  # the middle vertex, half sides of 80 px
    assert sum(value.numel() for value in net.parameters()) == 26_199_282
    assert len(PAST) == 6


def test_training_reaches_all_but_the_motion_network_within() -> None:
    net = with_motion_network().train()
    assert isinstance(net, StabNet)
    before = {name: value.clone() for name, value in net.motion.state_dict().items()}
    terms = loss(net, make_batch(STILLS, rng_of(1, 0), 2, (64, 112)))
    assert set(terms) == {"pixel", "feature", "cells", "temporal", "eased", "shape", "border"}
    torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert all(value.grad is None for value in net.motion.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.motion.state_dict().items())
    for part in (net.mesh, net.homeward[-1], net.decide.change):
        assert all(value.grad is not None and float(value.grad.abs().max()) > 0 for value in part.parameters())


def test_fresh_it_holds_the_picture_still() -> None:
    net = with_motion_network().eval()
    batch = make_batch(STILLS, rng_of(1, 0), 1, (64, 112))
    with torch.no_grad():
        answer = answers_of(net, batch)[0][-1]
    assert answer.held is not None
    assert answer.on is not None
    assert torch.allclose(answer.on, answer.held, atol=2e-3)  # a third of a pixel: what the fit's prior takes
    assert torch.equal(answer.home, answer.on)
