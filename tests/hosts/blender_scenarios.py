"""What happens inside Blender: `python blender_scenarios.py NAME FOLDER`, one scenario a process.

FOLDER holds clips and `setup.json` (zip, vstab); pictures are left in it for the test to judge.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import blender_stage as at

FOLDER = Path(sys.argv[2])
SETUP = json.loads((FOLDER / "setup.json").read_text())
CLIP = str(FOLDER / "walk.mkv")
FRAMES = 50


def start(**settings: Any) -> Any:
    """Install, and return an empty scene."""
    at.install(SETUP["zip"], SETUP["vstab"])
    return at.stage(**settings)


def results() -> None:
    """Both results, judged by the test."""
    scene = start()
    strip = at.add_movie(scene, CLIP)
    at.render(scene, FOLDER / "before", range(1, FRAMES + 1))
    assert bpy.ops.vstab.stabilize_strip() == {"FINISHED"}
    assert Path(strip.filepath).name == "walk_stabilized.mkv"
    assert at.record(strip)["source"] == CLIP
    at.render(scene, FOLDER / "render", range(1, FRAMES + 1))
    scene.vstab.rolling_shutter = "off"
    assert bpy.ops.vstab.stabilize_strip(result="KEYFRAMES") == {"FINISHED"}
    assert strip.filepath == CLIP
    at.render(scene, FOLDER / "keyframes", range(1, FRAMES + 1))


def trimmed(scene: Any, start: int) -> Any:
    strip = at.add_movie(scene, CLIP, "trimmed", start - 4)
    strip.frame_offset_start, strip.frame_offset_end = 7, 9
    return strip


def placed(scene: Any, start: int) -> Any:
    strip = at.add_movie(scene, CLIP, "placed", start)
    own = strip.transform
    own.offset_x, own.offset_y, own.rotation, own.scale_x, own.scale_y = 20.0, -12.0, 0.35, 1.3, 1.3
    own.origin = (0.3, 0.7)
    return strip


def mirrored(scene: Any, start: int) -> Any:
    strip = at.add_movie(scene, CLIP, "mirrored", start)
    strip.use_flip_x = True
    strip.transform.rotation = -0.2
    return strip


def frame_for_frame(scene: Any, start: int) -> Any:
    return at.add_movie(scene, CLIP, "frame_for_frame", start)


def at_its_own_rate(scene: Any, start: int) -> Any:
    return at.add_through_operator(scene, CLIP, "at_its_own_rate", start, adjust_playback_rate=True)


def at_its_own_rate_and_trimmed(scene: Any, start: int) -> Any:
    strip = at_its_own_rate(scene, start)
    strip.name = "at_its_own_rate_and_trimmed"
    strip.frame_offset_start = 6
    return strip


def fitted(scene: Any, start: int) -> Any:
    return at.add_through_operator(scene, CLIP, "fitted", start, adjust_playback_rate=False, fit_method="FIT")


def backwards(scene: Any, start: int) -> Any:
    strip = at.add_movie(scene, CLIP, "backwards", start)
    strip.use_reverse_frames = True
    return strip


def cut_for_good(scene: Any, start: int) -> Any:
    strip = at.add_movie(scene, CLIP, "cut_for_good", start)
    strip.animation_offset_start, strip.animation_offset_end = 5, 3
    return strip


def strobing(scene: Any, start: int) -> Any:
    strip = at.add_movie(scene, CLIP, "strobing", start)
    strip.strobe = 3
    return strip


def under_an_effect(scene: Any, start: int) -> Any:
    strip = at.add_movie(scene, CLIP, "under_an_effect", start)
    length = {"frame_end": start + FRAMES} if bpy.app.version < (5, 0, 0) else {"length": FRAMES}
    first = {"seq1": strip} if bpy.app.version < (4, 5, 0) else {"input1": strip}
    blur = at.strips_of(scene.sequence_editor).new_effect("blur", "GAUSSIAN_BLUR", 3, start, **length, **first)
    blur.size_x = blur.size_y = 1.0
    return strip


def in_a_meta_strip(scene: Any, start: int) -> Any:
    strip = at.add_movie(scene, CLIP, "in_a_meta_strip", start)
    at.make_meta(scene, strip)
    return strip


# width, height, rate of the scene, and the strips in it one after the other
SCENES = (
    (224, 126, 30, (trimmed, placed, mirrored, backwards, cut_for_good, strobing, under_an_effect, in_a_meta_strip)),
    (224, 126, 24, (frame_for_frame, at_its_own_rate, at_its_own_rate_and_trimmed)),
    (400, 240, 30, (fitted,)),
)


def placements() -> None:
    """Every way to place a strip: pictures before, of the file, of the keyframes, and after these are removed."""
    at.install(SETUP["zip"], SETUP["vstab"])
    for width, height, rate, places in SCENES:
        scene = at.stage(width, height, rate)
        scene.vstab.rolling_shutter = "off"
        movies = [place(scene, 1 + 100 * number) for number, place in enumerate(places)]
        at.select(scene, *[strip.parent_meta() or strip for strip in movies])
        span = {strip.name: (strip.frame_final_start, strip.frame_final_end) for strip in movies}

        photograph(scene, movies, "before")
        for result in ("RENDER", "KEYFRAMES"):
            assert bpy.ops.vstab.stabilize_strip(result=result) == {"FINISHED"}
            assert span == {strip.name: (strip.frame_final_start, strip.frame_final_end) for strip in movies}
            photograph(scene, movies, result.lower())
        bpy.ops.vstab.remove_stabilization()
        photograph(scene, movies, "removed")


def corner_pin() -> None:
    """The third result, from Blender 5.2 on: as `placements`, of a clip with perspective; compared, moved, removed."""
    at.install(SETUP["zip"], SETUP["vstab"])
    if bpy.app.version < (5, 2, 0):
        scene = at.stage()
        at.add_movie(scene, CLIP)
        try:
            bpy.ops.vstab.stabilize_strip(result="CORNERS")
        except TypeError:  # no such choice
            return
        raise AssertionError("a corner pin was made, which crashes here")
    os.replace(FOLDER / "tilted.mkv", CLIP)
    for width, height, rate, places in SCENES:
        scene = at.stage(width, height, rate)
        scene.vstab.rolling_shutter, scene.vstab.model = "off", "homography"
        movies = [place(scene, 1 + 100 * number) for number, place in enumerate(places)]
        at.select(scene, *[strip.parent_meta() or strip for strip in movies])
        photograph(scene, movies, "before")
        for result in ("RENDER", "CORNERS"):
            assert bpy.ops.vstab.stabilize_strip(result=result) == {"FINISHED"}
            photograph(scene, movies, result.lower())
        bpy.ops.vstab.compare()
        photograph(scene, movies, "compared")
        bpy.ops.vstab.compare()
        for strip in movies:
            if strip.parent_meta() is None and strip.name != "under_an_effect":
                strip.frame_start += 1000.0  # keys move along
        photograph(scene, movies, "later")
        bpy.ops.vstab.remove_stabilization()
        photograph(scene, movies, "removed")
        assert not any(len(strip.modifiers) for strip in movies)
        assert at.curves_left(scene) == 0
        assert not bpy.data.node_groups


def photograph(scene: Any, movies: list[Any], kind: str) -> None:
    for strip in movies:
        frames = range(int(strip.frame_final_start), int(strip.frame_final_end), 11)
        at.render(scene, FOLDER / strip.name / kind, frames)


def comes_back() -> None:
    """Save, open again, solve again with another path and without a new analysis; compare; remove."""
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "project.blend"))
    scene = start()
    at.add_movie(scene, "//walk.mkv")
    for result in ("RENDER", "KEYFRAMES", "ABOVE", *(["CORNERS"] if bpy.app.version >= (5, 2, 0) else [])):
        scene = bpy.context.scene
        strip = at.strips_of(scene.sequence_editor)["walk"]
        at.select(scene, strip)
        looks = at.look_of(scene, strip)
        scene.vstab.smoothness = 0.5
        bpy.ops.vstab.stabilize_strip(result=result)
        bpy.ops.wm.save_mainfile()
        bpy.ops.wm.open_mainfile(filepath=str(FOLDER / "project.blend"))
        scene = bpy.context.scene
        strip = at.strips_of(scene.sequence_editor)["walk"]
        at.select(scene, strip)
        steady = at.shown(scene, strip)
        scene.vstab.smoothness = 0.1
        words = at.words_of(lambda: bpy.ops.vstab.resolve_strip(), FOLDER)
        assert "analyze" not in words, words
        assert at.record(strip)["result"] == result
        loose = at.shown(scene, strip)
        assert loose != steady
        assert at.record(strip)["parameters"]["smoothness"] == 0.1
        if result == "RENDER":
            assert strip.filepath.startswith("//walk_stabilized"), strip.filepath
        if result == "RENDER":  # the project in another folder: relative paths are others there
            (FOLDER / "moved").mkdir()
            bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "moved" / "project.blend"))
            assert strip.filepath.startswith("//../walk_stabilized"), strip.filepath
            bpy.ops.vstab.compare()
            assert strip.filepath == "//../walk.mkv"
            bpy.ops.vstab.compare()
            bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "project.blend"))
        bpy.ops.vstab.compare()
        assert at.shown(scene, strip) == looks["shown"]
        bpy.ops.vstab.compare()
        assert at.shown(scene, strip) == loose
        scene.vstab.smoothness = 0.5
        bpy.ops.vstab.load_parameters()
        assert abs(scene.vstab.smoothness - 0.1) < 1e-6
        bpy.ops.vstab.remove_stabilization()
        assert at.look_of(scene, strip) == looks
        bpy.ops.wm.save_mainfile()


def colours() -> None:
    """The colour space of the strip and the view transform change nothing in the file, nor the file the colours."""
    scene = start()
    scene.view_settings.view_transform = "AgX"
    strip = at.add_movie(scene, CLIP)
    strip.colorspace_settings.name = "Filmic sRGB" if "Filmic sRGB" in at.colour_spaces(strip) else "Linear Rec.709"
    chosen = strip.colorspace_settings.name
    scene.vstab.strength = 0.0
    scene.vstab.zoom = "none"
    scene.vstab.border = "black"
    at.render(scene, FOLDER / "before", range(1, 5))
    bpy.ops.vstab.stabilize_strip(result="RENDER")
    assert strip.colorspace_settings.name == chosen
    at.render(scene, FOLDER / "render", range(1, 5))


def pieces() -> None:
    """Two pieces of a clip and a third strip of another file: two jobs, and each piece shows the one file."""
    scene = start()
    first, second = at.add_movie(scene, CLIP), at.add_movie(scene, CLIP, "second", channel=2)
    first.frame_offset_end, second.frame_offset_start = 30, 20
    other = at.add_movie(scene, str(FOLDER / "other.mkv"), "other", channel=3)
    at.select(scene, first, second, other)
    words = at.words_of(lambda: bpy.ops.vstab.stabilize_strip(result="RENDER", preset="WALKING"), FOLDER)
    assert words.count("stabilize") == 2, words
    assert first.filepath == second.filepath == str(FOLDER / "walk_stabilized.mkv")
    assert other.filepath == str(FOLDER / "other_stabilized.mkv")
    assert at.record(other)["parameters"]["smoothness"] == 0.7
    at.select(scene, second)
    bpy.ops.vstab.resolve_strip()
    assert second.filepath == str(FOLDER / "walk_stabilized-2.mkv"), "the other piece still shows the first file"
    folder = FOLDER / "out"
    at.preferences().where, at.preferences().folder = "FOLDER", str(folder)
    at.select(scene, other)
    bpy.ops.vstab.stabilize_strip(result="RENDER")
    assert other.filepath == str(folder / "other_stabilized.mkv")
    at.preferences().keep_analysis = False
    bpy.ops.vstab.resolve_strip()
    assert [path.suffix for path in folder.iterdir()].count(".vstab") == 0
    at.preferences().delete_on_remove = True
    bpy.ops.vstab.remove_stabilization()
    assert not (folder / "other_stabilized-2.mkv").exists()


def bad_input() -> None:
    """Every refusal in words, and the strip as it was."""
    scene = start()
    stabilize = bpy.ops.vstab.stabilize_strip
    assert "select a movie strip first" in at.refused(stabilize)
    editor = at.strips_of(scene.sequence_editor)
    image = editor.new_image("still", str(FOLDER / "still.png"), 5, 1)
    at.select(scene, image)
    assert "'still' is an image strip" in at.refused(stabilize)
    at.select(scene, editor.new_scene("scene", bpy.data.scenes.new("other"), 6, 1))
    assert "is a scene strip" in at.refused(stabilize)
    at.select(scene, editor.new_meta("empty", 7, 1))
    assert "holds no movie strip" in at.refused(stabilize)
    gone = at.add_movie(scene, str(FOLDER / "gone.mkv"), "gone", channel=8)
    assert "missing" in at.refused(stabilize)
    assert not at.is_stabilized(gone)

    strip = at.add_movie(scene, CLIP)
    own = at.preferences()
    own.where, own.folder = "FOLDER", "//stabilized"
    assert "not saved yet" in at.refused(stabilize, result="RENDER")
    own.folder = str(FOLDER / "walk.mkv" / "below")
    assert "cannot be made" in at.refused(stabilize, result="RENDER")
    own.where = "BESIDE"
    own.program = "/nowhere/vstab"
    assert "there is no vstab at '/nowhere/vstab'" in at.refused(stabilize)
    own.program = at.stand_in(FOLDER, "old", 'echo \'{"vstab": "0.0.9", "event": "started", "protocol": 1}\'')
    assert "too old" in at.refused(stabilize)
    assert "too old" in at.refused(bpy.ops.vstab.test_installation)
    own.program = at.stand_in(FOLDER, "dying", "kill -9 $$")
    assert "SIGKILL" in at.refused(stabilize)
    own.program = at.stand_in(FOLDER, "full", f'ulimit -f 8; exec {SETUP["vstab"]} "$@"')
    assert "File too large" in at.refused(stabilize, result="RENDER")
    assert not list(FOLDER.glob(".*partial*"))
    assert not at.is_stabilized(strip)
    assert strip.filepath == CLIP
    own.program = SETUP["vstab"]

    access, os.access = os.access, lambda path, mode: path != str(FOLDER) and access(path, mode)  # as for no root
    assert "cannot be written to" in at.refused(stabilize, result="RENDER")
    present = set(os.listdir(FOLDER))
    assert stabilize(result="KEYFRAMES") == {"FINISHED"}, "a card that is read only is no hindrance"
    assert set(os.listdir(FOLDER)) == present
    bpy.ops.vstab.remove_stabilization()
    os.access = access

    assert bpy.ops.vstab.test_installation() == {"FINISHED"}
    assert "not stabilized" in at.refused(bpy.ops.vstab.resolve_strip)
    strip.transform.keyframe_insert("offset_x", frame=1)
    assert "animated already" in at.refused(stabilize, result="KEYFRAMES")
    scene.animation_data_clear()
    with_retiming = at.add_movie(scene, CLIP, "retimed", channel=9)
    at.retime(scene, with_retiming)
    assert "retimed" in at.refused(stabilize, result="KEYFRAMES")
    assert stabilize(result="RENDER") == {"FINISHED"}

    at.select(scene, strip)
    for result in ("RENDER", "KEYFRAMES"):
        stabilize(result=result)
        os.replace(FOLDER / "other.mkv", FOLDER / "spare.mkv")
        os.replace(CLIP, FOLDER / "other.mkv")
        os.replace(FOLDER / "spare.mkv", CLIP)
        assert "changed since it was analyzed" in at.refused(bpy.ops.vstab.resolve_strip)
        assert stabilize(result=result) == {"FINISHED"}
    assert at.record(strip)["result"] == "KEYFRAMES"

    stabilize(result="RENDER")
    strip.filepath = str(FOLDER / "other.mkv")  # the user's own choice since
    bpy.ops.vstab.remove_stabilization()
    assert strip.filepath == str(FOLDER / "other.mkv")

    from bl_ext.user_default.vstab import jobs

    run = jobs.run_to_end
    at.select(scene, with_retiming)

    def run_and_lose(job: Any) -> None:
        run(job)
        editor.remove(with_retiming)

    jobs.run_to_end = run_and_lose
    assert "deleted or renamed" in at.refused(stabilize, result="RENDER")


def other_clips() -> None:
    """A clip of uneven rate: both results; one that its file turns: upright where Blender turns it too, else told."""
    scene = start()
    scene.vstab.rolling_shutter = "off"
    strip = at.add_movie(scene, str(FOLDER / "uneven.mp4"), "uneven")
    for result in ("RENDER", "KEYFRAMES"):
        bpy.ops.vstab.stabilize_strip(result=result)
        at.render(scene, FOLDER / result.lower(), range(1, int(strip.frame_final_duration) + 1, 11))
    turned = at.add_movie(scene, str(FOLDER / "turned.mp4"), "turned", channel=2)
    if (turned.elements[0].orig_width, turned.elements[0].orig_height) == (at.HEIGHT, at.WIDTH):
        assert bpy.ops.vstab.stabilize_strip(result="KEYFRAMES") == {"FINISHED"}
    else:
        bpy.ops.vstab.stabilize_strip(result="RENDER")
        at.render(scene, FOLDER / "turned", range(1, 2))
        assert "to be turned" in at.refused(bpy.ops.vstab.stabilize_strip, result="KEYFRAMES")
    wide = at.add_movie(scene, str(FOLDER / "wide.mp4"), "wide", channel=3)
    assert "not square" in at.refused(bpy.ops.vstab.stabilize_strip, result="KEYFRAMES")
    assert not at.is_stabilized(wide)


def sphere() -> None:
    """A 360 strip: the file is marked as 360, keyframes are refused."""
    scene = start(width=256, height=128)
    strip = at.add_movie(scene, str(FOLDER / "sphere.mp4"), "sphere")
    assert "360" in at.refused(bpy.ops.vstab.stabilize_360_strip, result="KEYFRAMES")
    assert bpy.ops.vstab.stabilize_360_strip(result="RENDER", preset="WALK_360") == {"FINISHED"}
    assert at.record(strip)["parameters"]["view"] == "horizon"
    assert at.record(strip)["is_360"]
    assert strip.filepath == str(FOLDER / "sphere_stabilized.mp4")


def leaves_nothing() -> None:
    """Disabled, the extension is gone from Blender; enabled again, it works."""
    before = None
    for _ in range(2):
        if before is None:
            scene = at.stage()
            bare = at.everything()
            at.install(SETUP["zip"], SETUP["vstab"])
            assert at.everything() != bare
        else:
            bpy.ops.preferences.addon_enable(module=at.MODULE)
            at.preferences().program = SETUP["vstab"]
        strip = at.add_movie(scene, CLIP)
        assert bpy.ops.vstab.stabilize_strip(result="KEYFRAMES") == {"FINISHED"}
        bpy.ops.vstab.remove_stabilization()
        assert not [key for key in strip.keys() if "vstab" in key]  # noqa: SIM118 - a strip is no dict
        bpy.ops.preferences.addon_disable(module=at.MODULE)
        before = at.everything()
        assert before == bare, {name: set(before[name]) ^ set(bare[name]) for name in bare}


def from_the_command_line() -> None:
    """What `blender -b project.blend --command vstab` does."""
    scene = start()
    at.add_movie(scene, CLIP)
    project = str(FOLDER / "project.blend")
    bpy.ops.wm.save_as_mainfile(filepath=project)
    from bl_ext.user_default.vstab.command import run

    assert run(["--strip", "nobody"]) == 1
    assert run(["--set", "smoothnes=1"]) == 1
    assert run(["--result", "KEYFRAMES", "--set", "max-crop=0.3", "--save-as", project]) == 0
    bpy.ops.wm.open_mainfile(filepath=project)
    strip = at.strips_of(bpy.context.scene.sequence_editor)["walk"]
    assert at.record(strip)["parameters"]["max_crop"] == 0.3


SCENARIOS = {
    name: value for name, value in globals().items() if callable(value) and getattr(value, "__module__", "") == __name__
}


def main() -> int:
    try:
        SCENARIOS[sys.argv[1]]()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    at.leave(main())
