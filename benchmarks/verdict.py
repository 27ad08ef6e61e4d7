"""Who is better: wins per metric, the head-to-head of ours against a peer, and what counts as harm.

Everything here works on plain figures: `clips[name]["methods"][method]["before" | "after"][metric]`.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.methods import BY_NAME
from vstab_core.evaluation.metrics import METRICS, Metric, metrics_of

MAIN = [metric for metric in metrics_of("rectilinear") if metric.main]
BY_KEY = {metric.key: metric for metric in METRICS}

# What the measure is uncertain by at least: (absolute, share of the value), the greater counts. From a change known
# exactly, a cut by a tenth and enlargement (`--noise`, "largest" in quality.json): nearly all shaky clips are within
# 3 % in shake and 5 % in rotation, all within 0.0004 in crop and 0.002 in distortion; wobble, which grows towards the
# edges, was off by 7 and 21 % on the two clips looked at. Where parallax is strong rotation is off by a third. So where
# --noise was run, a clip's own error counts if it is greater. Picture from elsewhere is told from 0.5 % of a frame on
# (`evaluation/geometry.py`), a border from 0.01 %. Others: 2 %.
UNCERTAIN: dict[str, tuple[float, float]] = {
    "jitter_percent": (0.003, 0.03),
    "jitter_px": (0.05, 0.03),
    "jitter_rotation_deg": (0.005, 0.05),
    "jitter_zoom_percent": (0.005, 0.03),
    "wobble_px": (0.02, 0.1),
    "stability_literature": (0.01, 0.0),
    "stability_min": (0.01, 0.0),
    "stability_corrected": (0.03, 0.0),
    **dict.fromkeys(("cropping_ratio", "cropping_worst", "cropping_literature", "fov", "fov_area"), (0.002, 0.0)),
    **dict.fromkeys(("distortion", "distortion_p1", "distortion_literature"), (0.002, 0.0)),
    **dict.fromkeys(("border_percent_max",), (0.01, 0.0)),
    **dict.fromkeys(("outside_percent_max",), (0.5, 0.0)),
    **dict.fromkeys(("outside_frames", "border_frames"), (0.0, 0.0)),
}
OTHERS = (0.0, 0.02)
# What compression alone makes of a still camera, percent of the diagonal. For "does no harm" only.
STILL_JITTER = 0.03
ENLARGED = 1.05  # a zoom enlarges the shake that is left

QUESTIONS = ("lower_shake", "as_much_picture", "distortion_no_worse")


def uncertainty(metric: str, value: float, error: Mapping[str, float] | None = None) -> float:
    """Return what a figure is uncertain by.

    Args:
        metric: its key.
        value: the figure.
        error: the measure's own error on this clip, by metric, from `quality.noise_of`: a share of the value where the
            metric's uncertainty is one, else absolute.
    """
    absolute, share = UNCERTAIN.get(metric, OTHERS)
    own = abs((error or {}).get(metric, 0.0))
    if share:
        return max(absolute, max(share, own) * abs(value))
    return max(absolute, own)


def winners(metric: Metric, values: Mapping[str, float | None], error: Mapping[str, float] | None = None) -> set[str]:
    """Return which methods have won a clip: the best, and whoever is within the uncertainty of it.

    Where the metric has no good direction, or fewer than two methods could be measured, nobody wins.
    """
    known = {name: value for name, value in values.items() if value is not None}
    if metric.better == "neither" or len(known) < 2:
        return set()
    best = max(known.values()) if metric.better == "higher" else min(known.values())
    return {name for name, value in known.items() if abs(value - best) <= uncertainty(metric.key, best, error)}


def beside(ours: Mapping[str, float | None], theirs: Mapping[str, float | None]) -> dict[str, bool] | None:
    """Answer the three questions of one clip, and whether all three are answered by yes; None if not measurable.

    Lower shake means lower, without an allowance; as much picture (cropping ratio) and no more distortion allow what
    the measure is uncertain by.
    """
    keys = ("jitter_percent", "cropping_ratio", "distortion")
    our, their = [ours.get(key) for key in keys], [theirs.get(key) for key in keys]
    if None in our or None in their:
        return None
    found = {
        "lower_shake": our[0] < their[0],
        "as_much_picture": our[1] >= their[1] - uncertainty("cropping_ratio", their[1]),
        "distortion_no_worse": our[2] >= their[2] - uncertainty("distortion", their[2]),
    }
    return found | {"all_three": all(found.values())}


def unharmed(judged: Mapping[str, Any]) -> bool | None:
    """Whether an output shakes no more than its original did; None if not measurable."""
    before, after = judged["before"].get("jitter_percent"), judged["after"].get("jitter_percent")
    if before is None or after is None:
        return None
    return bool(after <= ENLARGED * before + STILL_JITTER)


def is_steady(name: str) -> bool:
    """Whether a clip is there to be left alone: those in a folder called `steady`."""
    return name.startswith("steady/")


def figures(clips: Mapping[str, Any], key: str, which: str = "after") -> dict[str, dict[str, float | None]]:
    """Return a metric's figures: by clip, by method. A method that failed has None."""
    return {
        name: {method: judged.get(which, {}).get(key) for method, judged in entry["methods"].items()}
        for name, entry in clips.items()
    }


def summarise(clips: Mapping[str, Any], methods: Iterable[str]) -> dict[str, Any]:
    """Count over the clips: medians, worst and wins of each metric, the head-to-heads, harm, picture from elsewhere."""
    methods = list(methods)
    shaky = {name: entry for name, entry in clips.items() if not is_steady(name)}
    steady = {name: entry for name, entry in clips.items() if is_steady(name)}
    contests = [(o, p) for o in methods if BY_NAME[o].ours for p in methods if not BY_NAME[p].ours]
    head_to_head: dict[str, dict[str, Any]] = {}
    for ours, peer in contests:
        head_to_head.setdefault(ours, {})[peer] = _head_to_head(shaky, ours, peer)
    return {
        "shaky_clips": len(shaky),
        "steady_clips": len(steady),
        "metrics": {metric.key: _metric(metric, shaky, methods) for metric in METRICS if _has(metric, shaky)},
        "head_to_head": head_to_head,
        "gain_median": {method: _gain(shaky, method) for method in methods},
        "steady_unharmed": {method: _unharmed(steady, method) for method in methods},
        "elsewhere": {method: _elsewhere(clips, method) for method in methods},
    }


def _has(metric: Metric, clips: Mapping[str, Any]) -> bool:
    return any(value is not None for row in figures(clips, metric.key).values() for value in row.values())


def _metric(metric: Metric, clips: Mapping[str, Any], methods: list[str]) -> dict[str, Any]:
    after = figures(clips, metric.key)
    won = {name: winners(metric, values, clips[name].get("error")) for name, values in after.items()}
    contested = sum(bool(names) for names in won.values())
    columns = {method: [values.get(method) for values in after.values()] for method in methods}
    if metric.of_each:  # of the original; it is the same whichever method is compared, as far as frames are
        before = figures(clips, metric.key, "before").values()
        columns = {"original": [next((v for v in row.values() if v is not None), None) for row in before]} | columns
    found = {}
    for method, values in columns.items():
        known = [value for value in values if value is not None]
        found[method] = {
            "measured": len(known),
            "median": _rounded(statistics.median(known)) if known else None,
            "worst": _worst(metric, known),
        }
        if metric.better != "neither" and method != "original":
            found[method]["wins"] = sum(method in names for names in won.values())
    return {"contested": contested, "methods": found}


def _worst(metric: Metric, values: list[float]) -> float | None:
    if not values or metric.better == "neither":
        return None
    return _rounded(min(values) if metric.better == "higher" else max(values))


def _head_to_head(clips: Mapping[str, Any], ours: str, peer: str) -> dict[str, Any]:
    answers = {}
    for name, entry in clips.items():
        judged = entry["methods"]
        found = beside(judged.get(ours, {}).get("after", {}), judged.get(peer, {}).get("after", {}))
        if found is not None:
            answers[name] = found
    keys = (*QUESTIONS, "all_three")
    crops = {who: [clips[name]["methods"][who]["after"]["cropping_ratio"] for name in answers] for who in (ours, peer)}
    return {
        "clips": len(answers),
        **{key: sum(found[key] for found in answers.values()) for key in keys},
        "lower_shake_with_as_much_picture": sum(f["lower_shake"] and f["as_much_picture"] for f in answers.values()),
        "mean_cropping_ratio": [_rounded(statistics.fmean(crops[who])) if answers else None for who in (ours, peer)],
        "lost": {
            name: [key for key in QUESTIONS if not found[key]]
            for name, found in answers.items()
            if not found["all_three"]
        },
    }


def _gain(clips: Mapping[str, Any], method: str) -> float | None:
    """Return how many times less it shakes, the median over clips; a mean would be that of the easiest ones."""
    gains = []
    for entry in clips.values():
        judged = entry["methods"].get(method, {})
        before = judged.get("before", {}).get("jitter_percent")
        after = judged.get("after", {}).get("jitter_percent")
        if before and after:
            gains.append(before / after)
    return _rounded(statistics.median(gains)) if gains else None


def _unharmed(clips: Mapping[str, Any], method: str) -> int:
    judged = [entry["methods"].get(method, {}) for entry in clips.values()]
    return sum(bool(unharmed(entry)) for entry in judged if "after" in entry)


def _elsewhere(clips: Mapping[str, Any], method: str) -> dict[str, Any]:
    frames, shares = [], []
    for entry in clips.values():
        after = entry["methods"].get(method, {}).get("after", {})
        if after.get("outside_frames"):
            frames.append(int(after["outside_frames"]))
            shares.append(after["outside_percent_max"])
    return {"clips": len(frames), "frames": sum(frames), "worst_percent": _rounded(max(shares, default=0.0))}


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
