"""The figures of the networks' benchmark, its page and its part of the README, on figures written by hand."""

from __future__ import annotations

import pytest

from benchmarks.methods import BY_NAME, chosen
from benchmarks.networks import NAMES, shake_left, slim, summarise
from benchmarks.networks_page import beside_klt, methods_table, page
from benchmarks.readme import SOURCES, figures

METHODS = ["vidstab", "klt_equal", "cnn_equal"]


def judged(shake: float | None, crop: float = 0.9, distortion: float = 0.999, cpu_s: float | None = 2.0) -> dict:
    after = {"jitter_percent": shake, "cropping_ratio": crop, "distortion": distortion, "wobble_px": 0.5,
             "sharpness_ratio": 0.8, "itf_db": 30.0}  # fmt: skip
    cost = {} if cpu_s is None else {"cpu_s": cpu_s}
    return {"before": {"jitter_percent": 2.0, "wobble_px": 1.0}, "after": after, "cost": cost, "max_crop": 0.1}


def clips() -> dict:
    rows = {
        "shaky/a": [judged(0.4, cpu_s=None), judged(0.2), judged(0.19)],
        "shaky/b": [judged(0.4, 0.8), judged(0.8), judged(0.8 * 1.029, cpu_s=4.0)],
        "shaky/c": [judged(1.0, 0.7), judged(0.8), judged(0.88, 0.6, 0.99)],
        "shaky/d": [judged(0.1), {"error": "no frames", "max_crop": 0.1}, judged(0.001)],
    }
    return {
        name: {"clip": {"frames": 100}, "methods": dict(zip(METHODS, row, strict=True))} for name, row in rows.items()
    }


def result() -> dict:
    found = clips()
    return {
        "machine": {"date": "2026-01-02", "cores": 2, "cpu": "a processor", "commit": "abc"},
        "load_at_start": 0.1,
        "jobs": 1,
        "methods": {name: {"label": BY_NAME[name].label, "what": BY_NAME[name].what} for name in METHODS},
        "summary": summarise(found, METHODS),
        "clips": {name: slim(entry) | {"shake_left": shake_left(found)[name]} for name, entry in found.items()},
    }


def test_shake_left_is_a_share_of_the_sources_own() -> None:
    left = shake_left(clips())
    assert left["shaky/b"]["vidstab"] == pytest.approx(0.2)
    assert left["shaky/d"]["klt_equal"] is None


def test_all_figures_are_of_the_clips_that_every_method_was_measured_on() -> None:
    summary = summarise(clips(), METHODS)
    assert (summary["clips"], summary["left_out"]) == (3, ["shaky/d"])
    klt, peer = summary["methods"]["klt_equal"], summary["methods"]["vidstab"]
    assert klt["shake_left_median"] == 0.4
    assert klt["shake_left_geometric_mean"] == pytest.approx((0.1 * 0.4 * 0.4) ** (1 / 3), rel=1e-4)
    assert klt["shake_left_worst"] == 0.4
    assert (peer["shake_left_worst"], peer["worst_clip"]) == (0.5, "shaky/c")
    assert klt["less_shake_than_peer"] == 2
    assert peer["kept_mean"] == pytest.approx(0.8)
    assert summary["methods"]["cnn_equal"]["distortion_worst"] == 0.99
    assert summary["methods"]["cnn_equal"]["distortion_median"] == 0.999


def test_processor_time_is_of_all_frames_and_nothing_where_one_is_missing() -> None:
    found = summarise(clips(), METHODS)["methods"]
    assert found["cnn_equal"]["cpu_ms_a_frame"] == pytest.approx(1e3 * (2 + 4 + 2) / 300, rel=1e-4)
    assert found["vidstab"]["cpu_ms_a_frame"] is None


def test_a_network_is_worse_than_klt_from_three_percent_on() -> None:
    found = summarise(clips(), METHODS)["beside_klt"]["cnn_equal"]
    assert found["klt"] == "klt_equal"
    assert found["less_shake"] == {"shaky/a": 0.95}
    assert found["more_shake"] == {"shaky/c": 1.1}
    assert found["more_distortion"] == ["shaky/c"]
    assert beside_klt(result())[0].endswith(
        "over 3 % less shake on 1 of 3 clips, over 3 % more on 1: c (+10 %). More distortion: c."
    )


def test_without_a_common_clip_there_is_no_figure() -> None:
    summary = summarise({"shaky/d": clips()["shaky/d"]}, METHODS)
    assert (summary["clips"], summary["methods"]) == (0, {})
    assert len(methods_table({**result(), "summary": summary})) == 2


def test_the_page_has_every_clip_the_crop_and_what_failed() -> None:
    text = page(result())
    assert "| shaky/a | 2.000 | 0.100 | 20.0 (90.0) | 10.0 (90.0) | **9.5** (90.0) |" in text
    assert "| shaky/d | 2.000 | 0.100 | 5.0 (90.0) | failed | **0.1** (90.0) |" in text
    assert "Left out, as not everybody's result could be made and measured: shaky/d." in text
    widths = {line.count("|") for line in text.split("## Clip by clip")[1].splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_only_main_metrics_are_written() -> None:
    found = slim(clips()["shaky/a"])["methods"]["klt_equal"]
    assert "itf_db" not in found["after"]
    assert found["after"]["cropping_ratio"] == 0.9


def test_the_readme_has_the_table_once_there_is_a_result() -> None:
    empty: dict = {name: {} for name in SOURCES}
    assert "networks" not in figures(empty | {"networks": {}})
    text = figures(empty | {"networks": result()})
    assert "| klt, two passes | 40.0 % | 25.2 % | 40.0 % (b) | 2 of 3 | 90.0 % | 0.80 |" in text
    assert "busy" not in text
    assert "The machine was busy" in figures(empty | {"networks": {**result(), "jobs": 2}}).replace("\n", " ")


def test_the_usual_quality_run_stays_as_it_is_and_these_name_their_method() -> None:
    ours = set(NAMES) - {"vidstab"}
    assert not ours & {method.name for method in chosen(None)}
    for name in ours:
        words = BY_NAME[name].commands[-1]
        assert words[words.index("--method") + 1] == name.split("_")[0]
        assert words[words.index("--max-crop") + 1] == "{max_crop}"
        assert ("--streaming" in words) == name.endswith("_live")
