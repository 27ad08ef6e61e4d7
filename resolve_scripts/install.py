"""Put the menu scripts where DaVinci Resolve looks for them, and write into them where the command vstab is."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from vstab_core.command.executable import command
from vstab_core.errors import OutputError

SOURCES = Path(__file__).resolve().parent
LIBRARY = "vstab_resolve"
SCRIPTS = sorted(SOURCES.glob("vstab *.py"))
# In the scripts, for the folder of the library, as Resolve starts them without `__file__`; and in the library.
_LIBRARY, _EXECUTABLE = '"@LIBRARY@"', '"@EXECUTABLE@"'
_EDITIONS = "the free edition of Resolve lists no Python scripts from 21.1 on: there use the OpenFX plug-in"


def fusion_folder() -> Path:
    """Return the user's folder that holds Resolve's `Scripts`."""
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion"
    if sys.platform == "win32":
        appdata = Path(os.environ.get("APPDATA", Path.home() / "AppData/Roaming"))
        return appdata / "Blackmagic Design" / "DaVinci Resolve" / "Support" / "Fusion"
    return Path.home() / ".local/share/DaVinciResolve/Fusion"


def install(folder: Path | None) -> dict[str, str]:
    """Copy scripts and library into a Fusion folder (None: the user's); return what was written.

    Raises:
        OutputError: it cannot be written.
    """
    executable = command()
    scripts, library = _places(folder)
    try:
        _remove(scripts, library)
        (library / LIBRARY).mkdir(parents=True)
        for path in sorted((SOURCES / LIBRARY).glob("*.py")):
            _copy(path, library / LIBRARY, _EXECUTABLE, str(executable))
        scripts.mkdir(parents=True, exist_ok=True)
        for path in SCRIPTS:
            _copy(path, scripts, _LIBRARY, str(library.resolve()))
    except OSError as error:
        raise OutputError(_refused(error, scripts)) from error
    return {
        "scripts": str(scripts),
        "library": str(library),
        "command": str(executable),
        "next": f"restart Resolve, then Workspace > Scripts; {_EDITIONS}, `vstab doctor --install-ofx`",
    }


def uninstall(folder: Path | None) -> dict[str, str]:
    """Remove what `install` wrote; return what was removed. Settings, stabilized files and projects stay.

    Raises:
        OutputError: it cannot be removed.
    """
    scripts, library = _places(folder)
    try:
        return _remove(scripts, library)
    except OSError as error:
        raise OutputError(_refused(error, scripts)) from error


def state(folder: Path | None = None) -> str:
    """Return what `vstab doctor` says of the scripts."""
    scripts, _ = _places(folder)
    if not any((scripts / path.name).exists() for path in SCRIPTS):
        return "not installed (vstab doctor --install-resolve)"
    return f"installed in {scripts}; {_EDITIONS}"


def _places(folder: Path | None) -> tuple[Path, Path]:
    """Return the folder of the scripts and that of the library; below Scripts it would become a menu."""
    root = folder or fusion_folder()
    return root / "Scripts" / "Utility", root / "vstab"


def _copy(path: Path, folder: Path, mark: str, text: str) -> None:
    """Copy a Python file with a text in the place of a mark, in ASCII: a host may read scripts in its code page."""
    (folder / path.name).write_text(path.read_text(encoding="utf-8").replace(mark, ascii(text)), encoding="utf-8")


def _remove(scripts: Path, library: Path) -> dict[str, str]:
    removed = {}
    for path in SCRIPTS:
        if (scripts / path.name).exists():
            (scripts / path.name).unlink()
            removed["removed scripts"] = str(scripts)
    if (library / LIBRARY).exists():
        shutil.rmtree(library / LIBRARY)
        if not any(library.iterdir()):
            library.rmdir()
        removed["removed library"] = str(library)
    return removed


def _refused(error: OSError, scripts: Path) -> str:
    return f"cannot write '{error.filename or scripts}': {error.strerror}; give another Fusion folder, or more rights"
