"""Imports torch in two thirds of the time that it takes to import it and to leave again."""

from __future__ import annotations

import atexit
import gc
import sys


def import_torch() -> None:
    """Import torch, so that the modules that import it themselves find it there.

    It makes hundreds of thousands of objects that stay. The garbage collector would look through them time and again
    while they are made, and once more at exit, where they now go with the process.
    """
    if "torch" in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        import torch  # noqa: F401
    finally:
        if collects:
            gc.enable()
    atexit.register(gc.freeze)
