"""Which frame the plug-in shows at a host's time: ffmpeg's milliseconds, MLT's seconds, starts removed or kept.

Every case: a sidecar, what a host passes one call after another, and which frames must be shown.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ffmpeg_bridge import frei0r_filter
from tests.clips import ClipSpec, write_clip
from tests.hosts.frei0r_host import BEYOND, RULER, STEPS, Host, frame_shown, ruler, ruler_sidecar
from vstab_core.decode import read_frames

NTSC = Fraction(1001, 30000)
MS, S = 1000.0, 1.0
RNG = np.random.default_rng(20)
UNEVEN = np.cumsum(RNG.choice([1, 1, 33, 34, 40, 100, 2000], 400))  # ms, as phones and screen recorders write


def times_of(pts: Sequence[int], base: Fraction) -> np.ndarray:
    return np.array([float(p * base) for p in pts])


def shown(plugin: Path, sidecar: Path, frames: int, times: Sequence[float], again: bool) -> list[object]:
    host = Host(plugin, RULER, sidecar)
    found = []
    for time in times:
        if again:
            host.set(sidecar)
        found.append(frame_shown(host.show(time, ruler()), min(frames, STEPS)))
    host.close()
    return found


@pytest.fixture
def look(plugin: Path, tmp_path: Path) -> Callable[..., list[object]]:
    def run(pts: Sequence[int], base: Fraction, times: Sequence[float], again: bool = False) -> list[object]:
        sidecar = ruler_sidecar(tmp_path / "clip.vstab", pts, base)
        return shown(plugin, sidecar, len(pts), times, again)

    return run


def indices(frames: Sequence[int] | np.ndarray) -> list[object]:
    return [int(frame) % STEPS for frame in frames]


@pytest.mark.parametrize("count", [3, 80, 300, 20000], ids=lambda n: f"{n}_frames")  # 0.1 s to 11 minutes
@pytest.mark.parametrize("unit", [MS, S], ids=["ms", "s"])
@pytest.mark.parametrize("start", [0, 42], ids=["from_0", "from_1.4_s"])
def test_a_clip_played_from_its_start(look: Callable[..., list[object]], count: int, unit: float, start: int) -> None:
    frames = np.arange(min(count, 60))
    times = times_of(frames, NTSC) * unit
    assert look(range(start, start + count), NTSC, times) == indices(frames)


@pytest.mark.parametrize("count", [300, 20000])
@pytest.mark.parametrize("first", [0, 42, 200], ids=["all", "as_far_as_its_start", "seeking"])
def test_ffmpeg_with_the_start_kept(look: Callable[..., list[object]], count: int, first: int) -> None:
    frames = np.arange(first, first + 50)
    times = times_of(frames + 42, NTSC) * MS
    assert look(range(42, 42 + count), NTSC, times) == indices(frames)


@pytest.mark.parametrize("count", [300, 20000])
@pytest.mark.parametrize("kept_s", [0.005, 0.0213, 0.4])
def test_ffmpeg_where_the_sound_begins_before_the_picture(
    look: Callable[..., list[object]], count: int, kept_s: float
) -> None:
    frames = np.arange(50)
    times = (times_of(frames, NTSC) + kept_s) * MS
    assert look(range(42, 42 + count), NTSC, times) == indices(frames)  # the file's start was removed, not the clip's
    start = round(kept_s * 90000)
    pts = [start + 3003 * i for i in range(count)]
    assert look(pts, Fraction(1, 90000), times_of(pts[:50], Fraction(1, 90000)) * MS) == indices(frames)  # nothing was


@pytest.mark.parametrize("count", [300, 20000])
@pytest.mark.parametrize("rate", [NTSC, Fraction(1, 30), Fraction(1, 25), Fraction(1, 60)])
@pytest.mark.parametrize("ahead_ms", [7.0, 21.0, 1024 / 44.1, 47.0])
def test_ffmpeg_where_the_sound_begins_below_zero(
    look: Callable[..., list[object]], count: int, rate: Fraction, ahead_ms: float
) -> None:
    """AAC and Opus in Matroska: all times of the file are shifted up."""
    frames = np.arange(50)
    times = times_of(frames, rate) * MS + ahead_ms
    assert look(range(count), rate, times) == indices(frames)


def test_an_editor_that_asks_again_for_a_whole_second(look: Callable[..., list[object]]) -> None:
    found = look(range(20000), Fraction(1, 30), [21.0, 21.0], again=True)  # at first it may be 21 ms
    assert found[1] == indices([630])[0]


def test_ffmpeg_with_times_below_zero(look: Callable[..., list[object]]) -> None:
    frames = np.arange(40)
    for removed in (True, False):
        times = (times_of(frames, NTSC) - (0 if removed else float(5 * NTSC))) * MS
        assert look(range(-5, 295), NTSC, times) == indices(frames)


@pytest.mark.parametrize("unit", [MS, S], ids=["ms", "s"])
@pytest.mark.parametrize("start", [0, 1400])
def test_a_variable_rate(look: Callable[..., list[object]], unit: float, start: int) -> None:
    pts = (UNEVEN + start - UNEVEN[0]).tolist()
    times = times_of((UNEVEN - UNEVEN[0]).tolist(), Fraction(1, 1000)) * unit
    found = look(pts, Fraction(1, 1000), times)
    assert found == indices(np.arange(len(pts)))


@pytest.mark.parametrize("count", [80, 300, 20000])
def test_an_editor_that_jumps(look: Callable[..., list[object]], count: int) -> None:
    frames = np.random.default_rng(count).integers(0, count, 200)
    frames = frames[frames % 1000 != 0]  # as milliseconds those are frames, too
    assert look(range(count), NTSC, times_of(frames, NTSC), again=True) == indices(frames)


@pytest.mark.parametrize("count", [80, 300, 20000])
def test_a_single_picture_anywhere(look: Callable[..., list[object]], count: int) -> None:
    for frame in np.random.default_rng(count).integers(0, count, 12):
        if frame % 1000:
            assert look(range(count), NTSC, [float(frame * NTSC)]) == indices([frame])
    assert look(range(count), NTSC, [0.0]) == [0]


def test_a_coincidence_costs_an_editor_one_picture(look: Callable[..., list[object]]) -> None:
    frames = np.array([3000, 3001, 3002, 17, 9000, 5000, 12345])  # 3000 in seconds is frame 3 in milliseconds
    found = look(range(20000), NTSC, times_of(frames, NTSC), again=True)
    assert found[1:4] == indices(frames[1:4])
    assert found[-1] == indices(frames)[-1]


def test_an_editor_of_another_rate_gets_the_nearest_frame(look: Callable[..., list[object]]) -> None:
    times = np.arange(200) / 60
    nearest = np.minimum(np.floor(times / float(NTSC) + 0.5).astype(int), 299)
    off = np.abs(times / float(NTSC) % 1 - 0.5) < 1e-3
    found = look(range(300), NTSC, times, again=True)
    assert [f for f, o in zip(found, off, strict=True) if not o] == indices(nearest[~off])


@pytest.mark.parametrize("count", [300, 20000])
def test_ffmpeg_with_another_rate_before_the_plugin(look: Callable[..., list[object]], count: int) -> None:
    times = np.arange(100) / 60 * MS
    nearest = np.floor(times / MS / float(NTSC) + 0.5).astype(int)
    assert look(range(count), NTSC, times) == indices(nearest)


@pytest.mark.parametrize("count", [80, 20000])
def test_beyond_its_ends_the_picture_is_left_alone(look: Callable[..., list[object]], count: int) -> None:
    last = float((count - 1) * NTSC)
    for unit in (MS, S):
        times = np.array([0, float(NTSC), 2 * float(NTSC), last, last + 0.4 * float(NTSC), last + 0.6 * float(NTSC)])
        found = look(range(count), NTSC, times * unit)
        assert found == [*indices([0, 1, 2, count - 1, count - 1]), BEYOND]
    assert look(range(count), NTSC, [float("nan"), float("inf"), -5.0, -5.0]) == [BEYOND] * 4


@pytest.mark.parametrize("unit", [MS, S], ids=["ms", "s"])
@pytest.mark.parametrize("start", [0, 42])
def test_the_parameter_trimmed_moves_the_clip(plugin: Path, tmp_path: Path, unit: float, start: int) -> None:
    """An editor cuts 100 frames and a bit off and counts from there, as ffmpeg does after -ss before the input."""
    host = Host(plugin, RULER, ruler_sidecar(tmp_path / "c.vstab", range(start, start + 300), NTSC))
    cut_s = 99.7 * float(NTSC)
    host.trim(cut_s)
    assert host.trimmed() == cut_s
    times = (times_of(range(100, 150), NTSC) - cut_s) * unit
    assert [frame_shown(host.show(time, ruler()), STEPS) for time in times] == indices(np.arange(100, 150))
    host.close()


def test_a_clip_of_one_frame(look: Callable[..., list[object]]) -> None:
    assert look([0], NTSC, [0.0]) == [0]
    assert look([9000], NTSC, [0.0]) == [0]
    assert look([30], NTSC, [float(30 * NTSC) * MS]) == [0]


WIDE = 128  # a multiple of 64: of other widths ffmpeg loses the time


def ruler_clip(path: Path, pts: Sequence[int], base: Fraction, width: int) -> Path:
    spec = ClipSpec(size=(RULER[0], width), pixel_format="bgra", codec="ffv1", pts=pts, time_base=base)
    return write_clip(path, spec, ((ruler(width)[..., [2, 1, 0, 3]],) for _ in pts))


def through_ffmpeg(ffmpeg: str, plugin: Path, folder: Path, pts: Sequence[int], width: int, options: list[str],
                   chain: str = "{}", trimmed_s: float = 0.0) -> tuple[list[object], str]:  # fmt: skip
    clip = ruler_clip(folder / "clip.mkv", pts, Fraction(1, 1000), width)
    assert [frame.pts for frame in read_frames(clip)] == pts
    sidecar = ruler_sidecar(folder / "clip.vstab", pts, Fraction(1, 1000), width)
    chain = chain.format(frei0r_filter(sidecar, trimmed_s))
    command = [ffmpeg, "-v", "error", "-nostdin", *options, "-i", str(clip), "-vf", chain,
               "-fps_mode", "passthrough", "-pix_fmt", "rgba", "-f", "rawvideo", "-"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True, env={"FREI0R_PATH": str(plugin.parent)})
    pictures = np.frombuffer(done.stdout, np.uint8).reshape(-1, RULER[0], width, 4)
    return [frame_shown(picture, len(pts)) for picture in pictures], done.stderr.decode()


STEPS_MS = np.cumsum([0, *np.random.default_rng(4).choice([20, 40, 50, 80], 29)])  # a variable rate


@pytest.mark.parametrize(
    ("start", "options", "first_ms"),
    [
        (0, [], 0),
        (1400, [], 0),
        (1400, ["-copyts"], 0),
        (1400, ["-copyts", "-ss", "0.6"], 600),
        (0, ["-copyts", "-ss", "1"], 1000),
    ],
)
def test_the_program_ffmpeg(
    ffmpeg: str, plugin: Path, tmp_path: Path, start: int, options: list[str], first_ms: int
) -> None:
    pts = (start + STEPS_MS).tolist()
    found, log = through_ffmpeg(ffmpeg, plugin, tmp_path, pts, WIDE, options)
    assert found == list(range(int(np.searchsorted(STEPS_MS, first_ms)), 30))
    assert "vstab" not in log


@pytest.mark.parametrize("start", [0, 1400])
def test_the_program_ffmpeg_after_a_seek(ffmpeg: str, plugin: Path, tmp_path: Path, start: int) -> None:
    pts = (start + STEPS_MS).tolist()
    found, _ = through_ffmpeg(ffmpeg, plugin, tmp_path, pts, WIDE, ["-ss", "0.5"], trimmed_s=0.5)
    assert found == list(range(int(np.searchsorted(STEPS_MS, 500)), 30))


def test_where_ffmpeg_loses_the_time_frames_are_counted_and_it_is_said(
    ffmpeg: str, plugin: Path, tmp_path: Path
) -> None:
    found, log = through_ffmpeg(ffmpeg, plugin, tmp_path, STEPS_MS.tolist(), 112, [])
    assert found == list(range(30))
    if "vstab" in log:  # later versions of ffmpeg may keep it
        assert log.count("counted") == 1
        assert "112 wide" in log


def test_a_width_that_ffmpeg_garbles_is_refused(ffmpeg: str, plugin: Path, tmp_path: Path) -> None:
    found, log = through_ffmpeg(ffmpeg, plugin, tmp_path, STEPS_MS.tolist(), 100, [])
    if "vstab" not in log:  # a version of ffmpeg that hands over whole lines, and the time
        assert found == list(range(30))
        return
    assert log.count("vstab") == 1
    assert "pad=ceil(iw/64)*64:ih before this filter and crop=100:ih:0:0 behind it" in log


def test_a_padded_width_keeps_the_time(ffmpeg: str, plugin: Path, tmp_path: Path) -> None:
    chain = "format=rgba,pad=ceil(iw/64)*64:ih,{},crop=100:ih:0:0"
    found, log = through_ffmpeg(ffmpeg, plugin, tmp_path, STEPS_MS.tolist(), 100, ["-copyts", "-ss", "1"], chain)
    assert found == list(range(int(np.searchsorted(STEPS_MS, 1000)), 30))
    assert "vstab" not in log


def test_frames_without_a_time_are_counted(look: Callable[..., list[object]]) -> None:
    lost = -(2.0**63) * 1000 / 90000
    assert look(range(42, 46), NTSC, [lost] * 6) == [0, 1, 2, 3, BEYOND, BEYOND]
