"""The OpenFX plug-in starts the command vstab: Analyze, sliders, cancelling, and what goes wrong with a child."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofx_bridge import install
from ofx_bridge.bundle import NAME, binary_of
from tests.clips import ClipSpec, write_clip
from tests.hosts.ofx_clips import BASE, FLAT, SPHERE, Array, flat_sidecar, picture
from tests.hosts.ofx_host import Host, Instance
from tests.synthetic import film, shaking
from vstab_core import cli
from vstab_core.params import PARAMS
from vstab_core.sidecar import read_sidecar

STAND_IN = Path(__file__).with_name("ofx_stand_in.py")
COUNT = 12


def wait_until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def status_of(instance: Instance) -> str:
    instance.edit("reload")
    return str(instance.value("status"))


def notice_of(shown: Array) -> bool:
    return bool(np.allclose(shown[0, 0, :3], (1.0, 210 / 255, 0.0), atol=1e-6))


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the command, which writes its arguments here."""
    script = tmp_path / "vstab"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("VSTAB_EXE", str(script))
    monkeypatch.setenv("VSTAB_STAND_IN_NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("VSTAB_STAND_IN", "done")
    monkeypatch.setenv("PYTHONHOME", "/the/editors")  # as editors do
    monkeypatch.setenv("QT_PLUGIN_PATH", "/the/editors")
    return tmp_path / "notes"


def calls(notes: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "my clip ü.mov"
    path.touch()
    return path


def test_analyze_starts_the_command_and_returns_at_once(host: Host, notes: Path, clip: Path) -> None:
    for name, projection in ((FLAT, "rectilinear"), (SPHERE, "equirect")):
        instance = host.plugins[name].create(source_path=str(clip))
        instance.edit("smoothness", 0.25)  # nothing is measured yet, so nothing is started
        assert len(calls(notes)) == (name == SPHERE)
        started = time.monotonic()
        instance.edit("analyze")
        assert time.monotonic() - started < 0.5
        wait_until(lambda: len(calls(notes)) == 1 + (name == SPHERE))  # noqa: B023
        call = calls(notes)[-1]
        assert call["environment"] == []
        target = str(clip.with_suffix(".vstab"))
        assert call["arguments"][:7] == ["analyze", str(clip), "-o", target, "--overwrite", "--projection", projection]
        given = dict(word[2:].split("=") for word in call["arguments"][7:-2])
        assert given["smoothness"] == "0.250000"
        assert ("max-crop" in given, "stabilize-yaw" in given) == (name == FLAT, name == SPHERE)
        stages = {PARAMS[word.replace("-", "_")].stage for word in given}
        assert stages == {"analyze", "smooth"}
        assert call["arguments"][-2:] == ["--progress", "json"]
        instance.destroy()


def test_progress_is_shown_and_a_run_can_be_cancelled(
    host: Host, notes: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSTAB_STAND_IN", "wait")
    instance = host.plugins[FLAT].create(source_path=str(clip))
    revision = instance.value("revision")
    instance.edit("analyze")
    assert instance.value("revision") == revision + 1  # so that the host shows the picture anew
    wait_until(lambda: "42 of 100" in status_of(instance))
    big = picture(size=(216, 384))
    first = instance.render(0, big)
    assert notice_of(first)
    assert np.array_equal(first[100:], big[100:])
    instance.edit("cancel")
    wait_until(lambda: status_of(instance) == "cancelled")
    assert not np.array_equal(instance.render(0, big), first)  # another text
    assert len(calls(notes)) == 1


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("die", "ended without a result, status 137"),
        ("garbage", "ended without a result, status 0"),
        ("fail", "cannot read 'clip ü😀.mov'"),
    ],
)
def test_a_child_that_fails_is_told(
    host: Host, notes: Path, clip: Path, monkeypatch: pytest.MonkeyPatch, how: str, said: str
) -> None:
    monkeypatch.setenv("VSTAB_STAND_IN", how)
    instance = host.plugins[FLAT].create(source_path=str(clip))
    instance.edit("analyze")
    wait_until(lambda: said in status_of(instance))
    assert notice_of(instance.render(0, picture()))
    monkeypatch.setenv("VSTAB_STAND_IN", "done")
    instance.edit("analyze")
    wait_until(lambda: said not in status_of(instance))


def test_a_deaf_child_does_not_hold_up_the_host(
    host: Host, notes: Path, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSTAB_STAND_IN", "deaf")
    instance = host.plugins[FLAT].create(source_path=str(clip))
    instance.edit("analyze")
    wait_until(lambda: "1 of 2" in status_of(instance))
    started = time.monotonic()
    instance.destroy()
    assert time.monotonic() - started < 0.5
    host.plugins[FLAT].unload()  # the code goes away, so here it is waited for, and killed
    assert time.monotonic() - started < 6


def test_what_is_missing_is_said(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VSTAB_EXE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(tmp_path))
    instance = host.plugins[FLAT].create(source_path=str(tmp_path / "clip.mov"))
    instance.edit("analyze")
    assert "vstab doctor --install-ofx" in instance.value("status")
    assert host.messages[-1] == f"vstab: {instance.value('status')}"
    monkeypatch.setenv("VSTAB_EXE", "/bin/false")
    instance.edit("analyze")
    assert f"there is no file '{tmp_path / 'clip.mov'}'" in instance.value("status")
    instance = host.plugins[FLAT].create()
    instance.edit("analyze")
    assert "does not say which file" in instance.value("status")
    (tmp_path / "script").write_text("#!/no/such/interpreter\n")
    monkeypatch.setenv("VSTAB_EXE", str(tmp_path / "script"))
    clip = tmp_path / "clip.mov"
    clip.touch()
    instance.edit("clip", str(clip))
    instance.edit("analyze")
    wait_until(lambda: "cannot start" in status_of(instance))


def test_a_project_without_the_command_still_renders(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VSTAB_EXE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    instance = host.plugins[FLAT].create(sidecar=flat_sidecar(tmp_path / "c.vstab"))
    source = picture()
    shown = instance.render(1, source)
    assert not notice_of(shown)
    instance.edit("smoothness", 0.9)
    assert "vstab doctor --install-ofx" in instance.value("status")
    assert instance.render(1, source).tobytes() == shown.tobytes()


@pytest.mark.parametrize("name", ["shot.0001.exr", "shot_%04d.EXR", "shot.####.dpx", "shot.[0001-0012].dpx"])
def test_an_image_sequence_is_said_to_be_for_the_command(host: Host, notes: Path, tmp_path: Path, name: str) -> None:
    instance = host.plugins[FLAT].create(source_path=str(tmp_path / name))
    assert notice_of(instance.render(1, picture()))
    assert "image sequence" in status_of(instance)
    instance.edit("analyze")
    assert "vstab analyze" in instance.value("status")
    assert not calls(notes)
    sidecar = flat_sidecar(tmp_path / "shot.vstab")
    assert f"shows {sidecar}" in status_of(instance)
    assert not notice_of(instance.render(1, picture()))


def test_the_newest_value_of_a_slider_counts(host: Host, notes: Path, tmp_path: Path) -> None:
    sidecar = flat_sidecar(tmp_path / "c.vstab")
    instance = host.plugins[FLAT].create(sidecar=sidecar)
    for value in np.linspace(0, 1, 21):
        instance.edit("smoothness", float(value))
        instance.edit("smoothness", float(value), reason="OfxChangePluginEdited")
    wait_until(lambda: bool(calls(notes)) and "--smoothness=1.000000" in calls(notes)[-1]["arguments"])
    assert all(call["arguments"][:2] == ["smooth", str(sidecar)] for call in calls(notes))
    assert len(calls(notes)) < 21  # not every step on the way
    given = calls(notes)[-1]["arguments"]
    assert not [word for word in given if word.startswith("--interpolation")]  # of the rendering, no path of its own


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSTAB_EXE", str(install.command()))


def test_analyze_and_a_slider_with_the_real_command(host: Host, real: None, tmp_path: Path) -> None:
    size = (108, 192)
    spec = ClipSpec(size=size, codec="ffv1", time_base=BASE, pts=range(COUNT))
    shaky = film(shaking(2, x=0.02, turn=0.004, band=(1.5, 6.0)), COUNT, size=size)
    grey = np.full((size[0] // 2, size[1] // 2), 128, np.uint8)
    clip = write_clip(tmp_path / "shaky.mkv", spec, [(luma, grey, grey) for luma in shaky])
    instance = host.plugins[FLAT].create(source_path=str(clip))
    instance.edit("analyze")
    wait_until(lambda: clip.with_suffix(".vstab").exists())
    wait_until(lambda: f"{COUNT} frames" in status_of(instance))
    source = picture(size=size)
    steady = instance.render(6, source, source_frame=6)
    assert not notice_of(steady)
    assert np.abs(steady - source).mean() > 0.01
    instance.edit("strength", 0.0)  # the picture that follows waits for the new path, if not for ever
    wait_until(lambda: np.array_equal(instance.render(6, source, source_frame=6), source))
    stored = read_sidecar(clip.with_suffix(".vstab")).parameters
    assert stored is not None
    assert stored.strength == 0.0
    assert instance.is_identity(6, source_frame=6)


def test_doctor_installs_and_uninstalls(
    binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for _ in range(2):
        assert cli.main(["doctor", "--install-ofx", str(tmp_path / "plugins"), "--json"]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    bundle = tmp_path / "plugins" / NAME
    assert done["bundle"] == str(bundle)
    assert binary_of(bundle).is_file()
    assert "CFBundleExecutable" in (bundle / "Contents" / "Info.plist").read_text()
    assert (tmp_path / "config" / "vstab" / "ofx.conf").read_text() == f"executable={install.command()}\n"
    host = Host(binary_of(bundle))  # it is found through the settings
    plugin = host.plugins[FLAT]
    plugin.load()
    plugin.describe()
    clip = tmp_path / "clip.mov"
    clip.touch()
    monkeypatch.delenv("VSTAB_EXE", raising=False)
    monkeypatch.setenv("PATH", "")
    instance = plugin.create(source_path=str(clip))
    instance.edit("analyze")
    wait_until(lambda: "clip.mov" in status_of(instance) and "analyzing" not in status_of(instance))
    instance.destroy()
    plugin.unload()
    assert host.violations == []
    assert cli.main(["doctor", "--uninstall-ofx", str(tmp_path / "plugins")]) == 0
    assert not bundle.exists()
    assert not (tmp_path / "config" / "vstab" / "ofx.conf").exists()
    if os.geteuid() != 0:
        assert cli.main(["doctor", "--install-ofx", "/proc/nowhere"]) == 4
    capsys.readouterr()
