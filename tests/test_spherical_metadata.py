"""What files say of their sphere: read, kept through a run, and written so that FFmpeg shows it."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from clips import ClipSpec, packets, write_clip
from scenes import look_around, sway, world, yaw

from vstab_core import pipeline
from vstab_core.command import describe
from vstab_core.decode import probe, read_frames
from vstab_core.encode import VideoWriter
from vstab_core.errors import InputError, OutputError
from vstab_core.isobmff import Box, read_movie, write_movie
from vstab_core.matroska import write_projection
from vstab_core.media import side_data
from vstab_core.params import Parameters
from vstab_core.source import open_source
from vstab_core.spherical import decide
from vstab_core.spherical_metadata import (
    V1_UUID,
    SphericalMetadata,
    from_v1,
    read_spherical,
    stereo_layout,
    v1_xml,
    write_spherical,
)
from vstab_core.types import EncodeOptions

COUNT = 12
CODECS = {"mp4": "libx264", "m4v": "libx264", "mov": "prores_ks", "mkv": "ffv1", "webm": "libvpx-vp9"}


@pytest.fixture(scope="module")
def views() -> list[npt.NDArray[np.uint8]]:
    """A swaying 360 view of 256x128."""
    scene = world(height=128)
    return [look_around(scene, yaw(angle)) for angle in sway(COUNT, 2.5, 3.0)]


def sphere_clip(path: Path, views: list[npt.NDArray[np.uint8]], **more: Any) -> Path:
    height, width = views[0].shape
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    spec = ClipSpec(size=(height, width), rate=Fraction(30), count=COUNT, **more)
    return write_clip(path, spec, ((luma, grey, grey) for luma in views))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, views: list[npt.NDArray[np.uint8]]) -> Path:
    """An unmarked 360 clip with sound."""
    path = tmp_path_factory.mktemp("360") / "a.mp4"
    return sphere_clip(path, views, audio="aac", video_metadata={"language": "deu"})


def of_ffmpeg(path: Path) -> tuple[int, tuple[int, ...], int | None]:
    """Return projection number, (yaw, pitch, roll) in 1/65536 degree and stereo number, as FFmpeg reads a file."""
    with av.open(str(path)) as container:
        data = side_data(next(container.decode(video=0)))
    projection, *pose = struct.unpack_from("=i3i", data["SPHERICAL"])
    stereo = struct.unpack_from("=i", data["STEREO3D"])[0] if "STEREO3D" in data else None
    return projection, tuple(pose), stereo


def boxes_of(path: Path) -> tuple[Box, Box]:
    """Return a file's first video track and its sample entry."""
    track = read_movie(path).tracks(b"vide")[0]
    return track, track.need("mdia/minf/stbl/stsd/*")


# -- reading --


def put_v2(path: Path, kind: bytes, content: bytes, pose: tuple[float, float, float], layout: int | None) -> None:
    """Write V2 boxes from the standard's text, not with the code under test."""

    def box(name: bytes, inside: bytes) -> bytes:
        return struct.pack(">I", len(inside) + 8) + name + inside

    header = box(b"prhd", bytes(4) + struct.pack(">3i", *(int(angle * 65536) for angle in pose)))
    sphere = box(b"svhd", bytes(4) + b"test\0") + box(b"proj", header + box(kind, bytes(4) + content))
    movie = read_movie(path)
    entry = movie.tracks(b"vide")[0].need("mdia/minf/stbl/stsd/*")
    entry.tail = (b"" if layout is None else box(b"st3d", bytes(4) + bytes([layout]))) + box(b"sv3d", sphere)
    write_movie(movie)


def put_v1(path: Path, xml: str) -> None:
    movie = read_movie(path)
    movie.tracks(b"vide")[0].children.append(Box(b"uuid", V1_UUID + xml.encode()))
    write_movie(movie)


V1 = (
    '<?xml version="1.0"?><rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"><GSpherical:Spherical>true</GSpherical:Spherical>'
    "<GSpherical:Stitched>true</GSpherical:Stitched><GSpherical:ProjectionType>\n equirectangular\n"
    "</GSpherical:ProjectionType>{}</rdf:SphericalVideo>"
)


@pytest.mark.parametrize("ending", ["mp4", "mov", "m4v"])
def test_v2_is_read_to_the_bit(tmp_path: Path, ending: str) -> None:
    path = write_clip(tmp_path / f"a.{ending}", ClipSpec(count=2))
    assert read_spherical(path) is None
    put_v2(path, b"equi", struct.pack(">4I", 1 << 30, 1 << 31, 1 << 29, 1 << 28), (10.5, -20.25, 179.75), 2)
    found = read_spherical(path)
    assert found is not None
    assert (found.projection, found.stereo, found.pose_deg) == ("equirectangular", "left-right", (10.5, -20.25, 179.75))
    assert found.bounds == (0.25, 0.5, 0.125, 0.0625)
    assert not found.whole_sphere
    assert of_ffmpeg(path)[1] == (10.5 * 65536, -20.25 * 65536, 179.75 * 65536)


@pytest.mark.parametrize(
    ("kind", "content", "projection"),
    [(b"cbmp", bytes(8), "cubemap"), (b"mshp", bytes(8), "mesh"), (b"abcd", b"", "other")],
)
def test_other_projections_are_named(tmp_path: Path, kind: bytes, content: bytes, projection: str) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(count=2))
    put_v2(path, kind, content, (0, 0, 0), None)
    found = read_spherical(path)
    assert found is not None
    assert (found.projection, found.whole_sphere, found.stereo) == (projection, False, "mono")


def test_v1_gives_stereo_view_and_what_is_cut_off(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(count=2))
    fields = {"StereoMode": "top-bottom", "InitialViewHeadingDegrees": 90, "InitialViewPitchDegrees": -30,
              "FullPanoWidthPixels": 1000, "FullPanoHeightPixels": 500, "CroppedAreaImageWidthPixels": 500,
              "CroppedAreaImageHeightPixels": 400, "CroppedAreaLeftPixels": 250,
              "CroppedAreaTopPixels": 25}  # fmt: skip
    put_v1(path, V1.format("".join(f"<GSpherical:{k}>{v}</GSpherical:{k}>" for k, v in fields.items())))
    found = read_spherical(path)
    assert found is not None
    assert (found.stereo, found.initial_view_deg) == ("top-bottom", (90.0, -30.0, 0.0))
    assert found.bounds == pytest.approx((0.05, 0.15, 0.25, 0.25))
    assert stereo_layout(path) == "top-bottom"


def test_v2_wins_over_v1(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(count=2))
    view = "<GSpherical:InitialViewHeadingDegrees>45</GSpherical:InitialViewHeadingDegrees>"
    put_v1(path, V1.format("<GSpherical:StereoMode>left-right</GSpherical:StereoMode>" + view))
    assert stereo_layout(path) == "left-right"
    put_v2(path, b"cbmp", bytes(8), (1, 2, 3), 1)
    found = read_spherical(path)
    assert found is not None
    assert (found.projection, found.stereo, found.pose_deg) == ("cubemap", "top-bottom", (1.0, 2.0, 3.0))
    assert found.initial_view_deg == (45.0, 0.0, 0.0)
    assert found.source == "V2 metadata (sv3d box)"


def test_v1_that_says_no_is_no() -> None:
    assert from_v1(V1.replace("true</GSpherical:Spherical", "false</GSpherical:Spherical"), "") is None
    assert from_v1("", "") is None
    cut = from_v1(V1[: V1.index("{}")], "")  # a file that ends early
    assert cut is not None
    assert cut.projection == "equirectangular"


def test_v1_survives_itself() -> None:
    for stereo in ("mono", "top-bottom", "left-right"):
        said = SphericalMetadata(stereo=stereo, initial_view_deg=(1.0, -2.0, 3.0), source="x")
        assert from_v1(v1_xml(said), "x") == said


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_files_that_say_nothing_or_are_damaged_say_nothing(tmp_path: Path, ending: str) -> None:
    path = write_clip(tmp_path / f"a.{ending}", ClipSpec(count=2))
    assert read_spherical(path) is None
    assert stereo_layout(path) == "mono"
    data = path.read_bytes()
    rng = np.random.default_rng(11)
    for _ in range(60):  # flipped bytes and cut ends: never an exception
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 8):
            broken[at] = rng.integers(256)
        path.write_bytes(broken[: rng.integers(len(data) // 2, len(data) + 1)])
        read_spherical(path)


# -- writing --


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "webm"])
def test_the_result_of_an_unmarked_clip_is_marked(
    tmp_path: Path, ending: str, source: Path, views: list[npt.NDArray[np.uint8]]
) -> None:
    if ending == "webm":
        source = sphere_clip(tmp_path / "a.mkv", views, audio="libopus")
    before = source.read_bytes()
    out = tmp_path / f"out.{ending}"
    pipeline.stabilize(source, out, Parameters(), EncodeOptions(codec=CODECS[ending]))
    assert source.read_bytes() == before
    assert of_ffmpeg(out) == (0, (0, 0, 0), None if ending in ("mkv", "webm") else 0)
    found = read_spherical(out)
    assert found is not None
    assert found.whole_sphere
    assert (found.stereo, found.pose_deg) == ("mono", (0.0, 0.0, 0.0))
    assert packets(out, "audio") != []
    assert [data for _, data in packets(out, "audio")] == [data for _, data in packets(source, "audio")]
    assert sum(1 for _ in read_frames(out)) == COUNT
    if ending in ("mp4", "mov"):
        track, entry = boxes_of(out)
        assert [box.head[:16] for box in track.children if box.kind == b"uuid"] == [V1_UUID]
        kinds = [box.kind for box in entry.children]
        assert kinds.index(b"st3d") + 1 == kinds.index(b"sv3d") < kinds.index(b"pasp")
    with av.open(str(out)) as container:
        tags = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
        assert "title" not in tags
        assert ("spherical-video" in tags) == (ending in ("mkv", "webm"))


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_what_the_source_said_is_kept(tmp_path: Path, source: Path, ending: str) -> None:
    said = SphericalMetadata(
        stereo="left-right", pose_deg=(10.5, -20.25, 30.0), initial_view_deg=(90.0, 5.0, 0.0), source="test"
    )
    out = tmp_path / f"out.{ending}"
    options = EncodeOptions(codec=CODECS[ending])
    with VideoWriter(out, probe(source), options, spherical=said) as writer:
        for frame in read_frames(source):
            writer.write(frame)
    found = read_spherical(out)
    assert found is not None
    assert found == SphericalMetadata(**{**vars(said), "source": found.source})
    projection, pose, stereo = of_ffmpeg(out)
    assert (projection, pose, stereo) == (0, (10.5 * 65536, -20.25 * 65536, 30 * 65536), 1)
    with av.open(str(out)) as container:
        assert container.streams.video[0].metadata.get("language", "deu") in ("deu", "ger")  # mov has none, ever
        assert sum(1 for _ in container.decode(video=0)) == COUNT


def test_a_second_generation_keeps_title_and_statement(tmp_path: Path, views: list[npt.NDArray[np.uint8]]) -> None:
    source = sphere_clip(tmp_path / "a.mkv", views, codec="ffv1", video_metadata={"title": "Über den Wald"})
    out, again = tmp_path / "b.mkv", tmp_path / "c.mkv"
    pipeline.stabilize(source, out, Parameters())
    pipeline.stabilize(out, again, Parameters())
    for path in (out, again):
        with av.open(str(path)) as container:
            assert container.streams.video[0].metadata["title"] == "Über den Wald"
        assert of_ffmpeg(path)[0] == 0


def checksums_of_tracks(path: Path) -> tuple[int, int]:
    """Return the CRC-32 that a Matroska file states for its Tracks element, and the one that its bytes have."""
    data = path.read_bytes()
    at = data.rindex(bytes.fromhex("1654ae6b"), 0, data.index(bytes.fromhex("1f43b675"))) + 4
    width = 9 - data[at].bit_length()
    size = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
    content = data[at + width : at + width + size]
    assert content[:2] == b"\xbf\x84"
    return int.from_bytes(content[2:6], "little"), zlib.crc32(content[6:])


def test_the_checksum_of_a_matroska_header_is_made_anew(tmp_path: Path, source: Path) -> None:
    flat, marked = tmp_path / "flat.mkv", tmp_path / "marked.mkv"
    pipeline.stabilize(source, flat, Parameters(projection="rectilinear"))
    pipeline.stabilize(source, marked, Parameters())
    for path in (flat, marked):  # the first is FFmpeg's own
        stated, found = checksums_of_tracks(path)
        assert stated == found


def test_an_ordinary_result_says_nothing(tmp_path: Path, source: Path) -> None:
    marked, flat = tmp_path / "b.mkv", tmp_path / "c.mkv"
    pipeline.stabilize(source, marked, Parameters())
    pipeline.stabilize(marked, flat, Parameters(projection="rectilinear"))
    assert read_spherical(marked) is not None
    assert read_spherical(flat) is None


def test_writing_twice_replaces(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(count=3, audio="aac"))
    sound = packets(path, "audio")
    write_spherical(path, SphericalMetadata(stereo="top-bottom"))
    write_spherical(path, SphericalMetadata(stereo="left-right"))
    track, entry = boxes_of(path)
    assert [box.kind for box in track.children].count(b"uuid") == 1
    assert [box.kind for box in entry.children].count(b"sv3d") == 1
    assert stereo_layout(path) == "left-right"
    assert packets(path, "audio") == sound


def test_a_container_that_cannot_say_it_is_warned_about(
    tmp_path: Path, views: list[npt.NDArray[np.uint8]], caplog: pytest.LogCaptureFixture
) -> None:
    source = sphere_clip(tmp_path / "a.mp4", views)
    pipeline.stabilize(source, tmp_path / "out.nut", Parameters())
    assert "cannot say that it holds a 360 clip" in caplog.text
    assert (tmp_path / "out.nut").exists()


def test_a_right_eye_on_top_is_kept_by_matroska_only(
    tmp_path: Path, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = SphericalMetadata(stereo="top-bottom", right_first=True)
    for ending, right_first in (("mkv", True), ("mp4", False)):
        out = tmp_path / f"out.{ending}"
        with VideoWriter(out, probe(source), spherical=said) as writer:
            for frame in read_frames(source):
                writer.write(frame)
        found = read_spherical(out)
        assert found is not None
        assert (found.stereo, found.right_first) == ("top-bottom", right_first)
        assert ("right eye is on top" in caplog.text) == (ending == "mp4")


def test_a_matroska_file_without_room_is_refused_and_kept(tmp_path: Path) -> None:
    for tags in ({}, {"title": "a name of its own"}):
        path = write_clip(tmp_path / f"{len(tags)}.mkv", ClipSpec(count=2, video_metadata=tags))
        before = path.read_bytes()
        with pytest.raises(OutputError, match="no room was left for the projection"):
            write_projection(path, 1, bytes(20), (0.0, 0.0, 0.0))
        assert path.read_bytes() == before


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_nothing_stays_where_marking_fails(
    tmp_path: Path, ending: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def fail(*_: object) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr("vstab_core.spherical_metadata.write_movie", fail)
    monkeypatch.setattr("vstab_core.spherical_metadata.write_projection", fail)
    with pytest.raises(OutputError, match="could not be marked as a 360 clip: the disk is full") as caught:
        pipeline.stabilize(source, tmp_path / f"out.{ending}", Parameters())
    assert list(tmp_path.iterdir()) == []
    assert (
        caught.value.code == "output"
    )  # held until here, and the writer with it: it is not its end that removes the file


# -- deciding --


def test_the_file_decides_before_the_picture(tmp_path: Path) -> None:
    flat = write_clip(tmp_path / "flat.mp4", ClipSpec(size=(64, 128), count=2))
    assert open_source(flat, Parameters()).parameters.projection == "rectilinear"
    write_spherical(flat, SphericalMetadata())
    opened = open_source(flat, Parameters())
    assert opened.parameters.projection == "equirect"
    assert opened.warnings == []
    assert not open_source(flat, Parameters(projection="rectilinear")).sphere
    values = describe.info_values(flat)
    assert (values["projection"], values["projection_from"]) == ("equirect", "V2 metadata (sv3d box)")
    assert "V2 metadata (sv3d box)" in describe.text_of(values)


@pytest.mark.parametrize(
    ("size", "said", "is_round", "projection", "stereo", "words"),
    [
        ((1920, 960), SphericalMetadata(), False, "equirect", "mono", None),
        ((640, 322), SphericalMetadata(), False, "equirect", "mono", None),
        (
            (1920, 1080),
            SphericalMetadata(),
            True,
            "equirect",
            "mono",
            "picture of 1920x1080 is not 2:1: taken for a whole",
        ),
        (
            (1920, 1080),
            SphericalMetadata(),
            False,
            "rectilinear",
            "mono",
            "taken for an ordinary clip; give --projection eq",
        ),
        ((1920, 1920), SphericalMetadata(stereo="top-bottom"), False, "equirect", "top-bottom", None),
        ((3840, 960), SphericalMetadata(stereo="left-right"), False, "equirect", "left-right", None),
        ((3840, 1920), SphericalMetadata(stereo="left-right"), False, "equirect", "left-right", None),
        (
            (1922, 961),
            SphericalMetadata(stereo="top-bottom"),
            True,
            "equirect",
            "mono",
            "into two equal eyes (top-bottom",
        ),
        (
            (961, 481),
            SphericalMetadata(stereo="left-right"),
            True,
            "equirect",
            "mono",
            "taken for a whole sphere of one eye",
        ),
        (
            (1000, 800),
            SphericalMetadata(stereo="top-bottom"),
            True,
            "equirect",
            "top-bottom",
            "an eye of 1000x400 is not",
        ),
        ((1920, 960), SphericalMetadata("mesh"), True, "rectilinear", "mono", "projection is mesh"),
        ((1920, 1280), SphericalMetadata("cubemap"), True, "cubemap", "mono", None),
        (
            (1920, 960),
            SphericalMetadata(bounds=(0, 0, 0.1, 0.1)),
            True,
            "rectilinear",
            "mono",
            "a part of the sphere",
        ),
        ((960, 960), SphericalMetadata(bounds=(0, 0, 0.25, 0.25)), True, "vr180", "mono", None),
        (
            (1920, 960),
            SphericalMetadata(stereo="left-right", bounds=(0, 0, 0.25, 0.25)),
            True,
            "vr180",
            "left-right",
            None,
        ),
        ((1920, 960), SphericalMetadata("rectilinear", "left-right"), False, "rectilinear", "mono", None),
        ((1920, 960), None, True, "equirect", "mono", None),
        ((1920, 960), None, False, "rectilinear", "mono", "left and right edge do not continue each other"),
        ((1920, 1920), None, True, "equirect", "top-bottom", None),
        ((1920, 1080), None, True, "rectilinear", "mono", None),
    ],
)
def test_contradictions_are_told(
    size: tuple[int, int],
    said: SphericalMetadata | None,
    is_round: bool,
    projection: str,
    stereo: str,
    words: str | None,
) -> None:
    decision = decide("a.mp4", *size, said, lambda _: is_round)
    assert (decision.projection, decision.stereo) == (projection, stereo)
    assert len(decision.warnings) == (words is not None)
    if words is not None:
        assert words in decision.warnings[0]
        assert "--projection" in decision.warnings[0]


def test_a_stereo_clip_stays_one(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(size=(64, 64), count=4))
    write_spherical(path, SphericalMetadata(stereo="top-bottom"))
    opened = open_source(path, Parameters())
    assert (opened.parameters.projection, opened.parameters.stereo) == ("equirect", "top-bottom")
    pipeline.stabilize(path, tmp_path / "out.mp4", Parameters())
    assert stereo_layout(tmp_path / "out.mp4") == "top-bottom"


def test_a_file_without_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert read_spherical(path) is None
    with pytest.raises(InputError, match="has no video track"):
        write_spherical(path, SphericalMetadata())


def test_the_pose_goes_into_the_pixels(tmp_path: Path, source: Path, caplog: pytest.LogCaptureFixture) -> None:
    posed = tmp_path / "posed.mp4"
    posed.write_bytes(source.read_bytes())
    write_spherical(posed, SphericalMetadata(pose_deg=(10.0, 5.0, 0.0)))
    pipeline.stabilize(posed, tmp_path / "out.mp4", Parameters())
    found = read_spherical(tmp_path / "out.mp4")
    assert found is not None
    assert found.pose_deg == (0.0, 0.0, 0.0)
    assert "players turn it by yaw 10, pitch 5, roll 0 degrees" in caplog.text


def test_the_result_of_half_a_sphere_says_so(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(size=(64, 128), count=4))
    write_spherical(path, SphericalMetadata(stereo="left-right", bounds=(0, 0, 0.25, 0.25)))
    pipeline.stabilize(path, tmp_path / "out.mp4", Parameters())
    found = read_spherical(tmp_path / "out.mp4")
    assert found is not None
    assert found.half_sphere
    assert found.stereo == "left-right"
