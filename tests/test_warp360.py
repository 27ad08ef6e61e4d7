"""The warp of equirectangular frames: laws of the sphere, deformed rotation, the grid against the exact model."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tests import tolerances
from vstab_core import _native, sphere
from vstab_core.params import Parameters
from vstab_core.projection import px_from_ray, ray_from_px
from vstab_core.render import warp_frame
from vstab_core.rotation import exponential, matrix
from vstab_core.types import FloatArray, Frame, FrameWarp, WarpTrack
from vstab_core.warp import (
    build_grid,
    grid_positions,
    source_positions,
    warp_plane,
    warp_plane_reference,
    warp_planes,
)

FILTERS = ("bilinear", "bicubic", "lanczos3")
DEPTHS = ((np.uint8, 255), (np.uint16, 1023), (np.uint16, 65535), (np.float32, 0))
LEVELS = _native.simd_levels()
# Several rotation vectors in radians: a shake, a few degrees, a level camera set upright, far round, the pole in front.
ROTATIONS = ((0.01, 0.0, 0.01), (0.05, 0.1, 0.02), (0.3, 0.2, 0.1), (1.0, 2.0, 0.5), (np.pi / 2, 0.0, 0.0))
SIZES = ((1, 1), (3, 5), (20, 31), (64, 128), (97, 191), (120, 240))


def turned(vector_rad: Any, local: Any = None) -> FrameWarp:
    """The warp whose source rays are exp(vector) times the output's."""
    return FrameWarp(matrix(exponential(vector_rad)), 0.5, projection="equirect", local=local)


def yaw(width: int, pixels: int) -> FrameWarp:
    return turned((0.0, 2 * np.pi * pixels / width, 0.0))


def random_local(degrees: float, seed: int) -> np.ndarray:
    """Six rotation vectors of this length in random directions: neighbours differ by up to twice as much."""
    v = np.random.default_rng(seed).normal(size=(6, 3))
    return np.asarray(np.deg2rad(degrees) * v / np.linalg.norm(v, axis=1, keepdims=True), np.float32)


def noise(shape: tuple[int, ...], dtype: Any, max_value: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype == np.float32:
        return rng.normal(0.5, 2.0, shape).astype(np.float32)
    return rng.integers(0, max_value, shape, endpoint=True).astype(dtype)


def scene(rays: FloatArray) -> FloatArray:
    """A smooth function on the sphere, 0..1; its shortest wave is 40 degrees long."""
    x, y, z = np.moveaxis(rays, -1, 0)
    return 0.5 + 0.2 * np.sin(5 * x + 3 * y) * np.cos(4 * z) + 0.2 * np.cos(6 * y - 5 * z + 2 * x)


def centres(size: tuple[int, int]) -> FloatArray:
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return np.stack([x, y], axis=-1)


def picture(size: tuple[int, int]) -> np.ndarray:
    return scene(ray_from_px(centres(size), size)).astype(np.float32)


def angle_px(a: FloatArray, b: FloatArray, size: tuple[int, int]) -> FloatArray:
    """How far apart two positions are on the sphere, in pixels of the equator."""
    chord = np.linalg.norm(ray_from_px(a, size) - ray_from_px(b, size), axis=-1)
    return np.asarray(2 * np.arcsin(np.minimum(chord / 2, 1)) * size[1] / (2 * np.pi))


# --- the projection ---


def test_pixels_and_rays_are_as_the_geometry_page_says() -> None:
    size = (960, 1920)
    for px, ray in (
        ((960, 480), (0, 0, 1)),
        ((1440, 480), (1, 0, 0)),
        ((480, 480), (-1, 0, 0)),
        ((960, 720), (0, np.sqrt(0.5), np.sqrt(0.5))),
        ((0, 480), (0, 0, -1)),
        ((123, 960), (0, 1, 0)),
    ):
        assert ray_from_px(px, size) == pytest.approx(ray, abs=1e-12)
    points = centres((45, 91))
    assert np.abs(px_from_ray(3 * ray_from_px(points, (45, 91)), (45, 91)) - points).max() < 1e-9


def test_a_turn_right_shows_what_lies_further_right() -> None:
    size = (960, 1920)
    at = source_positions(turned((0, np.deg2rad(10), 0)), size, size, (960, 480))
    assert at == pytest.approx((960 + 1920 / 36, 480))


# --- exact cases ---


@pytest.mark.parametrize(("dtype", "max_value"), DEPTHS)
@pytest.mark.parametrize("filter_", FILTERS)
def test_identity_is_bit_exact(dtype: Any, max_value: int, filter_: Any) -> None:
    for size, channels, level in itertools.product(SIZES, (1, 2, 3, 4), LEVELS):
        plane = noise((*size, channels), dtype, max_value)
        for local in (None, np.zeros((6, 3), np.float32)):
            warp = turned((0, 0, 0), local)
            out = warp_plane(plane, warp, filter=filter_, max_value=max_value, simd=level)
            assert out.tobytes() == plane.tobytes(), (size, channels, level)


@pytest.mark.parametrize(("dtype", "max_value"), DEPTHS)
@pytest.mark.parametrize("filter_", FILTERS)
def test_yaw_by_whole_pixels_is_a_roll(dtype: Any, max_value: int, filter_: Any) -> None:
    for size, level in itertools.product(SIZES, LEVELS):
        plane = noise(size, dtype, max_value)
        for pixels in (1, -3, size[1] // 2):
            out = warp_plane(plane, yaw(size[1], pixels), filter=filter_, max_value=max_value, simd=level)
            assert np.array_equal(out, np.roll(plane, -pixels, axis=1)), (size, pixels, level)


def test_half_a_turn_is_a_roll_by_half_the_width() -> None:
    plane = noise((120, 240), np.uint8, 255)
    assert np.array_equal(warp_plane(plane, turned((0, np.pi, 0))), np.roll(plane, 120, axis=1))


def test_half_a_roll_turns_the_picture_round() -> None:
    """Half a turn about the line of sight: upside down, left and right exchanged. Not by the path of pure yaws."""
    plane = noise((120, 240), np.uint8, 255)
    out = warp_plane(plane, turned((0, 0, np.pi)))
    same = out == plane[::-1, ::-1]
    assert same[1:-1].all()  # nearest to the poles a rounding error of the ray shows
    assert np.abs(out.astype(int) - plane[::-1, ::-1])[[0, -1]].max() <= 1


def test_pitch_by_a_right_angle_puts_the_pole_in_the_middle() -> None:
    size = (240, 480)
    plane = np.exp(8 * (ray_from_px(centres(size), size)[..., 1] - 1)).astype(np.float32)  # a spot at the lower pole
    out = warp_plane(plane, turned((-np.pi / 2, 0, 0)))
    want = np.exp(8 * (ray_from_px(centres(size), size)[..., 2] - 1))
    assert np.abs(out - want).max() < tolerances.SPHERE_SCENE_RATIO
    assert np.unravel_index(out.argmax(), size)[0] in (119, 120)
    assert out[118:122, 238:242].min() > 0.99
    up = warp_plane(plane, turned((np.pi / 2, 0, 0)))
    assert up[118:122, :4].min() > 0.99  # looking up, the ground is behind


# --- smooth scenes ---


@pytest.mark.parametrize("filter_", ["bicubic", "lanczos3"])
@pytest.mark.parametrize("vector", ROTATIONS)
@pytest.mark.parametrize("size", [(240, 480), (241, 479)])
def test_known_scene_turned_by_a_known_rotation(filter_: Any, vector: Any, size: tuple[int, int]) -> None:
    """At the seam and at the poles too."""
    warp = turned(vector)
    out = warp_plane(picture(size), warp, filter=filter_)
    want = scene(ray_from_px(centres(size), size) @ warp.src_from_dst.T)
    assert np.abs(out - want).max() < tolerances.SPHERE_SCENE_RATIO


@pytest.mark.parametrize("vector", ROTATIONS)
def test_there_and_back_is_the_same_picture(vector: Any) -> None:
    plane = picture((240, 480))
    back = warp_plane(warp_plane(plane, turned(vector)), turned(-np.asarray(vector)))
    assert np.abs(back - plane).max() < 2 * tolerances.SPHERE_SCENE_RATIO


@pytest.mark.parametrize(("dtype", "max_value"), [(np.uint8, 255), (np.uint16, 1023), (np.float32, 1)])
def test_seam_is_invisible(dtype: Any, max_value: int) -> None:
    """The steps from pixel to pixel across the seam's new place are as small as those beside it."""
    size = (240, 480)
    plane = picture(size)
    plane = plane if dtype == np.float32 else np.round(plane * max_value).astype(dtype)
    for columns in (100.3, 240.5):
        out = warp_plane(plane, turned((0.02, 2 * np.pi * columns / 480, 0.01)), filter="lanczos3").astype(np.float64)
        want = scene(ray_from_px(centres(size), size) @ turned((0.02, 2 * np.pi * columns / 480, 0.01)).src_from_dst.T)
        error = np.abs(out / max_value - want)
        rounding = 0.0 if dtype == np.float32 else 1.1 / max_value
        assert error.max() < tolerances.SPHERE_SCENE_RATIO + rounding


def test_output_of_another_size_shows_the_same_view() -> None:
    warp = turned((0.05, 0.1, 0.02))
    out = warp_plane(picture((240, 480)), warp, out=np.empty((180, 360), np.float32))
    want = scene(ray_from_px(centres((180, 360)), (180, 360)) @ warp.src_from_dst.T)
    assert np.abs(out - want).max() < tolerances.SPHERE_SCENE_RATIO


def test_chroma_at_half_size_moves_with_luma() -> None:
    size = (240, 480)
    luma = picture(size)
    chroma = luma.reshape(120, 2, 240, 2).mean(axis=(1, 3))
    warp = turned((0.3, 0.2, 0.1), random_local(2, 3))
    out_luma, out_chroma, same = warp_planes((luma, chroma, chroma), warp)
    reduced = out_luma.reshape(120, 2, 240, 2).mean(axis=(1, 3))
    assert np.abs(reduced - out_chroma).max() < tolerances.SPHERE_CHROMA_RATIO
    assert np.array_equal(out_chroma, same)


# --- the deformed-rotation model ---


@pytest.mark.parametrize("degrees", [0.3, 1.0, 3.0])
def test_forward_model_gives_back_the_output_ray(degrees: float) -> None:
    """The source position that the native grid found, put into the forward model as the paper states it."""
    size = (240, 480)
    for seed, vector in enumerate(ROTATIONS[1:4]):
        local = random_local(degrees, seed)
        warp = turned(vector, local)
        grid = build_grid(warp, size)
        rows, cols = np.mgrid[: grid.x_fixed.shape[0], : grid.x_fixed.shape[1]] * 8.0
        corner_px = np.stack([grid.x_fixed, grid.y_fixed], axis=-1) / 2.0**_native.GRID_BITS
        exact = np.argwhere(grid.exact >= 0)[:, None, None, :] * 8 + np.mgrid[:8, :8].transpose(1, 2, 0) + 0.5
        exact_px = np.stack([grid.exact_x_fixed, grid.exact_y_fixed], axis=-1) / 2.0**_native.GRID_BITS
        assert exact.size > 0
        for source_px, y, x in ((corner_px, rows, cols), (exact_px, exact[..., 0], exact[..., 1])):
            p = ray_from_px(source_px, size)
            # The definition, term by term.
            vertex = np.stack([np.where(p[..., k] >= 0, 2 * k, 2 * k + 1) for k in range(3)], axis=-1)
            weight = np.abs(p) / np.abs(p).sum(axis=-1, keepdims=True)
            omega = (weight[..., None] * local.astype(np.float64)[vertex]).sum(axis=-2)
            q = np.einsum("...ij,...j->...i", matrix(exponential(omega)), p) @ warp.src_from_dst
            error = np.abs(q - ray_from_px(np.stack([x, y], axis=-1), size)).max()
            assert error < tolerances.SPHERE_FORWARD_RAD, (degrees, vector)


def test_equal_local_rotations_are_a_rotation() -> None:
    v = np.array([0.02, -0.03, 0.01])
    size = (120, 240)
    together = source_positions(turned((0.1, 0.2, 0.3), np.tile(v, (6, 1))), size, size)
    # src = exp(-v) src_from_dst dst
    alone = FrameWarp(matrix(exponential(-v)) @ turned((0.1, 0.2, 0.3)).src_from_dst, 0.5, projection="equirect")
    assert angle_px(together, source_positions(alone, size, size), size).max() < 1e-6


def test_local_rotation_is_its_vertex_s_own_and_continuous() -> None:
    local = random_local(3, 7)
    axes = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    assert np.abs(sphere.local_rotation(local, axes) - local).max() < 1e-12
    rays = np.random.default_rng(1).normal(size=(500, 3))
    rays[:, 0] = 0
    step = np.array([1e-9, 0, 0])
    jump = sphere.local_rotation(local, rays + step) - sphere.local_rotation(local, rays - step)
    assert np.abs(jump).max() < 1e-8


@pytest.mark.parametrize("vector", ROTATIONS)
@pytest.mark.parametrize(
    ("degrees", "bound"), [(0.0, tolerances.SPHERE_GRID_PX), (1.0, tolerances.SPHERE_GRID_LOCAL_PX)]
)
def test_sparse_grid_is_near_the_exact_model(vector: Any, degrees: float, bound: float) -> None:
    size = (480, 960) if degrees else (960, 1920)
    warp = turned(vector, random_local(degrees, 11) if degrees else None)
    grid = build_grid(warp, size)
    error = angle_px(grid_positions(grid), source_positions(warp, size, size), size)
    assert error.max() < bound
    assert np.quantile(error, 0.5) < tolerances.SPHERE_GRID_MEDIAN_PX
    tables = np.kron(grid.exact >= 0, np.ones((8, 8), bool))
    assert error[tables].max() < tolerances.SPHERE_TABLE_PX
    assert (grid.exact >= 0).mean() < (0.12 if degrees else 0.08)


@pytest.mark.parametrize("local", [None, random_local(2.0, 3)])
@pytest.mark.parametrize("vector", [(0.0, 0.4, 0.0), *ROTATIONS])
def test_grids_are_the_same_on_all_instruction_sets(vector: Any, local: Any) -> None:
    warp = turned(vector, local)
    for size in SIZES:
        grids = [
            _native.build_grid(warp.src_from_dst, None, 0.5, size, size, projection="equirect", local=local, simd=level)
            for level in LEVELS
        ]
        for grid in grids[1:]:
            for name in ("x_fixed", "y_fixed", "exact", "exact_x_fixed", "exact_y_fixed"):
                assert np.array_equal(getattr(grid, name), getattr(grids[0], name)), (size, name)


# --- the kernel against its twin ---


@pytest.mark.parametrize(("dtype", "max_value"), DEPTHS)
@pytest.mark.parametrize("filter_", FILTERS)
def test_kernel_against_the_twin_and_all_instruction_sets_alike(dtype: Any, max_value: int, filter_: Any) -> None:
    ratio = max_value or 8.0  # the noise of floats spans about 8
    rounding = tolerances.WARP_ROUNDING_CODES if max_value else 0.0
    for i, (size, vector) in enumerate(itertools.product(SIZES, ROTATIONS)):
        plane = noise(size, dtype, max_value, seed=i)
        out_size = size if i % 3 else (size[0] + 9, size[1] + 30)
        warp = turned(vector, random_local(2, i) if i % 2 else None)
        grid = build_grid(warp, out_size, size)
        options: Any = {"filter": filter_, "max_value": max_value}
        outs = [warp_plane(plane, grid, out=np.empty(out_size, dtype), simd=level, **options) for level in LEVELS]
        assert all(out.tobytes() == outs[0].tobytes() for out in outs), (size, vector)
        want = warp_plane_reference(plane, grid, out=outs[0], **options)
        assert np.abs(outs[0] - want).max() < tolerances.WARP_NOISE_RATIO * ratio + rounding, (size, vector)


@pytest.mark.parametrize(("dtype", "max_value"), DEPTHS)
def test_channels_are_warped_alike(dtype: Any, max_value: int) -> None:
    for vector, channels, level in itertools.product(ROTATIONS, (2, 3, 4), LEVELS):
        plane = noise((97, 191, channels), dtype, max_value)
        grid = build_grid(turned(vector), (97, 191))
        out = warp_plane(plane, grid, max_value=max_value, simd=level)
        for c in range(channels):
            assert np.array_equal(out[..., c], warp_plane(plane[..., c].copy(), grid, max_value=max_value, simd=level))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("channels", [1, 3])
def test_row_windows_equal_the_whole(level: str, channels: int) -> None:
    for (dtype, max_value), vector in itertools.product(DEPTHS, ROTATIONS):
        plane = noise((97, 191, channels), dtype, max_value)
        grid = build_grid(turned(vector, random_local(1, 2)), (97, 191))
        whole = warp_plane(plane, grid, max_value=max_value, simd=level)
        parts = np.zeros_like(plane)
        for first, last in ((40, 61), (0, 1), (1, 13), (13, 40), (61, 90), (90, 97)):
            warp_plane(plane, grid, out=parts, rows=(first, last), max_value=max_value, simd=level)
        assert parts.tobytes() == whole.tobytes()


@pytest.mark.parametrize("level", LEVELS)
def test_bottom_up_and_padded_rows_make_no_difference(level: str) -> None:
    for (dtype, max_value), vector in itertools.product(DEPTHS, ROTATIONS):
        warp = turned(vector)
        plane = noise((96, 192), dtype, max_value)
        want = warp_plane(plane, warp, max_value=max_value, simd=level)
        padded = np.full((96, 260), 77, dtype)
        padded[:, 11:203] = plane
        for source in (np.ascontiguousarray(plane[::-1])[::-1], padded[:, 11:203]):
            room = np.full((96, 230), 9, dtype)
            out = room[::-1, 5:197]
            warp_plane(source, warp, out=out, max_value=max_value, simd=level)
            assert np.array_equal(out, want)
            assert (room[:, :5] == 9).all()
            assert (room[:, 197:] == 9).all()


def test_border_says_nothing_on_the_sphere() -> None:
    plane = noise((96, 192), np.uint8, 255)
    warp = turned((0.3, 0.2, 0.1))
    want = warp_plane(plane, warp)
    for border in ("constant", "replicate", "mirror", "keep"):
        assert np.array_equal(warp_plane(plane, warp, border=border, border_value=99), want)  # type: ignore[arg-type]


def test_flat_picture_stays_flat() -> None:
    for dtype, max_value in DEPTHS[:-1]:
        plane = np.full((97, 191), max_value // 3, dtype)
        for filter_, vector in itertools.product(FILTERS, ROTATIONS):
            out = warp_plane(plane, turned(vector), filter=filter_, max_value=max_value)  # type: ignore[arg-type]
            assert (out == max_value // 3).all()


# --- frames and tracks ---


def test_identity_returns_the_frame_itself_and_a_deformation_does_not() -> None:
    frame = Frame((noise((96, 192), np.uint8, 255),), "gray", 0, 0.0)

    def fresh(_: Frame) -> Frame:
        return Frame((np.zeros((96, 192), np.uint8),), "gray", 0, 0.0)

    assert warp_frame(frame, turned((0, 0, 0)), Parameters(), fresh) is frame
    assert warp_frame(frame, turned((0, 0, 0), np.zeros((6, 3), np.float32)), Parameters(), fresh) is frame
    warp = turned((0, 0, 0), random_local(1, 1))
    assert np.array_equal(warp_frame(frame, warp, Parameters(), fresh).planes[0], warp_plane(frame.planes[0], warp))
    pitched = warp_frame(frame, turned((0.1, 0, 0)), Parameters(), fresh)
    assert np.array_equal(pitched.planes[0], warp_plane(frame.planes[0], turned((0.1, 0, 0))))


def test_track_hands_on_projection_and_local_rotations() -> None:
    local = np.stack([random_local(1, 1), random_local(1, 2)])
    pts = np.arange(2)
    matrices = np.tile(np.eye(3), (2, 1, 1))
    track = WarpTrack(
        1920, 960, 0.5, pts, Fraction(1, 30), matrices, None, np.zeros(2), projection="equirect", local=local
    )
    assert track[1].projection == "equirect"
    assert np.array_equal(track[1].local, local[1])
    plain = WarpTrack(1920, 960, 0.5, pts, Fraction(1, 30), matrices, None, np.zeros(2))
    assert (plain[0].projection, plain[0].local) == ("rectilinear", None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"src_from_dst": np.diag([1.0, 1.0, 2.0])}, "must be a rotation; it is off by 3.0"),
        ({"src_from_dst": np.diag([1.0, 1.0, -1.0])}, "must be a rotation; it is mirrored"),
        ({"src_from_dst": np.diag([1.0, 1.0, np.nan])}, "not finite"),
        ({"mesh": np.zeros((5, 5, 2), np.float32)}, "a mesh belongs to a rectilinear warp"),
        ({"local": np.zeros((5, 3), np.float32)}, r"local must be \(6, 3\)"),
        ({"local": np.full((6, 3), 0.9, np.float32)}, "local rotation 0 is beyond 1 radian"),
        ({"local": np.full((6, 3), np.nan, np.float32)}, "local rotation 0 is beyond 1 radian or not finite"),
        ({"projection": "fisheye"}, "unknown projection 'fisheye'; choose one of: rectilinear, equirect"),
        (
            {"projection": "rectilinear", "local": np.zeros((6, 3), np.float32)},
            "local rotations belong to an equirectangular",
        ),
    ],
)
def test_wrong_models_are_refused_in_words(change: dict[str, Any], words: str) -> None:
    fields: dict[str, Any] = {"src_from_dst": np.eye(3), "aspect": 0.5, "projection": "equirect", **change}
    with pytest.raises(ValueError, match=words):
        build_grid(FrameWarp(**fields), (96, 192))
