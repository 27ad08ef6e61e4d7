"""vstab in Blender's Video Sequencer. docs/blender.md describes how the parts play together."""

from __future__ import annotations

import atexit
import contextlib
from typing import Any

import bpy

from . import command, jobs, operators, panel, preferences
from .child import VstabError
from .settings import make_settings

_classes: list[type] = []
_commands: list[Any] = []


def register() -> None:
    """Add everything to Blender."""
    settings = make_settings()
    for each in (settings, *preferences.CLASSES, *operators.CLASSES, *panel.CLASSES):
        bpy.utils.register_class(each)
        _classes.append(each)
    bpy.types.Scene.vstab = bpy.props.PointerProperty(type=settings)
    for name in panel.MENUS:
        getattr(bpy.types, name).append(panel.draw_menu)
    bpy.app.handlers.load_pre.append(_stop)
    _commands.append(bpy.utils.register_cli_command(command.NAME, command.run))
    atexit.register(jobs.queue.close)
    with contextlib.suppress(VstabError, KeyError):  # KeyError: preferences are not there while Blender starts
        preferences.look(bpy.context)


def unregister() -> None:
    """Take everything out of Blender again, and stop what runs."""
    jobs.queue.close()
    atexit.unregister(jobs.queue.close)
    bpy.app.handlers.load_pre.remove(_stop)
    while _commands:
        bpy.utils.unregister_cli_command(_commands.pop())
    for name in panel.MENUS:
        getattr(bpy.types, name).remove(panel.draw_menu)
    del bpy.types.Scene.vstab
    while _classes:
        bpy.utils.unregister_class(_classes.pop())


@bpy.app.handlers.persistent
def _stop(*_: Any) -> None:
    """Another file is opened: the strips of the jobs are gone."""
    jobs.queue.close()
