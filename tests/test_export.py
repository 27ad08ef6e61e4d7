"""What `vstab export` writes, read as another program would: by the words of docs/exports.md, without our classes."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import ClipSpec, write_clip

from vstab_core import rotation
from vstab_core.camm import read_camm
from vstab_core.cli import main
from vstab_core.decode import probe, read_frames
from vstab_core.errors import InputError
from vstab_core.export import columns_of, csv_of, export_camm, json_of
from vstab_core.sidecar import Sidecar, read_sidecar, write_sidecar
from vstab_core.types import CameraMotion, FrameWarp, RotationMotion, WarpTrack
from vstab_core.warp import source_positions

FRAMES = 12
EXACT_PX = 1e-6


def turned(angles_deg: list[list[float]], local: np.ndarray | None = None) -> Sidecar:
    """A 360 sidecar whose camera turns by these (yaw, pitch, roll), all of it taken out."""
    world_from_cam = rotation.from_yaw_pitch_roll(np.radians(angles_deg))
    frames = len(world_from_cam)
    pts, base = np.arange(frames) * 1001 + 30030, Fraction(1, 30000)
    flags = np.arange(frames) % 5 == 0
    motion = RotationMotion(1920, 960, pts, base, world_from_cam, np.zeros((frames, 6, 3), np.float32),
                            np.ones(frames, np.float32), np.arange(frames) == 0, flags,
                            up=np.tile(np.float32([0, -1, 0]), (frames, 1)),
                            travel=np.zeros((frames, 3), np.float32))  # fmt: skip
    warps = WarpTrack(1920, 960, 0.5, pts, base, rotation.matrix(rotation.inverse(world_from_cam)), None,
                      np.zeros(frames), projection="equirect", local=local)  # fmt: skip
    return Sidecar(motion, None, warps, "f0", "walk.mp4", "equirect", "0.1.0")


def shifted(frames: int, *, with_mesh: bool = False) -> Sidecar:
    """A sidecar of an ordinary clip with some shift, turn, zoom and perspective in each frame."""
    rng = np.random.default_rng(5)
    matrices = np.eye(3) + rng.normal(scale=0.03, size=(frames, 3, 3))
    mesh = rng.normal(scale=0.01, size=(frames, 5, 5, 2)).astype(np.float32) if with_mesh else None
    pts, base = np.arange(frames) * 512, Fraction(1, 15360)
    corners, nothing = np.zeros((frames, 4, 2)), np.zeros((frames, 5, 5, 2), np.float32)
    motion = CameraMotion(1920, 1080, 0.5625, pts, base, corners, nothing, np.ones(frames, np.float32),
                          np.arange(frames) == 0)  # fmt: skip
    warps = WarpTrack(1920, 1080, 0.5625, pts, base, matrices, mesh, np.full(frames, 0.1))
    return Sidecar(motion, None, warps, "f1", "hand.mp4", "rectilinear", "0.1.0")


def some_local() -> np.ndarray:
    return np.random.default_rng(4).normal(scale=0.02, size=(FRAMES, 6, 3)).astype(np.float32)


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_a_turned_camera_has_the_angles_that_it_was_turned_by() -> None:
    rows = read_csv(csv_of(turned([[0, 0, 0], [30, 0, 0], [0, 20, 0], [0, 0, 10], [100, -40, 170]])))
    names = [f"camera_{name}_deg" for name in ("yaw", "pitch", "roll")]
    found = [[float(row[name]) for name in names] for row in rows]
    np.testing.assert_allclose(found, [[0, 0, 0], [30, 0, 0], [0, 20, 0], [0, 0, 10], [100, -40, 170]], atol=1e-9)
    assert [float(row["time_s"]) for row in rows[:2]] == pytest.approx([1.001, 1.001 + 1001 / 30000])
    assert [row["pts"] for row in rows[:2]] == ["30030", "31031"]
    assert [row["cut"] for row in rows] == ["1", "0", "0", "0", "0"]


def test_the_correction_takes_a_direction_in_the_source_to_that_in_the_result() -> None:
    columns = columns_of(turned([[30, 0, 0]]))
    q = [columns[f"correction_q{part}"][0] for part in "wxyz"]
    # The sidecar's src_from_dst is the inverse of the camera's 30 degrees, so this view goes 30 degrees further right.
    np.testing.assert_allclose(rotation.matrix(q) @ [0, 0, 1], [0.5, 0, 0.75**0.5], atol=1e-12)
    assert columns["correction_yaw_deg"][0] == pytest.approx(30)


def test_quaternions_do_not_jump_in_sign() -> None:
    columns = columns_of(turned([[angle, 0, 0] for angle in range(0, 720, 20)]))
    for name in ("camera", "correction"):
        path = np.column_stack([columns[f"{name}_q{part}"] for part in "wxyz"])
        assert np.abs(np.diff(path, axis=0)).max() < 0.2


def test_the_picture_is_rebuilt_from_the_json_of_a_360_clip() -> None:
    sidecar = turned(np.random.default_rng(2).uniform(-180, 180, (FRAMES, 3)).tolist(), some_local())
    told = json.loads(json_of(sidecar))
    size = (told["height_px"], told["width_px"])
    points = np.random.default_rng(3).uniform(0, 1, (500, 2)) * size[::-1]
    assert sidecar.warps is not None
    for index, frame in enumerate(told["frames"]):
        stab_from_src = rotation.matrix([frame[f"correction_q{part}"] for part in "wxyz"])
        local = [
            [frame[f"local_{vertex}_{axis}_deg"] for axis in "xyz"]
            for vertex in ("right", "left", "down", "up", "front", "back")
        ]
        rebuilt = FrameWarp(stab_from_src.T, 0.5, None, "equirect", np.radians(local))
        expected = source_positions(sidecar.warps[index], size, size, points)
        found = source_positions(rebuilt, size, size, points)
        apart_px = np.abs(found - expected)
        apart_px[:, 0] = np.minimum(apart_px[:, 0], size[1] - apart_px[:, 0])  # the seam
        assert apart_px.max() < 1e-4  # float32 in the sidecar; the aim is 0.01


@pytest.mark.parametrize("with_mesh", [True, False])
def test_the_picture_is_rebuilt_from_the_json_of_an_ordinary_clip(with_mesh: bool) -> None:
    sidecar = shifted(FRAMES, with_mesh=with_mesh)
    told = json.loads(json_of(sidecar))
    size = (told["height_px"], told["width_px"])
    points = np.random.default_rng(3).uniform(0, 1, (500, 2)) * size[::-1]
    assert sidecar.warps is not None
    for index, frame in enumerate(told["frames"]):
        matrix = np.array([frame[f"src_from_dst_{row}{col}"] for row in "123" for col in "123"]).reshape(3, 3)
        mesh = np.array(frame["mesh"], np.float32) if with_mesh else None
        found = source_positions(FrameWarp(matrix, told["aspect"], mesh), size, size, points)
        expected = source_positions(sidecar.warps[index], size, size, points)
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        in_px = np.array([frame[f"src_from_dst_px_{row}{col}"] for row in "123" for col in "123"]).reshape(3, 3)
        if not with_mesh:
            xyw = np.column_stack([points, np.ones(len(points))]) @ in_px.T
            np.testing.assert_allclose(xyw[:, :2] / xyw[:, 2:], expected, atol=EXACT_PX)


def test_shift_turn_and_scale_do_what_they_say_about_the_middle() -> None:
    """The example of docs/geometry.md, with a turn: scale and turn the source about its middle, then move it."""
    turn, scale, shift_px = np.radians(2.0), 1.1, np.array([48.0, -20.0])
    norm = shift_px / 960
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    dst_from_src = np.array([[cos, -sin, norm[0]], [sin, cos, norm[1]], [0, 0, 1]])
    base = shifted(1)
    warps = replace(base.warps, src_from_dst=7 * np.linalg.inv(dst_from_src)[None], crop=np.array([0.2]))
    row = {name: column[0] for name, column in columns_of(replace(base, warps=warps)).items()}
    assert (row["dx_px"], row["dy_px"]) == pytest.approx((48, -20))
    assert row["rotation_deg"] == pytest.approx(2.0)
    assert row["scale"] == pytest.approx(1.1)
    assert (row["zoom"], row["crop"]) == pytest.approx((1.25, 0.2))
    matrix = np.array([row[f"src_from_dst_px_{a}{b}"] for a in "123" for b in "123"]).reshape(3, 3)
    np.testing.assert_allclose(matrix @ [960 + 48, 540 - 20, 1], [960, 540, 1], atol=EXACT_PX)


def test_turn_and_scale_of_a_perspective_are_those_at_the_middle() -> None:
    rng = np.random.default_rng(8)
    base = shifted(1)
    warps = replace(base.warps, src_from_dst=(np.eye(3) + rng.normal(scale=0.2, size=(3, 3)))[None])
    row = {name: column[0] for name, column in columns_of(replace(base, warps=warps)).items()}
    dst_from_src = np.linalg.inv(np.array([row[f"src_from_dst_{a}{b}"] for a in "123" for b in "123"]).reshape(3, 3))

    def shown(x: float, y: float) -> np.ndarray:
        moved = dst_from_src @ [x, y, 1]
        return moved[:2] / moved[2]

    small = 1e-5
    along_x, along_y = ((shown(*p) - shown(-p[0], -p[1])) / (2 * small) for p in ((small, 0), (0, small)))
    clockwise = np.array([along_x[0] + along_y[1], along_x[1] - along_y[0]]) / 2  # the similarity nearest to the slope
    np.testing.assert_allclose([row["dx_px"], row["dy_px"]], shown(0, 0) * 960, rtol=1e-9)
    assert row["scale"] == pytest.approx(np.linalg.norm(clockwise), rel=1e-6)
    assert row["rotation_deg"] == pytest.approx(np.degrees(np.arctan2(clockwise[1], clockwise[0])), rel=1e-5)


def test_what_the_sidecar_does_not_say_is_empty() -> None:
    sidecar = replace(turned([[1, 2, 3], [4, 5, 6]]), motion=None)
    row = read_csv(csv_of(sidecar))[0]
    assert row["camera_yaw_deg"] == row["confidence"] == row["cut"] == row["key_frame"] == ""
    assert row["correction_yaw_deg"] != ""
    assert json.loads(json_of(sidecar))["frames"][0]["camera_qw"] is None


def test_a_sidecar_without_warps_is_refused() -> None:
    with pytest.raises(InputError, match=re.escape("holds no warps; run `vstab smooth` on it")):
        csv_of(replace(turned([[0, 0, 0]]), warps=None))


def test_the_command_writes_beside_the_sidecar_and_replaces_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "walk.vstab"
    write_sidecar(path, turned([[0, 0, 0], [1, 2, 3]]))
    assert main(["export", str(path), "--to", "csv", "--progress", "none"]) == 0
    assert (tmp_path / "walk.csv").read_bytes().decode("ascii") == csv_of(read_sidecar(path))
    assert main(["export", str(path), "--to", "json", "-o", str(tmp_path / "other.json")]) == 0
    assert json.loads((tmp_path / "other.json").read_text())["source_name"] == "walk.mp4"
    (tmp_path / "walk.csv").write_text("mine")
    assert main(["export", str(path), "--to", "csv"]) == 4
    assert "exists" in capsys.readouterr().err
    assert (tmp_path / "walk.csv").read_text() == "mine"
    assert main(["export", str(path), "--to", "csv", "--overwrite"]) == 0
    assert main(["export", str(path), "--to", "csv", "-o", str(path), "--overwrite"]) == 4
    assert read_sidecar(path).source_name == "walk.mp4"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["other.json", "walk.csv", "walk.vstab"]


def test_camm_stabilizes_the_original_and_undoes_the_result(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "round.mp4", ClipSpec(size=(64, 128), count=FRAMES, rate=Fraction(30)))
    info = probe(clip)
    pts = np.array([frame.pts for frame in read_frames(clip)], np.int64)
    stab_from_src = rotation.from_yaw_pitch_roll(np.radians(np.linspace([0, 0, 0], [170, 20, -10], FRAMES)))
    warps = WarpTrack(128, 64, 0.5, pts, info.time_base, rotation.matrix(rotation.inverse(stab_from_src)), None,
                      np.zeros(FRAMES), projection="equirect")  # fmt: skip
    sidecar = tmp_path / "round.vstab"
    write_sidecar(sidecar, Sidecar(None, None, warps, info.fingerprint, clip.name, "equirect"))
    assert main(["export", str(sidecar), "--to", "camm", "--clip", str(clip), "--progress", "none"]) == 0
    times_s, vectors = read_camm(tmp_path / "round_camm.mp4")
    np.testing.assert_allclose(times_s, pts * float(info.time_base), atol=1e-5)
    np.testing.assert_allclose(rotation.exponential(vectors), stab_from_src, atol=1e-6)
    other = write_clip(tmp_path / "steady.mp4", ClipSpec(size=(64, 128), count=FRAMES, options={"crf": "40"}))
    assert export_camm(read_sidecar(sidecar), other, tmp_path / "undone.mp4") == FRAMES
    np.testing.assert_allclose(read_camm(tmp_path / "undone.mp4")[1], -vectors, atol=1e-6)
    assert main(["export", str(sidecar), "--to", "camm", "--progress", "none"]) == 2
    with pytest.raises(InputError, match="rotations of a 360 clip"):
        export_camm(shifted(4), clip, tmp_path / "no.mp4")
