"""The path solver: against a general optimizer, against its twin, by the optimality conditions, at extremes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from tests import tolerances
from tests.path_reference import ReferenceProblem
from vstab_core import _native
from vstab_core.smooth.solver import Bounds, PathProblem, Smoothness, roughness_bands
from vstab_core.types import FloatArray

HANDHELD = Smoothness(anchor=1.0, speed=0.0, acceleration=0.0, jerk=(60 / (2 * np.pi)) ** 6)
LOCK = Smoothness(anchor=1e-8, speed=1.0, acceleration=0.0, jerk=100.0)
LIGHT = Smoothness(anchor=1.0, speed=0.5, acceleration=2.0, jerk=3.0)
BUDGET = 0.15


def sides_for(channels: int, seed: int = 0, rows: int = 8) -> FloatArray:
    """Return (2 rows, K): each direction and its mirror, so that only a bounded set of corrections is allowed."""
    half = np.random.default_rng(seed).normal(size=(rows, channels)) / np.sqrt(channels)
    return np.concatenate([half, -half])


def shaky_path(frames: int, channels: int = 4, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(0, 0.004, (frames, channels)), axis=0)
    return np.asarray(walk + 0.02 * rng.normal(size=(frames, channels)))


def regular(frames: int) -> FloatArray:
    return np.arange(frames, dtype=np.float64)


def no_room(frames: int, sides: FloatArray) -> FloatArray:
    return np.zeros((frames, len(sides)))


def roughness_matrix(time: FloatArray, smoothness: Smoothness) -> FloatArray:
    """Return (F, F), from the divided differences themselves."""
    total = np.zeros((len(time), len(time)))
    difference = np.eye(len(time))
    for order, weight in enumerate((smoothness.speed, smoothness.acceleration, smoothness.jerk), start=1):
        if len(time) <= order:
            break
        difference = np.diff(difference, axis=0) * order / (time[order:] - time[:-order])[:, None]
        total += weight * difference.T @ difference
    return total


def energy(c: FloatArray, path: FloatArray, time: FloatArray, smoothness: Smoothness, bounds: Bounds) -> float:
    """Return what the problem minimises, with the least margin that c needs."""
    margin = float((c @ bounds.sides.T - bounds.room).max())
    moved = path + c
    rough = np.einsum("tk,ts,sk->", moved, roughness_matrix(time, smoothness), moved)
    return float((smoothness.anchor * (c**2).sum() + rough) / 2 + bounds.price * margin)


def margin_of(c: FloatArray, sides: FloatArray) -> float:
    return float((c @ sides.T).max())


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("price", "smoothness"), [(0.001, LIGHT), (0.02, LIGHT), (0.001, LOCK)])
def test_a_general_optimizer_finds_no_better_correction(channels: int, price: float, smoothness: Smoothness) -> None:
    rng = np.random.default_rng(channels)
    frames, budget = 7, 0.02
    time = np.cumsum(rng.uniform(0.6, 1.4, frames))  # a variable frame rate
    path, sides = 3 * shaky_path(frames, channels), sides_for(channels)[:9]  # an odd number of rows
    bounds = Bounds(sides, rng.uniform(-0.003, 0.01, (frames, len(sides))), budget, price)
    rough = roughness_matrix(time, smoothness)

    def value(x: FloatArray) -> float:
        c = x[:-1].reshape(frames, channels)
        moved = path + c
        return float((smoothness.anchor * (c**2).sum() + (moved * (rough @ moved)).sum()) / 2 + price * x[-1])

    def slope(x: FloatArray) -> FloatArray:
        c = x[:-1].reshape(frames, channels)
        return np.append((smoothness.anchor * c + rough @ (path + c)).ravel(), price)

    full = np.kron(np.eye(frames), sides)
    limits = [
        {"type": "ineq", "fun": lambda x: x[-1] + bounds.room.ravel() - full @ x[:-1]},
        {"type": "ineq", "fun": lambda x: budget - x[-1]},
    ]
    start = np.append(np.zeros(frames * channels), budget / 2)
    best = minimize(
        value, start, jac=slope, constraints=limits, method="SLSQP", options={"maxiter": 1000, "ftol": 1e-14}
    )
    assert (
        best.success or smoothness is LOCK
    )  # where SLSQP may give up close to the optimum; it is feasible all the same
    c = PathProblem(time, channels, smoothness).bounded(path, bounds)
    assert (c @ sides.T - bounds.room).max() <= budget + tolerances.PATH_BOUND
    assert energy(c, path, time, smoothness, bounds) <= best.fun + tolerances.PATH_ENERGY_RATIO * abs(best.fun)


@pytest.mark.parametrize("price", [1e-6, 0.01, 0.09 * 500, 5000.0])
@pytest.mark.parametrize("past", [0, 3])
@pytest.mark.parametrize(("channels", "smoothness"), [(2, HANDHELD), (4, HANDHELD), (4, LIGHT), (4, LOCK)])
def test_agrees_with_the_twin(price: float, past: int, channels: int, smoothness: Smoothness) -> None:
    frames = 500
    time, sides = regular(past + frames), sides_for(channels)
    path, shown = shaky_path(frames, channels), 0.01 * shaky_path(past, channels, seed=2)
    room = np.random.default_rng(5).uniform(-0.004, 0.004, (frames, len(sides)))
    bounds = Bounds(sides, room, 0.04, price)
    c = PathProblem(time, channels, smoothness, past).bounded(path, bounds, shown)
    twin = ReferenceProblem(time, channels, smoothness, past).bounded(path, bounds, shown)
    assert np.abs(c - twin).max() < tolerances.PATH_TWIN
    free = PathProblem(time, channels, smoothness, past).free(path, shown)
    assert (
        np.abs(free - ReferenceProblem(time, channels, smoothness, past).free(path, shown)).max() < tolerances.PATH_FREE
    )


def test_the_gradient_is_held_by_the_bounds_that_are_touched() -> None:
    """Karush, Kuhn and Tucker: gradient + G^T z = 0 with z >= 0 only at touched bounds, sum z = price."""
    frames, price = 60, 0.5
    sides, path = sides_for(4), shaky_path(frames)
    bounds = Bounds(sides, no_room(frames, sides), BUDGET, price)
    c = PathProblem(regular(frames), 4, LIGHT).bounded(path, bounds)
    margin = margin_of(c, sides)
    assert margin < BUDGET - 0.01  # the price decides, not the budget
    gradient = LIGHT.anchor * c + roughness_matrix(regular(frames), LIGHT) @ (path + c)
    touched = c @ sides.T > margin - 1e-5
    assert 5 < touched.any(axis=1).sum() < frames
    total = 0.0
    for t in range(frames):
        g = sides[touched[t]]
        z = np.linalg.lstsq(g.T, -gradient[t], rcond=None)[0] if len(g) else np.zeros(0)
        assert np.abs(gradient[t] + z @ g).max() < tolerances.PATH_KKT
        assert (z > -tolerances.PATH_KKT).all()
        total += float(z.sum())
    assert total == pytest.approx(price, rel=1e-3)


def test_without_touching_a_bound_the_correction_is_the_free_one() -> None:
    path, sides = shaky_path(300), sides_for(4)
    problem = PathProblem(regular(300), 4, LIGHT)
    c = problem.bounded(path, Bounds(sides, no_room(300, sides), 5.0, 1e-6))
    assert np.abs(c - problem.free(path)).max() < 1e-4  # a price of 1e-6 still draws a little at the longest one


@pytest.mark.parametrize("degree", [0, 1, 2])
def test_a_smooth_path_is_left_alone(degree: int) -> None:
    time, sides = regular(400), sides_for(4)
    path = np.outer((time / 400) ** degree, [1.0, -2.0, 0.3, 0.1])
    for price in (1e-6, 36.0):
        c = PathProblem(time, 4, HANDHELD).bounded(path, Bounds(sides, no_room(400, sides), BUDGET, price))
        assert np.abs(c).max() < 1e-6


def test_a_higher_price_buys_less_margin() -> None:
    path, sides = shaky_path(300), sides_for(4)
    problem = PathProblem(regular(300), 4, HANDHELD)
    margins = [
        margin_of(problem.bounded(path, Bounds(sides, no_room(300, sides), BUDGET, price)), sides)
        for price in (1e-6, 0.1, 1.0, 10.0, 1000.0)
    ]
    assert all(after < before for before, after in itertools.pairwise(margins))
    assert margins[-1] < 0.7 * margins[0]


def test_frames_already_shown_hold_the_next_ones() -> None:
    path, sides, time = np.zeros((30, 4)), sides_for(4), regular(33)
    shown = np.outer([0.02, 0.02, 0.02], [1.0, 0.0, 0.0, 0.0])
    bounds = Bounds(sides, no_room(30, sides), BUDGET, 1e-6)
    problem = PathProblem(time, 4, HANDHELD, 3)
    c = problem.bounded(path, bounds, shown)
    assert c[0, 0] == pytest.approx(0.02, abs=5e-4)  # the path goes on where it was shown,
    assert abs(c[-1, 0]) < 0.01  # and returns to what was measured
    assert np.abs(problem.bounded(path, bounds, 0 * shown)).max() < 1e-6
    assert np.array_equal(problem.bounded(path, bounds), problem.bounded(path, bounds, 0 * shown))


EXTREME = {
    "handheld": HANDHELD,
    "lock": LOCK,
    "stiff": Smoothness(1.0, 0.0, 0.0, 1e9),
    "stiff lock": Smoothness(1e-8, 1.0, 0.0, 1e9),
    "loose": Smoothness(1.0, 0.0, 0.0, 1e-3),
}


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 40])
@pytest.mark.parametrize("past", [0, 3])
@pytest.mark.parametrize("name", EXTREME)
def test_extremes_stay_inside_and_finite(frames: int, past: int, name: str) -> None:
    sides = sides_for(4)
    problem = PathProblem(regular(frames + past), 4, EXTREME[name], past)
    rng = np.random.default_rng(3)
    for budget in (0.0, 1e-4, BUDGET, 2.0):
        for price in (0.0, 1e-6, 0.4, 1e4):
            for reach in (1e-9, 1.0, 100.0):
                for room in (no_room(frames, sides), rng.uniform(-0.3 * budget, 0.02, (frames, len(sides)))):
                    path = reach * shaky_path(frames, seed=4)
                    c = problem.bounded(path, Bounds(sides, room, budget, price), np.zeros((past, 4)))
                    assert np.isfinite(c).all()
                    assert (c @ sides.T - room).max() <= budget + tolerances.PATH_BOUND


def test_no_budget_means_no_correction() -> None:
    sides, path = sides_for(4), shaky_path(200)
    c = PathProblem(regular(200), 4, HANDHELD).bounded(path, Bounds(sides, no_room(200, sides), 0.0, 18.0))
    assert np.abs(c).max() < tolerances.PATH_BOUND


def test_bounds_that_contradict_each_other_still_end() -> None:
    sides, path = sides_for(4), shaky_path(50)
    room = np.full((50, len(sides)), -1.0)
    assert np.isfinite(PathProblem(regular(50), 4, HANDHELD).bounded(path, Bounds(sides, room, BUDGET, 1.0))).all()


def test_weights_that_are_all_zero_are_refused() -> None:
    problem = PathProblem(regular(5), 4, Smoothness(0.0, 0.0, 0.0, 0.0))
    with pytest.raises(RuntimeError, match="not positive definite"):
        problem.free(shaky_path(5))


def test_what_does_not_fit_is_refused() -> None:
    bands, path, sides = roughness_bands(regular(5), (0.0, 0.0, 1.0)), shaky_path(5), sides_for(4)
    shown, room = np.zeros((0, 4)), no_room(5, sides)

    def refused(words: str, **changes: object) -> None:
        known: dict[str, object] = {"bands": bands, "path": path, "shown": shown, "anchor": 1.0, "sides": sides}
        known |= {"room": room, "budget": BUDGET, "price": 1.0}
        with pytest.raises(ValueError, match=words):
            _native.solve_path(**(known | changes))  # type: ignore[arg-type]

    refused(r"bands must be \(4, 5\)", bands=bands[:, :4])
    refused(r"room must be \(5, 16\)", room=room[:, :3])
    refused(r"sides must be \(16, 4\)", sides=sides[:, :3])
    refused("budget must be 0 or more, got -0.1", budget=-0.1)
    refused("price must be 0 or more", price=np.nan)
    refused("path holds a value that is not a number", path=path * np.nan)
    refused("1 to 4 channels", path=np.zeros((5, 5)), shown=np.zeros((0, 5)), sides=np.ones((3, 5)), room=room[:, :3])
    refused("at least 1 frame", path=path[:0], bands=bands[:, :0], room=room[:0])
