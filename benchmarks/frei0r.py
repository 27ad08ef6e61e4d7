"""Times ffmpeg with our frei0r plug-in on a 1080p clip: against the plain transcode, and against the way through RGB.

    python -m benchmarks.frei0r [--runs 3] [--frames 150] [--work DIR]

frei0r works on RGBA, so a YUV clip is converted on the way in and out; "rgb" is the transcode with these conversions
and nothing between them. Ratios are of processor time, formed within a run, and their median taken; see `speed`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

from benchmarks.common import RESULTS, WORK, Cost, JobError, machine, run_measured, table, vstab_command, write_result
from benchmarks.speed import FFMPEG, X264
from benchmarks.synthetic import timing_clip
from ffmpeg_bridge import frei0r_filter
from ffmpeg_bridge.process import announce_plugin, find_ffmpeg, find_plugin, has_filter

RESULT = RESULTS / "frei0r.json"


def chains(sidecar: Path) -> dict[str, str]:
    """Return the filter chain of each job."""
    back = "scale=out_color_matrix=bt709,format=yuv420p"
    return {"plain": "null", "rgb": f"format=rgba,{back}", "frei0r": f"{frei0r_filter(sidecar)},{back}"}


def run(clip: Path, sidecar: Path, work: Path, runs: int, frames: int) -> dict[str, list[Cost]]:
    """Run the jobs, each run beginning with another one."""
    jobs = chains(sidecar)
    costs: dict[str, list[Cost]] = {name: [] for name in jobs}
    for number in range(runs):
        for name in [*jobs][number % len(jobs) :] + [*jobs][: number % len(jobs)]:
            command = [*FFMPEG, "-i", clip, "-vf", jobs[name], "-frames:v", str(frames), *X264, work / "out.mp4"]
            costs[name].append(run_measured(command, work))
            print(f"run {number + 1}  {name:8s} {costs[name][-1].cpu_s:7.2f} s of processor time", flush=True)
    return costs


def main(arguments: list[str] | None = None) -> int:
    """Run the jobs, print a table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.frei0r", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--work", type=Path, default=WORK / "speed", help="scratch directory")
    options = parser.parse_args(arguments)
    work, plugin, command = options.work.resolve(), find_plugin(), vstab_command()
    if plugin is None or command is None or not has_filter(find_ffmpeg(), "frei0r"):
        print("frei0r: left out: it needs vstab, its plug-in, and an ffmpeg with the filter frei0r", file=sys.stderr)
        return 0
    announce_plugin(plugin)
    load = os.getloadavg()[0]
    try:
        clip = timing_clip(work)
        sidecar = clip.with_suffix(".vstab")
        run_measured([command, "analyze", clip, "-o", sidecar, "--overwrite", "--progress", "none"], work)
        costs = run(clip, sidecar, work, options.runs, options.frames)
    except JobError as error:
        print(f"frei0r: {error}", file=sys.stderr)
        return 1
    summary = {}
    for name, measured in costs.items():
        entry = {"cpu_s": round(statistics.median(cost.cpu_s for cost in measured), 3)}
        for reference in ("plain", "rgb"):
            ratios = [ours.cpu_s / other.cpu_s for ours, other in zip(measured, costs[reference], strict=True)]
            entry[f"cpu_to_{reference}"] = round(statistics.median(ratios), 3)
        entry["cpu_ms_per_frame"] = round(1000 * entry["cpu_s"] / options.frames, 1)
        summary[name] = entry
    keys = ["cpu_s", "cpu_ms_per_frame", "cpu_to_plain", "cpu_to_rgb"]
    print(table(["job", *keys], [[name, *(str(entry[key]) for key in keys)] for name, entry in summary.items()]))
    head = {"machine": machine(), "load_at_start": round(load, 2), "runs": options.runs, "frames": options.frames}
    write_result(RESULT, {**head, "encoder": "libx264 veryfast crf 20", "size": [1920, 1080], "jobs": summary})
    print(f"written: {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
