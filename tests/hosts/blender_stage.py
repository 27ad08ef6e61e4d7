"""What the scenarios share, inside Blender's own Python: standard library and bpy only."""

from __future__ import annotations

import json
import os
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


def add_through_operator(scene: Any, clip: str, **settings: Any) -> Any:
    """Add a clip as File > Add does, which can adjust the rate."""
    from bl_ext.user_default.vstab.place import sequencer

    if bpy.app.version >= (5, 0, 0):
        settings["move_strips"] = False  # without it, headless, Blender crashes
    with sequencer(bpy.context, scene):
        bpy.ops.sequencer.movie_strip_add(filepath=clip, frame_start=1, channel=1, sound=False, **settings)
    return scene.sequence_editor.active_strip


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


def leave(status: int) -> None:
    """End at once: Blender 4.2 crashes and 4.5 hangs where classes are registered while Python ends."""
    os.sys.stdout.flush()
    os.sys.stderr.flush()
    os._exit(status)
