"""Times the OpenFX plug-in in our test host: the render action, and a slider of a clip of ten minutes.

    python -m benchmarks.ofx [--runs 15]

Render: float (also with straight alpha that is not opaque), 16 and 8 bits, at 1080p and 4K, on two threads of the host.
Wall time and processor time of the action, and the latter of a plain copy of the picture; of each the fastest run, as
the machine may be shared. The pictures lie in memory already.

Slider: from the change until a (small) picture of the new path is rendered, and the processor time of the command that
solves it; of both the fastest run again.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import RESULTS, WORK, machine, table, vstab_command, write_result
from benchmarks.speed import ten_minutes
from ofx_bridge.bundle import binary_of, find_bundle
from tests.hosts.frei0r_host import write_warps
from tests.hosts.ofx_host import Host, Instance
from vstab_core.params import Parameters
from vstab_core.sidecar import read_sidecar

RESULT = RESULTS / "ofx.json"
SIZES = {"1080p": (1080, 1920), "4K": (2160, 3840)}
CASES = {  # type, alpha
    "float": (np.float32, "OfxImageAlphaPremultiplied"),
    "float, straight alpha": (np.float32, "OfxImageAlphaUnPremultiplied"),
    "16 bits": (np.uint16, "OfxImageAlphaPremultiplied"),
    "8 bits": (np.uint8, "OfxImageAlphaPremultiplied"),
}
ANGLE_DEG, ZOOM = 1.0, 1.1
FRAME = 300  # whose picture is waited for
LONGEST_S = 60.0
SLIDER_RUNS = 9


def model(projection: str) -> np.ndarray:
    """Return a typical warp: one degree and a zoom of 1.1, or a turn by 5 degrees."""
    if projection == "equirect":
        c, s = np.cos(np.radians(5)), np.sin(np.radians(5))
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(np.radians(ANGLE_DEG)) / ZOOM, np.sin(np.radians(ANGLE_DEG)) / ZOOM
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def measure(instance: Instance, size: tuple[int, int], dtype: type, runs: int, alpha: str) -> dict[str, float]:
    """Return milliseconds of a frame: wall time and processor time of the action, and of a plain copy."""
    rng = np.random.default_rng(1)
    picture = rng.random((*size, 4), np.float32)
    if dtype != np.float32:
        picture = (picture * np.iinfo(dtype).max).astype(dtype)
    wall_s, cpu_s, copy_s = [], [], []
    copied = np.zeros_like(picture)
    for _ in range(runs):
        instance.render(0, picture, premultiplication=alpha)
        wall_s.append(instance.render_s)
        cpu_s.append(instance.render_cpu_s)
        started = time.process_time()
        np.copyto(copied, picture)
        copy_s.append(time.process_time() - started)
    times_s = {"ms": wall_s, "cpu_ms": cpu_s, "copy_ms": copy_s}
    return {name: round(1000 * min(each), 1) for name, each in times_s.items()}


def slider(host: Host, sidecar: Path, runs: int) -> dict[str, Any]:
    """Return the seconds from a changed slider to a picture of the new path, which the command solves."""
    stored = read_sidecar(sidecar)
    assert stored.warps is not None
    assert stored.parameters is not None
    smoothness = stored.parameters.smoothness
    picture = np.random.default_rng(1).random((90, 160, 4), np.float32)
    instance = host.plugins["vstab.Stabilize"].create(sidecar=sidecar)
    shown = instance.render(FRAME, picture)
    waited_s, cpu_s = [], []
    for _ in range(runs):
        smoothness = 0.4 if smoothness > 0.6 else 0.8
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        instance.edit("smoothness", smoothness)
        while np.array_equal(new := instance.render(FRAME, picture), shown):  # once, if it does not take too long
            assert time.perf_counter() - started < LONGEST_S, instance.value("status")
        waited_s.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        shown = new
    instance.destroy()
    return {
        "frames": len(stored.warps.pts),
        "s": round(min(waited_s), 3),
        "cpu_s": round(min(cpu_s), 3),
        "s_all": [round(each, 3) for each in waited_s],
    }


def main(arguments: list[str] | None = None) -> int:
    """Run all sizes and depths, print a table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ofx", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args(arguments)
    bundle = find_bundle()
    if bundle is None:
        print("ofx: left out: the plug-in is not built", file=sys.stderr)
        return 0
    host = Host(binary_of(bundle), threads=2)
    host.unguarded = True
    command = vstab_command()
    if command is not None:
        os.environ["VSTAB_EXE"] = str(command)
    rows: list[dict[str, Any]] = []
    result: dict[str, Any] = {"machine": machine(), "load_at_start": round(os.getloadavg()[0], 2), "frames": rows}
    with tempfile.TemporaryDirectory() as folder:
        for projection, name in (("rectilinear", "vstab.Stabilize"), ("equirect", "vstab.Stabilize360")):
            plugin = host.plugins[name]
            plugin.load()
            plugin.describe()
            for label, size in SIZES.items():
                if projection == "equirect":
                    size = (size[1] // 2, size[1])
                sidecar = write_warps(
                    Path(folder) / f"{projection}{label}.vstab", size, model(projection)[None], [0], Fraction(1, 25),
                    Parameters(projection=projection), projection=projection,
                )  # fmt: skip
                instance = plugin.create(sidecar=sidecar)
                for case, (dtype, alpha) in CASES.items():
                    times = measure(instance, size, dtype, options.runs, alpha)
                    rows.append({"projection": projection, "size": list(size), "picture": case, **times})
                    print(f"{projection} {size[1]}x{size[0]} {case}: {times}", flush=True)
                instance.destroy()
            if command is not None and projection == "rectilinear":
                result["slider"] = slider(host, ten_minutes(command, WORK / "speed"), SLIDER_RUNS)
                print(f"slider: {result['slider']}", flush=True)
            plugin.unload()
    assert host.violations == []
    keys = ["projection", "size", "picture", "ms", "cpu_ms", "copy_ms"]
    print(table(keys, [[str(row[key]) for key in keys] for row in rows]))
    write_result(RESULT, {**result, "runs": options.runs})
    print(f"written: {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
