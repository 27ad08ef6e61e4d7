"""The sidecar's reader against bytes that nobody meant: it takes them or says why not, in little memory.

Each test runs in a process of its own with a limit on its memory, so that a crash, or an allocation that the size of
the file does not warrant, is a failure. Most damage is sealed with a right checksum again: otherwise only the checksum
would be tested.
"""

from __future__ import annotations

import os
import random
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.test_sidecar import FULL, MAGIC, assert_same, chunk, head, prolog
from vstab_core import _native

ROOT = Path(__file__).parents[1]
SEED = 4711
MUTANTS = 10_000
SPARE_BYTES = 64 << 20  # beyond what the process has when it begins; the largest file here has 3 kB
TAGS = [b"HEAD", b"TIME", b"PARM", b"MOTN", b"MMSH", b"WARP", b"WMSH", b"END ", b"NEW1", b"\xff\0ab"]
# Values where a sum, a product or a comparison turns over.
EDGES = [0, 1, 2, 63, 64, 65, 127, 128, 255, 2**15, 2**16, 2**24 + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1]
FLOATS = [float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.7976931348623157e308]


def exercise(data: bytes) -> bool:
    """Read bytes; return whether they were taken.

    A refusal must have words; what is taken must hold every promise and come back the same.
    """
    words, fields = "", {}
    try:
        fields = _native.parse_sidecar(data)
    except RuntimeError as refusal:
        words = str(refusal)
    assert bool(words) != bool(fields)
    if words:
        return False
    pts, measured, solved = fields["pts"], fields.get("motion", {}), fields.get("warps", {})
    assert measured or solved
    assert len(pts) >= 1
    assert (pts[1:] > pts[:-1]).all()
    for name, values in [*measured.items(), *solved.items()]:
        if values is not None:
            assert np.isfinite(values).all(), name
            assert name == "readout_ratio" or len(values) == len(pts), name
    again = _native.parse_sidecar(_native.format_sidecar(fields))
    assert_alike(again, fields)
    for time_s in (-1e9, 0.0, 0.1, 1e300):
        found = _native.find_frame(data, time_s)
        assert found is None or 0 <= found < len(pts)
    return True


def assert_alike(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert a.keys() == b.keys()
    for name, value in a.items():
        if isinstance(value, dict):
            assert_alike(value, b[name])
        elif name == "mesh" and (value is None) != (b[name] is None):
            assert value is None  # a motion mesh of zeros is not written
            assert not b[name].any()
        else:
            assert_same(value, b[name], name)


def payload_of(part: bytes) -> bytes:
    return part[16:]


def sealed(parts: list[bytes]) -> bytes:
    """Return a file whose checksums are right whatever stands in its chunks."""
    return b"".join([parts[0], *[chunk(part[:4], payload_of(part)) for part in parts[1:]]])


def mutated(rng: random.Random) -> bytes:
    """Return a damaged file, in one of the ways a file can be damaged."""
    parts = list(FULL)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        index = rng.randrange(1, len(parts))
        tag, payload = parts[index][:4], bytearray(payload_of(parts[index]))
        kind = rng.randrange(7)
        if kind == 0 and payload:  # a number becomes another one
            code, value = rng.choice([("<I", e % 2**32) for e in EDGES] + [("<Q", e) for e in EDGES])
            size = struct.calcsize(code)
            at = rng.randrange(max(1, len(payload) - size + 1))
            payload[at : at + size] = struct.pack(code, value)
        elif kind == 1 and payload:  # a float that is none
            code = rng.choice("fd")
            value = rng.choice(FLOATS if code == "d" else FLOATS[:5])
            size = struct.calcsize(code)
            at = rng.randrange(max(1, len(payload) // size)) * size
            payload[at : at + size] = struct.pack("<" + code, value)
        elif kind == 2 and payload:  # noise
            for _ in range(rng.choice([1, 2, 16])):
                payload[rng.randrange(len(payload))] = rng.randrange(256)
        elif kind == 3:  # shorter or longer
            del payload[rng.randrange(len(payload) + 1) :]
            payload += rng.randbytes(rng.choice([0, 1, 8, 64]))
        elif kind == 4:
            tag = rng.choice(TAGS)
        elif kind == 5:  # a chunk twice, missing, or elsewhere
            other = rng.randrange(1, len(parts))
            parts[other : other + rng.randrange(2)] = [parts[index]]
        parts[min(index, len(parts) - 1)] = chunk(tag, bytes(payload))
    data = bytearray(sealed(parts))
    if rng.random() < 0.25:  # and now without right checksums
        for _ in range(rng.choice([1, 4])):
            data[rng.randrange(len(data))] = rng.choice([0, 255, rng.randrange(256)])
        del data[rng.choice([len(data), rng.randrange(len(data))]) :]
    return bytes(data)


def mutants() -> None:
    """Many damaged files; some of them must still be whole enough to be taken, or the test tests little."""
    rng = random.Random(SEED)
    taken = sum(exercise(mutated(rng)) for _ in range(MUTANTS))
    assert MUTANTS // 50 < taken < MUTANTS // 2, taken


def noise() -> None:
    """Noise alone, after the magic, and inside each chunk."""
    rng = random.Random(SEED + 1)
    for _ in range(600):
        data = rng.randbytes(rng.randrange(200))
        assert not exercise(data)
        assert not exercise(MAGIC + data)
        assert not exercise(prolog() + data)
        exercise(prolog() + head(frames=rng.choice(EDGES) % 2**32) + chunk(rng.choice(TAGS), data) + FULL[-1])


def forged_lengths() -> None:
    """Every 4 and 8 bytes of the file replaced by huge counts, the checksums right: memory would run out."""
    for index in range(1, len(FULL)):
        for size, value in ((4, 2**32 - 1), (4, 2**31 - 1), (4, 2**28), (8, 2**64 - 1), (8, 2**40)):
            payload = payload_of(FULL[index])
            for at in range(0, max(1, len(payload) - size + 1), 4):
                forged = payload[:at] + value.to_bytes(size, "little") + payload[at + size :]
                exercise(sealed([*FULL[:index], chunk(FULL[index][:4], forged), *FULL[index + 1 :]]))
            start = FULL[index][:4] + value.to_bytes(8, "little")  # the chunk's own length
            crc = struct.pack("<I", zlib.crc32(payload, zlib.crc32(start)))
            assert not exercise(b"".join([*FULL[:index], start + crc + payload, *FULL[index + 1 :]]))


def properties() -> None:
    """Hypothesis looks for bytes of its own, and for lists of chunks."""
    quick = settings(max_examples=250, deadline=None, database=None, derandomize=True,
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    chunks = st.builds(chunk, st.sampled_from(TAGS), st.binary(max_size=300))
    letters = st.lists(st.integers(0, 0x10FFFF).map(chr), max_size=20).map("".join)  # st.text takes 100 MB for tables
    numbers = st.sampled_from(EDGES).map(lambda value: value % 2**32)

    @quick
    @given(st.binary(max_size=500))
    def any_bytes(data: bytes) -> None:
        exercise(data)

    @quick
    @given(st.lists(st.one_of(chunks, st.sampled_from(FULL)), max_size=12))
    def any_chunks(parts: list[bytes]) -> None:
        exercise(b"".join([prolog(), *parts]))

    @quick
    @given(
        st.tuples(numbers, numbers),
        st.floats(),
        st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(-(2**31), 2**31 - 1)),
        numbers,
        numbers,
        st.binary(max_size=20),
    )
    def any_head(
        size: tuple[int, int], aspect: float, base: tuple[int, int], projection: int, frames: int, name: bytes
    ) -> None:
        first = head(size=size, aspect=aspect, time_base=base, projection=projection, frames=frames, name=name)
        exercise(b"".join([prolog(), first, *FULL[2:]]))

    @quick
    @given(letters, st.binary(max_size=30))
    def any_text(right: str, perhaps: bytes) -> None:
        # The reader's idea of UTF-8 is Python's.
        for value in (right.encode("utf-8", "surrogatepass"), perhaps):
            try:
                allowed = "\0" not in value.decode() and "/" not in value.decode()
            except UnicodeDecodeError:
                allowed = False
            assert exercise(b"".join([prolog(), head(name=value), *FULL[2:]])) == allowed

    for check in (any_bytes, any_chunks, any_head, any_text):
        check()


JOBS: dict[str, Callable[[], None]] = {
    "mutants": mutants,
    "noise": noise,
    "forged_lengths": forged_lengths,
    "properties": properties,
}


def limited(job: str) -> None:
    """Run one job with `SPARE_BYTES` more memory than the process has now (a little of it is for Python itself)."""
    exercise(b"".join(FULL))
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    JOBS[job]()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
@pytest.mark.parametrize("job", JOBS)
def test_no_bytes_crash_the_reader_or_take_much_memory(job: str, tmp_path: Path) -> None:
    code = f"from tests.test_sidecar_fuzz import limited; limited({job!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-4000:]
