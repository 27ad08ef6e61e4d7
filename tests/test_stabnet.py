"""StabNet with its installed weights: it steadies what shakes, in one pass as in two, and says what it cannot do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.clips import ClipSpec, write_clip
from tests.synthetic import ASPECT, FPS, Picture, film, moving, rms, shaking
from vstab_core import pipeline
from vstab_core.closed_loop import ClosedLoopPath, follow
from vstab_core.corners import corners_from_homography
from vstab_core.decode import read_frames
from vstab_core.errors import ModelError, UsageError
from vstab_core.evaluation.shake import above
from vstab_core.models import load
from vstab_core.models.stabnet import Answer, StabNet, past_of
from vstab_core.models.stabnet import shown as shown_in_training
from vstab_core.models.stabnet_graph import compiled
from vstab_core.models.stabnet_resnet50 import PublishedStabNet
from vstab_core.motion.stabnet import ClosedLoop, _seen_by
from vstab_core.params import Parameters
from vstab_core.resmooth import smooth
from vstab_core.sidecar import read_sidecar
from vstab_core.types import EncodeOptions, FloatArray

STABNET = Parameters(method="stabnet")
FRAMES = 75
SIZE = (144, 256)


def write_film(path: Path, pictures: list[Picture]) -> Path:
    spec = ClipSpec(size=pictures[0].shape, pixel_format="gray", codec="ffv1", container="matroska")
    return write_clip(path, spec, ((picture,) for picture in pictures))


def shown(pictures: list[Picture]) -> FloatArray:
    """Return src_from_dst (F, 3, 3) of a film in the closed loop."""
    return np.array([warp.src_from_dst for _, warp in follow(pictures, ASPECT, 1 / FPS, STABNET)])


def test_a_hands_shake_is_taken_away_and_a_pan_is_not() -> None:
    pan = moving(x=0.004)
    hand = shaking(6, x=0.02, turn=0.004, band=(1.5, 6.0))
    camera = pan + hand
    warps = shown(film(camera, FRAMES, size=SIZE))
    seen = corners_from_homography(camera.poses(np.arange(FRAMES)) @ warps, ASPECT).reshape(FRAMES, 8)
    filmed = corners_from_homography(camera.poses(np.arange(FRAMES)), ASPECT).reshape(FRAMES, 8)
    assert rms(above(seen[10:], FPS)) < 0.5 * rms(above(filmed[10:], FPS))
    speed = (seen[-1, ::2] - seen[20, ::2]).mean() / (FRAMES - 21)
    assert speed == pytest.approx(0.004, rel=0.4)


def test_a_still_camera_stays_still() -> None:
    warps = shown(film(moving(), 30, size=SIZE))
    first = warps[:1] / warps[0, 0, 0]
    assert np.abs(corners_from_homography(warps @ np.linalg.inv(first), ASPECT) - 0).max() < 0.2  # the zoom
    moved = corners_from_homography(warps, ASPECT)
    assert np.abs(np.diff(moved, axis=0)).max() < 0.004  # half a pixel of 256


@pytest.mark.parametrize("size", [(48, 64), (96, 54), (120, 120)])
def test_every_shape_and_size_goes_through(size: tuple[int, int]) -> None:
    aspect = size[0] / size[1]
    pairs = list(follow(film(shaking(1, x=0.01), 6, size=size), aspect, 1 / FPS, STABNET))
    assert len(pairs) == 6
    assert all(np.isfinite(warp.src_from_dst).all() for _, warp in pairs)


def test_a_cut_begins_anew_and_black_frames_do_no_harm() -> None:
    first, second = film(shaking(1, x=0.01), 12, size=SIZE), film(shaking(2, x=0.01), 12, size=SIZE, seed=9)
    black = [np.zeros(SIZE, np.uint8)] * 4
    pictures = [*first, *second, *black, *second]
    steps = list(follow(pictures, ASPECT, 1 / FPS, STABNET))
    assert len(steps) == len(pictures)
    assert any(step.cut for step, _ in steps[12:15])
    warps = np.array([warp.src_from_dst for _, warp in steps])
    assert np.abs(corners_from_homography(warps, ASPECT)).max() < 0.4  # nothing beyond the budget


@pytest.mark.parametrize("model", ["similarity", "mesh"])
def test_one_pass_and_two_give_the_same_pictures(model: str, tmp_path: Path) -> None:
    clip = write_film(tmp_path / "a.mkv", film(shaking(3, x=0.02), 20, size=(90, 160)))
    encode, parameters = EncodeOptions(codec="ffv1"), replace(STABNET, model=model)
    one, two = tmp_path / "one.mkv", tmp_path / "two.mkv"
    pipeline.stabilize(clip, two, parameters, encode, sidecar=tmp_path / "a.vstab")
    pipeline.stabilize(clip, one, parameters, encode, streaming=True)
    stored = read_sidecar(tmp_path / "a.vstab").warps
    assert stored is not None
    assert (stored.mesh is not None and bool(stored.mesh.any())) == (model == "mesh")
    for here, there in zip(read_frames(one), read_frames(two), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(here.planes, there.planes, strict=True))


def test_the_sidecar_serves_again(tmp_path: Path) -> None:
    clip = write_film(tmp_path / "a.mkv", film(shaking(3, x=0.02), 20, size=(90, 160)))
    sidecar = tmp_path / "a.vstab"
    encode = EncodeOptions(codec="ffv1")
    pipeline.stabilize(clip, tmp_path / "two.mkv", STABNET, encode, sidecar=sidecar)
    stored = read_sidecar(sidecar)
    assert stored.warps is not None
    again = pipeline.stabilize(clip, tmp_path / "again.mkv", STABNET, encode, sidecar=sidecar)
    assert np.array_equal(read_sidecar(sidecar).warps.src_from_dst, stored.warps.src_from_dst)  # type: ignore[union-attr]
    assert again.output == tmp_path / "again.mkv"
    other = replace(STABNET, max_crop=0.05)
    pipeline.stabilize(clip, tmp_path / "other.mkv", other, encode, sidecar=sidecar)
    assert not np.array_equal(read_sidecar(sidecar).warps.src_from_dst, stored.warps.src_from_dst)  # type: ignore[union-attr]


def test_another_path_needs_another_analysis(tmp_path: Path) -> None:
    clip = write_film(tmp_path / "a.mkv", film(shaking(3, x=0.02), 8, size=(90, 160)))
    pipeline.analyze(clip, tmp_path / "a.vstab", STABNET)
    with pytest.raises(UsageError, match="vstab analyze"):
        smooth(tmp_path / "a.vstab", {"smoothness": 0.9})
    smooth(tmp_path / "a.vstab", {"method": "klt"})  # the motion is there
    with pytest.raises(UsageError, match=r"--method stabnet .*--lock on"):
        pipeline.analyze(clip, tmp_path / "b.vstab", replace(STABNET, lock="on"))
    assert not (tmp_path / "b.vstab").exists()


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "WEIGHTS", tmp_path)
    with pytest.raises(ModelError, match=r"no weights at '.*stabnet.safetensors'.*vstab train stabnet"):
        ClosedLoopPath(ASPECT, 1 / FPS, STABNET)


def test_the_past_is_what_was_shown() -> None:
    """Told that a frame was shown turned, the network takes the next one to be turned as much."""
    pictures = film(moving(), 3, size=SIZE)
    loop = ClosedLoop(ASPECT)
    loop.begin(pictures[0])
    shift = np.eye(3)
    shift[0, 2] = 0.06  # half widths
    for _ in range(40):  # all that is remembered
        loop.propose(pictures[1])
        loop.show(shift)
    on = loop.propose(pictures[2]).src_from_on
    assert on[0, 2] == pytest.approx(0.06, abs=0.008)  # a pixel of 256


def test_a_frame_is_remembered_as_the_network_was_trained_to_see_it() -> None:
    picture = film(shaking(5, x=0.02), 1, size=SIZE)[0]
    h = np.array([[1.02, 0.03, 0.08], [-0.02, 0.99, -0.05], [0.004, -0.003, 1.0]])
    as_trained, lit = shown_in_training(
        torch.from_numpy(picture).float()[None, None], Answer(torch.from_numpy(h).float()[None])
    )
    found, mask = _seen_by(picture, h)
    assert 0 < mask.mean() < 0.95
    assert (mask == lit[0].numpy()).mean() > 0.999
    assert np.abs(found - as_trained[0, 0].numpy())[mask == 1].max() < 0.5  # codes


def test_the_published_network_runs_in_the_same_loop() -> None:
    loop = ClosedLoop(ASPECT, PublishedStabNet().eval())  # begins with each frame as it is
    pictures = film(moving(x=0.01), 2, size=SIZE)
    loop.begin(pictures[0])
    proposed = loop.propose(pictures[1])
    assert np.allclose(proposed.src_from_on, np.eye(3), atol=1e-5)
    assert proposed.src_from_held is None  # it says one thing only
    assert proposed.src_from_home is None
    loop.show(proposed.src_from_on)


def test_the_graph_says_what_the_network_says() -> None:
    net = load.load_module("stabnet")
    assert isinstance(net, StabNet)
    pictures = [torch.from_numpy(p).float()[None, None] for p in film(shaking(5, x=0.02), 8, size=SIZE)]
    with torch.no_grad():
        features_of, answer_of = compiled(net, torch.cat(pictures[:2]))
        current = net.features(pictures[7])
        past = past_of(
            net.features(torch.cat(pictures[6:0:-1])), torch.ones(1, 6, *SIZE), torch.zeros(1, 6, 4), net.strides
        )
        seen = features_of(torch.cat([pictures[7], pictures[0]])).split(1)[0]
        told, said = answer_of(past, seen), net(past, current)[-1]
    for name in ("held", "on", "home"):
        assert torch.allclose(getattr(told, name), getattr(said, name), atol=1e-5), name
