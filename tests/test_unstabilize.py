"""The original view of a stabilized 360 clip: positions by the models, pictures from file to file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import ClipSpec, write_clip
from scenes import look_around, world

from vstab_core import pipeline, rotation
from vstab_core.cli import main
from vstab_core.decode import probe, read_frames
from vstab_core.errors import InputError
from vstab_core.params import Parameters
from vstab_core.projection import ray_from_px
from vstab_core.sidecar import Sidecar, read_sidecar, write_sidecar
from vstab_core.sphere import deformed
from vstab_core.types import EncodeOptions, WarpTrack
from vstab_core.unstabilize import inverse_of, unstabilize
from vstab_core.warp import source_positions

COUNT, SIZE = 8, (96, 192)
LOSSLESS = EncodeOptions(codec="ffv1")
TURNS = rotation.from_yaw_pitch_roll(np.radians(np.random.default_rng(6).uniform(-25, 25, (COUNT, 3))))


def angle_px(a: np.ndarray, b: np.ndarray, width: int) -> np.ndarray:
    return 2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=-1) / 2, 0, 1)) * width / (2 * np.pi)


def picture(turn: np.ndarray, height: int) -> tuple[np.ndarray, ...]:
    grey = np.full((height // 2, height), 128, np.uint8)
    return look_around(world(height=height), rotation.matrix(turn)), grey, grey


def write_world(path: Path, turns: np.ndarray, height: int = SIZE[0]) -> Path:
    spec = ClipSpec(size=(height, 2 * height), codec="ffv1", rate=Fraction(25), count=len(turns))
    return write_clip(path, spec, (picture(turn, height) for turn in turns))


def write_warps(path: Path, clip: Path, local: np.ndarray | None = None) -> Path:
    """A sidecar that takes TURNS out of a clip."""
    info = probe(clip)
    pts = np.array([frame.pts for frame in read_frames(clip)], np.int64)
    warps = WarpTrack(info.width, info.height, 0.5, pts, info.time_base, rotation.matrix(rotation.inverse(TURNS)), None,
                      np.zeros(COUNT), projection="equirect", local=local)  # fmt: skip
    write_sidecar(path, Sidecar(None, None, warps, info.fingerprint, clip.name, "equirect"))
    return path


def luma_of(path: Path) -> np.ndarray:
    return np.array([frame.planes[0] for frame in read_frames(path)], float)


def test_a_rotation_is_undone_exactly_and_a_deformation_stays(tmp_path: Path) -> None:
    clip = write_world(tmp_path / "walk.mkv", TURNS)
    local = np.random.default_rng(7).normal(scale=0.01, size=(COUNT, 6, 3)).astype(np.float32)
    for bend in (None, local):
        warps = read_sidecar(write_warps(tmp_path / "walk.vstab", clip, bend)).warps
        assert warps is not None
        back = inverse_of(warps, probe(clip))
        for index in range(COUNT):
            places = source_positions(back[index], SIZE, SIZE)
            source = ray_from_px(source_positions(warps[index], SIZE, SIZE, places), SIZE)
            shown = ray_from_px(np.stack(np.meshgrid(np.arange(192) + 0.5, np.arange(96) + 0.5), -1), SIZE)
            if bend is None:
                assert angle_px(source, shown, 1920).max() < 1e-6
            else:  # what stays is the deformation, the whole of it and nothing else
                assert angle_px(deformed(bend[index], source), shown, 1920).max() < 1e-6
                assert 1 < angle_px(source, shown, 1920).max() <= np.linalg.norm(bend[index], axis=-1).max() * 306


def test_the_original_comes_back_from_file_to_file(tmp_path: Path) -> None:
    clip = write_world(tmp_path / "walk.mkv", TURNS)
    sidecar = write_warps(tmp_path / "walk.vstab", clip)
    pipeline.render(clip, sidecar, tmp_path / "steady.mkv", LOSSLESS)
    options = ["--sidecar", str(sidecar), "--codec", "ffv1", "--progress", "none"]
    assert main(["unstabilize", str(tmp_path / "steady.mkv"), *options]) == 0
    before, steady = luma_of(clip), luma_of(tmp_path / "steady.mkv")
    after = luma_of(tmp_path / "steady_original.mkv")
    assert len(after) == COUNT
    assert np.abs(steady - before).mean() > 10
    assert np.sqrt(((after - before) ** 2).mean()) < 1.0  # 48 dB: two resamplings of a soft picture
    times = [[frame.time_s for frame in read_frames(path)] for path in (clip, tmp_path / "steady_original.mkv")]
    assert times[0] == times[1]


def test_frames_are_matched_by_time_in_a_clip_of_other_size_and_time_base(tmp_path: Path) -> None:
    clip = write_world(tmp_path / "walk.mp4", TURNS)
    sidecar = write_warps(tmp_path / "walk.vstab", clip)
    upright = np.tile(rotation.IDENTITY, (COUNT, 1))
    spec = ClipSpec(size=(64, 128), codec="ffv1", time_base=Fraction(1, 1000), pts=[0, 40, 120, 280])
    small = write_clip(tmp_path / "small.mkv", spec, (picture(turn, 64) for turn in upright[:4]))
    result = unstabilize(small, sidecar, tmp_path / "out.mkv", Parameters(), LOSSLESS)
    expected = np.array([picture(TURNS[index], 64)[0] for index in (0, 1, 3, 7)], float)
    assert np.abs(luma_of(tmp_path / "out.mkv") - expected).mean() < 1.0
    assert result.figures["frames"] == 4


def test_what_is_not_undone_is_said(tmp_path: Path) -> None:
    clip = write_world(tmp_path / "walk.mkv", TURNS)
    local = np.zeros((COUNT, 6, 3), np.float32)
    local[3, 2] = [0, 0.05, 0]
    sidecar = write_warps(tmp_path / "walk.vstab", clip, local)
    pipeline.render(clip, sidecar, tmp_path / "steady.mkv", LOSSLESS)
    result = unstabilize(tmp_path / "steady.mkv", sidecar, tmp_path / "out.mkv", Parameters(), LOSSLESS)
    assert result.figures["not_undone_deg"] == pytest.approx(np.degrees(0.05), rel=1e-5)
    assert "local rotations of up to 2.86 degrees (1.5 px) are not undone" in result.warnings[0]


def test_what_cannot_be_undone_is_refused_in_words(tmp_path: Path) -> None:
    clip = write_world(tmp_path / "walk.mkv", TURNS)
    sidecar, out = write_warps(tmp_path / "walk.vstab", clip), tmp_path / "out.mkv"
    with pytest.raises(InputError, match=r"is the original of .* itself"):
        unstabilize(clip, sidecar, out, Parameters())
    wide = write_clip(tmp_path / "wide.mkv", ClipSpec(size=(54, 96), codec="ffv1"))
    with pytest.raises(InputError, match=r"is 96x54, which is not the shape of the sphere .* 192x96"):
        unstabilize(wide, sidecar, out, Parameters())
    stored = read_sidecar(sidecar)
    assert stored.warps is not None
    flat = replace(stored, warps=replace(stored.warps, projection="rectilinear"), projection="rectilinear")
    write_sidecar(sidecar, flat)
    with pytest.raises(InputError, match="is of an ordinary clip, whose borders are lost"):
        unstabilize(wide, sidecar, out, Parameters())
    assert not out.exists()
