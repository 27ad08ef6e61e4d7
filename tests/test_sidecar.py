"""The sidecar: every field survives, the bytes are those of the document, nothing damaged or foreign is believed."""

from __future__ import annotations

import dataclasses
import logging
import struct
import subprocess
import sys
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vstab_core import _native
from vstab_core.errors import OutputError, SidecarError
from vstab_core.params import Parameters
from vstab_core.sidecar import Sidecar, check_matches, read_sidecar, write_sidecar
from vstab_core.types import MESH_SHAPE, CameraMotion, VideoInfo, WarpTrack

MAGIC = b"VSTAB\x1a\r\n"


def sidecar(frames: int = 5, mesh: bool = True) -> Sidecar:
    random = np.random.default_rng(1)
    pts = np.cumsum(random.integers(1, 4000, frames)) - 3000
    common = (1920, 1080, 0.5625, pts, Fraction(1, 90000))
    cut = np.arange(frames) % 3 == 0
    motion = CameraMotion(
        *common,
        random.normal(size=(frames, 4, 2)),
        random.normal(size=(frames, *MESH_SHAPE)).astype(np.float32),
        random.random(frames).astype(np.float32),
        cut,
        0.75,
    )
    offsets = random.normal(size=(frames, *MESH_SHAPE)).astype(np.float32) if mesh else None
    warps = WarpTrack(*common, random.normal(size=(frames, 3, 3)), offsets, random.random(frames))
    return Sidecar(motion, Parameters(smoothness=0.7), warps, "f" * 32, "walk – 1.mp4")


def same(a: Sidecar, b: Sidecar) -> None:
    for one, other in ((a.motion, b.motion), (a.warps, b.warps)):
        assert (one is None) == (other is None)
        for field in dataclasses.fields(one) if one is not None else ():
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
    assert (a.parameters, a.fingerprint, a.source_name) == (b.parameters, b.fingerprint, b.source_name)


def chunk(tag: bytes, payload: bytes) -> bytes:
    return tag + struct.pack("<IQ", zlib.crc32(payload), len(payload)) + payload


def text(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


def by_hand(major: int = 1, pts: tuple[int, ...] = (-3, 0, 10), extra: bytes = b"", entry: float = 1.0) -> bytes:
    head = struct.pack("<IIdiiII", 640, 360, 0.5625, 1, 10, 0, len(pts)) + text(b"abc") + text(b"a.mp4") + text(b"0.1")
    eye = [entry, 0, 0, 0, 1, 0, 0, 0, 1]
    warps = struct.pack(f"<{9 * len(pts)}d", *eye * len(pts)) + struct.pack(f"<{len(pts)}d", *[0.25] * len(pts))
    return (
        MAGIC
        + struct.pack("<HH", major, 0)
        + chunk(b"HEAD", head)
        + extra
        + chunk(b"TIME", struct.pack(f"<{len(pts)}q", *pts))
        + chunk(b"WARP", warps)
        + chunk(b"END ", b"")
    )


@pytest.mark.parametrize("mesh", [True, False])
def test_every_field_survives_bit_for_bit(tmp_path: Path, mesh: bool) -> None:
    written = sidecar(mesh=mesh)
    write_sidecar(tmp_path / "a.vstab", written)
    same(read_sidecar(tmp_path / "a.vstab"), written)


@pytest.mark.parametrize("missing", ["motion", "warps"])
def test_motion_and_warps_may_stand_alone(tmp_path: Path, missing: str) -> None:
    written = dataclasses.replace(sidecar(), **{missing: None})
    write_sidecar(tmp_path / "a.vstab", written)
    same(read_sidecar(tmp_path / "a.vstab"), written)


def test_bytes_put_together_after_the_document_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.vstab").write_bytes(by_hand(extra=chunk(b"LATE", b"unknown to this version")))
    read = read_sidecar(tmp_path / "a.vstab")
    assert read.motion is None
    assert read.parameters is None
    assert read.warps is not None
    assert (read.warps.width, read.warps.height, read.warps.aspect) == (640, 360, 0.5625)
    assert read.warps.time_base == Fraction(1, 10)
    assert read.warps.pts.tolist() == [-3, 0, 10]
    np.testing.assert_array_equal(read.warps.src_from_dst, np.tile(np.eye(3), (3, 1, 1)))
    assert read.warps.crop.tolist() == [0.25] * 3
    assert (read.fingerprint, read.source_name) == ("abc", "a.mp4")


def test_writing_gives_the_bytes_of_the_document(tmp_path: Path) -> None:
    (tmp_path / "a.vstab").write_bytes(by_hand())
    write_sidecar(tmp_path / "b.vstab", read_sidecar(tmp_path / "a.vstab"))
    version = _native.parse_sidecar((tmp_path / "b.vstab").read_bytes())["writer"]
    assert len((tmp_path / "b.vstab").read_bytes()) == len(by_hand()) + len(version) - len("0.1")
    assert (tmp_path / "b.vstab").read_bytes()[:12] == MAGIC + b"\x01\x00\x00\x00"
    assert (tmp_path / "b.vstab").read_bytes()[-16:] == chunk(b"END ", b"")


@pytest.mark.parametrize(
    ("time_s", "frame"),
    [(-0.3, 0), (-0.44, 0), (-0.46, None), (-0.16, 0), (-0.14, 1), (0.49, 1), (0.51, 2), (1.49, 2), (1.6, None)],
)
def test_frames_are_found_by_time_whatever_the_rate(time_s: float, frame: int | None) -> None:
    assert _native.find_frame(by_hand(), time_s) == frame


def test_a_single_frame_reaches_half_a_second() -> None:
    assert [_native.find_frame(by_hand(pts=(0,)), t) for t in (-0.4, 0.4, 0.6)] == [0, 0, None]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no vstab sidecar"),
        (b"RIFF" + by_hand()[4:], "no vstab sidecar"),
        (by_hand(major=2), r"version is 2\.0, this program reads 1\.x; update vstab"),
        (by_hand(pts=(0, 5, 5)), "times do not increase at frame 2"),
        (by_hand(entry=float("nan")), "not a number or infinite"),
        (by_hand(entry=float("inf")), "not a number or infinite"),
        (by_hand(extra=chunk(b"WARP", b"")), "truncated"),
        (by_hand(extra=chunk(b"PARM", b"") * 2), "stands twice"),
        (by_hand()[:12] + by_hand()[12 + 16 :], "truncated|before chunk HEAD|damaged"),
        (by_hand() + b"x", "1 bytes too many"),
        (by_hand(extra=chunk(b"WMSH", struct.pack("<II", 2**31, 2**31))), "mesh of 2147483648 x 2147483648"),
        (by_hand(extra=b"HUGE" + struct.pack("<IQ", 0, 2**63)), "truncated"),
    ],
)
def test_what_cannot_be_believed_is_refused_with_the_reason(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "a.vstab").write_bytes(data)
    with pytest.raises(SidecarError, match=words):
        read_sidecar(tmp_path / "a.vstab")


def test_a_file_cut_at_any_byte_is_refused() -> None:
    whole = by_hand()
    for length in range(len(whole)):
        with pytest.raises(RuntimeError):
            _native.parse_sidecar(whole[:length])


def test_any_flipped_bit_is_refused_or_only_bumps_the_minor_version() -> None:
    whole = bytearray(by_hand())
    for position in range(len(whole)):
        whole[position] ^= 0x40
        if position in (10, 11):  # a newer minor version is read
            _native.parse_sidecar(bytes(whole))
        elif not _is_tag_of_an_optional_chunk(position):
            with pytest.raises(RuntimeError):
                _native.parse_sidecar(bytes(whole))
        whole[position] ^= 0x40


def _is_tag_of_an_optional_chunk(position: int) -> bool:
    """Tell whether a byte is of the tag WARP: renamed, the chunk is one that a reader skips."""
    at = by_hand().index(b"WARP")
    return at <= position < at + 4


def test_a_sidecar_of_another_clip_is_refused(tmp_path: Path) -> None:
    info = VideoInfo(
        path=Path("b.mp4"),
        width=1920,
        height=1080,
        pixel_aspect=Fraction(1),
        frame_rate=Fraction(30),
        time_base=Fraction(1, 90000),
        frames=5,
        duration_s=0.2,
        pixel_format="yuv420p",
        codec="h264",
        interlaced=False,
        fingerprint="f" * 32,
    )
    check_matches(sidecar(), info)
    with pytest.raises(SidecarError, match="made for 1920x1080, clip is 960x540; run `vstab analyze`"):
        check_matches(sidecar(), dataclasses.replace(info, width=960, height=540))
    with pytest.raises(SidecarError, match=r"belongs to 'walk – 1.mp4' with other content than 'b.mp4'"):
        check_matches(sidecar(), dataclasses.replace(info, fingerprint="0" * 32))


def test_a_parameter_of_a_later_version_is_named_and_ignored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.vstab").write_bytes(by_hand(extra=chunk(b"PARM", b"smoothness=0.25\nwarmth=3\n")))
    with caplog.at_level(logging.WARNING):
        read = read_sidecar(tmp_path / "a.vstab")
    assert read.parameters == Parameters(smoothness=0.25)
    assert "warmth" in caplog.text


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    (tmp_path / "a.vstab").write_bytes(b"before")
    bad = sidecar()
    assert bad.warps is not None
    bad.warps.crop[0] = np.nan
    with pytest.raises(SidecarError, match="not a number"):
        write_sidecar(tmp_path / "a.vstab", bad)
    with pytest.raises(OutputError, match="No such file"):
        write_sidecar(tmp_path / "none" / "a.vstab", sidecar())
    assert [path.name for path in tmp_path.iterdir()] == ["a.vstab"]
    assert (tmp_path / "a.vstab").read_bytes() == b"before"


FUZZ = """
import random, resource, sys
from vstab_core import _native
seed = open(sys.argv[1], "rb").read()
soft = int(open("/proc/self/statm").read().split()[0]) * 4096 + (256 << 20)
resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
random.seed(7)
read = refused = 0
for _ in range(6000):
    data = bytearray(seed)
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(data))
        kind = random.random()
        if kind < 0.5:
            data[at] = random.randrange(256)
        elif kind < 0.7:
            data[at:at + 8] = random.choice([b"\\xff" * 8, b"\\x00" * 8, (2**62).to_bytes(8, "little")])
        elif kind < 0.85:
            del data[at:at + random.randint(1, 40)]
        else:
            data[at:at] = data[at:at + random.randint(1, 40)]
    if len(sys.argv) > 2:  # with right checksums, so that the mutations reach the fields
        at = 12
        import zlib
        while at + 16 <= len(data):
            length = int.from_bytes(data[at + 8:at + 16], "little")
            payload = bytes(data[at + 16:at + 16 + length])
            data[at + 4:at + 8] = zlib.crc32(payload).to_bytes(4, "little")
            at += 16 + length
    try:
        _native.parse_sidecar(bytes(data))
        read += 1
    except RuntimeError:
        refused += 1
print(read, refused)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits its memory through RLIMIT_AS and /proc")
@pytest.mark.parametrize("checksums", ["wrong", "right"])
def test_mutated_files_neither_crash_nor_allocate_beyond_their_size(tmp_path: Path, checksums: str) -> None:
    write_sidecar(tmp_path / "a.vstab", sidecar(3))
    command = [sys.executable, "-c", FUZZ, str(tmp_path / "a.vstab"), *(["fix"] if checksums == "right" else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    read, refused = map(int, done.stdout.split())
    assert read + refused == 6000
    assert refused > 3000
