"""The report without a browser: what is embedded, said and refused, and that nothing half-written stays."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
import sys
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest
from clips import ClipSpec, write_clip
from report_clips import RATE, SIZE, code_of, coded, coded_clip, evaluation_of, read_codes

from vstab_core import cli
from vstab_core.decode import probe
from vstab_core.errors import Cancelled, InputError, OutputError, SidecarError
from vstab_core.evaluation.metrics import metrics_of
from vstab_core.evaluation.report import budget, curves, make, page, solver, summary, tables
from vstab_core.evaluation.report.preview import make_preview
from vstab_core.evaluation.types import Evaluation, Reading
from vstab_core.params import Parameters
from vstab_core.sidecar import Sidecar, write_sidecar
from vstab_core.types import CameraMotion, WarpTrack

STEP = 3600  # ticks of 1/90000 s: 25 frames a second
COUNT = 12
HALF_TICK_S = 0.5 / 90000


def even(count: int, start: int = 0) -> list[int]:
    return list(range(start, start + count * STEP, STEP))


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return (
        coded_clip(tmp_path / "shaky.mp4", range(COUNT), even(COUNT)),
        coded_clip(tmp_path / "steady.mp4", range(COUNT), even(COUNT)),
    )


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Put a known evaluation in the place of the measured one; gives the clips that it was asked about."""
    asked: list[Path] = []

    def evaluate(original: Path, stabilized: Path, **_: object) -> Evaluation:
        asked.extend((original, stabilized))
        return evaluation_of(original, stabilized, np.arange(COUNT) / float(RATE))

    monkeypatch.setattr(make, "evaluate", evaluate)
    return asked


# -- the clips in the page -------------------------------------------------------------------------------------------


def test_an_embedded_clip_has_every_frame_at_its_time(tmp_path: Path) -> None:
    ticks = np.array(even(20, start=777))
    ticks[7:] += 1234
    ticks[15:] += 9000
    clip = coded_clip(tmp_path / "a.mov", range(20), [*ticks], audio="aac", audio_start_s=0.5)
    preview = make_preview(clip, duration_s=60, with_sound=True)
    found = read_codes(preview.data)
    assert [code for _, code in found] == list(range(20))
    assert np.abs(np.array([time for time, _ in found]) - (ticks - ticks[0]) / 90000).max() < HALF_TICK_S
    assert preview.origin_s == pytest.approx(777 / 90000, abs=0.001)  # MOV starts at milliseconds
    assert preview.sound
    with av.open(io.BytesIO(preview.data)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt, audio.codec_context.name) == (
            "h264", "yuv420p", "aac")  # fmt: skip
        assert video.start_time == 0
        # the sound keeps its distance to the picture; AAC starts in steps of 1024 samples (21 ms)
        assert float(audio.start_time * audio.time_base) == pytest.approx(0.5 - 777 / 90000, abs=0.05)
        gaps = np.diff([packet.pts for packet in container.demux(video) if packet.is_keyframe and packet.size])
        assert all(gap <= 90000 for gap in gaps)


def test_what_only_one_clip_shows_is_left_out_of_both(tmp_path: Path) -> None:
    late = coded_clip(tmp_path / "late.mp4", range(5, 17), even(12, start=5 * STEP))  # same clock, five frames less
    whole = coded_clip(tmp_path / "whole.mp4", range(20), even(20))
    for original, stabilized in ((whole, late), (late, whole)):
        evaluation = evaluation_of(original, stabilized, np.arange(12) / float(RATE))
        ours, theirs = make._previews(evaluation, None)
        assert read_codes(ours.data)[:12] == read_codes(theirs.data)[:12]
        assert read_codes(ours.data)[0] == (0, 5)


def test_equal_clips_of_other_clocks_begin_together(tmp_path: Path) -> None:
    one = coded_clip(tmp_path / "one.mp4", range(COUNT), even(COUNT, start=5 * 90000))
    other = coded_clip(tmp_path / "other.mp4", range(COUNT), even(COUNT))
    ours, theirs = make._previews(evaluation_of(one, other, np.arange(COUNT) / float(RATE)), None)
    assert read_codes(ours.data) == read_codes(theirs.data)
    assert len(read_codes(ours.data)) == COUNT


@pytest.mark.parametrize(("rotation_deg", "mirrored"), [(90.0, False), (-90.0, False), (180.0, False), (0.0, True)])
def test_an_embedded_clip_stands_upright(tmp_path: Path, rotation_deg: float, mirrored: bool) -> None:
    spec = ClipSpec(size=(96, 160), count=3, options={"crf": "8"}, rotation_deg=rotation_deg, mirrored=mirrored)
    clip = write_clip(tmp_path / "a.mp4", spec)
    from vstab_core.decode import luma_of, read_frames

    upright = luma_of(next(read_frames(clip))).astype(float)
    preview = make_preview(clip, duration_s=9)
    with av.open(io.BytesIO(preview.data)) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="yuv420p")[: upright.shape[0]].astype(float)
    assert shown.shape == upright.shape
    assert np.abs(shown - upright).mean() < 3  # codes, of a second encoding; a wrong turn is off by 15 and more


def test_pixels_that_are_not_square_are_shown_square(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mkv", ClipSpec(size=(96, 120), count=3, pixel_aspect=Fraction(4, 3)))
    preview = make_preview(clip, duration_s=9)
    assert (preview.plan.width, preview.plan.height) == (160, 96)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv422p10le", "rgb24", "gray"])
def test_levels_survive(tmp_path: Path, pixel_format: str) -> None:
    codec = {"rgb24": "libx264rgb"}.get(pixel_format, "libx264")
    spec = ClipSpec(size=(64, 96), count=3, pixel_format=pixel_format, codec=codec, options={"crf": "4"})
    clip = write_clip(tmp_path / "a.mkv", spec)

    def look(file: object) -> np.ndarray:
        with av.open(file) as container:
            return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)

    # limited and full range, or the matrix, taken for one another would shift levels by 8 and more
    assert np.abs(look(io.BytesIO(make_preview(clip, duration_s=9).data)) - look(str(clip))).mean() < 4


# -- the page's size -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duration_s", [1, 60, 600, 3600, 3 * 3600, 24 * 3600])
@pytest.mark.parametrize(
    ("width", "height", "fps"), [(3840, 2160, 60), (1080, 1920, 30), (3840, 1920, 24), (160, 96, 25)]
)
def test_any_length_fits_the_page(duration_s: float, width: int, height: int, fps: float) -> None:
    plan = budget.plan(width, height, fps, duration_s)
    size = (plan.bits_a_second + budget.SOUND_BITS_A_SECOND * plan.sound) * duration_s / 8
    assert size <= budget.CLIP_BYTES * 0.9
    assert max(plan.width, plan.height) <= 640
    assert plan.width % 2 == plan.height % 2 == 0
    assert plan.width / plan.height == pytest.approx(width / height, rel=0.03)
    assert plan.bits_a_second >= 0.029 * plan.width * plan.height * fps / plan.every
    assert duration_s > 60 or plan.every == 1


def test_two_full_clips_and_the_longest_curves_stay_under_the_limit() -> None:
    count = 24 * 3600 * 30
    rng = np.random.default_rng(5)
    walk = np.cumsum(rng.standard_normal(count)) * 100
    curve = json.dumps(curves.rounded(walk[curves.thinned(walk)], 4)) + json.dumps(curves.rounded(np.arange(9999), 5))
    curves_bytes = 14 * 1.3 * len(curve)
    assert 2 * budget.CLIP_BYTES * 4 / 3 + curves_bytes < budget.PAGE_BYTES


def test_a_clip_that_comes_out_too_large_is_encoded_again_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vstab_core.evaluation.report import preview

    rng = np.random.default_rng(8)
    grey = np.full((48, 80), 128, np.uint8)
    pictures = ((rng.integers(16, 235, SIZE, np.uint8), grey, grey) for _ in range(40))
    clip = write_clip(tmp_path / "noise.mp4", ClipSpec(size=SIZE, count=40, options={"crf": "20"}), pictures)
    first = len(make_preview(clip, duration_s=9).data)
    shares: list[float] = []
    plan = budget.plan

    def watched(*args: float) -> budget.Plan:
        shares.append(args[-1])
        return dataclasses.replace(plan(*args), bits_a_second=max(1000, int(5 * first * args[-1])))

    monkeypatch.setattr(preview, "plan", watched)
    monkeypatch.setattr(preview, "CLIP_BYTES", int(0.7 * first))
    assert len(make_preview(clip, duration_s=9).data) <= 0.7 * first
    assert len(shares) > 1
    assert shares == sorted(shares, reverse=True)
    monkeypatch.setattr(preview, "CLIP_BYTES", 10)
    with pytest.raises(InputError, match="too long for a page of 60 MB; cut it"):
        make_preview(clip, duration_s=9)


def test_dropped_frames_and_a_smaller_size_are_told(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from vstab_core.evaluation.report import preview

    monkeypatch.setattr(preview, "plan", lambda *_: budget.Plan(80, 48, 3, 100_000, False))
    evaluation = evaluation_of(*pair, np.arange(COUNT) / float(RATE))
    previews = make._previews(evaluation, None)
    assert [code for _, code in read_codes(previews[0].data)] == [0, 3, 6, 9]
    assert [time for time, _ in read_codes(previews[0].data)] == pytest.approx([0, 0.12, 0.24, 0.36], abs=1e-5)
    notes = "\n".join(make._notes(evaluation, previews))
    for told in ("under 60 MB, the original plays with one frame in 3", "stabilized clip plays with one frame in 3",
                 "the original is reduced to 80 × 48 px", "without sound: the clip is too long"):  # fmt: skip
        assert told in notes


# -- curves ----------------------------------------------------------------------------------------------------------


def test_a_long_curve_keeps_its_extremes_and_gaps() -> None:
    rng = np.random.default_rng(11)
    values = rng.standard_normal(50_000)
    values[[123, 40_321]] = 90, -70
    values[30_000:31_000] = np.nan
    kept = curves.thinned(values, 3000)
    assert len(kept) <= 3100
    assert np.all(np.diff(kept) > 0)
    assert {0, 123, 40_321, 49_999} <= set(kept)
    assert np.isnan(values[kept[(kept >= 30_000) & (kept < 31_000)]]).sum() > 10
    for begin in range(0, 29_000, 1000):  # what a viewer sees of any stretch
        inside = kept[(kept >= begin) & (kept < begin + 1000)]
        assert np.nanmax(values[inside]) == np.nanmax(values[begin + 20 : begin + 980]) or inside.size
        assert np.ptp(values[inside]) >= np.ptp(values[begin + 60 : begin + 940])
    assert np.array_equal(curves.thinned(values[:100]), np.arange(100))


def test_gaps_are_null_in_json() -> None:
    assert curves.rounded(np.array([1.00004, np.nan, -np.inf, -0.00001]), 4) == [1.0, None, None, 0.0]


def test_cuts_are_told_by_time(pair: tuple[Path, Path]) -> None:
    evaluation = dataclasses.replace(evaluation_of(*pair, 0.04 * np.arange(COUNT)), cuts=[3, 10])
    data = curves.data_of(evaluation, curves.plots_of(evaluation), [], False)
    assert data["cuts"] == [0.12, 0.4]


# -- what the solver knows -------------------------------------------------------------------------------------------


def sidecar_for(clip: Path, count: int = COUNT, weak: tuple[int, ...] = (4, 5, 9)) -> Sidecar:
    info = probe(clip)
    pts = (np.arange(count) * STEP).astype(np.int64)
    confidence = np.linspace(0.9, 0.4, count).astype(np.float32)
    confidence[list(weak)] = 0
    cut = np.zeros(count, bool)
    cut[[0, 7]] = True
    shared = (info.width, info.height, info.aspect, pts, Fraction(1, 90000))
    mesh = np.zeros((count, 5, 5, 2), np.float32)
    motion = CameraMotion(*shared, np.zeros((count, 4, 2)), mesh, confidence, cut, 0.25)
    crop = np.linspace(0.05, 0.15, count)
    warps = WarpTrack(*shared, np.tile(np.eye(3), (count, 1, 1)), None, crop)
    return Sidecar(motion, Parameters(smoothness=0.8), warps, info.fingerprint, clip.name, writer="9.9")


def test_the_solver_is_aligned_by_time(pair: tuple[Path, Path]) -> None:
    # the compared part begins at the third frame and ends at the eleventh
    found = solver.solver_of(sidecar_for(pair[0]), 2 * 0.04, 8 * 0.04)
    kept, sure = found.curves["kept_percent"], found.curves["confidence"]
    assert kept.time_s == pytest.approx(0.04 * np.arange(9))
    assert kept.values == pytest.approx(100 - 100 * np.linspace(0.05, 0.15, COUNT)[2:11])
    assert np.flatnonzero(sure.values == 0).tolist() == [2, 3, 7]
    assert [(round(a, 5), round(b, 5)) for a, b in found.bands] == [(0.08, 0.16), (0.28, 0.32)]
    facts = dict(found.facts)
    assert facts["Weak frames"] == "3, their motion bridged"
    assert facts["Cuts found"] == "0.20 s"
    assert facts["Rolling shutter"] == "rows read out over 25% of the frame interval"
    assert facts["Crop by zoom"] == "15.0% of width and height at most, 10.0% on average"
    assert ("Smoothness", "smoothness", "0.8", False) in found.parameters
    assert [row[1] for row in found.parameters if not row[3]] == ["smoothness"]


def test_a_sidecar_joins_the_page(pair: tuple[Path, Path]) -> None:
    text = make.page_for(evaluation_of(*pair, 0.04 * np.arange(COUNT)), sidecar_for(pair[0]))
    data = json.loads(Page(text).scripts[0])
    plots = {plot["key"]: plot for plot in data["plots"]}
    assert [curve["key"] for curve in plots["confidence"]["curves"]] == ["solver", "after"]
    assert [curve["key"] for curve in plots["x_px"]["curves"]] == ["before", "after"]
    assert data["bands"] == [[0.16, 0.24], [0.36, 0.4]]
    assert "What the solver knows" in text


# -- the sentence and the table --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("readings", "sentence"),
    [
        ({"jitter_percent": (1.234, 0.0416), "fov": (None, 0.931)},
         "The shake fell from 1.2 % to 0.042 % of the diagonal; 93 % of width and height are kept."),
        ({"jitter_percent": (0.2, 0.6), "border_percent_max": (None, 3.14)},
         "The shake rose from 0.20 % to 0.60 % of the diagonal. A black border takes up to 3.1 % of a frame."),
        ({"jitter_percent": (12.0, 12.5), "border_percent_max": (None, 0.002)},
         "The shake stayed about the same, from 12 % to 12 % of the diagonal."),
        ({"jitter_percent": (0.0, 0.0)}, "The shake stayed about the same, from 0 % to 0 % of the diagonal."),
        ({"jitter_percent": (None, None), "fov": (None, 0.5)},
         "The shake could not be measured (too dark); 50 % of width and height are kept."),
        ({"jitter_percent": (1.0, float("nan"))}, "The shake could not be measured (too dark)."),
        ({}, "The shake could not be measured."),
    ],
)  # fmt: skip
def test_the_summary_says_what_the_figures_say(
    pair: tuple[Path, Path], readings: dict[str, tuple[float | None, float | None]], sentence: str
) -> None:
    known = {key: Reading(*values, "" if values[1] == values[1] and values[1] else "too dark")
             for key, values in readings.items()}  # fmt: skip
    evaluation = dataclasses.replace(evaluation_of(*pair, np.arange(3.0)), readings=known)
    assert summary.summary_of(evaluation) == sentence


def test_the_summary_of_a_sphere_speaks_of_rotation(pair: tuple[Path, Path]) -> None:
    evaluation = dataclasses.replace(
        evaluation_of(*pair, np.arange(3.0), "equirect"), readings={"rotation_jitter_deg": Reading(1.5, 0.05)}
    )
    assert summary.summary_of(evaluation) == "The shake fell from 1.5° to 0.050° of rotation."


def rows_of(evaluation: Evaluation) -> dict[str, str]:
    return dict(re.findall(r'<tr data-metric="(\w+)"[^>]*>(.*?)</tr>', tables.metrics_table(evaluation), re.S))


def test_every_metric_has_a_row_with_formula_and_source(pair: tuple[Path, Path]) -> None:
    for projection in ("rectilinear", "equirect"):
        rows = rows_of(evaluation_of(*pair, np.arange(3.0), projection))
        metrics = metrics_of(projection)
        assert sorted(rows) == sorted(metric.key for metric in metrics)
        for metric in metrics:
            for part in (metric.label, metric.formula, metric.source):
                assert tables.escape(part) in rows[metric.key]


def test_what_could_not_be_measured_never_looks_perfect(pair: tuple[Path, Path]) -> None:
    evaluation = evaluation_of(*pair, np.arange(3.0))
    readings = {metric.key: Reading(None, None, "no <texture>") for metric in metrics_of("rectilinear")}
    del readings["fov"]
    readings["jitter_px"] = Reading(float("nan"), float("nan"))
    readings["jerk_px"] = Reading(2.0, None, "too short")
    for key, row in rows_of(dataclasses.replace(evaluation, readings=readings)).items():
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row)[:-1]  # the last says which direction is better
        assert "better" not in "".join(cells)
        if key == "jerk_px":
            assert "2.00" in cells[0]
            assert "not measured" in cells[1]
            assert "too short" in cells[1]
            assert cells[2] == ""
        else:
            reason = {"fov": ": not part of this evaluation", "jitter_px": ""}.get(key, ": no &lt;texture&gt;")
            assert cells == [f"could not be measured{reason}"]


@pytest.mark.parametrize(
    ("key", "before", "after", "change"),
    [
        ("jitter_px", 2.0, 1.0, "−50 %, better"),
        ("jitter_px", 1.0, 1.5, "+50 %, worse"),
        ("stability_corrected", 0.5, 0.75, "+50 %, better"),
        ("stability_corrected", 0.8, 0.4, "−50 %, worse"),
        ("jitter_px", 1.0, 1.001, "no change"),
        ("jitter_px", 0.0, 0.0, "no change"),
        ("jitter_px", 0.0, 3.0, "more, worse"),
        ("itf_db", -2.0, -1.0, "+50 %, better"),
    ],
)
def test_a_change_is_judged_by_its_direction(
    pair: tuple[Path, Path], key: str, before: float, after: float, change: str
) -> None:
    evaluation = dataclasses.replace(evaluation_of(*pair, np.arange(3.0)), readings={key: Reading(before, after)})
    cells = re.findall(r"<td[^>]*>(.*?)</td>", rows_of(evaluation)[key])
    assert re.sub("<.*?>", "", cells[2]) == change


def test_small_figures_are_not_shown_as_nothing(pair: tuple[Path, Path]) -> None:
    evaluation = dataclasses.replace(
        evaluation_of(*pair, np.arange(3.0)), readings={"jitter_px": Reading(0.0, 0.0004), "itf_db": Reading(-0.001, 1)}
    )
    cells = re.findall(r"<td[^>]*>(.*?)</td>", rows_of(evaluation)["jitter_px"])
    assert cells[:2] == ["0.00", "&lt; 0.01"]
    assert "&gt; −0.01" in rows_of(evaluation)["itf_db"]


# -- the page --------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The tags of a page, its links, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action", "poster")
        ]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag == "script":
            self.scripts.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data


NASTY = "<script>alert(1)</script>&\"'<!--{{data}}--><img src=x onerror=alert(1)>\u2028"


def test_the_page_is_one_file_and_texts_are_inert(tmp_path: Path) -> None:
    clip = coded_clip(tmp_path / ("<img src=x onerror=alert(1)>&\"'.mp4"), range(COUNT), even(COUNT))
    plain = evaluation_of(clip, clip, 0.04 * np.arange(COUNT))
    readings = {key: dataclasses.replace(reading, note=NASTY) for key, reading in plain.readings.items()}
    evaluation = dataclasses.replace(plain, warnings=[NASTY], readings=readings)
    sidecar = dataclasses.replace(sidecar_for(clip), source_name=NASTY)
    text = make.page_for(evaluation, sidecar)
    found = Page(text)
    assert found.tags.count("script") == 2
    assert "img" not in found.tags
    assert found.handlers == []
    assert all(link.startswith("data:") for link in found.links)
    assert len([link for link in found.links if link.startswith("data:video/mp4;base64,")]) == 2
    assert not re.search(
        r"(https?:)?//[a-z]+\.[a-z]", re.sub(r"data:[^\"]*", "", text).replace("http://www.w3.org/2000/svg", "")
    )
    assert json.loads(found.scripts[0])["frames"] == pytest.approx([0.04 * n for n in range(COUNT)])
    videos = [base64.b64decode(link.partition(",")[2]) for link in found.links if "video/mp4" in link]
    assert [code for _, code in read_codes(videos[1])] == list(range(COUNT))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy.group(1).startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy.group(1)


def test_names_that_are_no_text_are_shown(tmp_path: Path) -> None:
    if sys.platform == "darwin" or sys.platform == "win32":
        pytest.skip("this system has names of text only")
    clip = coded_clip(tmp_path / "a.mp4", range(COUNT), even(COUNT))
    odd = tmp_path / b"caf\xe9.mp4".decode("utf-8", "surrogateescape")
    clip.rename(odd)
    text = make.page_for(evaluation_of(odd, odd, 0.04 * np.arange(COUNT)))
    assert "caf\ufffd.mp4" in text
    text.encode("utf-8")


def test_json_cannot_end_its_element() -> None:
    value = {"a": "</script><!-- <script> &amp; \u2028", "b": [1.5, None]}
    text = page.json_in_html(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_filling_a_template_looks_once() -> None:
    assert page.fill("{{a}} {{b}}", {"a": "{{b}}", "b": "<"}) == "{{b}} <"
    with pytest.raises(KeyError):
        page.fill("{{c}}", {})


# -- the command -----------------------------------------------------------------------------------------------------


def test_the_command_measures_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(3)
    scene = np.kron(rng.integers(40, 220, (40, 60)), np.ones((8, 8))).astype(np.uint8)
    chroma = np.full((48, 80), 128, np.uint8)
    count = 14

    def written(name: str, shake_px: int) -> Path:
        shifts = rng.integers(-shake_px, shake_px + 1, (count, 2))
        pictures = (
            (np.ascontiguousarray(scene[60 + dy : 156 + dy, 80 + dx : 240 + dx]), chroma, chroma) for dx, dy in shifts
        )
        return write_clip(tmp_path / name, ClipSpec(size=SIZE, count=count, options={"crf": "8"}), pictures)

    original, stabilized = written("walk.mp4", 6), written("walk_steady.mp4", 0)
    assert cli.main(["report", str(original), str(stabilized), "--progress", "json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    page_file = tmp_path / "walk_steady_report.html"
    assert events[-1]["event"] == "result"
    assert events[-1]["output"] == str(page_file)
    assert {event["stage"] for event in events if event["event"] == "progress"} == {"evaluate", "report"}
    done = [event for event in events if event["event"] == "progress" and event["stage"] == "report"][-1]
    assert done["frame"] == done["frames"] == 2 * count
    text = page_file.read_text(encoding="utf-8")
    before, after = (json.loads(Page(text).scripts[0])["plots"][0]["curves"][n]["values"] for n in (0, 1))
    assert np.ptp(before) > 4 > 0.5 > np.ptp(after)
    assert "The shake fell" in text or "could not be measured" in text
    assert events[-1]["figures"]["page_mb"] == pytest.approx(len(text) / 1e6, abs=0.01)


def test_existing_output_is_refused_and_kept(pair: tuple[Path, Path], tmp_path: Path, judged: list[Path]) -> None:
    output = tmp_path / "a.html"
    output.write_text("mine")
    with pytest.raises(OutputError, match=r"a\.html' exists"):
        make.make_report(*pair, output)
    assert output.read_text() == "mine"
    assert judged == []  # before the slow part
    make.make_report(*pair, output, overwrite=True)
    assert output.read_text().startswith("<!doctype html>")


def test_an_input_is_never_the_output(pair: tuple[Path, Path], tmp_path: Path, judged: list[Path]) -> None:
    sidecar = tmp_path / "shaky.vstab"
    write_sidecar(sidecar, sidecar_for(pair[0]))
    link = tmp_path / "link.html"
    link.symlink_to(pair[1])
    before = [path.read_bytes() for path in (*pair, sidecar)]
    for output in (*pair, sidecar, link):
        with pytest.raises(OutputError, match=r"is (an|the) input"):
            make.make_report(*pair, output, sidecar=sidecar, overwrite=True)
    assert [path.read_bytes() for path in (*pair, sidecar)] == before
    assert judged == []


def test_a_missing_folder_is_refused(pair: tuple[Path, Path], tmp_path: Path, judged: list[Path]) -> None:
    with pytest.raises(OutputError, match=r"the folder of output .* does not exist"):
        make.make_report(*pair, tmp_path / "none" / "a.html")
    assert judged == []


def test_a_sidecar_of_another_clip_is_refused(pair: tuple[Path, Path], tmp_path: Path, judged: list[Path]) -> None:
    other = coded_clip(tmp_path / "other.mp4", range(40, 40 + COUNT), even(COUNT))
    sidecar = tmp_path / "other.vstab"
    write_sidecar(sidecar, sidecar_for(other))
    with pytest.raises(SidecarError, match=r"sidecar belongs to 'other\.mp4'.*not to 'shaky\.mp4'"):
        make.make_report(*pair, tmp_path / "a.html", sidecar=sidecar)
    assert judged == []
    assert not (tmp_path / "a.html").exists()


def test_a_missing_clip_leaves_nothing(pair: tuple[Path, Path], tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"none\.mp4' does not exist"):
        make.make_report(pair[0], tmp_path / "none.mp4", tmp_path / "a.html")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("at", [0, 1, COUNT + 2, 2 * COUNT])
def test_cancelling_leaves_nothing(pair: tuple[Path, Path], tmp_path: Path, judged: list[Path], at: int) -> None:
    before = sorted(tmp_path.iterdir())

    def stop(stage: str, frame: int, frames: int) -> None:
        assert (stage, frames) == ("report", 2 * COUNT)
        if frame >= at:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        make.make_report(*pair, tmp_path / "a.html", on_progress=stop)
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_is_told_and_leaves_nothing(
    pair: tuple[Path, Path], tmp_path: Path, judged: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(tmp_path.iterdir())

    def write(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write)
    with pytest.raises(OutputError, match="the disk is full"):
        make.make_report(*pair, tmp_path / "a.html")
    assert sorted(tmp_path.iterdir()) == before


def test_the_help_names_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["report", "--help"])
    text = capsys.readouterr().out
    for word in ("ORIGINAL", "STABILIZED", "--sidecar", "--output", "--overwrite"):
        assert word in text


def test_codes_are_read_as_written() -> None:
    assert [code_of(coded(index)[0]) for index in range(256)] == list(range(256))
