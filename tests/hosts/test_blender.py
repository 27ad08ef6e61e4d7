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
from tests.scenes import HEIGHT, WIDTH, Luma, bend, look, look_around, sway, texture, world, yaw
from tests.tolerances import BLENDER_CORNER_PIN_PX, BLENDER_KEYFRAMES_CODED_PX, BLENDER_KEYFRAMES_PX

ROOT = Path(__file__).parents[2]
HOME = ROOT / "build" / "blender"
INSTALLED = sorted(path.name for path in HOME.glob("*") if (path / "bin" / "python").exists())
VERSIONS = os.environ.get("VSTAB_BLENDERS", "").split() or INSTALLED[:1] or ["4.2"]
FRAMES = 50
DARKEST = 40  # of the clip; black is what the canvas has where no picture is
PLACEMENTS = ("trimmed", "placed", "mirrored", "fitted", "frame_for_frame", "at_its_own_rate",
              "at_its_own_rate_and_trimmed", "backwards", "cut_for_good", "strobing", "under_an_effect",
              "in_a_meta_strip")  # fmt: skip
UNCOVERED = ("placed", "mirrored", "fitted")  # black shows beside the picture
TIMEOUT_S = 180  # a scenario takes 3 to 10 s by itself


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


def tilted(count: int = FRAMES) -> list[Luma]:
    """Perspective that shakes the corners by 3 px (RMS) against the middle, and a little sway."""
    scene = texture()
    swing = zip(sway(count, 2.7, 0.03), sway(count, 3.1, 0.03, 1.0), sway(count, 2.3, 2.0), strict=True)
    to_unit = np.diag([2 / scene.shape[1], 2 / scene.shape[1], 1.0])
    return [
        look(bend(scene, np.linalg.inv(to_unit) @ np.array([[1, 0, 0], [0, 1, 0], [p, q, 1]]) @ to_unit), x)
        for p, q, x in swing
    ]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of clips: walk (shaky), other (backwards), uneven (rate), turned, wide (pixels), sphere (360), still."""
    folder = tmp_path_factory.mktemp("clips")
    pictures = shaky()
    write_luma(folder / "walk.mkv", pictures)
    write_luma(folder / "other.mkv", pictures[::-1])
    write_luma(folder / "tilted.mkv", tilted())
    cv2.imwrite(str(folder / "still.png"), pictures[0])
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    ticks = np.random.default_rng(1).choice([2000, 3000, 4000, 6000], FRAMES).cumsum()
    for name, spec in (
        ("uneven", ClipSpec(size=(HEIGHT, WIDTH), rate=Fraction(30), pts=(ticks - ticks[0]).tolist())),
        ("turned", ClipSpec(size=(HEIGHT, WIDTH), rate=Fraction(30), count=FRAMES, rotation_deg=90)),
        ("wide", ClipSpec(size=(HEIGHT, WIDTH), rate=Fraction(30), count=5, pixel_aspect=Fraction(4, 3))),
    ):
        write_clip(
            folder / f"{name}.mp4",
            spec,
            ((picture, grey, grey) for picture in pictures[: len(spec.pts or ()) or spec.count]),
        )
    around = [look_around(world(height=128), yaw(3 * np.sin(i))) for i in range(8)]
    grey = np.full((64, 128), 128, np.uint8)
    spec = ClipSpec(size=(128, 256), rate=Fraction(30), count=8)
    write_clip(folder / "sphere.mp4", spec, ((picture, grey, grey) for picture in around))
    return folder


Play = Callable[[str], Path]


@pytest.fixture
def play(blender: Path, zip_file: Path, clips: Path, tmp_path: Path) -> Play:
    """Run a scenario and return its folder."""
    shutil.copytree(clips, tmp_path, dirs_exist_ok=True)
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


def vstab(*words: object) -> dict[str, Any]:
    """Run the command and return its JSON."""
    command = [sys.executable, "-m", "vstab_core.cli", *map(str, words)]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def judge(before: Path, after: Path) -> dict[str, Any]:
    """`vstab eval` of rendered frames."""
    clips = [write_luma(folder.with_suffix(".mkv"), pictures(folder)) for folder in (before, after)]
    return dict(vstab("eval", *clips, "--json", "--progress", "none")["metrics"])


def apart_px(a: Luma, b: Luma) -> float:
    """How far the content of two pictures is apart at most, by the affine map that fits best (ECC)."""
    warp = np.eye(2, 3, dtype=np.float32)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-6)
    both = np.minimum(a, b).astype(np.uint8)
    both[[0, -1]] = both[:, [0, -1]] = 0
    mask = cv2.erode((both > DARKEST // 2).astype(np.uint8), np.ones((13, 13), np.uint8))  # where both have a picture
    _, warp = cv2.findTransformECC(a, b, warp, cv2.MOTION_AFFINE, criteria, mask, 5)
    height, width = a.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
    return float(np.hypot(*(corners @ warp.T - corners[:, :2]).T).max())


def nearly_apart_px(a: Luma, b: Luma) -> float:
    """As `apart_px`, for pictures less than a pixel apart whose edges stay in place: one linear step, no search."""
    blurred = [cv2.GaussianBlur(picture.astype(np.float64), (5, 5), 0) for picture in (a, b)]
    down, right = np.gradient((blurred[0] + blurred[1]) / 2)
    both = np.minimum(a, b)
    both[[0, -1]] = both[:, [0, -1]] = 0
    mask = cv2.erode((both > DARKEST // 2).astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    height, width = a.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    columns = [slope[mask] * factor for slope in (right, down) for factor in (1.0, x[mask], y[mask])]
    fit = np.linalg.lstsq(np.stack(columns, 1), (blurred[1] - blurred[0])[mask], rcond=None)[0]
    corners = np.array([[1, i, j] for i in (-1, 1) for j in (-1, 1)])
    return float(np.hypot(corners @ fit[:3], corners @ fit[3:]).max())


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


def test_keyframes_and_file_agree_however_the_strip_is_placed(play: Play, blender: Path) -> None:
    folder = play("placements")
    found = {}
    for place in PLACEMENTS:
        before, file, keyframes, removed = (
            pictures(folder / place / kind) for kind in ("before", "render", "keyframes", "removed")
        )
        assert max(apart_px(a, b) for a, b in zip(before, file, strict=True)) > 1, "nothing was stabilized"
        assert all(np.array_equal(a, b) for a, b in zip(before, removed, strict=True)), f"{place}: not as before"
        if place not in UNCOVERED:
            edge = int(blender.parents[1].name == "4.2")  # darkens the outermost left and bottom pixels by itself
            inner = [picture[edge : picture.shape[0] - edge, edge : picture.shape[1] - edge] for picture in keyframes]
            assert min(picture.min() for picture in inner) > DARKEST // 2, f"{place}: black at an edge"
        found[place] = max(apart_px(a, b) for a, b in zip(file, keyframes, strict=True))
    assert max(found.values()) < BLENDER_KEYFRAMES_PX, found


def test_a_corner_pin_and_the_file_agree_however_the_strip_is_placed(play: Play, blender: Path) -> None:
    folder = play("corner_pin")
    if blender.parents[1].name != "5.2":
        return
    found = {}
    for place in PLACEMENTS:
        before, file, pinned, compared, later, removed = (
            pictures(folder / place / kind) for kind in ("before", "render", "corners", "compared", "later", "removed")
        )
        assert max(apart_px(a, b) for a, b in zip(before, file, strict=True)) > 1, "nothing was stabilized"
        for again, wanted in ((compared, before), (later, pinned), (removed, before)):
            assert all(np.array_equal(a, b) for a, b in zip(again, wanted, strict=True)), place
        found[place] = max(nearly_apart_px(a, b) for a, b in zip(file, pinned, strict=True))
    assert max(found.values()) < BLENDER_CORNER_PIN_PX, found


@pytest.mark.parametrize("scenario", ["comes_back", "pieces", "bad_input", "leaves_nothing", "from_the_command_line"])
def test_in_blender(play: Play, scenario: str) -> None:
    play(scenario)


def test_clips_of_uneven_rate_and_turned_ones(play: Play) -> None:
    folder = play("other_clips")
    frames = zip(pictures(folder / "render"), pictures(folder / "keyframes"), strict=True)
    assert max(apart_px(a, b) for a, b in frames) < BLENDER_KEYFRAMES_CODED_PX


def test_colour_settings_change_nothing(play: Play) -> None:
    folder = play("colours")
    before, after = pictures(folder / "before"), pictures(folder / "render")
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_360_strip_stays_one(play: Play) -> None:
    folder = play("sphere")
    info = vstab("info", folder / "sphere_stabilized.mp4", "--json")
    assert info["projection"] == "equirect"
    assert info["projection_from"].startswith("the spherical metadata") or info["spherical"]
