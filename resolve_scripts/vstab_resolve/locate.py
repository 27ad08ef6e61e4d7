"""Where `vstab` is, and whether it is one that these scripts can work with."""

import os
import re
import shutil
import sys

from .child import ask
from .installed import EXECUTABLE
from .refused import Refused

MINIMUM = (0, 1, 0)


def usual_places():
    """Return where installers put the command, most likely first."""
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", os.path.join(home, "AppData", "Local"))
        folders = [
            os.path.join(home, ".local", "bin"),
            os.path.join(home, "pipx", "venvs", "vstab", "Scripts"),
            os.path.join(local, "pipx", "pipx", "venvs", "vstab", "Scripts"),
        ]
        return [os.path.join(folder, "vstab.exe") for folder in folders]
    folders = [home + "/.local/bin", home + "/.local/share/pipx/venvs/vstab/bin", "/usr/local/bin"]
    folders += ["/opt/homebrew/bin", "/opt/vstab/bin"]
    return [folder + "/vstab" for folder in folders]


def find(preferred=""):
    """Return the program's path: $VSTAB_EXE, else the setting, else the one that installed us, PATH, a usual place.

    Raises:
        Refused: there is none; the message says what to do.
    """
    for origin, path in (("$VSTAB_EXE", os.environ.get("VSTAB_EXE", "")), ("vstab Settings", preferred)):
        if path and not os.path.isfile(path):
            raise Refused(
                "there is no vstab at '{}', which {} names; install it again and run `vstab doctor --install-resolve`, "
                "or correct the path in vstab Settings".format(path, origin),
                "missing",
            )
        if path:
            return path
    places = [EXECUTABLE, shutil.which("vstab") or ""] + usual_places()
    for place in places:
        if os.path.isfile(place) and os.access(place, os.X_OK):
            return place
    raise Refused(
        "vstab is not installed, or not where it is usually found; install it and run `vstab doctor --install-resolve`",
        "missing",
    )


def find_checked(preferred=""):
    """Return the path of a `vstab` that answers and is new enough.

    Raises:
        Refused: there is none.
    """
    program = find(preferred)
    said = ask(program, ["--version"])
    numbers = re.match(r"vstab (\d+)\.(\d+)\.(\d+)", said)
    if not said.startswith("vstab "):
        raise Refused("'{}' is not vstab; correct the path in vstab Settings".format(program), "missing")
    if numbers and tuple(map(int, numbers.groups())) < MINIMUM:
        raise Refused(
            "'{}' is {}, too old for these scripts, which need {} or newer; update vstab, then run "
            "`vstab doctor --install-resolve`".format(program, said.strip(), ".".join(map(str, MINIMUM))),
            "missing",
        )
    return program
