"""Where the command vstab of this environment is, for what starts it from another program."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..errors import OutputError


def command() -> Path:
    """Return the path of the command vstab of this environment.

    Raises:
        OutputError: it is not beside Python.
    """
    found = shutil.which("vstab", path=str(Path(sys.executable).parent))
    if found is None:
        raise OutputError(f"there is no command vstab beside '{sys.executable}'; install vstab with pip first")
    return Path(found)
