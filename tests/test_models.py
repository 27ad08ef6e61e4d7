"""Weights files: what is written is read, and what is missing, damaged or of another network is said by name."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vstab_core.errors import ModelError
from vstab_core.models.load import checked_device, facts_of, load, load_module, save, weights_path

PACKAGE = Path(__file__).parents[1] / "vstab_core"
ARRAYS = {"layer.weight": np.arange(600, dtype=np.float32).reshape(20, 30), "layer.bias": np.zeros(20, np.float32),
          "layer.seen": np.array(7)}  # fmt: skip


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "path.safetensors"
    save(ARRAYS, path, "path 1", {"steps": 7})
    return path


def test_weights_are_read_as_they_were_written(weights: Path) -> None:
    found = load("path", "path 1", weights)
    assert found.keys() == ARRAYS.keys()
    assert all(np.array_equal(found[key], ARRAYS[key]) and found[key].shape == ARRAYS[key].shape for key in ARRAYS)
    assert facts_of(weights) == {"steps": 7}


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no weights at '.*gone.safetensors'; give a file that `vstab train` wrote"):
        load("path", "path 1", tmp_path / "gone.safetensors")


@pytest.mark.parametrize("at", [0, 40, -50])
def test_damaged_weights_are_refused(weights: Path, at: int) -> None:
    content = bytearray(weights.read_bytes())
    content[at] ^= 255
    weights.write_bytes(content)
    with pytest.raises(ModelError, match=r"damaged|architecture 'unknown'"):
        load("path", "path 1", weights)
    weights.write_bytes(content[: len(content) // 2])
    with pytest.raises(ModelError, match="damaged"):
        load("path", "path 1", weights)


def test_weights_of_another_architecture_are_refused(weights: Path) -> None:
    with pytest.raises(ModelError, match="holds a network of architecture 'path 1', and 'path' needs 'path 2'"):
        load("path", "path 2", weights)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="--device cuda needs a CUDA GPU"):
        checked_device("cuda")
    assert checked_device("auto").type == "cpu"


@pytest.mark.parametrize("collects", [True, False])
def test_importing_torch_leaves_the_garbage_collector_as_it_was(collects: bool) -> None:
    code = (
        f"import gc, sys; {'gc.enable' if collects else 'gc.disable'}()\n"
        "from vstab_core.models.torch_import import import_torch; import_torch()\n"
        "print(gc.isenabled(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"{collects} True\n", "")


def test_nothing_that_stabilizes_knows_the_training() -> None:
    for path in PACKAGE.rglob("*.py"):
        inside = path.relative_to(PACKAGE).parts
        if inside[0] == "training" or inside == ("command", "train.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert "training" not in (node.module or "").split("."), path


def test_the_installed_path_network_is_sound_and_its_card_says_what_it_is() -> None:
    from vstab_core.models import path_kernel

    arrays = load("path", path_kernel.ARCHITECTURE)
    assert sum(value.size for value in arrays.values()) == 9870
    module = load_module("path")
    assert sum(value.numel() for value in module.parameters()) == 9870
    card = weights_path("path").with_suffix(".md").read_text()
    for name, value in facts_of(weights_path("path")).items():
        assert name == "held_out" or f"| {name.replace('_', ' ')} | {value} |" in card


def test_weights_that_do_not_fit_the_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "path.safetensors"
    save(ARRAYS, path, "path 2", {})
    with pytest.raises(ModelError, match=r"does not fit the network 'path': first.bias is None"):
        load_module("path", path)
