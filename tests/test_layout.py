"""360 clips in every layout, from file to file: two eyes, half a sphere, cube maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.filter import Graph
from clips import ClipSpec, write_clip
from scenes import look_around, sway, world, yaw

from vstab_core import pipeline
from vstab_core.decode import read_frames
from vstab_core.errors import InputError, UsageError
from vstab_core.layout import Layout
from vstab_core.params import Parameters
from vstab_core.sidecar import read_sidecar
from vstab_core.types import EncodeOptions, RotationMotion

COUNT = 16
LOSSLESS = EncodeOptions(codec="ffv1")
LOCK = {"view": "lock"}
Picture = np.ndarray


@pytest.fixture(scope="module")
def scene() -> Picture:
    return world(height=256)


@pytest.fixture(scope="module")
def spheres(scene: Picture) -> list[Picture]:
    """A camera that shakes about the vertical, and pans by 10 degrees."""
    angles = np.linspace(0, 10, COUNT) + sway(COUNT, 2.5, 3.0)
    return [look_around(scene, yaw(a)) for a in angles]


def filmed(path: Path, pictures: list[Picture]) -> Path:
    height, width = pictures[0].shape
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    spec = ClipSpec(size=(height, width), codec="ffv1", rate=Fraction(30), count=len(pictures))
    return write_clip(path, spec, ((picture, grey, grey) for picture in pictures))


def lumas(path: Path) -> list[Picture]:
    return [frame.planes[0].astype(float) for frame in read_frames(path)]


def unrest(pictures: list[Picture]) -> float:
    """Return the largest mean difference from the first picture, in code values."""
    return float(max(np.abs(picture - pictures[0]).mean() for picture in pictures))


def test_eyes_are_views_of_the_plane() -> None:
    plane = np.arange(32).reshape(4, 8)
    assert [eye.tolist() for eye in Layout("top-bottom").eyes(plane)] == [plane[:2].tolist(), plane[2:].tolist()]
    left, right = Layout("left-right").eyes(plane)
    right[...] = 0
    assert left.tolist() == plane[:, :4].tolist()
    assert (plane[:, 4:] == 0).all()


def test_half_a_sphere_is_the_middle_of_a_whole_one() -> None:
    plane = np.arange(1, 17).reshape(4, 4)
    layout = Layout(half=True)
    whole = layout.whole(plane, 9)
    assert whole.shape == (4, 8)
    np.testing.assert_array_equal(whole[:, 2:6], plane)
    assert (whole[:, [0, 1, 6, 7]] == 9).all()
    np.testing.assert_array_equal(layout.part(whole), plane)


@pytest.mark.parametrize("stereo", ["top-bottom", "left-right"])
def test_both_eyes_are_held_alike_and_the_layout_is_recognised(
    stereo: str, spheres: list[Picture], tmp_path: Path
) -> None:
    join: Callable[[list[Picture]], Picture] = np.vstack if stereo == "top-bottom" else np.hstack
    right = [np.roll(picture, 3, axis=1) for picture in spheres]  # 2 degrees of disparity everywhere
    clip = filmed(tmp_path / "two.mkv", [join(pair) for pair in zip(spheres, right, strict=True)])
    sidecar = tmp_path / "two.vstab"
    pipeline.stabilize(clip, tmp_path / "out.mkv", Parameters(**LOCK), LOSSLESS, sidecar=sidecar)
    stored = read_sidecar(sidecar)
    assert stored.parameters is not None
    assert (stored.parameters.projection, stored.parameters.stereo) == ("equirect", stereo)
    pictures, before = lumas(tmp_path / "out.mkv"), lumas(clip)
    assert unrest(before) > 10
    for eye in range(2):
        assert unrest([Layout(stereo).eyes(picture)[eye] for picture in pictures]) < 3.0
    np.testing.assert_array_equal(pictures[0], before[0])


def test_half_a_sphere_is_held_and_what_it_does_not_show_is_black(spheres: list[Picture], tmp_path: Path) -> None:
    half = [picture[:, 128:384] for picture in spheres]
    clip = filmed(tmp_path / "half.mkv", [np.hstack([picture, picture]) for picture in half])
    pipeline.stabilize(clip, tmp_path / "out.mkv", Parameters(projection="vr180", **LOCK), LOSSLESS)
    pictures = lumas(tmp_path / "out.mkv")
    for eye in range(2):
        held = [Layout("left-right").eyes(picture)[eye] for picture in pictures]
        assert unrest([picture[:, 24:-24] for picture in held]) < 3.0  # 16 degrees at either side come and go
    turned_px = 10 / 180 * 256  # the last frame looks 10 degrees to the right, so this much of the left is not in it
    assert (pictures[-1][8:-8, : int(turned_px) - 3] == 16).all()  # around the poles all longitudes meet


@pytest.mark.parametrize(("projection", "name"), [("cubemap", "c3x2"), ("eac", "eac")])
def test_cube_maps_become_equirectangular(
    projection: str, name: str, spheres: list[Picture], scene: Picture, tmp_path: Path
) -> None:
    clip = filmed(tmp_path / "cube.mkv", list(_through_v360(spheres, f"e:{name}:w=384:h=256")))
    pipeline.stabilize(clip, tmp_path / "out.mkv", Parameters(projection=projection, **LOCK), LOSSLESS)
    pictures = lumas(tmp_path / "out.mkv")
    assert pictures[0].shape == (256, 512)
    assert unrest(pictures) < 3.0
    assert np.abs(pictures[0] - spheres[0]).mean() < 2.5  # there and back through the faces


def test_other_shapes_of_cube_maps_are_refused(spheres: list[Picture], tmp_path: Path) -> None:
    clip = filmed(tmp_path / "round.mkv", spheres[:4])
    with pytest.raises(InputError, match=r"3 wide and 2 high for each eye, .*round.mkv' is 512x256"):
        pipeline.stabilize(clip, tmp_path / "out.mkv", Parameters(projection="eac"), LOSSLESS)
    assert not (tmp_path / "out.mkv").exists()


def test_unequal_halves_are_refused(scene: Picture, tmp_path: Path) -> None:
    clip = filmed(tmp_path / "odd.mkv", [world(height=258)[:258, :512]] * 4)
    with pytest.raises(InputError, match=r"top-bottom stereo needs a height that is a multiple of 4, .* has 258; crop"):
        pipeline.analyze(clip, tmp_path / "odd.vstab", Parameters(projection="equirect", stereo="top-bottom"))


def test_an_ordinary_square_clip_is_no_stereo(tmp_path: Path) -> None:
    picture = world(height=256)[:, :256]
    clip = filmed(tmp_path / "square.mkv", [np.roll(picture, i, axis=1)[:, :256] for i in range(4)])
    pipeline.analyze(clip, tmp_path / "square.vstab", Parameters())
    assert read_sidecar(tmp_path / "square.vstab").projection == "rectilinear"


def test_frame_to_frame_rotation_is_chosen_at_the_analysis(spheres: list[Picture], tmp_path: Path) -> None:
    clip = filmed(tmp_path / "round.mkv", spheres)
    pipeline.stabilize(clip, tmp_path / "out.mkv", Parameters(model="rotation", **LOCK), LOSSLESS,
                       sidecar=tmp_path / "round.vstab")  # fmt: skip
    motion = read_sidecar(tmp_path / "round.vstab").motion
    assert isinstance(motion, RotationMotion)
    assert not motion.key_frame.any()
    assert not motion.local.any()
    assert unrest(lumas(tmp_path / "out.mkv")) < 3.0


def test_frame_to_frame_rotation_of_an_ordinary_clip_is_refused(tmp_path: Path) -> None:
    clip = filmed(tmp_path / "flat.mkv", [world(height=128)[:, :160]] * 4)
    with pytest.raises(
        UsageError, match=r"--model rotation is for 360 clips, .*flat.mkv' is taken for an ordinary one"
    ):
        pipeline.analyze(clip, tmp_path / "flat.vstab", Parameters(model="rotation"))


def _through_v360(pictures: list[Picture], options: str) -> Iterator[Picture]:
    height, width = pictures[0].shape
    graph = Graph()
    chain = [
        graph.add_buffer(width=width, height=height, format="gray", time_base=Fraction(1, 30)),
        graph.add("v360", options),
        graph.add("format", "gray"),
        graph.add("buffersink"),
    ]
    for before, after in pairwise(chain):
        before.link_to(after)
    graph.configure()
    for number, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, "gray")
        frame.pts, frame.time_base = number, Fraction(1, 30)
        graph.push(frame)
        found = graph.pull()
        assert isinstance(found, av.VideoFrame)
        yield found.to_ndarray()
