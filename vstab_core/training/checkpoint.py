"""Everything that a training needs to go on as if it had never stopped."""

from __future__ import annotations

import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ..errors import InputError, UsageError
from ..outfile import whole_file
from .recipe import Options

NAME = "checkpoint.pt"
# May differ from run to run; all else decides what the weights become.
FREE = ("device", "precision", "workers", "log_every", "measure_every", "checkpoint_every")


@dataclass(frozen=True)
class Checkpoint:
    """How far a training is: steps done, seconds taken, the last held-out measures."""

    step: int
    seconds: float
    held_out: dict[str, float]


def write_checkpoint(
    folder: Path, state: Checkpoint, model: torch.nn.Module, optimizer: torch.optim.Optimizer, options: Options
) -> None:
    """Write weights, optimiser, random numbers and state; whole or not at all."""
    values = {
        **asdict(state),
        "options": asdict(options),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": torch.get_rng_state(),
        "cuda_rng": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    with whole_file(folder / NAME, None, True) as file:
        torch.save(values, file)


def read_checkpoint(
    folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, options: Options
) -> Checkpoint:
    """Put weights, optimiser and random numbers back, and return the state.

    Raises:
        InputError: there is no checkpoint, it is damaged, or of another network.
        UsageError: it was trained with other options.
    """
    path = folder / NAME
    if not path.is_file():
        raise InputError(f"nothing to resume: there is no '{path}'; leave --resume out to begin")
    device = next(model.parameters()).device
    try:
        values: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        before = values["options"]
        for name, value in asdict(options).items():
            if name not in FREE and before[name] != value:
                raise UsageError(
                    f"'{path}' was trained with {name} {before[name]}, and {value} is asked for; give the same, or "
                    "leave --resume out"
                )
        model.load_state_dict(values["model"])
        optimizer.load_state_dict(values["optimizer"])
        torch.set_rng_state(values["rng"].cpu())
        if torch.cuda.is_available() and values["cuda_rng"]:
            torch.cuda.set_rng_state_all([state.cpu() for state in values["cuda_rng"]])
        return Checkpoint(values["step"], values["seconds"], values["held_out"])
    except (RuntimeError, KeyError, EOFError, ValueError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"'{path}' is damaged or of another network ({reason}); train anew without --resume"
        ) from error
