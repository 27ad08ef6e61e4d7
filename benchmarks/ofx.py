"""Times the render action of the OpenFX plug-in in our test host, in float, 16 and 8 bits, at 1080p and 4K.

    python -m benchmarks.ofx [--runs 15]

Wall time of the action on two threads of the host; the fastest run, as the machine may be shared. The pictures lie in
memory already.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.common import RESULTS, machine, table, write_result
from ofx_bridge.bundle import binary_of, find_bundle
from tests.hosts.frei0r_host import write_warps
from tests.hosts.ofx_host import Host, Instance
from vstab_core.params import Parameters

RESULT = RESULTS / "ofx.json"
SIZES = {"1080p": (1080, 1920), "4K": (2160, 3840)}
DEPTHS = {"float": np.float32, "16 bits": np.uint16, "8 bits": np.uint8}
ANGLE_DEG, ZOOM = 1.0, 1.1


def model(projection: str) -> np.ndarray:
    """Return a typical warp: one degree and a zoom of 1.1, or a turn by 5 degrees."""
    if projection == "equirect":
        c, s = np.cos(np.radians(5)), np.sin(np.radians(5))
        return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(np.radians(ANGLE_DEG)) / ZOOM, np.sin(np.radians(ANGLE_DEG)) / ZOOM
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def measure(instance: Instance, size: tuple[int, int], dtype: type, runs: int) -> float:
    """Return the milliseconds of a frame."""
    rng = np.random.default_rng(1)
    picture = rng.random((*size, 4), np.float32)
    if dtype != np.float32:
        picture = (picture * np.iinfo(dtype).max).astype(dtype)
    times_s = []
    for _ in range(runs):
        instance.render(0, picture)
        times_s.append(instance.render_s)
    return 1000 * min(times_s)


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
    load = os.getloadavg()[0]
    rows = []
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
                for depth, dtype in DEPTHS.items():
                    wall_ms = measure(instance, size, dtype, options.runs)
                    rows.append({"projection": projection, "size": list(size), "depth": depth, "ms": round(wall_ms, 1)})
                    print(f"{projection} {size[1]}x{size[0]} {depth}: {wall_ms:.1f} ms", flush=True)
                instance.destroy()
            plugin.unload()
    assert host.violations == []
    keys = ["projection", "size", "depth", "ms"]
    print(table(keys, [[str(row[key]) for key in keys] for row in rows]))
    write_result(RESULT, {"machine": machine(), "load_at_start": round(load, 2), "runs": options.runs, "frames": rows})
    print(f"written: {RESULT}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
