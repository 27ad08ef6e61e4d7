"""The panel in the sequencer's sidebar, and the entries of its menus."""

from __future__ import annotations

from typing import Any

import bpy

from . import jobs, record, settings, strips
from .job import Job
from .operators import figures_of
from .params import PARAMS
from .preferences import installation


def time_left(seconds: float | None) -> str:
    """Return a rough time for people."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f", {max(1, round(seconds))} s left"
    return f", {round(seconds / 60)} min left"


def progress_text(job: Job) -> str:
    """Return what the bar of a running job says."""
    if job.state == "waiting":
        return "Waiting"
    return f"{job.stage or 'Starting'} {100 * job.factor:.0f} %{time_left(job.eta_s)}"


class InSidebar:
    """Where the panels stand."""

    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Stabilize"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a sequence."""
        return strips.scene_of(context).sequence_editor is not None


class VSTAB_PT_stabilize(InSidebar, bpy.types.Panel):
    """The main panel."""

    bl_label = "Stabilize"

    def draw(self, context: Any) -> None:
        """Draw installation, progress, buttons, and what is known of the active strip."""
        layout = self.layout
        own = strips.scene_of(context).vstab
        if not installation.sound:
            box = layout.box()
            box.label(text="vstab cannot be used", icon="ERROR")
            for line in _wrapped(installation.message, 44):
                box.label(text=line)
            box.operator("vstab.show_installation", icon="HELP")
            box.operator("vstab.test_installation", icon="FILE_REFRESH")
        layout.prop(own, "preset", text="")
        layout.row().prop(own, "result", expand=True)
        column = layout.column(align=True)
        column.operator("vstab.stabilize_strip", icon="TRACKER")
        column.operator("vstab.stabilize_360_strip", icon="WORLD")
        if jobs.queue.jobs:
            box = layout.box()
            for job in jobs.queue.jobs:
                box.label(text=job.title, icon="SEQUENCE")
                box.progress(factor=job.factor, text=progress_text(job))
            box.operator("vstab.cancel", text="Cancel", icon="CANCEL")
        self._draw_strip(context)

    def _draw_strip(self, context: Any) -> None:
        strip = strips.scene_of(context).sequence_editor.active_strip
        note = record.read(strip) if strip is not None else None
        if note is None:
            return
        box = self.layout.box()
        if note["result"] == "UPPER":
            box.label(text=f"Stabilized: {note['partner']}", icon="CHECKMARK")
        else:
            name = next((name for key, name, _ in settings.RESULTS if key == note["result"]), "Needs Blender 5.2")
            box.label(text=name, icon="CHECKMARK")
            for line in figures_of(note["figures"]):
                box.label(text=line)
            if note["is_360"]:
                box.label(text="360: the preview shows the flat picture", icon="INFO")
            if note["shows_original"]:
                box.label(text="Shows the original", icon="HIDE_OFF")
        column = box.column(align=True)
        column.operator("vstab.resolve_strip", icon="FILE_REFRESH")
        column.operator("vstab.compare", icon="UV_SYNC_SELECT")
        column.operator("vstab.load_parameters", icon="EYEDROPPER")
        column.operator("vstab.remove_stabilization", icon="X")


class VSTAB_PT_parameters(InSidebar, bpy.types.Panel):
    """The parameters of ordinary clips, and those of all."""

    bl_label = "Parameters"
    bl_parent_id = "VSTAB_PT_stabilize"

    def draw(self, context: Any) -> None:
        """Draw them."""
        _draw_parameters(self.layout, context, settings.NAMES_FLAT, advanced=False)


class VSTAB_PT_parameters_360(InSidebar, bpy.types.Panel):
    """The parameters that only 360 clips have."""

    bl_label = "360 Parameters"
    bl_parent_id = "VSTAB_PT_stabilize"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's way

    def draw(self, context: Any) -> None:
        """Draw them."""
        names = [name for name in settings.NAMES_360 if name not in settings.NAMES_FLAT]
        _draw_parameters(self.layout, context, names, advanced=False)


class VSTAB_PT_parameters_advanced(InSidebar, bpy.types.Panel):
    """The parameters that hardly anybody needs."""

    bl_label = "Advanced"
    bl_parent_id = "VSTAB_PT_stabilize"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012 - Blender's way

    def draw(self, context: Any) -> None:
        """Draw them."""
        _draw_parameters(self.layout, context, settings.NAMES, advanced=True)


def _draw_parameters(layout: Any, context: Any, names: Any, *, advanced: bool) -> None:
    layout.use_property_split = True
    layout.use_property_decorate = False
    own = strips.scene_of(context).vstab
    for name in names:
        if PARAMS[name].advanced == advanced:
            row = layout.row()
            row.active = settings.counts(name, own.result)
            row.prop(own, name)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


class VSTAB_MT_stabilize(bpy.types.Menu):
    """The entries of the Strip menu and the strip's context menu."""

    bl_label = "Stabilize"

    def draw(self, context: Any) -> None:
        """Draw them."""
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("vstab.stabilize_strip")
        layout.operator("vstab.stabilize_360_strip")
        layout.separator()
        layout.operator("vstab.resolve_strip")
        layout.operator("vstab.compare")
        layout.operator("vstab.remove_stabilization")
        layout.operator("vstab.cancel")


def draw_menu(self: Any, context: Any) -> None:
    """Append our menu to one of Blender's."""
    self.layout.separator()
    self.layout.menu("VSTAB_MT_stabilize")


MENUS = ("SEQUENCER_MT_strip", "SEQUENCER_MT_context_menu", "SEQUENCER_MT_preview_context_menu")
CLASSES = (
    VSTAB_PT_stabilize,
    VSTAB_PT_parameters,
    VSTAB_PT_parameters_360,
    VSTAB_PT_parameters_advanced,
    VSTAB_MT_stabilize,
)
