"""DPX (SMPTE 268M): pixels of 8, 10, 12 and 16 bits in and out; of the file all other bytes stay as they are.

The packing is done here: FFmpeg and OpenImageIO write a header of their own, and editors match shots by the old one
(timecode, reel, key code, printing density). Tests compare the pixels with FFmpeg's decoder.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..types import Plane
from .picture import BT601, BT709, LINEAR, LOG, UNSPECIFIED, Header, Picture, Window, frame_rate

_BYTES = 2048  # of the header; user data may follow
_UNDEFINED = 0xFFFFFFFF
# descriptor -> which component comes first in the file, as places in the planes' order G B R (A)
_ORDERS = {6: (0,), 50: (2, 0, 1), 51: (2, 0, 1, 3), 52: (3, 1, 0, 2)}
_OTHER = {100: "CbYCrY 4:2:2", 101: "CbYaCrYa 4:2:2:4", 102: "CbYCr 4:4:4", 103: "CbYCrA 4:4:4:4", 4: "alpha alone"}
_TRANSFER = {1: LOG, 2: LINEAR, 3: LOG, 5: BT709, 6: BT709, 7: BT601, 8: BT601}
_PLANAR = {1: "gray", 3: "gbrp", 4: "gbrap"}
_Words = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class _Layout:
    """How the pixels lie in a file: see SMPTE 268M, image element."""

    order: str  # of bytes, "<" or ">"
    width: int
    height: int
    components: tuple[int, ...]
    bits: int
    packing: int  # 0: bit by bit; 1: filled up with zeros below, 2: above
    begin: int
    line_bytes: int  # with what fills the line up

    @property
    def samples(self) -> int:
        return self.width * len(self.components)


def read_header(path: Path) -> Header:
    """Read what a file says of its picture."""
    with path.open("rb") as file:
        head = file.read(_BYTES)
    layout = _layout(head, path.stat().st_size, path)
    number = struct.Struct(layout.order + "f")
    rates = (number.unpack_from(head, 1940)[0], number.unpack_from(head, 1724)[0])  # television's, film's
    across, down = struct.unpack_from(layout.order + "2I", head, 1628)
    known = 0 < across < _UNDEFINED and 0 < down < _UNDEFINED
    window = (0, 0, layout.width - 1, layout.height - 1)
    depth = "" if layout.bits == 8 else f"{layout.bits}le"
    return Header(
        window,
        window,
        _PLANAR[len(layout.components)] + depth,
        Fraction(across, down) if known else Fraction(1),
        next((rate for rate in map(frame_rate, rates) if rate is not None), None),
        _TRANSFER.get(head[801], UNSPECIFIED),
    )


def read_picture(path: Path, number: int, canvas: Window) -> Picture:
    """Read a file; `canvas` is its own window."""
    del canvas
    data = path.read_bytes()
    layout = _layout(data[:_BYTES], len(data), path)
    samples = _unpacked(data, layout).reshape(layout.height, layout.width, len(layout.components))
    planes: list[Plane] = [np.empty(0)] * len(layout.components)
    for place, plane in enumerate(layout.components):
        planes[plane] = np.ascontiguousarray(samples[..., place])
    depth = "" if layout.bits == 8 else f"{layout.bits}le"
    name = _PLANAR[len(planes)] + depth
    transfer = _TRANSFER.get(data[801], UNSPECIFIED)
    return Picture(path, number, tuple(planes), name, rest=layout, color_trc=transfer)


def write_picture(path: Path, planes: tuple[Plane, ...], like: Picture) -> None:
    """Write planes into a copy of the file that they were made from."""
    layout: _Layout = like.rest
    data = bytearray(like.path.read_bytes())
    samples = np.stack([planes[plane] for plane in layout.components], axis=-1)
    _pack(data, samples.reshape(layout.height, layout.samples), layout)
    path.write_bytes(data)


def _layout(head: bytes, file_bytes: int, path: Path) -> _Layout:
    order = {b"SDPX": ">", b"XPDS": "<"}.get(head[:4])
    if order is None:
        raise InputError(f"'{path}' is no DPX file: it begins with {head[:4]!r}")
    if len(head) < _BYTES:
        raise InputError(f"'{path}' is cut short: {len(head)} bytes, a DPX header has {_BYTES}")
    elements, width, height = struct.unpack_from(order + "HII", head, 770)
    descriptor, bits = head[800], head[803]
    packing, encoding = struct.unpack_from(order + "HH", head, 804)
    begin, line_pad = struct.unpack_from(order + "II", head, 808)
    begin = struct.unpack_from(order + "I", head, 4)[0] if begin in (0, _UNDEFINED) else begin
    line_pad = 0 if line_pad == _UNDEFINED else line_pad
    components = _ORDERS.get(descriptor)
    if elements != 1 or components is None:
        what = f"{elements} image elements" if elements != 1 else _OTHER.get(descriptor, f"descriptor {descriptor}")
        raise InputError(f"'{path}': pixels as {what} cannot be read; write RGB, RGBA or luma in one element")
    if bits not in (8, 10, 12, 16) or packing > 2 or encoding != 0:
        how = ", run-length encoded" if encoding else f", packing {packing}"
        raise InputError(f"'{path}': {bits} bits{how} cannot be read; 8, 10, 12 and 16 bits, not encoded, can")
    if not 0 < width < 65536 or not 0 < height < 65536 or begin < _BYTES - 384:
        raise InputError(f"'{path}': its header makes no sense: {width}x{height}, pixels at byte {begin}")
    line = _line_bytes(width * len(components), bits, packing) + line_pad
    aligned = -(-line // 4) * 4
    if file_bytes - begin == aligned * height:  # 8 and 16 bits: some fill lines up to whole words
        line = aligned
    if file_bytes < begin + line * height:
        raise InputError(f"'{path}' is cut short: {file_bytes} of {begin + line * height} bytes")
    return _Layout(order, width, height, components, bits, packing, begin, line)


def _line_bytes(samples: int, bits: int, packing: int) -> int:
    if bits in (8, 16):
        return samples * bits // 8
    if packing == 0:
        return -(-samples * bits // 32) * 4
    return -(-samples // 3) * 4 if bits == 10 else samples * 2


def _unpacked(data: bytes, layout: _Layout) -> Plane:
    """Return the samples, (height, samples of a line)."""
    lines = np.frombuffer(data, np.uint8, layout.line_bytes * layout.height, layout.begin)
    lines = lines.reshape(layout.height, layout.line_bytes)
    lines = lines[:, : _line_bytes(layout.samples, layout.bits, layout.packing)]
    if layout.bits == 8:
        return lines
    if layout.bits == 16:
        return np.ascontiguousarray(lines).view(layout.order + "u2").astype(np.uint16)
    if layout.bits == 12 and layout.packing:
        shift = 4 if layout.packing == 1 else 0
        return np.ascontiguousarray(lines).view(layout.order + "u2").astype(np.uint16) >> shift & 0xFFF
    words = np.ascontiguousarray(lines).view(layout.order + "u4").astype(np.uint32)
    samples = np.empty((layout.height, *_lanes_shape(words.shape[1], layout)), np.uint16)
    for lane, word, shift in _lanes(layout):
        step = samples.shape[2] * layout.bits // 32 if layout.packing == 0 else 1
        samples[:, :, lane] = _bits_at(words, word, shift, step, samples.shape[1], layout.bits)
    return samples.reshape(layout.height, -1)[:, : layout.samples]


def _pack(data: bytearray, samples: Plane, layout: _Layout) -> None:
    """Write samples, (height, samples of a line), over those in a file's bytes."""
    lines = np.frombuffer(data, np.uint8, layout.line_bytes * layout.height, layout.begin)
    lines = lines.reshape(layout.height, layout.line_bytes)
    used = _line_bytes(layout.samples, layout.bits, layout.packing)
    if layout.bits == 8:
        lines[:, :used] = samples
        return
    if layout.bits == 16 or (layout.bits == 12 and layout.packing):
        shift = 4 if layout.bits == 12 and layout.packing == 1 else 0
        lines[:, :used] = (samples.astype(np.uint16) << shift).astype(layout.order + "u2").view(np.uint8)
        return
    count = used // 4
    lanes = _lanes_shape(count, layout)
    padded = np.zeros((layout.height, lanes[0] * lanes[1]), np.uint32)
    padded[:, : layout.samples] = samples
    in_lanes = padded.reshape(layout.height, *lanes)
    step = lanes[1] * layout.bits // 32 if layout.packing == 0 else 1
    words = np.zeros((layout.height, lanes[0] * step), np.uint32)
    for lane, word, shift in _lanes(layout):
        words[:, word::step] |= in_lanes[:, :, lane] << np.uint32(shift)
        if shift + layout.bits > 32:
            words[:, word + 1 :: step] |= in_lanes[:, :, lane] >> np.uint32(32 - shift)
    lines[:, :used] = np.ascontiguousarray(words[:, :count].astype(layout.order + "u4")).view(np.uint8)


def _lanes(layout: _Layout) -> list[tuple[int, int, int]]:
    """Return (sample, word, shift to the left) of every sample in the words after which the packing repeats."""
    if layout.packing == 0:  # bit by bit from the lowest on
        period = lcm(layout.bits, 32) // layout.bits
        return [(lane, lane * layout.bits // 32, lane * layout.bits % 32) for lane in range(period)]
    low = 2 if layout.packing == 1 else 0
    shifts = (low, low + 10, low + 20) if len(layout.components) == 1 else (low + 20, low + 10, low)
    return [(lane, 0, shift) for lane, shift in enumerate(shifts)]  # of luma the first sample is the lowest


def _lanes_shape(words: int, layout: _Layout) -> tuple[int, int]:
    """Return how often the packing repeats in a line of so many words, and its samples."""
    if layout.packing:
        return words, 3
    period = lcm(layout.bits, 32)
    return -(-words * 32 // period), period // layout.bits


def _bits_at(words: _Words, word: int, shift: int, step: int, count: int, bits: int) -> Plane:
    """Return `bits` bits from `shift` of word `word` on, in every period of `step` words; zero beyond the line."""
    padded = np.zeros((words.shape[0], count * step + 1), np.uint32)
    padded[:, : words.shape[1]] = words
    low = padded[:, word : word + count * step : step] >> np.uint32(shift)
    if shift + bits > 32:
        low = low | padded[:, word + 1 : word + 1 + count * step : step] << np.uint32(32 - shift)
    return (low & np.uint32((1 << bits) - 1)).astype(np.uint16)
