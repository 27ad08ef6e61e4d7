"""Times `ffmpeg | vstab pipe | ffmpeg` on a 1080p clip against the plain transcode, and measures delay and memory.

    python -m benchmarks.pipe [--runs 3] [--work DIR]

Whole processes, their children included; the jobs of a run follow one another and ratios are formed within a run, as in
benchmarks/speed.py. `ffmpeg_pipe` is the same pipe without us: what two programs and raw video between them cost.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.common import (
    RESULTS,
    WORK,
    Cost,
    JobError,
    machine,
    run_measured,
    table,
    vstab_command,
    write_result,
)
from benchmarks.speed import FFMPEG, X264
from benchmarks.synthetic import FPS, SIZE, long_clip, timing_clip

RESULT = RESULTS / "pipe.json"
LOOK_AHEADS = (30, 0)
MEMORY_MINUTES = (1, 4)
WARM_UP = 5  # frames of the paced run that are not counted


def commands(clip: Path, out: Path, vstab: Path) -> dict[str, list[str]]:
    """Return the job's command lines by name."""
    give = [*FFMPEG, "-i", str(clip), "-an", "-c:v", "rawvideo", "-f", "nut", "-"]
    take = [*FFMPEG[:1], *FFMPEG[2:], "-f", "nut", "-i", "-", *X264, str(out)]
    found = {"transcode_ffmpeg": [*FFMPEG, "-i", str(clip), *X264, str(out)], "ffmpeg_pipe": _shell(give, take)}
    for look_ahead in LOOK_AHEADS:
        pipe = [str(vstab), "pipe", "--progress", "none", "--look-ahead", str(look_ahead)]
        found[f"vstab_pipe_{look_ahead}"] = _shell(give, pipe, take)
    return found


def _shell(*parts: list[str]) -> list[str]:
    return ["bash", "-o", "pipefail", "-c", " | ".join(shlex.join(part) for part in parts)]


def summarise(measured: list[dict[str, Cost]]) -> dict[str, Any]:
    """Take medians of the costs, and of the ratios within a run."""
    summary: dict[str, Any] = {}
    for name in measured[0]:
        costs = [run[name] for run in measured]
        summary[name] = {
            "wall_s": round(statistics.median(cost.wall_s for cost in costs), 2),
            "cpu_s": round(statistics.median(cost.cpu_s for cost in costs), 2),
        }
        for reference in ("transcode_ffmpeg", "ffmpeg_pipe"):
            if name != reference:
                ratios = [run[name].cpu_s / run[reference].cpu_s for run in measured]
                summary[name][f"cpu_to_{reference}"] = round(statistics.median(ratios), 3)
    return summary


def delay(vstab: Path, look_ahead: int, rate_fps: float, count: int) -> dict[str, float]:
    """Give frames at an even rate and clock each one's way through, in milliseconds and in frames.

    The picture is a moving cut of a 1080p still, so that every frame can be followed.
    """
    command = [str(vstab), "pipe", "--progress", "none", "--look-ahead", str(look_ahead)]
    given: list[float] = []
    came: list[float] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as child:

        def take() -> None:
            for _ in _pictures(child.stdout):
                came.append(time.perf_counter())

        taker = threading.Thread(target=take)
        taker.start()
        still = np.random.default_rng(1).integers(0, 256, (SIZE[1] // 8 + 16, SIZE[0] // 8 + 16), np.uint8)
        still = np.kron(still, np.ones((8, 8), np.uint8))
        with av.open(child.stdin, "w", format="nut", container_options={"flush_packets": "1"}) as output:
            video = output.add_stream("rawvideo", rate=FPS)
            video.width, video.height, video.pix_fmt = *SIZE, "gray"
            start = time.perf_counter()
            for number in range(count):
                left = number % 16
                frame = av.VideoFrame.from_ndarray(
                    np.ascontiguousarray(still[left : left + SIZE[1], : SIZE[0]]), format="gray"
                )
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                packets = video.encode(frame)
                time.sleep(max(0.0, start + number / rate_fps - time.perf_counter()))
                output.mux(packets)
                given.append(time.perf_counter())
        child.stdin.close()
        taker.join()
    late_s = [came[n] - given[min(n + look_ahead, count - 1)] for n in range(WARM_UP, count - look_ahead - 1)]
    behind = [sum(moment <= came[n] for moment in given) - 1 - n for n in range(WARM_UP, count - look_ahead - 1)]
    return {
        "look_ahead": look_ahead,
        "paced_fps": rate_fps,
        "after_its_look_ahead_ms_median": round(1000 * statistics.median(late_s), 1),
        "after_its_look_ahead_ms_worst": round(1000 * max(late_s), 1),
        "frames_behind_median": statistics.median(behind),
        "frames_behind_worst": max(behind),
    }


def _pictures(file: Any) -> Iterator[int]:
    options = {"probesize": "32", "fpsprobesize": "0", "max_ts_probe": "0"}
    with av.open(file, "r", format="nut", container_options=options) as container:
        for packet in container.demux():
            if packet.size:
                yield packet.pts


def memory(vstab: Path, work: Path, minutes: float) -> dict[str, float]:
    """Return the peak of `vstab pipe` alone: it is fed from a file of encoded video in NUT, its output is dropped."""
    clip, stream = long_clip(work, minutes), work / f"long-{minutes:g}min.nut"
    if not stream.exists():
        subprocess.run([*FFMPEG, "-i", clip, "-c", "copy", "-f", "nut", str(stream)], check=True)
    words = [str(vstab), "pipe", "--progress", "none", "--look-ahead", "30"]
    # exec: the shell becomes the command, and what is measured is the command
    line = f"exec {shlex.join(words)} < {shlex.quote(str(stream))} > /dev/null"
    cost = run_measured(["bash", "-c", line], work)
    return {"minutes": minutes, "peak_mib": round(cost.peak_mib, 1), "wall_s": round(cost.wall_s, 1)}


def main(arguments: list[str] | None = None) -> int:
    """Run the jobs, print a table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pipe", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--minutes", type=float, nargs="*", default=list(MEMORY_MINUTES), help="lengths for the memory")
    parser.add_argument("--work", type=Path, default=WORK / "speed", help="scratch directory")
    options = parser.parse_args(arguments)
    work, vstab = options.work.resolve(), vstab_command()
    if vstab is None or shutil.which("ffmpeg") is None:
        print("pipe: needs ffmpeg and the vstab command; nothing was measured")
        return 0
    clip, load = timing_clip(work), os.getloadavg()[0]
    jobs = commands(clip, work / "out.mp4", vstab)
    names, measured = list(jobs), []
    try:
        for number in range(options.runs):
            order = names[number % len(names) :] + names[: number % len(names)]
            costs = {name: run_measured(jobs[name], work) for name in order}
            measured.append(costs)
            print(f"run {number + 1}: " + ", ".join(f"{n} {c.cpu_s:.1f} s" for n, c in costs.items()), flush=True)
        peaks = [memory(vstab, work, minutes) for minutes in options.minutes]
    except (JobError, subprocess.CalledProcessError) as error:
        print(f"pipe: {error}", file=sys.stderr)
        return 1
    delays = [delay(vstab, look_ahead, 10, 60 + look_ahead) for look_ahead in LOOK_AHEADS]
    summary = summarise(measured)
    columns = ("wall_s", "cpu_s", "cpu_to_transcode_ffmpeg", "cpu_to_ffmpeg_pipe")
    print(table(["job", *columns], [[name, *(str(e.get(key, "")) for key in columns)] for name, e in summary.items()]))
    print(*delays, *peaks, sep="\n")
    head = {"machine": machine(), "load_at_start": round(load, 2), "runs": options.runs}
    kind = {"size": list(SIZE), "frames": 300}
    write_result(RESULT, {**head, "clip": kind, "jobs": summary, "delay": delays, "memory": peaks})
    print(f"written: {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
