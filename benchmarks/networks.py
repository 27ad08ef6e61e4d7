"""Compares the networks with `klt` and vid.stab, at the crop that vid.stab was measured to cut off each clip.

    python -m benchmarks.networks [--clips PART...] [--methods NAME...] [--keep] [--sheet [DIR]] [--jobs N]
                                  [--json FILE] [--work DIR]

Outputs and judgements are made and kept as in `benchmarks/quality.py`, and in the same place. The clips are the shaky
and the rendered ones of the shared footage. *Equal* means that `--max-crop` is 1 - the cropping ratio measured on
vid.stab's result of that clip; a budget need not be used up, so the picture that was really kept stands beside the
shake. Processor time is that of the whole process: start, decoding and x264 too.

A run over all clips with all methods writes benchmarks/networks.json and networks.md; any other run writes only where
--json says. With --keep a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.common import FOOTAGE, RESULTS, WORK, machine, write_result
from benchmarks.methods import BY_NAME
from benchmarks.networks_page import methods_table, page
from benchmarks.quality import HEAD, compare, contact_sheet, footage, runnable
from benchmarks.verdict import MAIN, figures, is_steady, uncertainty

RESULT = RESULTS / "networks.json"
PEER = "vidstab"
BESIDE = {"cnn_equal": "klt_equal", "cnn_live": "klt_live", "stabnet_live": "klt_live"}  # learned: classical
NAMES = (PEER, "klt_equal", "cnn_equal", "klt_live", "cnn_live", "stabnet_live")
TOLD = 0.03  # a difference in shake from which a clip counts as better or worse: what the measure is uncertain by


def summarise(clips: Mapping[str, Any], methods: list[str]) -> dict[str, Any]:
    """Count over the clips that every method was measured on, so that all figures are of the same ones."""
    left = shake_left(clips)
    common = [name for name in clips if all(left[name].get(method) is not None for method in methods)]
    same = {name: clips[name] for name in common}
    beside = {ours: klt for ours, klt in BESIDE.items() if ours in methods and klt in methods}
    return {
        "clips": len(common),
        "left_out": [name for name in clips if name not in common],
        "methods": {method: _method(same, left, method) for method in methods} if common else {},
        "beside_klt": {ours: {"klt": klt} | _beside(same, ours, klt) for ours, klt in beside.items()},
    }


def shake_left(clips: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Return the shake after as a share of that before: by clip, by method; None where it was not measured."""
    before, after = (figures(clips, "jitter_percent", which) for which in ("before", "after"))
    return {
        name: {
            method: shake / before[name][method] if shake is not None and before[name][method] else None
            for method, shake in row.items()
        }
        for name, row in after.items()
    }


def _method(clips: Mapping[str, Any], left: Mapping[str, Any], method: str) -> dict[str, Any]:
    shares = {name: left[name][method] for name in clips}
    judged = [entry["methods"][method] for entry in clips.values()]
    peers = [left[name].get(PEER) for name in clips]

    def over(statistic: Callable[[list[float]], float], key: str) -> float | None:
        known = [found["after"][key] for found in judged if found["after"].get(key) is not None]
        return _rounded(statistic(known)) if known else None

    return {
        "shake_left_median": _rounded(statistics.median(shares.values())),
        "shake_left_geometric_mean": _rounded(statistics.geometric_mean(shares.values())),
        "shake_left_worst": _rounded(max(shares.values())),
        "worst_clip": max(shares, key=lambda name: shares[name]),
        "less_shake_than_peer": sum(p is not None and s < p for s, p in zip(shares.values(), peers, strict=True)),
        "kept_mean": over(statistics.fmean, "cropping_ratio"),
        "sharpness_median": over(statistics.median, "sharpness_ratio"),
        "distortion_median": over(statistics.median, "distortion"),
        "distortion_worst": over(min, "distortion"),
        "wobble_median": over(statistics.median, "wobble_px"),
        "cpu_ms_a_frame": _cpu_ms(clips, method),
    }


def _cpu_ms(clips: Mapping[str, Any], method: str) -> float | None:
    """Return processor time over frames, of all clips together; None where one's was not measured."""
    times_s = [entry["methods"][method].get("cost", {}).get("cpu_s") for entry in clips.values()]
    if None in times_s:
        return None
    return _rounded(1e3 * sum(times_s) / sum(entry["clip"]["frames"] for entry in clips.values()))


def _beside(clips: Mapping[str, Any], learned: str, klt: str) -> dict[str, Any]:
    """Say where a network leaves less or more shake than `klt` by over 3 %, and where it distorts more."""
    shake, shape = figures(clips, "jitter_percent"), figures(clips, "distortion")
    ratios = {name: row[learned] / row[klt] for name, row in shake.items()}  # type: ignore[operator]
    both = {n: (row[learned], row[klt]) for n, row in shape.items() if None not in (row[learned], row[klt])}
    return {
        "less_shake": {name: _rounded(ratio) for name, ratio in ratios.items() if ratio < 1 - TOLD},
        "more_shake": {name: _rounded(ratio) for name, ratio in ratios.items() if ratio > 1 + TOLD},
        "more_distortion": [n for n, (ours, its) in both.items() if ours < its - uncertainty("distortion", its)],
    }


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def slim(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a clip's entry what the result file holds: the main metrics, the crop, the cost, an error."""
    keys = [metric.key for metric in MAIN]
    return {
        "clip": entry["clip"],
        "methods": {
            method: {key: judged[key] for key in ("max_crop", "cost", "error") if key in judged}
            | {when: {key: judged[when].get(key) for key in keys} for when in ("before", "after") if when in judged}
            for method, judged in entry["methods"].items()
        },
    }


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clips", nargs="+", metavar="PART", help="only clips whose name contains one of these")
    parser.add_argument("--methods", nargs="+", metavar="NAME", default=NAMES, help=f"of {', '.join(NAMES)}")
    parser.add_argument("--keep", action="store_true", help="keep our outputs of an earlier run too")
    parser.add_argument("--sheet", type=Path, nargs="?", const=Path(), help="write a contact sheet of each clip")
    parser.add_argument("--jobs", type=int, default=1, help="clips at a time; processor times then grow a little")
    parser.add_argument("--json", type=Path, help="write the result here, and its page beside it")
    parser.add_argument("--work", type=Path, default=WORK / "quality", help="scratch directory")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison, print it, write the result."""
    options = parse(arguments)
    everything = {name: path for name, path in footage(FOOTAGE).items() if not is_steady(name)}
    clips = {n: p for n, p in everything.items() if not options.clips or any(part in n for part in options.clips)}
    if not everything:
        print(f"networks: skipped, there is no footage at {FOOTAGE}")
        return 0
    if not clips:
        print(f"networks: no clip is called {options.clips}; there are: {', '.join(everything)}", file=sys.stderr)
        return 2
    if unknown := set(options.methods) - set(NAMES):
        print(
            f"networks: unknown method {', '.join(sorted(unknown))}; choose from: {', '.join(NAMES)}", file=sys.stderr
        )
        return 2
    methods = runnable(list(options.methods))
    if not methods:
        return 0
    load, bench = os.getloadavg()[0], Bench(options.work.resolve())
    print("  ".join(HEAD), flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda name: compare(bench, name, clips[name], methods, options.keep), clips)
        entries = dict(zip(clips, found, strict=True))
    names = [method.name for method in methods]
    result = {
        "machine": machine(),
        "load_at_start": round(load, 2),
        "jobs": options.jobs,
        "judge": bench.judge_version,
        "methods": {name: {"label": BY_NAME[name].label, "what": BY_NAME[name].what} for name in names},
        "summary": summarise(entries, names),
        "clips": {name: slim(entry) | {"shake_left": shake_left(entries)[name]} for name, entry in entries.items()},
    }
    print("\n".join(methods_table(result)))
    if options.sheet is not None:
        folder = options.work / "sheets_networks" if options.sheet == Path() else options.sheet
        for name, entry in entries.items():
            print(f"written: {contact_sheet(bench, name, clips[name], entry, folder)}", flush=True)
    target = options.json or (RESULT if clips == everything and set(names) == set(NAMES) else None)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_result(target, result)
        target.with_suffix(".md").write_text(page(result))
        print(f"written: {target} and {target.with_suffix('.md').name}")
    return 1 if any("error" in judged for entry in entries.values() for judged in entry["methods"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
