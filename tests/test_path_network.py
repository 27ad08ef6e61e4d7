"""The path network: its twin in torch, and the laws that streaming keeps with it, whatever the weights."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from tests.synthetic import ASPECT, motion_of, moving, rms, shaking
from tests.test_smooth import beyond_source, output_steps
from tests.test_streaming import VIOLENT, stream
from vstab_core.corners import similarity_basis
from vstab_core.evaluation.shake import above
from vstab_core.models import path as network
from vstab_core.models.path_kernel import AHEAD, MOVING, Bank, PathNetwork
from vstab_core.params import Parameters
from vstab_core.smooth import streaming
from vstab_core.smooth.crop import sides_of
from vstab_core.smooth.learned import LearnedPath
from vstab_core.smooth.weights import horizon_frames
from vstab_core.training.path import batch_of, shake, shown_path
from vstab_core.training.paths import make_paths
from vstab_core.types import CameraMotion, FloatArray

LOOK_AHEADS = [0, 1, 5, 9]


def random_network(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    model = network.build()
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(0, 0.3)
    return model.eval()


def arrays_of(model: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


@pytest.mark.parametrize("look_ahead", LOOK_AHEADS)
def test_numpy_equals_torch(look_ahead: int) -> None:
    frames, horizon = 60, 12.0
    paths = make_paths(np.random.default_rng(7), 6, frames)
    model = random_network(1)
    batch = batch_of(paths, np.full(6, 0.03), look_ahead, np.full(6, horizon))
    with torch.no_grad():
        correction, use = shown_path(model, batch)
    assert float((use > 1).float().mean()) > 0.01  # so that cutting off is compared, too
    expected = (correction * batch["unit"][:, None]).numpy()
    for index in range(6):
        sides = sides_of(similarity_basis(paths.aspect[index]), paths.aspect[index])
        learned = LearnedPath(sides, 0.03, horizon, PathNetwork(arrays_of(model)))
        path = paths.path[index]
        before = np.concatenate([path[:1], path[:-1]])
        found = [learned.next(path[t : t + look_ahead + 1] - before[t])[0] for t in range(frames)]
        assert np.abs(np.array(found) - expected[index]).max() < 1e-5


@pytest.mark.parametrize("rate", [24.0, 60.0])
def test_the_loss_counts_the_shake_that_eval_measures(rate: float) -> None:
    path = make_paths(np.random.default_rng(3), 3, 100).path
    horizon = torch.full((3,), horizon_frames(Parameters(), 1 / rate))
    expected = [np.square(above(one, rate)).sum(axis=1).mean() for one in path]
    assert shake(torch.from_numpy(path), horizon).numpy() == pytest.approx(expected, rel=1e-6)


def plain_filter(path: FloatArray, width: float, look_ahead: int) -> FloatArray:
    """Return the path (F,) by a Kalman filter of constant speed and its fixed-lag smoother, written to be read."""
    move, push = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[0.25, 0.5], [0.5, 1.0]]) * width**-4
    spread = np.eye(2)
    for _ in range(3000):  # as in the steady state from the first frame on
        wide = move @ spread @ move.T + push
        gain = wide[:, 0] / (wide[0, 0] + 1)
        spread = (np.eye(2) - np.outer(gain, [1, 0])) @ wide
    back = spread @ move.T @ np.linalg.inv(wide)
    shown, filtered = [], [np.zeros(2)]
    for value in path:
        ahead = move @ filtered[-1]
        filtered.append(ahead + gain * (value - ahead[0]))
    for frame in range(1, len(filtered)):
        last = min(frame + look_ahead, len(path))
        smooth = filtered[last]
        for earlier in range(last - 1, frame - 1, -1):
            smooth = filtered[earlier] + back @ (smooth - move @ filtered[earlier])
        shown.append(smooth[0])
    return np.array(shown)


@pytest.mark.parametrize("look_ahead", LOOK_AHEADS)
def test_the_bank_is_made_of_fixed_lag_kalman_filters(look_ahead: int) -> None:
    path = np.cumsum(np.random.default_rng(5).normal(size=80))
    bank = Bank((1,))
    found = np.array([bank.step(path[t : t + look_ahead + 1, None])[0] for t in range(80)])
    for index in (0, 2, 3):
        assert np.abs(found[:, index] - plain_filter(path, MOVING[index], look_ahead)).max() < 1e-6


# -- in streaming ---------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def network_at_all_look_aheads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The laws hold also where vstab leaves the path to the solver."""
    monkeypatch.setattr(streaming, "LEARNED_AHEAD", range(AHEAD + 1))


def cnn(**changes: object) -> Parameters:
    return Parameters(method="cnn", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("look_ahead", LOOK_AHEADS)
def test_a_still_camera_is_only_zoomed(look_ahead: int) -> None:
    track, _ = stream(motion_of(moving(), 50), cnn(look_ahead=look_ahead, max_crop=0.1))
    assert np.allclose(track.src_from_dst, np.diag([0.9, 0.9, 1.0]), atol=1e-12)


@pytest.mark.parametrize("look_ahead", LOOK_AHEADS)
def test_a_straight_pan_stays_one(look_ahead: int) -> None:
    motion = motion_of(moving(x=0.006, y=-0.002), 260)
    track, _ = stream(motion, cnn(look_ahead=look_ahead, zoom="none"))
    # It begins abruptly, and the network takes seconds to settle; at the end of a clip less and less is seen ahead.
    seen = slice(210, 260 - look_ahead)
    speed = output_steps(motion, track)[seen]
    assert np.abs(speed - motion.corners[seen]).max() < 0.02 * 0.006
    assert np.abs(np.diff(speed, axis=0)).max() < 1e-4  # 0.1 px at 1920


@pytest.mark.parametrize("look_ahead", LOOK_AHEADS)
@pytest.mark.parametrize("max_crop", [0.0, 0.02, 0.5])
@pytest.mark.parametrize("model", ["translation", "similarity"])
def test_no_border_shows_whatever_the_shake(look_ahead: int, max_crop: float, model: str) -> None:
    parameters = cnn(look_ahead=look_ahead, max_crop=max_crop, model=model)
    track, _ = stream(motion_of(VIOLENT, 40, cuts=[20]), parameters)
    assert beyond_source(track) <= 1e-9


@pytest.mark.parametrize("look_ahead", LOOK_AHEADS)
def test_what_comes_after_the_look_ahead_changes_nothing(look_ahead: int) -> None:
    motion = motion_of(shaking(3), 50)
    other = motion.corners.copy()
    other[30:] = motion_of(shaking(4, x=0.03), 50).corners[30:]
    one, two = (
        stream(CameraMotion(**{**vars(motion), "corners": corners}), cnn(look_ahead=look_ahead))[0].src_from_dst
        for corners in (motion.corners, other)
    )
    assert np.array_equal(one[: 30 - look_ahead], two[: 30 - look_ahead])
    assert not np.allclose(one[30 - look_ahead :], two[30 - look_ahead :])


@pytest.mark.parametrize("look_ahead", [0, 5])
def test_a_cut_starts_anew(look_ahead: int) -> None:
    whole = motion_of(VIOLENT, 60, cuts=[30])
    second = CameraMotion(
        **{**vars(whole), **{name: vars(whole)[name][30:] for name in ("pts", "corners", "mesh", "confidence", "cut")}}
    )
    joined, alone = (stream(motion, cnn(look_ahead=look_ahead))[0] for motion in (whole, second))
    assert np.allclose(joined.src_from_dst[30:], alone.src_from_dst, atol=1e-9)


def residual(motion: CameraMotion, parameters: Parameters) -> float:
    """Return the RMS acceleration of the output over that of the input."""
    steps = output_steps(motion, stream(motion, parameters)[0])
    return rms(np.diff(steps[1:], axis=0)) / rms(np.diff(motion.corners[1:], axis=0))


@pytest.mark.parametrize("look_ahead", [0, 5])
def test_each_slider_only_goes_one_way(look_ahead: int) -> None:
    motion = motion_of(shaking(3, x=0.01, band=(0.5, 5.0)), 200)
    sweeps: dict[str, tuple[float, ...]] = {
        "smoothness": (0.0, 0.2, 0.5, 1.0),
        "strength": (0.0, 0.5, 1.0),
        "max_crop": (0.0, 0.02, 0.08),
    }
    for name, values in sweeps.items():
        left = [residual(motion, cnn(look_ahead=look_ahead, zoom="none", **{name: value})) for value in values]
        assert left[0] == pytest.approx(1, abs=1e-4), name
        assert (np.diff(left) < 0.01).all(), (name, left)
        assert left[-1] < 0.4, (name, left)


@pytest.mark.parametrize(("look_ahead", "better"), [(0, 0.6), (5, 0.8)])
def test_it_leaves_less_than_the_solver_in_the_same_crop(look_ahead: int, better: float) -> None:
    motion = motion_of(moving(x=0.003) + shaking(2, x=0.012, turn=0.003, band=(0.8, 6.0)), 300)
    solver, learned = (residual(motion, Parameters(look_ahead=look_ahead, max_crop=0.06, method=method))
                       for method in ("klt", "cnn"))  # fmt: skip
    assert learned < better * solver


def test_live_stays_stable_for_fifty_seconds() -> None:
    motion = motion_of(shaking(4, x=0.01, turn=0.004, band=(0.5, 6.0)), 1500)
    track, _ = stream(motion, cnn(look_ahead=0))
    assert beyond_source(track) <= 1e-9
    size = np.abs(track.src_from_dst[:, :2, 2]).max(axis=1).reshape(3, 500).max(axis=1)
    assert size[2] < 1.5 * size[0]


def test_a_frame_takes_less_than_half_a_millisecond() -> None:
    learned = LearnedPath(sides_of(similarity_basis(ASPECT), ASPECT), 0.1, 10.0)
    moved: FloatArray = np.random.default_rng(0).normal(size=(6, 4)) * 0.01
    times_s = []
    for _ in range(300):
        began = time.perf_counter()
        learned.next(moved)
        times_s.append(time.perf_counter() - began)
    assert np.quantile(times_s, 0.1) < 0.5e-3  # a busy machine only makes it slower


def test_streaming_with_it_loads_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom vstab_core.params import Parameters\nfrom vstab_core.smooth.streaming import StreamingPath\n"
        "StreamingPath(1.0, 1 / 30, Parameters(method='cnn', look_ahead=0))\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
