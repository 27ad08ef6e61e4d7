"""Animation of what belongs to a strip: F-curves in the scene's action, one key a frame, written in bulk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

CHANNELS = ("offset_x", "offset_y", "rotation", "scale_x", "scale_y")
LINEAR = 1  # of the enum `interpolation`, for foreach_set


# channel -> data path and index in it of the value that is animated
Channels = Mapping[Any, tuple[str, int]]


def of_transform(strip: Any) -> Channels:
    """Return the channels of a strip's transform."""
    return {channel: (strip.transform.path_from_id(channel), 0) for channel in CHANNELS}


def find(scene: Any, channels: Channels) -> dict[Any, Any]:
    """Return channel -> F-curve of those that are animated."""
    curves = _curves(scene)
    if curves is None:
        return {}
    known = {place: channel for channel, place in channels.items()}
    found = {(curve.data_path, curve.array_index): curve for curve in curves}
    return {known[place]: curve for place, curve in found.items() if place in known}


def write(scene: Any, channels: Channels, first_frame: int, values: Mapping[Any, Sequence[float]]) -> None:
    """Animate channels, a key for every frame from `first_frame` on; curves that are there go.

    Args:
        values: channel -> one value a frame.
    """
    remove(scene, channels)
    for channel, column in values.items():
        curve = _new(scene, *channels[channel])
        points = curve.keyframe_points
        points.add(len(column))
        flat = [0.0] * (2 * len(column))
        flat[0::2] = range(first_frame, first_frame + len(column))
        flat[1::2] = column
        points.foreach_set("co", flat)
        points.foreach_set("interpolation", [LINEAR] * len(column))
        curve.update()


def remove(scene: Any, channels: Channels) -> None:
    """Take the animation of channels away."""
    found = find(scene, channels)
    curves = _curves(scene)
    for curve in found.values():
        curves.remove(curve)


def mute(scene: Any, channels: Channels, muted: bool) -> None:
    """Switch the animation of channels off or on."""
    for curve in find(scene, channels).values():
        curve.mute = muted


def _new(scene: Any, path: str, index: int) -> Any:
    animation = scene.animation_data or scene.animation_data_create()
    if animation.action is None:
        animation.action = bpy.data.actions.new(f"{scene.name}Action")
    if hasattr(animation.action, "fcurve_ensure_for_datablock"):  # 4.4: actions have slots
        return animation.action.fcurve_ensure_for_datablock(scene, path, index=index)
    return animation.action.fcurves.new(path, index=index)


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
