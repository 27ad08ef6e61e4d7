"""Cube maps in, equirectangular frames out: as a clip is read, by FFmpeg's v360 filter.

3x2 cube maps in FFmpeg's usual order (right, left, up; down, front, back) and equi-angular ones (EAC, as YouTube has
them). The equirectangular picture is four faces wide, so nothing of the faces' middle is lost; Lanczos keeps it sharp.

Known limit: GoPro's .360 files hold EAC in two streams, which this does not join.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import av
from av.filter import Graph

from .errors import InputError
from .formats import plane_views
from .types import Frame, VideoInfo

INPUTS = {"cubemap": "c3x2", "eac": "eac"}
_STEREO = {"mono": "2d", "top-bottom": "tb", "left-right": "sbs"}


def equirect_info(info: VideoInfo, stereo: str) -> VideoInfo:
    """Return what is known of a clip of cube maps after the conversion.

    Raises:
        InputError: the faces are not square.
    """
    across, down = _eyes(stereo)
    width, height = info.width // across, info.height // down
    if abs(width * 2 - height * 3) > 0.02 * width:
        raise InputError(
            f"a 3x2 cube map is 3 wide and 2 high for each eye, '{info.path}' is {info.width}x{info.height}"
            f"{'' if stereo == 'mono' else f' ({stereo})'}; give another --projection or --stereo"
        )
    face = width // 3 // 2 * 2  # chroma planes need even sizes
    return replace(info, width=4 * face * across, height=2 * face * down, pixel_aspect=Fraction(1))


def as_equirect(frames: Iterator[Frame], info: VideoInfo, projection: str, stereo: str) -> Iterator[Frame]:
    """Yield the frames of a clip of cube maps as equirectangular ones.

    Args:
        frames: from `decode.read_frames`.
        info: as `equirect_info` returns it.
        projection: a key of `INPUTS`.
        stereo: as in `Layout`, of input and output.
    """
    graph: Graph | None = None
    try:
        for frame in frames:
            if graph is None:
                graph = _graph(frame.source, info, projection, stereo)
            graph.push(frame.source)
            picture = graph.pull()
            assert isinstance(picture, av.VideoFrame)
            yield replace(frame, planes=plane_views(picture), source=picture)
    finally:
        getattr(frames, "close", lambda: None)()


def _graph(picture: av.VideoFrame, info: VideoInfo, projection: str, stereo: str) -> Graph:
    eyes = _STEREO[stereo]
    across, down = _eyes(stereo)
    options = (
        f"input={INPUTS[projection]}:output=equirect:interp=lanczos:in_stereo={eyes}:out_stereo={eyes}"
        f":w={info.width // across}:h={info.height // down}"
    )
    graph = Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=picture.time_base
    )
    convert, sink = graph.add("v360", options), graph.add("buffersink")
    source.link_to(convert)
    convert.link_to(sink)
    graph.configure()
    return graph


def _eyes(stereo: str) -> tuple[int, int]:
    """Return how many pictures stand side by side, and one above the other."""
    return (2 if stereo == "left-right" else 1), (2 if stereo == "top-bottom" else 1)
