"""`blender -b PROJECT.blend --command vstab ...`: stabilize strips of a project without a window, and save it."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import bpy

from . import record, settings, strips
from .operators import figures_of
from .presets import PRESETS

NAME = "vstab"


def run(arguments: list[str]) -> int:
    """Do what the command line asks for and return the exit status."""
    parser = argparse.ArgumentParser(prog=f"blender -b PROJECT.blend --command {NAME}", description=__doc__)
    parser.add_argument("--strip", action="append", help="a strip's name; may be repeated (default: all movie strips)")
    parser.add_argument("--result", choices=[key for key, _, _ in settings.RESULTS], help="default: the project's")
    parser.add_argument("--preset", choices=list(PRESETS), help="default: the project's parameters")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter; may be repeated")
    parser.add_argument("--is-360", action="store_true", help="the strips are 360 clips")
    parser.add_argument("--save-as", metavar="FILE", help="where the project is saved (default: in its place)")
    options = parser.parse_args(arguments)
    scene = strips.scene_of(bpy.context)
    if scene.sequence_editor is None:
        parser.error("the project's scene has no strips")
    try:
        _choose(scene, options.strip)
        _set(scene.vstab, options.preset, options.set)
        chosen = {"result": options.result} if options.result else {}
        operator = bpy.ops.vstab.stabilize_360_strip if options.is_360 else bpy.ops.vstab.stabilize_strip
        operator("EXEC_DEFAULT", **chosen)
        for strip in strips.all_strips(scene):
            note = record.read(strip)
            if note is not None and "figures" in note:
                sys.stdout.write(f"{NAME}: {strip.name}: {', '.join(figures_of(note['figures']))}\n")
        bpy.ops.wm.save_as_mainfile(filepath=options.save_as or bpy.data.filepath)
    except (RuntimeError, ValueError) as error:  # RuntimeError: how Blender passes on what an operator reports
        sys.stderr.write(f"{NAME}: {error}\n")
        return 1
    return 0


def _choose(scene: Any, names: list[str] | None) -> None:
    known = {strip.name: strip for strip in strips.shown_level(scene)}
    for name in names or ():
        if name not in known:
            raise ValueError(f"there is no strip '{name}' outside of meta strips; there are: {', '.join(known)}")
    for strip in known.values():
        strip.select = strip.name in names if names else strip.type in ("MOVIE", "META")


def _set(own: Any, preset: str | None, changes: list[str]) -> None:
    if preset:
        own.preset = preset
    for change in changes:
        name, equals, value = change.partition("=")
        name = name.replace("-", "_")
        if not equals or name not in settings.NAMES:
            raise ValueError(f"--set takes NAME=VALUE with one of: {', '.join(settings.NAMES)}; got '{change}'")
        try:
            setattr(own, name, type(getattr(own, name))(value))
        except (TypeError, ValueError) as error:
            raise ValueError(f"--set {change}: {error}") from error
