"""DaVinci Resolve's menu scripts, started as Resolve starts them, against a strict fake of it and the real `vstab`."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resolve_scripts import __main__ as outside
from resolve_scripts import install
from tests.hosts import resolve_stage as stage
from tests.hosts.resolve_fake import FileFacts, Item, World
from tests.hosts.resolve_stage import (
    NEW,
    OLD,
    REMOVE,
    SELECTED,
    SETTINGS,
    STABILIZE,
    STABILIZE_360,
    numbers,
    one_clip,
    said,
)
from tests.hosts.resolve_windows import Event, Fusion, Window
from vstab_core.cli import main

FREE = "DaVinci Resolve"


# ---- what a run leaves behind


def test_a_take_shows_the_stabilized_file_at_the_same_frames(clips: dict[str, str], capsys: Any) -> None:
    world, item = one_clip(clips)
    stage.run_script(world, STABILIZE)
    assert said(capsys).endswith("vstab: stabilized\n")
    assert numbers(world) == [("a25_stabilized.mp4", number) for number in range(5, 17)]
    assert (item.start, item.duration, item.selected, len(item.takes)) == (86400, 12, 2, 2)
    assert item.takes[0].media.path == clips["25"]
    assert world.rules.violations == []


def test_the_file_goes_into_a_bin_with_what_the_original_had(clips: dict[str, str]) -> None:
    world = World(stage.facts_of, rate="29.97 DF")
    media = world.add(clips["29.97 DF"], **{"Data Level": "Full", "Input Color Space": "S-Gamut3.Cine/S-Log3"})
    media.metadata, media.color, media.marks = {"Scene": "12", "Take": "3"}, "Lime", {"video": {"in": 3, "out": 9}}
    world.timeline.place(media, at=0, first=2, duration=10)
    stage.run_script(world, STABILIZE)
    (folder,) = world.project.pool.root.folders
    (made,) = folder.clips
    assert (folder.name, world.project.pool.current.name) == ("vstab", "Master")
    assert made.values["Start TC"] == "01:00:00;02"  # the file's own: `vstab` keeps the timecode track
    assert (made.values["Data Level"], made.values["Input Color Space"]) == ("Full", "S-Gamut3.Cine/S-Log3")
    assert (made.metadata, made.color, made.marks) == (media.metadata, "Lime", media.marks)


@pytest.mark.parametrize("version", [OLD, NEW])
@pytest.mark.parametrize("result", ["take", "above", "fusion"])
def test_remove_leaves_the_timeline_as_it_was(clips: dict[str, str], version: tuple[int, ...], result: str) -> None:
    world, item = one_clip(clips, version, "nil after edit")
    before = world.state()
    stage.write_settings(result=result)
    stage.run_script(world, STABILIZE)
    assert world.state() != before
    world.page = "color"  # deleting needs the Edit page; the user's comes back
    stage.run_script(world, REMOVE)
    assert world.page == "color"
    world.page = "edit"
    assert world.state() == before
    assert not item.is_selector
    assert world.rules.violations == []


def test_a_second_run_replaces_its_own_result_only(clips: dict[str, str]) -> None:
    world, item = one_clip(clips)
    other = world.add(clips["60"])
    world.resolve  # noqa: B018
    assert item.AddTake(other, 3, 15)
    stage.run_script(world, STABILIZE)
    stage.write_settings(parameters={"smoothness": 0.9})
    stage.run_script(world, STABILIZE)
    names = [take.media.GetName() for take in item.takes]
    assert names == ["a25.mp4", "e60.mp4", "a25_stabilized-2.mp4"]
    assert item.selected == 3
    stage.run_script(world, REMOVE)
    assert [take.media.GetName() for take in item.takes] == names[:2]
    assert item.selected == 1


def test_another_kind_of_result_replaces_the_earlier_one(clips: dict[str, str]) -> None:
    world, item = one_clip(clips)
    for result in ("take", "above", "take"):
        stage.write_settings(result=result)
        stage.run_script(world, STABILIZE)
        assert item.is_selector == (result == "take")
        assert sum(len(track.items) for track in world.timeline.tracks) == 1 + (result == "above")
        assert {name for name, _ in numbers(world)} == {"a25_stabilized.mp4"}  # rendered once
    assert world.rules.violations == []


def test_a_clip_above_looks_as_the_one_below(clips: dict[str, str]) -> None:
    world, item = one_clip(clips, NEW)
    item.color, item.transform, item.graded, item.name = "Teal", {"ZoomX": 1.5, "FlipX": True}, 7, "Street"
    stage.write_settings(result="above")
    stage.run_script(world, STABILIZE)
    (above,) = world.timeline.tracks[1].items
    assert (above.color, above.transform, above.graded, above.name) == ("Teal", item.transform, 7, "Street")
    assert list(above.markers) == [5.0]
    world.timeline.playhead += 3  # on the clip above: the one below is meant
    stage.run_script(world, STABILIZE)
    assert [len(track.items) for track in world.timeline.tracks] == [1, 1]


def test_the_clip_above_goes_where_there_is_room(clips: dict[str, str]) -> None:
    world, _ = one_clip(clips)
    title = world.timeline.place(None, at=4, first=0, duration=3, track=2)
    world.timeline.place(None, at=50, first=0, duration=3, track=3)
    world.timeline.tracks[2].locked = True
    stage.write_settings(result="above")
    stage.run_script(world, STABILIZE)
    assert [len(track.items) for track in world.timeline.tracks] == [1, 1, 1, 1]
    assert world.timeline.tracks[1].items == [title]


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_fusion_composition_renders_nothing_and_reads_the_sidecar(
    clips: dict[str, str], version: tuple[int, ...], tmp_path: Path
) -> None:
    world, item = one_clip(clips, version)
    item.ramp = stage.Fraction(2)  # the plug-in is told the source frame: variable speed is no matter
    stage.write_settings(result="fusion", parameters={"smoothness": 0.7, "interpolation": "lanczos3"})
    stage.run_script(world, STABILIZE)
    (name, composition), *_ = item.comps.items()
    tool = composition.FindTool("vstab1")
    assert tool is not None
    assert (name, composition.chain()) == ("vstab", ["MediaOut", "ofx.vstab.Stabilize", "MediaIn"])
    sidecar = tool.inputs["sidecar"]
    assert [path.name for path in (tmp_path / "results").iterdir()] == [Path(sidecar).name]
    stage.write_settings(parameters={"smoothness": 0.2})
    stage.run_script(world, STABILIZE)
    assert len(item.comps) == 1
    stored = json.loads(stage.output_of("info", sidecar, "--json"))
    assert stored["parameters"]["smoothness"] == 0.2
    assert world.rules.violations == []


def test_selected_clips_are_rendered_once_a_file(clips: dict[str, str], tmp_path: Path, capsys: Any) -> None:
    world, item = one_clip(clips, NEW)
    second = world.timeline.place(item.take.media, at=20, first=0, duration=5)
    third = world.timeline.place(world.add(clips["60"]), at=30, first=0, duration=5, track=2)
    title = world.timeline.place(None, at=40, first=0, duration=5)
    world.timeline.chosen = [item, second, third, title]
    stage.run_script(world, SELECTED)
    text = said(capsys)
    assert "3 of 4 clips stabilized" in text
    assert "'Solid Color' has no file of its own" in text
    assert sorted(path.name for path in (tmp_path / "results").glob("*.mp4")) == [
        "a25_stabilized.mp4",
        "e60_stabilized.mp4",
    ]


def test_a_360_clip_is_told_to_vstab(clips: dict[str, str], tmp_path: Path) -> None:
    told = tmp_path / "told"
    text = (
        "import sys, json\n"
        "if '--version' in sys.argv: print('vstab 0.1.0'); sys.exit()\n"
        "if 'info' in sys.argv: print(json.dumps({'projection': 'rectilinear'})); sys.exit()\n"
        f"open({str(told)!r}, 'w').write(' '.join(sys.argv[1:]))\n"
        "print(json.dumps({'event': 'error', 'code': 'input', 'message': 'no sphere'}))\n"
    )
    stage.write_settings(executable=str(stage.program(tmp_path / "vstab", text)))
    world, _ = one_clip(clips)
    stage.run_script(world, STABILIZE_360)
    assert "--projection equirect" in told.read_text()
    assert ".360.vstab" in told.read_text()


def test_results_stand_beside_the_clip_unless_there_is_a_folder(clips: dict[str, str], tmp_path: Path) -> None:
    own = tmp_path / "card"
    own.mkdir()
    world = World(stage.facts_of)
    world.timeline.place(world.add(str(shutil.copy(clips["25"], own / "C0001.MP4"))), at=0, first=5, duration=12)
    stage.write_settings(folder="")
    stage.run_script(world, STABILIZE)
    stage.write_settings(parameters={"strength": 0.5})
    stage.run_script(world, STABILIZE)
    names = {path.name for path in own.iterdir()}
    assert {"C0001.MP4", "C0001_stabilized.MP4", "C0001_stabilized-2.MP4"} <= names


def test_a_codec_of_ones_own_is_rendered_as_mov(clips: dict[str, str], capsys: Any) -> None:
    world, item = one_clip(clips)
    stage.write_settings(codec="prores_ks")
    stage.run_script(world, STABILIZE)
    assert numbers(world) == [("a25_stabilized.mov", number) for number in range(5, 17)]
    assert stage.codec_of(item.takes[1].media.path) == "prores"
    stage.write_settings(codec="prores_xs")
    before = world.state()
    stage.run_script(world, STABILIZE)
    assert "prores_xs" in said(capsys)
    assert world.state() == before


# ---- while it runs


class Meanwhile:
    """Tells what a file is, and does something when a stabilized one is imported: the child has ended by then."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change = change

    def __call__(self, path: str) -> FileFacts:
        if "_stabilized" in path:
            self._change()
        return stage.facts_of(path)


def test_another_timeline_is_opened_meanwhile(clips: dict[str, str]) -> None:
    world, item = one_clip(clips)
    from tests.hosts.resolve_fake import Timeline

    elsewhere = Timeline(world)
    world.probe = Meanwhile(lambda: world.project.SetCurrentTimeline(elsewhere))
    stage.write_settings(result="above")
    stage.run_script(world, STABILIZE)
    assert numbers(world) == [("a25_stabilized.mp4", number) for number in range(5, 17)]
    assert world.project.timeline is elsewhere
    assert item in world.timeline.tracks[0].items


def test_a_clip_trimmed_meanwhile_keeps_its_new_trims(clips: dict[str, str]) -> None:
    world, item = one_clip(clips)

    def trim() -> None:
        item.takes[0].first, item.start, item.duration = stage.Fraction(8), item.start + 3, 7

    world.probe = Meanwhile(trim)
    stage.run_script(world, STABILIZE)
    assert numbers(world) == [("a25_stabilized.mp4", number) for number in range(8, 15)]


@pytest.mark.parametrize("what", ["deleted", "project"])
def test_a_clip_that_is_gone_is_said_and_nothing_else_is_touched(clips: dict[str, str], what: str, capsys: Any) -> None:
    world, item = one_clip(clips)
    other = world.timeline.place(world.add(clips["60"]), at=30, first=0, duration=5)

    def change() -> None:
        if what == "deleted":
            world.timeline.tracks[0].items.remove(item)
        else:
            world.project.id = "another"

    world.probe = Meanwhile(change)
    stage.run_script(world, STABILIZE)
    assert ("is no longer there" if what == "deleted" else "another project was opened") in said(capsys)
    assert not other.is_selector
    assert not item.is_selector


def test_the_window_shows_progress_and_the_outcome(clips: dict[str, str]) -> None:
    world, item = one_clip(clips)

    def user(window: Window) -> Event | None:
        return ("Close", "Clicked") if window.ID == "vstabTold" else None

    fusion = Fusion(user)
    stage.run_script(world, STABILIZE, fusion=fusion, bmd=fusion)  # all is well: nothing to read and close
    assert any(text.startswith("a25.mp4 0: ") and text.endswith("%") for text in fusion.seen)
    assert item.selected == 2


def test_cancel_in_the_window_leaves_everything_as_it_was(clips: dict[str, str], tmp_path: Path) -> None:
    stage.write_settings(executable=str(install.command()), parameters={"smoothness": 0.61})
    world, _ = one_clip(clips)
    before = world.state()

    def user(window: Window) -> Event:
        return ("Close", "Clicked") if window.ID == "vstabTold" else ("Cancel", "Clicked")

    fusion = Fusion(user)
    stage.run_script(world, STABILIZE, fusion=fusion, bmd=fusion)
    assert fusion.seen[-1] == "cancelled"
    assert world.state() == before
    assert list((tmp_path / "results").iterdir()) == []


SLOW = """
import sys, json
if '--version' in sys.argv: print('vstab 0.1.0'); sys.exit()
print(json.dumps({'event': 'started', 'protocol': 1, 'stages': ['analyze']}), flush=True)
print(json.dumps({'event': 'progress', 'stage': 'analyze', 'frame': 1, 'frames': 9}), flush=True)
sys.stdin.read()
print(json.dumps({'event': 'error', 'code': 'cancelled', 'message': 'cancelled'}), flush=True)
sys.exit(130)
"""


def test_without_windows_deleting_the_progress_file_cancels(
    clips: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    stage.write_settings(executable=str(stage.program(tmp_path / "vstab", SLOW)))
    world, _ = one_clip(clips, (21, 0, 0), product=FREE)
    before, folder = world.state(), tmp_path / "config" / "vstab"
    told: list[Any] = []

    def pause(seconds: float) -> None:
        for file in folder.glob("resolve-progress-*.json"):
            told.append(json.loads(file.read_text()))
            file.unlink()

    monkeypatch.setattr("time.sleep", pause)
    stage.run_script(world, STABILIZE)
    assert told == [{"text": "a25.mp4 0: measuring", "fraction": pytest.approx(1 / 9)}]
    assert said(capsys).endswith("vstab: cancelled\n")
    assert world.state() == before


# ---- bad input


def broken(text: str) -> Callable[[World, Item, Path], None]:
    """Return a preparation whose `vstab` is a program of this text."""
    version = "import sys, os, json\nif '--version' in sys.argv: print('vstab 0.1.0'); sys.exit()\n"

    def prepare(world: World, item: Item, folder: Path) -> None:
        stage.write_settings(executable=str(stage.program(folder / "vstab", version + text)))

    return prepare


def change(**values: Any) -> Callable[[World, Item, Path], None]:
    """Return a preparation that sets clip properties."""
    return lambda world, item, folder: item.take.media.values.update(
        {key.replace("_", " "): values[key] for key in values}
    )


def world_with(**values: Any) -> Callable[[World, Item, Path], None]:
    return lambda world, item, folder: world.__dict__.update(values)


def item_with(**values: Any) -> Callable[[World, Item, Path], None]:
    return lambda world, item, folder: item.__dict__.update(values)


def settings_with(**values: Any) -> Callable[[World, Item, Path], None]:
    return lambda world, item, folder: stage.write_settings(**values)


def quirk(*names: str) -> Callable[[World, Item, Path], None]:
    return lambda world, item, folder: world.quirks.update(names)


def do(code: Callable[[World, Item, Path], object]) -> Callable[[World, Item, Path], None]:
    return lambda world, item, folder: (code(world, item, folder), None)[1]


def frozen(world: World, item: Item, folder: Path) -> None:
    item.take.speed = stage.Fraction(0)


def ramped(world: World, item: Item, folder: Path) -> None:
    item.take.first, item.take.end, item.duration, item.ramp = (
        stage.Fraction(12),
        stage.Fraction(24),
        8,
        stage.Fraction(2),
    )


def not_writable(world: World, item: Item, folder: Path) -> None:
    (folder / "file").write_text("")
    stage.write_settings(folder=str(folder / "file" / "results"))


def own_composition(world: World, item: Item, folder: Path) -> None:
    item.AddFusionComp()
    stage.write_settings(result="fusion")


def without_plugin(world: World, item: Item, folder: Path) -> None:
    world.plugins = set()
    stage.write_settings(result="fusion")


def no_clip_file(world: World, item: Item, folder: Path) -> None:
    (folder / "text.mp4").write_text("no video")
    item.take.media.values["File Path"] = str(folder / "text.mp4")


def retimed_without_speed(world: World, item: Item, folder: Path) -> None:
    item.take.speed = stage.Fraction(1, 2)
    world.quirks.add("takes lose speed")


def retimed_above(world: World, item: Item, folder: Path) -> None:
    item.take.speed = stage.Fraction(1, 2)
    stage.write_settings(result="above")


BAD: dict[str, tuple[Callable[[World, Item, Path], None], str]] = {
    "no project": (world_with(has_project=False), "no project is open"),
    "no timeline": (do(lambda world, *_: setattr(world.project, "timeline", None)), "no timeline is open"),
    "no clip": (do(lambda world, *_: setattr(world.timeline, "playhead", 0)), "no video clip under the playhead"),
    "offline media": (change(File_Path="/nowhere/a.mp4"), "is offline: there is no '/nowhere/a.mp4'"),
    "only the proxy": (change(File_Path="/nowhere/a.mp4", Proxy_Media_Path="/p.mov"), "its proxy is not used"),
    "offline in Resolve": (change(Online_Status="Offline"), "is offline in Resolve"),
    "compound clip": (change(Type="Compound", File_Path=""), "is a compound clip, made of other clips"),
    "multicam clip": (change(Type="Multicam", File_Path=""), "is a multicam clip"),
    "audio only": (item_with(kind="audio"), "has no picture"),
    "audio file": (change(Resolution=""), "has no picture"),
    "still": (change(Frames="1"), "is a still picture"),
    "generator": (item_with(takes=[], name="Text+"), "'Text+' has no file of its own"),
    "freeze frame": (frozen, "is a freeze frame"),
    "no source frames": (quirk("no source frames"), "timelines imported from XML"),
    "variable speed": (ramped, "has a variable speed"),
    "locked track": (do(lambda world, *_: setattr(world.timeline.tracks[0], "locked", True)), "unlock track 1"),
    "sequence of stills": (change(File_Path="/x/plate.[001-024].png"), "is a sequence of .png files"),
    "not writable": (not_writable, "cannot write into"),
    "vstab missing": (settings_with(executable="/nowhere/vstab"), "there is no vstab at '/nowhere/vstab'"),
    "no program": (do(lambda world, item, folder: (shutil.copy(__file__, folder / "vstab"),
                   stage.write_settings(executable=str(folder / "vstab")))), "could not be started"),
    "too old": (broken("") and do(lambda world, item, folder: stage.write_settings(executable=str(stage.program(
        folder / "vstab", "print('vstab 0.0.9')")))), "is vstab 0.0.9, too old"),
    "another program": (do(lambda world, item, folder: stage.write_settings(executable=str(stage.program(
        folder / "vstab", "print('hello')")))), "is not vstab"),
    "other protocol": (broken("print(json.dumps({'event': 'started', 'protocol': 2}), flush=True); sys.stdin.read()"),
                       "different versions"),
    "killed": (broken("os.kill(os.getpid(), 9)"), "ended from outside (signal 9)"),
    "no words": (broken("sys.exit('Illegal instruction')"), "with status 1 and no result: Illegal instruction"),
    "unknown parameter": (settings_with(parameters={"smoothnes": 0.5}), "did you mean --smoothness?"),
    "damaged clip": (no_clip_file, "text.mp4"),
    "damaged settings": (do(lambda world, item, folder: (folder / "config/vstab/resolve.json").write_text("{")),
                         "cannot be read"),
    "unknown setting": (settings_with(reslt="take"), "has an unknown name 'reslt'"),
    "unknown result": (settings_with(result="bake"), "must give result as one of take, above, fusion"),
    "import of nothing": (quirk("import nothing"), "does not import"),
    "no notes": (quirk("no notes"), "keeps no note"),
    "takes refused": (quirk("takes fail"), "AddTake refuses"),
    "takes without the speed": (retimed_without_speed, "a take does not keep the speed"),
    "above, retimed before 21.1": (retimed_above, "before Resolve 21.1 no script can set a speed"),
    "changed file": (change(Frames="48"), "has 24 frames and the original 48"),
    "own composition": (own_composition, "has a Fusion composition"),
    "no plug-in": (without_plugin, "vstab doctor --install-ofx"),
    "old Resolve": (do(lambda world, *_: setattr(world, "version", (18, 6, 6))), "need 19.0.2 or newer"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_explained_and_the_timeline_stays(
    case: str, clips: dict[str, str], tmp_path: Path, capsys: Any
) -> None:
    prepare, message = BAD[case]
    world, item = one_clip(clips)
    prepare(world, item, tmp_path)
    before = world.state()
    stage.run_script(world, STABILIZE)
    text = said(capsys)
    assert message in text
    assert "a fault of vstab's scripts" not in text
    assert world.state() == before
    assert world.rules.violations == []
    if case in ("changed file", "no notes"):  # a file that cannot be used does not stay in the bin
        assert [folder.clips for folder in world.project.pool.root.folders] == [[]]


def test_variable_speed_is_seen_in_21_1_too(clips: dict[str, str], capsys: Any) -> None:
    world, item = one_clip(clips, NEW)
    ramped(world, item, Path())
    stage.run_script(world, STABILIZE)
    assert "has a variable speed" in said(capsys)
    assert not item.is_selector


def test_a_fault_of_ours_is_kept_and_not_raised(clips: dict[str, str], tmp_path: Path, capsys: Any) -> None:
    world, item = one_clip(clips)
    item.duration = "12"  # type: ignore[assignment]
    stage.run_script(world, STABILIZE)
    assert "a fault of vstab's scripts: TypeError" in said(capsys)
    assert "Traceback" in (tmp_path / "config" / "vstab" / "resolve-fault.txt").read_text()


# ---- settings


def test_the_settings_window_checks_and_saves(clips: dict[str, str], tmp_path: Path) -> None:
    world, _ = one_clip(clips, NEW)
    values = ["1.5", "0.75"]

    def user(window: Window) -> Event | None:
        if window.ID != "vstabSettings":
            return ("Close", "Clicked")
        items = window.GetItems()
        assert items["border"].choices == ["crop", "black", "mirror", "fill"]
        items["smoothness"].Text = values.pop(0)
        items["lock"].CurrentText = "on"
        items["result"].CurrentText = "a clip on the track above"
        return ("Save", "Clicked")

    fusion = Fusion(user)
    stage.run_script(world, SETTINGS, fusion=fusion, bmd=fusion)
    assert "Smoothness must be 0 to 1; got '1.5'" in fusion.seen
    stored = json.loads((tmp_path / "config" / "vstab" / "resolve.json").read_text())
    assert stored["parameters"] == {"smoothness": 0.75, "lock": "on"}
    assert (stored["result"], stored["executable"]) == ("above", clips["program"])


def test_the_free_edition_has_no_windows_from_19_1_on(
    clips: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    opened = stage.program(tmp_path / "xdg-open", f"open({str(tmp_path / 'opened')!r}, 'w')")
    monkeypatch.setenv("PATH", str(opened.parent))
    world, _ = one_clip(clips, (20, 3, 0), product=FREE)

    def user(window: Window) -> Event:
        raise AssertionError("a window")

    stage.run_script(world, SETTINGS, fusion=Fusion(user), bmd=Fusion(user))
    assert "smoothness 0 to 1: How long the camera path is smoothed over" in said(capsys)


# ---- from outside


def test_every_clip_of_a_color_from_outside(
    clips: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    world, item = one_clip(clips, NEW)
    plain = world.timeline.place(item.take.media, at=20, first=0, duration=5)
    item.color = "Teal"
    modules = tmp_path / "Scripting" / "Modules"
    modules.mkdir(parents=True)
    (modules / "DaVinciResolveScript.py").write_text("found = {}\ndef scriptapp(name): return found.get(name)\n")
    monkeypatch.setenv("RESOLVE_SCRIPT_API", str(modules.parent))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "DaVinciResolveScript", raising=False)
    assert outside.main(["--color", "Teal"]) == 1
    assert "Resolve does not answer" in said(capsys)
    sys.modules["DaVinciResolveScript"].__dict__["found"]["Resolve"] = world.resolve
    assert outside.main(["--color", "Teal", "--timeline", "Timeline 1"]) == 0
    assert (item.selected, plain.is_selector) == (2, False)
    assert said(capsys).endswith("vstab: stabilized\n")
    assert outside.main(["--timeline", "Reel"]) == 1
    assert "no timeline 'Reel'; there are: Timeline 1" in said(capsys)
    assert outside.main(["--all", "--remove"]) == 0
    assert not item.is_selector
    assert world.rules.violations == []
    monkeypatch.delitem(sys.modules, "DaVinciResolveScript")


# ---- installing


def test_doctor_installs_and_removes_the_scripts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    folder = tmp_path / "It's Fusion"
    assert main(["doctor", "--install-resolve", str(folder)]) == 0
    assert "OpenFX plug-in" in capsys.readouterr().out
    scripts = sorted((folder / "Scripts" / "Utility").iterdir())
    assert [path.stem for path in scripts] == sorted([STABILIZE, STABILIZE_360, SELECTED, REMOVE, SETTINGS])
    assert f"sys.path.insert(0, {str(folder / 'vstab')!r})" in scripts[0].read_text()
    assert f"EXECUTABLE = {str(install.command())!r}" in (folder / "vstab/vstab_resolve/installed.py").read_text()
    mine = folder / "Scripts" / "Utility" / "mine.py"
    mine.write_text("")
    assert main(["doctor", "--install-resolve", str(folder)]) == 0  # again, over it
    capsys.readouterr()
    assert main(["doctor", "--uninstall-resolve", str(folder)]) == 0
    assert f"removed scripts: {folder / 'Scripts' / 'Utility'}" in capsys.readouterr().out
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["mine.py"]
    capsys.readouterr()
    assert main(["doctor", "--uninstall-resolve", str(folder)]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


@pytest.mark.parametrize(
    ("system", "ends"),
    [
        ("linux", "home/.local/share/DaVinciResolve/Fusion"),
        ("darwin", "home/Library/Application Support/Blackmagic Design/DaVinci Resolve/Fusion"),
        ("win32", "Roaming/Blackmagic Design/DaVinci Resolve/Support/Fusion"),
    ],
)
def test_each_system_has_its_folder(system: str, ends: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "Roaming"))
    monkeypatch.setattr(install, "sys", SimpleNamespace(platform=system))
    assert install.fusion_folder() == tmp_path / ends


# ---- the scripts themselves


def test_scripts_are_python_3_6_and_standard_library_alone() -> None:
    for path in [*install.SCRIPTS, *(install.SOURCES / install.LIBRARY).glob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, *_RESOLVES_OWN}, path
            assert not isinstance(node, ast.NamedExpr | ast.AnnAssign), path


def test_the_library_works_in_the_oldest_python_at_hand(clips: dict[str, str], tmp_path: Path) -> None:
    for minor in range(6, sys.version_info.minor):
        python = shutil.which(f"python3.{minor}")
        if python and subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0:
            break
    else:
        pytest.skip("there is no Python older than the one that runs the tests")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from vstab_resolve import files, job, locate, menu, progress, settings_window\n"
        "show = progress.Console()\n"
        "program = locate.find_checked(sys.argv[2])\n"
        "source, output = files.Source(sys.argv[3]), sys.argv[4]\n"
        "steps = job.render(program, source, output, output + '.vstab', '', {}, False, show)\n"
        "show.run(steps)\n"
        "menu.run('stabilize', {})\n"
    )
    output = tmp_path / "out.mp4"
    words = [python, "-c", code, str(Path(clips["fusion"], "vstab")), clips["program"], clips["25"], str(output)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert "a script for Resolve's menu Workspace > Scripts" in done.stdout.splitlines()[-1], done.stdout
    assert stage.numbers_in(str(output)) == list(range(stage.COUNT))


_RESOLVES_OWN = ("DaVinciResolveScript", "vstab_resolve")


def test_the_fake_allows_only_what_is_documented(clips: dict[str, str]) -> None:
    world, _ = one_clip(clips)
    timeline = world.resolve.GetProjectManager().GetCurrentProject().GetCurrentTimeline()
    (item,) = timeline.GetItemListInTrack("video", 1)
    assert item.Razor() is None  # Resolve makes up a callable
    assert item.GetSpeed() is None
    assert timeline.GetSelectedClips() is None
    for call in (
        lambda: item.AddTake(),
        lambda: item.AddTake("file.mp4", 1, 2),
        lambda: item.AddTake(item.GetMediaPoolItem(), 1.5, 2),
        lambda: timeline.GetItemListInTrack("video"),
        lambda: timeline.GetMarkers(),
    ):
        with pytest.raises(TypeError):
            call()
    assert len(world.rules.violations) == 8
    world.rules.closed = True
    with pytest.raises(TypeError, match="after Resolve was closed"):
        item.GetName()
    new, _ = one_clip(clips, NEW)
    timeline = new.resolve.GetProjectManager().GetCurrentProject().GetCurrentTimeline()
    assert timeline.GetSetting("timelineFrameRate") is None  # deprecated in 21.1
    pool = new.resolve.GetProjectManager().GetCurrentProject().GetMediaPool()
    assert [media.GetName() for media in pool.ImportMedia([{"FilePath": clips["60"]}])] == ["e60.mp4"]
    with pytest.raises(TypeError):
        pool.GetRootFolder().GetClipList()[0].GetClipProperty("FPS")
