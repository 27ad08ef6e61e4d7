"""`vstab compare`: the right frames beside each other, untouched, in the right place, with the original's sound."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from clips import ClipSpec, Planes, packets, write_clip
from scenes import HEIGHT, WIDTH, look, texture

from vstab_core.cli import main
from vstab_core.decode import probe, read_frames
from vstab_core.errors import Cancelled, InputError, OutputError, UsageError
from vstab_core.evaluation import canvas
from vstab_core.evaluation.compare import chart, layout
from vstab_core.evaluation.compare.make import compare
from vstab_core.evaluation.compare.sync import Sync, nearest
from vstab_core.evaluation.compare.trace import Trace, measure
from vstab_core.formats import plane_views
from vstab_core.result import Result

SIZE = (48, 64)
UNEVEN = [0, 40, 50, 120, 300, 310, 420]  # ms


def pictures(numbers: Sequence[int], size: tuple[int, int] = SIZE, base: int = 0, scale: int = 1) -> list[Planes]:
    """A level and a ramp for each number, luma and chroma of their own; `scale` 4 for 10 bits."""
    found = []
    for number in numbers:
        y, x = np.mgrid[: size[0], : size[1]]
        luma = (30 + base + 8 * number + x % 7 + y % 3) * scale
        chroma = np.ones(((size[0] + 1) // 2, (size[1] + 1) // 2)) * scale
        planes = (luma, chroma * (90 + number), chroma * (160 - number))
        found.append(tuple(plane.astype(np.uint8 if scale == 1 else np.uint16) for plane in planes))
    return found


def clip(path: Path, numbers: Sequence[int] | None = None, base: int = 0, **spec: Any) -> Path:
    """Write a lossless clip whose frames are known by number."""
    scale = 4 if "10" in spec.get("pixel_format", "") else 1
    numbers = range(len(spec["pts"]) if spec.get("pts") is not None else 6) if numbers is None else numbers
    spec = {"size": SIZE, "codec": "ffv1", "count": len(numbers), "time_base": Fraction(1, 1000)} | spec
    return write_clip(path, ClipSpec(**spec), pictures(numbers, spec["size"], base, scale))


def planes_of(path: Path) -> list[tuple[npt.NDArray[Any], ...]]:
    return [tuple(plane.copy() for plane in frame.planes) for frame in read_frames(path)]


def times_ms(path: Path) -> list[int]:
    return [round(1000 * frame.time_s) for frame in read_frames(path)]


def run(original: Path, stabilized: Path, output: Path, **more: Any) -> Result:
    more = {"labels": False} | more
    return compare(original, stabilized, output, **more)


def halves(path: Path, width: int = SIZE[1]) -> list[tuple[int, int]]:
    """Which frame stands left and which right, by the number that their luma and their chroma say."""
    found = []
    for luma, blue, _ in planes_of(path):
        numbers = [round(float(blue[0, column]) - 90) for column in (0, width // 2)]
        assert (luma[0, 0] - 30) // 8 == numbers[0]
        found.append((numbers[0], numbers[1]))
    return found


# -- the same moment ------------------------------------------------------------------------------------------------


def test_both_halves_are_the_clips_own_samples(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv", base=60)
    result = run(original, stabilized, tmp_path / "c.mkv")
    assert result.warnings == []
    assert (result.figures["frames"], result.figures["width"], result.figures["height"]) == (6, 128, 48)
    for out, left, right in zip(*map(planes_of, (tmp_path / "c.mkv", original, stabilized)), strict=True):
        for target, a, b in zip(out, left, right, strict=True):
            np.testing.assert_array_equal(target, np.hstack([a, b]))


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv", pts=UNEVEN), clip(tmp_path / "b.mkv", pts=UNEVEN)
    run(original, stabilized, tmp_path / "c.mkv")
    assert times_ms(tmp_path / "c.mkv") == UNEVEN
    assert halves(tmp_path / "c.mkv") == [(n, n) for n in range(7)]


def test_a_clip_that_begins_anew_at_zero_is_counted_from_its_first_frame(tmp_path: Path) -> None:
    original = clip(tmp_path / "a.mkv", pts=[1400 + ms for ms in UNEVEN])
    stabilized = clip(tmp_path / "b.mkv", pts=UNEVEN)
    result = run(original, stabilized, tmp_path / "c.mkv")
    assert times_ms(tmp_path / "c.mkv") == [1400 + ms for ms in UNEVEN]
    assert halves(tmp_path / "c.mkv") == [(n, n) for n in range(7)]
    assert "begins at 1.400 s, the stabilized at 0.000 s" in result.warnings[0]


def test_a_part_of_the_clip_is_shown_at_its_own_time(tmp_path: Path) -> None:
    pts = [40 * n for n in range(20)]
    original, stabilized = clip(tmp_path / "a.mkv", pts=pts), clip(tmp_path / "b.mkv", range(5, 13), pts=pts[5:13])
    result = run(original, stabilized, tmp_path / "c.mkv")
    assert halves(tmp_path / "c.mkv") == [(n, n) for n in range(5, 13)]
    assert times_ms(tmp_path / "c.mkv") == pts[5:13]
    assert "the original has 20 frames" in result.warnings[0]
    assert "shown are 8 moments" in result.warnings[0]


@pytest.mark.parametrize("of_original", [False, True])
def test_a_dropped_frame_is_left_out_of_both(tmp_path: Path, of_original: bool) -> None:
    pts = [40 * n for n in range(12)]
    kept = [n for n in range(12) if n not in (4, 7)]
    whole = clip(tmp_path / "a.mkv", pts=pts)
    cut = clip(tmp_path / "b.mkv", kept, pts=[pts[n] for n in kept])
    run(*((cut, whole) if of_original else (whole, cut)), tmp_path / "c.mkv")
    assert halves(tmp_path / "c.mkv") == [(n, n) for n in kept]
    assert times_ms(tmp_path / "c.mkv") == [pts[n] for n in kept]


def test_frames_that_were_put_in_between_stand_beside_the_nearest(tmp_path: Path) -> None:
    original = clip(tmp_path / "a.mkv", range(4), pts=[0, 40, 80, 120])
    stabilized = clip(tmp_path / "b.mkv", range(8), pts=[0, 20, 40, 60, 80, 100, 120, 140], rate=Fraction(50))
    run(original, stabilized, tmp_path / "c.mkv")
    assert halves(tmp_path / "c.mkv") == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5), (3, 6), (3, 7)]
    assert times_ms(tmp_path / "c.mkv") == [0, 20, 40, 60, 80, 100, 120, 140]


def test_of_a_faster_original_every_frame_is_shown(tmp_path: Path) -> None:
    original = clip(tmp_path / "a.mkv", range(6), pts=[0, 20, 40, 60, 80, 100], rate=Fraction(50))
    stabilized = clip(tmp_path / "b.mkv", range(3), pts=[0, 40, 80])
    run(original, stabilized, tmp_path / "c.mkv")
    assert halves(tmp_path / "c.mkv") == [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2)]


def test_a_frame_without_a_partner_is_not_put_beside_its_neighbours(tmp_path: Path) -> None:
    kept = [0, 1, 3, 4, 5, 6]  # 50 ms is missing, and 40 ms is near: far less than the mean frame
    original = clip(tmp_path / "a.mkv", pts=UNEVEN)
    stabilized = clip(tmp_path / "b.mkv", kept, pts=[UNEVEN[n] for n in kept])
    run(original, stabilized, tmp_path / "c.mkv")
    assert halves(tmp_path / "c.mkv") == [(n, n) for n in kept]


def test_it_ends_where_either_clip_ends(tmp_path: Path) -> None:
    original = clip(tmp_path / "a.mkv", range(12), pts=[20 * n for n in range(12)], rate=Fraction(50))
    stabilized = clip(tmp_path / "b.mkv", range(3), pts=[0, 40, 80])
    run(original, stabilized, tmp_path / "c.mkv")
    assert halves(tmp_path / "c.mkv") == [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2)]


def test_nearest_takes_rounded_times_for_equal() -> None:
    frames: Any = [(n / 30, n) for n in range(90)]
    rounded: Any = [(round(n / 30, 3), n) for n in range(90) if n != 50]
    found = [(a, b) for _, a, b in nearest(iter(frames), iter(rounded), 0.5 / 30, one_to_one=True)]
    assert found == [(n, n) for n in range(90) if n != 50]


def test_the_sound_and_its_times_are_the_originals(tmp_path: Path) -> None:
    original = clip(tmp_path / "a.mkv", range(25), audio="flac", audio_start_s=0.2, metadata={"title": "walk"})
    stabilized = clip(tmp_path / "b.mkv", range(25))
    run(original, stabilized, tmp_path / "c.mkv")
    assert packets(tmp_path / "c.mkv", "audio") == packets(original, "audio")
    assert packets(original, "audio")[0][0] == pytest.approx(0.2, abs=0.002)


# -- sizes and colours ----------------------------------------------------------------------------------------------


def test_another_size_and_depth_become_the_originals(tmp_path: Path) -> None:
    original = clip(tmp_path / "a.mkv")
    stabilized = clip(tmp_path / "b.mkv", size=(96, 144), pixel_format="yuv420p10le")
    result = run(original, stabilized, tmp_path / "c.mkv")
    assert (result.figures["width"], result.figures["height"]) == (64 + 72, 48)
    info = probe(tmp_path / "c.mkv")
    assert info.pixel_format == "yuv420p"
    for out, left in zip(planes_of(tmp_path / "c.mkv"), planes_of(original), strict=True):
        for target, a in zip(out, left, strict=True):
            np.testing.assert_array_equal(target[:, : a.shape[1]], a)
        assert abs(float(out[0][8:-8, 72:-8].mean()) - float(left[0].mean())) < 1.0  # the same ramp, twice as large
        assert abs(float(out[1][4:-4, 36:-4].mean()) - float(left[1].mean())) < 1.0


def test_full_range_is_brought_to_the_originals_range(tmp_path: Path) -> None:
    gray = np.full((24, 32), 128, np.uint8)

    def flat(level: int) -> list[Planes]:
        return [(np.full(SIZE, level, np.uint8), gray, gray)] * 3

    original = write_clip(tmp_path / "a.mkv", ClipSpec(codec="ffv1", colour=(1, 1, 1, 1)), flat(180))
    spec = ClipSpec(codec="ffv1", colour=(1, 1, 1, 2), pixel_format="yuv420p")
    stabilized = write_clip(tmp_path / "b.mkv", spec, flat(191))  # (180 - 16) * 255 / 219
    run(original, stabilized, tmp_path / "c.mkv")
    for luma, *_ in planes_of(tmp_path / "c.mkv"):
        assert (luma[:, :64] == 180).all()
        assert np.abs(luma[:, 64:].astype(int) - 180).max() <= 1


def test_odd_sizes_are_padded_to_whole_chroma(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv", size=(47, 63)), clip(tmp_path / "b.mkv", size=(47, 63))
    result = run(original, stabilized, tmp_path / "c.mkv")
    assert (result.figures["width"], result.figures["height"]) == (128, 48)
    out, left = planes_of(tmp_path / "c.mkv")[3], planes_of(original)[3]
    for x in (0, 64):
        np.testing.assert_array_equal(out[0][:47, x : x + 63], left[0])
        np.testing.assert_array_equal(out[1][:, x // 2 : x // 2 + 32], left[1])
    assert (out[0][47] == 16).all()
    assert (out[0][:, 63] == 16).all()


def test_pixels_that_are_no_squares_keep_their_shape(tmp_path: Path) -> None:
    original = clip(tmp_path / "a.mp4", pixel_aspect=Fraction(4, 3), codec="libx264")
    stabilized = clip(tmp_path / "b.mkv", size=(48, 84))  # the same shape in square pixels, 85.3 wide
    result = run(original, stabilized, tmp_path / "c.mp4")
    assert result.figures["width"] == 64 + 64  # 84 * 3 / 4 = 63, made even
    assert probe(tmp_path / "c.mp4").pixel_aspect == Fraction(4, 3)


def test_height_makes_both_smaller(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv")
    result = run(original, stabilized, tmp_path / "c.mkv", height=24)
    assert (result.figures["width"], result.figures["height"]) == (64, 24)
    assert halves(tmp_path / "c.mkv", 32) == [(n, n) for n in range(6)]


@pytest.mark.parametrize("pixel_format", ["yuv422p10le", "gbrp10le", "bgra", "gray", "yuva444p", "gray16le"])
def test_labels_are_white_on_black_in_every_format(tmp_path: Path, pixel_format: str) -> None:
    size = (240, 320)
    look = canvas.Look(pixel_format, None, pixel_format.startswith(("gray", "gbr", "bgr")))
    flat = canvas.picture_of(canvas.planes_of(np.full((*size, 3), 120, np.uint8), look), pixel_format)
    spec = ClipSpec(size=size, pixel_format=pixel_format, codec="ffv1", count=2)
    original = write_clip(tmp_path / "a.mkv", spec, [plane_views(flat)] * 2)
    compare(original, original, tmp_path / "c.mkv")
    info = probe(tmp_path / "c.mkv")
    assert info.pixel_format == pixel_format
    image = canvas.image_of(next(read_frames(info.path)), canvas.look_of(info)).astype(int)
    assert np.ptp(image, axis=2).max() <= 2  # no colour anywhere
    for x in (0, 320):
        corner = image[:32, x : x + 80, 1]
        assert corner.max() > 250
        assert corner.min() < 5
        assert abs(int(image[100, x + 160, 1]) - 120) <= 1


def test_labels_stay_in_their_corner(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv", size=(180, 320)), clip(tmp_path / "b.mkv", size=(180, 320))
    run(original, stabilized, tmp_path / "c.mkv", labels=True)
    run(original, stabilized, tmp_path / "d.mkv", labels=False)
    drawn, plain = planes_of(tmp_path / "c.mkv")[0], planes_of(tmp_path / "d.mkv")[0]
    for which, step in ((0, 1), (1, 2), (2, 2)):
        changed = np.argwhere(drawn[which] != plain[which])
        assert len(changed) > 20
        rows, columns = changed[:, 0] * step, changed[:, 1] * step
        assert rows.max() < 32
        assert (columns % 320).max() < 80
        assert {int(column) // 320 for column in columns} == {0, 1}


# -- arrangements ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [0.0, 0.25, 0.5, 1.0])
def test_a_wipe_shows_either_clip_on_its_side_of_the_line(tmp_path: Path, line: float) -> None:
    original, stabilized = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv", base=60)
    run(original, stabilized, tmp_path / "c.mkv", arrangement="wipe", line=line)
    first = round(64 * line) - 1  # two pixels wide, on whole chroma samples
    first += first % 2 if line else 1
    for out, left, right in zip(*map(planes_of, (tmp_path / "c.mkv", original, stabilized)), strict=True):
        start, stop = max(0, min(64, first)), max(0, min(64, first + 2))
        white = np.flatnonzero((out[0] == 235).all(axis=0))
        assert white.tolist() == list(range(start, stop))
        assert abs((start + stop) / 2 - 64 * line) <= 1
        for target, a, b, step in zip(out, left, right, (1, 2, 2), strict=True):
            np.testing.assert_array_equal(target[:, : start // step], a[:, : start // step])
            np.testing.assert_array_equal(target[:, stop // step :], b[:, stop // step :])


def test_the_line_of_a_large_picture_is_thicker_and_stands_on_the_spot(tmp_path: Path) -> None:
    info = dataclasses.replace(probe(clip(tmp_path / "a.mkv")), width=1920, height=1080)
    place = layout.plan("wipe", info, info)
    for share in (0.1, 0.5, 0.9):
        first, last = layout.line_columns(place, share)
        assert (first % 2, last - first) == (0, 6)
        assert (first + last) / 2 == pytest.approx(1920 * share, abs=1)


def test_the_line_sweeps_from_left_to_right_and_back() -> None:
    where = [layout.line_at("sweep", layout.SWEEP_S * share) for share in (0, 0.25, 0.5, 0.75, 1)]
    assert where == pytest.approx([0, 0.5, 1, 0.5, 0], abs=1e-9)


def test_labels_of_a_wipe_end_at_the_line(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv", size=(180, 320)), clip(tmp_path / "b.mkv", size=(180, 320))
    for line, before, after in ((0.5, True, True), (0.0, False, True), (1.0, True, False)):
        run(original, stabilized, tmp_path / "c.mkv", arrangement="wipe", line=line, labels=True, overwrite=True)
        run(original, stabilized, tmp_path / "d.mkv", arrangement="wipe", line=line, overwrite=True)
        changed = (planes_of(tmp_path / "c.mkv")[0][0] != planes_of(tmp_path / "d.mkv")[0][0]).any(axis=0)
        assert (changed[:160].any(), changed[160:].any()) == (before, after)


def test_stacked_above_each_other(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv", base=60)
    run(original, stabilized, tmp_path / "c.mkv", arrangement="stack")
    for out, top, bottom in zip(*map(planes_of, (tmp_path / "c.mkv", original, stabilized)), strict=True):
        for target, a, b in zip(out, top, bottom, strict=True):
            np.testing.assert_array_equal(target, np.vstack([a, b]))


# -- the path -------------------------------------------------------------------------------------------------------


def moving(path: Path, shifts: Sequence[tuple[float, float]], seed: int = 7) -> Path:
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    spec = ClipSpec(size=(HEIGHT, WIDTH), codec="ffv1", rate=Fraction(25), count=len(shifts))
    scene = texture(seed)
    return write_clip(path, spec, ((look(scene, *shift), grey, grey) for shift in shifts))


SHIFTS = [(3.0 * n, -2.0 * (n % 5)) for n in range(14)]


def test_the_trace_is_the_way_of_the_picture(tmp_path: Path) -> None:
    info = probe(moving(tmp_path / "a.mkv", SHIFTS))
    trace = measure(info, 2.0, lambda: None)
    np.testing.assert_allclose(trace.position * WIDTH, np.array(SHIFTS), atol=0.15)
    np.testing.assert_allclose(trace.time_s, 2.0 + np.arange(14) / 25, atol=1e-3)
    assert trace.cuts == []
    part = trace.between(2.0 + 4 / 25, 2.0 + 9 / 25)
    np.testing.assert_allclose(part.position * WIDTH, np.array(SHIFTS)[4:10] - SHIFTS[4], atol=0.15)


def test_the_trace_begins_anew_after_a_cut(tmp_path: Path) -> None:
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    shots = [
        [look(texture(seed, low, high), x) for x in (0, 4, 8, 12)] for seed, low, high in ((1, 20, 90), (2, 120, 230))
    ]
    spec = ClipSpec(size=(HEIGHT, WIDTH), codec="ffv1", count=8)
    info = probe(write_clip(tmp_path / "a.mkv", spec, ((luma, grey, grey) for shot in shots for luma in shot)))
    trace = measure(info, 0.0, lambda: None)
    assert trace.cuts == [4]
    np.testing.assert_allclose(trace.position[:, 0] * WIDTH, [0, 4, 8, 12] * 2, atol=0.2)


def test_curves_stand_where_the_path_is() -> None:
    time_s = np.linspace(0, 2, 101)
    rise = Trace(time_s, np.stack([0.1 * time_s / 2, np.zeros(101)], axis=1), [])
    still = Trace(time_s, np.zeros((101, 2)), [])
    image = chart.draw_chart(rise, still, (200, 401)).astype(int)
    orange = (np.abs(image - chart.BEFORE_COLOR).max(axis=2) < 30) & (np.arange(200) < 100)[:, None]
    blue = (np.abs(image - chart.AFTER_COLOR).max(axis=2) < 30) & (np.arange(200) < 100)[:, None]
    for column in (40, 100, 200, 300, 390):  # x rises from 0, near the row's bottom, to 0.1, near its top
        rise_px = column / 400 * 84
        assert np.flatnonzero(orange[:, column]).mean() == pytest.approx(92 - rise_px, abs=1.0)
        assert np.flatnonzero(blue[:, column]).mean() == pytest.approx(92, abs=1.0)


def test_the_strip_has_a_cursor_at_the_frame(tmp_path: Path) -> None:
    original, stabilized = moving(tmp_path / "a.mkv", SHIFTS), moving(tmp_path / "b.mkv", [(0.0, 0.0)] * 14)
    seen: list[tuple[int, int]] = []
    result = run(original, stabilized, tmp_path / "c.mkv", path=True, on_progress=lambda _, n, of: seen.append((n, of)))
    height, width = 126, 2 * WIDTH
    assert (result.figures["width"], result.figures["height"]) == (width, height + 38)
    for index, (luma, *_) in enumerate(planes_of(tmp_path / "c.mkv")):
        white = np.flatnonzero((luma[height:] == 235).all(axis=0))
        assert len(white) == 2
        assert abs(white.mean() - index / 13 * width) <= 2.5
    assert seen[-1] == (42, 42)  # both paths and the pictures
    plain, with_path = tmp_path / "d.mkv", tmp_path / "c.mkv"
    run(original, stabilized, plain)
    for out, same in zip(planes_of(with_path), planes_of(plain), strict=True):
        np.testing.assert_array_equal(out[0][:height], same[0])


# -- refusals -------------------------------------------------------------------------------------------------------


def test_an_output_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv")
    before = original.read_bytes(), stabilized.read_bytes()
    (tmp_path / "c.mkv").write_bytes(b"mine")
    for output, overwrite, words in (
        (tmp_path / "c.mkv", False, "exists"),
        (original, True, "is the input itself"),
        (stabilized, True, "is an input"),
        (tmp_path / "none" / "c.mkv", False, "folder of output"),
    ):
        with pytest.raises(OutputError, match=words):
            run(original, stabilized, output, overwrite=overwrite)
    with pytest.raises(UsageError, match="is no video container"):
        run(original, stabilized, tmp_path / "c.txt")
    assert (original.read_bytes(), stabilized.read_bytes()) == before
    assert (tmp_path / "c.mkv").read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "b.mkv", "c.mkv"]


@pytest.mark.parametrize("path", [False, True])
def test_a_cancelled_run_leaves_nothing(tmp_path: Path, path: bool) -> None:
    original, stabilized = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv")

    def cancel(stage: str, frame: int, frames: int) -> None:
        assert stage == "compare"
        if frame == 3:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        run(original, stabilized, tmp_path / "c.mkv", path=path, on_progress=cancel)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.mkv", "b.mkv"]


def test_a_wipe_of_two_shapes_is_refused(tmp_path: Path) -> None:
    original, stabilized = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv", size=(64, 48))
    with pytest.raises(UsageError, match="two pictures of one shape, got 64x48 and 48x64; use --layout side"):
        run(original, stabilized, tmp_path / "c.mkv", arrangement="wipe")


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    original, text = clip(tmp_path / "a.mkv"), tmp_path / "b.mkv"
    text.write_text("no video")
    with pytest.raises(InputError, match="is not a media file"):
        run(original, text, tmp_path / "c.mkv")
    with pytest.raises(InputError, match="does not exist"):
        Sync.open(tmp_path / "none.mkv", original, lambda _: None)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--line", "0.3"], "--line counts with --layout wipe only"),
        (["--layout", "wipe", "--line", "2"], "--line must be a number from 0 to 1, or sweep, got '2'"),
        (["--height", "-5"], "--height must be a whole number of pixels"),
        (["--crf", "x"], "--crf must be a number"),
    ],
)
def test_wrong_words_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    original = clip(tmp_path / "a.mkv")
    assert main(["compare", str(original), str(original), *words]) == 2
    assert message in capsys.readouterr().err


def test_the_command_writes_beside_the_stabilized_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    original, stabilized = clip(tmp_path / "a.mkv"), clip(tmp_path / "b.mkv")
    words = ["compare", str(original), str(stabilized), "--layout", "wipe", "--line", "sweep", "--progress", "json"]
    assert main(words) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[-1]["event"] == "result"
    assert lines[-1]["output"] == str(tmp_path / "b_compare.mkv")
    assert probe(tmp_path / "b_compare.mkv").width == 64
    assert main(words) == 4


def test_help_loads_nothing_heavy() -> None:
    for command in ("compare", "visualize"):
        code = (
            "import sys, vstab_core.cli as c\n"
            f"try: c.main(['{command}', '--help'])\nexcept SystemExit: pass\n"
            "sys.stderr.write(' '.join(m for m in ('av', 'cv2', 'numpy') if m in sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        assert f"vstab {command}" in done.stdout
