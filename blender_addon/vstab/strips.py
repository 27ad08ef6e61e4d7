"""Strips of the Video Sequencer, whatever the version of Blender calls them (4.2: sequences, from 4.4: strips)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import bpy

from .similarity import Transform
from .timing import Timing, plays_adjusted


class StripError(Exception):
    """A strip cannot be stabilized, or not in this way; the message is for the user."""


def scene_of(context: Any) -> Any:
    """Return the scene whose strips are edited; from Blender 5.0 that need not be the window's scene."""
    return getattr(context, "sequencer_scene", None) or context.scene


def all_strips(scene: Any) -> Any:
    """Return the collection of all strips, those inside meta strips included."""
    editor = scene.sequence_editor
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def children(parent: Any) -> Any:
    """Return the collection of strips right inside an editor or a meta strip."""
    return parent.strips if hasattr(parent, "strips") else parent.sequences


def shown_level(scene: Any) -> Any:
    """Return the collection of strips that the user sees: of the open meta strip, or the top."""
    editor = scene.sequence_editor
    return children(editor.meta_stack[-1] if len(editor.meta_stack) else editor)


def find(scene: Any, name: str) -> Any | None:
    """Return the strip of a name, None where it is gone."""
    return all_strips(scene).get(name) if scene.sequence_editor else None


def selected(scene: Any) -> list[Any]:
    """Return the strips that are meant: the selected ones, or else the active one."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    chosen = [strip for strip in shown_level(scene) if strip.select]
    return chosen or ([editor.active_strip] if editor.active_strip is not None else [])


def movies_of(strips: list[Any]) -> tuple[list[Any], list[str]]:
    """Return the movie strips among strips and inside the meta strips among them, and why others are left out."""
    movies: list[Any] = []
    refused: list[str] = []
    for strip in strips:
        if strip.type == "MOVIE":
            movies.append(strip)
        elif strip.type == "META":
            inside = list(_movies_inside(strip))
            movies += inside
            if not inside:
                refused.append(f"meta strip '{strip.name}' holds no movie strip")
        else:
            refused.append(f"'{strip.name}' is {_kind(strip)}; only movie strips can be stabilized")
    return movies, refused


def _movies_inside(meta: Any) -> Iterator[Any]:
    for strip in children(meta):
        if strip.type == "MOVIE":
            yield strip
        elif strip.type == "META":
            yield from _movies_inside(strip)


def _kind(strip: Any) -> str:
    kinds = {"IMAGE": "an image strip (render the sequence to a movie first)", "SOUND": "a sound strip",
             "SCENE": "a scene strip (render it to a movie first)", "MOVIECLIP": "a movie clip strip"}  # fmt: skip
    return kinds.get(strip.type, f"a strip of the kind {strip.type.lower().replace('_', ' ')}")


def absolute(path: str) -> str:
    """Return the path of a file as the system knows it."""
    return os.path.normpath(bpy.path.abspath(path))


def like(path: str, model: str) -> str:
    """Return a path relative to the project if `model` is; Windows cannot do that between two drives."""
    if not model.startswith("//") or not bpy.data.filepath:
        return path
    try:
        return bpy.path.relpath(path)
    except ValueError:
        return path


def still(shown: str, path: str) -> str:
    """Return a file's path as a strip is to say it: as it stood in the strip, if that still leads to the file.

    Args:
        shown: as it stood; relative paths lead elsewhere once the project is saved in another folder.
        path: absolute; leads nowhere once project and clips have moved together.
    """
    if os.path.isfile(absolute(shown)) or not os.path.isfile(path):
        return shown
    return like(path, shown)


def shows(strip: Any, shown: str, path: str) -> bool:
    """Whether a strip shows a file, given as for `still`."""
    return strip.filepath == shown or absolute(strip.filepath) == path


def show_file(strip: Any, path: str) -> None:
    """Let a movie strip show another file of the same length, with the colour space that it has."""
    colour_space = strip.colorspace_settings.name
    strip.filepath = path
    strip.reload_if_needed()
    if strip.colorspace_settings.name != colour_space:
        strip.colorspace_settings.name = colour_space


def transform_of(strip: Any) -> Transform:
    """Return a strip's transform as it stands."""
    own = strip.transform
    return Transform(
        own.offset_x,
        own.offset_y,
        own.rotation,
        own.scale_x,
        own.scale_y,
        (own.origin[0], own.origin[1]),
    )


def timing_of(scene: Any, strip: Any, frames: int) -> Timing:
    """Return how a strip plays its clip of so many frames.

    Raises:
        StripError: the mapping cannot be read, or is not one picture of the clip for each frame of the timeline.
    """
    if len(strip.retiming_keys):
        raise StripError(
            f"'{strip.name}' is retimed, and Blender does not say which picture it shows when; use the result Render"
        )
    effect = _effect_on_time(scene, strip)
    if effect:
        raise StripError(f"the speed of '{strip.name}' is changed by '{effect}'; use the result Render")
    fps = scene.render.fps / scene.render.fps_base
    new_names = hasattr(strip, "content_start")  # Blender 5.1; the old ones warn from there on
    start = strip.content_start if new_names else strip.frame_start
    if new_names:
        end = strip.right_handle + strip.right_handle_offset
    else:
        end = strip.frame_final_end + strip.frame_offset_end
    skip_start = strip.content_trim_start if new_names else strip.animation_offset_start
    skip_end = strip.content_trim_end if new_names else strip.animation_offset_end
    clip_fps = strip.fps or fps
    adjusted = plays_adjusted(end - start, frames - skip_start - skip_end, clip_fps, fps)
    if strip.use_reverse_frames and (skip_start or skip_end or strip.strobe > 1):
        raise StripError(f"'{strip.name}' plays backwards and is trimmed for good or strobes; use the result Render")
    return Timing(
        start=start,
        first=int(start),
        last=max(int(start), round(end) - 1),
        step=clip_fps / fps if adjusted else 1.0,
        skipped=int(skip_start),
        reversed=strip.use_reverse_frames,
        every=strip.strobe,
        frames=frames,
    )


def _effect_on_time(scene: Any, strip: Any) -> str:
    """Return the name of what plays a strip at another speed, an effect or a meta strip around it; "" where nothing."""
    for other in all_strips(scene):
        inputs = [getattr(other, name, None) for name in ("input_1", "input_2")]
        if other.type == "SPEED" and strip in inputs:
            return str(other.name)
    parent = strip.parent_meta()
    while parent is not None:
        if len(getattr(parent, "retiming_keys", ())) or _effect_on_time(scene, parent):
            return str(parent.name)
        parent = parent.parent_meta()
    return ""
