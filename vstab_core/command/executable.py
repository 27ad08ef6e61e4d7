"""Where the command vstab of this environment is, for what starts it from another program."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from ..errors import OutputError


def command() -> Path:
    """Return the path of the command vstab of this environment.

    Raises:
        OutputError: it is not where pip puts it.
    """
    user = sysconfig.get_preferred_scheme("user")  # of `pip install --user`
    folders = [str(Path(sys.executable).parent), sysconfig.get_path("scripts"), sysconfig.get_path("scripts", user)]
    found = shutil.which("vstab", path=os.pathsep.join(folders))
    if found is None:
        places = "', '".join(dict.fromkeys(folders))
        raise OutputError(f"there is no command vstab in '{places}'; install vstab with pip first")
    return Path(found).absolute()
