"""Stabilizes footage with vstab and with the peers that can be run here, and judges all from their pixels.

    python -m benchmarks.quality [--folder DIR] [--clips PART...] [--methods NAME...] [--keep] [--noise]
                                 [--sheet [DIR]] [--json FILE] [--work DIR]

The methods are those of `benchmarks/methods.py`, the judge is `vstab_core/evaluation`; wins and the head-to-head are
defined in `benchmarks/verdict.py`. Everybody encodes with x264 at crf 16, preset fast. What a peer gives is kept under
--work and made once; ours is made anew unless --keep; a judgement is kept as long as the judge and both files are the
same. One process at a time.

A run over the whole shared footage with the usual methods writes benchmarks/quality.json and quality.md; any other run
writes only where --json says.

With --noise the measure's own error is measured: each original is cut by a tenth and enlarged again by ffmpeg, a change
known exactly, encoded alike, and judged.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.common import FOOTAGE, RESULTS, WORK, JobError, machine, table, write_result
from benchmarks.methods import BY_NAME, METHODS, Method, budget, chosen
from benchmarks.quality_page import page
from benchmarks.sheet import sheet
from benchmarks.verdict import MAIN, UNCERTAIN, beside, is_steady, summarise, unharmed, winners
from vstab_core.errors import VstabError

RESULT = RESULTS / "quality.json"
SUFFIXES = {".mp4", ".m4v", ".avi", ".mov", ".mkv", ".mts", ".webm"}
RENDERED = ("walk", "rolling_shutter")  # the third is a 360 clip


def footage(folder: Path) -> dict[str, Path]:
    """Return the clips that are judged, by name: `shaky/...`, `rendered/...`, `steady/...` of the shared footage.

    In any other folder all clips in it and below; those below a folder `steady` are there to be left alone.
    """
    if folder == FOOTAGE:
        found = [
            path
            for kind in ("shaky", "rendered", "steady")
            for path in sorted((folder / kind).glob("*"))
            if kind != "rendered" or path.stem in RENDERED
        ]
    else:
        found = sorted(path for path in folder.rglob("*") if path.is_file())
    clips: dict[str, Path] = {}
    for path in found:
        if path.suffix.lower() in SUFFIXES:
            name = path.relative_to(folder)
            short = name.with_suffix("").as_posix()
            clips[name.as_posix() if short in clips else short] = path
    return clips


def compare(bench: Bench, name: str, source: Path, methods: list[Method], keep: bool) -> dict[str, Any]:
    """Make and judge a clip's outputs, one after the other; what fails is noted and the rest goes on."""
    entry: dict[str, Any] = {"clip": {}, "methods": {}}
    for method in methods:
        judged: dict[str, Any] = {}
        try:
            max_crop = None
            if method.crop_of:
                ratio = entry["methods"].get(method.crop_of, {}).get("after", {}).get("cropping_ratio")
                if ratio is None:
                    raise JobError(f"the cropping ratio of {method.crop_of} could not be measured")
                max_crop = judged["max_crop"] = budget(ratio)
            judged["cost"] = bench.make(method, name, source, max_crop, keep)
            judged |= bench.judge(source, bench.path(method.name, name))
            entry["clip"] = judged.pop("clip")
        except (JobError, VstabError) as error:
            print(f"{name}: {method.label}: {error}", file=sys.stderr, flush=True)
            judged["error"] = str(error)[-300:]
        entry["methods"][method.name] = judged
        print("  ".join(_row(name, method, judged)), flush=True)
    return entry


def runnable(names: list[str] | None) -> list[Method]:
    """Return the methods of these names, or the usual ones, that can be run here; says which cannot.

    Raises:
        KeyError: a name is unknown.
    """
    wanted = chosen(names)
    available = {method.name for method in wanted if method.available()}
    methods = [m for m in wanted if m.name in available and (not m.crop_of or m.crop_of in available)]
    if missing := [method.label for method in wanted if method not in methods]:
        print(f"cannot be run here, and is left out: {', '.join(missing)}")
    return methods


def contact_sheet(bench: Bench, name: str, source: Path, entry: dict[str, Any], folder: Path) -> Path:
    """Write a sheet of what `compare` has made of a clip, beside the original."""
    made = {
        BY_NAME[method].label: bench.path(method, name)
        for method, judged in entry["methods"].items()
        if "error" not in judged
    }
    return sheet(folder / bench.path("vstab", name).with_suffix(".png").name, {"original": source} | made)


def verdicts(judged: dict[str, Any], error: dict[str, float] | None = None) -> dict[str, Any]:
    """Say of one clip who harms it not, who wins in which metric, and how ours stands beside each peer."""
    good = {name: found for name, found in judged.items() if "after" in found}
    ours = [name for name in good if BY_NAME[name].ours]
    peers = [name for name in good if not BY_NAME[name].ours]
    return {
        "unharmed": {name: unharmed(found) for name, found in good.items()},
        "wins": {
            metric.key: sorted(winners(metric, {m: found["after"].get(metric.key) for m, found in good.items()}, error))
            for metric in MAIN
        },
        "head_to_head": {
            name: {peer: beside(good[name]["after"], good[peer]["after"]) for peer in peers} for name in ours
        },
    }  # fmt: skip


BEFORE_AFTER = ("shake", "rotation", "wobble")
HEAD = ["clip", "by", *(h for name in BEFORE_AFTER for h in (name, "after")), "crop", "fov", "distortion", "elsewhere"]


def _row(name: str, method: Method, judged: dict[str, Any]) -> list[str]:
    if "error" in judged:
        return [name, method.label, *[""] * (len(HEAD) - 3), "failed"]
    before, after = judged["before"], judged["after"]

    def number(values: dict[str, Any], key: str, digits: int) -> str:
        return "-" if values.get(key) is None else f"{values[key]:.{digits}f}"

    shaken = [
        number(values, key, 3)
        for key in ("jitter_percent", "jitter_rotation_deg", "wobble_px")
        for values in (before, after)
    ]
    outside = f"{number(after, 'outside_frames', 0)} / {number(after, 'outside_percent_max', 1)} %"
    kept = [number(after, key, digits) for key, digits in (("cropping_ratio", 3), ("fov", 3), ("distortion", 4))]
    return [name, method.label, *shaken, *kept, outside]


def noise_of(bench: Bench, clips: dict[str, Path]) -> dict[str, Any]:
    """Judge a known change of every clip; returns the measure's error on each, and the largest over the shaky ones.

    The shake that is left is that of the original, enlarged. What differs in truth is that a tenth of the picture is
    not seen any more: where something moves by itself (most of the steady clips) that is a difference in what is
    followed, so the errors are upper bounds.
    """
    errors: dict[str, dict[str, float]] = {}
    shares: dict[str, dict[str, float]] = {}  # of those whose uncertainty is a share of the value
    shared = {key for key, (_, share) in UNCERTAIN.items() if share}
    for name, source in clips.items():
        output, crop, distortion = bench.enlarged(name, source)
        found = bench.judge(source, output)
        before, after = found["before"], found["after"]
        truth = {"cropping_ratio": crop, "cropping_worst": crop, "fov": crop, "distortion": distortion}
        truth |= {"outside_percent_max": 0.0, "border_percent_max": 0.0}
        grown = ("jitter_percent", "wobble_px")
        truth |= {key: before[key] / crop for key in grown if before.get(key) is not None}
        alike = ("jitter_rotation_deg", "stability_corrected")
        truth |= {key: before[key] for key in alike if before.get(key) is not None}
        known = {key: true for key, true in truth.items() if after.get(key) is not None}
        errors[name] = {key: round(after[key] - true, 5) for key, true in known.items()}
        shares[name] = {
            key: round(errors[name][key] / true, 4) for key, true in known.items() if key in shared and true
        }
        print(f"noise {name:45s} {errors[name]}", flush=True)
    shaky = [error for name, error in errors.items() if not is_steady(name)] or list(errors.values())
    keys = {key for error in shaky for key in error}
    largest = {key: max(abs(error[key]) for error in shaky if key in error) for key in sorted(keys)}
    return {"largest": largest, "clips": errors, "shares": shares}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--folder", type=Path, default=FOOTAGE, help="clips to judge; default the shared footage")
    parser.add_argument("--clips", nargs="+", metavar="PART", help="only clips whose name contains one of these")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help=f"of {', '.join(m.name for m in METHODS)}")
    parser.add_argument("--keep", action="store_true", help="keep our outputs of an earlier run too")
    parser.add_argument("--noise", action="store_true", help="measure the measure's own error too")
    parser.add_argument(
        "--sheet", type=Path, nargs="?", const=Path(), help="write a contact sheet of each clip; default build/bench"
    )
    parser.add_argument("--json", type=Path, help="write the result here, and its page beside it")
    parser.add_argument("--work", type=Path, default=WORK / "quality", help="scratch directory")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison, print it, write the result."""
    options = parse(arguments)
    folder = options.folder.resolve() if options.folder != FOOTAGE else FOOTAGE
    if not folder.is_dir():
        print(f"quality: skipped, there is no footage at {folder}")
        return 0 if folder == FOOTAGE else 2
    everything = footage(folder)
    clips = {n: p for n, p in everything.items() if not options.clips or any(part in n for part in options.clips)}
    if not clips:
        print(f"quality: no clip is called {options.clips}; there are: {', '.join(everything)}", file=sys.stderr)
        return 2
    try:
        methods = runnable(options.methods)
    except KeyError as error:
        print(f"quality: {error.args[0]}", file=sys.stderr)
        return 2
    if not methods:
        return 0
    work = options.work.resolve() / ("" if folder == FOOTAGE else _place(folder))
    bench = Bench(work)
    entries: dict[str, Any] = {}
    print("  ".join(HEAD), flush=True)
    for name, source in clips.items():
        entries[name] = compare(bench, name, source, methods, options.keep)
        if options.sheet is not None:
            place = work / "sheets" if options.sheet == Path() else options.sheet
            print(f"written: {contact_sheet(bench, name, source, entries[name], place)}", flush=True)
    names = [method.name for method in methods]
    result: dict[str, Any] = {
        "machine": machine(),
        "footage": "shared" if folder == FOOTAGE else folder.name,
        "judge": bench.judge_version,
        "methods": {m.name: {"label": m.label, "what": m.what, "ours": m.ours} for m in methods},
        "uncertainty": {metric: list(values) for metric, values in UNCERTAIN.items()},
    }
    usual = {method.name for method in METHODS if method.usual}
    target = options.json or (RESULT if clips == everything and folder == FOOTAGE and set(names) == usual else None)
    if options.noise:
        result["noise"] = noise_of(bench, clips)
        print(f"largest errors of the measure: {result['noise']['largest']}")
    elif target is not None and target.exists():
        result |= _noise_in(target, bench.judge_version)
    for name, entry in entries.items():
        noise = result.get("noise", {"clips": {}, "shares": {}})
        entry["error"] = noise["clips"].get(name, {}) | noise["shares"].get(name, {})
        entry["verdicts"] = verdicts(entry["methods"], entry["error"])
    result |= {"summary": summarise(entries, names), "clips": entries}
    rows = [_row(name, BY_NAME[m], judged) for name, e in entries.items() for m, judged in e["methods"].items()]
    print("\n" + table(HEAD, rows))
    print(json.dumps(result["summary"]["head_to_head"], indent=1))
    if target is not None:
        write_result(target, result)
        target.with_suffix(".md").write_text(page(result))
        print(f"written: {target} and {target.with_suffix('.md').name}")
    return 1 if any("error" in judged for e in entries.values() for judged in e["methods"].values()) else 0


def _noise_in(target: Path, judge: str) -> dict[str, Any]:
    """Return what an earlier run found of the measure's own error, as long as the judge is the same."""
    before = json.loads(target.read_text())
    return {"noise": before["noise"]} if before.get("judge") == judge and "noise" in before else {}


def _place(folder: Path) -> str:
    return f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


if __name__ == "__main__":
    sys.exit(main())
