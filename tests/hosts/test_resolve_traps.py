"""What editions, systems and users do to Resolve's scripts that no documentation promises."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from resolve_scripts import __main__ as outside
from resolve_scripts import install
from resolve_scripts.vstab_resolve import api, files, progress, settings_window
from tests.hosts import resolve_stage as stage
from tests.hosts.resolve_fake import Timeline, World
from tests.hosts.resolve_stage import NEW, OLD, REMOVE, SETTINGS, STABILIZE, numbers, one_clip, said
from tests.hosts.resolve_windows import Event, Fusion, Window
from vstab_core.errors import OutputError

# ---- Resolve


@pytest.mark.parametrize("result", ["take", "above"])
def test_a_clip_that_answers_nothing_after_an_edit_is_waited_for(clips: dict[str, str], result: str) -> None:
    world, _ = one_clip(clips, NEW, "nil after edit")
    for chosen in ("take", "above", result):  # each replaces the one before
        stage.write_settings(result=chosen)
        stage.run_script(world, STABILIZE)
    assert numbers(world) == [("a25_stabilized.mp4", number) for number in range(5, 17)]
    assert [len(track.items) for track in world.timeline.tracks] == [1] * (1 + (result == "above"))
    assert world.rules.violations == []


def test_a_track_of_ours_that_answers_nothing_is_not_taken_for_empty(clips: dict[str, str]) -> None:
    world, item = one_clip(clips, OLD, "nil after edit")
    second = world.timeline.place(item.take.media, at=20, first=0, duration=5)
    stage.write_settings(result="above")
    for each in (item, second):
        world.timeline.playhead = each.start
        stage.run_script(world, STABILIZE)
    assert [len(track.items) for track in world.timeline.tracks] == [2, 2]
    stage.run_script(world, REMOVE)
    assert [len(track.items) for track in world.timeline.tracks] == [2, 1]


def test_a_take_that_cannot_be_removed_does_not_become_the_clip(clips: dict[str, str], capsys: Any) -> None:
    world, item = one_clip(clips, OLD, "takes stay", "takes lose speed")
    item.take.speed = stage.Fraction(1, 2)
    stage.run_script(world, STABILIZE)
    assert "does not remove a take" in said(capsys)
    assert item.is_selector  # nothing was baked
    assert (item.selected, item.takes[0].media.path) == (1, clips["25"])
    assert len(item.takes) == 2


def test_removing_needs_the_original(clips: dict[str, str], capsys: Any) -> None:
    world, item = one_clip(clips)
    stage.run_script(world, STABILIZE)
    del item.takes[0]  # by the user, in the take selector
    item.selected = 1
    before = world.state()
    stage.run_script(world, REMOVE)
    assert "the original is no longer among the takes" in said(capsys)
    assert world.state() == before


def test_our_new_take_stays_selected_when_the_older_goes(clips: dict[str, str]) -> None:
    world, _ = one_clip(clips, OLD, "selection moves")
    stage.run_script(world, STABILIZE)
    stage.write_settings(parameters={"smoothness": 0.9})
    stage.run_script(world, STABILIZE)
    assert {name for name, _ in numbers(world)} == {"a25_stabilized-2.mp4"}


def test_a_clip_above_that_cannot_be_deleted_is_said(clips: dict[str, str], capsys: Any) -> None:
    world, _ = one_clip(clips)
    stage.write_settings(result="above")
    stage.run_script(world, STABILIZE)
    world.quirks.add("delete fails")
    stage.run_script(world, REMOVE)
    assert "does not delete the clip on the track 'vstab'" in said(capsys)


def test_one_mark_alone_is_no_fault(clips: dict[str, str], capsys: Any) -> None:
    world, item = one_clip(clips)
    item.take.media.marks = {"video": {"in": 3}}
    stage.run_script(world, STABILIZE)
    assert said(capsys).endswith("vstab: stabilized\n")


def test_a_rate_of_the_user_is_set_as_resolve_writes_it(clips: dict[str, str]) -> None:
    world = World(stage.facts_of, NEW, rate="30")
    world.timeline.place(world.add(clips["60"], FPS="30"), at=0, first=5, duration=12)
    stage.run_script(world, STABILIZE)
    (made,) = world.project.pool.root.folders[0].clips
    assert made.values["FPS"] == "30"  # GetClipProperty tells 30.0


def test_nothing_gets_into_the_bins_of_another_project(
    clips: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    world, _ = one_clip(clips)
    monkeypatch.setattr("time.sleep", lambda seconds: setattr(world.project, "id", "another"))  # while vstab runs
    stage.run_script(world, STABILIZE)
    assert "another project was opened" in said(capsys)
    assert world.project.pool.root.folders == []


@pytest.mark.parametrize("clip", ["25", "exr"])
def test_a_result_that_was_deleted_from_the_disk_is_rendered_again(
    clips: dict[str, str], clip: str, capsys: Any
) -> None:
    world = World(stage.facts_of, OLD, quirks=("import once",))
    item = world.timeline.place(world.add(clips[clip]), at=0, first=5, duration=12)
    stage.run_script(world, STABILIZE)
    rendered = Path(item.takes[1].media.path)
    shutil.rmtree(rendered.parent)
    stage.run_script(world, STABILIZE)
    assert said(capsys).endswith("vstab: stabilized\n")
    assert len(item.takes) == 2
    assert [number for _, number in numbers(world)] == list(range(5, 17))
    assert len(world.project.pool.root.folders[0].clips) == 1


def test_a_fault_of_ours_on_one_clip_does_not_stop_the_others(clips: dict[str, str], capsys: Any) -> None:
    world, item = one_clip(clips, NEW)
    second = world.timeline.place(world.add(clips["60"]), at=30, first=0, duration=5)
    world.timeline.chosen = [item, second]
    item.duration = "12"  # type: ignore[assignment]
    stage.run_script(world, stage.SELECTED)
    text = said(capsys)
    assert "a fault of vstab's scripts: TypeError" in text
    assert "1 of 2 clips stabilized" in text
    assert second.selected == 2


def test_removing_in_a_timeline_that_is_not_open(clips: dict[str, str], capsys: Any) -> None:
    world, _ = one_clip(clips)
    stage.write_settings(result="above")
    stage.run_script(world, STABILIZE)
    world.timeline.name = "Reel 3"
    elsewhere = Timeline(world)
    world.project.timelines.append(elsewhere)
    world.project.timeline = elsewhere
    assert outside.main(["--all", "--timeline", "Reel 3", "--remove"], world.resolve) == 0, said(capsys)
    assert [len(track.items) for track in world.timeline.tracks] == [1]
    assert world.project.timeline is elsewhere


@pytest.mark.parametrize("lacks", ["UIManager", "bmd"])
def test_without_uimanager_the_console_is_used(clips: dict[str, str], lacks: str, capsys: Any) -> None:
    world, item = one_clip(clips)
    fusion = SimpleNamespace(UIManager=None) if lacks == "UIManager" else Fusion(lambda window: None)
    stage.run_script(world, STABILIZE, fusion=fusion, bmd=None if lacks == "bmd" else fusion)
    assert said(capsys).endswith("vstab: stabilized\n")
    assert item.selected == 2


def test_the_outcome_of_many_clips_fits_its_window(clips: dict[str, str]) -> None:
    world, item = one_clip(clips, NEW)
    titles = [world.timeline.place(None, at=20 + 5 * number, first=0, duration=5) for number in range(20)]
    world.timeline.chosen = [item, *titles]

    def user(window: Window) -> Event | None:
        return ("Close", "Clicked") if window.ID == "vstabTold" else None

    fusion = Fusion(user)
    stage.run_script(world, stage.SELECTED, fusion=fusion, bmd=fusion)
    assert fusion.seen[-1].splitlines()[-1] == "and 13 more, on the console"
    assert len(fusion.seen[-1].splitlines()) == 9


@pytest.mark.parametrize(
    ("text", "rate"),
    [("23,976", "24000/1001"), ("59.94 DF", "60000/1001"), (29.97, "30000/1001"), (25.0, "25"), ("12.5", "25/2")],
)
def test_rates_are_exact_however_they_are_written(text: object, rate: str) -> None:
    assert str(api.exact_rate(text)) == rate


# ---- results


def test_a_parameter_set_back_to_its_default_reaches_the_sidecar(clips: dict[str, str]) -> None:
    world, item = one_clip(clips)
    for parameters in ({"smoothness": 0.2}, {}):  # vstab Settings leaves defaults out
        stage.write_settings(result="fusion", parameters=parameters)
        stage.run_script(world, STABILIZE)
    tool = item.comps["vstab"].FindTool("vstab1")
    assert tool is not None
    stored = json.loads(stage.output_of("info", tool.inputs["sidecar"], "--json"))
    assert stored["parameters"]["smoothness"] == 0.5


def test_analyses_have_names_that_a_disk_takes(tmp_path: Path) -> None:
    source = files.Source(str(tmp_path / "plate.[1-9].exr"))
    parameters = {"fps": "24000/1001", "input_space": "S-Gamut3.Cine/S-Log3"}
    path = Path(source.analysis("", parameters, False))
    assert (path.parent, path.name) == (tmp_path, "plate.01d.exr.S-Gamut3.Cine-S-Log3.24000-1001.vstab")


def test_another_color_space_is_analyzed_anew() -> None:
    source = files.Source("/card/a.mov")
    names = {source.analysis("", {"input_space": space}, False) for space in ("auto", "ARRI LogC4", "ARRI LogC3")}
    assert len(names) == 3


def test_brackets_and_percents_in_names(tmp_path: Path) -> None:
    movie = tmp_path / "take[1-3].mov"
    movie.touch()
    assert files.Source(str(movie)).numbers is None
    shot = files.Source(str(tmp_path / "50% done" / "plate.[0998-1002].exr"))
    assert shot.first_file == str(tmp_path / "50% done" / "plate.0998.exr")
    assert shot.path == str(tmp_path / "50% done" / "plate.%04d.exr")
    assert shot.result("") == str(tmp_path / "50% done" / "plate_stabilized" / "plate.%04d.exr")


FULL_DISK = """
import sys, json
if '--version' in sys.argv: print('vstab 0.1.0'); sys.exit()
print(json.dumps({'event': 'error', 'code': 'output', 'message': "cannot write '/card/a_stabilized.mp4'"}))
"""


def test_a_card_that_is_read_only_leads_to_the_settings(clips: dict[str, str], tmp_path: Path, capsys: Any) -> None:
    stage.write_settings(executable=str(stage.program(tmp_path / "vstab", FULL_DISK)))
    world, _ = one_clip(clips)
    stage.run_script(world, STABILIZE)
    assert "cannot write '/card/a_stabilized.mp4'; or choose another folder in vstab Settings" in said(capsys)


# ---- settings


def write_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "config" / "vstab" / "resolve.json").write_bytes(text.encode())


def test_settings_of_a_text_editor_with_a_byte_order_mark(clips: dict[str, str], tmp_path: Path, capsys: Any) -> None:
    world, _ = one_clip(clips)
    stored = {"executable": clips["program"], "folder": "~/renders"}
    os.environ["HOME"], home = str(tmp_path), os.environ["HOME"]
    try:
        write_text(tmp_path, "\ufeff" + json.dumps(stored))
        stage.run_script(world, STABILIZE)
    finally:
        os.environ["HOME"] = home
    assert said(capsys).endswith("vstab: stabilized\n")
    assert [path.name for path in (tmp_path / "renders").glob("*.mp4")] == ["a25_stabilized.mp4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (r'{"folder": "D:\Stab"}', "a backslash in a path must be doubled"),
        (r'{"folder": "D:\renders"}', r"folder must be a path with / or \\ in the place of each \;"),
        ('{"folder": "renders"}', "folder must be a full path; got 'renders'"),
    ],
)
def test_paths_in_the_settings_file(
    text: str, message: str, clips: dict[str, str], tmp_path: Path, capsys: Any
) -> None:
    world, _ = one_clip(clips)
    write_text(tmp_path, text)
    stage.run_script(world, STABILIZE)
    assert message in said(capsys)


def test_numbers_as_users_write_them() -> None:
    row = {"name": "strength", "label": "Strength", "default": 1.0, "minimum": 0.0, "maximum": 1.0}
    assert settings_window.check({"strength": "0,8"}, [row]) == {"strength": 0.8}
    assert settings_window.check({"strength": "1"}, [row]) == {}
    for text in ("inf", "nan", "1,5"):
        with pytest.raises(settings_window.Refused, match=f"Strength must be 0 to 1; got '{text}'"):
            settings_window.check({"strength": text}, [row])


def test_the_settings_window_fits_a_laptop(clips: dict[str, str]) -> None:
    world, _ = one_clip(clips, NEW)
    seen = []

    def user(window: Window) -> Event:
        seen.append(window.geometry)
        window.GetItems().get("folder", SimpleNamespace()).Text = "renders"
        return ("Close", "Clicked") if len(seen) > 1 else ("Save", "Clicked")

    fusion = Fusion(user)
    stage.run_script(world, SETTINGS, fusion=fusion, bmd=fusion)
    left, top, width, height = seen[0]
    assert left + width <= 1280
    assert top + height <= 760
    assert "Folder of results must be a full path; got 'renders'" in fusion.seen


def test_a_lost_vstab_can_be_corrected_in_the_settings(clips: dict[str, str], tmp_path: Path) -> None:
    world, _ = one_clip(clips, NEW)
    stage.write_settings(executable="/nowhere/vstab", parameters={"smoothness": 0.7})

    def user(window: Window) -> Event:
        window.GetItems()["executable"].Text = clips["program"]
        return ("Save", "Clicked")

    fusion = Fusion(user)
    stage.run_script(world, SETTINGS, fusion=fusion, bmd=fusion)
    assert any("there is no vstab at '/nowhere/vstab'" in text for text in fusion.seen)
    stored = json.loads((tmp_path / "config" / "vstab" / "resolve.json").read_text())
    assert (stored["executable"], stored["parameters"]) == (clips["program"], {"smoothness": 0.7})


def test_saving_keeps_what_the_window_does_not_show(clips: dict[str, str], tmp_path: Path) -> None:
    world, _ = one_clip(clips, NEW)
    stage.write_settings(parameters={"missing_frames": "skip", "smoothness": 0.7})
    fusion = Fusion(lambda window: ("Save", "Clicked"))
    stage.run_script(world, SETTINGS, fusion=fusion, bmd=fusion)
    stored = json.loads((tmp_path / "config" / "vstab" / "resolve.json").read_text())
    assert stored["parameters"] == {"missing_frames": "skip", "smoothness": 0.7}


def test_colors_in_small_letters(clips: dict[str, str]) -> None:
    world, item = one_clip(clips)
    item.color = "Teal"
    stage.write_settings(color="teal")
    stage.run_script(world, stage.SELECTED)
    assert item.selected == 2
    assert outside.main(["--color", "teal", "--remove"], world.resolve) == 0
    assert not item.is_selector


# ---- the console, the system


def test_names_that_the_console_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
    progress.say("Straße 渋谷.mp4")
    assert written.getvalue() == b"vstab: Stra\\xdfe \\u6e0b\\u8c37.mp4\n"


def test_installed_files_are_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Jörg's \\Fusion"
    monkeypatch.setattr(install, "command", lambda: Path("C:\\Users\\Jörg\\vstab.exe"))
    install.install(folder)
    for path in folder.rglob("*.py"):
        path.read_text(encoding="ascii")
    script = (folder / "Scripts" / "Utility" / f"{REMOVE}.py").read_text(encoding="ascii")
    names: dict[str, Any] = {}
    exec(script.partition("import vstab_resolve")[0], names)
    assert names["sys"].path.pop(0) == str((folder / "vstab").resolve())


def test_a_vstab_of_pip_install_user_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "lib" / "bin" / ("vstab.exe" if os.name == "nt" else "vstab")
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "system" / "python3"))
    monkeypatch.setattr("sysconfig.get_path", lambda name, scheme="": str(tmp_path / ("lib/bin" if scheme else "no")))
    assert install.command() == program
    program.unlink()
    with pytest.raises(OutputError, match="there is no command vstab in "):
        install.command()


# ---- from outside


def test_a_second_run_by_color_finds_the_originals_below(clips: dict[str, str], tmp_path: Path, capsys: Any) -> None:
    world, item = one_clip(clips)
    item.color = "Teal"
    words = ["--color", "Teal", "--result", "above"]
    for more in ([], ["--set", "smoothness=0.9"]):
        assert outside.main(words + more, world.resolve) == 0, said(capsys)
        assert [len(track.items) for track in world.timeline.tracks] == [1, 1]
    assert outside.main(["--color", "Teal", "--remove"], world.resolve) == 0, said(capsys)
    assert [len(track.items) for track in world.timeline.tracks] == [1]
    assert world.rules.violations == []


def test_a_folder_from_the_command_line_is_where_the_user_stands(
    clips: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, item = one_clip(clips)
    monkeypatch.chdir(tmp_path)
    assert outside.main(["--folder", "renders"], world.resolve) == 0
    assert item.takes[1].media.path == str(tmp_path / "renders" / "a25_stabilized.mp4")
    shutil.rmtree(tmp_path / "renders")
