"""The training loop on a problem whose answer is known: a line. What is resumed equals what was never stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from vstab_core.errors import Cancelled, InputError, UsageError, VstabError
from vstab_core.training.checkpoint import NAME
from vstab_core.training.loop import Trained, rate_at, seed_everything, train
from vstab_core.training.recipe import Batch, Lesson, Options, Terms, rng_of

SLOPE = np.array([2.0, -1.0], np.float32)
OPTIONS = Options(steps=60, rate=0.05, weight_decay=0.0, log_every=10, measure_every=20, checkpoint_every=20, seed=3,
                  device="cpu")  # fmt: skip


def lesson(bad_step: int = -1, bad_sample: int = 0) -> Lesson:
    def batches(step: int) -> Batch:
        x = rng_of(OPTIONS.seed, step).normal(size=(16, 2)).astype(np.float32)
        if step == bad_step:
            x[bad_sample] = np.nan
        return {"x": x, "y": x @ SLOPE}

    def loss(model: torch.nn.Module, batch: Batch, step: int) -> Terms:
        found = model(batch["x"])[:, 0]  # with dropout: the random numbers of torch must be resumed, too
        return {"fit": (found - batch["y"]).square().mean(), "size": 1e-6 * found.square().mean()}

    def measure(model: torch.nn.Module) -> dict[str, float]:
        x = torch.eye(2)
        return {"error": float((model(x)[:, 0] - torch.from_numpy(SLOPE)).abs().max())}

    return Lesson(batches, loss, measure, "a line")


def run(folder: Path, steps: int = 60, **changes: object) -> tuple[torch.nn.Module, Trained]:
    folder.mkdir(exist_ok=True)
    seed_everything(OPTIONS.seed)
    model = torch.nn.Sequential(torch.nn.Dropout(0.02), torch.nn.Linear(2, 1))
    resume = bool(changes.pop("resume", False))
    taught = changes.pop("lesson", lesson())
    on_progress = changes.pop("on_progress", None)
    options = replace(OPTIONS, steps=steps, **changes)  # type: ignore[arg-type]
    done = train(model, taught, options, folder, resume=resume, on_progress=on_progress)  # type: ignore[arg-type]
    return model, done


def test_it_learns_the_line_and_draws_how(tmp_path: Path) -> None:
    model, done = run(tmp_path, steps=400, measure_every=100)
    assert done.held_out["error"] < 0.1
    assert isinstance(model[1], torch.nn.Linear)  # type: ignore[index]
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < losses[0] / 50
    assert [row["step"] for row in rows if "held_out" in row] == [100, 200, 300, 400]
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture is not None
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20  # curves, words and a grid


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resumed_weights_are_those_of_a_run_that_never_stopped(tmp_path: Path, precision: str) -> None:
    whole, _ = run(tmp_path / "whole", precision=precision)

    def stop(stage: str, done: int, steps: int) -> None:
        if done == 33:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run(tmp_path / "parts", precision=precision, on_progress=stop)
    resumed, _ = run(tmp_path / "parts", precision=precision, resume=True, workers=3)
    for before, after in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(before, after)
    logs = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("whole", "parts")]
    plain = [[{**json.loads(line), "seconds": 0} for line in lines] for lines in logs]
    assert plain[0] == plain[1]


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    (first, _), (same, _) = run(tmp_path / "a", steps=5), run(tmp_path / "b", steps=5)
    assert torch.equal(first.state_dict()["1.weight"], same.state_dict()["1.weight"])
    seed_everything(4)
    assert not torch.equal(torch.nn.Linear(2, 1).weight, first.state_dict()["1.weight"])


def test_nan_stops_with_step_and_sample_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(VstabError, match=r"stopped at step 45: the loss \(fit, size\) is not finite, of sample 7 of"):
        run(tmp_path, lesson=lesson(45, 7))
    model, _ = run(tmp_path, resume=True)  # from step 40, without the bad sample
    assert bool(torch.isfinite(model.state_dict()["1.weight"]).all())


def test_what_cannot_be_resumed_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to resume"):
        run(tmp_path, resume=True)
    run(tmp_path, steps=20)
    with pytest.raises(UsageError, match=r"was trained with seed 3, and 4 is asked for"):
        run(tmp_path, steps=20, resume=True, seed=4)
    (tmp_path / NAME).write_bytes((tmp_path / NAME).read_bytes()[:300])
    with pytest.raises(InputError, match="damaged or of another network"):
        run(tmp_path, steps=20, resume=True)


def test_the_rate_rises_falls_and_never_vanishes() -> None:
    rates = np.array([rate_at(step, Options(steps=100, rate=1.0, warm_up=0.1, last_rate=0.02)) for step in range(100)])
    assert rates.argmax() in (9, 10)
    assert rates.max() == pytest.approx(1)
    assert (np.diff(rates[10:]) < 0).all()
    assert 0.02 <= rates[-1] < 0.03


def test_the_command_trains_resumes_and_exports_the_path_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from vstab_core.cli import main
    from vstab_core.models.load import facts_of, load_module

    folder = tmp_path / "out"
    words = ["train", "path", "--out", str(folder), "--steps", "2", "--device", "cpu", "--progress", "json"]
    assert main(words) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines][0 :: len(lines) - 1] == ["started", "result"]
    assert lines[-1]["figures"]["steps"] == 2
    assert {file.name for file in folder.iterdir()} == {
        "path.safetensors", "path.md", "log.jsonl", "curves.png", "checkpoint.pt",
    }  # fmt: skip
    assert facts_of(folder / "path.safetensors")["steps"] == 2
    load_module("path", folder / "path.safetensors")
    further = ["--out", str(tmp_path / "further"), "--from", str(folder / "path.safetensors"), "--rate", "1e-9"]
    assert main(["train", "path", *further, "--steps", "1", "--device", "cpu", "--progress", "none"]) == 0
    facts = facts_of(tmp_path / "further" / "path.safetensors")
    assert (facts["begun with"], facts["rate"]) == ("weights of 2 steps", 1e-9)
    ends = [load_module("path", path / "path.safetensors").first.weight for path in (folder, tmp_path / "further")]  # type: ignore[union-attr]
    assert torch.allclose(*ends, atol=1e-6)  # it began where the other ended, and hardly moved
    capsys.readouterr()
    assert main(words) == 4  # what is there is not written over unasked
    assert "holds a training; give --resume to go on, --overwrite to begin anew" in capsys.readouterr().out
    assert main(["train", "path", "--out", str(folder), "--steps", "no"]) == 2
