"""What the hosts' tests need of the machine; missing, they are skipped, or fail with VSTAB_REQUIRE_HOSTS=1."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from ffmpeg_bridge.process import find_plugin, has_filter


def missing(what: str) -> NoReturn:
    if os.environ.get("VSTAB_REQUIRE_HOSTS") == "1":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def plugin() -> Path:
    return find_plugin() or missing("the frei0r plug-in is not built; make setup, or make frei0r")


@pytest.fixture(scope="session")
def ffmpeg(plugin: Path) -> str:
    """The program, with the filter frei0r; it finds our plug-in."""
    program = shutil.which("ffmpeg") or missing("there is no ffmpeg (Debian: apt-get install ffmpeg)")
    if not has_filter(program, "frei0r"):
        missing(f"'{program}' is built without the filter frei0r")
    return program
