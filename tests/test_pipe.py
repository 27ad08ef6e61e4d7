"""A filter on pipes: times, bits and sound survive, frames come as soon as they can, and every end is a clean one."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import ClipSpec, packets, picture, write_clip
from tests.nut_streams import PATIENCE_S, Paced, frames_of, nut, packets_of, piped
from tests.synthetic import moving, shaking
from tests.test_smooth import jitter
from vstab_core import pipeline
from vstab_core.decode import read_frames
from vstab_core.errors import InputError, SidecarError, UsageError
from vstab_core.motion.homography import estimate_motion
from vstab_core.params import Parameters
from vstab_core.pipe.pixel_aspect import with_pixel_aspect
from vstab_core.result import Result
from vstab_core.types import EncodeOptions

SIZE = (180, 320)
SHAKY = shaking(2, x=0.012, turn=0.004, band=(1.5, 6.0))
RAW = ClipSpec(size=SIZE, pixel_format="gray", codec="rawvideo", rate=Fraction(30), time_base=Fraction(1, 1000))
IDENTITY = {"strength": 0, "zoom": "none"}
VSTAB = [sys.executable, "-m", "vstab_core.cli", "pipe"]


def raw(**changes: object) -> ClipSpec:
    return ClipSpec(**{**vars(RAW), **changes})  # type: ignore[arg-type]


def run(words: list[str], stream: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*VSTAB, *words], input=stream, capture_output=True, timeout=PATIENCE_S)


def started(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*VSTAB, *words], bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def pictures_of(path: Path) -> list[np.ndarray]:
    return [np.array(frame.planes[0]) for frame in read_frames(path)]


# -- what survives ----------------------------------------------------------------------------------------------------


def test_uneven_times_survive(tmp_path: Path) -> None:
    pts = np.cumsum(np.random.default_rng(6).integers(10, 90, 24)).tolist()
    stream = nut(tmp_path, raw(pts=pts, count=24), SHAKY)
    out, result = piped(stream, look_ahead=5)
    assert isinstance(result, Result)
    assert result.figures["frames"] == 24
    assert [time_s for time_s, _, _ in frames_of(out)] == [Fraction(tick, 1000) for tick in pts]


@pytest.mark.parametrize("name", ["yuv420p10le", "yuva444p", "gbrp12le", "rgb24", "gray16le", "yuv422p"])
def test_any_pixel_format_survives_bit_for_bit_where_the_warp_is_the_identity(tmp_path: Path, name: str) -> None:
    stream = nut(tmp_path, raw(size=(49, 67), pixel_format=name, count=4))
    out, _ = piped(stream, **IDENTITY)
    found = frames_of(out)
    assert len(found) == 4
    for index, (_, pixel_format, planes) in enumerate(found):
        assert pixel_format == name
        assert all(map(np.array_equal, planes, picture(index, (49, 67), name)))


def test_a_format_that_nut_cannot_name_is_converted_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stream = nut(tmp_path, ClipSpec(pixel_format="ya16be", codec="png", container="nut"))
    out, _ = piped(stream, **IDENTITY)
    assert {name for _, name, _ in frames_of(out)} == {"yuva420p16le"}
    assert "NUT has no name for pixel format ya16le" in caplog.text


def test_codes_of_full_range_are_not_changed(tmp_path: Path) -> None:
    stream = nut(tmp_path, ClipSpec(pixel_format="yuvj420p", codec="mjpeg"))
    out, _ = piped(stream, **IDENTITY)
    coded = [frame.planes for frame in read_frames(tmp_path / "stream.nut")]
    assert len(coded) == 6
    for planes, (_, name, found) in zip(coded, frames_of(out), strict=True):
        assert name == "yuv420p"
        assert all(map(np.array_equal, planes, found))


@pytest.mark.parametrize("codec", ["rawvideo", "libx264"])
@pytest.mark.parametrize("look_ahead", [0, 8])
def test_sound_passes_through_in_step(tmp_path: Path, codec: str, look_ahead: int) -> None:
    stream = nut(tmp_path, ClipSpec(codec=codec, count=30, audio="aac", audio_metadata={"language": "fra"}))
    out, _ = piped(stream, look_ahead=look_ahead)
    before, after = packets_of(stream), packets_of(out)
    sound = [packet for packet in after if packet[0] == "audio"]
    assert len(sound) > 40
    assert sound == [packet for packet in before if packet[0] == "audio"]
    assert sum(kind == "video" for kind, _, _ in after) == 30
    assert all(later >= earlier - Fraction(1, 25) for (_, earlier, _), (_, later, _) in pairwise(after))
    with av.open(str(_written(tmp_path, out))) as container:
        assert container.streams.audio[0].metadata["language"] == "fra"


def test_tags_and_the_nominal_rate_survive(tmp_path: Path) -> None:
    spec = raw(metadata={"title": "a walk"})
    out, _ = piped(nut(tmp_path, spec))
    with av.open(str(_written(tmp_path, out))) as container:
        video = container.streams.video[0]
        assert container.metadata["title"] == "a walk"
        assert video.base_rate == 30


@pytest.mark.parametrize("aspect", [Fraction(4, 3), Fraction(40, 33), Fraction(1000, 999), Fraction(1)])
def test_the_shape_of_a_pixel_survives(tmp_path: Path, aspect: Fraction) -> None:
    stream = with_pixel_aspect(nut(tmp_path, raw(count=4)), aspect)
    out, _ = piped(stream)
    for data in (stream, out):
        with av.open(str(_written(tmp_path, data))) as container:
            assert (container.streams.video[0].sample_aspect_ratio or 1) == aspect
            assert len(list(container.decode(video=0))) == 4


# -- what it does -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("look_ahead", [0, 30])
def test_it_gives_the_pictures_that_streaming_to_a_file_gives(tmp_path: Path, look_ahead: int) -> None:
    stream = nut(tmp_path, raw(count=75), SHAKY)
    out, _ = piped(stream, look_ahead=look_ahead)
    parameters, target = Parameters(look_ahead=look_ahead), tmp_path / "out.mkv"
    pipeline.stabilize(tmp_path / "stream.nut", target, parameters, EncodeOptions(codec="ffv1"), streaming=True)
    steady = [planes[0] for _, _, planes in frames_of(out)]
    assert len(steady) == 75
    assert all(map(np.array_equal, steady, pictures_of(target)))
    if look_ahead:
        assert _shake([planes[0] for _, _, planes in frames_of(stream)]) > 6 * _shake(steady)


@pytest.mark.parametrize("border", ["crop", "fill"])
def test_a_sidecar_gives_the_pictures_of_the_renderer(tmp_path: Path, border: str) -> None:
    stream = nut(tmp_path, raw(size=(90, 160), count=30), SHAKY)
    clip, sidecar, target = tmp_path / "stream.nut", tmp_path / "clip.vstab", tmp_path / "out.mkv"
    pipeline.analyze(clip, sidecar, Parameters(model="mesh", zoom="dynamic", border=border))
    pipeline.render(clip, sidecar, target, EncodeOptions(codec="ffv1"))
    out, result = piped(stream, sidecar)
    assert isinstance(result, Result)
    assert result.warnings == []
    steady = [planes[0] for _, _, planes in frames_of(out)]
    assert len(steady) == 30
    assert all(map(np.array_equal, steady, pictures_of(target)))
    assert not np.array_equal(steady[10], frames_of(stream)[10][2][0])


def test_a_part_of_the_clip_takes_its_warps_by_time(tmp_path: Path) -> None:
    whole = nut(tmp_path, raw(size=(90, 160), count=30), SHAKY)
    sidecar = tmp_path / "clip.vstab"
    pipeline.analyze(tmp_path / "stream.nut", sidecar, Parameters())
    frames = frames_of(whole)[12:]
    spec = raw(size=(90, 160), pts=[round(1000 * time_s) for time_s, _, _ in frames], count=18)
    write_clip(tmp_path / "part.nut", spec, (tuple(planes) for _, _, planes in frames))
    full, part = piped(whole, sidecar)[0], piped((tmp_path / "part.nut").read_bytes(), sidecar)[0]
    pairs = list(zip(frames_of(full)[12:], frames_of(part), strict=True))
    assert all(a[0] == b[0] and np.array_equal(a[2][0], b[2][0]) for a, b in pairs)


def test_a_shifted_clip_begins_with_the_first_warp_and_says_so(tmp_path: Path) -> None:
    spec = raw(size=(90, 160), count=20)
    whole = nut(tmp_path, spec, SHAKY)
    sidecar = tmp_path / "clip.vstab"
    pipeline.analyze(tmp_path / "stream.nut", sidecar, Parameters())
    late = nut(tmp_path, raw(size=(90, 160), pts=[round(1000 * n / 30) + 21 for n in range(20)], count=20), SHAKY)
    out, result = piped(late, sidecar)
    assert isinstance(result, Result)
    assert "begins at 0.021 s, which is no frame of" in result.warnings[0]
    same = zip(frames_of(piped(whole, sidecar)[0]), frames_of(out), strict=True)
    assert all(np.array_equal(a[2][0], b[2][0]) for a, b in same)


def test_a_sidecar_of_another_size_is_refused(tmp_path: Path) -> None:
    nut(tmp_path, raw(size=(90, 160), count=6), SHAKY)
    pipeline.analyze(tmp_path / "stream.nut", tmp_path / "clip.vstab", Parameters())
    _, error = piped(nut(tmp_path, raw(count=4)), tmp_path / "clip.vstab")
    assert isinstance(error, SidecarError)
    assert "was made for 160x90, the stream is 320x180" in str(error)


# -- delay and memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sound", "more"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("look_ahead", [0, 3])
def test_a_frame_is_out_before_the_frame_after_its_look_ahead_comes(look_ahead: int, sound: bool, more: int) -> None:
    paced = Paced((90, 160), sound, look_ahead=look_ahead)
    paced.read()
    for number in range(12):
        paced.write(number)
        if number >= look_ahead + more:
            assert paced.next() == number - look_ahead - more
    paced.finish()
    rest = [paced.next() for _ in range(look_ahead + more)]
    assert rest == list(range(12 - look_ahead - more, 12))


def test_a_slow_reader_holds_up_the_writer_and_no_memory() -> None:
    paced = Paced((360, 640), False, look_ahead=4)  # a frame fills a pipe three times over
    written = 0

    def write() -> None:
        nonlocal written
        for number in range(40):
            paced.write(number)
            written = number + 1

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    patience = time.monotonic() + PATIENCE_S
    while written < 5 and time.monotonic() < patience:
        time.sleep(0.01)
    time.sleep(0.3)
    assert written == 5  # the look-ahead and the frame whose writing waits
    paced.read()
    assert [paced.next() for _ in range(30)] == list(range(30))
    writer.join(PATIENCE_S)
    paced.finish()
    assert isinstance(paced.result[0], Result)


# -- the ends ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.5, 0.81])
def test_a_stream_that_breaks_off_gives_what_came_and_then_status_3(tmp_path: Path, share: float) -> None:
    stream = nut(tmp_path, raw(count=20), moving(x=0.004))
    done = run(["--look-ahead", "30"], stream[: int(share * len(stream))])
    assert done.returncode == 3
    assert b"stdin broke off after" in done.stderr
    assert b"in the middle of a frame" in done.stderr
    assert len(frames_of(done.stdout)) == int(share * 20) - (share == 0.5)  # headers take some


@pytest.mark.parametrize(("more", "whole"), [(-1, False), (0, True), (1, False), (20, False)])
def test_a_stream_may_end_after_a_frame_and_nowhere_else(tmp_path: Path, more: int, whole: bool) -> None:
    stream = nut(tmp_path, raw(count=6))
    with av.open(str(tmp_path / "stream.nut")) as container:
        ends = [packet.pos + packet.size for packet in container.demux() if packet.size]
    out, result = piped(stream[: ends[3] + more])
    assert isinstance(result, Result if whole else InputError)
    assert len(frames_of(out)) == (3 if more < 0 else 4)


def test_garbage_in_mid_stream_is_told(tmp_path: Path) -> None:
    stream = nut(tmp_path, raw(count=20))
    out, error = piped(stream[: len(stream) // 2] + bytes(50000))
    assert isinstance(error, InputError)
    assert 9 <= len(frames_of(out)) <= 11


def test_a_picture_size_that_changes_says_where(tmp_path: Path) -> None:
    parts = [write_clip(tmp_path / f"{wide}.ts", ClipSpec(size=(48, wide), count=10)) for wide in (64, 96)]
    path = tmp_path / "both.nut"
    with av.open(str(path), "w") as output:
        target = None
        for number, part in enumerate(parts):
            with av.open(str(part)) as container:
                target = target or output.add_stream_from_template(container.streams.video[0])
                for packet in container.demux(video=0):
                    if packet.size:
                        packet.stream = target
                        packet.pts, packet.dts = packet.pts + number * 36000, packet.dts + number * 36000
                        output.mux_one(packet)
    out, error = piped(path.read_bytes(), look_ahead=30)
    assert isinstance(error, InputError)
    assert "the picture size changes from 64x48 to 96x48 at" in str(error)
    assert len(frames_of(out)) == 10


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"", "nothing came on stdin"),
        (b"RIFF....AVI and so on and on", "stdin is no NUT stream: it begins with b'RIFF....AVI '"),
        (b"nut/multi", "stdin is no NUT stream"),
        (b"nut/multimedia container\0" + bytes(100), "the header of the NUT stream on stdin cannot be read"),
    ],
)
def test_what_is_no_nut_is_refused(stream: bytes, words: str) -> None:
    out, error = piped(stream)
    assert isinstance(error, InputError)
    assert words in str(error)
    assert out == b""


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.nut"
    with av.open(str(path), "w") as output:
        sound = output.add_stream("pcm_s16le", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        output.mux(sound.encode(frame))
    _, error = piped(path.read_bytes())
    assert isinstance(error, InputError)
    assert "'stdin' has no video stream; it holds audio" in str(error)


def test_a_header_without_a_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.nut"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray"
        output.start_encoding()
    _, error = piped(path.read_bytes())
    assert isinstance(error, InputError)
    assert "cannot be read: EOF before video frames" in str(error)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--zoom", "dynamic"], b"--zoom dynamic needs two passes"),
        (["--smothness", "1"], b"did you mean --smoothness"),
        (["--projection", "equirect"], b"--projection is no option of `vstab pipe`"),
        (["--sidecar", "a.vstab", "--smoothness", "1"], b"--smoothness is decided in the sidecar"),
    ],
)
def test_parameters_are_refused_before_a_frame_is_awaited(words: list[str], message: bytes) -> None:
    with started(words) as child:
        assert child.wait(PATIENCE_S) == 2  # stdin is open still
        assert message in child.stderr.read()


@pytest.mark.parametrize(("end", "status"), [("stdin", 3), ("stdout", 4)])
def test_a_terminal_is_no_pipe(end: str, status: int) -> None:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    ends = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, end: theirs}
    done = subprocess.run(VSTAB, stderr=subprocess.PIPE, timeout=PATIENCE_S, **ends)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == status
    assert b"use it between two programs: ffmpeg -i in.mp4" in done.stderr


def test_a_closed_output_ends_it(tmp_path: Path) -> None:
    stream = nut(tmp_path, raw(count=20))
    with started([]) as child:
        child.stdout.close()
        threading.Thread(target=_feed, args=(child.stdin, stream * 20), daemon=True).start()
        assert child.wait(PATIENCE_S) == 130
        said = child.stderr.read()
    assert said == b"vstab: cancelled: nobody reads the video on stdout any more; the stream ends here\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("waits_for", ["input", "output"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_whatever_it_waits_for(tmp_path: Path, waits_for: str, number: signal.Signals) -> None:
    stream = nut(tmp_path, raw(count=20))
    with started(["--look-ahead", "0"]) as child:
        if waits_for == "input":
            child.stdin.write(stream[: len(stream) // 2])
            child.stdout.read(3 * SIZE[0] * SIZE[1])
        else:
            threading.Thread(target=_feed, args=(child.stdin, stream * 2), daemon=True).start()
            child.stdout.read(1)
            time.sleep(0.3)  # the pipe is full by now
        child.send_signal(number)
        assert child.wait(PATIENCE_S) == 130
        assert child.stderr.read() == f"vstab: cancelled: {number.name}; the stream ends here\n".encode()


def test_progress_goes_to_stderr_and_stdin_is_the_videos(tmp_path: Path) -> None:
    stream = nut(tmp_path, raw(count=5))
    done = run(["--progress", "json"], stream)
    assert done.returncode == 0
    assert len(frames_of(done.stdout)) == 5
    lines = done.stderr.decode().splitlines()
    assert '"event": "started"' in lines[0]
    assert '"event": "result"' in lines[-1]
    assert run(["--progress", "none"], stream).stderr == b""


def test_one_frame_is_enough(tmp_path: Path) -> None:
    out, result = piped(nut(tmp_path, raw(count=1)))
    assert isinstance(result, Result)
    assert len(frames_of(out)) == 1


def test_what_needs_two_passes_is_named() -> None:
    _, error = piped(b"", zoom="dynamic")
    assert isinstance(error, UsageError)


# -- with ffmpeg ------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    shutil.which("ffmpeg") is None and os.environ.get("VSTAB_REQUIRE_HOSTS") != "1", reason="ffmpeg is not installed"
)
def test_between_two_ffmpegs_times_and_sound_are_the_clips(tmp_path: Path) -> None:
    pts = np.cumsum(np.random.default_rng(3).integers(900, 9000, 40)).tolist()
    pts = [tick - pts[0] for tick in pts]
    spec = ClipSpec(pts=pts, count=40, audio="aac", pixel_format="yuv420p10le", codec="libx265")
    source, target = write_clip(tmp_path / "in.mp4", spec), tmp_path / "out.mkv"
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    exact = ["-fps_mode", "passthrough", "-enc_time_base", "-1"]
    first = [*ffmpeg, "-i", str(source), "-map", "0", *exact, "-c:v", "rawvideo", "-c:a", "copy", "-f", "nut", "-"]
    last = [*ffmpeg, "-f", "nut", "-i", "-", "-map", "0", *exact, "-c:v", "ffv1", "-c:a", "copy", str(target)]
    with (
        subprocess.Popen(first, stdout=subprocess.PIPE) as before,
        subprocess.Popen([*VSTAB, "--progress", "none"], stdin=before.stdout, stdout=subprocess.PIPE) as between,
        subprocess.Popen(last, stdin=between.stdout) as after,
    ):
        before.stdout.close()  # type: ignore[union-attr]
        between.stdout.close()  # type: ignore[union-attr]
        assert [child.wait(PATIENCE_S) for child in (before, between, after)] == [0, 0, 0]
    found = list(read_frames(target))
    times_ms = [1000 * (frame.time_s - found[0].time_s) for frame in found]
    assert np.allclose(times_ms, np.array(pts) / 90, atol=1.01)  # Matroska's own rounding, at both ends
    assert {frame.pixel_format for frame in found} == {"yuv420p10le"}
    assert [data for _, data in packets(target, "audio")] == [data for _, data in packets(source, "audio")]


def _written(folder: Path, stream: bytes) -> Path:
    path = folder / "out.nut"
    path.write_bytes(stream)
    return path


def _feed(file: object, stream: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):
        file.write(stream)  # type: ignore[attr-defined]


def _shake(pictures: list[np.ndarray]) -> float:
    return jitter(np.array([step.corners for step in estimate_motion(pictures, SIZE[0] / SIZE[1])]))
