"""A strip's picture pulled by its four corners: Blender 5.2's compositor modifier with one node, Corner Pin.

The node group is the same for all strips; its inputs, the corners, are the modifier's own and animated in the scene's
action like a strip's transform, so that keys move along with the strip. The modifier works on the clip's picture before
the strip's transform, which therefore may be anything.
"""

from __future__ import annotations

from typing import Any

import bpy

from .perspective import CORNERS

MODIFIER = GROUP = "vstab Corner Pin"
_OURS = "vstab"  # a custom property of the group
_SOCKETS = {name: f"Socket_{number}" for number, name in enumerate(CORNERS, 1)}  # Blender counts; Socket_0: the picture


def available() -> bool:
    """Whether this Blender can do it: 5.0 and 5.1 crash when a compositor modifier is made through Python."""
    return bool(bpy.app.version >= (5, 2, 0))


def channels(strip: Any) -> dict[tuple[str, int], tuple[str, int]]:
    """Return (corner, axis) -> data path and index of what is animated."""
    modifier = f'{strip.path_from_id()}.modifiers["{MODIFIER}"]'
    return {
        (name, axis): (f"{modifier}.properties.inputs.{socket}.value", axis)
        for name, socket in _SOCKETS.items()
        for axis in (0, 1)
    }


def add(strip: Any) -> None:
    """Give a strip the modifier; it has none."""
    modifier = strip.modifiers.new(MODIFIER, "COMPOSITOR")
    modifier.name = MODIFIER
    modifier.node_group = _group() or _new_group()


def remove(strip: Any) -> None:
    """Take the modifier away, and the group with the last of them."""
    modifier = strip.modifiers.get(MODIFIER)
    if modifier is not None:
        strip.modifiers.remove(modifier)
    group = _group()
    if group is not None and not any(_uses(scene, group) for scene in bpy.data.scenes):
        bpy.data.node_groups.remove(group)


def mute(strip: Any, muted: bool) -> None:
    """Switch the modifier off or on."""
    modifier = strip.modifiers.get(MODIFIER)
    if modifier is not None:
        modifier.mute = muted


def _uses(scene: Any, group: Any) -> bool:
    strips = scene.sequence_editor.strips_all if scene.sequence_editor else ()
    return any(getattr(modifier, "node_group", None) == group for strip in strips for modifier in strip.modifiers)


def _group() -> Any | None:
    return next((group for group in bpy.data.node_groups if group.get(_OURS) == GROUP and group.library is None), None)


def _new_group() -> Any:
    group = bpy.data.node_groups.new(GROUP, "CompositorNodeTree")
    group[_OURS] = GROUP
    group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    for name in CORNERS:
        group.interface.new_socket(name, in_out="INPUT", socket_type="NodeSocketVector").dimensions = 2
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    given, pin, shown = (
        group.nodes.new(kind) for kind in ("NodeGroupInput", "CompositorNodeCornerPin", "NodeGroupOutput")
    )
    pin.inputs["Interpolation"].default_value = "Bicubic"
    for name in ("Image", *CORNERS):
        group.links.new(given.outputs[name], pin.inputs[name])
    group.links.new(pin.outputs["Image"], shown.inputs["Image"])
    pin.location.x, shown.location.x = 200, 400
    return group
