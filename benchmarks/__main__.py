"""Runs every benchmark: what `make bench` calls.

    python -m benchmarks [--full]

Each writes its own JSON beside this file; what needs footage is skipped where there is none. At the end the README's
figures are written from those files. Without --full the memory benchmark stops at 4 minutes of video and leaves its
result file as it is, and the quality benchmark does not measure the measure's own error.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys

ORDER = (
    "accuracy", "colour", "quality", "networks", "known_camera", "speed", "speed_cnn", "memory", "pipe",
    "batch", "accuracy360", "quality360", "speed360", "memory360", "readme",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks one after the other; the worst exit status is returned."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--full", action="store_true", help="with the 30-minute clip and the measure's own error")
    full = parser.parse_args(arguments).full
    options = {"quality": ["--noise"] if full else [], "memory": [] if full else ["--minutes", "1", "4"]}
    worst = 0
    for name in ORDER:
        if importlib.util.find_spec(f"benchmarks.{name}") is None:
            continue
        print(f"\n== {name}", flush=True)
        worst = max(worst, importlib.import_module(f"benchmarks.{name}").main(options.get(name, [])) or 0)
    return worst


if __name__ == "__main__":
    sys.exit(main())
