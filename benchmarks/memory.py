"""Measures the peak memory of vstab on a short and on a long 1080p clip: it must not grow with the clip.

    python -m benchmarks.memory [--minutes 1 30] [--work DIR]

The 30-minute clip has 54000 frames; at 25 frames a second its two runs take over an hour. `--minutes 1 4` tells
whether memory grows in ten minutes. A plain transcode of the shortest clip is measured beside it: what decoder and
encoder hold by themselves.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, WORK, Cost, JobError, machine, run_measured, table, vstab_command, write_result
from benchmarks.synthetic import FPS, LOOP_S, long_clip

RESULT = RESULTS / "memory.json"
ENCODE = ["--codec", "libx264", "--preset", "ultrafast", "--crf", "20"]  # the fastest: half an hour is long
MODES: dict[str, list[str]] = {"two_pass": [], "streaming": ["--streaming"]}
LIMIT_MIB = 1024  # what 1080p may take, whatever the length


def entry_of(cost: Cost, minutes: float) -> dict[str, float]:
    """Round a cost for the result file."""
    frames = round(minutes * 60 / LOOP_S) * LOOP_S * FPS
    return {
        "minutes": minutes,
        "frames": frames,
        "peak_mib": round(cost.peak_mib, 1),
        "wall_s": round(cost.wall_s, 1),
        "frames_per_s": round(frames / cost.wall_s, 1),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run vstab on clips of growing length, print a table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 30.0])
    parser.add_argument("--work", type=Path, default=WORK / "memory", help="scratch directory")
    parser.add_argument("--keep", action="store_true", help="write the result file for other lengths too")
    options = parser.parse_args(arguments)
    work, lengths = options.work.resolve(), sorted(options.minutes)
    out = work / "out.mp4"
    command = vstab_command()
    clip = long_clip(work, lengths[0])
    found: dict[str, list[dict[str, float]]] = {}
    try:
        transcode = run_measured([sys.executable, "-m", "benchmarks.transcode", clip, out], work)
        found["transcode_pyav"] = [entry_of(transcode, lengths[0])]
        print(f"transcode {lengths[0]:g} min: {transcode.peak_mib:.0f} MiB", flush=True)
        if command is None:
            print("memory: the vstab command is not here or does not start; only the plain transcode was measured")
            return 0
        for mode, words in MODES.items():
            found[mode] = []
            for minutes in lengths:
                clip = long_clip(work, minutes)
                fixed = ["--overwrite", "--progress", "none", *ENCODE]
                cost = run_measured([command, "stabilize", clip, "-o", out, *fixed, *words], work)
                found[mode].append(entry_of(cost, minutes))
                print(f"{mode} {minutes:g} min: {cost.peak_mib:.0f} MiB, {cost.wall_s:.0f} s", flush=True)
    except JobError as error:
        print(f"memory: {error}", file=sys.stderr)
        return 1
    finally:
        out.unlink(missing_ok=True)
    growth: dict[str, Any] = {}
    for mode in MODES:
        first, last = found[mode][0], found[mode][-1]
        growth[mode] = {
            "growth_mib": round(last["peak_mib"] - first["peak_mib"], 1),
            "kib_per_frame": round(
                1024 * (last["peak_mib"] - first["peak_mib"]) / max(last["frames"] - first["frames"], 1), 2
            ),
            "within_limit": last["peak_mib"] <= LIMIT_MIB,
        }
    rows = [
        [mode, f"{e['minutes']:g}", f"{e['peak_mib']:.0f}", f"{e['frames_per_s']:.1f}"]
        for mode in found
        for e in found[mode]
    ]
    print(table(["job", "minutes", "peak MiB", "frames/s"], rows))
    print(growth)
    if options.keep or lengths == [1.0, 30.0]:
        result = {"machine": machine(), "size": [1920, 1080], "limit_mib": LIMIT_MIB, "jobs": found, "growth": growth}
        write_result(RESULT, result)
        print(f"written: {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
