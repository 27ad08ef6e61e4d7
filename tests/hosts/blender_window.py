"""What happens in a Blender with a real window: `blender --python blender_window.py -- FOLDER`.

The interface is driven through its own event loop: a timer takes one step of `story` after the other, each of which
says what it waits for. FOLDER holds clips and `setup.json` (zip, vstab, and `photograph`: a command that takes a
picture of the screen; {} is its name). What was seen is left in `seen.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import blender_stage as at

FOLDER = Path(sys.argv[sys.argv.index("--") + 1])
SETUP = json.loads((FOLDER / "setup.json").read_text())
STEP_S = 0.05
PATIENCE_S = 60.0
SEEN: dict[str, Any] = {}


def photograph(name: str) -> None:
    if SETUP.get("photograph"):
        subprocess.run(SETUP["photograph"].format(FOLDER / name), shell=True, check=False)


def in_sequencer() -> dict[str, Any]:
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "SEQUENCE_EDITOR")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": window, "screen": window.screen, "area": area, "region": region}


def call(operator: Any, *words: str, **settings: Any) -> set[str]:
    with bpy.context.temp_override(**in_sequencer()):
        return operator(*words, **settings)


def open_panel() -> None:
    """Show the panel as a popup at the mouse: the sidebar itself is not drawn by Mesa's llvmpipe."""
    with bpy.context.temp_override(**in_sequencer()):
        bpy.ops.wm.call_panel(name="VSTAB_PT_stabilize", keep_open=True)


def queue() -> Any:
    from bl_ext.user_default.vstab.jobs import queue

    return queue


def strip(name: str = "walk") -> Any:
    return at.strips_of(bpy.context.scene.sequence_editor).get(name)


def story() -> Iterator[Callable[[], bool] | None]:
    """Yield conditions to wait for; None lets the interface draw for a moment."""
    at.install(SETUP["zip"], SETUP["vstab"])
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "SEQUENCE_EDITOR"
    area.spaces.active.view_type = "SEQUENCER_PREVIEW"
    area.spaces.active.show_region_ui = True
    yield None
    scene = at.stage()
    clip = str(FOLDER / "walk.mkv")
    at.add_movie(scene, clip)
    at.add_movie(scene, str(FOLDER / "other.mkv"), "other", start=160, channel=2)
    at.select(scene, strip())
    scene.frame_set(13)
    call(bpy.ops.sequencer.view_all)
    call(bpy.ops.ed.undo_push, message="clips added")
    for _ in range(6):
        yield None
    photograph("1_before.xwd")

    # one job: the interface goes on while it runs, and shows how far it is
    stabilize = bpy.ops.vstab.stabilize_strip
    assert call(stabilize, "INVOKE_DEFAULT", result="KEYFRAMES") == {"RUNNING_MODAL"}
    assert len(queue().jobs) == 1
    steps, factors = 0, []
    while queue().jobs:
        steps += 1
        factors.append(queue().jobs[0].factor)
        if steps == 40:
            open_panel()
        if steps == 48:
            photograph("2_during.xwd")
        yield None
    SEEN["steps_while_running"], SEEN["factors"] = steps, factors
    yield lambda: at.is_stabilized(strip())
    assert strip().transform.scale_x > 1.01, "the preview still shows the strip as it was"
    open_panel()
    for _ in range(30):
        yield None
    photograph("3_after.xwd")
    assert at.record(strip())["result"] == "KEYFRAMES"

    # undo takes back just this, redo brings it again
    call(bpy.ops.ed.undo)
    yield None
    assert strip() is not None
    assert not at.is_stabilized(strip())
    assert not at.curves_left(bpy.context.scene)
    call(bpy.ops.ed.redo)
    yield None
    assert at.is_stabilized(strip())

    # two jobs in a queue, with an undo of something else in between: both reach their strips
    scene = bpy.context.scene
    at.select(scene, strip())
    call(stabilize, "INVOKE_DEFAULT", result="RENDER")
    at.select(scene, strip("other"))
    call(stabilize, "INVOKE_DEFAULT", result="RENDER")
    SEEN["queued"] = [job.state for job in queue().jobs]
    call(bpy.ops.ed.undo)
    for _ in range(6):
        yield None
    photograph("4_queue.xwd")
    yield lambda: not queue().jobs
    for _ in range(4):
        yield None
    assert strip().filepath == str(FOLDER / "walk_stabilized.mkv"), strip().filepath
    assert strip("other").filepath == str(FOLDER / "other_stabilized.mkv")
    photograph("5_both.xwd")

    # cancel leaves strip and folder as they were
    before = sorted(os.listdir(FOLDER))
    at.select(bpy.context.scene, strip())
    shown = strip().filepath
    call(stabilize, "INVOKE_DEFAULT", result="ABOVE")
    yield lambda: bool(queue().jobs) and queue().jobs[0].factor > 0
    assert call(bpy.ops.vstab.cancel) == {"FINISHED"}
    yield lambda: not queue().jobs
    yield None
    assert strip().filepath == shown
    SEEN["left_by_cancel"] = sorted(set(os.listdir(FOLDER)) - set(before) - {"4_queue.xwd", "5_both.xwd"})

    # a strip that is deleted while its job runs
    at.select(bpy.context.scene, strip("other"))
    call(stabilize, "INVOKE_DEFAULT", result="RENDER")
    yield None
    at.strips_of(bpy.context.scene.sequence_editor).remove(strip("other"))
    yield lambda: not queue().jobs
    yield None

    # another file is opened, then Blender is closed, each in mid-job
    at.select(bpy.context.scene, strip())
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "project.blend"))
    call(stabilize, "INVOKE_DEFAULT", result="RENDER")
    yield lambda: bool(queue().jobs) and queue().jobs[0].factor > 0
    started = time.monotonic()
    bpy.ops.wm.open_mainfile(filepath=str(FOLDER / "project.blend"))
    SEEN["open_took_s"] = time.monotonic() - started
    assert not queue().jobs
    yield None
    at.select(bpy.context.scene, strip())
    call(stabilize, "INVOKE_DEFAULT", result="RENDER")
    yield lambda: bool(queue().jobs) and queue().jobs[0].factor > 0
    SEEN["finished"] = True


class Player:
    """Takes a step of the story whenever what it waits for has come."""

    def __init__(self) -> None:
        self._story = story()
        self._wait: Callable[[], bool] | None = None
        self._since = time.monotonic()

    def __call__(self) -> float | None:
        try:
            if self._wait is not None and not self._wait():
                assert time.monotonic() - self._since < PATIENCE_S, "waited too long"
                return STEP_S
            self._wait, self._since = next(self._story), time.monotonic()
        except StopIteration:
            return self._leave()
        except BaseException:
            SEEN["error"] = traceback.format_exc()
            return self._leave()
        return STEP_S

    def _leave(self) -> None:
        (FOLDER / "seen.json").write_text(json.dumps(SEEN))
        bpy.ops.wm.quit_blender()


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(Player(), first_interval=1.0, persistent=True)
