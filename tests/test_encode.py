"""Writing: the source's times, sound, tags and colour in the output; never a half-written file under its name."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import ClipSpec, packets, picture, write_clip
from vstab_core.colour import read_look
from vstab_core.decode import probe, read_frames
from vstab_core.encode import VideoWriter
from vstab_core.errors import OutputError, UsageError
from vstab_core.types import EncodeOptions, Frame

UNEVEN = [0, 3000, 4500, 9000, 18000, 18090, 30000]  # ticks of 1/90000 s
DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"


def rewrite(source: Path, output: Path, options: EncodeOptions | None = None, **more: bool) -> VideoWriter:
    """Read a clip and write every frame through fresh planes, as the warp does."""
    with VideoWriter(output, probe(source), options, **more) as writer:
        for frame in read_frames(source):
            fresh = writer.new_frame(frame)
            for target, plane in zip(fresh.planes, frame.planes, strict=True):
                target[...] = plane
            writer.write(fresh)
    return writer


def write_all(output: Path, source: Path, frames: Iterable[Frame], options: EncodeOptions | None = None) -> None:
    with VideoWriter(output, probe(source), options, overwrite=True) as writer:
        for frame in frames:
            writer.write(frame)


def times(path: Path) -> list[Fraction]:
    time_base = probe(path).time_base
    return [frame.pts * time_base for frame in read_frames(path)]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "partial" in path.name]


# -- times ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".nut"])
@pytest.mark.parametrize("start", [0, 126000])
def test_uneven_times_are_exact(tmp_path: Path, ending: str, start: int) -> None:
    pts = [start + tick for tick in UNEVEN]
    source = write_clip(tmp_path / "a.mp4", ClipSpec(pts=pts))
    rewrite(source, tmp_path / f"b{ending}", EncodeOptions(preset="medium"))
    assert times(tmp_path / f"b{ending}") == [Fraction(tick, 90000) for tick in pts]


def test_matroska_keeps_its_milliseconds_and_rounds_others_to_them(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", ClipSpec(pts=[0, 40, 41, 97, 250, 260], time_base=Fraction(1, 1000)))
    rewrite(source, tmp_path / "b.mkv")
    rewrite(source, tmp_path / "c.mp4")
    assert times(tmp_path / "b.mkv") == times(source) == times(tmp_path / "c.mp4")
    fine = write_clip(tmp_path / "d.mp4", ClipSpec(pts=[0, 3000, 3003, 3006, 9000]))  # three within a millisecond
    rewrite(fine, tmp_path / "e.mkv")
    ms = [time * 1000 for time in times(tmp_path / "e.mkv")]
    assert len(ms) == 5
    assert max(abs(a - b * 1000) for a, b in zip(ms, times(fine), strict=True)) <= 3


def test_avi_gets_frames_by_number(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(count=8))
    rewrite(source, tmp_path / "b.avi")
    assert len(times(tmp_path / "b.avi")) == 8
    assert probe(tmp_path / "b.avi").frame_rate == 25
    assert "by number" not in caplog.text
    uneven = write_clip(tmp_path / "c.mp4", ClipSpec(pts=UNEVEN))
    rewrite(uneven, tmp_path / "d.avi")
    assert len(times(tmp_path / "d.avi")) == len(UNEVEN)
    assert caplog.text.count("by number") == 1


# -- pictures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "codec", "pixel_format", "encoder"),
    [
        (".mp4", "libx264", "yuv420p", "libx264"),
        (".mov", "libx264", "yuv422p10le", "libx264"),
        (".mkv", "libx264", "yuv444p", "libx264"),
        (".mp4", "libx264", "gray", "libx264"),
        (".mp4", "libx265", "yuv420p10le", "libx265"),
        (".mov", "prores_ks", "yuv422p10le", "prores_ks"),
        (".mov", "prores_ks", "yuva444p10le", "prores_ks"),
        (".mkv", "ffv1", "yuva420p", "ffv1"),
        (".mkv", "ffv1", "gbrap12le", "ffv1"),
        (".mkv", "ffv1", "bgra", "ffv1"),
        (".webm", "libvpx-vp9", "yuva420p", "libvpx-vp9"),
        (".mp4", "mpeg4", "yuv420p", "libx264"),
        (".avi", "mjpeg", "yuvj422p", "mjpeg"),
    ],
)
def test_codec_depth_chroma_and_alpha_are_the_sources(
    tmp_path: Path, ending: str, codec: str, pixel_format: str, encoder: str
) -> None:
    options = {"b": "0", "crf": "10"} if codec.startswith("libvpx") else {}
    spec = ClipSpec(codec=codec, pixel_format=pixel_format, count=3, time_base=Fraction(1, 25), options=options)
    source = write_clip(tmp_path / f"a{ending}", spec)
    output = tmp_path / f"b{ending}"
    writer = rewrite(source, output)
    assert writer.plan.name == encoder
    before, after = list(read_frames(source)), list(read_frames(output))
    assert len(before) == len(after) == 3
    top = float(1 << (10 if "10" in pixel_format else 12 if "12" in pixel_format else 8))
    for old, new in zip(before, after, strict=True):
        assert new.pixel_format == old.pixel_format
        for a, b in zip(old.planes, new.planes, strict=True):
            assert np.abs(a.astype(float) - b).mean() / top < 0.012
    if codec == "ffv1":
        np.testing.assert_array_equal(before[2].planes[0], after[2].planes[0])


@pytest.mark.parametrize("size", [(479, 853), (1, 1), (2, 3)])
@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int], codec: str) -> None:
    source = write_clip(tmp_path / "a.mkv", ClipSpec(codec="ffv1", size=size, count=1))
    rewrite(source, tmp_path / "b.mkv", EncodeOptions(codec=codec))
    info = probe(tmp_path / "b.mkv")
    even = tuple(side + side % 2 for side in size)
    assert (info.height, info.width) == (even if codec == "libx264" else size)
    (frame,) = read_frames(tmp_path / "b.mkv")
    truth = picture(0, size, "yuv420p")[0]
    assert np.abs(frame.planes[0][: size[0], : size[1]].astype(float) - truth).mean() < 3
    if codec == "libx264":  # the margin repeats the edge: no dark line
        assert np.abs(frame.planes[0][:, -1].astype(float) - frame.planes[0][:, -2]).max() < 12


def test_a_size_the_encoder_refuses_is_said(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", ClipSpec(codec="ffv1", size=(6, 7), count=1))
    with pytest.raises(UsageError, match="encoder 'libx265' refuses 7x6 yuv420p"):
        rewrite(source, tmp_path / "b.mkv", EncodeOptions(codec="libx265"))
    assert leftovers(tmp_path) == []


def test_untouched_decoder_frames_and_foreign_planes_give_the_same_file(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", ClipSpec(codec="ffv1", size=(47, 65)))
    rewrite(source, tmp_path / "b.mkv")
    with VideoWriter(tmp_path / "c.mkv", probe(source)) as writer:
        for index, frame in enumerate(read_frames(source)):
            planes = tuple(np.asfortranarray(plane) for plane in frame.planes)
            writer.write(frame if index % 2 else Frame(planes, frame.pixel_format, frame.pts, frame.time_s))
    for a, b in zip(read_frames(tmp_path / "b.mkv"), read_frames(tmp_path / "c.mkv"), strict=True):
        assert a.pts == b.pts
        np.testing.assert_array_equal(a.planes[1], b.planes[1])


def test_new_frame_is_the_encoders_memory_and_may_have_another_size(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", ClipSpec(codec="ffv1", count=2))
    with VideoWriter(tmp_path / "b.mkv", probe(source), size=(31, 33)) as writer:
        for index, frame in enumerate(read_frames(source)):
            fresh = writer.new_frame(frame)
            assert [plane.shape for plane in fresh.planes] == [(31, 33), (16, 17), (16, 17)]
            assert fresh.planes[0].strides[0] == fresh.source.planes[0].line_size
            for target, values in zip(fresh.planes, picture(index, (31, 33), "yuv420p"), strict=True):
                target[...] = values
            writer.write(fresh)
    for index, frame in enumerate(read_frames(tmp_path / "b.mkv")):
        np.testing.assert_array_equal(frame.planes[0], picture(index, (31, 33), "yuv420p")[0])


def test_wrong_sizes_and_order_are_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4")
    first, second, *_ = read_frames(source)
    small = Frame((np.zeros((10, 10), np.uint8),), "gray", 0, 0.0)
    for frames, words in [([small], "is 64x48, got planes of 10x10"), ([second, first], "of time: tick 0 after 3600")]:
        with pytest.raises(UsageError, match=words):
            write_all(tmp_path / "b.mp4", source, frames)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


# -- everything else of the source ----------------------------------------------------------------------------------

RICH = ClipSpec(
    count=30,
    audio="aac",
    audio_start_s=0.25,
    audio_metadata={"language": "deu", "handler_name": "Ton"},
    subtitles=[(0.1, 0.5, "Hallo"), (0.6, 1.0, "Welt")],
    chapters=[(0.0, 0.5, "one"), (0.5, 1.2, "two")],
    metadata={"title": "Seegang", "creation_time": "2024-05-06T07:08:09.000000Z"},
    video_metadata={"language": "eng", "timecode": "01:02:03:04"},
    pixel_aspect=Fraction(4, 3),
)


@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_sound_subtitles_chapters_tags_and_timecode_stay(tmp_path: Path, ending: str) -> None:
    source = write_clip(tmp_path / f"a{ending}", RICH)
    output = tmp_path / f"b{ending}"
    rewrite(source, output)
    assert packets(output, "audio") == packets(source, "audio")
    assert packets(output, "subtitle") == packets(source, "subtitle")
    assert times(output) == times(source)
    with av.open(str(source)) as old, av.open(str(output)) as new:
        assert [stream.type for stream in new.streams].count("data") == [s.type for s in old.streams].count("data")
        assert new.metadata["title"] == "Seegang"
        assert new.metadata["creation_time"] == "2024-05-06T07:08:09.000000Z"
        assert new.streams.video[0].metadata["timecode"] == "01:02:03:04"
        assert new.streams.video[0].metadata.get("language") == old.streams.video[0].metadata.get("language")
        assert new.streams.audio[0].metadata.get("language") == old.streams.audio[0].metadata.get("language")
        if ending == ".mp4":
            assert new.streams.audio[0].metadata["language"] == "deu"
        assert new.streams.audio[0].metadata["handler_name"] == "Ton"
        assert new.streams.audio[0].start_time == old.streams.audio[0].start_time
        assert new.streams.video[0].sample_aspect_ratio == Fraction(4, 3)
        assert [(c["start"] * c["time_base"], c["metadata"]["title"]) for c in new.chapters()] == [
            (0, "one"),
            (Fraction(1, 2), "two"),
        ]
        assert new.streams.audio[0].disposition == old.streams.audio[0].disposition


def test_matroska_keeps_pcm_text_attachment_and_tags(tmp_path: Path) -> None:
    spec = ClipSpec(
        count=30, audio="pcm_s16le", subtitles=[(0.1, 0.5, "Hallo")], subtitle_codec="subrip", attachment=b"font" * 99,
        chapters=[(0.0, 1.0, "one")], metadata={"title": "x"}, video_metadata={"title": "main"},
        pixel_aspect=Fraction(16, 11),
    )  # fmt: skip
    source = write_clip(tmp_path / "a.mkv", spec)
    rewrite(source, tmp_path / "b.mkv")
    assert packets(tmp_path / "b.mkv", "audio") == packets(source, "audio")
    assert packets(tmp_path / "b.mkv", "subtitle") == packets(source, "subtitle")
    with av.open(str(tmp_path / "b.mkv")) as new:
        assert new.streams.attachments[0].data == b"font" * 99
        assert new.streams.attachments[0].name == "font.ttf"
        assert new.streams.video[0].metadata["title"] == "main"
        assert new.chapters()[0]["metadata"]["title"] == "one"
        assert new.streams.video[0].sample_aspect_ratio == Fraction(16, 11)


def test_what_a_container_cannot_hold_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = [(0.0, 0.1, "Hallo"), (0.1, 0.2, "Welt")]
    spec = ClipSpec(count=5, subtitles=words, subtitle_codec="subrip", audio="pcm_s16le")
    source = write_clip(tmp_path / "a.mkv", spec)
    rewrite(source, tmp_path / "b.webm", EncodeOptions(codec="libvpx-vp9"))
    lines = [record.message for record in caplog.records if "left out" in record.message]
    assert len(lines) == 2, lines
    assert any("subtitle" in line for line in lines)
    assert any("pcm_s16le" in line for line in lines)
    assert len(times(tmp_path / "b.webm")) == 5


def test_streams_can_be_left_out(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(audio="aac", chapters=[(0.0, 0.1, "one")]))
    rewrite(source, tmp_path / "b.mp4", copy_streams=False)
    with av.open(str(tmp_path / "b.mp4")) as new:
        assert [stream.type for stream in new.streams] == ["video"]


def test_long_gaps_in_the_sound_do_not_hold_the_video_back(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(count=60, audio="aac", audio_start_s=2.0))
    rewrite(source, tmp_path / "b.mp4")
    assert packets(tmp_path / "b.mp4", "audio") == packets(source, "audio")


@pytest.mark.parametrize(
    ("ending", "codec", "pixel_format"),
    [(".mp4", "libx264", "yuv420p"), (".mp4", "libx265", "yuv420p10le"), (".mov", "prores_ks", "yuv422p10le")],
)
def test_colour_tags_stay(tmp_path: Path, ending: str, codec: str, pixel_format: str) -> None:
    colour = (9, 16, 9, 1)  # BT.2020, PQ, BT.2020, limited
    source = write_clip(tmp_path / f"a{ending}", ClipSpec(codec=codec, pixel_format=pixel_format, colour=colour))
    rewrite(source, tmp_path / f"b{ending}")
    look = read_look(tmp_path / f"b{ending}")
    assert (look.color_primaries, look.color_trc, look.colorspace, look.color_range) == colour


def test_full_range_stays_full_range_code_for_code(tmp_path: Path) -> None:
    spec = ClipSpec(pixel_format="yuvj420p", colour=(1, 1, 1, 2), options={"qp": "0"})
    source = write_clip(tmp_path / "a.mp4", spec)
    rewrite(source, tmp_path / "b.mp4", EncodeOptions(extra=[("qp", "0")]))
    assert read_look(tmp_path / "b.mp4").color_range == 2
    for a, b in zip(read_frames(source), read_frames(tmp_path / "b.mp4"), strict=True):
        np.testing.assert_array_equal(a.planes[0], b.planes[0])


@pytest.mark.parametrize(
    ("ending", "codec", "key", "display"),
    [(".mp4", "libx265", "x265-params", "master-display={}:max-cll=1000,400"),
     (".mkv", "libx264", "x264-params", "mastering-display={}:cll=1000,400")],
)  # fmt: skip
def test_hdr_data_and_chroma_place_stay(tmp_path: Path, ending: str, codec: str, key: str, display: str) -> None:
    spec = ClipSpec(codec=codec, pixel_format="yuv420p10le", colour=(9, 16, 9, 1),
                    options={key: display.format(DISPLAY), "chroma_sample_location": "topleft"})  # fmt: skip
    source = write_clip(tmp_path / f"a{ending}", spec)
    rewrite(source, tmp_path / f"b{ending}")
    old, new = read_look(source), read_look(tmp_path / f"b{ending}")
    assert old.mastering is not None
    assert new.mastering == old.mastering
    assert new.light_level == old.light_level == (1000, 400)
    assert new.chroma_place == old.chroma_place == "topleft"


def test_hdr_data_that_the_encoder_cannot_write_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spec = ClipSpec(codec="libx265", pixel_format="yuv420p10le", options={"x265-params": "max-cll=1000,400"})
    source = write_clip(tmp_path / "a.mp4", spec)
    rewrite(source, tmp_path / "b.mov", EncodeOptions(codec="prores_ks"))
    assert not caplog.messages  # mov says it itself
    assert read_look(tmp_path / "b.mov").light_level == (1000, 400)
    rewrite(source, tmp_path / "b.mkv", EncodeOptions(codec="prores_ks"))
    assert "cannot carry HDR" in caplog.text


def test_phone_clip_plays_upright_without_a_matrix(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mov", ClipSpec(rotation_deg=90, options={"qp": "0"}))
    rewrite(source, tmp_path / "b.mov", EncodeOptions(extra=[("qp", "0")]))
    with av.open(str(tmp_path / "b.mov")) as container:
        shown = next(container.decode(video=0))
        assert shown.rotation == 0
        assert (shown.width, shown.height) == (48, 64)
        luma = np.frombuffer(shown.planes[0], np.uint8).reshape(-1, shown.planes[0].line_size)[:64, :48]
    np.testing.assert_array_equal(luma, np.rot90(picture(0, (48, 64), "yuv420p")[0]))


def test_hevc_carries_the_tag_that_editors_ask_for(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(codec="libx265"))
    rewrite(source, tmp_path / "b.mov")
    with av.open(str(tmp_path / "b.mov")) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


# -- what the user asks of the encoder ------------------------------------------------------------------------------


def test_user_options_reach_the_encoder(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(size=(96, 128)))
    fine = rewrite(source, tmp_path / "b.mp4", EncodeOptions(crf=5, preset="ultrafast", extra=[("g", "1")]))
    assert (fine.plan.options["crf"], fine.plan.options["preset"], fine.plan.options["g"]) == ("5", "ultrafast", "1")
    rewrite(source, tmp_path / "c.mp4", EncodeOptions(crf=45))
    assert (tmp_path / "b.mp4").stat().st_size > 1.3 * (tmp_path / "c.mp4").stat().st_size
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert all(packet.is_keyframe for packet in container.demux(video=0) if packet.size)
    deep = rewrite(source, tmp_path / "d.mp4", EncodeOptions(codec="libx265", pix_fmt="yuv420p10le"))
    assert deep.plan.pix_fmt == probe(tmp_path / "d.mp4").pixel_format == "yuv420p10le"
    for a, b in zip(read_frames(source), read_frames(tmp_path / "d.mp4"), strict=True):
        assert np.abs(a.planes[0].astype(float) - b.planes[0] / 4).mean() < 2


@pytest.mark.parametrize(
    ("options", "ending", "error", "words"),
    [
        (EncodeOptions(codec="libx246"), ".mp4", UsageError, "unknown encoder 'libx246'; close: .*libx264"),
        (EncodeOptions(codec="aac"), ".mp4", UsageError, "unknown encoder 'aac'"),
        (EncodeOptions(pix_fmt="yuv420"), ".mp4", UsageError, "unknown pixel format 'yuv420'; close: .*yuv420p"),
        (EncodeOptions(pix_fmt="rgba"), ".mp4", UsageError, "cannot take 'rgba'; choose one of: yuv420p"),
        (EncodeOptions(codec="prores_ks", crf=20), ".mov", UsageError, "no constant quality"),
        (EncodeOptions(codec="prores_ks", preset="fast"), ".mov", UsageError, "no presets"),
        (EncodeOptions(preset="quick"), ".mp4", UsageError, "refuses .* preset=quick"),
        (EncodeOptions(extra=[("refz", "3")]), ".mp4", UsageError, "no option 'refz'; close: .*refs"),
        (
            EncodeOptions(codec="prores_ks"),
            ".webm",
            OutputError,
            "webm file cannot hold video from encoder 'prores_ks'",
        ),
        (EncodeOptions(), ".doc", UsageError, r"ending '.doc' is no video container; choose one of: .*\.mp4"),
        (EncodeOptions(), "", UsageError, "without an ending"),
    ],
)
def test_impossible_wishes_name_the_choices(
    tmp_path: Path, options: EncodeOptions, ending: str, error: type[Exception], words: str
) -> None:
    source = write_clip(tmp_path / "a.mp4")
    with pytest.raises(error, match=words):
        VideoWriter(tmp_path / f"b{ending}", probe(source), options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_a_container_without_the_sources_codec_gets_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = write_clip(tmp_path / "a.mov", ClipSpec(codec="prores_ks", pixel_format="yuv422p10le"))
    writer = rewrite(source, tmp_path / "b.mp4")
    assert (writer.plan.name, writer.plan.pix_fmt) == ("libx265", "yuv422p10le")
    assert "cannot hold prores" in caplog.text


# -- never a half-written file --------------------------------------------------------------------------------------


def test_the_input_is_never_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "a.mp4")
    before = source.read_bytes()
    (tmp_path / "soft.mp4").symlink_to(source)
    os.link(source, tmp_path / "hard.mp4")
    monkeypatch.chdir(tmp_path)
    for path in [source, tmp_path / "soft.mp4", tmp_path / "hard.mp4", Path("a.mp4"), Path("x/../a.mp4")]:
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(OutputError, match="is the input itself"):
            VideoWriter(path, probe(source), overwrite=True)
    assert source.read_bytes() == before


def test_an_existing_output_needs_leave(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4")
    output = tmp_path / "b.mp4"
    output.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists; give another name"):
        VideoWriter(output, probe(source))
    assert output.read_bytes() == b"precious"
    rewrite(source, output, overwrite=True)
    assert times(output) == times(source)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4")
    folder = tmp_path / "folder.mp4"
    folder.mkdir()
    for path, words in [
        (tmp_path / "no" / "b.mp4", r"folder of output .* does not exist"),
        (source / "b.mp4", r"folder of output .* is not a directory"),
        (folder, "is a directory"),
    ]:
        with pytest.raises(OutputError, match=words):
            VideoWriter(path, probe(source), overwrite=True)


@pytest.mark.skipif(sys.platform == "win32", reason="device files are POSIX")
def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").symlink_to("/dev/null")
    with pytest.raises(OutputError, match="is not an ordinary file"):
        VideoWriter(tmp_path / "b.mp4", probe(source), overwrite=True)


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "a.mp4")
    info = probe(source)

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # a superuser may write anywhere, so the system's answer is played
    with pytest.raises(OutputError, match="no permission to write"):
        VideoWriter(tmp_path / "b.mp4", info)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_an_error_half_way_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(count=20))
    output = tmp_path / "b.mp4"
    output.write_bytes(b"old")

    def interrupted() -> Iterable[Frame]:
        for index, frame in enumerate(read_frames(source)):
            if index == 10:
                raise error
            yield frame

    with pytest.raises(error):
        write_all(output, source, interrupted())
    assert output.read_bytes() == b"old"
    assert leftovers(tmp_path) == []
    assert not any(thread.name == "encode" for thread in threading.enumerate())


def test_no_frame_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4")
    with pytest.raises(OutputError, match="no frame was written"), VideoWriter(tmp_path / "b.mp4", probe(source)):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_one_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(count=1))
    rewrite(source, tmp_path / "b.mp4")
    assert times(tmp_path / "b.mp4") == [0]


def _in_a_process(code: str, *words: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, words)],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are POSIX")
def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", ClipSpec(codec="ffv1", size=(240, 320), count=20))
    code = """
        import resource, sys
        from pathlib import Path
        from vstab_core.decode import probe, read_frames
        from vstab_core.encode import VideoWriter
        from vstab_core.errors import OutputError
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        source, output = map(Path, sys.argv[1:])
        try:
            with VideoWriter(output, probe(source)) as writer:
                for frame in read_frames(source):
                    writer.write(frame)
        except OutputError as error:
            sys.stdout.write(str(error))
    """
    process = _in_a_process(code, source, tmp_path / "b.mkv")
    told, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert "could not be written: the file is too large for the disk" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_killed_process_leaves_no_output_under_its_name(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(count=20))
    code = """
        import sys, time
        from pathlib import Path
        from vstab_core.decode import probe, read_frames
        from vstab_core.encode import VideoWriter
        source, output = map(Path, sys.argv[1:])
        with VideoWriter(output, probe(source)) as writer:
            for index, frame in enumerate(read_frames(source)):
                writer.write(frame)
                if index == 10:
                    sys.stdout.write("half")
                    sys.stdout.flush()
                    time.sleep(60)
    """
    process = _in_a_process(code, source, tmp_path / "b.mp4")
    assert process.stdout is not None
    assert process.stdout.read(4) == "half"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert not (tmp_path / "b.mp4").exists()


def test_a_writer_that_is_never_closed_leaves_nothing_at_exit(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mp4")
    code = """
        import sys
        from pathlib import Path
        from vstab_core.decode import probe
        from vstab_core.encode import VideoWriter
        source, output = map(Path, sys.argv[1:])
        writer = VideoWriter(output, probe(source))
        assert list(output.parent.glob(".b.partial-*.mp4"))
    """
    process = _in_a_process(code, source, tmp_path / "b.mp4")
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0, log
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def test_a_failing_encoder_is_told_to_the_next_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_clip(tmp_path / "a.mp4", ClipSpec(count=20))
    monkeypatch.setattr("vstab_core.encode.mux", _no_space)
    options = EncodeOptions(preset="ultrafast", extra=[("tune", "zerolatency")])
    with pytest.raises(OutputError, match="the disk is full"):
        write_all(tmp_path / "b.mp4", source, _slowly(read_frames(source)), options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]


def _no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def _slowly(frames: Iterable[Frame]) -> Iterable[Frame]:
    """Give frames, then wait for the error to arrive: a write must raise it within a second."""
    for frame in frames:
        yield frame
        time.sleep(0.05)
    pytest.fail("no write raised")


def test_writer_adds_little_time_to_a_frame(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "a.mkv", ClipSpec(codec="ffv1", size=(1080, 1920), count=2))
    frames = list(read_frames(source))
    with VideoWriter(tmp_path / "b.mkv", probe(source)) as writer:
        started = time.perf_counter()
        for _ in range(100):
            writer.new_frame(frames[0])
        assert (time.perf_counter() - started) / 100 < 1e-3
        writer.write(frames[0])


def test_warnings_go_to_the_log_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("vstab_core").setLevel(logging.ERROR)
    try:
        source = write_clip(tmp_path / "a.mp4", ClipSpec(codec="libx265", audio="aac"))
        rewrite(source, tmp_path / "b.mp4")
        rewrite(source, tmp_path / "c.mkv", EncodeOptions(codec="libsvtav1", preset="12"))
    finally:
        logging.getLogger("vstab_core").setLevel(logging.NOTSET)
    assert capfd.readouterr().err == ""
