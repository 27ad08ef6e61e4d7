"""Clips for blender_window.py, and the judgement of what it has seen.

python -m tests.hosts.window_clips FOLDER [seen]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import av

from blender_addon.package import build
from tests.hosts.test_blender import write_luma

ROOT = Path(__file__).parents[2]


def prepare(folder: Path) -> None:
    with av.open(str(ROOT / "samples" / "handheld.mp4")) as clip:
        pictures = [frame.to_ndarray(format="gray") for frame in clip.decode(video=0)]
    write_luma(folder / "walk.mkv", pictures)
    write_luma(folder / "other.mkv", pictures[::-1])
    program = str(Path(sys.executable).with_name("vstab"))
    photograph = "xwd -root -silent -out {}"
    setup = {"zip": str(build(folder)), "vstab": program, "photograph": photograph}
    (folder / "setup.json").write_text(json.dumps(setup))


def judge(folder: Path) -> int:
    seen = json.loads((folder / "seen.json").read_text())
    if "error" in seen:
        sys.stderr.write(seen["error"])
        return 1
    assert seen["finished"]
    assert seen["steps_while_running"] > 10, "the interface stood still"
    assert seen["factors"] == sorted(seen["factors"])
    assert len(set(seen["factors"])) > 5, "no progress was shown"
    assert seen["left_by_cancel"] == []
    assert not list(folder.glob(".*partial*")), "a job that was cut off has left something"
    assert seen["open_took_s"] < 5
    assert "150 frames" in (folder / "headless.log").read_text(), "--command vstab did not stabilize"
    assert (folder / "headless.blend").exists()
    sys.stdout.write(f"{len(seen['factors'])} steps while the first job ran; pictures in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(judge(Path(sys.argv[1])) if sys.argv[2:] == ["seen"] else prepare(Path(sys.argv[1])))
