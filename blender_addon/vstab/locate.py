"""Where `vstab` is, and whether it is one that this extension can work with. Nothing here knows Blender."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .child import VstabError, ask

MINIMUM = (0, 1, 0)
INSTALL_HINT = "pipx install /path/to/vstab"  # its source folder or its wheel; docs/blender.md says more


@dataclass(frozen=True)
class Found:
    """A `vstab` that answered.

    Attributes:
        program: its full path.
        version: as it says itself.
        problems: what its `doctor` found; empty where all is well.
    """

    program: str
    version: str
    problems: tuple[str, ...]


def usual_places() -> list[Path]:
    """Return where installers put the command, most likely first."""
    home = Path.home()
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local"))
        folders = [home / ".local/bin", home / "pipx/venvs/vstab/Scripts", local / "pipx/pipx/venvs/vstab/Scripts"]
        folders += [local / "Programs/vstab", home / "vstab/.venv/Scripts"]
        return [folder / "vstab.exe" for folder in folders]
    folders = [home / ".local/bin", home / ".local/share/pipx/venvs/vstab/bin", home / ".local/pipx/venvs/vstab/bin"]
    folders += [Path("/usr/local/bin"), Path("/opt/homebrew/bin"), Path("/opt/vstab/bin"), home / "vstab/.venv/bin"]
    return [folder / "vstab" for folder in folders]


def find(preferred: str = "") -> str:
    """Return the program's path: the preference, else $VSTAB_EXE, else PATH, else a usual place.

    Raises:
        VstabError: there is none; the message says what to do.
    """
    for origin, path in (("the preferences", preferred), ("$VSTAB_EXE", os.environ.get("VSTAB_EXE", ""))):
        if not path:
            continue
        if os.path.isdir(path):  # the folder of an environment is good enough
            inside = [Path(path) / part for part in ("vstab", "vstab.exe", "bin/vstab", "Scripts/vstab.exe")]
            path = next((str(name) for name in inside if name.is_file()), path)
        if not os.path.isfile(path):
            raise VstabError("missing", f"there is no vstab at '{path}' ({origin}); correct it, or leave it empty")
        return path
    on_path = shutil.which("vstab")
    if on_path:
        return on_path
    for place in usual_places():
        if place.is_file() and os.access(place, os.X_OK):
            return str(place)
    raise VstabError(
        "missing",
        f"vstab is not installed, or not where it is usually found. Install it ({INSTALL_HINT}), or say in the "
        "extension's preferences where it is",
    )


def examine(program: str) -> Found:
    """Ask a `vstab` for its version and health.

    Raises:
        VstabError: it does not answer, or is too old.
    """
    report = ask(program, ["doctor", "--json"], timeout_s=60.0)
    if not isinstance(report, dict) or "vstab" not in report:
        raise VstabError("missing", f"'{program}' is not vstab")
    version = str(report["vstab"])
    refuse_old(version, program)
    return Found(program, version, tuple(report.get("problems", ())))


def refuse_old(version: str, program: str) -> None:
    """Raise VstabError where a version is below the least that this extension works with; unknown ones pass."""
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if numbers and tuple(map(int, numbers.groups())) < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        raise VstabError(
            "missing",
            f"'{program}' is vstab {version}, too old for this extension, which needs {wanted} or newer; update it",
        )
