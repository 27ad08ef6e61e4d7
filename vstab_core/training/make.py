"""One `vstab train`: a recipe, trained, exported with a model card."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import InputError, OutputError
from ..models.load import facts_of, load_module, save
from ..outfile import output_error, whole_file
from ..result import ProgressFn, Result
from .checkpoint import NAME as CHECKPOINT
from .loop import Trained, seed_everything, train
from .recipe import Recipe, recipe_of


def train_network(
    name: str,
    folder: Path,
    *,
    asked: Mapping[str, Any],
    data: Path | None = None,
    start: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Train a network of `models`; leave NAME.safetensors and NAME.md in the folder, beside what `train` leaves.

    Args:
        name: of the network.
        folder: made if it is not there.
        asked: options that differ from the recipe's, by name.
        data: the user's clips or stills.
        start: weights to begin with, of an earlier training; None: fresh ones.
        resume: go on where the folder's checkpoint ends.
        overwrite: begin anew in a folder that holds a training.
        on_progress: may raise `Cancelled`.
    """
    recipe = recipe_of(name)
    options = replace(recipe.options, **asked)
    if data is not None and not data.is_dir():
        raise InputError(f"--data must be a folder, got '{data}'")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(error, folder) from error
    if (folder / CHECKPOINT).exists() and not (resume or overwrite):
        raise OutputError(f"'{folder}' holds a training; give --resume to go on, --overwrite to begin anew")
    seed_everything(options.seed)
    model = recipe.build() if start is None else load_module(name, start).train()
    lesson = recipe.prepare(options, data)
    trained = train(model, lesson, options, folder, resume=resume, on_progress=on_progress)
    parameters = sum(value.numel() for value in model.parameters())
    facts = {
        "data": lesson.data,
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "device": trained.device,
        "precision": trained.precision,
        "seed": options.seed,
        "begun with": "fresh weights" if start is None else f"weights of {facts_of(start).get('steps')} steps",
        "rate": options.rate,
        "parameters": parameters,
        "held_out": trained.held_out,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
    arrays = {key: value.detach().cpu().numpy() for key, value in model.state_dict().items()}
    output = folder / f"{name}.safetensors"
    save(arrays, output, recipe.architecture, facts)
    with whole_file(folder / f"{name}.md", None, True) as card:
        card.write_text(card_of(name, recipe, trained, facts, output), encoding="utf-8")
    figures = {"steps": trained.steps, "parameters": parameters, "seconds": trained.seconds, **trained.held_out}
    return Result(output, figures)


def card_of(name: str, recipe: Recipe, trained: Trained, facts: Mapping[str, Any], weights: Path) -> str:
    """Return the model card."""
    rows = [("architecture", recipe.architecture), ("size of the file", f"{os.path.getsize(weights)} bytes")]
    rows += [(key.replace("_", " "), value) for key, value in facts.items() if key != "held_out"]
    rows += [(f"held out: {key}", f"{value:.4g}") for key, value in trained.held_out.items()]
    table = "\n".join(f"| {key} | {value} |" for key, value in rows)
    return f"# {name}\n\n{recipe.about}\n\n| | |\n| --- | --- |\n{table}\n\nMade by `vstab train {name}`.\n"
