"""Stabilizes the footage with vid.stab and with vstab, and judges both from their pixels.

    python -m benchmarks.quality [--clips PART...] [--only vidstab|vstab|measure] [--vstab-args "..."] [--tag NAME]
                                 [--noise] [--sheet SHEET.png] [--work DIR]

vid.stab runs as `vidstabdetect=shakiness=8`, then `vidstabtransform=smoothing=30`; vstab with its defaults. Both are
encoded by x264 at crf 16, preset fast. What vid.stab gives is kept under --work and made once.

A clip is *won* if vstab's jitter is lower, it keeps as much of the picture, and distorts it no more. "As much" and "no
more" allow what the measure itself is uncertain by. That is measured with `--noise`: each original is cut by a tenth
and enlarged again by ffmpeg, a change known exactly, encoded alike, and judged. The allowance is the largest error of
crop and of distortion over all clips.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from benchmarks import clip, measure, shake, tracking
from benchmarks.common import (
    FOOTAGE,
    RESULTS,
    WORK,
    JobError,
    machine,
    run_measured,
    table,
    vidstab_available,
    vstab_command,
    write_result,
)

RESULT = RESULTS / "quality.json"
SUFFIXES = {".mp4", ".m4v", ".avi", ".mov", ".mkv"}
RENDERED = ("walk", "rolling_shutter")  # the third is a 360 clip
FFMPEG = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
ENCODE = ["-an", "-fps_mode", "passthrough", "-c:v", "libx264", "-crf", "16", "-preset", "fast"]
VSTAB_ENCODE = ["--codec", "libx264", "--crf", "16", "--preset", "fast"]

# Largest error of the measure over all clips on a cut and enlargement known exactly (quality.json, "noise").
CROP_ALLOWANCE = 0.002
DISTORTION_ALLOWANCE = 0.002
# The same of jitter, percent of the diagonal: what compression alone makes of a still camera. For "does no harm" only.
JITTER_ALLOWANCE = 0.03


def footage() -> dict[str, Path]:
    """Return the clips that are judged, by name: `shaky/...`, `rendered/...`, `steady/...`."""
    clips = {}
    for kind in ("shaky", "rendered", "steady"):
        for path in sorted((FOOTAGE / kind).glob("*")):
            if path.suffix in SUFFIXES and (kind != "rendered" or path.stem in RENDERED):
                clips[f"{kind}/{path.stem}"] = path
    return clips


class Bench:
    """Makes and judges outputs, keeping both under a scratch directory."""

    def __init__(self, work: Path) -> None:
        self.work = work
        sources = b"".join(Path(module.__file__).read_bytes() for module in (clip, measure, shake, tracking))
        self.measure_version = hashlib.sha256(sources).hexdigest()[:12]

    def path(self, producer: str, name: str) -> Path:
        """Return where the output of a producer for a clip lies."""
        path = self.work / producer / f"{name.replace('/', '-')}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def vidstab(self, name: str, source: Path) -> Path:
        """Make vid.stab's output, once."""
        output = self.path("vidstab", name)
        if output.exists():
            return output
        transforms, part = output.with_suffix(".trf"), output.with_suffix(".part.mp4")
        detect = f"vidstabdetect=shakiness=8:result={transforms}"
        run_measured([*FFMPEG, "-i", source, "-vf", detect, "-an", "-f", "null", "-"], self.work)
        transform = f"vidstabtransform=input={transforms}:smoothing=30"
        run_measured([*FFMPEG, "-i", source, "-vf", transform, *ENCODE, part], self.work)
        part.replace(output)
        return output

    def enlarged(self, name: str, source: Path) -> tuple[Path, float, float]:
        """Cut the picture by a tenth and enlarge the rest; returns the output, its true crop and distortion."""
        output = self.path("enlarged", name)
        with av.open(str(source)) as container:
            width, height = container.streams.video[0].width, container.streams.video[0].height
        kept = [2 * round(0.45 * side) for side in (width, height)]
        across, down = kept[0] / width, kept[1] / height
        if not output.exists():
            part = output.with_suffix(".part.mp4")
            filters = f"crop={kept[0]}:{kept[1]},scale={width}:{height}:flags=bicubic"
            run_measured([*FFMPEG, "-i", source, "-vf", filters, *ENCODE, part], self.work)
            part.replace(output)
        return output, (across * down) ** 0.5, min(across, down) / max(across, down)

    def vstab(self, name: str, source: Path, command: Path, arguments: list[str], producer: str) -> dict[str, float]:
        """Make vstab's output anew; returns the seconds it took."""
        output = self.path(producer, name)
        fixed = ["--overwrite", "--progress", "none", *VSTAB_ENCODE]
        cost = run_measured([command, "stabilize", source, "-o", output, *fixed, *arguments], self.work)
        return {"wall_s": round(cost.wall_s, 2), "peak_mib": round(cost.peak_mib)}

    def judge(self, source: Path, output: Path) -> dict[str, Any]:
        """Measure an output, or read what was measured of it by this version of the measure."""
        stamp = [self.measure_version, output.stat().st_mtime_ns, output.stat().st_size]
        kept = output.with_suffix(".json")
        if kept.exists():
            report = json.loads(kept.read_text())
            if report.get("stamp") == stamp:
                return report["measure"]
        report = measure.measure(source, output)
        kept.write_text(json.dumps({"stamp": stamp, "measure": report}))
        return report


def compare(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, bool]:
    """Say in which respects vstab's output is at least as good as vid.stab's."""
    verdict = {
        "lower_jitter": ours["output"]["jitter_percent"] < theirs["output"]["jitter_percent"],
        "lower_rotation_jitter": ours["output"]["jitter_rotation_deg"] < theirs["output"]["jitter_rotation_deg"],
        "as_much_picture": ours["crop"] >= theirs["crop"] - CROP_ALLOWANCE,
        "distortion_no_worse": ours["distortion"] >= theirs["distortion"] - DISTORTION_ALLOWANCE,
        "no_harm": unharmed(ours),
    }
    verdict["won"] = verdict["lower_jitter"] and verdict["as_much_picture"] and verdict["distortion_no_worse"]
    return verdict


def unharmed(report: dict[str, Any]) -> bool:
    """Whether an output shakes no more than its original; 5 % for the enlargement by the zoom."""
    return report["output"]["jitter_percent"] <= 1.05 * report["input"]["jitter_percent"] + JITTER_ALLOWANCE


def summarise(clips: dict[str, Any]) -> dict[str, Any]:
    """Count the verdicts over the shaky (and rendered) and over the steady clips."""
    judged = {name: entry for name, entry in clips.items() if "verdict" in entry}
    shaky = {name: entry for name, entry in judged.items() if not name.startswith("steady/")}
    steady = [entry for name, entry in judged.items() if name.startswith("steady/")]

    def count(entries: list[dict[str, Any]], key: str) -> int:
        return sum(entry["verdict"][key] for entry in entries)

    def mean(producer: str, key: str) -> float | None:
        values = [entry[producer][key] for entry in shaky.values() if entry[producer].get(key) is not None]
        return round(float(np.mean(values)), 4) if values else None

    verdicts = ("lower_jitter", "lower_rotation_jitter", "as_much_picture", "distortion_no_worse", "won", "no_harm")
    return {
        "allowance": {"crop": CROP_ALLOWANCE, "distortion": DISTORTION_ALLOWANCE, "jitter_percent": JITTER_ALLOWANCE},
        "shaky_clips": len(shaky),
        "shaky": {key: count(list(shaky.values()), key) for key in verdicts},
        "lower_jitter_with_as_much_picture": sum(
            entry["verdict"]["lower_jitter"] and entry["verdict"]["as_much_picture"] for entry in shaky.values()
        ),
        "not_won": [name for name, entry in shaky.items() if not entry["verdict"]["won"]],
        "mean_crop": {"vidstab": mean("vidstab", "crop"), "vstab": mean("vstab", "crop")},
        "mean_gain": {"vidstab": mean("vidstab", "gain"), "vstab": mean("vstab", "gain")},
        "steady_clips": len(steady),
        "steady_unharmed": {
            "vstab": count(steady, "no_harm"),
            "vidstab": sum(unharmed(entry["vidstab"]) for entry in steady),
        },
    }


def row(name: str, producer: str, report: dict[str, Any], mark: str = "") -> list[str]:
    """One line of the table."""
    before, after = report["input"], report["output"]
    sharpness = report["sharpness"]
    return [
        name,
        producer,
        f"{report['crop']:.3f}",
        f"{report['crop_worst']:.3f}",
        f"{report['fov']:.3f}",
        f"{report['distortion']:.4f}",
        f"{before['jitter_percent']:.3f}",
        f"{after['jitter_percent']:.3f}",
        f"{report['gain']:.1f}",
        f"{before['jitter_rotation_deg']:.3f}",
        f"{after['jitter_rotation_deg']:.3f}",
        f"{after['acceleration_px']:.2f}",
        f"{after['stability']:.3f}",
        f"{after['stability_corrected']:.3f}",
        "-" if sharpness is None else f"{sharpness:.2f}",
        f"{report['border_percent_max']:.2f}",
        f"{report['frames_measured']}/{report['frames_in']}",
        mark,
    ]


HEAD = [
    *("clip", "by", "crop", "worst", "fov", "dist", "jit in", "out", "gain", "rot in", "out", "accel", "S", "Sc"),
    *("sharp", "border", "frames", ""),
]


def sheet(path: Path, columns: list[Path], frames: int = 8, width: int = 420) -> None:
    """Write a contact sheet: one row a moment, one column a file."""
    length = min(clip.count_frames(column) for column in columns)
    wanted = set(np.linspace(0, length - 1, frames).astype(int).tolist())
    strips = []
    for column in columns:
        pictures = []
        with av.open(str(column)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index in wanted:
                    height = round(frame.height * width / frame.width)
                    picture = cv2.resize(
                        frame.to_ndarray(format="bgr24"), (width, height), interpolation=cv2.INTER_AREA
                    )
                    pictures.append(picture)
        strips.append(np.vstack(pictures))
    cv2.imwrite(str(path), np.hstack(strips))


def noise_of(bench: Bench, clips: dict[str, Path]) -> dict[str, Any]:
    """Judge a known change of every clip; returns the measure's error on each, and the largest."""
    errors: dict[str, dict[str, float]] = {}
    for name, source in clips.items():
        output, crop, distortion = bench.enlarged(name, source)
        report = bench.judge(source, output)
        before, after = report["input"]["jitter_percent"], report["output"]["jitter_percent"] * crop
        errors[name] = {
            "crop": round(report["crop"] - crop, 5),
            "crop_worst": round(report["crop_worst"] - crop, 5),
            "distortion": round(report["distortion"] - distortion, 5),
            "jitter_percent": round(after - before, 5),
            "jitter_ratio": round(after / before, 4),
            "sharpness": report["sharpness"],
        }
        print(f"noise {name:45s} {errors[name]}", flush=True)
    keys = ("crop", "crop_worst", "distortion", "jitter_percent")
    largest = {key: max(abs(error[key]) for error in errors.values()) for key in keys}
    return {"largest": largest, "clips": errors}


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clips", nargs="+", metavar="PART", help="only clips whose name contains one of these")
    parser.add_argument(
        "--only", choices=["vidstab", "vstab", "measure"], help="do one part; measure: outputs as they are"
    )
    parser.add_argument("--vstab-args", default="", help="further arguments for vstab, in one string")
    parser.add_argument("--tag", help="keep vstab's outputs under this name; default from --vstab-args")
    parser.add_argument("--noise", action="store_true", help="measure the measure's own error too")
    parser.add_argument("--sheet", type=Path, help="write original | vid.stab | vstab of each clip as SHEET-<clip>.png")
    parser.add_argument("--work", type=Path, default=WORK / "quality", help="scratch directory")
    parser.add_argument("--json", type=Path, help="result file; default benchmarks/quality.json for a full default run")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison, print the table, write the result."""
    options = parse(arguments)
    if not FOOTAGE.is_dir():
        print(f"quality: skipped, there is no footage at {FOOTAGE}")
        return 0
    everything = footage()
    clips = {n: p for n, p in everything.items() if not options.clips or any(part in n for part in options.clips)}
    if not clips:
        print(f"quality: no clip is called {options.clips}; there are: {', '.join(everything)}", file=sys.stderr)
        return 2
    bench = Bench(options.work.resolve())
    extra = shlex.split(options.vstab_args)
    producer = "vstab" if not extra and not options.tag else f"vstab-{options.tag or _slug(extra)}"
    command = vstab_command() if options.only in (None, "vstab") else None
    if options.only in (None, "vstab") and command is None:
        print("quality: the vstab command is not here or does not start; judging what there is")
    have_vidstab = vidstab_available()
    entries: dict[str, Any] = {}
    rows: list[list[str]] = []
    print("  ".join(HEAD), flush=True)
    for name, source in clips.items():
        entry: dict[str, Any] = {}
        lines: list[list[str]] = []
        try:
            if options.only == "vidstab" or (options.only is None and have_vidstab):
                bench.vidstab(name, source)
            if command is not None:
                entry["vstab_cost"] = bench.vstab(name, source, command, extra, producer)
        except JobError as error:
            print(f"{name}: {error}", file=sys.stderr)
            entry["error"] = str(error)[-300:]
        theirs, ours = bench.path("vidstab", name), bench.path(producer, name)
        if theirs.exists():
            entry["vidstab"] = bench.judge(source, theirs)
            lines.append(row(name, "vid.stab", entry["vidstab"]))
        if options.only != "vidstab" and ours.exists() and "error" not in entry:
            entry["vstab"] = bench.judge(source, ours)
            if "vidstab" in entry:
                entry["verdict"] = compare(name, entry["vstab"], entry["vidstab"])
            lines.append(row(name, "vstab", entry["vstab"], _mark(entry.get("verdict"))))
        for line in lines:
            print("  ".join(line), flush=True)
        rows += lines
        entries[name] = entry
        if options.sheet is not None and "vstab" in entry and "vidstab" in entry:
            place = options.sheet.with_name(f"{options.sheet.stem}-{name.replace('/', '-')}.png")
            sheet(place, [source, theirs, ours])
    result: dict[str, Any] = {"machine": machine(), "vstab_args": extra}
    if options.noise:
        result["noise"] = noise_of(bench, clips)
        print(f"largest errors of the measure: {result['noise']['largest']}")
    result["summary"], result["clips"] = summarise(entries), entries
    print()
    print(table(HEAD, rows))
    print(json.dumps(result["summary"], indent=1))
    target = options.json
    complete = all("verdict" in entry for entry in entries.values()) and len(clips) == len(everything)
    if target is None and complete and producer == "vstab":
        target = RESULT
    if target is not None:
        if "noise" not in result and target.exists():
            result = _with_noise_of(target, result)
        write_result(target, result)
        print(f"written: {target}")
    return 1 if any("error" in entry for entry in entries.values()) else 0


def _with_noise_of(target: Path, result: dict[str, Any]) -> dict[str, Any]:
    before = json.loads(target.read_text())
    return {**result, "noise": before["noise"]} if "noise" in before else result


def _mark(verdict: dict[str, bool] | None) -> str:
    if verdict is None:
        return ""
    if verdict["won"]:
        return "won"
    lost = {"lower_jitter": "jitter", "as_much_picture": "crop", "distortion_no_worse": "distortion"}
    return "lost: " + ", ".join(word for key, word in lost.items() if not verdict[key])


def _slug(words: list[str]) -> str:
    return "".join(c if c.isalnum() else "_" for c in "-".join(words)).strip("_")[:60]


if __name__ == "__main__":
    sys.exit(main())
