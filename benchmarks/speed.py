"""Times whole processes on a 1080p clip: plain transcodes, vid.stab, deshake, vstab.

    python -m benchmarks.speed [--runs 5] [--only JOB...] [--work DIR]

Every job decodes and writes an x264 file with preset veryfast and crf 20. The jobs of a run follow one another, each
run begins with another job, and a ratio is formed within a run and only then its median taken: a machine that is slower
for a minute slows all jobs of that run. Ratios are of wall time and of processor time (`wall_to_...`, `cpu_to_...`);
on a busy machine only the latter mean much. Two references: the system's ffmpeg, and PyAV (the FFmpeg build of vstab).
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import (
    RESULTS,
    WORK,
    Cost,
    JobError,
    filter_available,
    machine,
    run_measured,
    table,
    vstab_command,
    write_result,
)
from benchmarks.synthetic import long_clip, timing_clip

RESULT = RESULTS / "speed.json"
PRESET, CRF = "veryfast", "20"
X264 = ["-an", "-c:v", "libx264", "-preset", PRESET, "-crf", CRF]
FFMPEG = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
PYAV = [sys.executable, "-m", "benchmarks.transcode"]
SMOOTH = "vstab_smooth_10min"
REFERENCES = ("transcode_pyav", "transcode_ffmpeg")
KINDS = ("wall", "cpu")

Job = Callable[[], Cost]


def jobs(clip: Path, work: Path, wanted: list[str] | None) -> dict[str, Job]:
    """Return the jobs that can run here, by name; the sidecar for `smooth` is prepared where that is wanted."""
    out = work / "out.mp4"
    found: dict[str, Job] = {
        "transcode_ffmpeg": lambda: run_measured([*FFMPEG, "-i", clip, *X264, out], work),
        "transcode_pyav": lambda: run_measured(
            [sys.executable, "-m", "benchmarks.transcode", clip, out, PRESET, CRF], work
        ),
    }
    if filter_available("vidstabtransform"):
        transforms = work / "out.trf"
        detect = f"vidstabdetect=shakiness=8:result={transforms}"
        transform = f"vidstabtransform=input={transforms}:smoothing=30"

        def vidstab() -> Cost:
            first = run_measured([*FFMPEG, "-i", clip, "-vf", detect, "-an", "-f", "null", "-"], work)
            return first + run_measured([*FFMPEG, "-i", clip, "-vf", transform, *X264, out], work)

        found["vidstab"] = vidstab
    if filter_available("deshake"):
        found["deshake"] = lambda: run_measured([*FFMPEG, "-i", clip, "-vf", "deshake", *X264, out], work)
    command = vstab_command()
    if command is None:
        return found
    fixed = ["--overwrite", "--progress", "none", "--codec", "libx264", "--preset", PRESET, "--crf", CRF]
    stabilize: list[str | Path] = [command, "stabilize", clip, "-o", out, *fixed]
    found["vstab"] = lambda: run_measured(stabilize, work)
    found["vstab_streaming"] = lambda: run_measured([*stabilize, "--streaming"], work)
    if wanted is not None and SMOOTH not in wanted:
        return found
    try:
        smooth = [command, "smooth", ten_minutes(command, work), "--smoothness", "0.6", "--progress", "none"]
        run_measured(smooth, work)
        found[SMOOTH] = lambda: run_measured(smooth, work)
    except JobError as error:
        print(f"speed: `vstab smooth` is left out: {error}", file=sys.stderr)
    return found


def ten_minutes(command: Path, work: Path) -> Path:
    """Return the sidecar of a clip of ten minutes; small pictures, for `smooth` never sees one. Made once."""
    sidecar = work / "ten-minutes.vstab"
    if not sidecar.exists():
        print("speed: analyzing a clip of ten minutes, once", flush=True)
        clip = long_clip(work, 10, (320, 180))
        run_measured([command, "analyze", clip, "-o", sidecar, "--overwrite", "--progress", "none"], work)
    return sidecar


def run(names: list[str], found: dict[str, Job], runs: int) -> list[dict[str, Cost]]:
    """Run the jobs, each run beginning with another one."""
    measured = []
    for number in range(runs):
        order = names[number % len(names) :] + names[: number % len(names)]
        costs = {}
        for name in order:
            costs[name] = found[name]()
            print(
                f"run {number + 1}  {name:20s} {costs[name].wall_s:7.2f} s  {costs[name].peak_mib:6.0f} MiB", flush=True
            )
        measured.append(costs)
    return measured


def summarise(measured: list[dict[str, Cost]]) -> dict[str, Any]:
    """Take medians of the costs and of the ratios within a run."""
    summary: dict[str, Any] = {}
    for name in measured[0]:
        costs = [costs[name] for costs in measured]
        entry: dict[str, Any] = {
            "wall_s": round(statistics.median(c.wall_s for c in costs), 3),
            "wall_s_all": [round(c.wall_s, 2) for c in costs],
            "cpu_s": round(statistics.median(c.cpu_s for c in costs), 3),
            "peak_mib": round(max(c.peak_mib for c in costs)),
        }
        for reference in REFERENCES:
            if reference in measured[0] and name != reference and name != SMOOTH:
                for kind in KINDS:
                    ratios = [
                        getattr(costs[name], f"{kind}_s") / getattr(costs[reference], f"{kind}_s") for costs in measured
                    ]
                    entry[f"{kind}_to_{reference}"] = round(statistics.median(ratios), 3)
                    entry[f"{kind}_to_{reference}_range"] = [round(min(ratios), 3), round(max(ratios), 3)]
        summary[name] = entry
    return summary


def main(arguments: list[str] | None = None) -> int:
    """Run the jobs, print a table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="+", metavar="JOB", help="only these jobs; no result is written")
    parser.add_argument("--work", type=Path, default=WORK / "speed", help="scratch directory")
    options = parser.parse_args(arguments)
    work = options.work.resolve()
    clip = timing_clip(work)
    found = jobs(clip, work, options.only)
    unknown = set(options.only or []) - set(found)
    if unknown:
        print(f"speed: cannot run {', '.join(sorted(unknown))}; there are: {', '.join(found)}", file=sys.stderr)
        return 2
    if "vstab" not in found:
        print("speed: the vstab command is not here or does not start; timing the others")
    load = os.getloadavg()[0]
    if load > 0.7:
        print(f"speed: the machine is busy (load {load:.1f}); only the ratios mean something, and those little")
    try:
        measured = run(list(options.only or found), found, options.runs)
    except JobError as error:
        print(f"speed: {error}", file=sys.stderr)
        return 1
    summary = summarise(measured)
    ratios = [f"{kind}_to_{reference}" for reference in REFERENCES for kind in KINDS]
    rows = [
        [name, f"{e['wall_s']:.2f}", f"{e['cpu_s']:.2f}", str(e["peak_mib"])]
        + [f"{e[key]:.2f}" if key in e else "" for key in ratios]
        for name, e in summary.items()
    ]
    print(table(["job", "wall s", "cpu s", "MiB", "x pyav", "cpu", "x ffmpeg", "cpu"], rows))
    if options.only is None:
        head = {"machine": machine(), "load_at_start": round(load, 2), "runs": options.runs}
        kind = {"size": [1920, 1080], "frames": 300, "mbit_s": round(clip.stat().st_size * 8 / 10 / 1e6, 1)}
        write_result(RESULT, {**head, "clip": kind, "encoder": f"libx264 {PRESET} crf {CRF}", "jobs": summary})
        print(f"written: {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
