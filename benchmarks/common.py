"""What the benchmarks share: where things are, the machine, and running a process under the clock."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks"
FOOTAGE = ROOT.parent / "shared" / "footage"
WORK = ROOT / "build" / "bench"  # scratch; everything in it can be made again

# Started between the benchmark and the process it measures. A child's peak memory begins at what its parent held when
# it was started, so the parent must be small: this one holds 10 MB.
_LAUNCHER = """
import json, os, sys, time
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as report:
    json.dump([time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss,
               os.waitstatus_to_exitcode(status)], report)
"""


@dataclass(frozen=True)
class Cost:
    """What a job took.

    Attributes:
        wall_s: seconds on the wall clock.
        cpu_s: user and system seconds, its children's included.
        peak_mib: highest resident memory, MiB.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float

    def __add__(self, after: Cost) -> Cost:
        """Combine two processes run one after the other."""
        return Cost(self.wall_s + after.wall_s, self.cpu_s + after.cpu_s, max(self.peak_mib, after.peak_mib))


class JobError(RuntimeError):
    """A measured command failed; the message holds the end of what it said."""


def run_measured(command: Sequence[str | Path], work: Path = WORK) -> Cost:
    """Run a whole process and return its cost; raise `JobError` if it fails."""
    work.mkdir(parents=True, exist_ok=True)
    report = work / f".cost-{os.getpid()}-{threading.get_ident()}.json"
    words = [str(word) for word in command]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(report), *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0 or not report.exists():
        raise JobError(f"cannot start {words[0]}: {done.stderr[-500:]}")
    wall, cpu, peak_kib, status = json.loads(report.read_text())
    report.unlink()
    if status != 0:
        raise JobError(f"{' '.join(words)} ended with {status}: {(done.stderr or done.stdout)[-1500:]}")
    return Cost(wall, cpu, peak_kib / 1024)


def vstab_command() -> Path | None:
    """Return the `vstab` command of this environment, or None if it is not there or does not start."""
    beside = Path(sys.executable).parent / "vstab"
    found = beside if beside.exists() else shutil.which("vstab")
    if found is None:
        return None
    works = subprocess.run([str(found), "stabilize", "--help"], capture_output=True, check=False).returncode == 0
    return Path(found) if works else None


def filter_available(name: str) -> bool:
    """Whether the system's ffmpeg is there and has a filter; some, `vidstabtransform` too, are built in by choice."""
    if shutil.which("ffmpeg") is None:
        return False
    listed = subprocess.run(["ffmpeg", "-hide_banner", "-filters"], capture_output=True, text=True, check=False)
    return any(line.split()[1:2] == [name] for line in listed.stdout.splitlines())


def machine() -> dict[str, Any]:
    """Describe the machine and the versions, for the head of a result file."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=False).stdout.split(" ")
    packages = {}
    for name in ("av", "numpy", "scipy", "opencolorio", "opencv-contrib-python-headless", "vstab"):
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = None
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "ffmpeg": ffmpeg[2] if len(ffmpeg) > 2 else None,
        "packages": packages,
        "commit": commit,
    }


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result file whole, or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    part.replace(path)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a plain table; the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells))
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
