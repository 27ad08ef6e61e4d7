"""What a network's file in this package declares: its RECIPE."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from ..errors import UsageError

Batch = Any  # a tensor or array, or a tuple, list or dict of batches; the loop moves it to the device
Batches = Callable[[int], Batch]  # step -> batch, always the same one for the same step
Terms = dict[str, torch.Tensor]  # name -> scalar, already weighted: training minimises their sum
Loss = Callable[[torch.nn.Module, Batch, int], Terms]  # (network, batch, step)
Measure = Callable[[torch.nn.Module], dict[str, float]]  # on held-out data, in evaluation mode; less is better


@dataclass(frozen=True)
class Options:
    """How a network is trained.

    Attributes:
        steps: of the optimiser.
        rate: the highest learning rate of AdamW.
        warm_up: share of the steps over which the rate rises from nothing; it then falls along a cosine.
        last_rate: share of the rate that is left at the last step.
        weight_decay: of AdamW.
        clip: the largest norm of the gradient.
        seed: of the first weights and of all batches.
        device: "auto", "cpu", "cuda".
        precision: "auto" (bfloat16 on a GPU that has it, else float32), "float32", "bfloat16".
        workers: threads that make batches ahead.
        log_every, measure_every, checkpoint_every: steps; 0 measures at the end only.
    """

    steps: int = 1000
    rate: float = 1e-3
    warm_up: float = 0.05
    last_rate: float = 0.01
    weight_decay: float = 1e-4
    clip: float = 1.0
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    workers: int = 1
    log_every: int = 20
    measure_every: int = 500
    checkpoint_every: int = 500


@dataclass(frozen=True)
class Lesson:
    """What a network is trained on, once the user's data folder and the seed are known.

    Attributes:
        batches, loss, measure: see their types.
        data: what the batches are made of, in a sentence, for the model card.
    """

    batches: Batches
    loss: Loss
    measure: Measure | None
    data: str


@dataclass(frozen=True)
class Recipe:
    """How one network is made.

    Attributes:
        build: gives the network with fresh weights.
        architecture: its name and version, kept in the weights file.
        options: the usual ones; the command line changes some.
        prepare: (options, folder of the user's data or None) -> Lesson.
        about: a paragraph for the model card: what the network does and what it is not for.
    """

    build: Callable[[], torch.nn.Module]
    architecture: str
    options: Options
    prepare: Callable[[Options, Path | None], Lesson]
    about: str


def recipe_of(name: str) -> Recipe:
    """Return the RECIPE of `training/<name>.py`.

    Raises:
        UsageError: there is none.
    """
    if importlib.util.find_spec(f"{__package__}.{name}") is None:
        raise UsageError(f"this version of vstab has no recipe for the network '{name}'")
    module: ModuleType = importlib.import_module(f".{name}", __package__)
    recipe: Recipe = module.RECIPE
    return recipe


def rng_of(*numbers: int) -> np.random.Generator:
    """Return the generator that belongs to these numbers: (seed, step), or (seed, step, sample).

    A batch made from nothing but `rng_of(seed, step)` is the same in a run that was resumed.
    """
    return np.random.default_rng(numbers)


def sum_of(terms: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Return the loss that is minimised."""
    return torch.stack([value.float() for value in terms.values()]).sum()
