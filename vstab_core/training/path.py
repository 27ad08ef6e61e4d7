"""The recipe of the path network: camera paths without labels; smooth, close, and inside the budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..corners import similarity_basis
from ..models.path import ARCHITECTURE, build
from ..models.path_kernel import AHEAD, HORIZONS, LARGEST, Eye
from ..smooth.crop import sides_of
from ..types import FloatArray
from .measured_paths import read_paths, with_measured
from .paths import Paths, make_paths
from .recipe import Batch, Lesson, Options, Recipe, Terms, rng_of

COUNT, FRAMES = 48, 160
BUDGETS = (0.02, 0.4)  # of the picture: max_crop
USUAL_BUDGETS = (0.06, 0.25)  # half of the paths have such a one,
USUAL_HORIZON, SPREAD = 10.0, 0.35  # and a horizon near that of the default smoothness; spread of its logarithm
LIVE = 0.6  # of the batches: that is the hardest
NAMES = ("features", "offset", "pace", "scale")  # of what is seen
FLOOR = 2e-4  # of the half width: what nobody sees; keeps the logarithm of a still path finite
JERK = 0.05  # against acceleration, both in units of the horizon
SHAKE = 8.0  # its logarithm, against that of the energy
HINGE = 2.0  # on what is wished beyond the budget: cutting it off is a jolt
HELD_OUT_SEED = 10**6


def batch_of(paths: Paths, budget: FloatArray, look_ahead: int, horizon: FloatArray) -> Batch:
    """Return a batch of N paths of F frames.

    Returns:
        features, offset, pace, scale (N, F, 4, ...) as of `Seen`; sides (N, R, 4); path (N, F, 4) and unit (N, 4), the
        correction that would use up the budget alone, both coefficients; horizon (N,). float32.
    """
    sides = np.stack([sides_of(similarity_basis(aspect), aspect) for aspect in paths.aspect]) / budget[:, None, None]
    unit = 1 / np.abs(sides).max(axis=1)
    sides *= unit[:, None]
    path = np.moveaxis(paths.path / unit[:, None], 1, 0)  # (F, N, 4)
    eye = Eye(path.shape[1:], sides)
    seen = [eye.step(path[frame : frame + look_ahead + 1], horizon) for frame in range(len(path))]
    values = {name: np.stack([getattr(of, name) for of in seen], axis=1) for name in NAMES}
    values |= {"sides": sides, "path": paths.path, "unit": unit, "horizon": horizon}
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}


def shown_path(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the corrections (N, F, 4) in units of the budget, inside it, and the use of it that was wished (N, F).

    The twin of `path_kernel.Average`, with gradients.
    """
    moved = torch.diff(batch["path"] / batch["unit"][:, None], dim=1, prepend=batch["path"][:, :1] * 0)
    seen = zip(*(batch[name].unbind(1) for name in NAMES), moved.unbind(1), strict=True)
    last = before = moved_before = torch.zeros_like(moved[:, 0])
    corrections, uses = [], []
    for features, offset, pace, scale, step in seen:
        stay = (last - step)[..., None]
        speed = (last - before + moved_before)[..., None]
        use = torch.einsum("nrk,nk->nr", batch["sides"], stay[..., 0]).max(dim=1).values[:, None, None]
        own = [torch.tanh(stay), (use / (1 + use)).expand_as(stay), torch.tanh(speed / scale)]
        weight = torch.exp(model(torch.cat([features, *own], dim=-1)).float().clamp(-LARGEST, LARGEST))
        choices = torch.cat([offset, stay, stay + speed, stay + pace], dim=-1)
        wish = (weight * choices).sum(dim=-1) / (1 + weight.sum(dim=-1))
        use = torch.einsum("nrk,nk->nr", batch["sides"], wish).max(dim=1).values
        before, last, moved_before = last, wish / use.clamp(min=1)[:, None], step
        corrections.append(last)
        uses.append(use)
    return torch.stack(corrections, dim=1), torch.stack(uses, dim=1)


def energies(correction: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return each path's mean squares (N,) of acceleration, jerk and correction: corner displacements, normalised."""
    correction = correction * batch["unit"][:, None]
    acceleration = (batch["path"] + correction).diff(n=2, dim=1)
    jerk = acceleration.diff(dim=1)
    mean = [value.square().sum(dim=2).mean(dim=1) for value in (acceleration, jerk, correction)]
    return mean[0], mean[1], mean[2]


def shake(shown: torch.Tensor, horizon: torch.Tensor) -> torch.Tensor:
    """Return the mean squares (N,) of what of the paths (N, F, 4) is faster than twice the cut-off of their horizon.

    At the default smoothness that is 1 Hz, and this the figure of `vstab eval` (`evaluation/shake.py`, `above`).
    """
    count = shown.shape[1]
    along = torch.linspace(0, 1, count)[:, None].to(shown)
    rest = shown - shown[:, :1] - along * (shown[:, -1:] - shown[:, :1])
    spectrum = torch.fft.rfft(torch.cat([rest, -rest[:, 1:-1].flip(1)], dim=1), dim=1)
    fast = torch.fft.rfftfreq(2 * count - 2).to(shown) >= 1 / (torch.pi * horizon[:, None])
    kept: torch.Tensor = torch.fft.irfft(spectrum * fast[..., None], 2 * count - 2, dim=1)[:, :count]
    return kept.square().sum(dim=2).mean(dim=1)


def loss(model: torch.nn.Module, batch: Batch, step: int) -> Terms:
    """Return the terms; a similarity cannot shear or bend, so one for the shape would be zero.

    The logarithm makes a tenth less worth the same on a calm path as on a wild one.
    """
    correction, use = shown_path(model, batch)
    acceleration, jerk, size = energies(correction, batch)
    horizon = batch["horizon"]
    fast = shake(batch["path"] + correction * batch["unit"][:, None], horizon)
    energy = horizon**4 * acceleration + JERK * horizon**6 * jerk + size
    return {
        "energy": torch.log(energy + FLOOR**2).mean(),
        "shake": SHAKE * torch.log(fast + FLOOR**2).mean(),
        "budget": HINGE * (use - 1).clamp(0, 3).square().mean(),
    }


def _draw(seed: int, step: int, count: int, frames: int, measured: Sequence[Paths] = ()) -> Batch:
    rng = rng_of(seed, step)
    paths = make_paths(rng, count, frames)
    if measured:
        paths = with_measured(rng, paths, measured)
    budget, usual = _log_uniform(rng, BUDGETS, count), _log_uniform(rng, USUAL_BUDGETS, count)
    horizon, near = _log_uniform(rng, HORIZONS, count), USUAL_HORIZON * np.exp(rng.normal(0, SPREAD, count))
    look_ahead = 0 if rng.random() < LIVE else int(rng.integers(0, AHEAD + 1))
    budget = np.where(rng.random(count) < 0.5, usual, budget)
    horizon = np.clip(np.where(rng.random(count) < 0.5, near, horizon), *HORIZONS)
    return batch_of(paths, budget, look_ahead, horizon)


def _log_uniform(rng: np.random.Generator, limits: tuple[float, float], count: int) -> FloatArray:
    """Return numbers between two limits, evenly spread in the logarithm."""
    return np.asarray(np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]), count)))


def _prepare(options: Options, data: Path | None) -> Lesson:
    held_out = [_draw(HELD_OUT_SEED, step, 32, 240) for step in range(6)]
    measured = read_paths(data, FRAMES) if data is not None else []

    def measure(model: torch.nn.Module) -> dict[str, float]:
        found = [loss(model, batch, 0) for batch in held_out]
        return {name: float(np.mean([float(terms[name]) for terms in found])) for name in found[0]}

    made = "made-up camera paths of `training/paths.py`"
    data_used = f"{made}, and a third measured from {len(measured)} shots" if measured else made
    return Lesson(lambda step: _draw(options.seed, step, COUNT, FRAMES, measured), loss, measure, data_used)


ABOUT = """\
Smooths the camera path of `--streaming` and `vstab pipe` with a look-ahead of 0 to 9 frames (`--method cnn`). For each
frame and each number of a similarity it weighs nine Kalman filters, and what goes on from the path as it was shown.
Three dense layers, run in NumPy. It sees paths, never pictures, and was trained without labels. vstab uses it live,
with 1 and with 4 to 9 frames ahead, and the solver with 2 and 3, by the shake that is left above 1 Hz: docs/cnn.md.

Not for ten and more frames of look-ahead, `--lock on`, perspective or rotation in 360 clips."""

RECIPE = Recipe(build, ARCHITECTURE, Options(steps=4000, rate=1.5e-3, warm_up=0.1, measure_every=200), _prepare, ABOUT)
