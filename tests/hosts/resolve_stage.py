"""What the tests of Resolve's scripts stand on: installed scripts, numbered clips, a `vstab` that works once a clip."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from resolve_scripts import install
from tests.clips import ClipSpec, write_clip
from tests.hosts.resolve_fake import FileFacts, Item, World
from tests.sequences import read_exr, write_exr
from tests.synthetic import film, shaking

STABILIZE, STABILIZE_360 = "vstab Stabilize Clip", "vstab Stabilize 360 Clip"
SELECTED, REMOVE, SETTINGS = "vstab Stabilize Selected Clips", "vstab Remove Stabilization", "vstab Settings"
OLD, NEW = (20, 3, 0), (21, 1, 0)

SIZE = (90, 160)  # (height, width)
COUNT = 24
FIRST = 1001  # of the image sequence
SEQUENCE_RATE = Fraction(25)  # Resolve gives image sequences the project's
_BITS, _BLOCK_PX = 6, 13
_SHAKY = shaking(2, x=0.012, turn=0.004, band=(1.5, 6.0))

# name -> (file name, rate, timecode)
CLIPS: dict[str, tuple[str, Fraction, str | None]] = {
    "25": ("a25.mp4", Fraction(25), None),
    "29.97 DF": ("b2997.mov", Fraction(30000, 1001), "01:00:00;02"),
    "23.976": ("c23976.mov", Fraction(24000, 1001), "10:00:00:00"),
    "59.94": ("d5994.mp4", Fraction(60000, 1001), None),
    "60": ("e60.mp4", Fraction(60), None),
}


@cache
def pictures() -> list[npt.NDArray[np.uint8]]:
    """Return a shaky shot, (90, 160) uint8 each, with its frame number as a row of black and white blocks."""
    return [_numbered(picture.copy(), number) for number, picture in enumerate(film(_SHAKY, COUNT, size=SIZE))]


def _numbered(picture: npt.NDArray[np.uint8], number: int) -> npt.NDArray[np.uint8]:
    for bit, (y, x) in enumerate(_blocks()):
        half = _BLOCK_PX // 2
        picture[y - half : y + half + 1, x - half : x + half + 1] = 235 if number >> bit & 1 else 16
    return picture


def _blocks() -> list[tuple[int, int]]:
    height, width = SIZE
    return [(height // 2, width // 2 + round((bit - (_BITS - 1) / 2) * (_BLOCK_PX + 1))) for bit in range(_BITS)]


def read_number(picture: npt.NDArray[Any]) -> int:
    """Return the number in a picture of 0 to 255; a stabilized one is moved by less than half a block."""
    return sum(int(picture[y - 1 : y + 2, x - 1 : x + 2].mean() > 125) << bit for bit, (y, x) in enumerate(_blocks()))


@cache
def numbers_in(path: str) -> list[int]:
    """Return the number burnt into each frame of a file, as Resolve names it."""
    files = sequence_files(path)
    if files is not None:
        return [read_number((read_exr(file)[0]["R"].clip(0, 4).astype(float) / 4) ** (1 / 2.4) * 255) for file in files]
    with av.open(path) as container:
        return [read_number(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]


def sequence_files(path: str) -> list[Path] | None:
    """Return the files of plate.[1001-1024].exr; None of a movie."""
    match = re.match(r"^(.*)\[(\d+)-(\d+)\](\.\w+)$", path)
    if match is None:
        return None
    stem, first, last, ending = match.groups()
    return [Path(f"{stem}{number:0{len(first)}d}{ending}") for number in range(int(first), int(last) + 1)]


@cache
def facts_of(path: str) -> FileFacts:
    """Return what Resolve finds in a file when it imports it."""
    files = sequence_files(path)
    if files is not None:
        assert all(file.exists() for file in files)
        return FileFacts(len(files), SEQUENCE_RATE, "00:00:41:16")
    with av.open(path) as container:
        stream = container.streams.video[0]
        timecodes = [each.metadata.get("timecode") for each in container.streams]
        assert stream.average_rate is not None
        start = next(filter(None, timecodes), "00:00:00:00")
        return FileFacts(stream.frames, Fraction(stream.average_rate), start)


def write_clips(folder: Path) -> dict[str, str]:
    """Write the clips and return name -> path, "exr" being an image sequence as Resolve names it."""
    paths = {}
    for name, (file, rate, timecode) in CLIPS.items():
        spec = ClipSpec(
            size=SIZE, rate=rate, time_base=1 / rate, count=COUNT, options={"qp": "8"},
            video_metadata={"timecode": timecode} if timecode else {},
        )  # fmt: skip
        grey = np.full((SIZE[0] // 2, SIZE[1] // 2), 128, np.uint8)
        paths[name] = str(write_clip(folder / file, spec, ((picture, grey, grey) for picture in pictures())))
    shot = folder / "plate"
    shot.mkdir()
    for number, picture in enumerate(pictures(), FIRST):
        light = ((picture.astype(np.float32) / 255) ** 2.4 * 4).astype(np.float16)
        write_exr(shot / f"plate.{number}.exr", [("", {"R": light, "G": light, "B": light}, {})])
    paths["exr"] = str(shot / f"plate.[{FIRST}-{FIRST + COUNT - 1}].exr")
    return paths


_ONCE = r"""
import os, sys, zlib  # and little else: this starts a hundred times

REAL, MEMORY = {real!r}, {memory!r}
words = sys.argv[1:]
output = words[words.index("-o") + 1] if "-o" in words else None
if words[:1] not in (["stabilize"], ["analyze"], ["--version"], ["params"]):
    os.execv(REAL, [REAL] + words)
key = list(words)
for option in ("-o", "--sidecar"):
    if option in key:
        at = key.index(option)
        del key[at:at + 2]
if output:
    folder, name = os.path.split(words[1])
    begin = name.partition("%")[0]
    for file in sorted(os.listdir(folder)):
        if file == name or ("%" in name and file.startswith(begin)):
            with open(os.path.join(folder, file), "rb") as data:
                key.append(zlib.crc32(data.read()))
place = os.path.join(MEMORY, format(zlib.crc32(repr(key).encode()), "x"))
is_sequence = bool(output) and "%" in output


def copy(source, target):
    if is_sequence:
        os.makedirs(target, exist_ok=True)
        pairs = [(os.path.join(source, name), os.path.join(target, name)) for name in os.listdir(source)]
    else:
        pairs = [(source, target)]
    for source, target in pairs:
        with open(source, "rb") as begin, open(target, "wb") as end:
            end.write(begin.read())


made = os.path.dirname(output) if is_sequence else output
if not os.path.exists(place + ".out"):
    import subprocess

    done = subprocess.run([REAL] + words, stdout=subprocess.PIPE)
    if done.returncode:
        sys.stdout.buffer.write(done.stdout)
        sys.exit(done.returncode)
    if output:
        copy(made, place + ".made")
    with open(place + ".out", "wb") as file:
        file.write(done.stdout)
elif output:
    copy(place + ".made", made)
with open(place + ".out", "rb") as file:
    sys.stdout.buffer.write(file.read())
"""


def vstab_once(folder: Path) -> Path:
    """Write a `vstab` whose second run on the same clip with the same parameters takes no time."""
    memory = folder / "memory"
    memory.mkdir()
    text = _ONCE.format(real=str(install.command()), memory=str(memory))
    return program(folder / "vstab-once", text)


def program(path: Path, text: str) -> Path:
    """Write a Python program that can be started."""
    path.write_text(f"#!{sys.executable} -IS\n{text}", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def run_script(world: World, name: str, **more: Any) -> None:
    """Start an installed menu script as Resolve does: its text, the three globals, no `__file__`."""
    script = Path(os.environ["VSTAB_TEST_FUSION"]) / "Scripts" / "Utility" / f"{name}.py"
    names = {"__name__": "__main__", "resolve": world.resolve, "fusion": None, "bmd": None, **more}
    before = list(sys.path)
    try:
        sys.path.insert(0, str(script.parents[2] / "vstab"))
        api = importlib.import_module("vstab_resolve.api")
        api.pause = world.pause  # the world's time
        sys.path[:] = before
        exec(compile(script.read_text(encoding="utf-8"), "<menu>", "exec"), names)
        assert Path(str(api.__file__)).is_relative_to(script.parents[2])
    finally:
        sys.path[:] = before


def write_settings(**values: Any) -> None:
    """Change settings, as *vstab Settings* does."""
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "vstab" / "resolve.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps({**stored, **values}), encoding="utf-8")


def remove_results(folder: Path) -> None:
    """Delete what earlier runs have left beside the clips."""
    for path in folder.iterdir():
        if "_stabilized" in path.name:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def output_of(*words: str) -> str:
    """Return what the real `vstab` writes."""
    return subprocess.run([str(install.command()), *words], stdout=subprocess.PIPE, check=True, text=True).stdout


def codec_of(path: str) -> str:
    """Return the codec of a file's video."""
    with av.open(path) as container:
        return container.streams.video[0].codec_context.name


def one_clip(clips: dict[str, str], version: tuple[int, ...] = OLD, *quirks: str, **more: Any) -> tuple[World, Item]:
    """Return a world with a clip of frames 5 to 16."""
    world = World(facts_of, version, quirks=quirks, **more)
    return world, world.timeline.place(world.add(clips["25"]), at=0, first=5, duration=12)


def numbers(world: World) -> list[tuple[str, int]]:
    """Return (file, number burnt into the picture) of each frame of the timeline."""
    seen = world.timeline.shown()
    return [(Path(place[0]).name, numbers_in(place[0])[place[1]]) for _, place in sorted(seen.items()) if place]


def said(capsys: Any) -> str:
    return str(capsys.readouterr().out)
