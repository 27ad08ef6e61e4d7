"""The README's figures are those of the result files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.readme import BEGIN, END, SOURCES, figures, load, main, replaced

MACHINE = {"date": "2026-01-02", "cores": 2, "cpu": "a processor"}
EMPTY: dict = {name: {} for name in SOURCES}
SPEED = {
    "machine": MACHINE,
    "clip": {"frames": 300},
    "jobs": {"vstab": {"cpu_to_transcode_pyav": 1.4}, "vidstab": {"cpu_to_transcode_pyav": 2.5}},
}
CONTEST = {
    "clips": 16, "lower_shake": 12, "as_much_picture": 10, "distortion_no_worse": 11, "all_three": 9,
    "lower_shake_with_as_much_picture": 10, "mean_cropping_ratio": [0.91, 0.88],
    "lost": {"shaky/night": ["lower_shake"]},
}  # fmt: skip
QUALITY = {
    "judge": "abc",
    "machine": {**MACHINE, "date": "2026-01-03"},
    "summary": {
        "head_to_head": {"vstab": {"vidstab": CONTEST}},
        "elsewhere": {"vidstab": {"clips": 3, "worst_percent": 12.3}, "vstab": {"clips": 0}},
    },
}


def test_the_readme_is_not_stale() -> None:
    assert main(["--check"]) == 0, "run `python -m benchmarks.readme`"


def test_a_stale_readme_is_told_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN} -->\nold\n{END}\nafter\n")
    (tmp_path / "speed.json").write_text(json.dumps(SPEED))
    words = ["--readme", str(readme), "--results", str(tmp_path)]
    assert main([*words, "--check"]) == 1
    assert "python -m benchmarks.readme" in capsys.readouterr().err
    assert "old" in readme.read_text()
    assert main(words) == 0
    assert main([*words, "--check"]) == 0
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| 1.40 x (vid.stab 2.50 x) | 1.35 x |" in text


def test_without_result_files_there_is_no_table(tmp_path: Path) -> None:
    assert figures(load(tmp_path)).splitlines()[1:] == [END]


def test_a_missing_figure_leaves_its_row_out() -> None:
    text = figures({**EMPTY, "speed": SPEED})
    assert "two passes, 300 frames" in text
    assert "streaming" not in text
    assert "memory, 1080p" not in text


def test_where_it_loses_is_said_from_the_data() -> None:
    text = figures({**EMPTY, "quality": QUALITY})
    assert "12 of 16; with as much picture too: 10" in text
    assert "Where vid.stab is steadier: night." in text
    assert "on 3 clips, up to 12 % of a frame; vstab" in text.replace("\n", " ")
    won = {**CONTEST, "lost": {}}
    summary = {**QUALITY["summary"], "head_to_head": {"vstab": {"vidstab": won}}}  # type: ignore[dict-item]
    assert "steadier" not in figures({**EMPTY, "quality": {**QUALITY, "summary": summary}})


def test_files_of_different_days_are_named_apart() -> None:
    text = figures({**EMPTY, "quality": QUALITY, "speed": SPEED}).replace("\n", " ")
    assert "quality: 2026-01-03, 2 cores of a processor; speed: 2026-01-02" in text


def test_a_readme_without_the_comments_is_refused() -> None:
    with pytest.raises(ValueError, match="figures: begin"):
        replaced("nothing here", "")


def test_360_clips_have_a_part_of_their_own() -> None:
    plain = {"pure": True, "rms_deg": 0.01, "key_median_deg": 0.02, "tremble_rotation_deg": 0.004,
             "tremble_deformed_deg": 0.005}  # fmt: skip
    skewed = {**plain, "tremble_rotation_deg": 0.04, "tremble_deformed_deg": 0.01}
    walking = {**skewed, "pure": False, "rms_deg": 0.12, "key_median_deg": None, "tremble_deformed_deg": 0.03}
    cases = {
        "walk": plain,
        "shutter_up": skewed,
        "moving": walking,
        "moving_shutter": walking,
        "moving_people": walking,
    }
    times = {"cpu_ms": {"track": 4.0, "pixels": 5.0}, "cpu_sum_ms": 9.0, "wall_ms": 5.5, "aim_ms": 8.0}
    sizes = {"1920": {"pixel_format": "yuv420p", "deformed": times, "rotation": {**times, "aim_ms": None}}}
    data = {
        **EMPTY,
        "accuracy360": {"machine": MACHINE, "cases": cases},
        "speed360": {"machine": MACHINE, "load_at_start": 2.0, "sizes": sizes},
    }
    text = figures(data)
    assert "**360 clips**" in text
    assert "| up to 0.010°; rolling shutter up to 0.010° | 0.1° |" in text
    assert "rolling shutter 75 to 75 % less; walking 25.0 %, with a rolling shutter 25.0 %" in text
    assert "| 1920x960 8-bit, deformed | 4.0 | 5.0 | 9.0 | 5.5 | 8 |" in text
    assert "The machine was busy" in text
    assert "memory, 7680x3840" not in text
