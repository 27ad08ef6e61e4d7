"""Wins, head-to-heads and the page of the quality benchmark, on figures written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.methods import METHODS, budget, chosen
from benchmarks.quality import footage, verdicts
from benchmarks.quality_page import page
from benchmarks.verdict import BY_KEY, MAIN, beside, summarise, uncertainty, unharmed, winners

GOOD = {"jitter_percent": 0.1, "cropping_ratio": 0.9, "distortion": 0.999, "outside_frames": 0.0, "wobble_px": 0.5}


def judged(before: float = 1.0, **figures: float | None) -> dict:
    return {"before": {"jitter_percent": before, "wobble_px": 1.0}, "after": {**GOOD, **figures}}


def clips() -> dict:
    stale = judged(outside_frames=3.0, outside_percent_max=6.0)
    return {
        "shaky/a": {"methods": {"vidstab": judged(jitter_percent=0.2), "vstab": judged()}},
        "shaky/b": {"methods": {"vidstab": stale, "vstab": judged(cropping_ratio=0.8)}},
        "shaky/c": {"methods": {"vidstab": judged(), "vstab": {"error": "no frames"}}},
        "steady/d": {"methods": {"vidstab": judged(0.01, jitter_percent=0.2), "vstab": judged(0.1)}},
    }


def test_the_best_wins_in_the_metrics_direction() -> None:
    values = {"one": 0.1, "two": 0.5, "three": None}
    assert winners(BY_KEY["jitter_percent"], values) == {"one"}
    assert winners(BY_KEY["cropping_ratio"], values) == {"two"}


def test_a_tie_within_the_uncertainty_is_shared_and_one_beyond_it_is_not() -> None:
    metric = BY_KEY["jitter_percent"]
    within, beyond = 1 + 0.9 * uncertainty(metric.key, 1), 1 + 1.1 * uncertainty(metric.key, 1)
    assert winners(metric, {"one": 1.0, "two": within, "three": beyond}) == {"one", "two"}


def test_a_clip_on_which_the_measure_errs_more_has_wider_ties() -> None:
    values = {"one": 1.0, "two": 1.2}
    assert winners(BY_KEY["jitter_rotation_deg"], values, {"jitter_rotation_deg": -0.25}) == {"one", "two"}
    assert winners(BY_KEY["jitter_rotation_deg"], values, {"jitter_rotation_deg": 0.001}) == {"one"}
    assert winners(BY_KEY["distortion"], {"one": 0.99, "two": 0.98}, {"distortion": -0.011}) == {"one", "two"}


def test_nobody_wins_alone_or_where_no_direction_is_good() -> None:
    assert winners(BY_KEY["jitter_percent"], {"one": 1.0, "two": None}) == set()
    assert winners(BY_KEY["bend_px"], {"one": 1.0, "two": 2.0}) == set()


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ({}, "lower_shake"),  # equal is not lower
        ({"jitter_percent": 0.05, "cropping_ratio": 0.89}, "as_much_picture"),
        ({"jitter_percent": 0.05, "distortion": 0.99}, "distortion_no_worse"),
    ],
)
def test_a_clip_is_lost_by_any_one_question(change: dict, lost: str) -> None:
    found = beside({**GOOD, **change}, GOOD)
    assert found is not None
    assert not found[lost]
    assert not found["all_three"]


def test_all_three_within_the_allowances() -> None:
    ours = {**GOOD, "jitter_percent": 0.09, "cropping_ratio": 0.8985, "distortion": 0.9975}
    assert beside(ours, GOOD) == dict.fromkeys(
        ("lower_shake", "as_much_picture", "distortion_no_worse", "all_three"), True
    )


def test_what_could_not_be_measured_has_no_verdict() -> None:
    assert beside({**GOOD, "distortion": None}, GOOD) is None
    assert unharmed({"before": {}, "after": {"jitter_percent": 1.0}}) is None


def test_the_summary_counts_shaky_clips_apart_from_steady_ones() -> None:
    summary = summarise(clips(), ["vidstab", "vstab"])
    assert (summary["shaky_clips"], summary["steady_clips"]) == (3, 1)
    found = summary["head_to_head"]["vstab"]["vidstab"]
    assert (found["clips"], found["lower_shake"], found["as_much_picture"], found["all_three"]) == (2, 1, 1, 1)
    assert found["lost"] == {"shaky/b": ["lower_shake", "as_much_picture"]}
    assert summary["steady_unharmed"] == {"vidstab": 0, "vstab": 1}
    assert summary["elsewhere"]["vidstab"] == {"clips": 1, "frames": 3, "worst_percent": 6.0}
    shake = summary["metrics"]["jitter_percent"]
    assert shake["contested"] == 2  # where vstab failed, vid.stab has nobody to win against
    assert shake["methods"]["vidstab"] == {"measured": 3, "median": 0.1, "worst": 0.2, "wins": 1}
    assert shake["methods"]["original"]["median"] == 1.0


def test_the_page_has_every_clip_and_says_what_failed() -> None:
    entries = {name: {**entry, "verdicts": verdicts(entry["methods"])} for name, entry in clips().items()}
    methods = {
        m.name: {"label": m.label, "what": m.what, "ours": m.ours} for m in METHODS if m.name in ("vidstab", "vstab")
    }
    head = {"date": "2026-01-02", "cores": 2, "cpu": "a processor", "ffmpeg": "5", "commit": "abc"}
    text = page({
        "machine": head, "methods": methods, "uncertainty": {}, "clips": entries,
        "summary": summarise(entries, methods),
    })  # fmt: skip
    assert all(name in text for name in entries)
    assert "| vstab | failed |" in text
    assert "| shaky/b | 3 (6.0 %) |  |" in text
    widths = {line.count("|") for line in text.split("## Clip by clip")[1].splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_verdicts_leave_out_who_failed() -> None:
    found = verdicts(clips()["shaky/c"]["methods"])
    assert found["head_to_head"] == {}
    assert set(found["wins"]) == {metric.key for metric in MAIN}


@pytest.mark.parametrize(("ratio", "crop"), [(0.9, 0.1), (1.0, 0.005), (0.3, 0.5)])
def test_the_budget_is_what_the_peer_cut_off(ratio: float, crop: float) -> None:
    assert budget(ratio) == pytest.approx(crop)


def test_a_method_brings_the_one_it_takes_its_crop_from() -> None:
    assert [method.name for method in chosen(["vstab_equal"])] == ["vidstab", "vstab_equal"]
    assert "vstab_norolling" not in [method.name for method in chosen(None)]
    with pytest.raises(KeyError, match="unknown method gyroflow; choose from: vidstab"):
        chosen(["gyroflow"])


def test_commands_have_their_files_in_their_places() -> None:
    files = {"source": Path("in.mp4"), "output": Path("out.mp4"), "scratch": Path("motion.trf")}
    for method in METHODS:
        commands = method.filled(files, 0.1)
        words = [word for command in commands for word in command]
        assert "in.mp4" in words
        assert "out.mp4" in commands[-1]
        assert not any("{" in word for word in words)


def test_clips_of_a_folder_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "steady").mkdir()
    for name in ("a.mp4", "a.MOV", "notes.txt", "steady/b.mkv"):
        (tmp_path / name).touch()
    assert sorted(footage(tmp_path)) == ["a", "a.mp4", "steady/b"]
