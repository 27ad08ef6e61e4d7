"""Where the plug-in's bundle lies once it is built."""

from __future__ import annotations

import platform
import sys
import sysconfig
from pathlib import Path

NAME = "vstab.ofx.bundle"


def folder_of_system() -> str:
    """Return the folder of this system inside a bundle, as the specification names it."""
    if sys.platform == "darwin":
        return "MacOS"
    if sys.platform == "win32":
        return "Win64"
    machine = platform.machine()
    return "Linux-x86-64" if machine in ("x86_64", "amd64") else f"Linux-{machine}"


def binary_of(bundle: Path) -> Path:
    """Return the plug-in's file inside a bundle."""
    return bundle / "Contents" / folder_of_system() / "vstab.ofx"


def find_bundle() -> Path | None:
    """Return the path of the bundle, or None where it was not built.

    It lies in the installed package; in a checkout also where `make ofx` puts it. The newest is taken.
    """
    here = Path(__file__).resolve().parent
    folders = [here, Path(sysconfig.get_path("platlib")) / "ofx_bridge", here.parent / "build" / "ofx"]
    built = [folder / NAME for folder in folders if binary_of(folder / NAME).is_file()]
    return max(built, key=lambda bundle: binary_of(bundle).stat().st_mtime, default=None)
