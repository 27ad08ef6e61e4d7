"""Animation of a strip's transform: F-curves in the scene's action, one key a frame, written in bulk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy

CHANNELS = ("offset_x", "offset_y", "rotation", "scale_x", "scale_y")
LINEAR = 1  # of the enum `interpolation`, for foreach_set


def find(scene: Any, strip: Any) -> dict[str, Any]:
    """Return channel -> F-curve of a strip's transform, of those that are animated."""
    curves = _curves(scene)
    if curves is None:
        return {}
    paths = {strip.transform.path_from_id(channel): channel for channel in CHANNELS}
    return {paths[curve.data_path]: curve for curve in curves if curve.data_path in paths}


def write(scene: Any, strip: Any, first_frame: int, values: dict[str, Sequence[float]]) -> None:
    """Animate a strip's transform, a key for every frame from `first_frame` on; curves that are there go.

    Args:
        values: channel -> one value a frame.
    """
    remove(scene, strip)
    for channel, column in values.items():
        curve = _new(scene, strip.transform.path_from_id(channel))
        points = curve.keyframe_points
        points.add(len(column))
        flat = [0.0] * (2 * len(column))
        flat[0::2] = range(first_frame, first_frame + len(column))
        flat[1::2] = column
        points.foreach_set("co", flat)
        points.foreach_set("interpolation", [LINEAR] * len(column))
        curve.update()


def remove(scene: Any, strip: Any) -> None:
    """Take the animation of a strip's transform away."""
    found = find(scene, strip)
    curves = _curves(scene)
    for curve in found.values():
        curves.remove(curve)


def mute(scene: Any, strip: Any, muted: bool) -> None:
    """Switch the animation of a strip's transform off or on."""
    for curve in find(scene, strip).values():
        curve.mute = muted


def _new(scene: Any, path: str) -> Any:
    animation = scene.animation_data or scene.animation_data_create()
    if animation.action is None:
        animation.action = bpy.data.actions.new(f"{scene.name}Action")
    if hasattr(animation.action, "fcurve_ensure_for_datablock"):  # 4.4: actions have slots
        return animation.action.fcurve_ensure_for_datablock(scene, path)
    return animation.action.fcurves.new(path)


def _curves(scene: Any) -> Any | None:
    """Return the collection of the F-curves that animate the scene."""
    animation = scene.animation_data
    if animation is None or animation.action is None:
        return None
    slot = getattr(animation, "action_slot", None)
    if slot is not None:  # 4.4; an action may animate other data in other slots
        for layer in animation.action.layers:
            for part in layer.strips:
                bag = part.channelbag(slot)
                if bag is not None:
                    return bag.fcurves
        return None
    return getattr(animation.action, "fcurves", None)
