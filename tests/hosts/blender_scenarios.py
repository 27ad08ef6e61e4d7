"""What happens inside Blender: `python blender_scenarios.py NAME FOLDER`, one scenario a process.

FOLDER holds clips and `setup.json` (zip, vstab); pictures are left in it for the test to judge.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import blender_stage as at

FOLDER = Path(sys.argv[2])
SETUP = json.loads((FOLDER / "setup.json").read_text())
CLIP = str(FOLDER / "walk.mkv")
FRAMES = 50


def results() -> None:
    """Both results, judged by the test; and back."""
    at.install(SETUP["zip"], SETUP["vstab"])
    scene = at.stage()
    strip = at.add_movie(scene, CLIP)
    at.render(scene, FOLDER / "before", range(1, FRAMES + 1))
    assert bpy.ops.vstab.stabilize_strip() == {"FINISHED"}
    assert Path(strip.filepath).name == "walk_stabilized.mkv"
    assert at.record(strip)["source"] == CLIP
    at.render(scene, FOLDER / "render", range(1, FRAMES + 1))
    scene.vstab.rolling_shutter = "off"
    assert bpy.ops.vstab.stabilize_strip(result="KEYFRAMES") == {"FINISHED"}
    assert strip.filepath == CLIP
    at.render(scene, FOLDER / "keyframes", range(1, FRAMES + 1))


SCENARIOS = {
    name: value for name, value in globals().items() if callable(value) and getattr(value, "__module__", "") == __name__
}


def main() -> int:
    try:
        SCENARIOS[sys.argv[1]]()
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    at.leave(main())
