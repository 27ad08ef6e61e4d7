"""The warp kernel: exact cases bit for bit, the rest against the NumPy twin, all instruction sets alike."""

from __future__ import annotations

import itertools
import zlib
from typing import Any

import numpy as np
import pytest

from tests import tolerances
from vstab_core import _native
from vstab_core.types import FrameWarp
from vstab_core.warp import build_grid, warp_plane, warp_plane_reference

FILTERS = ("bilinear", "bicubic", "lanczos3")
BORDERS = ("constant", "replicate", "mirror", "keep")
# (type, max_value); 12 and 14 bits end in the same 16-bit lanes as 10, 16 bits take a wider path.
DEPTHS = (
    (np.uint8, 255),
    (np.uint16, 1023),
    (np.uint16, 4095),
    (np.uint16, 16383),
    (np.uint16, 65535),
    (np.float32, 0),
)
CHECKSUM = 1084013082
LEVELS = _native.simd_levels()
SIZES = ((1, 1), (2, 3), (3, 2), (1, 40), (17, 16), (45, 77), (64, 128))


def noise(shape: tuple[int, ...], dtype: Any, max_value: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype == np.float32:
        return rng.normal(0.5, 2.0, shape).astype(np.float32)
    return rng.integers(0, max_value, shape, endpoint=True).astype(dtype)


def similarity(
    zoom: float = 1.0, rotation_deg: float = 0.0, shift: tuple[float, float] = (0.0, 0.0), aspect: float = 0.5625
) -> FrameWarp:
    c, s = np.cos(np.deg2rad(rotation_deg)) / zoom, np.sin(np.deg2rad(rotation_deg)) / zoom
    return FrameWarp(np.array([[c, -s, shift[0]], [s, c, shift[1]], [0.0, 0.0, 1.0]]), aspect)


def shift_px(dx: float, dy: float, size: tuple[int, int]) -> FrameWarp:
    """Output pixel (x, y) shows source pixel (x + dx, y + dy)."""
    aspect = size[0] / size[1]
    return similarity(shift=(2 * dx / size[1], 2 * aspect * dy / size[0]), aspect=aspect)


def random_warp(rng: np.random.Generator, strong: bool) -> FrameWarp:
    k = 1.0 if strong else 0.1
    warp = similarity(np.exp(rng.normal(0, 0.6 * k)), rng.normal(0, 60 * k), tuple(rng.normal(0, 0.3 * k, 2)))
    h = warp.src_from_dst.copy()
    h[2, :2] = rng.normal(0, 0.3 * k, 2)
    mesh = rng.normal(0, 0.02 * k, (5, 5, 2)).astype(np.float32) if rng.random() < 0.5 else None
    return FrameWarp(h, warp.aspect, mesh)


@pytest.mark.parametrize(("dtype", "max_value"), DEPTHS)
@pytest.mark.parametrize("filter_", FILTERS)
def test_identity_is_bit_exact(dtype: Any, max_value: int, filter_: Any) -> None:
    for size, channels, level, border in itertools.product(SIZES, (1, 2, 3, 4), LEVELS, BORDERS):
        plane = noise((*size, channels), dtype, max_value)
        out = np.full_like(plane, 7)
        warp_plane(
            plane, similarity(aspect=0.7), out=out, filter=filter_, border=border, max_value=max_value, simd=level
        )
        assert out.tobytes() == plane.tobytes(), (size, channels, level, border)


def test_identity_keeps_the_sign_of_zero_and_infinities_in_place() -> None:
    plane = noise((20, 30), np.float32, 0)
    plane[3, 4], plane[10, 11], plane[12, 3] = -0.0, np.inf, np.nan
    for filter_ in FILTERS:
        assert warp_plane(plane, similarity(), filter=filter_).tobytes() == plane.tobytes()


@pytest.mark.parametrize(("dtype", "max_value"), DEPTHS)
@pytest.mark.parametrize("filter_", FILTERS)
def test_shift_by_whole_pixels_is_exact_with_every_border(dtype: Any, max_value: int, filter_: Any) -> None:
    plane = noise((37, 75), dtype, max_value)
    for dx, dy, level in itertools.product((-5, 0, 3, 80), (-2, 7), LEVELS):
        warp = shift_px(dx, dy, (37, 75))
        x, y = np.arange(75) + dx, (np.arange(37) + dy)[:, None]
        inside = (x >= 0) & (x < 75) & (y >= 0) & (y < 37)
        nearest = plane[np.clip(y, 0, 36), np.clip(x, 0, 74)]
        xm, ym = x % 150, y % 74
        mirrored = plane[np.minimum(ym, 73 - ym), np.minimum(xm, 149 - xm)]
        options: Any = {"filter": filter_, "max_value": max_value, "simd": level}
        assert np.array_equal(warp_plane(plane, warp, border="replicate", **options), nearest)
        assert np.array_equal(warp_plane(plane, warp, border="mirror", **options), mirrored)
        constant = warp_plane(plane, warp, border="constant", border_value=9, **options)
        assert np.array_equal(constant, np.where(inside, nearest, plane.dtype.type(9)))
        before = noise((37, 75), dtype, max_value, seed=2)
        kept = warp_plane(plane, warp, border="keep", out=before.copy(), **options)
        assert np.array_equal(kept, np.where(inside, nearest, before))


@pytest.mark.parametrize("filter_", FILTERS)
@pytest.mark.parametrize("level", LEVELS)
def test_half_turn_is_a_flip_and_quarter_turn_a_rot90(filter_: Any, level: str) -> None:
    for dtype, max_value in DEPTHS:
        plane = noise((61, 61), dtype, max_value)
        options: Any = {"filter": filter_, "max_value": max_value, "simd": level}
        half = FrameWarp(np.diag([-1.0, -1.0, 1.0]), 1.0)
        assert np.array_equal(warp_plane(plane, half, **options), plane[::-1, ::-1])
        # Output (x, y) shows source (-y, x): the picture's right edge comes to the top.
        quarter = FrameWarp(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), 1.0)
        assert np.array_equal(warp_plane(plane, quarter, **options), np.rot90(plane))


@pytest.mark.parametrize(("dtype", "max_value"), DEPTHS)
def test_instruction_sets_agree_bit_for_bit(dtype: Any, max_value: int) -> None:
    rng = np.random.default_rng(5)
    for i in range(40):
        src = noise((int(rng.integers(1, 100)), int(rng.integers(1, 200))), dtype, max_value, seed=i)
        size = int(rng.integers(1, 100)), int(rng.integers(1, 200))
        grid = build_grid(random_warp(rng, strong=i % 2 == 0), size, (src.shape[0], src.shape[1]))
        for filter_, border in itertools.product(FILTERS, BORDERS):
            outs = [
                warp_plane(
                    src,
                    grid,
                    out=np.full(size, 3, dtype),
                    filter=filter_,  # type: ignore[arg-type]
                    border=border,  # type: ignore[arg-type]
                    border_value=200,
                    max_value=max_value,
                    simd=level,
                )
                for level in LEVELS
            ]
            for level, out in zip(LEVELS, outs, strict=True):
                assert out.tobytes() == outs[0].tobytes(), (i, filter_, border, level)


def test_instruction_sets_agree_on_channels_and_on_codes_above_the_maximum() -> None:
    rng = np.random.default_rng(6)
    values = (3, 50, 100, 200)
    for channels, (dtype, max_value), border in itertools.product((1, 2, 3, 4), DEPTHS, BORDERS):
        src = noise((50, 90, channels), dtype, 65535 if dtype == np.uint16 else max_value)
        before = noise(src.shape, dtype, max_value, seed=2)
        warp = random_warp(rng, strong=bool(rng.random() < 0.5))
        for filter_ in FILTERS:
            options: Any = {"filter": filter_, "border": border, "max_value": max_value}
            outs = []
            for level in LEVELS:
                out = before.copy()
                for rows in ((13, 50), (0, 13)):
                    options.update(simd=level, rows=rows, border_value=values[:channels])
                    warp_plane(src, warp, out=out, **options)
                outs.append(out)
            assert all(out.tobytes() == outs[0].tobytes() for out in outs)
            for c in range(channels):
                options.update(simd=None, rows=None, border_value=values[c])
                alone = warp_plane(src[..., c].copy(), warp, out=before[..., c].copy(), **options)
                assert np.array_equal(outs[0][..., c], alone)


def test_bytes_are_those_of_every_other_machine() -> None:
    """A checksum over all depths, filters and borders: x86-64 with GCC and 64-bit Arm with clang give this one.

    A change of the arithmetic changes it; say so in docs/warp.md when that is meant.
    """
    y, x = np.mgrid[:67, :123].astype(np.int64)
    pattern = (x * x * 7919 + y * y * 104729 + x * y * 31 + (x ^ y) * 1237) % 65536
    h = np.array([[0.90625, -0.15625, 0.03125], [0.15625, 0.90625, -0.0625], [0.0625, -0.03125, 1.0]])
    mesh = (((np.arange(50) * 37) % 17 - 8) / 1024).reshape(5, 5, 2).astype(np.float32)
    checksum = 0
    for (dtype, max_value), filter_, border in itertools.product(DEPTHS, FILTERS, BORDERS):
        plane = (pattern / 8192).astype(np.float32) if dtype == np.float32 else (pattern & max_value).astype(dtype)
        options: Any = {"filter": filter_, "border": border, "border_value": 9, "max_value": max_value}
        out = warp_plane(plane, FrameWarp(h, 0.5625, mesh), out=np.zeros((70, 110), dtype), **options)
        checksum = zlib.crc32(out.tobytes(), checksum)
    assert checksum == CHECKSUM


@pytest.mark.parametrize(("dtype", "max_value"), DEPTHS)
@pytest.mark.parametrize("filter_", FILTERS)
def test_kernel_agrees_with_the_reference_on_noise(dtype: Any, max_value: int, filter_: Any) -> None:
    rng = np.random.default_rng(7)
    span = max_value or 10.0
    border_value = 100 if max_value else 5
    for i in range(12):
        plane = noise((60, 130, 1 + i % 2), dtype, max_value, seed=i)
        warp = random_warp(rng, strong=i % 2 == 1)
        grid = build_grid(warp, (52, 90), (60, 130))
        for border in ("constant", "replicate", "mirror"):
            options: Any = {"filter": filter_, "border": border, "border_value": border_value, "max_value": max_value}
            before = noise((52, 90, 1 + i % 2), dtype, max_value, seed=99)
            want = warp_plane_reference(plane, grid, out=before, **options)
            have = warp_plane(plane, grid, out=before.copy(), **options)
            rounding = tolerances.WARP_ROUNDING_CODES if max_value else 0.0
            assert np.abs(have - want).max() <= rounding + tolerances.WARP_NOISE_RATIO * span, (i, border)


def test_keep_agrees_with_the_reference_but_for_pixels_on_the_edge() -> None:
    plane, before = noise((60, 130), np.uint8, 255), noise((60, 130), np.uint8, 255, seed=2)
    grid = build_grid(similarity(0.8, 12.0), (60, 130))
    want = warp_plane_reference(plane, grid, out=before, border="keep")
    have = warp_plane(plane, grid, out=before.copy(), border="keep")
    assert (have == before).mean() > 0.2
    assert (np.abs(have - want) > 2).mean() < 0.0005  # a position within 0.001 px of the edge may fall on either side


@pytest.mark.parametrize("level", LEVELS)
def test_row_windows_equal_the_whole(level: str) -> None:
    rng = np.random.default_rng(8)
    for (dtype, max_value), border in itertools.product(DEPTHS, BORDERS):
        plane = noise((61, 83), dtype, max_value)
        grid = build_grid(random_warp(rng, strong=False), (61, 83))
        options: Any = {"border": border, "max_value": max_value, "simd": level}
        whole = warp_plane(plane, grid, out=np.full_like(plane, 5), **options)
        parts = np.full_like(plane, 5)
        for first, last in ((40, 61), (0, 1), (1, 13), (13, 13), (13, 40)):
            untouched = parts.copy()
            warp_plane(plane, grid, out=parts, rows=(first, last), **options)
            assert np.array_equal(parts[:first], untouched[:first])
            assert np.array_equal(parts[last:], untouched[last:])
        assert parts.tobytes() == whole.tobytes()


@pytest.mark.parametrize("level", LEVELS)
def test_bottom_up_and_padded_rows_make_no_difference(level: str) -> None:
    warp = similarity(1.1, 3.0)
    for dtype, max_value in DEPTHS:
        plane = noise((48, 96), dtype, max_value)
        want = warp_plane(plane, warp, max_value=max_value, simd=level)
        bottom_up = np.ascontiguousarray(plane[::-1])[::-1]
        padded = np.full((48, 160), 77, dtype)
        padded[:, 11:107] = plane
        for source in (bottom_up, padded[:, 11:107]):
            room = np.full((48, 130), 9, dtype)
            out = room[::-1, 5:101]
            warp_plane(source, warp, out=out, max_value=max_value, simd=level)
            assert np.array_equal(out, want)
            assert (room[:, :5] == 9).all()
            assert (room[:, 101:] == 9).all()


@pytest.mark.parametrize("filter_", ["nearest", *FILTERS])
@pytest.mark.parametrize("border", BORDERS)
def test_samples_that_are_no_number_stay_one_pixel_in_every_instruction_set(filter_: Any, border: Any) -> None:
    plane = noise((45, 77), np.float32, 0)
    for at, value in (((20, 30), np.inf), ((21, 31), -np.inf), ((5, 60), np.nan), ((0, 0), np.inf), ((44, 76), np.nan)):
        plane[at] = value
    warp = similarity(1.1, 3.0, (0.03, -0.02), 45 / 77)
    results = [warp_plane(plane, warp, filter=filter_, border=border, simd=level) for level in LEVELS]
    assert len({result.tobytes() for result in results}) == 1
    twin = warp_plane_reference(plane, build_grid(warp, plane.shape), filter=filter_, border=border)
    same = (np.isnan(results[0]) == np.isnan(twin)) & (np.isposinf(results[0]) == np.isposinf(twin))
    assert (~same).sum() <= 2  # where two samples are equally near, 1/2048 px decides
    assert 2 <= (~np.isfinite(results[0])).sum() <= 8
    near = same & np.isfinite(twin)
    close = np.isclose(results[0], np.nan_to_num(twin), atol=0.02)[near]
    assert close.mean() > 0.995  # nearest, and beside what is no number: as above


def test_the_nearest_filter_copies_bits() -> None:
    ids = np.random.default_rng(3).integers(0, 1 << 32, (45, 77), dtype=np.uint32)
    warp = similarity(1.2, 17.0, (0.1, 0.1), 45 / 77)
    moved = warp_plane(ids.view(np.float32), warp, filter="nearest", border="replicate").view(np.uint32)
    assert np.isin(moved, ids).all()
    with pytest.raises(ValueError, match="nearest filter is for float planes"):
        warp_plane(np.zeros((8, 8), np.uint8), warp, filter="nearest")


def test_float_values_above_one_pass() -> None:
    plane = np.full((30, 40), 1234.5, np.float32)
    for filter_ in FILTERS:
        out = warp_plane(plane, similarity(1.1, 2.0), filter=filter_, border="replicate")
        assert np.abs(out - 1234.5).max() < 1e-3


def test_flat_picture_stays_flat() -> None:
    rng = np.random.default_rng(9)
    for (dtype, max_value), filter_ in itertools.product(DEPTHS[:-1], FILTERS):
        for code in (0, 1, max_value // 3, max_value - 1, max_value):
            plane = np.full((50, 70), code, dtype)
            options: Any = {"filter": filter_, "border": "replicate", "max_value": max_value}
            assert (warp_plane(plane, random_warp(rng, strong=False), **options) == code).all()


def test_what_is_behind_the_horizon_has_the_border_value_or_is_kept() -> None:
    plane = noise((80, 120), np.uint8, 255)
    h = np.eye(3)
    h[2, 1] = 3.0  # w = 1 + 3 y: nothing above y = -1/3
    warp = FrameWarp(h, 2 / 3)
    for border in BORDERS:
        before = np.full_like(plane, 44)
        out = warp_plane(plane, warp, out=before.copy(), border=border, border_value=33)  # type: ignore[arg-type]
        assert (out[:16] == (44 if border == "keep" else 33)).all()
        assert np.array_equal(out, warp_plane(plane, FrameWarp(-h, 2 / 3), out=before, border=border, border_value=33))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"filter": "box"}, "unknown filter 'box'; choose one of: auto, bilinear, bicubic, lanczos3"),
        ({"border": "wrap"}, "unknown border 'wrap'"),
        ({"simd": "mmx"}, "unknown simd level 'mmx'"),
        ({"border_value": [1.0, 2.0]}, "border_value must have 1 value or one for each of the 1 channels, got 2"),
        ({"border_value": [256.0]}, "border_value must be 0 to 255"),
        ({"max_value": 1023}, "8-bit planes have a max_value of 255, got 1023"),
        ({"row_end": 9}, "rows must be a range within 0 to 8, got 0 to 9"),
        ({"src": np.zeros((8, 7), np.uint8)}, "source plane is 7x8 but the grid was built for 8x8"),
        ({"src": np.zeros((8, 8), np.uint16)}, "differ in depth"),
        ({"src": np.zeros((8, 8, 2), np.uint8)}, "source plane has 2 channels, destination plane 1"),
        ({"src": np.zeros((8, 8), np.float64)}, "src must be uint8, uint16 or float32, got float64"),
        ({"src": np.zeros((8, 8, 5), np.uint8)}, "src has 5 channels; 1 to 4 are possible"),
        ({"src": np.zeros((8, 16), np.uint8)[:, ::2]}, "samples side by side"),
        ({"src": np.zeros((8, 8), np.uint8)[:, ::-1]}, "samples side by side"),
        ({"src": np.zeros(8, np.uint8)}, r"src must be \(H, W\) or \(H, W, C\), got 1 dimensions"),
    ],
)
def test_wrong_arguments_are_refused_in_words(change: dict[str, Any], words: str) -> None:
    grid = build_grid(similarity(aspect=1.0), (8, 8))
    arguments: dict[str, Any] = {"src": np.zeros((8, 8), np.uint8), "dst": np.zeros((8, 8), np.uint8), **change}
    with pytest.raises(ValueError, match=words):
        _native.warp_plane(arguments.pop("src"), arguments.pop("dst"), grid, **arguments)


def test_overlapping_and_read_only_planes_are_refused() -> None:
    grid = build_grid(similarity(aspect=1.0), (8, 8))
    plane = np.zeros((12, 8), np.uint8)
    with pytest.raises(ValueError, match="overlap"):
        _native.warp_plane(plane[:8], plane[4:], grid)
    sealed = np.zeros((8, 8), np.uint8)
    sealed.flags.writeable = False
    with pytest.raises(ValueError, match="not writeable"):
        _native.warp_plane(plane[:8], sealed, grid)


@pytest.mark.parametrize(
    ("matrix", "mesh", "aspect", "size", "words"),
    [
        (np.diag([1.0, 1.0, np.nan]), None, 1.0, (8, 8), "not finite"),
        (np.zeros((3, 3)), None, 1.0, (8, 8), "singular"),
        (np.eye(2), None, 1.0, (8, 8), r"src_from_dst must be \(3, 3\)"),
        (np.eye(3), None, 0.0, (8, 8), "aspect must be a positive number"),
        (np.eye(3), None, 1.0, (0, 8), "destination size must be 1 to 32767 px a side, got 8x0"),
        (np.eye(3), np.zeros((1, 5, 2), np.float32), 1.0, (8, 8), "mesh must be"),
        (np.eye(3), np.full((5, 5, 2), np.inf, np.float32), 1.0, (8, 8), "mesh holds a value that is not finite"),
    ],
)
def test_wrong_models_are_refused_in_words(matrix: Any, mesh: Any, aspect: float, size: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _native.build_grid(matrix, mesh, aspect, size, (8, 8))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("filter", ["bilinear", "bicubic", "lanczos3"])
@pytest.mark.parametrize("border", ["constant", "replicate", "mirror"])
def test_a_floor_holds_and_agrees_with_the_reference(channels: int, filter: str, border: str) -> None:
    rng = np.random.default_rng(5)
    plane = np.exp(6 * rng.standard_normal((40, 56, channels))).astype(np.float32)
    turn = FrameWarp(np.array([[0.9, -0.1, 0.05], [0.1, 0.9, -0.02], [0, 0, 1]]), 40 / 56)
    grid = build_grid(turn, (40, 56))
    done = warp_plane(plane, grid, filter=filter, border=border, border_value=0.5, floor=True)  # type: ignore[arg-type]
    wanted = warp_plane_reference(plane, grid, filter=filter, border=border, border_value=0.5, floor=True)  # type: ignore[arg-type]
    assert done.min() >= min(plane.min(), 0.5)
    assert np.allclose(done, wanted, rtol=0.02, atol=1e-3 * plane.max())
    without = warp_plane(plane, grid, filter=filter, border=border, border_value=0.5)  # type: ignore[arg-type]
    assert (without.min() < 0) == (filter != "bilinear")


def test_a_floor_is_for_floats() -> None:
    with pytest.raises(ValueError, match="floor is for float planes"):
        warp_plane(np.zeros((8, 8), np.uint8), FrameWarp(np.eye(3), 1.0), floor=True)


def test_large_rows_of_whole_cache_lines_make_no_difference() -> None:
    size, channels = (512, 1024), 4  # 8 MiB
    plane = noise((*size, channels), np.float32, 0)
    plane[100, 200, 1], plane[300, 500, 3] = np.inf, np.nan
    room = np.zeros(plane.nbytes + 64, np.uint8)
    aligned = room[-room.ctypes.data % 64 :][: plane.nbytes].view(np.float32).reshape(plane.shape)
    apart = np.zeros((size[0], size[1] + 1, channels), np.float32)[:, 1:]
    for warp, filter_ in itertools.product((similarity(1.1, 3.0), shift_px(3, 5, size)), FILTERS[1:]):
        want = warp_plane(plane, warp, filter=filter_, simd="baseline").tobytes()  # type: ignore[arg-type]
        for level in LEVELS:
            for out in (aligned, apart):
                out[...] = 7
                assert warp_plane(plane, warp, filter=filter_, out=out, simd=level).tobytes() == want  # type: ignore[arg-type]
