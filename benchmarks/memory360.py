"""Measures the peak memory of `vstab stabilize` on 360 clips of 7680 x 3840, 10-bit: it must not grow with the clip.

    python -m benchmarks.memory360 [--frames 60 120] [--codec libx264] [--work DIR]

The clips are a panorama turned as by walking, encoded with the encoder's fastest preset, and the result is too. A plain
transcode of the shortest is measured beside it: what decoder and encoder hold by themselves.
"""

from __future__ import annotations

import argparse
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.common import RESULTS, WORK, JobError, machine, run_measured, table, vstab_command, write_result
from benchmarks.speed360 import still_planes
from vstab_core.formats import plane_views

RESULT = RESULTS / "memory360.json"
SIZE = (7680, 3840)
LIMIT_MIB = 3072
FPS = 30
STEP_PX = 16  # what the panorama turns by from frame to frame, to and fro: rolled, as warping 8K takes a while
USUAL_FRAMES = [60, 120]


def clip(work: Path, frames: int, codec: str) -> Path:
    """Return a clip of this length; made once."""
    path = work / f"sphere-{codec}-{frames}.mkv"
    if path.exists():
        return path
    work.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.mkv")
    planes = still_planes(SIZE[0], ten_bit=True)
    with av.open(str(part), "w") as container:
        options = {"preset": "ultrafast", "crf": "18"}
        if codec == "libx265":
            options["x265-params"] = "log-level=error"
        stream: Any = container.add_stream(codec, FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p10le"
        stream.codec_context.thread_type = "AUTO"
        for index in range(frames):
            frame = av.VideoFrame(*SIZE, "yuv420p10le")
            turn = round(4 * STEP_PX * np.sin(2 * np.pi * 1.9 * index / FPS)) // 2 * 2
            for view, plane in zip(plane_views(frame), planes, strict=True):
                view[...] = np.roll(plane, turn * plane.shape[1] // SIZE[0], axis=1)
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    part.rename(path)
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run vstab on clips of growing length, print a table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory360", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, nargs="+", default=USUAL_FRAMES)
    parser.add_argument("--codec", default="libx264", choices=("libx264", "libx265"))
    parser.add_argument("--work", type=Path, default=WORK / "memory360", help="scratch directory")
    options = parser.parse_args(arguments)
    work, command = options.work.resolve(), vstab_command()
    if command is None:
        print("memory360: the vstab command is not here or does not start", file=sys.stderr)
        return 1
    out = work / "out.mkv"
    encode = ["--codec", options.codec, "--preset", "ultrafast", "--crf", "20"]
    found = []
    try:
        shortest = clip(work, min(options.frames), options.codec)
        words = [sys.executable, "-m", "benchmarks.transcode", shortest, out, "ultrafast", "20"]
        transcode = run_measured(words, work)
        print(f"transcode {min(options.frames)} frames: {transcode.peak_mib:.0f} MiB", flush=True)
        for frames in sorted(options.frames):
            source = clip(work, frames, options.codec)
            fixed = ["--overwrite", "--progress", "none", "--projection", "equirect", "--view", "lock"]
            cost = run_measured([command, "stabilize", source, "-o", out, *fixed, *encode], work)
            found.append({"frames": frames, "peak_mib": round(cost.peak_mib, 1), "cpu_s": round(cost.cpu_s, 1),
                          "wall_s": round(cost.wall_s, 1)})  # fmt: skip
            print(f"{frames} frames: {cost.peak_mib:.0f} MiB, {cost.wall_s:.0f} s", flush=True)
    except JobError as error:
        print(f"memory360: {error}", file=sys.stderr)
        return 1
    finally:
        out.unlink(missing_ok=True)
    print(table(["frames", "peak MiB", "wall s"],
                [[str(e["frames"]), f"{e['peak_mib']:.0f}", f"{e['wall_s']:.0f}"] for e in found]))  # fmt: skip
    within = max(entry["peak_mib"] for entry in found) <= LIMIT_MIB
    if sorted(options.frames) == USUAL_FRAMES:
        write_result(RESULT, {
            "machine": machine(), "size": list(SIZE), "codec": options.codec, "limit_mib": LIMIT_MIB,
            "within_limit": within, "transcode_mib": round(transcode.peak_mib, 1), "clips": found,
        })  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
