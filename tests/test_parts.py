"""Parts of a clip, rendered from where the decoder has sought to and joined, against the clip in one piece.

Frames are compared behind lossless encoders, where they are what came before the encoder. Clips have one or two frames
a second, so that a part begins farther behind the first frame than the decoder's preroll.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from clips import ClipSpec, Planes, write_clip
from scenes import world

from vstab_core import pipeline
from vstab_core.batch import part as batch_part
from vstab_core.batch.part import Missed, frames_at, join_parts, render_part
from vstab_core.cli import main
from vstab_core.decode import read_frames
from vstab_core.errors import InputError, UsageError
from vstab_core.media import open_media
from vstab_core.params import Parameters
from vstab_core.parts import JOINABLE, cannot_join, parameter_sets
from vstab_core.sidecar import read_sidecar
from vstab_core.source import Source
from vstab_core.spherical_metadata import read_spherical
from vstab_core.types import EncodeOptions, Frame

SIZE = (96, 160)  # the least that can be followed
COUNT = 24
RANGES = ((0, 9), (9, 17), (17, COUNT))
UNEVEN = [int(ticks) for ticks in np.cumsum(np.random.default_rng(5).integers(30000, 90000, COUNT))]  # 0.3 to 1 s
X264 = EncodeOptions(crf=0)
FFV1 = EncodeOptions(codec="ffv1")


def shaking(size: tuple[int, int] = SIZE, count: int = COUNT) -> Iterator[Planes]:
    height, width = size
    scene = np.random.default_rng(3).integers(0, 255, (height + 40, width + 40)).astype(np.float32)
    scene = cv2.normalize(cv2.GaussianBlur(scene, (0, 0), 2.5), None, 16, 235, cv2.NORM_MINMAX).astype(np.uint8)
    for index in range(count):
        x, y = round(20 + 5 * np.sin(1.3 * index)), round(20 + 5 * np.cos(2.1 * index))
        picture = scene[y : y + height, x : x + width]
        yield picture, picture[::2, ::2], 255 - picture[::2, ::2]


def made(
    folder: Path,
    source: Path,
    ending: str,
    encode: EncodeOptions,
    parameters: Parameters | None = None,
    ranges: Sequence[tuple[int, int]] = RANGES,
) -> tuple[Path, Path]:
    """Return the result in one piece, and from parts."""
    sidecar, whole, joined = folder / "clip.vstab", folder / f"whole{ending}", folder / f"joined{ending}"
    pipeline.analyze(source, sidecar, parameters or Parameters(max_crop=0.2))
    warps = read_sidecar(sidecar).warps
    assert warps is not None
    assert np.ptp(warps.src_from_dst, axis=0).max() > 0.005  # pixels are moved
    pipeline.render(source, sidecar, whole, encode)
    parts = [folder / f"{first:04d}{ending}" for first, _ in ranges]
    for part, frames in zip(parts, ranges, strict=True):
        result = render_part(source, sidecar, part, frames, encode)
        assert result.figures["frames"] == frames[1] - frames[0]
    join_parts(source, sidecar, joined, parts, encode)
    return whole, joined


def assert_alike(whole: Path, joined: Path) -> None:
    for one, other in zip(read_frames(whole), read_frames(joined), strict=True):
        assert one.pts == other.pts
        assert all(np.array_equal(*planes) for planes in zip(one.planes, other.planes, strict=True))
    for one, other in zip(packets(whole), packets(joined), strict=True):
        assert one == other


def packets(path: Path) -> tuple[list[Any], ...]:
    """Return (decoding times of the video, packets of the other streams)."""
    video, others = [], []
    with open_media(path) as container:
        for packet in container.demux():
            if packet.size and packet.stream.type == "video":
                video.append(packet.dts)
            elif packet.size:
                others.append((packet.stream_index, packet.pts, packet.dts, packet.duration, bytes(packet)))
    return video, others


@pytest.fixture
def decoded_from(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The times that parts were decoded from."""
    starts: list[int | None] = []
    before = Source.frames

    def frames(self: Source, on_damage: Any, start: int | None = None) -> Iterator[Frame]:
        starts.append(start)
        return before(self, on_damage, start)

    monkeypatch.setattr(Source, "frames", frames)
    return starts


OPEN_GOP = "open-gop=1:keyint=5:min-keyint=5:bframes=3"


@pytest.mark.parametrize(
    ("name", "spec", "ending", "encode"),
    [
        ("even.mp4", ClipSpec(SIZE, rate=Fraction(2), count=COUNT, options={"bf": "2", "g": "6"}, audio="aac",
                              chapters=((0, 3, "one"), (3, 12, "two")), subtitles=((1, 2, "words"),),
                              metadata={"title": "a day"}), ".mp4", X264),
        ("uneven.mp4", ClipSpec(SIZE, rate=Fraction(2), pts=UNEVEN, options={"bf": "3", "g": "5"}), ".mov", X264),
        ("open.mp4", ClipSpec(SIZE, pts=UNEVEN, options={"x264-params": OPEN_GOP}), ".mkv", FFV1),
        ("open.mkv", ClipSpec(SIZE, codec="libx265", pts=[ticks // 90 * 90 for ticks in UNEVEN],
                              options={"x265-params": OPEN_GOP}), ".mp4",
         EncodeOptions(codec="libx265", extra=(("x265-params", "lossless=1"),))),
        ("turned.mp4", ClipSpec(SIZE, rate=Fraction(2), count=COUNT, rotation_deg=90), ".mkv", FFV1),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_parts_joined_are_the_clip_in_one_piece(
    tmp_path: Path, decoded_from: list[int | None], name: str, spec: ClipSpec, ending: str, encode: EncodeOptions
) -> None:
    source = write_clip(tmp_path / name, spec, shaking())
    whole, joined = made(tmp_path, source, ending, encode)
    assert_alike(whole, joined)
    sought = decoded_from[-2:]
    assert None not in sought  # not from the beginning
    with av.open(str(whole)) as one, av.open(str(joined)) as other:
        assert one.metadata == other.metadata
        assert one.chapters() == other.chapters()
        for a, b in zip(one.streams, other.streams, strict=True):
            assert (a.metadata, a.time_base, a.duration) == (b.metadata, b.time_base, b.duration)
            if a.type in ("video", "audio"):
                assert bytes(a.codec_context.extradata or b"") == bytes(b.codec_context.extradata or b"")


CODES_A_FRAME_ALONE = {"ffv1", "prores_ks", "dnxhd", "mjpeg", "v210", "cfhd"}


@pytest.mark.parametrize("encoder", sorted(JOINABLE))
def test_every_encoder_that_is_said_to_join_does(tmp_path: Path, encoder: str) -> None:
    size, count = (128, 256), 8  # DNxHR's least
    source = write_clip(tmp_path / "a.mp4", ClipSpec(size, count=count), shaking(size, count))
    ending = ".mov" if encoder in CODES_A_FRAME_ALONE - {"ffv1"} else ".mkv"
    preset = {"libsvtav1": "12", "libx264": "fast", "libx264rgb": "fast", "libx265": "fast"}.get(encoder)
    options = EncodeOptions(codec=encoder, preset=preset)
    soft = Parameters(max_crop=0.2, interpolation="bicubic")  # the limit below is for pictures by it
    whole, joined = made(tmp_path, source, ending, options, soft, ((0, 5), (5, count)))
    if encoder in CODES_A_FRAME_ALONE:
        assert_alike(whole, joined)
        return
    assert packets(whole) == packets(joined)
    for one, other in zip(read_frames(whole), read_frames(joined), strict=True):
        assert one.pts == other.pts
        far = np.abs(one.planes[0].astype(int) - other.planes[0]).mean()
        assert far < 3  # code values: two encodings of one picture; another frame would be 20 away


def test_a_stream_where_seeking_misses_is_decoded_from_farther_ahead(
    tmp_path: Path, decoded_from: list[int | None]
) -> None:
    """No picture of an intra-refresh is whole by itself: only the beginning will do."""
    options = {"x264-params": "intra-refresh=1:keyint=5", "preset": "medium"}
    source = write_clip(tmp_path / "a.mp4", ClipSpec(SIZE, pts=UNEVEN, options=options), shaking())
    assert_alike(*made(tmp_path, source, ".mkv", FFV1))
    assert [start is None for start in decoded_from[-4:]] == [False, True, False, True]


def test_pictures_before_the_first_key_picture_are_not_taken() -> None:
    """MPEG-2 decoders make them up where a transport stream is entered in mid-group."""

    def given(*pictures: tuple[int, bool]) -> list[int]:
        frames = [Frame((), "gray", pts, float(pts), SimpleNamespace(key_frame=key)) for pts, key in pictures]
        info = SimpleNamespace(pixel_format="gray")
        clip: Any = SimpleNamespace(info=info, frames=lambda on_damage, start: iter(frames))
        return [frame.pts for frame in frames_at(clip, np.array([5, 6]), 3)]

    assert given((3, False), (4, True), (5, False), (6, False), (7, False)) == [5, 6]
    for pictures in [
        [(4, False), (5, False), (6, True)],
        [(6, True)],
        [(4, True), (6, False)],
        [(5, True)],
        [(4, True), (5, False), (7, False)],
    ]:
        with pytest.raises(Missed):
            given(*pictures)


def test_a_file_that_cannot_be_sought_in_is_read_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Source.frames

    def frames(self: Source, on_damage: Any, start: int | None = None) -> Iterator[Frame]:
        if start is not None:
            raise av.error.PermissionError(1, "Operation not permitted")
        yield from before(self, on_damage)

    monkeypatch.setattr(Source, "frames", frames)
    source = write_clip(tmp_path / "a.mp4", ClipSpec(SIZE, pts=UNEVEN), shaking())
    assert_alike(*made(tmp_path, source, ".mkv", FFV1))


def test_filled_borders_of_a_part_borrow_from_beyond_its_ends(
    tmp_path: Path, decoded_from: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    reach = (4, 2)
    monkeypatch.setattr("vstab_core.render.FILL_REACH", reach)
    monkeypatch.setattr(batch_part, "FILL_REACH", reach)
    source = write_clip(tmp_path / "a.mp4", ClipSpec(SIZE, pts=UNEVEN, options={"g": "4"}), shaking())
    assert_alike(*made(tmp_path, source, ".mkv", FFV1, Parameters(border="fill", zoom="none")))
    assert decoded_from[-1] is not None


def test_a_360_clip_keeps_what_it_says_of_its_sphere(tmp_path: Path) -> None:
    luma, grey = world(), np.full((128, 256), 128, np.uint8)
    turned = ((np.roll(luma, turn, axis=1), grey, grey) for turn in (0, 9, -5, 12, 3, -8, 6, 0, 10, -4))
    spec = ClipSpec(luma.shape, rate=Fraction(2), count=10, options={"g": "3"})
    source = write_clip(tmp_path / "a.mp4", spec, turned)
    parameters = Parameters(projection="equirect")
    whole, joined = made(tmp_path, source, ".mp4", X264, parameters, ((0, 6), (6, 10)))
    assert_alike(whole, joined)
    assert read_spherical(whole) is not None
    assert read_spherical(joined) == read_spherical(whole)


def test_parts_that_are_not_the_clip_are_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(SIZE, count=COUNT, options={"bf": "2"}), shaking())
    sidecar, out = tmp_path / "a.vstab", tmp_path / "out.mp4"
    pipeline.analyze(source, sidecar, Parameters())
    parts = [tmp_path / f"{first}.mp4" for first, _ in RANGES]
    for part, frames in zip(parts, RANGES, strict=True):
        render_part(source, sidecar, part, frames, X264)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(parts[2].read_bytes()[:-9])
    for wrong, words in [
        (parts[:2], "the parts hold 17 of 24 frames"),
        (parts[1:], "does not hold the frames from number 0 on"),
        ([parts[0], parts[2], parts[1]], "does not"),
        ([*parts[:2], cut], "is cut short"),
        ([source], "is no part of a clip"),
    ]:
        with pytest.raises(InputError, match=words):
            join_parts(source, sidecar, out, wrong, X264)
    with pytest.raises(InputError, match="was encoded in another way"):
        join_parts(source, sidecar, out, parts, FFV1)
    with pytest.raises(UsageError, match="--frames must lie within 0:24, got 20:30"):
        render_part(source, sidecar, tmp_path / "x.mp4", (20, 30), X264)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "0.mp4",
        "17.mp4",
        "9.mp4",
        "a.mp4",
        "a.vstab",
        "cut.mp4",
    ]


def test_what_cannot_be_joined_is_known_before_the_work(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4")
    assert cannot_join(source, ".mp4", None) is None
    assert cannot_join(source, ".avi", None) == "avi files know frames by number only"
    assert cannot_join(source, ".mkv", "mpeg4") == "parts from encoder mpeg4 cannot be joined"


def test_headers_are_compared_without_the_machine(tmp_path: Path) -> None:
    """x264 writes its number of threads into the header."""
    sps, pps = b"\x67sps", b"\x68pps"
    one, other = (b"\0\0\0\1" + sps + b"\0\0\1" + pps + b"\0\0\1\x06threads=" + count for count in (b"2", b"48"))
    assert parameter_sets("libx264", one) == parameter_sets("libx264", other) == sps + b"\0\0\1" + pps
    assert parameter_sets("ffv1", one) == one


def test_the_command_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "segment" not in capsys.readouterr().out
    assert main(["segmend"]) == 2
    assert "segment" not in capsys.readouterr().err
