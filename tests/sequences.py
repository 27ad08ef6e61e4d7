"""Small image sequences for tests: a shaky shot in OpenEXR or DPX, and a DPX writer that knows nothing of ours."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenEXR

from tests.synthetic import film, shaking

SIZE = (90, 160)
COUNT = 20
FIRST = 1001
SHAKY = shaking(2, x=0.012, turn=0.004, band=(1.5, 6.0))

Array = npt.NDArray[Any]


@cache
def scene_light(count: int = COUNT) -> list[npt.NDArray[np.float32]]:
    """Return the shaky shot as scene-linear light, 0 to 4, (90, 160) float32 each."""
    return [(picture.astype(np.float32) / 255) ** 2.4 * 4 for picture in film(SHAKY, count, size=SIZE)]


def write_exr(path: Path, parts: Sequence[tuple[str, Mapping[str, Array], Mapping[str, Any]]]) -> None:
    """Write parts of (name, channels, attributes); scan lines, ZIP unless the attributes say otherwise."""
    usual = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    OpenEXR.File([
        OpenEXR.Part({**usual, **attributes}, {key: OpenEXR.Channel(value) for key, value in channels.items()}, name)
        for name, channels, attributes in parts
    ]).write(str(path))  # fmt: skip


def read_exr(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the channels of all parts, and the attributes of the first."""
    file = OpenEXR.File(str(path), separate_channels=True)
    channels = {key: channel.pixels for part in file.parts for key, channel in part.channels.items()}
    return channels, dict(file.parts[0].header)


def exr_shot(folder: Path, name: str = "shot", numbers: Iterable[int] | None = None, **attributes: Any) -> Path:
    """Write RGBA in half, depth and 32-bit ids, and return the pattern."""
    folder.mkdir(exist_ok=True)
    numbers = list(range(FIRST, FIRST + COUNT)) if numbers is None else list(numbers)
    for number, light in zip(numbers, scene_light(max(numbers) - min(numbers) + 1), strict=False):
        half = light.astype(np.float16)
        matte = (light > 0.5).astype(np.float16)
        channels = {"R": half, "G": half * np.float16(0.75), "B": half * np.float16(0.5), "A": matte,
                    "Z": np.where(light > 0.5, 3.25, 1e10).astype(np.float32),
                    "object.id": np.where(light > 0.5, 0xFFFFFF01, 0x7FC00001).astype(np.uint32)}  # fmt: skip
        code = OpenEXR.TimeCode(1, 2, 3, (number - numbers[0]) % 24, *[0] * 14)
        usual = {"timeCode": code, "owner": "vstab", "chromaticities": (0.7, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3)}
        write_exr(folder / f"{name}.{number:04d}.exr", [("", channels, {**usual, **attributes})])
    return folder / f"{name}.%04d.exr"


def dpx_bytes(samples: Array, bits: int, packing: int = 1, order: str = ">", **header: Any) -> bytes:
    """Return a DPX file of samples (h, w) or (h, w, 3 or 4), one sample at a time, as SMPTE 268M puts them."""
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else samples.shape[2]
    lines = samples.reshape(height, width * channels)
    head = bytearray(range(256)) * 8 + bytearray(b"user data of a studio" * 6)  # noise where nobody looks

    def put(at: int, code: str, *values: Any) -> None:
        struct.pack_into(order + code, head, at, *values)

    put(0, "4sI", b"SDPX" if order == ">" else b"XPDS", len(head))
    put(768, "HHII", 0, 1, width, height)
    put(780, "I", 0)
    put(800, "BBBB", {1: 6, 3: 50, 4: 51}[channels], header.get("transfer", 3), 1, bits)
    put(804, "HHIII", packing, 0, len(head), 0xFFFFFFFF, 0xFFFFFFFF)
    put(1628, "II", *header.get("pixel_aspect", (1, 1)))
    put(1724, "f", header.get("film_rate", 24.0))
    put(1920, "I", header.get("timecode", 0x01020304))
    put(1940, "f", header.get("rate", 23.976))
    body = b"".join(_dpx_line([int(value) for value in line], bits, packing, order, channels) for line in lines)
    return bytes(head) + body


def _dpx_line(values: list[int], bits: int, packing: int, order: str, channels: int) -> bytes:
    if bits == 8:
        return bytes(values)
    if bits == 16 or (bits == 12 and packing):
        shift = 4 if bits == 12 and packing == 1 else 0
        return struct.pack(f"{order}{len(values)}H", *(value << shift for value in values))
    words: list[int]
    if packing == 0:
        line = sum(value << (bits * index) for index, value in enumerate(values))
        words = [line >> (32 * index) & 0xFFFFFFFF for index in range(-(-len(values) * bits // 32))]
    else:
        values = values + [0] * (-len(values) % 3)
        low = 2 if packing == 1 else 0
        shifts = (0, 10, 20) if channels == 1 else (20, 10, 0)
        words = [
            sum(values[at + lane] << shift + low for lane, shift in enumerate(shifts))
            for at in range(0, len(values), 3)
        ]
    return struct.pack(f"{order}{len(words)}I", *words)


def dpx_shot(folder: Path, bits: int = 10, **header: Any) -> Path:
    """Write the shot in printing density and return the pattern; every frame has its own timecode."""
    folder.mkdir(exist_ok=True)
    top = (1 << bits) - 1
    for index, light in enumerate(scene_light()):
        code = (light / 4) ** 0.4 * top
        samples = np.stack([code, code * 0.75, code * 0.5], axis=-1).round().astype(np.uint16)
        path = folder / f"scan_{index + 1:06d}.dpx"
        path.write_bytes(dpx_bytes(samples, bits, timecode=0x01020300 + index, **header))
    return folder / "scan_######.dpx"


def small_dpx(folder: Path, **header: Any) -> Path:
    """Write five frames of 16x9 without a picture and return the pattern."""
    folder.mkdir()
    for number in range(1, 6):
        samples = np.full((9, 16, 3), 100 * number, np.uint16)
        (folder / f"scan_{number:06d}.dpx").write_bytes(dpx_bytes(samples, 10, **header))
    return folder / "scan_######.dpx"
