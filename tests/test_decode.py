"""Reading: every frame with its own time, upright, at the codec's own depth and chroma size; damage is told."""

from __future__ import annotations

import itertools
import logging
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.clips import ClipSpec, picture, write_clip
from vstab_core.decode import fingerprint, luma_of, probe, proxy_size, read_frames
from vstab_core.errors import InputError
from vstab_core.formats import (
    ALL_FORMATS,
    bit_depth,
    delivered_format,
    has_alpha,
    is_native,
    nearest_format,
    plane_views,
)
from vstab_core.handover import Handover

UNEVEN = [0, 3000, 4500, 9000, 18000, 18090, 30000]  # ticks of 1/90000 s
LOSSLESS = ClipSpec(codec="ffv1")


def lumas(path: Path, long_side_px: int = 640) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the proxy of every frame."""
    return (luma_of(frame, long_side_px) for frame in read_frames(path))


def test_probe_says_what_the_file_says(tmp_path: Path) -> None:
    spec = ClipSpec(size=(48, 64), rate=Fraction(30000, 1001), count=8, pixel_aspect=Fraction(4, 3))
    info = probe(write_clip(tmp_path / "a.mov", spec))
    assert (info.width, info.height, info.codec, info.pixel_format) == (64, 48, "h264", "yuv420p")
    assert info.pixel_aspect == Fraction(4, 3)
    assert info.aspect == pytest.approx(48 / (64 * 4 / 3))
    assert info.frame_rate == Fraction(30000, 1001)
    assert info.time_base == Fraction(1, 90000)
    assert info.frames == 8
    assert info.duration_s == pytest.approx(8 * 1.001 / 30, abs=1e-3)
    assert not info.interlaced


def test_fingerprint_is_of_the_content_not_of_the_path(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "a.mp4")
    copy = tmp_path / "b.bin"
    shutil.copy(first, copy)
    assert fingerprint(first) == fingerprint(copy)
    assert len(fingerprint(first)) == 32
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    assert fingerprint(first) != fingerprint(copy)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".nut"])
def test_uneven_times_come_exactly_as_they_are(tmp_path: Path, ending: str) -> None:
    path = write_clip(tmp_path / f"a{ending}", ClipSpec(pts=UNEVEN))
    frames = list(read_frames(path))
    assert [round(frame.time_s * 90000) for frame in frames] == UNEVEN
    assert [frame.pts * probe(path).time_base for frame in frames] == [Fraction(p, 90000) for p in UNEVEN]


def test_a_late_start_and_b_frames_keep_their_times(tmp_path: Path) -> None:
    pts = [180000 + 3600 * i for i in range(12)]
    path = write_clip(tmp_path / "a.mp4", ClipSpec(pts=pts, options={"preset": "medium"}))  # medium: with B-frames
    assert [frame.pts for frame in read_frames(path)] == pts


def test_frames_without_timestamps_get_increasing_ones(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.h264", ClipSpec(container="h264", count=10))  # a raw stream holds no times
    pts = [frame.pts for frame in read_frames(path)]
    assert len(pts) == 10
    assert all(later > earlier for earlier, later in itertools.pairwise(pts))


@pytest.mark.parametrize(
    "pixel_format",
    [
        "yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "gray", "gray10le", "gray16le",
        "yuva420p", "yuva444p10le", "yuva444p12le", "gbrp10le", "gbrap12le", "bgra", "ya8",
    ],
)  # fmt: skip
def test_planes_are_the_codecs_own_samples(tmp_path: Path, pixel_format: str) -> None:
    spec = ClipSpec(codec="ffv1", pixel_format=pixel_format, count=2, size=(47, 65))
    path = write_clip(tmp_path / "a.mkv", spec)
    frames = list(read_frames(path))
    assert len(frames) == 2
    for index, frame in enumerate(frames):
        assert frame.pixel_format == pixel_format == probe(path).pixel_format
        for plane, truth in zip(frame.planes, picture(index, (47, 65), pixel_format), strict=True):
            assert plane.dtype == truth.dtype
            np.testing.assert_array_equal(plane, truth)


@pytest.mark.parametrize("pixel_format", ["nv12", "yuyv422", "rgb24", "rgb48le", "pal8", "yuv420p10be", "uyvy422"])
def test_raw_formats_come_native_or_in_the_nearest_one(tmp_path: Path, pixel_format: str) -> None:
    path = tmp_path / "a.nut"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        source = av.VideoFrame.from_ndarray(np.full((48, 64, 3), (200, 100, 50), np.uint8), "rgb24")
        container.mux(stream.encode(source.reformat(format=pixel_format) if pixel_format != "pal8" else _palette()))
        container.mux(stream.encode(None))
    (frame,) = read_frames(path)
    assert frame.pixel_format == delivered_format(pixel_format)
    if is_native(pixel_format):
        assert frame.pixel_format == pixel_format
    if pixel_format == "nv12":
        assert frame.planes[1].shape == (24, 32, 2)
    if pixel_format == "pal8":
        assert tuple(frame.planes[0][5, 5]) == (10, 20, 30, 255)
    if pixel_format == "yuv420p10be":
        assert frame.planes[0].dtype == np.uint16
        assert 64 <= int(frame.planes[0][0, 0]) <= 940


def _palette() -> av.VideoFrame:
    frame = av.VideoFrame(64, 48, "pal8")
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    entries = np.zeros((256, 4), np.uint8)
    entries[0] = (30, 20, 10, 255)  # stored as BGRA
    frame.planes[1].update(entries.tobytes())
    return frame


def test_every_pixel_format_has_a_native_one_near_it() -> None:
    for name in sorted(ALL_FORMATS):
        pixel_format = av.VideoFormat(name)
        if not pixel_format.components or "f16" in name or "f32" in name or name.startswith(("xyz", "bayer")):
            continue
        native = delivered_format(name)
        assert is_native(native), name
        assert bit_depth(native) >= max(component.bits for component in pixel_format.components), name
        assert has_alpha(native) >= (has_alpha(name) and not pixel_format.has_palette), name


def test_nearest_format_keeps_alpha_before_depth_before_chroma() -> None:
    assert nearest_format("yuva444p10le", ["yuv444p10le", "yuva420p"]) == "yuva420p"
    assert nearest_format("yuv444p10le", ["yuv444p", "yuv420p10le"]) == "yuv420p10le"
    assert nearest_format("yuv422p", ["yuv420p", "yuv444p"]) == "yuv444p"
    assert nearest_format("nv12", ["yuv444p", "yuv420p", "yuv420p10le"]) == "yuv420p"
    assert nearest_format("rgb24", ["yuv420p", "yuv444p", "gbrp"]) == "gbrp"


@pytest.mark.parametrize(
    ("rotation_deg", "mirrored", "turn"),
    [
        (90, False, lambda a: np.rot90(a, 1)),
        (180, False, lambda a: np.rot90(a, 2)),
        (270, False, lambda a: np.rot90(a, 3)),
        (0, True, lambda a: a[:, ::-1]),
    ],
)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p"])
def test_phone_clips_come_upright(tmp_path: Path, rotation_deg, mirrored, turn, pixel_format) -> None:
    spec = ClipSpec(codec="libx264", options={"qp": "0"}, pixel_format=pixel_format, rotation_deg=rotation_deg,
                    mirrored=mirrored, count=2, size=(48, 64))  # fmt: skip
    path = write_clip(tmp_path / "a.mov", spec)
    info = probe(path)
    luma, *chroma = picture(0, (48, 64), pixel_format)
    truth = turn(luma)
    assert (info.height, info.width) == truth.shape
    frame = next(read_frames(path))
    np.testing.assert_array_equal(frame.planes[0], truth)
    np.testing.assert_array_equal(next(lumas(path)), truth)
    expected = (24, 32) if pixel_format == "yuv420p" else (48, 32)
    if truth.shape != (48, 64):
        expected = (32, 24) if pixel_format == "yuv420p" else (64, 24)
    assert frame.planes[1].shape == expected
    if pixel_format == "yuv420p":
        np.testing.assert_array_equal(frame.planes[1], turn(chroma[0]))


def test_luma_proxy_is_a_pure_scale_of_the_picture(tmp_path: Path) -> None:
    assert proxy_size(1920, 1080) == (360, 640)
    assert proxy_size(1080, 1920) == (640, 360)
    assert proxy_size(853, 479) == (359, 640)
    assert proxy_size(320, 200) == (200, 320)
    path = write_clip(tmp_path / "a.mkv", ClipSpec(codec="ffv1", size=(96, 128), pixel_format="yuv420p10le", count=1))
    (full,) = read_frames(path)
    (small,) = lumas(path, long_side_px=32)
    assert small.shape == (24, 32)
    means = full.planes[0].reshape(24, 4, 32, 4).mean((1, 3)) / 4  # ten bits to eight
    np.testing.assert_allclose(small, means, atol=1)


@pytest.mark.parametrize("pixel_format", ["gray", "gbrp10le", "rgb24", "bgra", "yuva420p", "ya8"])
def test_luma_of_other_formats(tmp_path: Path, pixel_format: str) -> None:
    codec = "ffv1" if pixel_format != "rgb24" else "png"
    path = write_clip(tmp_path / "a.nut", ClipSpec(codec=codec, pixel_format=pixel_format, count=1))
    (frame,) = read_frames(path)
    (small,) = lumas(path)
    assert small.dtype == np.uint8
    first = frame.planes[0].astype(np.float64)
    if pixel_format == "rgb24":
        first = first @ [0.299, 0.587, 0.114]
    elif pixel_format == "bgra":
        first = first[..., :3] @ [0.114, 0.587, 0.299]
    elif pixel_format == "ya8":
        first = first[..., 0]
    np.testing.assert_allclose(small, first / (1 << (bit_depth(pixel_format) - 8)), atol=1)


def test_luma_without_deblocking_stays_close(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(size=(96, 128), count=10, options={"preset": "medium", "crf": "28"}))
    for frame, small in zip(read_frames(path), lumas(path), strict=True):
        assert np.abs(frame.planes[0].astype(int) - small).mean() < 1.5


def test_clear_words_for_what_is_no_video(tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("hello, this is no film\n" * 100)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    audio = tmp_path / "audio.m4a"
    with av.open(str(audio), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    for path, words in [
        (tmp_path / "no.mp4", "does not exist"),
        (tmp_path, "is a directory"),
        (text, "not a media file"),
        (empty, "is empty"),
        (audio, "no video stream; it holds audio"),
        (text / "below.mp4", "cannot be read"),
    ]:
        with pytest.raises(InputError, match=words):
            probe(path)
        with pytest.raises(InputError, match=words):
            list(read_frames(path))
        with pytest.raises(InputError, match=words):
            list(lumas(path))


def test_a_stream_without_one_good_packet_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(count=4))
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat")
    size = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 : at - 4 + size] = bytes(size - 8)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"no picture in .* could be decoded"):
        probe(path)


def test_truncated_file_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    spec = ClipSpec(count=50, container_options={"movflags": "+faststart"}, size=(96, 128))
    noise = np.random.default_rng(3)
    planes = [tuple(noise.integers(16, 235, plane.shape, np.uint8) for plane in picture(0, (96, 128), "yuv420p"))
              for _ in range(50)]  # fmt: skip
    path = write_clip(tmp_path / "a.mp4", spec, planes)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    told: list[str] = []
    frames = list(read_frames(path, on_damage=told.append))
    assert 25 <= len(frames) <= 32
    assert any("cut short" in message and "of 50 frames" in message for message in told)


def test_damage_in_the_middle_is_passed_over_and_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_clip(
        tmp_path / "a.mkv", ClipSpec(codec="ffv1", options={"slicecrc": "1", "g": "1", "level": "3"}, count=40)
    )
    with av.open(str(path)) as container:
        spots = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for pos, size in spots[20:23]:
        data[pos + 10 : pos + size] = bytes(size - 10)
    path.write_bytes(data)
    told: list[str] = []
    frames = list(read_frames(path, on_damage=told.append))
    good = [index for index, frame in enumerate(read_frames(path, on_damage=told.append))
            if np.array_equal(frame.planes[0], picture(round(frame.time_s * 25), (48, 64), "yuv420p")[0])]  # fmt: skip
    assert len(frames) >= 37
    assert len(good) == 37
    assert len(told) == 2  # one message, read twice
    assert "0.80 s" in told[0]
    assert "0.88 s" in told[0]
    with caplog.at_level(logging.WARNING):
        list(lumas(path))
    assert "0.80 s" in caplog.text


def test_a_size_change_in_mid_stream_is_named(tmp_path: Path) -> None:
    parts = [write_clip(tmp_path / f"{i}.h264", ClipSpec(container="h264", size=size, count=5))
             for i, size in enumerate([(48, 64), (96, 128)])]  # fmt: skip
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = read_frames(joined)
    assert len([next(frames) for _ in range(5)]) == 5
    with pytest.raises(InputError, match=r"changes from 64x48 to 128x96 at .* s; cut the clip"):
        next(frames)
    with pytest.raises(InputError, match="changes from 64x48 to 128x96"):
        list(lumas(joined))


def test_one_frame_and_one_pixel(tmp_path: Path) -> None:
    (only,) = read_frames(write_clip(tmp_path / "a.mp4", ClipSpec(count=1)))
    assert only.pts == 0
    (dot,) = read_frames(write_clip(tmp_path / "b.mkv", ClipSpec(codec="ffv1", size=(1, 1), count=1)))
    assert [plane.shape for plane in dot.planes] == [(1, 1)] * 3
    (proxy,) = lumas(tmp_path / "b.mkv")
    assert proxy.shape == (1, 1)


def test_leaving_early_stops_the_decoder_thread(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", ClipSpec(count=200))
    frames = read_frames(path, ahead=2)
    next(frames)
    assert any(thread.name.startswith("decode") for thread in threading.enumerate())
    started = time.monotonic()
    frames.close()
    assert time.monotonic() - started < 1
    assert not any(thread.name.startswith("decode") for thread in threading.enumerate())


LEFT_EARLY = """
import sys, threading
from itertools import islice
from pathlib import Path
import av
from vstab_core.media import ffmpeg_log
from vstab_core.pictures import read_pictures
done = threading.Event()

def listen():
    while not done.is_set():
        with ffmpeg_log(av.logging.ERROR, []):
            done.wait(0.002)

thread = threading.Thread(target=listen)
thread.start()
for _ in range(100):
    pictures = read_pictures(Path(sys.argv[1]))
    list(islice(pictures, 3))
    pictures.close()
done.set()
thread.join()
"""


def test_leaving_a_damaged_clip_early_while_another_thread_listens_to_ffmpeg_does_not_hang(tmp_path: Path) -> None:
    options = {"g": "10", "crf": "10"}
    path = write_clip(tmp_path / "a.mp4", ClipSpec(codec="libx264", size=(240, 320), count=60, options=options))
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(1)
    first = data.index(b"mdat") + 2000
    for place in rng.integers(first, len(data) - 4000, len(data) // 400):
        data[place] ^= 0xFF
    path.write_bytes(data)
    # In a process of its own: what would hang holds Python's lock.
    subprocess.run([sys.executable, "-c", LEFT_EARLY, str(path)], check=True, capture_output=True, timeout=60)


def test_frames_outlive_the_reader(tmp_path: Path) -> None:
    frames = list(read_frames(write_clip(tmp_path / "a.mkv", LOSSLESS)))
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.planes[0], picture(index, (48, 64), "yuv420p")[0])


def test_handover_holds_few_and_passes_the_error_after_the_items() -> None:
    handover: Handover[int] = Handover(2)
    put: list[int] = []

    def give() -> None:
        for number in range(5):
            handover.put(number)
            put.append(number)
        handover.finish(ValueError("at the end"))

    thread = threading.Thread(target=give)
    thread.start()
    time.sleep(0.05)
    assert len(put) <= 2
    items = iter(handover)
    assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="at the end"):
        next(items)
    thread.join()


def test_two_channel_chroma_has_two_channels_at_its_own_size() -> None:
    frame = av.VideoFrame(65, 47, "p010le")
    luma, chroma = plane_views(frame)
    assert (luma.shape, chroma.shape) == ((47, 65), (24, 33, 2))
    chroma[3, 5] = (700 << 6, 200 << 6)
    rows = np.frombuffer(frame.planes[1], np.uint16).reshape(24, -1)
    assert tuple(rows[3, 10:12] >> 6) == (700, 200)
