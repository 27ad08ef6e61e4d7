"""Camera orientations in a CAMM track: to the bit as the specification has them, and back."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import ClipSpec, packets, write_clip

from vstab_core.camm import add_camm, read_camm
from vstab_core.errors import InputError, OutputError
from vstab_core.isobmff import read_movie
from vstab_core.spherical_metadata import SphericalMetadata, read_spherical, write_spherical

COUNT = 20


@pytest.fixture
def turns() -> np.ndarray:
    return np.random.default_rng(2).uniform(-np.pi, np.pi, (COUNT, 3)).astype(np.float32).astype(float)


def clip(path: Path) -> Path:
    return write_clip(path, ClipSpec(count=COUNT, audio="aac", rate=Fraction(30000, 1001)))


@pytest.mark.parametrize("ending", ["mp4", "mov"])
@pytest.mark.parametrize("start_s", [0.0, 1.5])
def test_orientations_come_back_to_the_bit(tmp_path: Path, ending: str, start_s: float, turns: np.ndarray) -> None:
    path = clip(tmp_path / f"a.{ending}")
    before = [packets(path, kind) for kind in ("video", "audio")]
    times_s = start_s + np.arange(COUNT) * 1001 / 30000
    add_camm(path, times_s, turns)
    found_s, found = read_camm(path)
    np.testing.assert_array_equal(found, turns)
    np.testing.assert_allclose(found_s, times_s, atol=0.5 / 90000)
    assert [packets(path, kind) for kind in ("video", "audio")] == before


def test_ffmpeg_sees_one_packet_a_frame_at_its_time(tmp_path: Path, turns: np.ndarray) -> None:
    path = clip(tmp_path / "a.mp4")
    with av.open(str(path)) as container:
        times_s = np.array([frame.time for frame in container.decode(video=0)])
    add_camm(path, times_s, turns)
    read = packets(path, "data")
    np.testing.assert_allclose([time_s for time_s, _ in read], times_s, atol=1e-5)
    for (_, packet), turn in zip(read, turns, strict=True):
        assert packet == struct.pack("<HH3f", 0, 0, *turn)
    with av.open(str(path)) as container:
        assert container.streams[2].metadata["handler_name"] == "CameraMetadataMotionHandler"
        assert sum(1 for _ in container.decode(video=0)) == COUNT


def test_uneven_times_and_a_second_track_in_place_of_the_first(tmp_path: Path, turns: np.ndarray) -> None:
    path = clip(tmp_path / "a.mp4")
    times_s = np.cumsum(np.random.default_rng(4).uniform(0.01, 0.2, COUNT))
    add_camm(path, times_s, turns)
    add_camm(path, times_s[:7], -turns[:7])
    found_s, found = read_camm(path)
    np.testing.assert_array_equal(found, -turns[:7])
    np.testing.assert_allclose(found_s, times_s[:7], atol=0.0006)  # the edit list counts milliseconds
    np.testing.assert_allclose(np.diff(found_s), np.diff(times_s[:7]), atol=1.2e-5)
    assert len(read_movie(path).tracks()) == 3


def test_it_stands_beside_spherical_metadata(tmp_path: Path, turns: np.ndarray) -> None:
    path = clip(tmp_path / "a.mp4")
    write_spherical(path, SphericalMetadata())
    add_camm(path, np.arange(COUNT) / 30, turns)
    write_spherical(path, SphericalMetadata(stereo="top-bottom"))
    found = read_spherical(path)
    assert found is not None
    assert found.stereo == "top-bottom"
    np.testing.assert_array_equal(read_camm(path)[1], turns)


def test_behind_4_gib_the_offset_has_64_bits(tmp_path: Path, turns: np.ndarray) -> None:
    path = clip(tmp_path / "a.mp4")
    hole = 5 << 30
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        file.write(struct.pack(">I4sQ", 1, b"free", hole))
        file.truncate(end + hole)
    add_camm(path, np.arange(COUNT) / 30, turns)
    np.testing.assert_array_equal(read_camm(path)[1], turns)
    assert read_movie(path).tracks()[2].first("mdia/minf/stbl/co64") is not None
    assert [len(data) for _, data in packets(path, "data")] == [16] * COUNT


def test_what_does_not_fit_is_refused_and_the_file_kept(tmp_path: Path, turns: np.ndarray) -> None:
    path = clip(tmp_path / "a.mp4")
    before = path.read_bytes()
    times_s = np.arange(COUNT) / 30
    with pytest.raises(InputError, match="has no CAMM track"):
        read_camm(path)
    with pytest.raises(OutputError, match=r"one orientation \(N, 3\) a time, got \(20, 3\) for 19 times"):
        add_camm(path, times_s[1:], turns)
    for wrong_s, wrong in ((times_s[::-1], turns), (times_s - 1, turns), (times_s, turns * np.nan)):
        with pytest.raises(OutputError, match="finite orientations, at times that increase"):
            add_camm(path, wrong_s, wrong)
    with pytest.raises(InputError, match="is no mp4 or mov file"):
        add_camm(write_clip(tmp_path / "a.mkv", ClipSpec(count=2)), times_s, turns)
    assert path.read_bytes() == before
