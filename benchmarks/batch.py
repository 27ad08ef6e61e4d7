"""Times `vstab batch --scheduler` on ten clips: two Dask workers, each on a core of its own, against one.

    python -m benchmarks.batch [--clips 10] [--size 1920 1080] [--frames 300] [--runs 3] [--work DIR]

A worker is held to its cores, its children too, so that one worker stands for one small machine. The same worker on
both cores is timed as well: what a second machine brings beyond a second core. Needs the extra `cluster` and two cores.
The result is written for the default clips only.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import RESULTS, WORK, JobError, machine, run_measured, table, vstab_command, write_result
from benchmarks.synthetic import write_clip

RESULT = RESULTS / "batch.json"
AIM = 1.7
DEFAULTS = {"clips": 10, "size": [1920, 1080], "frames": 300}
START_S = 60.0


@contextlib.contextmanager
def cluster(work: Path, workers: Sequence[set[int]]) -> Iterator[Path]:
    """Run a scheduler and workers, each on a set of cores, and yield the scheduler's file."""
    told, said = work / "scheduler.json", work / "dask.log"
    told.unlink(missing_ok=True)
    dask, common = [sys.executable, "-m", "dask"], ["--scheduler-file", str(told), "--no-dashboard"]
    worker = [*dask, "worker", *common, "--no-nanny", "--nthreads", "1", "--host", "127.0.0.1",
              "--local-directory", str(work)]  # fmt: skip
    processes: list[subprocess.Popen[bytes]] = []
    with said.open("wb") as log:
        try:
            command = [*dask, "scheduler", *common, "--host", "127.0.0.1", "--port", "0"]
            processes.append(subprocess.Popen(command, stdout=log, stderr=log))
            for cores in workers:
                processes.append(subprocess.Popen(worker, stdout=log, stderr=log))
                os.sched_setaffinity(processes[-1].pid, cores)  # at once: threads and children inherit it
            patience = time.monotonic() + START_S
            while said.read_text(errors="replace").count("Registered to:") < len(workers):
                if time.monotonic() > patience or any(process.poll() is not None for process in processes):
                    raise JobError(f"the cluster does not start: {said.read_text(errors='replace')[-1500:]}")
                time.sleep(0.1)
            yield told
        finally:
            for process in processes:
                process.kill()
                process.wait()


def clips_of(work: Path, count: int, size: tuple[int, int], frames: int) -> Path:
    """Return a folder of equal clips; made once."""
    folder = work / f"clips-{size[0]}x{size[1]}-{frames}-{count}"
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        write_clip(part / "clip00.mp4", frames, 6.0, {"preset": "veryfast", "crf": "20"}, size)
        for number in range(1, count):
            shutil.copyfile(part / "clip00.mp4", part / f"clip{number:02d}.mp4")
        part.rename(folder)
    return folder


def time_once(vstab: Path, clips: Path, work: Path, workers: Sequence[set[int]]) -> float:
    """Return the seconds of one batch, without the start of the cluster."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    with cluster(work, workers) as told:
        address = json.loads(told.read_text())["address"]
        return run_measured([vstab, "batch", clips, "--out", out, "--scheduler", address], work).wall_s


def main(arguments: list[str] | None = None) -> int:
    """Run the jobs in turn, print a table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clips", type=int, default=DEFAULTS["clips"])
    parser.add_argument("--size", type=int, nargs=2, default=DEFAULTS["size"], metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--frames", type=int, default=DEFAULTS["frames"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, default=WORK / "batch", help="scratch directory")
    options = parser.parse_args(arguments)
    cores, vstab = sorted(os.sched_getaffinity(0))[:2], vstab_command()
    if importlib.util.find_spec("distributed") is None or len(cores) < 2 or vstab is None:
        print("batch: needs the extra `cluster`, two cores and the vstab command; skipped")
        return 0
    load = os.getloadavg()[0]
    if load > 0.7:
        print(f"batch: the machine is busy (load {load:.1f}); the figures mean little")
    work = options.work.resolve()
    clips = clips_of(work, options.clips, tuple(options.size), options.frames)
    one, other = cores
    jobs = {"one worker, one core": [{one}], "one worker, two cores": [{one, other}],
            "two workers, one core each": [{one}, {other}]}  # fmt: skip
    measured: dict[str, list[float]] = {name: [] for name in jobs}
    try:
        for run in range(options.runs):
            for name, workers in jobs.items():
                measured[name].append(time_once(vstab, clips, work, workers))
                print(f"run {run + 1}  {name:28s} {measured[name][-1]:7.2f} s", flush=True)
    except JobError as error:
        print(f"batch: {error}", file=sys.stderr)
        return 1
    two = measured["two workers, one core each"]
    summary: dict[str, Any] = {}
    for name, seconds in measured.items():
        ratios = [before / after for before, after in zip(seconds, two, strict=True)]
        summary[name] = {"wall_s": round(statistics.median(seconds), 2), "wall_s_all": [round(s, 2) for s in seconds],
                         "two_workers_are_faster_by": round(statistics.median(ratios), 3)}  # fmt: skip
    rows = [[name, f"{e['wall_s']:.2f}", f"{e['two_workers_are_faster_by']:.2f}"] for name, e in summary.items()]
    print(table(["job", "wall s", "two workers: x"], rows))
    print(f"aim: {AIM} x one worker on one core")
    chosen = {"clips": options.clips, "size": list(options.size), "frames": options.frames}
    if chosen == DEFAULTS:
        head = {"machine": machine(), "load_at_start": round(load, 2), "runs": options.runs, "aim": AIM}
        write_result(RESULT, {**head, **chosen, "jobs": summary})
        print(f"written: {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
