"""The operators. `execute` does everything while the caller waits (headless, scripts); `invoke` starts the modal way.

Modal: a timer lets the queue go on; a strip changes only in the tick in which its job has ended, followed by one undo
step, so that undo takes back one strip's result and never meets a half-changed one.
"""

from __future__ import annotations

import os
from typing import Any

import bpy

from . import files, jobs, place, preferences, record, settings, strips
from .child import VstabError
from .job import Job
from .presets import PRESETS
from .strips import StripError

_TIMER_S = 0.1


class Work:
    """What the operators that start jobs share."""

    def prepare(self, context: Any) -> list[Job]:
        """Return the jobs for the selected strips; tell of strips that have none.

        Raises:
            StripError, VstabError: there is nothing that could be done.
        """
        raise NotImplementedError

    def execute(self, context: Any) -> set[str]:
        """Do all jobs, one after the other."""
        try:
            todo = self.prepare(context)
        except (StripError, VstabError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for job in todo:
            jobs.run_to_end(job)
        failures = [message for job in todo if (message := self._settle(context, job))]
        if failures:
            self.report({"ERROR"}, "; ".join(failures))
            return {"CANCELLED"} if len(failures) == len(todo) else {"FINISHED"}
        return {"FINISHED"}

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Queue the jobs and stay until they are over."""
        if bpy.app.background:
            return self.execute(context)
        try:
            self._own = self.prepare(context)
        except (StripError, VstabError) as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        jobs.queue.add(self._own)
        self._timer = context.window_manager.event_timer_add(_TIMER_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """Let the queue go on with every tick of the timer."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        jobs.queue.tick()
        for job in [job for job in self._own if job.over]:
            self._own.remove(job)
            failure = self._settle(context, job)
            if failure:
                self.report({"ERROR"}, failure)
        redraw(context)
        if self._own:
            return {"PASS_THROUGH"}
        self._stop_timer(context)
        return {"FINISHED"}

    def cancel(self, context: Any) -> None:
        """Stop: Blender closes the window or opens another file."""
        jobs.queue.cancel(self._own)
        self._stop_timer(context)

    def _stop_timer(self, context: Any) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    def _settle(self, context: Any, job: Job) -> str:
        """Put a job's result in place; return what has gone wrong, "" if nothing."""
        if job.state == "cancelled":
            self.report({"INFO"}, f"{job.title}: cancelled")
            return ""
        if job.state == "failed":
            return f"{job.title}: {job.message}"
        failures = []
        for name in job.strips:
            try:
                _put(job, name)
            except (StripError, RuntimeError) as error:  # RuntimeError: how Blender's own operators fail
                failures.append(str(error))
        if not preferences.of(context).keep_analysis and os.path.exists(job.analysis):
            os.remove(job.analysis)
        if len(failures) < len(job.strips):
            if bpy.ops.ed.undo_push.poll():  # not with `blender -b`
                bpy.ops.ed.undo_push(message=self.bl_label)
            for warning in job.warnings:
                self.report({"WARNING"}, f"{job.title}: {warning}")
            self.report({"INFO"}, f"{job.title}: {', '.join(figures_of(job.figures)) or 'stabilized'}")
        return "; ".join(failures)

    def _job(self, context: Any, strip: Any, result: str, is_360: bool, fresh: bool, taken: list[str]) -> Job:
        shown, source = _source_of(strip)
        if not os.path.isfile(source):
            raise StripError(f"the file of '{strip.name}' is missing: '{source}'")
        scene = strips.scene_of(context)
        parameters = settings.parameters_of(scene.vstab, is_360)
        folder = preferences.results_folder(context)
        analysis_folder = _writable_folder(folder, source, needed=not settings.animates(result))
        output = "" if settings.animates(result) else files.result_file(source, folder, taken)
        return Job(
            program=preferences.look(context),
            scene=scene.name,
            strips=[strip.name],
            shown_source=shown,
            source=source,
            result=result,
            parameters=parameters,
            is_360=is_360,
            fresh=fresh,
            output=output,
            analysis=files.analysis_file(source, analysis_folder, parameters, is_360),
        )

    def _jobs_of(self, context: Any, chosen: list[tuple[Any, str, bool]], fresh: bool) -> list[Job]:
        """Return the jobs for (strip, result, is it 360), one for all pieces of a clip; without strips that wait."""
        scene = strips.scene_of(context)
        waiting = {name for job in jobs.queue.jobs if job.scene == scene.name for name in job.strips}
        taken = [job.output for job in jobs.queue.jobs]
        todo: dict[tuple[str, str, bool], Job] = {}
        for strip, result, is_360 in chosen:
            if strip.name in waiting:
                self.report({"WARNING"}, f"'{strip.name}' is being stabilized already")
                continue
            same = todo.get((_source_of(strip)[1], result, is_360))
            if same is not None:
                same.strips.append(strip.name)
                continue
            job = self._job(context, strip, result, is_360, fresh, taken)
            todo[job.source, result, is_360] = job
            taken.append(job.output)
        if not todo:
            raise StripError("there is nothing to do")
        return list(todo.values())


def _put(job: Job, name: str) -> None:
    """Put a job's result into one of its strips, which may have changed in the meantime.

    Raises:
        StripError: it has, or cannot take the result.
    """
    scene = bpy.data.scenes.get(job.scene)
    strip = strips.find(scene, name) if scene is not None else None
    if strip is None or strip.type != "MOVIE":
        kept = "" if settings.animates(job.result) else f"; the stabilized file is '{job.output}'"
        raise StripError(f"'{name}' was deleted or renamed while it was stabilized{kept}")
    if job.source != _source_of(strip)[1]:
        raise StripError(f"'{name}' shows another file than when its stabilization was started; it was left alone")
    place.put(scene, strip, job)


def _source_of(strip: Any) -> tuple[str, str]:
    """Return the path of a strip's original clip as the strip says it, and absolute."""
    note = record.read(strip)
    if note is None or "source" not in note or not place.shows_own(strip, note):
        return strip.filepath, strips.absolute(strip.filepath)
    shown = strips.still(note["source"], note["source_path"])
    return shown, strips.absolute(shown)


def _writable_folder(folder: str, source: str, *, needed: bool) -> str:
    """Return the folder for analyses as `files` takes it: where it cannot be written to, one of the extension's own.

    Raises:
        StripError: it cannot be written to, and a result has to go there too.
    """
    place = folder or os.path.dirname(source)
    if os.access(place, os.W_OK):
        return folder
    if needed:
        raise StripError(
            f"the folder '{place}' cannot be written to; choose a folder for results in the extension's preferences"
        )
    return bpy.utils.extension_path_user(__package__, path="analysis", create=True)


def figures_of(figures: dict[str, Any]) -> list[str]:
    """Return the figures of a result for people, one a line."""
    lines = [f"{figures['frames']} frames"] if "frames" in figures else []
    if figures.get("crop"):
        lines.append(f"{100 * float(figures['crop']):.1f} % cropped")
    if figures.get("weak_frames"):
        lines.append(f"{figures['weak_frames']} frames bridged")
    return lines


def redraw(context: Any) -> None:
    """Let every sequencer draw its panel again."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "SEQUENCE_EDITOR":
                area.tag_redraw()


def _lower_of(scene: Any, strip: Any) -> Any:
    """Return the stabilized strip that a strip stands above, or the strip itself."""
    note = record.read(strip)
    if note is None or note["result"] != "UPPER":
        return strip
    lower = strips.find(scene, note["partner"])
    if lower is None:  # deleted: what stood above it is a strip like any other
        record.forget(strip)
    return lower or strip


def _meant(operator: Any, context: Any) -> list[Any]:
    """Return the movie strips that an operator is to work on.

    Raises:
        StripError: there is none.
    """
    scene = strips.scene_of(context)
    chosen = strips.selected(scene)
    if not chosen:
        raise StripError("select a movie strip first")
    movies, refused = strips.movies_of(chosen)
    if not movies:
        raise StripError("; ".join(refused))
    for reason in refused:
        if " sound strip" not in reason:  # a clip's sound is selected with it
            operator.report({"WARNING"}, reason)
    unique = {lower.name: lower for lower in (_lower_of(scene, strip) for strip in movies)}
    return list(unique.values())


def _stabilized(operator: Any, context: Any) -> list[Any]:
    """Return the stabilized ones among the strips that are meant.

    Raises:
        StripError: there is none.
    """
    found = [strip for strip in _meant(operator, context) if record.read(strip) is not None]
    if not found:
        raise StripError("the selected strips are not stabilized")
    return found


class Stabilize(Work):
    """What the two operators that stabilize share."""

    is_360 = False

    def prepare(self, context: Any) -> list[Job]:
        """Return a job for each selected movie strip."""
        own = strips.scene_of(context).vstab
        if self.properties.is_property_set("preset"):
            own.preset = self.preset
        result = self.result if self.properties.is_property_set("result") else own.result
        if self.is_360 and settings.animates(result):
            raise StripError("a 360 clip cannot be stabilized by keyframes; use the result Render")
        return self._jobs_of(context, [(strip, result, self.is_360) for strip in _meant(self, context)], fresh=True)


def _result_property() -> Any:
    return bpy.props.EnumProperty(
        name="Result", description="Left out: as in the panel", items=settings.RESULTS, options={"SKIP_SAVE"}
    )


def _preset_property() -> Any:
    items = [(key, name, text) for key, (name, text, _) in PRESETS.items()]
    return bpy.props.EnumProperty(
        name="Preset", description="Left out: as in the panel", items=items, options={"SKIP_SAVE"}
    )


class VSTAB_OT_stabilize_strip(Stabilize, bpy.types.Operator):
    """Steady the shaky footage of the selected movie strips."""

    bl_idname = "vstab.stabilize_strip"
    bl_label = "Stabilize Strip"
    bl_options = {"REGISTER"}  # noqa: RUF012 - Blender's way

    result: _result_property()
    preset: _preset_property()

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether there is a sequence."""
        return strips.scene_of(context).sequence_editor is not None


class VSTAB_OT_stabilize_360_strip(Stabilize, bpy.types.Operator):
    """Steady the view of the selected 360 strips; the preview shows the flat, equirectangular picture."""

    bl_idname = "vstab.stabilize_360_strip"
    bl_label = "Stabilize 360 Strip"
    bl_options = {"REGISTER"}  # noqa: RUF012 - Blender's way

    is_360 = True
    result: _result_property()
    preset: _preset_property()

    poll = VSTAB_OT_stabilize_strip.poll


class VSTAB_OT_resolve_strip(Work, bpy.types.Operator):
    """Solve the camera path of the selected strips again with the panel's parameters, without a new analysis."""

    bl_idname = "vstab.resolve_strip"
    bl_label = "Re-solve"
    bl_options = {"REGISTER"}  # noqa: RUF012 - Blender's way

    poll = VSTAB_OT_stabilize_strip.poll

    def prepare(self, context: Any) -> list[Job]:
        """Return a job for each stabilized strip."""
        chosen = []
        for strip in _stabilized(self, context):
            note = record.read(strip)
            chosen.append((strip, note["result"], note["is_360"]))
        return self._jobs_of(context, chosen, fresh=False)


class _OnStabilized:
    """What is done at once to the selected strips that are stabilized."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's way

    poll = VSTAB_OT_stabilize_strip.poll

    def execute(self, context: Any) -> set[str]:
        """Find the strips and change them."""
        scene = strips.scene_of(context)
        try:
            found = _stabilized(self, context)
        except StripError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.change(context, scene, found)
        redraw(context)
        return {"FINISHED"}


class VSTAB_OT_remove_stabilization(_OnStabilized, bpy.types.Operator):
    """Give the selected strips back what they were before they were stabilized."""

    bl_idname = "vstab.remove_stabilization"
    bl_label = "Remove Stabilization"

    def change(self, context: Any, scene: Any, found: list[Any]) -> None:
        """Take the results away."""
        for strip in found:
            note = record.read(strip)
            place.take_away(scene, strip)
            if preferences.of(context).delete_on_remove:
                place.remove_file(note)


class VSTAB_OT_compare(_OnStabilized, bpy.types.Operator):
    """Show the selected strips as they were before, and again as they are after."""

    bl_idname = "vstab.compare"
    bl_label = "Compare Before/After"

    def change(self, context: Any, scene: Any, found: list[Any]) -> None:
        """Switch all selected strips to the same side."""
        original = not record.read(found[0])["shows_original"]
        for strip in found:
            place.show_original(scene, strip, original)
        self.report({"INFO"}, "before" if original else "after")


class VSTAB_OT_load_parameters(bpy.types.Operator):
    """Set the panel to the parameters that the active strip was stabilized with."""

    bl_idname = "vstab.load_parameters"
    bl_label = "Use This Strip's Parameters"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012 - Blender's way

    poll = VSTAB_OT_stabilize_strip.poll

    def execute(self, context: Any) -> set[str]:
        """Copy the record to the panel; values that this version does not know are left out."""
        try:
            note = record.read(_stabilized(self, context)[0])
        except StripError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        own = strips.scene_of(context).vstab
        for name, value in note["parameters"].items():
            if name in settings.NAMES:
                setattr(own, name, value)
        if any(note["result"] == key for key, _, _ in settings.RESULTS):
            own.result = note["result"]
        return {"FINISHED"}


class VSTAB_OT_cancel(bpy.types.Operator):
    """Stop all stabilizations that run or wait; strips that are not finished stay as they are."""

    bl_idname = "vstab.cancel"
    bl_label = "Cancel Stabilization"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Whether anything runs."""
        return bool(jobs.queue.jobs)

    def execute(self, context: Any) -> set[str]:
        """Ask the queue to stop."""
        jobs.queue.cancel(jobs.queue.jobs)
        return {"FINISHED"}


CLASSES = (
    VSTAB_OT_stabilize_strip,
    VSTAB_OT_stabilize_360_strip,
    VSTAB_OT_resolve_strip,
    VSTAB_OT_remove_stabilization,
    VSTAB_OT_compare,
    VSTAB_OT_load_parameters,
    VSTAB_OT_cancel,
)
