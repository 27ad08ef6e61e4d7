"""Warp whole frames: the planes of any pixel format, black in their own codes, and borders filled from other frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from .corners import homography_from_corners
from .formats import bit_depth
from .layout import layout_of
from .light.resample import Layer, LinearLight
from .params import Parameters
from .types import CameraMotion, FloatArray, Frame, FrameWarp, WarpTrack
from .warp import Border, warp_planes

FULL_RANGE = 2  # FFmpeg's color_range
SIDE_BY_SIDE = 2  # frames warped at a time, each by one thread: the grid too, which rows of one frame would wait for
FILL_REACH = (20, 10, 5, 2)  # frames to either side that lend their picture to a border, the farthest first

NewFrame = Callable[[Frame], Frame]


def render_frames(
    frames: Iterable[Frame],
    warps: WarpTrack,
    motion: CameraMotion | None,
    parameters: Parameters,
    new_frame: NewFrame,
    light: LinearLight | None = None,
) -> Iterator[Frame]:
    """Yield the stabilized frames.

    Args:
        frames: the clip's frames in order; each is matched to its warp by time, and one that the analysis did not see
            takes the nearest warp. Of a hyperlapse those that are not shown are skipped, and the others stamped anew.
        warps: the solution.
        motion: the measured motion; needed for border "fill" only.
        parameters: of which border and interpolation matter here.
        new_frame: gives the memory that a warped frame is written to.
        light: resamples in linear light; None: the codes as they are.
    """
    if parameters.border == "fill" and motion is not None:
        yield from _render_filled(frames, warps, motion, parameters, new_frame, light)
        return
    if warps.out_pts is not None:
        yield from _render_shown(frames, warps, warps.out_pts, parameters, new_frame, light)
        return
    with ThreadPoolExecutor(SIDE_BY_SIDE, "warp") as threads:
        under_way: deque[Future[Frame]] = deque()
        for frame in frames:
            warp = warps[_index_at(warps, frame.pts)]
            under_way.append(threads.submit(warp_frame, frame, warp, parameters, new_frame, light))
            if len(under_way) == SIDE_BY_SIDE:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _render_shown(
    frames: Iterable[Frame],
    warps: WarpTrack,
    out_pts: npt.NDArray[np.int64],
    parameters: Parameters,
    new_frame: NewFrame,
    light: LinearLight | None,
) -> Iterator[Frame]:
    """Warp the frames that a hyperlapse shows, at the output's times, and read no further than the last of them."""
    index_at = {int(pts): index for index, pts in enumerate(warps.pts)}
    lasts = np.diff(out_pts, prepend=2 * out_pts[0] - out_pts[1]) if len(warps) > 1 else None
    for frame in frames:
        index = index_at.get(frame.pts)
        if index is None:
            continue
        if lasts is not None and frame.source is not None:
            frame.source.duration = int(lasts[index])
        shown_at = int(out_pts[index])
        shown = replace(frame, pts=shown_at, time_s=float(shown_at * warps.time_base))
        yield warp_frame(shown, warps[index], parameters, new_frame, light)
        if index == len(warps) - 1:
            return


def warp_frame(
    frame: Frame, warp: FrameWarp, parameters: Parameters, new_frame: NewFrame, light: LinearLight | None = None
) -> Frame:
    """Return the frame warped; itself, untouched, where the warp is the identity."""
    if warp.mesh is not None and not warp.mesh.any():
        warp = replace(warp, mesh=None)
    if warp.local is not None and not warp.local.any():
        warp = replace(warp, local=None)
    if warp.mesh is None and warp.local is None and np.array_equal(warp.src_from_dst, np.eye(3)):
        return frame
    border: Border = {"crop": "replicate", "black": "constant"}.get(parameters.border, "mirror")  # type: ignore[assignment]
    target = new_frame(frame)
    canvas = _canvas(target, light)
    _warp_into(canvas, frame, warp, parameters, border, light)
    if light is not None:
        _close(light, canvas, target, frame, warp, parameters, border)
    return target


def _close(
    light: LinearLight,
    canvas: list[Layer],
    target: Frame,
    frame: Frame,
    warp: FrameWarp,
    parameters: Parameters,
    border: Border,
) -> None:
    light.close(canvas, target)
    if target.planes[0].dtype != np.float32:
        return
    holes = light.holes(canvas)
    if holes.any():  # the way to light mixes channels: those of a pixel that are numbers are to stay so
        codes = tuple(np.empty_like(plane) for plane in target.planes)
        _warp_into([Layer(codes, [])], frame, warp, parameters, border, None)
        for out, plane in zip(target.planes, codes, strict=True):
            out[holes] = plane[holes]


def _canvas(target: Frame, light: LinearLight | None) -> list[Layer]:
    return [Layer(target.planes, [])] if light is None else light.canvas(target)


def _opened(frame: Frame, parameters: Parameters, light: LinearLight | None) -> list[Layer]:
    if light is not None:
        return light.open(frame)
    max_value = 0 if frame.planes[0].dtype == np.float32 else (1 << bit_depth(frame.pixel_format)) - 1
    nearest: frozenset[int] = getattr(frame.source, "nearest_planes", frozenset())
    # Float pictures are light already, so that nothing is opened; lamps have their rings there all the same.
    floor = parameters.resample_light != "as-is" and frame.planes[0].dtype == np.float32
    return [Layer(frame.planes, black_of(frame), max_value, floor, nearest)]


def _warp_into(
    canvas: list[Layer],
    frame: Frame,
    warp: FrameWarp,
    parameters: Parameters,
    border: Border,
    light: LinearLight | None,
) -> None:
    layout = layout_of(parameters)
    for written, layer in zip(canvas, _opened(frame, parameters, light), strict=True):
        sources = zip(*(layout.eyes(plane) for plane in layer.planes), strict=True)
        targets = zip(*(layout.eyes(plane) for plane in written.planes), strict=True)
        for eye, out in zip(sources, targets, strict=True):
            spheres = [layout.whole(plane, value) for plane, value in zip(eye, layer.black, strict=True)]
            outs = [np.empty_like(sphere) for sphere in spheres] if layout.half else out
            warp_planes(
                spheres,
                warp,
                outs=outs,
                filter=parameters.interpolation,  # type: ignore[arg-type]
                nearest=layer.nearest,
                border=border,
                border_values=layer.black,
                max_value=layer.max_value,
                floor=layer.floor,
            )
            if layout.half:
                for plane, sphere in zip(out, outs, strict=True):
                    plane[...] = layout.part(sphere)


def black_of(frame: Frame) -> list[float | tuple[float, ...]]:
    """Return the code values of black, one entry a plane; alpha is transparent."""
    name, planes = frame.pixel_format, frame.planes
    if name.startswith(("rgb", "bgr", "gbr", "argb", "abgr", "0rgb")) or planes[0].dtype == np.float32:
        return [0.0] * len(planes)
    full = getattr(frame.source, "color_range", 0) == FULL_RANGE or name.startswith("yuvj")
    scale = 1 << (bit_depth(name) - 8)
    luma = 0.0 if full else 16.0 * scale
    if name.startswith("ya"):
        return [(luma, 0.0)]
    return [luma, *[128.0 * scale] * min(2, len(planes) - 1), *[0.0] * (len(planes) - 3)]


def _index_at(warps: WarpTrack, pts: int) -> int:
    after = min(int(np.searchsorted(warps.pts, pts)), len(warps) - 1)
    before = max(after - 1, 0)
    return before if abs(int(warps.pts[before]) - pts) < abs(int(warps.pts[after]) - pts) else after


def _render_filled(
    frames: Iterable[Frame],
    warps: WarpTrack,
    motion: CameraMotion,
    parameters: Parameters,
    new_frame: NewFrame,
    light: LinearLight | None,
) -> Iterator[Frame]:
    """Lay each frame over its neighbours, moved to where the camera path says their content is."""
    steps = homography_from_corners(motion.corners, motion.aspect)
    reach = FILL_REACH[0]
    source = iter(frames)
    ahead = deque(islice(source, reach + 1))
    behind: deque[Frame] = deque(maxlen=reach)
    while ahead:
        frame = ahead.popleft()
        index = _index_at(warps, frame.pts)
        warp = warps[index]
        target = new_frame(frame)
        canvas = _canvas(target, light)
        _warp_into(canvas, frame, warp, parameters, "mirror", light)
        for distance in FILL_REACH:
            for neighbour, side in ((_at(behind, -distance), -1), (_at(ahead, distance - 1), 1)):
                chain = _chain(steps, motion, index, side * distance) if neighbour is not None else None
                if neighbour is None or chain is None:
                    continue
                moved = FrameWarp(chain @ warp.src_from_dst, warp.aspect)
                _warp_into(canvas, neighbour, moved, parameters, "keep", light)
        _warp_into(canvas, frame, warp, parameters, "keep", light)
        if light is not None:
            _close(light, canvas, target, frame, warp, parameters, "mirror")
        yield target
        behind.append(frame)
        ahead.extend(islice(source, 1))


def _at(frames: deque[Frame], index: int) -> Frame | None:
    return frames[index] if -len(frames) <= index < len(frames) else None


def _chain(steps: FloatArray, motion: CameraMotion, index: int, offset: int) -> FloatArray | None:
    """Return other_from_this (3, 3), or None across a cut or the end."""
    low, high = min(index, index + offset), max(index, index + offset)
    if low < 0 or high >= len(motion) or motion.cut[low + 1 : high + 1].any():
        return None
    chain: FloatArray = np.eye(3)
    for step in steps[low + 1 : high + 1]:
        chain = step @ chain
    other_from_this = np.asarray(chain if offset > 0 else np.linalg.inv(chain), np.float64)
    return np.asarray(other_from_this / other_from_this[2, 2])
