"""Rendering: black in the codes of each format, and borders that hold the true scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.synthetic import ASPECT, film, look, motion_of, moving, scene
from tests.tolerances import FILL_CODES
from vstab_core.formats import plane_shapes, sample_type
from vstab_core.params import Parameters
from vstab_core.render import black_of, render_frames
from vstab_core.types import Frame, WarpTrack

SIZE = (180, 320)


def blank(name: str, color_range: int = 1) -> Frame:
    planes = tuple(np.zeros(shape, sample_type(name)) for shape in plane_shapes(name, 16, 8))
    return Frame(planes, name, 0, 0.0, SimpleNamespace(color_range=color_range))


@pytest.mark.parametrize(
    ("name", "color_range", "codes"),
    [
        ("yuv420p", 1, [16, 128, 128]),
        ("yuv420p", 0, [16, 128, 128]),
        ("yuv420p", 2, [0, 128, 128]),
        ("yuv420p10le", 1, [64, 512, 512]),
        ("yuv420p10le", 2, [0, 512, 512]),
        ("yuva444p10le", 1, [64, 512, 512, 0]),
        ("nv12", 1, [16, 128]),
        ("p010le", 1, [4096, 32768]),
        ("rgb24", 2, [0]),
        ("gbrp", 2, [0, 0, 0]),
        ("gbrap", 2, [0, 0, 0, 0]),
        ("gray", 1, [16]),
        ("gray", 2, [0]),
        ("ya8", 1, [(16, 0)]),
        ("grayf32le", 1, [0]),
    ],
)
def test_black_is_black_in_every_format(name: str, color_range: int, codes: list[object]) -> None:
    assert black_of(blank(name, color_range)) == codes


def gray(picture: np.ndarray, t: int) -> Frame:
    return Frame((picture,), "gray", 3000 * t, t / 30, SimpleNamespace(color_range=2))


def empty(frame: Frame) -> Frame:
    return replace(frame, planes=tuple(np.zeros_like(plane) for plane in frame.planes))


def rendered(border: str) -> tuple[Sequence[Frame], np.ndarray, list[np.ndarray]]:
    """Pan to the right; the outputs look a tenth of the frame further right than the camera did."""
    camera, count = moving(x=0.02), 16
    motion = motion_of(camera, count, size=SIZE)
    shift = np.eye(3)
    shift[0, 2] = 0.1
    warps = WarpTrack(
        320, 180, ASPECT, motion.pts, motion.time_base, np.tile(shift, (count, 1, 1)), None, np.zeros(count)
    )
    frames = [gray(picture, t) for t, picture in enumerate(film(camera, count, size=SIZE))]
    done = list(render_frames(iter(frames), warps, motion, Parameters(border=border), empty))
    truth = [look(scene(1), pose @ shift, SIZE) for pose in camera.poses(np.arange(count))]
    return done, np.s_[4:-4, -15:-2], truth


def test_filled_borders_show_the_true_scene() -> None:
    done, edge, truth = rendered("fill")
    assert [frame.pts for frame in done] == [3000 * t for t in range(16)]
    for t in range(10):  # the last frames have nobody ahead who saw it
        assert np.abs(done[t].planes[0][edge] - truth[t][edge]).mean() < FILL_CODES
    inner = np.s_[4:-4, 4:-24]
    assert np.abs(done[3].planes[0][inner] - truth[3][inner]).mean() < FILL_CODES


@pytest.mark.parametrize("border", ["mirror", "black", "crop"])
def test_without_filling_the_border_is_another_picture(border: str) -> None:
    done, edge, truth = rendered(border)
    assert np.abs(done[3].planes[0][edge] - truth[3][edge]).mean() > 5 * FILL_CODES
    if border == "black":
        assert not done[3].planes[0][edge].any()


def test_an_identity_warp_hands_the_frame_through() -> None:
    motion = motion_of(moving(), 3, size=SIZE)
    warps = WarpTrack(320, 180, ASPECT, motion.pts, motion.time_base, np.tile(np.eye(3), (3, 1, 1)), None, np.zeros(3))
    frames = [gray(picture, t) for t, picture in enumerate(film(moving(), 3, size=SIZE))]
    done = list(render_frames(frames, warps, motion, Parameters(), empty))
    assert all(out is given for out, given in zip(done, frames, strict=True))
