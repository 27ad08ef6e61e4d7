"""The training loop of all networks: seeded, checked at every step, resumed bit for bit (on one kind of machine)."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import Cancelled, VstabError
from ..models.load import checked_device
from ..result import ProgressFn, tell
from .checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from .curves import draw_curves
from .recipe import Batch, Batches, Lesson, Loss, Options, sum_of

Row = dict[str, Any]  # of log.jsonl: step, seconds, rate, loss, terms; or step, seconds, held_out


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        steps: of the optimiser.
        seconds: that it took, earlier runs included.
        held_out: the last measure, by name.
        device: where it ran, in words.
        precision: "float32" or "bfloat16".
    """

    steps: int
    seconds: float
    held_out: dict[str, float]
    device: str
    precision: str


def train(
    model: torch.nn.Module,
    lesson: Lesson,
    options: Options,
    folder: Path,
    *,
    resume: bool = False,
    on_progress: ProgressFn | None = None,
) -> Trained:
    """Train a network in place; leave `checkpoint.pt`, `log.jsonl` and `curves.png` in the folder.

    Args:
        model: with its first weights; call `seed_everything` before it is built.
        lesson: what it is trained on.
        options: how.
        folder: exists.
        resume: go on from the checkpoint in the folder. The weights then are those of a run that was never stopped.
        on_progress: may raise `Cancelled`; the checkpoint is then written first.

    Raises:
        VstabError: the loss or its gradient is not finite, named with the step and the sample.
    """
    device = checked_device(options.device)
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=options.weight_decay)
    log, first, before_s, held_out = folder / "log.jsonl", 0, 0.0, {}
    if resume:
        state = read_checkpoint(folder, model, optimizer, options)
        first, before_s, held_out = state.step, state.seconds, state.held_out
        _keep_rows(log, first)
    else:
        log.write_text("")
    began = time.monotonic()
    precision = _precision(options.precision, device)

    def seconds() -> float:
        return before_s + time.monotonic() - began

    def keep(step: int) -> None:
        write_checkpoint(folder, Checkpoint(step, seconds(), held_out), model, optimizer, options)

    with log.open("a", encoding="utf-8") as lines, _ahead(lesson.batches, first, options) as ready:
        for step in range(first, options.steps):
            batch = _on_device(next(ready), device)
            rate = rate_at(step, options)
            terms = _one_step(model, optimizer, lesson.loss, batch, step, rate, options, precision)
            done = step + 1
            if done % options.log_every == 0 or done == options.steps:
                named = {name: float(value) for name, value in terms.items()}
                _write(lines, {"step": done, "rate": rate, "loss": sum(named.values()), "terms": named}, seconds())
            due = options.measure_every > 0 and done % options.measure_every == 0
            if lesson.measure and (due or done == options.steps):
                held_out = measured(model, lesson)
                _write(lines, {"step": done, "held_out": held_out}, seconds())
                draw_curves(log, folder / "curves.png")
            if done % options.checkpoint_every == 0 or done == options.steps:
                keep(done)
            try:
                tell(on_progress, "train", done, options.steps)
            except (Cancelled, KeyboardInterrupt):
                keep(done)
                raise
    draw_curves(log, folder / "curves.png")
    model.eval()
    return Trained(options.steps, seconds(), held_out, _in_words(device), str(precision).removeprefix("torch."))


def seed_everything(seed: int) -> None:
    """Seed what torch draws from: first weights, dropout."""
    torch.manual_seed(seed)


def rate_at(step: int, options: Options) -> float:
    """Return the learning rate of a step: a function of nothing else, so that a resumed run needs no scheduler."""
    warm = max(1, round(options.warm_up * options.steps))
    if step < warm:
        return options.rate * (step + 1) / warm
    share = (step - warm) / max(1, options.steps - warm)
    return options.rate * (options.last_rate + (1 - options.last_rate) * (1 + math.cos(math.pi * share)) / 2)


def measured(model: torch.nn.Module, lesson: Lesson) -> dict[str, float]:
    """Return the held-out measures, without a trace in the training's random numbers."""
    assert lesson.measure is not None
    state = torch.get_rng_state()
    model.eval()
    with torch.no_grad():
        found = lesson.measure(model)
    model.train()
    torch.set_rng_state(state)
    return found


def _one_step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Loss,
    batch: Batch,
    step: int,
    rate: float,
    options: Options,
    precision: torch.dtype,
) -> dict[str, torch.Tensor]:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    with _autocast(model, precision):
        terms = loss(model, batch, step)
    total = sum_of(terms)
    total.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip)
    if not math.isfinite(float(total.detach())) or not math.isfinite(float(norm)):
        raise VstabError(_why_not_finite(model, loss, batch, step, terms, options))
    optimizer.step()
    return {name: value.detach() for name, value in terms.items()}


def _why_not_finite(
    model: torch.nn.Module, loss: Loss, batch: Batch, step: int, terms: dict[str, torch.Tensor], options: Options
) -> str:
    bad = [name for name, value in terms.items() if not bool(torch.isfinite(value).all())]
    what = f"the loss ({', '.join(bad)})" if bad else "the gradient"
    sample = "of no sample alone"
    for index in range(_samples(batch) if bad else 0):
        with torch.no_grad():
            alone = loss(model, _sample(batch, index), step)
        if not all(bool(torch.isfinite(value).all()) for value in alone.values()):
            sample = f"of sample {index} of the batch"
            break
    return (
        f"training stopped at step {step}: {what} is not finite, {sample} (seed {options.seed}); look at that batch, "
        "or train with a lower rate or --precision float32. The last checkpoint is kept"
    )


def _samples(batch: Batch) -> int:
    if isinstance(batch, torch.Tensor):
        return batch.shape[0] if batch.ndim else 0
    parts = list(batch.values()) if isinstance(batch, dict) else list(batch) if isinstance(batch, (tuple, list)) else []
    return min((_samples(part) for part in parts), default=0)


def _sample(batch: Batch, index: int) -> Batch:
    return _each(batch, lambda tensor: tensor[index : index + 1])


def _on_device(batch: Batch, device: torch.device) -> Batch:
    return _each(batch, lambda tensor: tensor.to(device, non_blocking=True))


def _each(batch: Batch, change: Any) -> Batch:
    if isinstance(batch, np.ndarray):
        batch = torch.from_numpy(batch)
    if isinstance(batch, torch.Tensor):
        return change(batch)
    if isinstance(batch, dict):
        return {name: _each(part, change) for name, part in batch.items()}
    if isinstance(batch, (tuple, list)):
        return tuple(_each(part, change) for part in batch)
    return batch


@contextlib.contextmanager
def _ahead(batches: Batches, first: int, options: Options) -> Iterator[Iterator[Batch]]:
    """Give the batches from `first` on, made by threads while the network works."""

    def in_order(pool: ThreadPoolExecutor) -> Iterator[Batch]:
        depth = 2 * options.workers
        waiting = [pool.submit(batches, step) for step in range(first, min(first + depth, options.steps))]
        for step in range(first, options.steps):
            batch = waiting.pop(0).result()
            if step + depth < options.steps:
                waiting.append(pool.submit(batches, step + depth))
            yield batch

    with ThreadPoolExecutor(options.workers) as pool:
        try:
            yield in_order(pool)
        finally:
            pool.shutdown(cancel_futures=True)


def _precision(asked: str, device: torch.device) -> torch.dtype:
    if asked == "auto":
        asked = "bfloat16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "float32"
    return torch.bfloat16 if asked == "bfloat16" else torch.float32


def _autocast(model: torch.nn.Module, precision: torch.dtype) -> contextlib.AbstractContextManager[Any]:
    if precision == torch.float32:
        return contextlib.nullcontext()
    return torch.autocast(next(model.parameters()).device.type, dtype=precision)


def _in_words(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


def _write(lines: Any, row: Row, seconds: float) -> None:
    lines.write(json.dumps({**row, "seconds": round(seconds, 3)}) + "\n")
    lines.flush()


def _keep_rows(log: Path, step: int) -> None:
    """Drop the rows after the checkpoint: they will be written again."""
    rows = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    log.write_text("".join(row for row in rows if row.endswith("\n") and json.loads(row)["step"] <= step))
