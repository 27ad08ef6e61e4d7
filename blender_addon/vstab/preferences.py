"""The extension's preferences, and what is known of the installation of `vstab`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any

import bpy

from . import locate, strips
from .child import VstabError

INSTALL_TEXT = (
    "vstab is a program of its own; this extension is its face in Blender.",
    "In a terminal, with Python 3.11 or newer:",
    f"    {locate.INSTALL_HINT}",
    "with its source folder or its wheel; or make setup in its source folder, which gives .venv/bin/vstab.",
    "If it is not found by itself, say in the extension's preferences where it is.",
)


@dataclass
class Installation:
    """What the last look has found; panels draw it, and drawing must not search disks.

    Attributes:
        program: path, "" if there is none.
        message: for the user.
        sound: whether it can be used as far as is known.
    """

    program: str = ""
    message: str = "not looked for yet"
    sound: bool = False


installation = Installation()


def of(context: Any) -> Any:
    """Return the extension's preferences."""
    return context.preferences.addons[__package__].preferences


def look(context: Any, *, thorough: bool = False) -> str:
    """Find `vstab`, note what was found, and return its path.

    Raises:
        VstabError: there is none that can be used.
    """
    try:
        program = locate.find(bpy.path.abspath(of(context).program))
        installation.program, installation.sound, installation.message = program, True, program
        if thorough:
            found = locate.examine(program)
            problems = f"; {'; '.join(found.problems)}" if found.problems else ""
            installation.message = f"vstab {found.version}, {program}{problems}"
    except VstabError as error:
        installation.program, installation.sound, installation.message = "", False, str(error)
        raise
    return program


def results_folder(context: Any) -> str:
    """Return the folder for results, made if need be; "" means beside each clip.

    Raises:
        StripError: it is relative to a project that has no place yet, or cannot be made.
    """
    own = of(context)
    if own.where == "BESIDE":
        return ""
    if not own.folder:
        raise strips.StripError("no folder for results is chosen; choose one in the extension's preferences")
    if own.folder.startswith("//") and not bpy.data.filepath:
        raise strips.StripError(
            f"results go to '{own.folder}', which is relative to the project, and the project is not saved yet; save "
            "it, or choose another folder in the extension's preferences"
        )
    folder = strips.absolute(own.folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise strips.StripError(f"the folder for results '{folder}' cannot be made: {error.strerror}") from error
    return folder


def _look_again(self: Any, context: Any) -> None:
    with contextlib.suppress(VstabError):  # the panel shows it
        look(context)


class VSTAB_AP_preferences(bpy.types.AddonPreferences):
    """Where vstab is, where results go, and what is kept."""

    bl_idname = __package__

    program: bpy.props.StringProperty(
        name="vstab",
        description="The program vstab, or the folder of the environment that holds it; empty: found by itself",
        subtype="FILE_PATH",
        update=_look_again,
    )
    where: bpy.props.EnumProperty(
        name="Results",
        description="Where stabilized files and analyses are written",
        items=(("BESIDE", "Beside the Clip", ""), ("FOLDER", "In a Folder", "One folder for all; // is the project's")),
    )
    folder: bpy.props.StringProperty(
        name="Folder", description="Folder for results", subtype="DIR_PATH", default="//stabilized"
    )
    keep_analysis: bpy.props.BoolProperty(
        name="Keep the Analysis", description="So that Re-solve takes no new analysis (CLIP.vstab)", default=True
    )
    delete_on_remove: bpy.props.BoolProperty(
        name="Remove Deletes the File",
        description="Delete the stabilized file when a stabilization is removed; undo cannot bring it back",
        default=False,
    )

    def draw(self, context: Any) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        row = layout.row(align=True)
        row.prop(self, "program")
        row.operator("vstab.test_installation", text="Test")
        layout.label(text=installation.message, icon="CHECKMARK" if installation.sound else "ERROR")
        if not installation.sound:
            layout.operator("vstab.show_installation", icon="HELP")
        layout.prop(self, "where")
        if self.where == "FOLDER":
            layout.prop(self, "folder")
        layout.prop(self, "keep_analysis")
        layout.prop(self, "delete_on_remove")


class VSTAB_OT_test_installation(bpy.types.Operator):
    """Start vstab and let it check itself."""

    bl_idname = "vstab.test_installation"
    bl_label = "Test vstab"

    def execute(self, context: Any) -> set[str]:
        """Examine the program that would be used."""
        try:
            look(context, thorough=True)
        except VstabError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, installation.message)
        return {"FINISHED"}


class VSTAB_OT_show_installation(bpy.types.Operator):
    """Show how to install vstab, and copy the command."""

    bl_idname = "vstab.show_installation"
    bl_label = "How to Install vstab"

    def execute(self, context: Any) -> set[str]:
        """Copy the command."""
        context.window_manager.clipboard = locate.INSTALL_HINT
        self.report({"INFO"}, f"copied: {locate.INSTALL_HINT}")
        return {"FINISHED"}

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Show the text; OK copies the command."""
        return context.window_manager.invoke_props_dialog(self, width=480)

    def draw(self, context: Any) -> None:
        """Draw the text."""
        for line in INSTALL_TEXT:
            self.layout.label(text=line)


CLASSES = (VSTAB_AP_preferences, VSTAB_OT_test_installation, VSTAB_OT_show_installation)
