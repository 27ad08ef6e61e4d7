"""The warp as a model: analytic pictures warped by known transforms, sparse grid, mesh, chroma, whole frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests import tolerances
from vstab_core.projection import apply_homography, normalised_from_px, px_from_normalised, px_homography
from vstab_core.types import FrameWarp
from vstab_core.warp import build_grid, grid_positions, source_positions, warp_plane, warp_plane_reference, warp_planes

ASPECT = 1080 / 1920
# Zoom 1.1, rotation 1 degree, perspective of 2 % across the frame, a shift: what a stabilizer asks for.
TYPICAL = FrameWarp(
    np.array([[0.909, -0.0159, 0.03], [0.0159, 0.909, -0.02], [0.01, -0.008, 1.0]]),
    ASPECT,
)
PERIODS = (0.21, 0.16)  # normalised; 40 px and more at 400 px wide


def picture(points: np.ndarray) -> np.ndarray:
    """A smooth function of normalised position, 0..1."""
    x, y = points[..., 0], points[..., 1]
    return 0.5 + 0.24 * np.sin(2 * np.pi * x / PERIODS[0]) + 0.24 * np.cos(2 * np.pi * (y + 0.3 * x) / PERIODS[1])


def pixel_centres(size: tuple[int, int], aspect: float) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return normalised_from_px(np.stack([x, y], axis=-1), size, aspect)


def codes(values: np.ndarray, dtype: Any, max_value: int) -> np.ndarray:
    return values.astype(np.float32) if dtype == np.float32 else np.round(values * max_value).astype(dtype)


@pytest.mark.parametrize(("dtype", "max_value"), [(np.uint8, 255), (np.uint16, 1023), (np.float32, 1)])
@pytest.mark.parametrize("filter_", ["bicubic", "lanczos3"])
@pytest.mark.parametrize("size", [(479, 853), (450, 800)])
def test_known_picture_by_known_homography(dtype: Any, max_value: int, filter_: Any, size: tuple[int, int]) -> None:
    aspect = size[0] / size[1]
    warp = FrameWarp(TYPICAL.src_from_dst, aspect)
    plane = codes(picture(pixel_centres(size, aspect)), dtype, max_value)
    out = warp_plane(plane, warp, filter=filter_, max_value=0 if dtype == np.float32 else max_value)
    source = apply_homography(warp.src_from_dst, pixel_centres(size, aspect))
    px = px_from_normalised(source, size, aspect)
    inside = ((px > 4) & (px < np.array(size)[::-1] - 4)).all(axis=-1)
    error = np.abs(out / max_value - picture(source))[inside]
    assert inside.mean() > 0.9
    # Rounding the source to codes costs up to half a code more, weighted by the filter.
    quantised = 0.0 if dtype == np.float32 else (0.5 + 0.6) / max_value
    assert error.max() < tolerances.WARP_ANALYTIC_RATIO + quantised


def test_pixels_land_where_the_homography_says() -> None:
    """One bright dot at a known place; its centroid in the output is the inverse of the homography."""
    size = (270, 480)
    for dot_px in ((100.5, 60.5), (300.25, 200.75)):
        y, x = np.mgrid[: size[0], : size[1]] + 0.5
        plane = np.exp(-((x - dot_px[0]) ** 2 + (y - dot_px[1]) ** 2) / (2 * 4.0**2)).astype(np.float32)
        out = warp_plane(plane, TYPICAL).astype(np.float64)
        peak = np.array([(out * x).sum(), (out * y).sum()]) / out.sum()
        dst_from_src = np.linalg.inv(px_homography(TYPICAL.src_from_dst, size, ASPECT))
        assert np.abs(peak - apply_homography(dst_from_src, dot_px)).max() < tolerances.WARP_CENTROID_PX


def test_there_and_back_is_the_same_picture() -> None:
    size = (270, 480)
    plane = codes(picture(pixel_centres(size, ASPECT)), np.float32, 1)
    back = FrameWarp(np.linalg.inv(TYPICAL.src_from_dst), ASPECT)
    out = warp_plane(warp_plane(plane, TYPICAL), back)
    assert np.abs(out - plane)[60:-60, 80:-80].max() < 2 * tolerances.WARP_ANALYTIC_RATIO


@pytest.mark.parametrize("size", [(1080, 1920), (540, 960)])
def test_sparse_grid_is_near_the_exact_model(size: tuple[int, int]) -> None:
    exact = source_positions(TYPICAL, size, size)
    sparse = grid_positions(build_grid(TYPICAL, size))
    assert np.abs(sparse - exact).max() < tolerances.WARP_GRID_PX


def test_grid_error_falls_with_the_square_of_resolution() -> None:
    """In normalised terms blocks shrink as the picture grows; in pixels the error falls as 1 / resolution."""
    strong = FrameWarp(TYPICAL.src_from_dst + np.array([[0, 0, 0], [0, 0, 0], [0.2, 0.1, 0]]), ASPECT)
    errors = []
    for size in ((135, 240), (270, 480), (540, 960)):
        difference = grid_positions(build_grid(strong, size)) - source_positions(strong, size, size)
        errors.append(np.abs(difference).max())
    assert 1.7 < errors[0] / errors[1] < 2.3
    assert 1.7 < errors[1] / errors[2] < 2.3


def test_grid_of_the_identity_is_exact() -> None:
    for size in ((1, 1), (2, 3), (479, 853), (1080, 1920)):
        positions = grid_positions(build_grid(FrameWarp(np.eye(3), 0.3), size))
        y, x = np.mgrid[: size[0], : size[1]] + 0.5
        assert np.array_equal(positions, np.stack([x, y], axis=-1))


def test_mesh_is_bilinear_over_the_source_and_clamped_outside() -> None:
    mesh = np.zeros((3, 3, 2), np.float32)
    mesh[1, 1] = 0.1, -0.05  # the middle vertex
    mesh[2, 2] = 0.2, 0.0  # bottom right
    warp = FrameWarp(np.eye(3), 0.5, mesh)
    size = (100, 200)

    def offset(x_px: float, y_px: float) -> np.ndarray:
        return source_positions(warp, size, size, (x_px, y_px)) - (x_px, y_px)

    # Normalised to pixels: times 100 in x and in y.
    assert offset(100, 50) == pytest.approx([10, -5], abs=1e-5)
    assert offset(50, 50) == pytest.approx([5, -2.5], abs=1e-5)
    assert offset(150, 75) == pytest.approx([(10 + 20) / 4, -5 / 4], abs=1e-5)
    assert offset(200, 100) == pytest.approx([20, 0], abs=1e-5)
    assert offset(300, 200) == pytest.approx([20, 0], abs=1e-5)
    # The native grid evaluates the same model: at a block corner, exactly.
    grid = build_grid(warp, size)
    corners = np.stack([grid.x_fixed, grid.y_fixed], axis=-1) / 2.0**14
    rows, cols = np.mgrid[: corners.shape[0], : corners.shape[1]] * 8.0
    exact = source_positions(warp, size, size, np.stack([cols, rows], axis=-1))
    assert np.abs(corners - exact).max() <= 0.5 / 2**14 + 1e-9


def test_mesh_is_looked_up_where_the_homography_points() -> None:
    mesh = np.zeros((2, 2, 2), np.float32)
    mesh[:, 1, 0] = 0.1  # grows to the right of the source
    warp = FrameWarp(np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), 0.5, mesh)
    # Output centre -> h: three quarters across the source -> offset 0.075, that is 7.5 px of 200.
    size = (100, 200)
    assert source_positions(warp, size, size, (100, 50)) == pytest.approx([157.5, 50], abs=1e-5)
    kinks = np.abs(grid_positions(build_grid(warp, size)) - source_positions(warp, size, size)).max(axis=-1)
    assert (kinks > 2 * 0.5 / 2**14).mean() <= 8 / 200  # the block in which h leaves the source and the mesh is clamped


@pytest.mark.parametrize("mesh", [False, True])
def test_chroma_at_half_size_moves_with_luma(mesh: bool) -> None:
    size = (360, 640)
    offsets = np.random.default_rng(3).normal(0, 0.01, (5, 5, 2)).astype(np.float32) if mesh else None
    warp = FrameWarp(TYPICAL.src_from_dst, ASPECT, offsets)
    luma = codes(picture(pixel_centres(size, ASPECT)), np.float32, 1)
    chroma = luma.reshape(180, 2, 320, 2).mean(axis=(1, 3))  # centre-sited
    out_luma, out_chroma = warp_planes((luma, chroma), warp, border="replicate")
    reduced = out_luma.reshape(180, 2, 320, 2).mean(axis=(1, 3))
    assert np.abs(reduced - out_chroma)[12:-12, 12:-12].max() < tolerances.WARP_CHROMA_RATIO


def test_whole_frames_go_plane_by_plane() -> None:
    rng = np.random.default_rng(4)
    planes = [rng.integers(0, 256, size).astype(np.uint8) for size in ((90, 160), (45, 80), (45, 80))]
    outs = warp_planes(planes, TYPICAL, border_values=(16, 128, 128))
    for plane, out, value in zip(planes, outs, (16, 128, 128), strict=True):
        assert np.array_equal(out, warp_plane(plane, TYPICAL, border_value=value))


def test_output_of_another_size_shows_the_same_view() -> None:
    size = (270, 480)
    plane = codes(picture(pixel_centres(size, ASPECT)), np.float32, 1)
    out = warp_plane(plane, TYPICAL, out=np.empty((180, 320), np.float32))
    want = picture(apply_homography(TYPICAL.src_from_dst, pixel_centres((180, 320), ASPECT)))
    assert np.abs(out - want)[6:-6, 6:-6].max() < tolerances.WARP_ANALYTIC_RATIO


def test_sparse_grid_costs_less_than_a_code() -> None:
    size = (270, 480)
    plane = codes(picture(pixel_centres(size, ASPECT)), np.uint8, 255)
    exact = warp_plane_reference(plane, TYPICAL, border="replicate")
    assert np.abs(warp_plane(plane, TYPICAL, border="replicate") - exact).max() < 1.0


def test_projection_round_trip() -> None:
    points = np.random.default_rng(2).uniform(-2, 2, (50, 2))
    back = normalised_from_px(px_from_normalised(points, (1080, 1920), 0.7), (1080, 1920), 0.7)
    assert np.abs(back - points).max() < 1e-14
    assert px_from_normalised((-1.0, -0.7), (1080, 1920), 0.7) == pytest.approx([0, 0])
    assert px_from_normalised((1.0, 0.7), (1080, 1920), 0.7) == pytest.approx([1920, 1080])


def test_points_behind_the_horizon_are_nan_for_either_sign_of_the_matrix() -> None:
    h = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    points = np.array([[0.1, 0.2], [0.1, -0.5], [0.1, -0.8]])
    mapped = apply_homography(h, points)
    assert np.array_equal(np.isnan(mapped[:, 0]), [False, True, True])
    assert np.array_equal(mapped, apply_homography(-h, points), equal_nan=True)
