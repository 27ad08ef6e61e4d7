"""Frame + FrameWarp -> Frame: the native kernel, and its slow twin in NumPy that tests compare it with.

The kernel evaluates the model at the corners of 8x8 blocks of output pixels, interpolates positions inside a block and
resamples; `docs/warp.md` says how, how exactly and how fast.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from vstab_core import _native
from vstab_core.projection import apply_homography, normalised_from_px, px_from_normalised, px_from_ray, ray_from_px
from vstab_core.sphere import undeformed
from vstab_core.types import FloatArray, FrameWarp, Plane

Filter = Literal["auto", "nearest", "bilinear", "bicubic", "lanczos3"]
Border = Literal["constant", "replicate", "mirror", "keep"]
Grid = _native.Grid

_TAPS = {"nearest": 1, "bilinear": 2, "bicubic": 4, "lanczos3": 6}


def build_grid(warp: FrameWarp, dst_size: tuple[int, int], src_size: tuple[int, int] | None = None) -> Grid:
    """Evaluate a warp for planes of a given size.

    Args:
        warp: the model.
        dst_size: (height, width) of the output plane.
        src_size: (height, width) of the source plane; None: as the output.

    Returns:
        A grid for `warp_plane`; planes of equal sizes (both chroma planes) may share it.
    """
    return _native.build_grid(
        np.asarray(warp.src_from_dst, dtype=np.float64),
        warp.mesh,
        warp.aspect,
        dst_size,
        dst_size if src_size is None else src_size,
        projection=warp.projection,
        local=warp.local,
    )


def warp_plane(
    plane: Plane,
    warp: FrameWarp | Grid,
    *,
    out: Plane | None = None,
    filter: Filter = "bicubic",
    border: Border = "constant",
    border_value: float | Sequence[float] = 0,
    max_value: int = 0,
    rows: tuple[int, int] | None = None,
    simd: str | None = None,
    floor: bool = False,
) -> Plane:
    """Warp one plane.

    Args:
        plane: (H, W) or (H, W, C) with 1 to 4 channels; uint8, uint16 or float32. Rows may have any stride, negative
            too; the samples of a row must lie side by side.
        warp: the model, or the grid made from it for these sizes.
        out: where to write, of the same type and number of channels; may differ in size. None: a new plane as large as
            the source (with `border="keep"`: zeros where nothing is written).
        filter: bilinear, bicubic (Catmull-Rom) or lanczos3; auto is lanczos3, and bicubic on the sphere and of
            float planes; nearest takes samples as they are (float32 only).
        border: what lies outside the source: constant (`border_value`), replicate, mirror, or keep (pixels of `out`
            whose position is outside the source stay as they are).
            An equirectangular source has no outside: the picture goes on round the seam and over the poles.
        border_value: code value, one for all channels or one for each. Also taken, except by keep, where the model sees
            no point of the source at all (behind the horizon).
        max_value: highest code value of integer planes, 1023 for 10-bit video; 0: all bits of the type. Source codes
            above it count as it.
        rows: (first, one past the last) row of `out` to write; None: all. Any split gives the same bytes.
        simd: one of `_native.simd_levels()`; None: the best. The bytes are the same.
        floor: float only: no result below the least of the four samples around it, see `native/include/vstab/warp.h`.

    Returns:
        `out`.
    """
    if out is None:
        shape = warp.dst_size + plane.shape[2:] if isinstance(warp, Grid) else plane.shape
        out = np.zeros(shape, plane.dtype) if border == "keep" or rows is not None else np.empty(shape, plane.dtype)
    grid = warp if isinstance(warp, Grid) else build_grid(warp, _size(out), _size(plane))
    first, last = rows if rows is not None else (0, out.shape[0])
    _native.warp_plane(
        plane,
        out,
        grid,
        filter=filter,
        border=border,
        border_value=_per_channel(border_value),
        max_value=max_value,
        row_begin=first,
        row_end=last,
        simd=simd,
        floor=floor,
    )
    return out


def warp_planes(
    planes: Sequence[Plane],
    warp: FrameWarp,
    *,
    outs: Sequence[Plane] | None = None,
    filter: Filter = "bicubic",
    border: Border = "constant",
    border_values: Sequence[float | Sequence[float]] | None = None,
    max_value: int = 0,
    nearest: Container[int] = (),
    floor: bool = False,
) -> tuple[Plane, ...]:
    """Warp all planes of a frame, each at its own size, by one model.

    Args:
        planes: as the decoder delivers them, luma and subsampled chroma for instance.
        warp: the model.
        outs: where to write, one a plane; None: new planes.
        filter, border, max_value, floor: as in `warp_plane`.
        border_values: one entry a plane (16, 128, 128 is black in 8-bit limited-range YUV); None: 0.
        nearest: planes whose filter is "nearest", by index: depth, ids.

    Returns:
        The warped planes.

    Known limit: chroma is taken to be sited at the centre of the luma it covers. Codecs mostly site it at the left, but
    in the source and the output alike: a shift cancels out, and a zoom of 1.1 leaves 0.02 px of chroma.
    """
    grids: dict[tuple[int, int, int, int], Grid] = {}
    results = []
    for i, plane in enumerate(planes):
        out = np.empty_like(plane) if outs is None else outs[i]
        if outs is None and border == "keep":
            out[...] = 0
        key = _size(out) + _size(plane)
        if key not in grids:
            grids[key] = build_grid(warp, _size(out), _size(plane))
        value = 0 if border_values is None else border_values[i]
        results.append(
            warp_plane(
                plane,
                grids[key],
                out=out,
                filter="nearest" if i in nearest else filter,
                border=border,
                border_value=value,
                max_value=max_value,
                floor=floor,
            )
        )
    return tuple(results)


def source_positions(
    warp: FrameWarp, dst_size: tuple[int, int], src_size: tuple[int, int], points_px: npt.ArrayLike | None = None
) -> FloatArray:
    """Evaluate the model exactly, in double precision.

    Args:
        warp: the model.
        dst_size, src_size: (height, width) of the output and the source plane.
        points_px: (..., 2) output positions; None: all pixel centres, (H, W, 2).

    Returns:
        (..., 2) float64 positions in pixels of the source; NaN behind the horizon. On the sphere 0 <= x <= W.
    """
    if points_px is None:
        y, x = np.mgrid[: dst_size[0], : dst_size[1]] + 0.5
        points_px = np.stack([x, y], axis=-1)
    if warp.projection == "equirect":
        rays = ray_from_px(points_px, dst_size) @ np.asarray(warp.src_from_dst, dtype=np.float64).T
        return px_from_ray(rays if warp.local is None else undeformed(warp.local, rays), src_size)
    points = apply_homography(warp.src_from_dst, normalised_from_px(points_px, dst_size, warp.aspect))
    if warp.mesh is not None:
        points = points + _mesh_offsets(warp.mesh, warp.aspect, points)
    return px_from_normalised(points, src_size, warp.aspect)


def grid_positions(grid: Grid) -> FloatArray:
    """Interpolate a sparse grid at all pixel centres of the output, (H, W, 2) float64 pixels of the source.

    A block with a corner that sees no point of the source is NaN. On the sphere x is continuous inside a block, so it
    may lie outside 0 to W.
    """
    if grid.projection == "equirect":
        return _sphere_grid_positions(grid)
    height, width = grid.dst_size
    fixed = np.stack([grid.x_fixed, grid.y_fixed], axis=-1)
    points = np.where(grid.x_fixed[..., None] == _native.NOWHERE, np.nan, fixed / 2.0**_native.GRID_BITS)
    row, fy = np.divmod((np.arange(height) + 0.5) / _native.BLOCK_PX, 1.0)
    col, fx = np.divmod((np.arange(width) + 0.5) / _native.BLOCK_PX, 1.0)
    r, c = row.astype(int)[:, None], col.astype(int)[None, :]
    return _bilinear(points, r, c, fy[:, None, None], fx[None, :, None])


def warp_plane_reference(
    plane: Plane,
    warp: FrameWarp | Grid,
    *,
    out: Plane | None = None,
    filter: Filter = "bicubic",
    border: Border = "constant",
    border_value: float | Sequence[float] = 0,
    max_value: int = 0,
    floor: bool = False,
) -> FloatArray:
    """Warp one plane in double precision: the slow twin of `warp_plane`.

    Args:
        plane, out, filter, border, border_value, max_value, floor: as in `warp_plane`; `out` gives size and content
            for keep and is not written to.
        warp: the model, evaluated at every pixel; or a grid, interpolated as the kernel does.

    Returns:
        Code values as float64, clamped to the range of integer planes but not rounded.
    """
    size = _size(plane if out is None else out)
    size = warp.dst_size if isinstance(warp, Grid) else size
    positions = grid_positions(warp) if isinstance(warp, Grid) else source_positions(warp, size, _size(plane))
    height, width = _size(plane)
    source = plane.reshape(height, width, -1).astype(np.float64)
    limit = max_value or (np.iinfo(plane.dtype).max if plane.dtype.kind == "u" else 0)
    if limit:
        source = np.minimum(source, limit)
    projection = warp.projection
    fill = np.broadcast_to(np.asarray(_per_channel(border_value), dtype=np.float64), source.shape[2:])
    seen = np.isfinite(positions[..., 0])
    x, y = np.moveaxis(np.where(seen[..., None], positions, 0.0), -1, 0)
    if filter == "auto":
        filter = "bicubic" if projection == "equirect" or plane.dtype == np.float32 else "lanczos3"
    taps = _TAPS[filter]
    x_index, x_weight = _filter_weights(x, taps, filter)
    y_index, y_weight = _filter_weights(y, taps, filter)
    result = np.zeros((*size, source.shape[2]))
    least = np.full_like(result, np.inf)

    def samples(column: npt.NDArray[np.intp], row: npt.NDArray[np.intp]) -> FloatArray:
        if projection == "equirect":
            return _sphere_samples(source, column, row)
        return _samples(source, column, row, border, fill)

    nearest = None if np.isfinite(source).all() else samples(np.floor(x).astype(int), np.floor(y).astype(int))
    for j in range(taps):
        for i in range(taps):
            sample = samples(x_index[..., i], y_index[..., j])
            if nearest is not None:  # what is no number stays one pixel
                sample = np.where(np.isfinite(sample), sample, np.where(np.isfinite(nearest), nearest, 0.0))
            if {i, j} <= {taps // 2 - 1, taps // 2}:
                least = np.minimum(least, sample)
            result += sample * (x_weight[..., i] * y_weight[..., j])[..., None]
    if floor:
        result = np.maximum(result, least)
    if nearest is not None:
        result = np.where(np.isfinite(nearest), result, nearest)
    if limit:
        result = np.clip(result, 0, limit)
    result = np.where(seen[..., None], result, fill)
    if border == "keep" and projection == "rectilinear":
        inside = seen & (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
        before = np.zeros_like(result) if out is None else out.reshape(result.shape).astype(np.float64)
        result = np.where(inside[..., None], result, before)
    return result.reshape(size + plane.shape[2:])


def _size(plane: Plane) -> tuple[int, int]:
    return plane.shape[0], plane.shape[1]


def _per_channel(value: float | Sequence[float]) -> list[float]:
    return [float(v) for v in np.atleast_1d(np.asarray(value, dtype=np.float64))]


def _bilinear(
    values: FloatArray, row: npt.NDArray[np.intp], col: npt.NDArray[np.intp], fy: FloatArray, fx: FloatArray
) -> FloatArray:
    top = values[row, col] * (1 - fx) + values[row, col + 1] * fx
    bottom = values[row + 1, col] * (1 - fx) + values[row + 1, col + 1] * fx
    result: FloatArray = top * (1 - fy) + bottom * fy
    return result


def _mesh_offsets(mesh: npt.NDArray[np.float32], aspect: float, points: FloatArray) -> FloatArray:
    rows, cols = mesh.shape[0] - 1, mesh.shape[1] - 1
    u = np.clip((np.nan_to_num(points[..., 0]) + 1) / 2, 0, 1) * cols
    v = np.clip((np.nan_to_num(points[..., 1]) / aspect + 1) / 2, 0, 1) * rows
    col, row = np.minimum(u.astype(int), cols - 1), np.minimum(v.astype(int), rows - 1)
    return _bilinear(mesh.astype(np.float64), row, col, (v - row)[..., None], (u - col)[..., None])


def _sphere_grid_positions(grid: Grid) -> FloatArray:
    """Interpolate a grid on the sphere: each cell's longitudes unwrapped for itself, exact cells from tables."""
    height, width = grid.dst_size
    turn = grid.src_size[1]
    x, y = grid.x_fixed / 2.0**_native.GRID_BITS, grid.y_fixed / 2.0**_native.GRID_BITS

    def shorter(span: FloatArray) -> FloatArray:
        return np.asarray(span - turn * np.round(span / turn))

    f = (np.arange(_native.BLOCK_PX) + 0.5) / _native.BLOCK_PX
    fy, fx = f[:, None], f[None, :]
    down = x[:-1] + fy[..., None, None] * shorter(x[1:] - x[:-1])  # (8, 1, blocks down, points across)
    across = down[..., :-1] + fx[..., None, None] * shorter(down[..., 1:] - down[..., :-1])
    y_down = y[:-1] + fy[..., None, None] * (y[1:] - y[:-1])
    y_across = y_down[..., :-1] + fx[..., None, None] * (y_down[..., 1:] - y_down[..., :-1])
    cells = np.stack([across, y_across], axis=-1).transpose(2, 3, 0, 1, 4)  # (blocks down, blocks across, 8, 8, 2)
    exact = grid.exact
    tables = np.stack([grid.exact_x_fixed, grid.exact_y_fixed], axis=-1) / 2.0**_native.GRID_BITS
    cells[exact >= 0] = tables[exact[exact >= 0]]
    rows, cols = exact.shape
    whole = cells.transpose(0, 2, 1, 3, 4).reshape(rows * _native.BLOCK_PX, cols * _native.BLOCK_PX, 2)
    return np.asarray(whole[:height, :width])


def _sphere_samples(source: FloatArray, x: npt.NDArray[np.intp], y: npt.NDArray[np.intp]) -> FloatArray:
    """Take samples round the seam and over the poles: row -1 is row 0, half a turn on."""
    height, width = source.shape[:2]
    y = y % (2 * height)
    beyond = y >= height
    y = np.where(beyond, 2 * height - 1 - y, y)
    x = np.where(beyond, x + width // 2, x) % width
    return np.asarray(source[y, x])


def _filter_weights(position: FloatArray, taps: int, name: Filter) -> tuple[npt.NDArray[np.intp], FloatArray]:
    first = np.floor(position - 0.5).astype(int) - (taps // 2 - 1)
    index = first[..., None] + np.arange(taps)
    x = np.abs(index + 0.5 - position[..., None])
    if name == "nearest":
        return np.floor(position).astype(int)[..., None], np.ones((*position.shape, 1))
    if name == "bilinear":
        weight = 1 - x
    elif name == "bicubic":
        near = 1.5 * x**3 - 2.5 * x**2 + 1
        weight = np.where(x < 1, near, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2)
    else:
        weight = np.sinc(x) * np.sinc(x / 3)
        weight /= weight.sum(axis=-1, keepdims=True)
    return index, weight


def _samples(
    source: FloatArray, x: npt.NDArray[np.intp], y: npt.NDArray[np.intp], border: Border, fill: FloatArray
) -> FloatArray:
    height, width = source.shape[:2]
    if border == "mirror":
        x, y = x % (2 * width), y % (2 * height)
        x, y = np.minimum(x, 2 * width - 1 - x), np.minimum(y, 2 * height - 1 - y)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    sample: FloatArray = source[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return np.where(inside[..., None], sample, fill) if border == "constant" else sample
