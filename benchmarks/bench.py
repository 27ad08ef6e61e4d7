"""Outputs and judgements of the quality benchmark, kept so that only what has changed is made again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import av

from benchmarks.common import Cost, run_measured, vstab_command
from benchmarks.methods import ENCODE, FFMPEG, Method
from vstab_core import evaluation
from vstab_core.evaluation.evaluate import evaluate

WORDS_ONLY = {"metrics.py", "__init__.py"}  # of the judge's sources: a reworded formula changes no figure
DIGITS = 6  # significant digits of a kept figure


class Bench:
    """Makes and judges outputs under a scratch directory.

    Beside an output `clip.mp4` stand `clip.from`, what it was made of and how, and `clip.json`, its judgement, with the
    version of the judge: a hash of its sources.
    """

    def __init__(self, work: Path) -> None:
        self.work = work
        sources = sorted(Path(evaluation.__file__).parent.glob("*.py"))
        text = b"".join(path.read_bytes() for path in sources if path.name not in WORDS_ONLY)
        self.judge_version = hashlib.sha256(text).hexdigest()[:12]
        self._digests: dict[tuple[Path, int], str] = {}

    def path(self, producer: str, name: str) -> Path:
        """Return where the output of a producer for a clip lies."""
        path = self.work / producer / f"{_safe(name)}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def make(self, method: Method, name: str, source: Path, max_crop: float | None, keep: bool) -> dict[str, float]:
        """Make a method's output unless it is there: a peer's is kept, ours only if `keep`.

        Returns:
            what it took, as far as that is known: an output may have been made in an earlier run.

        Raises:
            JobError: a command failed.
        """
        output = self.path(method.name, name)
        # relative, as it stands in ffmpeg's filter syntax, where a path may hold few characters
        files = {"source": source, "scratch": Path(os.path.relpath(output.with_suffix(".trf")))}
        recipe = method.filled(dict.fromkeys(("source", "output", "scratch"), Path("-")), max_crop)
        made = self._made(output, source, recipe)
        if made is not None and (keep or not method.ours):
            return made
        part = output.with_suffix(".part.mp4")
        cost = Cost(0, 0, 0)
        for words in method.filled(files | {"output": part}, max_crop):
            command = [str(vstab_command()), *words[1:]] if words[0] == "vstab" else words
            cost += run_measured(command, self.work)
        took = {"wall_s": round(cost.wall_s, 2), "cpu_s": round(cost.cpu_s, 2), "peak_mib": round(cost.peak_mib)}
        self._finish(part, output, source, recipe, took)
        return took

    def enlarged(self, name: str, source: Path) -> tuple[Path, float, float]:
        """Cut the picture by a tenth and enlarge the rest; returns the output, its true crop and distortion."""
        output = self.path("enlarged", name)
        with av.open(str(source)) as container:
            width, height = container.streams.video[0].width, container.streams.video[0].height
        kept = [2 * round(0.45 * side) for side in (width, height)]
        across, down = kept[0] / width, kept[1] / height
        change = ["-vf", f"crop={kept[0]}:{kept[1]},scale={width}:{height}:flags=bicubic", *ENCODE]
        if self._made(output, source, [change]) is None:
            part = output.with_suffix(".part.mp4")
            run_measured([*FFMPEG, "-i", source, *change, part], self.work)
            self._finish(part, output, source, [change], {})
        return output, (across * down) ** 0.5, min(across, down) / max(across, down)

    def judge(self, source: Path, output: Path) -> dict[str, Any]:
        """Evaluate an output, or read what this version of the judge said of the same two files.

        Returns:
            "before" and "after", figures by metric; "notes" on what could not be measured; "clip", facts of the
            original; "frames_compared", "shots" and "warnings".
        """
        stamp = [self.judge_version, self._digest(source), self._digest(output)]
        kept = output.with_suffix(".json")
        if kept.exists():
            report = json.loads(kept.read_text())
            if report.get("stamp") == stamp:
                return dict(report["judgement"])
        judgement = self._judged(source, output)
        kept.write_text(json.dumps({"stamp": stamp, "judgement": judgement}))
        return judgement

    def _judged(self, source: Path, output: Path) -> dict[str, Any]:
        found = evaluate(source, output)
        facts = found.original
        return {
            "before": {key: _short(r.before) for key, r in found.readings.items() if r.before is not None},
            "after": {key: _short(r.after) for key, r in found.readings.items()},
            "notes": {key: reading.note for key, reading in found.readings.items() if reading.note},
            "clip": {"width": facts.width, "height": facts.height, "frames": facts.frames, "fps": round(facts.fps, 3)},
            "frames_compared": len(found.time_s),
            "shots": len(found.cuts) + 1,
            "warnings": list(found.warnings),
        }

    def _made(self, output: Path, source: Path, recipe: list[list[str]]) -> dict[str, float] | None:
        note = output.with_suffix(".from")
        if not output.exists() or not note.exists():
            return None
        made = json.loads(note.read_text())
        return made["took"] if (made["source"], made["recipe"]) == (self._digest(source), recipe) else None

    def _finish(self, part: Path, output: Path, source: Path, recipe: list[list[str]], took: dict[str, float]) -> None:
        output.with_suffix(".from").unlink(missing_ok=True)
        part.replace(output)
        made = {"source": self._digest(source), "recipe": recipe, "took": took}
        output.with_suffix(".from").write_text(json.dumps(made))

    def _digest(self, path: Path) -> str:
        """Return a hash of what a file holds: an output made anew and alike need not be judged again."""
        key = path, path.stat().st_mtime_ns
        if key not in self._digests:
            with path.open("rb") as file:
                self._digests[key] = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        return self._digests[key]


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")


def _safe(name: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name)
