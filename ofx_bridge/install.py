"""Put the plug-in where editors look for it, and write where the command vstab is, which Analyze starts."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from vstab_core.command.executable import command
from vstab_core.errors import OutputError

from .bundle import NAME, binary_of, find_bundle


def plugin_folder() -> Path:
    """Return the folder that every host of this system looks into."""
    if sys.platform == "darwin":
        return Path("/Library/OFX/Plugins")
    if sys.platform == "win32":
        return Path(os.environ.get("COMMONPROGRAMFILES", r"C:\Program Files\Common Files")) / "OFX" / "Plugins"
    return Path("/usr/OFX/Plugins")


def settings_file() -> Path:
    """Return the file that the plug-in reads, as `process_posix.cc` and `process_windows.cc` find it."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("APPDATA", Path.home()))
    elif sys.platform == "darwin":
        folder = Path(f"~{os.environ.get('SUDO_USER', '')}").expanduser() / "Library" / "Application Support"
    elif "SUDO_USER" in os.environ:  # the editor runs as the user, not as root
        folder = Path(f"~{os.environ['SUDO_USER']}").expanduser() / ".config"
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return folder / "vstab" / "ofx.conf"


def install(folder: Path | None) -> dict[str, str]:
    """Copy the bundle into a folder (None: the system's) and write the settings; return what was written.

    Raises:
        OutputError: there is no bundle, or it cannot be written.
    """
    bundle = find_bundle()
    if bundle is None:
        raise OutputError("the OpenFX plug-in was not built; install vstab from a wheel, or run make ofx")
    executable = command()
    target = (folder or plugin_folder()) / NAME
    try:
        if target.exists():
            shutil.rmtree(target)
        binary_of(target).parent.mkdir(parents=True)
        shutil.copyfile(bundle / "Contents" / "Info.plist", target / "Contents" / "Info.plist")
        shutil.copy(binary_of(bundle), binary_of(target))
        settings_file().parent.mkdir(parents=True, exist_ok=True)
        settings_file().write_text(f"executable={executable}\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(_refused(error, target)) from error
    return {"bundle": str(target), "settings": str(settings_file()), "command": str(executable)}


def uninstall(folder: Path | None) -> dict[str, str]:
    """Remove what `install` wrote; return what was removed.

    Raises:
        OutputError: it cannot be removed.
    """
    target, removed = (folder or plugin_folder()) / NAME, {}
    try:
        if target.exists():
            shutil.rmtree(target)
            removed["bundle"] = str(target)
        if settings_file().exists():
            settings_file().unlink()
            removed["settings"] = str(settings_file())
    except OSError as error:
        raise OutputError(_refused(error, target)) from error
    return removed


def _refused(error: OSError, target: Path) -> str:
    return (
        f"cannot write '{error.filename or target}': {error.strerror}; run the command as administrator, or give a "
        "folder of your own and name it in the environment variable OFX_PLUGIN_PATH of the editor"
    )
