"""`vstab eval` and `vstab metrics` as people and programs call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from clips import ClipSpec, write_clip
from scenes import HEIGHT, WIDTH, Luma, look, sway, texture, zoomed
from tolerances import CROP

from vstab_core.cli import main
from vstab_core.command.metrics import markdown
from vstab_core.evaluation.bitrate import bitrate
from vstab_core.evaluation.metrics import METRICS

ROOT = Path(__file__).parents[1]
COUNT = 50


def write_luma(path: Path, pictures: list[Luma], codec: str = "ffv1") -> Path:
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    spec = ClipSpec(size=(HEIGHT, WIDTH), codec=codec, rate=Fraction(30), count=len(pictures))
    return write_clip(path, spec, ((picture, grey, grey) for picture in pictures))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, scene = tmp_path_factory.mktemp("eval"), texture()
    shaky = [look(scene, x) for x in sway(COUNT, 3.0, 2.0)]
    return write_luma(folder / "a.mkv", shaky), write_luma(folder / "b.mkv", [zoomed(look(scene), 1.1)] * COUNT)


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    status = main([str(word) for word in words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_json_holds_every_metric(capsys: pytest.CaptureFixture[str], clips: tuple[Path, Path]) -> None:
    status, out, _ = run(capsys, "eval", *clips, "--json", "--progress", "none")
    assert status == 0
    found = json.loads(out)
    metrics = found["metrics"]
    assert list(metrics) == [metric.key for metric in METRICS if "rectilinear" in metric.projections]
    assert metrics["jitter_px"]["before"] == pytest.approx(2.0, rel=0.05)
    assert metrics["jitter_px"]["after"] < 0.05
    assert metrics["cropping_ratio"]["value"] == pytest.approx(1 / 1.1, abs=CROP)
    assert metrics["pan_retention"] == {
        "unit": "", "better": "neither", "value": None, "note": "the original does not pan"
    }  # fmt: skip
    assert (found["frames_compared"], found["projection"], found["cuts"]) == (COUNT, "rectilinear", [])
    assert found["original"]["frames"] == COUNT


def test_the_table_is_for_people(capsys: pytest.CaptureFixture[str], clips: tuple[Path, Path]) -> None:
    status, out, _ = run(capsys, "eval", *clips, "--progress", "none")
    assert status == 0
    shake = next(line for line in out.splitlines() if line.lstrip().startswith("shake "))
    assert shake.split()[1].startswith("0.7")  # 2 px of a diagonal of 257
    assert shake.endswith("lower is better")
    assert "jerk" not in out
    everything = run(capsys, "eval", *clips, "--all", "--progress", "none")[1]
    assert "jerk" in everything
    assert "pan kept [2]" in everything
    assert "not measurable" in everything
    assert "[2] the original does not pan" in everything


def test_a_host_gets_lines(capsys: pytest.CaptureFixture[str], clips: tuple[Path, Path]) -> None:
    status, out, _ = run(capsys, "eval", *clips, "--progress", "json")
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["event"] == "started"
    assert (lines[0]["input"], lines[0]["stabilized"]) == tuple(str(clip) for clip in clips)
    assert {line["stage"] for line in lines if line["event"] == "progress"} == {"evaluate"}
    assert lines[-1]["event"] == "result"
    assert lines[-1]["figures"]["metrics"]["cropping_ratio"]["value"] == pytest.approx(1 / 1.1, abs=CROP)


def test_a_missing_frame_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    scene = texture()
    pictures = [look(scene, x) for x in np.linspace(-5, 5, 20)]
    whole, cut = write_luma(tmp_path / "a.mkv", pictures), write_luma(tmp_path / "b.mkv", pictures[:-2])
    status, out, err = run(capsys, "eval", whole, cut, "--json", "--progress", "none")
    assert status == 0
    assert json.loads(out)["frames_compared"] == 18
    assert "the original has 20 frames at 30 fps, the stabilized 18 at 30" in err


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.write_text("no video"), "is not a media file"),
    ],
)
def test_what_cannot_be_read_is_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    clips: tuple[Path, Path],
    make: Callable[[Path], object],
    words: str,
) -> None:
    bad = tmp_path / "bad.mp4"
    make(bad)
    status, out, err = run(capsys, "eval", clips[0], bad)
    assert status == 3
    assert out == ""
    assert f"'{bad}' {words}" in err


def test_too_short_clips_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    short = write_luma(tmp_path / "a.mkv", [look(texture())] * 9)
    status, _, err = run(capsys, "eval", short, short)
    assert status == 3
    assert "at least 10 frames that show the same moment, got 9" in err


def test_a_steady_clip_costs_fewer_bytes_and_an_equal_one_the_same(clips: tuple[Path, Path]) -> None:
    for row in bitrate(*clips):
        assert row.frames == COUNT
        assert row.stabilized_bytes < 0.8 * row.original_bytes
    for row in bitrate(clips[0], clips[0]):
        assert row.stabilized_bytes == row.original_bytes


def test_bitrate_is_in_the_table_when_asked_for(capsys: pytest.CaptureFixture[str], clips: tuple[Path, Path]) -> None:
    out = run(capsys, "eval", *clips, "--bitrate", "--progress", "none")[1]
    line = next(line for line in out.splitlines() if line.startswith("  QP 24"))
    assert line.endswith(" %")
    assert float(line.split()[-2]) < -30


def test_the_page_of_metrics_is_not_stale() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == markdown() + "\n", "run: .venv/bin/vstab metrics --markdown > docs/metrics.md"


def test_every_metric_states_what_it_is() -> None:
    assert len({metric.key for metric in METRICS}) == len(METRICS)
    for metric in METRICS:
        assert metric.formula
        assert metric.source
        assert metric.label
