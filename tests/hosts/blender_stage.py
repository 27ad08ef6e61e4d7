"""What the scenarios share, inside Blender's own Python: standard library and bpy only."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy

MODULE = "bl_ext.user_default.vstab"
WIDTH, HEIGHT = 224, 126


def install(zip_file: str, program: str | None) -> ModuleType:
    """Install the zip through Blender's own extension installer; return the extension's module."""
    bpy.ops.extensions.package_install_files(filepath=zip_file, repo="user_default", enable_on_install=True)
    module = __import__(MODULE, fromlist=["*"])
    if program is not None:
        preferences().program = program
    return module


def preferences() -> Any:
    return bpy.context.preferences.addons[MODULE].preferences


def stage(width: int = WIDTH, height: int = HEIGHT, fps: int = 30) -> Any:
    """Return the scene, empty, with a sequence editor; colours pass through it as they are."""
    scene = bpy.context.scene
    if scene.sequence_editor is not None:
        scene.sequence_editor_clear()
    scene.animation_data_clear()
    scene.sequence_editor_create()
    if hasattr(bpy.context.workspace, "sequencer_scene"):
        bpy.context.workspace.sequencer_scene = scene
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.fps, render.fps_base = fps, 1.0
    scene.view_settings.view_transform = "Standard"
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "IMAGE"
    render.image_settings.file_format = "BMP"
    render.dither_intensity = 0.0
    return scene


def strips_of(parent: Any) -> Any:
    return parent.strips if hasattr(parent, "strips") else parent.sequences


def add_movie(scene: Any, clip: str, name: str = "walk", start: int = 1, channel: int = 1) -> Any:
    strip = strips_of(scene.sequence_editor).new_movie(name, clip, channel, start)
    select(scene, strip)
    return strip


def add_through_operator(scene: Any, clip: str, name: str, start: int, **settings: Any) -> Any:
    """Add a clip as File > Add does, which can adjust the rate."""
    from bl_ext.user_default.vstab.place import sequencer

    if bpy.app.version >= (5, 0, 0):
        settings["move_strips"] = False  # without it, headless, Blender crashes
    with sequencer(bpy.context, scene):
        bpy.ops.sequencer.movie_strip_add(filepath=clip, frame_start=start, channel=1, sound=False, **settings)
    strip = scene.sequence_editor.active_strip
    strip.name = name
    return strip


def select(scene: Any, *chosen: Any) -> None:
    names = {strip.name for strip in chosen}
    editor = scene.sequence_editor
    for strip in editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all:
        strip.select = strip.name in names
    editor.active_strip = chosen[0] if chosen else None


def render(scene: Any, folder: Path, frames: range) -> None:
    """Render the sequence to folder/0000.bmp ..., as an editor's output would be."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        scene.frame_set(frame)
        scene.render.filepath = str(folder / f"{number:04}.bmp")
        bpy.ops.render.render(write_still=True, scene=scene.name)


def refused(operator: Any, **settings: Any) -> str:
    """Return the words with which an operator refuses."""
    try:
        operator(**settings)
    except RuntimeError as error:
        return str(error)
    raise AssertionError("the operator did not refuse")


def record(strip: Any) -> dict[str, Any]:
    return json.loads(strip["vstab"])


def is_stabilized(strip: Any) -> bool:
    return strip.get("vstab") is not None


def shown(scene: Any, strip: Any) -> Any:
    """What of a strip a stabilization changes: files, whether muted, the transform and the pinned corners over time."""
    places: list[Any] = []
    for frame in (2, 11, 23):
        scene.frame_set(frame)
        own = strip.transform
        places.append((own.offset_x, own.offset_y, own.rotation, own.scale_x, own.scale_y))
        for modifier in strip.modifiers:
            if not modifier.mute:
                places += [tuple(getattr(modifier.properties.inputs, f"Socket_{i}").value) for i in range(1, 5)]
    editor = scene.sequence_editor
    return [(other.filepath, other.mute) for other in strips_of(editor) if not other.mute], places


def curves_left(scene: Any) -> int:
    animation = scene.animation_data
    return len(list(curves_of(animation.action))) if animation is not None and animation.action is not None else 0


def look_of(scene: Any, strip: Any) -> dict[str, Any]:
    """Everything of the strips and the scene's animation that must come back when a stabilization is removed."""
    names = [(other.name, other.channel, other.filepath, other.mute) for other in strips_of(scene.sequence_editor)]
    return {
        "shown": shown(scene, strip),
        "strips": names,
        "curves": curves_left(scene),
        "filter": strip.transform.filter,
    }


def curves_of(action: Any) -> Any:
    if hasattr(action, "fcurves"):
        return action.fcurves
    return [curve for layer in action.layers for s in layer.strips for bag in s.channelbags for curve in bag.fcurves]


def colour_spaces(strip: Any) -> list[str]:
    items = type(strip.colorspace_settings).bl_rna.properties["name"].enum_items
    return [item.identifier for item in items]


def stand_in(folder: Path, name: str, script: str) -> str:
    """Write a program that stands in for vstab."""
    path = folder / f"vstab_{name}"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def words_of(action: Any, folder: Path) -> list[str]:
    """Return the commands of vstab that an action runs, in order."""
    log = folder / "words.txt"
    log.unlink(missing_ok=True)
    own = preferences()
    program = own.program
    own.program = stand_in(folder, "logging", f'echo "$1" >> "{log}"; exec "{program}" "$@"')
    action()
    own.program = program
    return log.read_text().split()


def retime(scene: Any, strip: Any) -> None:
    from bl_ext.user_default.vstab.place import sequencer

    select(scene, strip)
    with sequencer(bpy.context, scene):
        bpy.ops.sequencer.retiming_key_add(timeline_frame=20)


def make_meta(scene: Any, strip: Any) -> None:
    from bl_ext.user_default.vstab.place import sequencer

    select(scene, strip)
    with sequencer(bpy.context, scene):
        bpy.ops.sequencer.meta_make()


def everything() -> dict[str, list[str]]:
    """Names of all that an extension could leave behind."""
    menus = {}
    for name in ("SEQUENCER_MT_strip", "SEQUENCER_MT_context_menu", "SEQUENCER_MT_preview_context_menu"):
        draw = getattr(bpy.types, name).draw
        menus[name] = [function.__module__ for function in getattr(draw, "_draw_funcs", ())]
    handlers = [f"{name}:{f.__module__}" for name in dir(bpy.app.handlers) if isinstance(
        functions := getattr(bpy.app.handlers, name), list) for f in functions]  # fmt: skip
    return {
        "types": [name for name in dir(bpy.types) if "vstab" in name.lower()],
        "operators": list(dir(bpy.ops.vstab)),
        "properties": [name for name in bpy.types.Scene.bl_rna.properties.keys() if "vstab" in name],  # noqa: SIM118
        "menus": [f"{name}:{module}" for name, modules in menus.items() for module in modules if "vstab" in module],
        "handlers": [name for name in handlers if "vstab" in name],
        "threads": [thread.name for thread in threading.enumerate() if "vstab" in thread.name],
    }


def leave(status: int) -> None:
    """End at once: Blender 4.2 crashes and 4.5 hangs where classes are registered while Python ends."""
    os.sys.stdout.flush()
    os.sys.stderr.flush()
    os._exit(status)
