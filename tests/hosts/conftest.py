"""What the hosts' tests need of the machine; missing, they are skipped, or fail with VSTAB_REQUIRE_HOSTS=1."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from ffmpeg_bridge.process import find_plugin, has_filter
from ofx_bridge.bundle import binary_of, find_bundle
from resolve_scripts import install
from tests.hosts import ofx_abi as abi
from tests.hosts import resolve_stage
from tests.hosts.ofx_host import Host


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


@pytest.fixture(scope="session")
def binary() -> Path:
    given = os.environ.get("VSTAB_OFX_BINARY")  # of another build, for the sanitizers
    if given:
        return Path(given)
    bundle = find_bundle() or missing("the OpenFX plug-in is not built; make setup, or make ofx")
    return binary_of(bundle)


@pytest.fixture
def host(binary: Path) -> Iterator[Host]:
    host = Host(binary)
    for plugin in host.plugins.values():
        assert plugin.load() == abi.OK
        plugin.describe()
    yield host
    for instance in list(host.alive):
        instance.destroy()
    for plugin in host.plugins.values():
        if plugin.loaded:
            plugin.unload()
    assert host.violations == []


@pytest.fixture(scope="session")
def resolve_clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Clips, "program", a `vstab` that works once a clip, and "fusion", a folder with the scripts installed."""
    folder = tmp_path_factory.mktemp("resolve")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        install.install(folder / "fusion")
    clips = resolve_stage.write_clips(folder)
    yield {**clips, "program": str(resolve_stage.vstab_once(folder)), "fusion": str(folder / "fusion")}
    for name in [name for name in sys.modules if name.split(".")[0] == "vstab_resolve"]:
        del sys.modules[name]


@pytest.fixture
def clips(resolve_clips: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The same, with settings of a user whose results go to `tmp_path`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("VSTAB_TEST_FUSION", resolve_clips["fusion"])
    monkeypatch.delenv("VSTAB_EXE", raising=False)
    resolve_stage.write_settings(executable=resolve_clips["program"], folder=str(tmp_path / "results"))
    return resolve_clips
