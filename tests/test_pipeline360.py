"""360 clips from file to file: what comes out is judged from its pixels."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import ClipSpec, write_clip
from scenes import look_around, sway, world, yaw

from vstab_core import pipeline, resmooth
from vstab_core.decode import read_frames
from vstab_core.errors import SidecarError, UsageError
from vstab_core.evaluation.evaluate import evaluate
from vstab_core.params import Parameters
from vstab_core.sidecar import Sidecar, read_sidecar, write_sidecar
from vstab_core.types import EncodeOptions, RotationMotion

COUNT = 60
LOSSLESS = EncodeOptions(codec="ffv1")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = world(height=256)
    grey = np.full((128, 256), 128, np.uint8)
    pan, shake = np.linspace(0, 30, COUNT), sway(COUNT, 2.5, 3.0)
    pictures = ((look_around(scene, yaw(a + b)), grey, grey) for a, b in zip(pan, shake, strict=True))
    spec = ClipSpec(size=(256, 512), codec="ffv1", rate=Fraction(30), count=COUNT)
    return write_clip(tmp_path_factory.mktemp("360") / "round.mkv", spec, pictures)


def luma_of(path: Path) -> list[np.ndarray]:
    return [frame.planes[0].copy() for frame in read_frames(path)]


def test_lock_holds_every_pixel_where_the_first_frame_has_it(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    result = pipeline.stabilize(clip, out, Parameters(view="lock"), LOSSLESS)
    assert result.figures["key_frames"] >= 1
    pictures = luma_of(out)
    assert len(pictures) == COUNT
    first = pictures[0].astype(float)
    np.testing.assert_array_equal(pictures[0], luma_of(clip)[0])
    errors = [np.abs(picture - first).mean() for picture in pictures]
    assert max(errors) < 3.0  # two resamplings of 512 x 256; 0.35 degrees are 10 codes at the steepest places
    assert np.abs(luma_of(clip)[COUNT // 2] - first).mean() > 15


def test_steady_takes_the_shake_and_keeps_the_pan(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    pipeline.stabilize(clip, out, Parameters(), LOSSLESS)
    found = evaluate(clip, out)
    jitter, drift = found.readings["rotation_jitter_deg"], found.readings["rotation_drift_deg"]
    assert found.projection == "equirect"
    assert jitter.before == pytest.approx(3.0, rel=0.1)
    assert jitter.after is not None
    assert jitter.after < 0.2
    assert drift.after == pytest.approx(30, rel=0.15)


def test_the_sidecar_holds_the_rotation_and_is_solved_again(clip: Path, tmp_path: Path) -> None:
    sidecar, out = tmp_path / "clip.vstab", tmp_path / "out.mkv"
    pipeline.analyze(clip, sidecar, Parameters())
    stored = read_sidecar(sidecar)
    assert stored.projection == "equirect"
    assert isinstance(stored.motion, RotationMotion)
    again = tmp_path / "again.vstab"
    write_sidecar(again, stored)
    assert again.read_bytes() == sidecar.read_bytes()
    resmooth.smooth(sidecar, {"view": "lock"})
    pipeline.render(clip, sidecar, out, LOSSLESS)
    pictures = luma_of(out)
    assert np.abs(pictures[-1].astype(float) - pictures[0]).mean() < 3.0


def test_local_rotations_survive_the_sidecar(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.vstab"
    pipeline.analyze(clip, path, Parameters())
    stored = read_sidecar(path)
    assert isinstance(stored.motion, RotationMotion)
    stored.motion.local[5:] = np.float32(0.01) * np.arange(18, dtype=np.float32).reshape(6, 3)
    write_sidecar(path, stored)
    resmooth.smooth(path)
    solved = read_sidecar(path)
    assert solved.motion is not None
    np.testing.assert_array_equal(solved.motion.local, stored.motion.local)
    assert solved.warps is not None
    assert solved.warps.local is not None
    np.testing.assert_array_equal(solved.warps.local, stored.motion.local)
    assert solved.warps[6].projection == "equirect"
    np.testing.assert_array_equal(solved.warps[6].local, stored.motion.local[6])


def test_a_rotation_that_is_none_is_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.vstab"
    pipeline.analyze(clip, path, Parameters())
    stored = read_sidecar(path)
    stored.motion.world_from_cam[3] *= 2
    with pytest.raises(SidecarError, match="the rotation of frame 3 is no unit quaternion"):
        write_sidecar(path, stored)
    with pytest.raises(SidecarError, match="an ordinary clip has a motion of the picture, not a rotation"):
        write_sidecar(path, Sidecar(read_sidecar(path).motion, None, None, "", "a.mkv", "rectilinear"))


def test_an_ordinary_clip_of_the_same_shape_stays_one(tmp_path: Path) -> None:
    scene = world(height=256)[20:148, 40:296]  # a part: its edges do not meet
    grey = np.full((64, 128), 128, np.uint8)
    spec = ClipSpec(size=(128, 256), codec="ffv1", count=12)
    path = write_clip(tmp_path / "flat.mkv", spec, ((np.roll(scene, 2 * i % 5, 1), grey, grey) for i in range(12)))
    pipeline.analyze(path, tmp_path / "flat.vstab", Parameters())
    assert read_sidecar(tmp_path / "flat.vstab").projection == "rectilinear"
    pipeline.analyze(path, tmp_path / "round.vstab", Parameters(projection="equirect"))
    assert read_sidecar(tmp_path / "round.vstab").projection == "equirect"


def test_streaming_a_360_clip_is_refused_in_words(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a 360 clip, which --streaming cannot stabilize yet"):
        pipeline.stabilize(clip, tmp_path / "out.mkv", Parameters(), streaming=True)
    assert not (tmp_path / "out.mkv").exists()
