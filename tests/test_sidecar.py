"""The sidecar: what comes back is what went in, the document is true, and nothing damaged or foreign is taken."""

from __future__ import annotations

import dataclasses
import logging
import os
import re
import stat
import struct
import subprocess
import sys
import time
import zlib
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vstab_core import _native
from vstab_core.errors import OutputError, SidecarError
from vstab_core.params import Parameters
from vstab_core.sidecar import Sidecar, check_matches, read_sidecar, write_sidecar
from vstab_core.types import CameraMotion, VideoInfo, WarpTrack

ROOT = Path(__file__).parents[1]
MAGIC = b"VSTAB\x1a\r\n"
SEED = 20260


# -- a file assembled by hand from docs/sidecar-format.md, with nothing of vstab in it ------------------------------


def prolog(major: int = 1, minor: int = 0) -> bytes:
    start = MAGIC + struct.pack("<HH", major, minor)
    return start + struct.pack("<I", zlib.crc32(start))


def chunk(tag: bytes, payload: bytes) -> bytes:
    start = tag + struct.pack("<Q", len(payload))
    return start + struct.pack("<I", zlib.crc32(payload, zlib.crc32(start))) + payload


def text(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


def head(
    *,
    size: tuple[int, int] = (4, 2),
    aspect: float = 0.5,
    time_base: tuple[int, int] = (1, 30),
    projection: int = 0,
    frames: int = 2,
    fingerprint: bytes = b"f0",
    name: bytes = b"a.mp4",
    writer: bytes = b"0.1.0",
) -> bytes:
    fixed = struct.pack("<IIdiiII", *size, aspect, *time_base, projection, frames)
    return chunk(b"HEAD", fixed + text(fingerprint) + text(name) + text(writer))


def times(*pts: int) -> bytes:
    return chunk(b"TIME", struct.pack(f"<{len(pts)}q", *pts))


def motion(
    readout: float = 0.25,
    corner: float = 0.5,
    confidence: tuple[float, float] = (1, 0.5),
    cut: tuple[int, int] = (1, 0),
) -> bytes:
    corners = [*range(8), *[corner] * 8]
    return chunk(b"MOTN", struct.pack("<d16d2f2B", readout, *corners, *confidence, *cut))


def mesh(tag: bytes, rows: int = 5, cols: int = 5, frames: int = 2, first: float = -1.5) -> bytes:
    count = frames * rows * cols * 2
    return chunk(tag, struct.pack("<II", rows, cols) + struct.pack(f"<{count}f", first, *range(1, count)))


def warps(value: float = 1.0, crop: float = 0.125, frames: int = 2) -> bytes:
    matrices = [value, 2, 3, 4, 5, 6, 7, 8, 9] * frames
    return chunk(b"WARP", struct.pack(f"<{9 * frames}d{frames}d", *matrices, *[crop] * frames))


END = chunk(b"END ", b"")
PARAMETERS = chunk(b"PARM", b"smoothness=0.75\nzoom=dynamic\n")
SPED = chunk(b"SPED", struct.pack("<2f", 0.0, 0.0625))
FULL = [prolog(), head(), times(-7, 3), PARAMETERS, motion(), mesh(b"MMSH"), warps(), mesh(b"WMSH", 2, 3), END]


def test_a_file_made_by_the_document_is_read() -> None:
    fields = _native.parse_sidecar(b"".join(FULL))
    scalars = {name: fields[name] for name in ("width", "height", "aspect", "time_base", "projection")}
    assert scalars == {"width": 4, "height": 2, "aspect": 0.5, "time_base": (1, 30), "projection": "rectilinear"}
    assert [fields[name] for name in ("fingerprint", "source_name", "writer")] == ["f0", "a.mp4", "0.1.0"]
    assert fields["parameters"] == "smoothness=0.75\nzoom=dynamic\n"
    np.testing.assert_array_equal(fields["pts"], np.array([-7, 3]))
    measured, solved = fields["motion"], fields["warps"]
    assert measured["readout_ratio"] == 0.25
    np.testing.assert_array_equal(measured["corners"], np.array([*range(8), *[0.5] * 8]).reshape(2, 4, 2))
    np.testing.assert_array_equal(measured["confidence"], np.array([1, 0.5], np.float32))
    np.testing.assert_array_equal(measured["cut"], np.array([1, 0], np.uint8))
    np.testing.assert_array_equal(measured["mesh"], np.array([-1.5, *range(1, 100)], np.float32).reshape(2, 5, 5, 2))
    np.testing.assert_array_equal(solved["src_from_dst"], np.tile(np.arange(1.0, 10), 2).reshape(2, 3, 3))
    np.testing.assert_array_equal(solved["crop"], np.array([0.125, 0.125]))
    np.testing.assert_array_equal(solved["mesh"], np.array([-1.5, *range(1, 24)], np.float32).reshape(2, 2, 3, 2))
    dtypes = [fields["pts"], measured["corners"], measured["confidence"], measured["cut"], measured["mesh"]]
    assert [array.dtype.str for array in dtypes] == ["<i8", "<f8", "<f4", "|u1", "<f4"]


def test_the_same_file_is_written_byte_for_byte() -> None:
    data = b"".join(FULL)
    assert _native.format_sidecar(_native.parse_sidecar(data)) == data


TINY = """
56 53 54 41 42 1a 0d 0a 01 00 00 00 da d9 5d d6
48 45 41 44 38 00 00 00 00 00 00 00 d3 59 48 72
04 00 00 00 02 00 00 00 00 00 00 00 00 00 e0 3f
01 00 00 00 1e 00 00 00 00 00 00 00 01 00 00 00
02 00 00 00 66 30 05 00 00 00 61 2e 6d 70 34 05
00 00 00 30 2e 31 2e 30 54 49 4d 45 08 00 00 00
00 00 00 00 db a3 f6 d0 ff ff ff ff ff ff ff ff
57 41 52 50 50 00 00 00 00 00 00 00 85 2d e2 b2
00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 00
00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00 00 00 00 00 00 f0 3f 00 00 00 00 00 00 00 00
45 4e 44 20 00 00 00 00 00 00 00 00 1f 11 8b 42
"""


def tiny_fields() -> dict[str, Any]:
    return {
        "writer": "0.1.0",
        "fingerprint": "f0",
        "source_name": "a.mp4",
        "parameters": "",
        "width": 4,
        "height": 2,
        "aspect": 0.5,
        "time_base": (1, 30),
        "projection": "rectilinear",
        "pts": np.array([-1], np.int64),
        "warps": {"src_from_dst": np.eye(3)[None], "crop": np.zeros(1), "mesh": None},
    }


def test_the_smallest_file_is_these_bytes_here_and_in_the_document() -> None:
    expected = bytes.fromhex(TINY)
    assert _native.format_sidecar(tiny_fields()) == expected
    matrix = struct.pack("<10d", 1, 0, 0, 0, 1, 0, 0, 0, 1, 0)
    assert prolog() + head(frames=1) + times(-1) + chunk(b"WARP", matrix) + END == expected
    document = (ROOT / "docs" / "sidecar-format.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```\n([0-9a-f \n]+)```", document)
    assert [bytes.fromhex(block) for block in blocks] == [expected]
    assert f"{len(expected)} bytes:" in document


# -- through Python and a file --------------------------------------------------------------------------------------


def sample(frames: int = 40, *, with_mesh: bool = True, seed: int = SEED) -> Sidecar:
    """Return a sidecar in which every number is different, with negative and uneven times."""
    rng = np.random.default_rng(seed)
    pts = np.cumsum(rng.integers(1, 5000, frames)) - 20_000
    meshes = rng.normal(size=(frames, 5, 5, 2)).astype(np.float32) * with_mesh
    cut = rng.random(frames) < 0.1
    cut[0] = True
    base = Fraction(1001, 90_000)
    corners, confidence = rng.normal(size=(frames, 4, 2)), rng.random(frames).astype(np.float32)
    measured = CameraMotion(1920, 1080, 0.5625, pts, base, corners, meshes, confidence, cut, 0.37)
    matrices, crop = rng.normal(size=(frames, 3, 3)), rng.random(frames)
    corners[0, 0, 0], matrices[0, 0] = -0.0, (5e-324, 1.7976931348623157e308, -0.0)
    solved = WarpTrack(1920, 1080, 0.5625, pts, base, matrices, meshes[:, :3, :4].copy() if with_mesh else None, crop)
    return Sidecar(measured, Parameters(smoothness=0.1 + 0.2, zoom="dynamic"), solved, "f00d", "walk – 步行.mp4")


def assert_same(a: object, b: object, where: str = "sidecar") -> None:
    """Assert that two values are of the same types and the same bits, field by field."""
    assert type(a) is type(b), where
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            if field.name != "writer":
                assert_same(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}")
    elif isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        assert (a.dtype, a.shape) == (b.dtype, b.shape), where
        assert a.tobytes() == b.tobytes(), where
    else:
        assert a == b, where


@pytest.mark.parametrize("with_mesh", [True, False])
@pytest.mark.parametrize("kept", ["all", "motion", "warps"])
def test_every_field_comes_back_bit_for_bit(tmp_path: Path, kept: str, with_mesh: bool) -> None:
    sidecar = sample(with_mesh=with_mesh)
    if kept == "motion":
        sidecar = dataclasses.replace(sidecar, warps=None, parameters=None)
    if kept == "warps":
        sidecar = dataclasses.replace(sidecar, motion=None)
    write_sidecar(tmp_path / "a.vstab", sidecar)
    back = read_sidecar(tmp_path / "a.vstab")
    assert_same(back, sidecar)
    assert back.writer == version("vstab")
    assert back.track.pts[0] < 0


def test_a_mesh_of_zeros_takes_no_room_and_a_negative_zero_is_kept() -> None:
    full, flat = (_fields(sample(with_mesh=with_mesh)) for with_mesh in (True, False))
    flat["motion"]["mesh"][:] = 0.0
    assert len(_native.format_sidecar(full)) - len(_native.format_sidecar(flat)) == 2 * (16 + 8) + 40 * 8 * (25 + 12)
    flat["motion"]["mesh"][3, 2, 1, 0] = -0.0
    assert np.signbit(_native.parse_sidecar(_native.format_sidecar(flat))["motion"]["mesh"][3, 2, 1, 0])


def _fields(sidecar: Sidecar) -> dict[str, Any]:
    assert sidecar.motion is not None
    assert sidecar.warps is not None
    measured = {
        name: getattr(sidecar.motion, name) for name in ("readout_ratio", "corners", "confidence", "cut", "mesh")
    }
    solved = {name: getattr(sidecar.warps, name) for name in ("src_from_dst", "crop", "mesh")}
    return tiny_fields() | {"pts": sidecar.motion.pts, "motion": measured, "warps": solved}


def test_the_extremes_of_the_clock_come_back() -> None:
    pts = np.array([-(2**63), -1, 0, 2**63 - 1], np.int64)
    track = {"src_from_dst": np.tile(np.eye(3), (4, 1, 1)), "crop": np.zeros(4), "mesh": None}
    fields = tiny_fields() | {"pts": pts, "time_base": (2**31 - 1, 2**31 - 1), "warps": track}
    back = _native.parse_sidecar(_native.format_sidecar(fields))
    np.testing.assert_array_equal(back["pts"], pts)
    assert back["time_base"] == (2**31 - 1, 2**31 - 1)


def test_arrays_that_are_not_contiguous_are_written_right() -> None:
    straight = _fields(sample())
    crooked = _fields(sample())
    corners = crooked["motion"]["corners"]
    crooked["motion"]["corners"] = np.asfortranarray(corners)
    crooked["pts"] = np.repeat(crooked["pts"], 2)[::2]
    assert _native.format_sidecar(crooked) == _native.format_sidecar(straight)


def test_ten_minutes_are_read_and_written_in_a_moment(tmp_path: Path) -> None:
    sidecar = sample(18_000)
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        write_sidecar(tmp_path / "a.vstab", sidecar)
        written = time.perf_counter()
        read_sidecar(tmp_path / "a.vstab")
        taken.append((written - started, time.perf_counter() - written))
    write_s, read_s = np.min(taken, axis=0)  # 0.021 and 0.014 on two cores; the fastest, for other work may run beside
    assert write_s < 0.05
    assert read_s < 0.05


# -- find by time ---------------------------------------------------------------------------------------------------


def file_with(pts: list[int], time_base: tuple[int, int]) -> bytes:
    return b"".join([prolog(), head(frames=len(pts), time_base=time_base), times(*pts), warps(frames=len(pts)), END])


def test_frames_of_an_uneven_clock_are_found_by_time() -> None:
    data = file_with([-10, 0, 100, 130, 1000], (1, 100))  # at -0.1, 0, 1, 1.3 and 10 s
    found = {
        -0.151: None, -0.15: 0, -0.1: 0, -0.051: 0, -0.049: 1, 0.499: 1, 0.501: 2, 1.149: 2, 1.151: 3, 5.649: 3,
        5.651: 4, 10.0: 4, 14.35: 4, 14.358: 4, 14.36: None,
    }  # fmt: skip
    assert {time_s: _native.find_frame(data, time_s) for time_s in found} == found


def test_of_two_equally_near_frames_the_later_is_found() -> None:
    assert _native.find_frame(file_with([0, 2, 4], (1, 4)), 0.25) == 1
    assert _native.find_frame(file_with([0, 2, 4], (1, 4)), 0.75) == 2


def test_the_example_of_the_document_is_true() -> None:
    data = file_with([0, 40, 100], (1, 1000))
    found = {-21: None, -20: 0, 20: 1, 69: 1, 130: 2, 131: None}
    assert {time_ms: _native.find_frame(data, time_ms / 1000) for time_ms in found} == found


def test_the_only_frame_is_found_for_half_a_second_around_it() -> None:
    data = file_with([3000], (1, 1000))
    assert [_native.find_frame(data, time_s) for time_s in (2.49, 2.5, 3.0, 3.5, 3.51)] == [None, 0, 0, 0, None]


def test_a_time_that_is_none_finds_nothing() -> None:
    data = file_with([0, 1], (1, 30))
    assert [_native.find_frame(data, value) for value in (np.nan, np.inf, -np.inf, 1e300)] == [None] * 4


def test_every_frame_is_found_at_its_own_time_and_else_the_nearest() -> None:
    rng = np.random.default_rng(SEED)
    pts = np.cumsum(rng.integers(1, 4000, 300)) - 150_000
    data = file_with([int(tick) for tick in pts], (1, 90_000))
    times_s = pts / 90_000
    assert [_native.find_frame(data, time_s) for time_s in times_s] == list(range(300))
    asked = rng.uniform(times_s[0], times_s[-1], 500)
    assert [_native.find_frame(data, time_s) for time_s in asked] == [
        int(np.argmin(np.abs(times_s - time_s))) for time_s in asked
    ]


# -- refused: damaged -----------------------------------------------------------------------------------------------


def test_a_file_that_ends_too_early_is_refused_wherever_it_ends() -> None:
    data = b"".join(FULL)
    for length in range(len(data)):
        with pytest.raises(RuntimeError, match=r"truncated|empty"):
            _native.parse_sidecar(data[:length])


def test_a_flipped_bit_is_found_wherever_it_is() -> None:
    data = bytearray(b"".join(FULL))
    for position in range(len(data)):
        for bit in range(8):
            data[position] ^= 1 << bit
            with pytest.raises(RuntimeError, match=r"damaged|truncated|not a vstab sidecar|version is"):
                _native.parse_sidecar(bytes(data))
            data[position] ^= 1 << bit


NAN, INF = float("nan"), float("inf")
REFUSED = {
    "empty": ([], "the file is empty"),
    "text": ([b"hello, this is some text"], "it is not a vstab sidecar"),
    "newer": ([prolog(2, 3), b"what a later version means by this"], "version is 2.3, this program reads 1.x; update"),
    "older": ([prolog(0, 9)], "version is 0.9, this program reads 1.x; run `vstab analyze` again"),
    "prolog checksum": ([MAGIC + b"\1\0\0\0\0\0\0\0", *FULL[1:]], "header is damaged: its checksum differs"),
    "no end": (FULL[:-1], "the file is truncated"),
    "more after the end": ([*FULL, b"\0"], "goes on after its end, for 1 bytes"),
    "no chunk": ([prolog(), b"\xff\xfe\0a" + END[4:]], "damaged: no chunk where one should begin"),
    "no head": ([prolog(), times(0), END], "TIME stands before chunk HEAD"),
    "no times": ([prolog(), head(), warps(), END], "WARP stands before chunk TIME"),
    "nothing": ([prolog(), END], "END  stands before chunk HEAD"),
    "only times": ([prolog(), head(), times(0, 1), END], "neither motion nor warps"),
    "twice": ([prolog(), head(), times(0, 1), warps(), warps(), END], "WARP stands twice"),
    "mesh without warps": ([prolog(), head(), times(0, 1), motion(), mesh(b"WMSH"), END], "WMSH stands before"),
    "mesh without motion": ([prolog(), head(), times(0, 1), mesh(b"MMSH"), warps(), END], "MMSH stands before"),
    "payload of the end": ([*FULL[:-1], chunk(b"END ", b"x")], "chunk END  has 1 bytes too many"),
    "long head": ([prolog(), chunk(b"HEAD", head()[16:] + b"\0"), *FULL[2:]], "chunk HEAD has 1 bytes too many"),
    "no frames": ([prolog(), head(frames=0), times(), warps(frames=0), END], "there are no frames"),
    "frames without times": ([prolog(), head(frames=3), *FULL[2:]], "TIME is too short"),
    "times without frames": ([prolog(), head(frames=1), *FULL[2:]], "TIME has 8 bytes too many"),
    "huge frame count": ([prolog(), head(frames=2**32 - 1), *FULL[2:]], "TIME is too short"),
    "too few warps": ([prolog(), head(), times(0, 1), warps(frames=1), END], "WARP is too short"),
    "times stand still": ([prolog(), head(), times(5, 5), warps(), END], "do not increase at frame 1"),
    "times go back": ([prolog(), head(), times(5, -5), warps(), END], "do not increase at frame 1"),
    "no width": ([prolog(), head(size=(0, 2)), *FULL[2:]], "frame size is 0x2; 1 to 32767 px"),
    "huge height": ([prolog(), head(size=(4, 32768)), *FULL[2:]], "frame size is 4x32768"),
    "aspect 0": ([prolog(), head(aspect=0.0), *FULL[2:]], "aspect is not a positive number"),
    "aspect NaN": ([prolog(), head(aspect=NAN), *FULL[2:]], "aspect is not a positive number"),
    "time base 0": ([prolog(), head(time_base=(0, 30)), *FULL[2:]], "time base is 0/30"),
    "time base negative": ([prolog(), head(time_base=(1, -30)), *FULL[2:]], "time base is 1/-30"),
    "projection": ([prolog(), head(projection=7), *FULL[2:]], "projection 7 is unknown to this program; update vstab"),
    "bytes as a name": ([prolog(), head(name=b"\xff.mp4"), *FULL[2:]], "not UTF-8"),
    "surrogate": ([prolog(), head(name=b"\xed\xa0\x80"), *FULL[2:]], "not UTF-8"),
    "overlong": ([prolog(), head(fingerprint=b"\xc0\xaf"), *FULL[2:]], "not UTF-8"),
    "half a letter": ([prolog(), head(writer=b"\xe2\x80"), *FULL[2:]], "not UTF-8"),
    "NUL": ([prolog(), head(name=b"a\0b"), *FULL[2:]], "NUL"),
    "directory": ([prolog(), head(name=b"../../etc/passwd"), *FULL[2:]], "the source's name holds a directory"),
    "warp NaN": ([prolog(), head(), times(0, 1), warps(NAN), END], "a warp holds a value that is not finite"),
    "warp inf": ([prolog(), head(), times(0, 1), warps(-INF), END], "a warp holds a value that is not finite"),
    "crop": ([prolog(), head(), times(0, 1), warps(crop=NAN), END], "the crop holds a value that is not finite"),
    "motion NaN": ([prolog(), head(), times(0, 1), motion(corner=NAN), END], "the motion holds a value"),
    "motion inf": ([prolog(), head(), times(0, 1), motion(corner=INF), END], "the motion holds a value"),
    "confidence": ([prolog(), head(), times(0, 1), motion(confidence=(1, NAN)), END], "the confidence holds"),
    "readout": ([prolog(), head(), times(0, 1), motion(readout=INF), END], "read-out ratio is not finite"),
    "cut 2": ([prolog(), head(), times(0, 1), motion(cut=(1, 2)), END], "a cut is neither 0 nor 1"),
    "no first cut": ([prolog(), head(), times(0, 1), motion(cut=(0, 1)), END], "first frame does not begin a shot"),
    "mesh inf": ([*FULL[:-2], mesh(b"WMSH", first=INF), END], "the warps' mesh holds a value that is not finite"),
    "mesh NaN": ([*FULL[:5], mesh(b"MMSH", first=NAN), END], "the motion's mesh holds a value that is not finite"),
    "mesh of a row": ([*FULL[:-2], mesh(b"WMSH", 1, 5), END], "mesh has 1 x 5 vertices; 2 to 64"),
    "mesh too fine": ([*FULL[:-2], mesh(b"WMSH", 65, 2), END], "65 x 2 vertices; 2 to 64"),
    "no vertices": ([*FULL[:-2], chunk(b"WMSH", bytes(8)), END], "a mesh has 0 x 0 vertices; 2 to 64 a side"),
    "no rows": ([*FULL[:-2], chunk(b"WMSH", struct.pack("<II", 0, 5)), END], "a mesh has 0 x 5 vertices"),
    "mesh forged": ([*FULL[:-2], chunk(b"WMSH", b"\xff" * 8), END], "4294967295 x 4294967295 vertices"),
    "mesh short": ([*FULL[:-2], chunk(b"WMSH", mesh(b"WMSH")[16:-4]), END], "WMSH is too short"),
    "speed without motion": ([prolog(), head(), times(0, 1), SPED, warps(), END], "SPED stands before chunk ROTN"),
    "speed short": ([*FULL[:5], chunk(b"SPED", bytes(4)), *FULL[5:]], "SPED is too short"),
    "speed NaN": ([*FULL[:5], chunk(b"SPED", struct.pack("<2f", 0, NAN)), *FULL[5:]], "the speed holds a value"),
    "speed negative": ([*FULL[:5], chunk(b"SPED", struct.pack("<2f", 0, -1)), *FULL[5:]], "the speed holds a negative"),
    "length forged": ([prolog(), b"HEAD" + b"\xff" * 12 + bytes(64)], "chunk HEAD is truncated: 18446744073709551615"),
    "text forged": ([prolog(), chunk(b"HEAD", head()[16:48] + b"\xff\xff\xff\xff"), *FULL[2:]], "HEAD is too short"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_refused_with_words_and_the_name_of_the_file(name: str, tmp_path: Path) -> None:
    parts, words = REFUSED[name]
    path = tmp_path / "walk.vstab"
    path.write_bytes(b"".join(parts))
    with pytest.raises(SidecarError, match=re.escape(words)) as caught:
        read_sidecar(path)
    assert f"cannot read sidecar '{path}': " in str(caught.value)


def test_chunks_of_a_newer_minor_version_are_skipped() -> None:
    new = chunk(b"ROT3", bytes(100))
    first, *rest = FULL
    data = b"".join([prolog(1, 9), new, *[part + new for part in rest[:-1]], END])
    newer, known = _native.parse_sidecar(data), _native.parse_sidecar(b"".join([first, *rest]))
    assert _native.format_sidecar(newer) == _native.format_sidecar(known)
    with pytest.raises(RuntimeError, match="chunk ROT3 is damaged"):
        _native.parse_sidecar(data.replace(bytes(100), bytes(99) + b"\1"))


WITH_SPEED = [prolog(minor=2), *FULL[1:6], SPED, *FULL[6:]]


def test_a_speed_is_read_and_written_byte_for_byte_and_raises_the_minor_version() -> None:
    data = b"".join(WITH_SPEED)
    fields = _native.parse_sidecar(data)
    np.testing.assert_array_equal(fields["speed"], np.array([0.0, 0.0625], np.float32))
    assert _native.format_sidecar(fields) == data
    assert "speed" not in _native.parse_sidecar(b"".join(FULL))


def test_a_speed_survives_the_file(tmp_path: Path) -> None:
    sidecar = sample()
    assert sidecar.motion is not None
    speed = np.random.default_rng(SEED).random(len(sidecar.motion)).astype(np.float32)
    sidecar = dataclasses.replace(sidecar, motion=dataclasses.replace(sidecar.motion, speed=speed))
    write_sidecar(tmp_path / "a.vstab", sidecar)
    assert_same(read_sidecar(tmp_path / "a.vstab"), sidecar)


def test_parameters_that_are_new_are_ignored_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "new.vstab"
    path.write_bytes(b"".join([*FULL[:3], chunk(b"PARM", b"warmth=0.5\nsmoothness=0.75\n"), *FULL[4:]]))
    with caplog.at_level(logging.WARNING):
        parameters = read_sidecar(path).parameters
    assert parameters == Parameters(smoothness=0.75)
    assert [record.message for record in caplog.records] == [
        f"'{path}': parameter 'warmth' is unknown to this version of vstab and ignored"
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (b"smoothness=7\n", "--smoothness must be between 0 and 1"),
        (b"method=magic\n", "--method must be one of"),
        (b"smoothness\n", "'smoothness' is not one `name=value` a name"),
        (b"lock=on\nlock=off\n", "'lock=off' is not one `name=value` a name"),
        (b"zoom=static\r\n", "--zoom must be one of"),
        (b"\xff=1\n", "not UTF-8"),
    ],
)
def test_parameters_that_are_wrong_are_refused(tmp_path: Path, lines: bytes, words: str) -> None:
    path = tmp_path / "wrong.vstab"
    path.write_bytes(b"".join([*FULL[:3], chunk(b"PARM", lines), *FULL[4:]]))
    with pytest.raises(SidecarError, match=words) as caught:
        read_sidecar(path)
    assert str(path) in str(caught.value)


def test_a_motion_mesh_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fine.vstab"
    path.write_bytes(b"".join([*FULL[:5], mesh(b"MMSH", 9, 9), END]))
    with pytest.raises(SidecarError, match=r"motion mesh has 9 x 9 vertices, this program reads 5 x 5"):
        read_sidecar(path)


# -- refused: what cannot be stored ---------------------------------------------------------------------------------


def _broken(what: str) -> Sidecar:
    sidecar = sample(5)
    measured, solved = sidecar.motion, sidecar.warps
    assert measured is not None
    assert solved is not None
    late = measured.pts + 1
    other: dict[str, Any] = {
        "NaN": {"motion": dataclasses.replace(measured, corners=measured.corners * np.nan)},
        "still": {"motion": None, "warps": dataclasses.replace(solved, pts=np.zeros(5, np.int64))},
        "shape": {"motion": None, "warps": dataclasses.replace(solved, src_from_dst=solved.src_from_dst[:4])},
        "dtype": {"motion": None, "warps": dataclasses.replace(solved, pts=solved.pts.astype(np.float64))},
        "mesh": {"motion": None, "warps": dataclasses.replace(solved, mesh=np.zeros((5, 1, 5, 2), np.float32))},
        "no rows": {"motion": None, "warps": dataclasses.replace(solved, mesh=np.zeros((5, 0, 5, 2), np.float32))},
        "mesh of doubles": {"motion": dataclasses.replace(measured, mesh=measured.mesh.astype(np.float64))},
        "frames": {"warps": dataclasses.replace(solved, pts=late)},
        "clip": {"warps": dataclasses.replace(solved, width=1919)},
        "base": {
            "motion": dataclasses.replace(measured, time_base=Fraction(1, 10**10)),
            "warps": dataclasses.replace(solved, time_base=Fraction(1, 10**10)),
        },
        "nothing": {"motion": None, "warps": None},
        "name": {"source_name": "/tmp/a.mp4"},
        "projection": {"projection": "fisheye"},
    }[what]
    return dataclasses.replace(sidecar, **other)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("NaN", "the motion holds a value that is not finite"),
        ("still", "times do not increase at frame 1"),
        ("shape", r"src_from_dst must be \(5, 3, 3\), got \(4, 3, 3\)"),
        ("dtype", "pts must be an array of int64"),
        ("mesh", "mesh has 1 x 5 vertices"),
        ("no rows", "mesh has 0 x 5 vertices"),
        ("mesh of doubles", "mesh must be an array of float32"),
        ("frames", "motion and warps are not of the same frames"),
        ("clip", "motion and warps are not of one clip: width is 1920 and 1919"),
        ("base", r"time_base is \(1, 10000000000\), which the file cannot hold"),
        ("nothing", "neither motion nor warps"),
        ("name", "the source's name holds a directory"),
        ("projection", "unknown projection 'fisheye'; choose one of: rectilinear"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, what: str, words: str) -> None:
    path = tmp_path / "a.vstab"
    path.write_bytes(b"precious")
    with pytest.raises(SidecarError, match=words) as caught:
        write_sidecar(path, _broken(what))
    assert f"cannot write sidecar '{path}': " in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.vstab"]
    assert path.read_bytes() == b"precious"


# -- files ----------------------------------------------------------------------------------------------------------


def test_a_sidecar_replaces_the_one_before_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "ä b.vstab"
    for frames in (40, 7):
        write_sidecar(path, sample(frames))
        assert len(read_sidecar(path).track) == frames
    assert [entry.name for entry in tmp_path.iterdir()] == ["ä b.vstab"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.vstab", tmp_path / "link.vstab"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_sidecar(link, sample(3))
    assert link.is_symlink()
    assert len(read_sidecar(target).track) == 3


def test_a_bare_name_is_written_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_sidecar(Path("a.vstab"), sample(3))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.vstab"]


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes")
@pytest.mark.parametrize("name", [b"\xff\xfe.vstab", b"x" * 249 + b".vstab", "步".encode() * 82 + b".vstab", b".vstab"])
def test_a_name_may_be_what_the_system_allows(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    write_sidecar(path, sample(3))
    assert len(read_sidecar(path).track) == 3
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    path.write_bytes(b"")
    with pytest.raises(SidecarError, match="the file is empty"):
        read_sidecar(path)


def test_a_clip_whose_name_is_no_text_is_named_with_question_marks(tmp_path: Path) -> None:
    sidecar = dataclasses.replace(sample(3), source_name=os.fsdecode(b"a\xff\xfeb.mp4"))
    write_sidecar(tmp_path / "a.vstab", sidecar)
    assert read_sidecar(tmp_path / "a.vstab").source_name == "a??b.mp4"


FOREIGN_FOLDER = """
import os
from pathlib import Path
from tests.test_sidecar import sample
from vstab_core.errors import OutputError
from vstab_core.sidecar import write_sidecar
os.chdir(os.environ["FOLDER"])
path, other = Path("a.vstab"), sample(4)
write_sidecar(path, sample(3))
os.chmod(".", 0o555)
if os.geteuid() == 0:
    os.seteuid(65534)  # root may write everywhere
try:
    write_sidecar(path, other)
except OutputError as error:
    raise SystemExit(str(error))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no write bit")
def test_a_folder_that_may_not_be_written_to_is_told(tmp_path: Path) -> None:
    environment = os.environ | {"FOLDER": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", FOREIGN_FOLDER], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    tmp_path.chmod(0o755)
    assert (done.returncode, done.stderr) == (1, "cannot write sidecar 'a.vstab': Permission denied\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.vstab"]
    assert len(read_sidecar(tmp_path / "a.vstab").track) == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [("no/a.vstab", "No such file"), ("folder", "directory"), ("pipe", "Invalid argument")],
)
def test_where_no_file_can_be_written_the_words_say_so(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / name
    with pytest.raises(OutputError, match=words) as caught:
        write_sidecar(path, sample(3))
    assert str(path) in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "pipe"]


@pytest.mark.parametrize(
    ("name", "words"),
    [("none.vstab", "No such file"), ("folder", "not an ordinary file"), ("pipe", "not an ordinary file")],
)
def test_where_no_file_can_be_read_the_words_say_so(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")  # must not wait for a writer either
    with pytest.raises(SidecarError, match=words) as caught:
        read_sidecar(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.test_sidecar import sample
from vstab_core.errors import OutputError
from vstab_core.sidecar import write_sidecar
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    write_sidecar(Path(sys.argv[1]), sample(2000))
except OutputError as error:
    sys.exit(str(error))
"""


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.vstab"
    path.write_bytes(b"precious")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert f"cannot write sidecar '{path}': File too large" in done.stderr
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("a.vstab", b"precious")]


# -- refused: of another clip ---------------------------------------------------------------------------------------


def clip(**changed: object) -> VideoInfo:
    info = VideoInfo(
        path=Path("/videos/walk – 步行.mp4"),
        width=1920,
        height=1080,
        pixel_aspect=Fraction(1),
        frame_rate=Fraction(30),
        time_base=Fraction(1001, 90_000),
        frames=40,
        duration_s=2.0,
        pixel_format="yuv420p",
        codec="h264",
        interlaced=False,
        fingerprint="f00d",
    )
    return dataclasses.replace(info, **changed)  # type: ignore[arg-type]


def test_the_sidecar_of_the_clip_is_taken() -> None:
    check_matches(sample(), clip())
    check_matches(sample(), clip(path=Path("renamed.mp4")))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"width": 960, "height": 540}, "sidecar was made for 1920x1080, clip is 960x540; run `vstab analyze`"),
        ({"pixel_aspect": Fraction(4, 3)}, "sidecar was made for height / width 0.5625, clip is shown at 0.421875"),
        (
            {"fingerprint": "beef", "path": Path("/x/b.mp4")},
            "sidecar belongs to 'walk – 步行.mp4' (fingerprint f00d), not to 'b.mp4' (fingerprint beef); run `vstab",
        ),
        ({"fingerprint": "beef"}, "not to another content of that name (fingerprint beef)"),
    ],
)
def test_the_sidecar_of_another_clip_is_refused(changed: dict[str, object], words: str) -> None:
    with pytest.raises(SidecarError, match=re.escape(words)):
        check_matches(sample(), clip(**changed))
