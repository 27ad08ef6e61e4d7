"""Times `--method cnn` against `klt`, two passes at 1080p, on the clips of the footage that ask the network most.

    python -m benchmarks.speed_cnn [--runs 3]

They are smaller than 1080p, so each is enlarged first, once; what is asked is decided on a proxy of 640 pixels and
stays nearly the same. Whole processes, x264 included; both methods run in turn, and a ratio is formed within a run. The
first row is a made clip that never asks.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.common import FOOTAGE, RESULTS, WORK, Cost, machine, run_measured, table, vstab_command, write_result
from benchmarks.speed import CRF, PRESET
from benchmarks.synthetic import timing_clip

RESULT = RESULTS / "speed_cnn.json"
ASKING = ("dash_gyro", "lightstab_infrared", "nus_quickrotation01", "seattle_shaky5")  # see docs/cnn.md
METHODS = ("klt", "cnn")
FIXED = ("--overwrite", "--progress", "none", "--codec", "libx264", "--preset", PRESET, "--crf", CRF)


def main(arguments: list[str] | None = None) -> int:
    """Run, print and write speed_cnn.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed_cnn", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    command = vstab_command()
    if command is None or not FOOTAGE.exists():
        print(f"speed_cnn: skipped, there is no {'vstab command' if command is None else f'footage at {FOOTAGE}'}")
        return 0
    work = WORK / "speed"
    work.mkdir(parents=True, exist_ok=True)
    clips = {"made, never asks": timing_clip(work)} | {name: enlarged(name, work) for name in ASKING}
    found: dict[str, Any] = {}
    for name, clip in clips.items():
        costs: dict[str, list[Cost]] = {method: [] for method in METHODS}
        for number in range(options.runs):
            for method in METHODS if number % 2 == 0 else METHODS[::-1]:
                costs[method].append(
                    run_measured([command, "stabilize", clip, "-o", work / "out.mp4", "--method", method, *FIXED], work)
                )
        found[name] = row = {kind: ratio(costs["klt"], costs["cnn"], f"{kind}_s") for kind in ("wall", "cpu")} | {
            method: round(statistics.median(cost.wall_s for cost in costs[method]), 2) for method in METHODS
        }
        print(name, row, flush=True)
    rows = [[name, *(str(row[key]) for key in ("klt", "cnn", "wall", "cpu"))] for name, row in found.items()]
    print(table(["1080p, two passes", "klt, s", "cnn, s", "ratio", "of processor time"], rows))
    write_result(RESULT, {"machine": machine(), "runs": options.runs, "clips": found})
    return 0


def enlarged(name: str, work: Path) -> Path:
    """Return a clip of the shaky footage at 1080p; made once."""
    clip = work / f"{name}-1080p.mp4"
    if not clip.exists():
        source = next(path for path in sorted((FOOTAGE / "shaky").glob(f"{name}*.*")) if path.is_file())
        part = clip.with_suffix(".part.mp4")
        scaled = ["-vf", "scale=1920:1080:flags=lanczos", "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-an"]
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", source, *scaled, part], check=True)
        part.replace(clip)
    return clip


def ratio(klt: list[Cost], cnn: list[Cost], what: str) -> float:
    """Return the median over the runs of how much more the network takes."""
    pairs = zip(klt, cnn, strict=True)
    return round(statistics.median(getattr(late, what) / getattr(early, what) for early, late in pairs), 3)


if __name__ == "__main__":
    sys.exit(main())
