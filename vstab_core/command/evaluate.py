"""`vstab eval`: figures of a stabilized clip beside its original."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .arguments import add_pair

if TYPE_CHECKING:
    from ..result import ProgressFn, Result


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_pair(command)
    command.add_argument("--json", action="store_true", help="one JSON value on stdout instead of the table")
    command.add_argument("--all", action="store_true", help="every metric, not only the usual ones")


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Evaluate and return the figures."""
    raise NotImplementedError
