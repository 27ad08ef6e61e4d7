"""Faults of ours: the user is told, and the trace is kept for who mends them."""

import os
import sys
import traceback

from . import settings


def kept():
    """Write the trace of the error that is being handled into a file and return what the user should know."""
    path = os.path.join(settings.folder(), "resolve-fault.txt")
    try:
        os.makedirs(settings.folder(), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    except OSError:
        traceback.print_exc(file=sys.stderr)
    kind, error = sys.exc_info()[:2]
    return "a fault of vstab's scripts: {}: {}; please report it with '{}'".format(kind.__name__, error, path)
