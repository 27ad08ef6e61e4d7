"""The Blender extension in the real Blender (PyPI's `bpy`), each scenario in a process of its own.

`make test` runs one version, `make test-blender` all. The scenarios are in blender_scenarios.py; here stand the clips,
and the judgement of what was rendered.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from blender_addon.package import build
from tests.clips import ClipSpec, write_clip
from tests.hosts.conftest import missing
from tests.scenes import Luma, look, sway, texture
from tests.tolerances import BLENDER_KEYFRAMES_PX

ROOT = Path(__file__).parents[2]
HOME = ROOT / "build" / "blender"
INSTALLED = sorted(path.name for path in HOME.glob("*") if (path / "bin" / "python").exists())
VERSIONS = os.environ.get("VSTAB_BLENDERS", "").split() or INSTALLED[:1] or ["4.2"]
FRAMES = 50
TIMEOUT_S = 60


def blender_python(version: str) -> Path:
    python = HOME / version / "bin" / "python"
    if not python.exists():
        missing(f"there is no Blender {version} at '{HOME / version}'; make test-blender installs it")
    return python


@pytest.fixture(scope="session", params=VERSIONS)
def blender(request: pytest.FixtureRequest) -> Path:
    return blender_python(request.param)


@pytest.fixture(scope="session")
def zip_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("zip"))


def write_luma(path: Path, pictures: list[Luma], rate: int = 30) -> Path:
    height, width = pictures[0].shape
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    spec = ClipSpec(size=(height, width), codec="ffv1", rate=Fraction(rate), count=len(pictures))
    return write_clip(path, spec, ((picture, grey, grey) for picture in pictures))


def shaky(count: int = FRAMES) -> list[Luma]:
    """Shake of 3 px and 0.8 degrees (RMS), faster than 2 Hz."""
    scene = texture()
    moves = zip(sway(count, 2.7, 3.0), sway(count, 3.3, 2.0, 1.0), sway(count, 2.1, 0.8, 0.5), strict=True)
    return [look(scene, x, y, angle) for x, y, angle in moves]


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_luma(tmp_path_factory.mktemp("clip") / "walk.mkv", shaky())


Play = Callable[[str], Path]


@pytest.fixture
def play(blender: Path, zip_file: Path, walk: Path, tmp_path: Path) -> Play:
    """Run a scenario and return its folder."""
    shutil.copy(walk, tmp_path)
    program = str(Path(sys.executable).with_name("vstab"))
    (tmp_path / "setup.json").write_text(json.dumps({"zip": str(zip_file), "vstab": program}))

    def run(name: str) -> Path:
        environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "blender"), "PYTHONPATH": ""}
        done = subprocess.run(
            [str(blender), str(Path(__file__).with_name("blender_scenarios.py")), name, str(tmp_path)],
            capture_output=True,
            text=True,
            env=environment,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
        return tmp_path

    return run


def pictures(folder: Path) -> list[Luma]:
    """What Blender has rendered, as grey."""
    return [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted(folder.glob("*.bmp"))]


def judge(before: Path, after: Path) -> dict[str, Any]:
    """`vstab eval` of rendered frames."""
    clips = [write_luma(folder.with_suffix(".mkv"), pictures(folder)) for folder in (before, after)]
    words = [sys.executable, "-m", "vstab_core.cli", "eval", *map(str, clips), "--json", "--progress", "none"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout)["metrics"])


def apart_px(a: Luma, b: Luma) -> float:
    """How far the content of two pictures is apart at most, by the affine map that fits best (ECC)."""
    warp = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-6)
    edge = 6  # of the canvas, where black may show
    inner = [np.ascontiguousarray(picture[edge:-edge, edge:-edge]) for picture in (a, b)]
    _, warp = cv2.findTransformECC(inner[0], inner[1], warp, cv2.MOTION_AFFINE, criteria, np.empty(0, np.uint8), 5)
    height, width = a.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    return float(np.hypot(*(corners @ warp.T - corners[:, :2]).T).max())


def test_both_results_take_the_shake_and_agree(play: Play) -> None:
    folder = play("results")
    for result in ("render", "keyframes"):
        metrics = judge(folder / "before", folder / result)
        assert metrics["jitter_px"]["after"] < 0.25 * metrics["jitter_px"]["before"]
        assert metrics["cropping_ratio"]["value"] > 0.85
    frames = zip(pictures(folder / "render"), pictures(folder / "keyframes"), strict=True)
    assert max(apart_px(a, b) for a, b in frames) < BLENDER_KEYFRAMES_PX


def test_the_zip_is_valid_and_stands_alone(blender: Path, zip_file: Path) -> None:
    validator = next(blender.parents[1].glob("lib/python3*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli"))
    words = [str(blender), str(validator / "blender_ext.py"), "validate", str(zip_file)]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0
