"""The files for a stock ffmpeg, rendered by it and compared with our own renderer on the same sidecar.

Skipped where the system's ffmpeg or a filter is missing unless VSTAB_REQUIRE_HOSTS=1, then they fail.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import ClipSpec, write_clip
from scenes import sphere_rays, texture

from vstab_core import rotation
from vstab_core.cli import main
from vstab_core.decode import probe, read_frames
from vstab_core.errors import InputError
from vstab_core.export_ffmpeg import command_line, escaped, similarity_part, text_of, v360_script, vidstab_script
from vstab_core.params import Parameters
from vstab_core.render import warp_frame
from vstab_core.sidecar import Sidecar, write_sidecar
from vstab_core.types import Frame, FrameWarp, WarpTrack
from vstab_core.warp import source_positions

FRAMES = 8
FLAT = (180, 320)  # (height, width)
ROUND = (160, 320)
# Position of the picture, ffmpeg's against ours: see each test for what was found. Half a pixel of pivot or of pixel
# centres, which is what would be wrong, shows as 0.25 and more.
POSITION_PX = 0.1
ROUND_WINDOW_PX = 0.25  # windows of 40 px of a bent picture in 8 bits, registered by least squares, are that uncertain
NASTY = "it's [a], b;c:d 100%.trf"


def needs(*filters: str) -> None:
    listed = ""
    if shutil.which("ffmpeg"):
        listed = subprocess.run(["ffmpeg", "-hide_banner", "-filters"], capture_output=True, text=True).stdout
    have = {line.split()[1] for line in listed.splitlines() if len(line.split()) > 2}
    missing = set(filters) - have
    if missing and os.environ.get("VSTAB_REQUIRE_HOSTS") == "1":
        pytest.fail(f"this test needs an ffmpeg with {', '.join(sorted(missing))}")
    if missing:
        pytest.skip(f"no ffmpeg with {', '.join(sorted(missing))}")


def shaken(mesh: np.ndarray | None = None) -> Sidecar:
    """An ordinary sidecar of shifts, turns of up to 4 degrees and a zoom, as the default model makes them."""
    rng = np.random.default_rng(11)
    angle, shown = np.radians(rng.uniform(-4, 4, FRAMES)), rng.uniform(0.8, 0.95, FRAMES)
    shift = rng.uniform(-0.05, 0.05, (FRAMES, 2))
    matrices = np.zeros((FRAMES, 3, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = shown * np.cos(angle)
    matrices[:, 1, 0] = shown * np.sin(angle)
    matrices[:, 0, 1] = -matrices[:, 1, 0]
    matrices[:, :2, 2], matrices[:, 2, 2] = shift, 1.0
    height, width = FLAT
    warps = WarpTrack(width, height, height / width, np.arange(FRAMES) * 40, Fraction(1, 1000), matrices, mesh,
                      1 - shown)  # fmt: skip
    return Sidecar(None, Parameters(projection="rectilinear", stereo="mono"), warps, "f", "hand.mkv", "rectilinear")


def turning(stereo: str = "mono", local: np.ndarray | None = None) -> Sidecar:
    """A 360 sidecar with large turns about all axes, another one for each frame, at an uneven rate."""
    height, width = ROUND
    angles = np.random.default_rng(5).uniform([-180, -70, -180], [180, 70, 180], (FRAMES, 3))
    angles[3, :2] = angles[2, :2]  # only the roll changes
    angles[5] = angles[4]  # nothing does
    matrices = rotation.matrix(rotation.from_yaw_pitch_roll(np.radians(angles)))
    pts = np.array([0, 33, 67, 100, 133, 200, 233, 267])
    warps = WarpTrack(width, height * (1 + (stereo == "top-bottom")), height / width, pts, Fraction(1, 1000), matrices,
                      None, np.zeros(FRAMES), projection="equirect", local=local)  # fmt: skip
    return Sidecar(None, Parameters(projection="equirect", stereo=stereo), warps, "f", "round.mkv", "equirect")


def waves(height: int) -> np.ndarray:
    """A 360 picture of waves about 20 px long on the sphere: every window of it tells a shift in both directions."""
    rng = np.random.default_rng(3)
    along = rng.standard_normal((6, 3))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    total = np.sin(16 * sphere_rays(height) @ along.T + rng.uniform(0, 6, 6)).sum(axis=-1)
    return np.clip(128 + 18 * total, 16, 235).round().astype(np.uint8)


def filmed(path: Path, sidecar: Sidecar, luma: np.ndarray) -> Path:
    """Write a clip of one still picture, lossless, with the sidecar's times."""
    grey = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    spec = ClipSpec(size=luma.shape, codec="ffv1", time_base=Fraction(1, 1000), pts=sidecar.track.pts.tolist())
    return write_clip(path, spec, ((luma, grey, grey) for _ in sidecar.track.pts))


def run_printed(command: str, folder: Path) -> list[Frame]:
    """Run the command that the export prints, but for a lossless result, and return its frames."""
    words = shlex.split(command)
    assert words[-1] == "OUT.mp4"
    words[1:1] = ["-nostdin", "-v", "error", "-y"]
    words[-1:] = ["-c:v", "ffv1", "out.mkv"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(read_frames(folder / "out.mkv"))


def shift_px(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return by how much `found` is moved against `wanted`, (dx, dy), by least squares on the slopes."""
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    down, right = np.gradient((found + wanted) / 2)
    inner = (slice(2, -2), slice(2, -2))
    slopes = np.column_stack([-right[inner].ravel(), -down[inner].ravel()])
    return np.linalg.lstsq(slopes, (found - wanted)[inner].ravel(), rcond=None)[0]


def ours(frame: Frame, sidecar: Sidecar, index: int) -> np.ndarray:
    parameters = replace(sidecar.parameters, border="black")

    def empty(like: Frame) -> Frame:
        return replace(like, planes=tuple(np.empty_like(plane) for plane in like.planes))

    return warp_frame(frame, sidecar.warps[index], parameters, empty).planes[0]


def windows(size: tuple[int, int], margin: int, side: int) -> list[tuple[slice, slice]]:
    return [(slice(y, y + side), slice(x, x + side)) for y in range(margin, size[0] - margin - side + 1, side)
            for x in range(margin, size[1] - margin - side + 1, side)]  # fmt: skip


def test_vidstab_shows_the_similarity_where_we_show_it(tmp_path: Path) -> None:
    """Found: position 0.026 px at most, mean difference 0.19 codes of 180."""
    needs("vidstabtransform")
    sidecar = shaken()
    clip = filmed(tmp_path / "hand.mkv", sidecar, texture(size=FLAT))
    write_sidecar(tmp_path / "hand.vstab", replace(sidecar, fingerprint=probe(clip).fingerprint))
    script = vidstab_script(sidecar)
    (tmp_path / NASTY).write_text(text_of(script, NASTY, "hand.mkv"))
    shown = run_printed(command_line(script, NASTY, "hand.mkv"), tmp_path)
    assert len(shown) == FRAMES
    apart, differ = [], []
    for index, (source, frame) in enumerate(zip(read_frames(clip), shown, strict=True)):
        wanted = ours(source, sidecar, index)
        for window in windows(FLAT, 26, 32):
            apart.append(np.hypot(*shift_px(frame.planes[0][window], wanted[window])))
        inside = (slice(26, -26), slice(26, -26))
        differ.append(np.abs(frame.planes[0][inside].astype(float) - wanted[inside]).mean())
    assert max(apart) < POSITION_PX
    assert max(differ) < 1.0


@pytest.mark.parametrize("stereo", ["mono", "top-bottom"])
def test_v360_shows_each_frame_turned_as_we_turn_it(tmp_path: Path, stereo: str) -> None:
    """Found: position 0.04 px median, 0.15 at most (without the smaller field of view 0.28 and 0.5); PSNR 50 dB."""
    needs("v360", "sendcmd")
    sidecar = turning(stereo)
    picture = waves(ROUND[0])
    clip = filmed(tmp_path / "round.mkv", sidecar, np.vstack([picture, picture]) if stereo != "mono" else picture)
    script = v360_script(sidecar)
    (tmp_path / "round.txt").write_text(text_of(script, "round.txt", "round.mkv"))
    shown = run_printed(command_line(script, "round.txt", "round.mkv"), tmp_path)
    assert [frame.time_s for frame in shown] == pytest.approx(sidecar.track.pts / 1000)
    apart, errors = [], []
    for index, (source, frame) in enumerate(zip(read_frames(clip), shown, strict=True)):
        wanted = ours(source, sidecar, index)
        for window in windows((ROUND[0] // 2, ROUND[1]), 0, 40):  # the middle half: further up, pixels are stretched
            middle = (slice(window[0].start + 40, window[0].stop + 40), window[1])
            apart.append(np.hypot(*shift_px(frame.planes[0][middle], wanted[middle])))
        errors.append(((frame.planes[0].astype(float) - wanted) ** 2).mean())
    assert np.median(apart) < POSITION_PX
    assert max(apart) < ROUND_WINDOW_PX
    assert 10 * np.log10(255**2 / max(errors)) > 45


def test_what_a_similarity_leaves_out_is_told() -> None:
    """A mesh that moves the bottom edge by 0.02 (3.2 px) against the top: the nearest similarity takes its mean."""
    assert vidstab_script(shaken()).error == pytest.approx(0, abs=1e-9)
    mesh = np.zeros((FRAMES, 5, 5, 2), np.float32)
    mesh[3, ..., 0] = np.linspace(-0.01, 0.01, 5)[:, None]
    assert 0.5 < vidstab_script(shaken(mesh)).error < 1.7
    height, width = FLAT
    stretched = FrameWarp(np.diag([1.0, 0.9, 1.0]), height / width)
    slope, offset, apart_px = similarity_part(stretched, FLAT)
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]])
    whole = source_positions(stretched, FLAT, FLAT, corners)
    assert np.linalg.norm(corners @ slope.T + offset - whole, axis=1).max() == pytest.approx(apart_px)


def test_what_a_rotation_leaves_out_is_told() -> None:
    local = np.zeros((FRAMES, 6, 3), np.float32)
    local[2, 4] = np.radians([0.0, 0.3, 0.4])
    script = v360_script(turning(local=local))
    assert (script.error, script.unit) == (pytest.approx(0.5, rel=1e-5), "deg")
    assert "0.50 degrees (0.4 px)" in script.notes[0]


def test_only_angles_that_change_are_commands_half_a_frame_early() -> None:
    lines = v360_script(turning()).lines
    assert [line.count("v360") for line in lines] == [3, 3, 3, 1, 3, 3, 3]
    assert [float(line.split()[0]) for line in lines] == pytest.approx([0, 0.0165, 0.05, 0.0835, 0.1165, 0.2165, 0.25])


def test_the_wrong_kind_of_clip_is_refused() -> None:
    with pytest.raises(InputError, match=r"sidecar is of a 360 clip; use --to v360"):
        vidstab_script(turning())
    with pytest.raises(InputError, match=r"sidecar is of an ordinary one; use --to vidstab"):
        v360_script(shaken())
    with pytest.raises(InputError, match=r"the clip of the sidecar is vr180"):
        v360_script(replace(turning(), parameters=Parameters(projection="vr180", stereo="mono")))
    with pytest.raises(InputError, match="holds no warps"):
        vidstab_script(replace(shaken(), warps=None))


def test_a_name_cannot_add_lines_to_the_file() -> None:
    text = text_of(vidstab_script(shaken()), "a.trf", "x\n1 50 0 0 0 0\n" + "y" * 3000)
    data = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(data) == FRAMES
    assert max(map(len, text.splitlines())) < 1000
    assert escaped("a:b'") == "a\\\\:b\\\\\\'"


def test_the_command_writes_the_file_and_prints_how_to_use_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sidecar(tmp_path / "hand.vstab", shaken())
    assert main(["export", str(tmp_path / "hand.vstab"), "--to", "vidstab", "--progress", "none"]) == 0
    told = capsys.readouterr()
    assert shlex.split(told.out)[:3] == ["ffmpeg", "-i", "hand.mkv"]
    assert "similarity part of the warps" in told.err
    assert (tmp_path / "hand.trf").read_text().count("\n") > FRAMES
    write_sidecar(tmp_path / "round.vstab", turning())
    assert main(["export", str(tmp_path / "round.vstab"), "--to", "v360", "--progress", "json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert events[-1]["figures"]["left_out_deg"] == 0
    assert any("computes its whole map again" in event.get("message", "") for event in events)
    assert (tmp_path / "round.v360.txt").exists()
    assert main(["export", str(tmp_path / "round.vstab"), "--to", "vidstab"]) == 3
