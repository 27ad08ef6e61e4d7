"""`vstab report`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..result import ProgressFn, Result


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""


def run(options: argparse.Namespace, on_progress: ProgressFn) -> Result:
    """Run the command."""
    raise NotImplementedError
