"""`vstab train`: make the weights of a network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError

if TYPE_CHECKING:
    from ..result import ProgressFn, Result

NETWORKS = ("path", "motion", "stabnet", "stabnet_resnet50")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "float32", "bfloat16")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    command.add_argument("network", metavar="NETWORK", choices=NETWORKS, help=", ".join(NETWORKS))
    command.add_argument(
        "-o", "--out", dest="output", metavar="FOLDER", type=Path, help="takes weights, card, log, curves, checkpoint"
    )
    command.add_argument(
        "--data", metavar="FOLDER", type=Path, help="clips or stills of yours to train on (default: what is made up)"
    )
    command.add_argument("--from", dest="start", metavar="FILE", type=Path, help="weights to begin with, to train on")
    command.add_argument("--rate", metavar="R", help="highest learning rate (default: the recipe's)")
    command.add_argument("--steps", metavar="N", help="of the optimiser (default: the recipe's)")
    command.add_argument("--seed", metavar="N", help="of weights and batches (default: 0)")
    command.add_argument("--device", choices=DEVICES, default="auto", help="where it is trained")
    command.add_argument(
        "--precision", choices=PRECISIONS, default="auto", help="auto: bfloat16 on a GPU that has it, else float32"
    )
    command.add_argument("--workers", metavar="N", help="threads that make batches (default: the recipe's)")
    command.add_argument("--resume", action="store_true", help="go on from the checkpoint in the folder")


def default_output(options: argparse.Namespace) -> Path:
    """Return where the result goes without --out."""
    return Path(f"training_{options.network}")


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Train."""
    asked: dict[str, Any] = {"device": options.device, "precision": options.precision}
    for name, least in (("steps", 1), ("seed", 0), ("workers", 1)):
        text: str | None = getattr(options, name)
        if text is not None:
            asked[name] = _whole(name, text, least)
    if options.rate is not None:
        asked["rate"] = _rate(options.rate)
    from ..training.make import train_network

    return train_network(
        options.network,
        options.output,
        asked=asked,
        data=options.data,
        start=options.start,
        resume=options.resume,
        overwrite=options.overwrite,
        on_progress=on_progress,
    )


def _whole(name: str, text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= 10**9:
        raise UsageError(f"--{name} must be a whole number from {least} up, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= 1:
        raise UsageError(f"--rate must be a number above 0, at most 1, got {text!r}")
    return rate
