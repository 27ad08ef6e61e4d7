"""A finished job's result put into its strip, taken away again, or hidden for a comparison."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import bpy

from . import corners, curves, record, strips
from .job import Job
from .perspective import corners_of
from .similarity import Move, compose, covers
from .strips import StripError
from .timing import rows_at

# How far a place may be off before the user is told; only uneven scales make it more than 0.
_NOTICEABLE_PX = 0.5


def put(scene: Any, strip: Any, job: Job) -> None:
    """Put a job's result in place of what an earlier one has left.

    Raises:
        StripError: the strip cannot take it; it is then as it was.
    """
    note = {
        "parameters": job.parameters,
        "is_360": job.is_360,
        "figures": job.figures,
        "source": job.shown_source,
        "source_path": job.source,
        "result": job.result,
        "shows_original": False,
        "shown_size": _shown_size(strip),
    }
    if job.result == "KEYFRAMES":
        _put_keyframes(scene, strip, job, note)
    elif job.result == "CORNERS":
        _put_corners(scene, strip, job, note)
    else:
        _put_file(scene, strip, job, note)


def take_away(scene: Any, strip: Any) -> None:
    """Give a strip back what it had before it was stabilized; a strip without a record stays as it is."""
    note = record.read(strip)
    if note is None:
        return
    if note["result"] == "RENDER":
        if shows_own(strip, note):
            strips.show_file(strip, strips.still(note["source"], note["source_path"]))
    elif note["result"] == "ABOVE":
        upper = strips.find(scene, note["partner"])
        if upper is not None:
            _collection_of(scene, upper).remove(upper)
        strip.mute = note["before"]["mute"]
    elif note["result"] == "KEYFRAMES":
        curves.remove(scene, curves.of_transform(strip))
        _set_transform(strip, note["before"])
    elif note["result"] == "CORNERS":
        curves.remove(scene, corners.channels(strip))
        corners.remove(strip)
    record.forget(strip)


def shows_own(strip: Any, note: record.Record) -> bool:
    """Whether a strip shows its original or its result, and not a file that the user has chosen since."""
    sides = [side for side in ("source", "output") if side in note]
    return any(strips.shows(strip, note[side], note[f"{side}_path"]) for side in sides)


def show_original(scene: Any, strip: Any, original: bool) -> None:
    """Let a stabilized strip show the picture before, or after, without losing anything."""
    note = record.read(strip)
    if note is None:
        return
    if note["result"] == "RENDER":
        side = "source" if original else "output"
        strips.show_file(strip, strips.still(note[side], note[f"{side}_path"]))
    elif note["result"] == "ABOVE":
        upper = strips.find(scene, note["partner"])
        if upper is not None:
            upper.mute, strip.mute = original, not original
    elif note["result"] == "CORNERS":
        corners.mute(strip, original)
        _refresh(scene, strip)
    else:
        curves.mute(scene, curves.of_transform(strip), original)
        if original:
            _set_transform(strip, note["before"])
        _refresh(scene, strip)
    record.write(strip, {**note, "shows_original": original})


def _put_file(scene: Any, strip: Any, job: Job, note: record.Record) -> None:
    output = strips.like(job.output, job.shown_source)
    other = _other_size(strip, job.size, note["shown_size"])
    if other:
        job.warnings.append(f"{other}; the result is upright, so place the strip anew")
    if job.result == "RENDER":
        take_away(scene, strip)
        strips.show_file(strip, output)
        record.write(strip, {**note, "output": output, "output_path": job.output})
        return
    if strip not in list(strips.shown_level(scene)):
        raise StripError(f"open the meta strip that holds '{strip.name}' first, or use the result Render")
    take_away(scene, strip)
    upper = _duplicate_above(scene, strip)
    strips.show_file(upper, output)
    record.write(upper, {"result": "UPPER", "partner": strip.name})
    note |= {"output": output, "output_path": job.output}
    record.write(strip, {**note, "partner": upper.name, "before": {"mute": strip.mute}})
    strip.mute = True


def _put_keyframes(scene: Any, strip: Any, job: Job, note: record.Record) -> None:
    old = record.read(strip)
    stabilized = old is not None and old["result"] == "KEYFRAMES"
    if not stabilized and curves.find(scene, curves.of_transform(strip)):
        raise StripError(
            f"the transform of '{strip.name}' is animated already; use the result Render, or put the strip into a meta "
            "strip and animate that"
        )
    rows, size, first, at = _rows_on_timeline(scene, strip, job, note)
    take_away(scene, strip)
    own = strips.transform_of(strip)
    before = {name: getattr(own, name) for name in curves.CHANNELS}
    moves = [Move(row["dx_px"], row["dy_px"], row["rotation_deg"], row["scale"]) for row in rows]
    canvas = (scene.render.resolution_y, scene.render.resolution_x)
    if not covers(own, size, canvas):
        job.warnings.append(
            f"'{strip.name}' does not fill the picture, so that its edges move; the result Render keeps them still"
        )
    composed = [compose(own, move, size) for move in moves]
    error_px = max(error for _, error in composed)
    if error_px > _NOTICEABLE_PX:
        job.warnings.append(
            f"'{strip.name}' is stretched unevenly, which a turning picture cannot follow: off by up to {error_px:.1f} "
            "px at the corners; the result Render is exact"
        )
    values = {name: [getattr(composed[row][0], name) for row in at] for name in curves.CHANNELS}
    curves.write(scene, curves.of_transform(strip), first, values)
    _refresh(scene, strip)
    record.write(strip, {**note, "before": before})


def _put_corners(scene: Any, strip: Any, job: Job, note: record.Record) -> None:
    if not corners.available():
        raise StripError("the result Corner Pin needs Blender 5.2 or later; use the result Keyframes or Render")
    rows, size, first, at = _rows_on_timeline(scene, strip, job, note)
    try:
        places = [
            corners_of([[row[f"src_from_dst_{i}{j}"] for j in "123"] for i in "123"], size[0] / size[1]) for row in rows
        ]
    except ValueError as error:
        raise StripError(
            f"'{strip.name}' is turned too far for its corners ({error}); use the result Render"
        ) from error
    take_away(scene, strip)
    corners.add(strip)
    channels = corners.channels(strip)
    values = {(name, axis): [places[row][name][axis] for row in at] for name, axis in channels}
    curves.write(scene, channels, first, values)
    _refresh(scene, strip)
    record.write(strip, note)


def _rows_on_timeline(
    scene: Any, strip: Any, job: Job, note: record.Record
) -> tuple[list[dict[str, Any]], tuple[int, int], int, list[int]]:
    """Return the rows of a job's export, the picture's size, a first timeline frame, and the row of each from there on.

    Raises:
        StripError: nobody can say which row stands where.
    """
    assert job.moves is not None
    rows = job.moves["frames"]
    size = (job.moves["height_px"], job.moves["width_px"])
    other = _other_size(strip, size, note["shown_size"])
    if other:
        raise StripError(f"{other}; use the result Render")
    times_s = [row["time_s"] for row in rows]
    frames = round((times_s[-1] - times_s[0]) * strip.fps) + 1 if strip.fps else len(rows)
    timing = strips.timing_of(scene, strip, frames)
    at = rows_at(times_s, strip.fps or 1.0, [timing.index_at(t) for t in range(timing.first, timing.last + 1)])
    return rows, size, timing.first, list(at)


def _shown_size(strip: Any) -> list[int]:
    """Return height and width at which Blender shows the original clip; zeros where it does not say.

    Asked before the strip shows another file: Blender keeps the old file's size until it draws the new one.
    """
    old = record.read(strip)
    if old is not None and "shown_size" in old:
        return list(old["shown_size"])
    element = strip.elements[0] if len(strip.elements) else None
    return [element.orig_height, element.orig_width] if element is not None else [0, 0]


def _other_size(strip: Any, size: tuple[int, int], shown: list[int]) -> str:
    """Return a sentence where Blender shows a clip in another shape than vstab, "" where not."""
    if not all(shown) or tuple(shown) == size:
        return ""
    return (
        f"Blender shows '{strip.name}' at {shown[1]}x{shown[0]}, vstab at {size[1]}x{size[0]}: its file says that it "
        "is to be turned"
    )


def _set_transform(strip: Any, before: dict[str, Any]) -> None:
    for name in curves.CHANNELS:
        setattr(strip.transform, name, before[name])


def _refresh(scene: Any, strip: Any) -> None:
    """Let the preview show new animation: drop cached pictures of the strip, and evaluate the current frame."""
    strip.transform.offset_x = strip.transform.offset_x
    scene.frame_set(scene.frame_current, subframe=scene.frame_subframe)


def _collection_of(scene: Any, strip: Any) -> Any:
    return strips.children(strip.parent_meta() or scene.sequence_editor)


def _duplicate_above(scene: Any, strip: Any) -> Any:
    """Return a copy of a strip, trims, timing and animation included, in the next channel with room for it."""
    level = strips.shown_level(scene)
    selection = [other.name for other in level if other.select]
    active = scene.sequence_editor.active_strip
    known = {other.name for other in level}
    for other in level:
        other.select = other == strip
    with sequencer(bpy.context, scene):
        bpy.ops.sequencer.duplicate()
    upper = next(other for other in level if other.name not in known)
    first, last = _shown(strip)
    busy = {other.channel for other in level if other != upper and _shown(other)[0] < last and _shown(other)[1] > first}
    upper.channel = min(set(range(strip.channel + 1, strip.channel + len(busy) + 2)) - busy)
    for other in level:
        other.select = other.name in selection
    scene.sequence_editor.active_strip = active
    upper.mute = False
    return upper


def _shown(strip: Any) -> tuple[float, float]:
    if hasattr(strip, "left_handle"):
        return strip.left_handle, strip.right_handle
    return strip.frame_final_start, strip.frame_final_end


@contextlib.contextmanager
def sequencer(context: Any, scene: Any) -> Iterator[None]:
    """Run what needs a sequencer's area, in one that is there or, headless, in one that is turned into it."""
    window = context.window or context.window_manager.windows[0]
    areas = list(window.screen.areas)
    area = next((a for a in areas if a.type == "SEQUENCE_EDITOR" and a.spaces.active.view_type != "PREVIEW"), None)
    changed = ""
    if area is None:
        area = max(areas, key=lambda a: a.width * a.height)
        changed, area.type = area.type, "SEQUENCE_EDITOR"
    region = next(r for r in area.regions if r.type == "WINDOW")
    places = {"window": window, "screen": window.screen, "area": area, "region": region, "scene": scene}
    if hasattr(context, "sequencer_scene"):
        places["sequencer_scene"] = scene
    try:
        with context.temp_override(**places):
            yield
    finally:
        if changed:
            area.type = changed


def remove_file(note: record.Record) -> None:
    """Delete a result's file, where there is one."""
    if "output" in note:
        with contextlib.suppress(OSError):
            os.remove(strips.absolute(strips.still(note["output"], note["output_path"])))
