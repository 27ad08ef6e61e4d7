"""Clips that change their container: what is kept, what is lost, and whether that was said. Makes the page's table."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.fidelity.facts import Facts, facts_of
from tests.fidelity.matrix import Case, write_case
from vstab_core import pipeline
from vstab_core.params import Parameters

ALL = frozenset({"audio", "subtitles", "timecode", "chapters"})
SOURCES = {
    "h264 in mkv": Case("h264", "mkv", "constant", "PQ", ALL),
    "h264 in mp4": Case("h264", "mp4", "variable", "PQ", ALL),
    "ProRes in mov": Case("ProRes 422 HQ", "mov", "constant", "BT.709", ALL),
}
CONTAINERS = ("mp4", "mov", "mkv", "webm", "mxf", "ts", "avi", "nut")
COLUMNS = ("uneven times", "times before zero", "colour tags", "HDR data", "title", "chapters", "languages", "timecode",
           "AAC", "PCM", "SubRip", "mov_text")  # fmt: skip
STILL = Parameters(strength=0.0, rolling_shutter="off")
UNEVEN_IN_MXF = "Unsupported frame rate"  # its header knows the usual rates alone


@dataclass
class Exchange:
    """One run: the source's facts, the output's (None: it was refused), and all that was said."""

    before: Facts
    after: Facts | None
    said: list[str] = field(default_factory=list)


@cache
def exchange(source: str, container: str) -> Exchange:
    """Stabilize a source into a container, bending nothing."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("vstab_core")
    log.addHandler(handler)
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = write_case(SOURCES[source], Path(folder))
            output = Path(folder) / f"out.{container}"
            before = facts_of(path)
            try:
                said += pipeline.stabilize(path, output, STILL).warnings
            except pipeline.OutputError as error:
                return Exchange(before, None, [*said, str(error)])
            return Exchange(before, facts_of(output), said)
    finally:
        log.removeHandler(handler)


def kept(run: Exchange, after: Facts, container: str) -> dict[str, bool]:
    """Return which of the columns that a source has its output has too."""
    before = run.before
    audio = next(stream for stream in before.streams if stream.kind == "audio")
    text = next(stream for stream in before.streams if stream.kind == "subtitle")
    pairs = {stream.kind: stream for stream in after.streams if stream.kind in ("audio", "subtitle") and stream.codec}
    shift = after.times[0] - before.times[0]
    found = {
        "colour tags": after.colour[:2] == before.colour[:2],
        "title": after.metadata.get("title") == before.metadata["title"],
        "chapters": after.chapters == before.chapters,
        "languages": after.video_metadata.get("language") == "deu"
        and ("audio" not in pairs or pairs["audio"].metadata.get("language") == "fra"),
        "timecode": after.timecode == before.timecode,
        "AAC" if audio.codec == "aac" else "PCM": "audio" in pairs and pairs["audio"].codec == audio.codec,
        "mov_text" if text.codec == "mov_text" else "SubRip": "subtitle" in pairs
        and pairs["subtitle"].codec == text.codec,
    }  # fmt: skip
    if before.mastering is not None:
        found["HDR data"] = (after.mastering, after.light_level) == (before.mastering, before.light_level)
    if audio.packets[0][0] < 0 and found.get("AAC"):
        found["times before zero"] = abs(shift) < 1e-3
    if len({later - time for time, later in zip(before.times, before.times[1:], strict=False)}) > 1:
        moved = [abs(new - old - shift) for new, old in zip(after.times, before.times, strict=True)]
        found["uneven times"] = max(moved) <= 1e-3
    return found


def table() -> str:
    """Return the page's table: yes where all sources that have a thing keep it."""
    lines = ["| to | " + " | ".join(COLUMNS) + " |", "| --- |" + " --- |" * len(COLUMNS)]
    for container in CONTAINERS:
        cells: dict[str, bool] = {}
        for source in SOURCES:
            run = exchange(source, container)
            if run.after is None:
                cells["uneven times"] = False
                continue
            for name, value in kept(run, run.after, container).items():
                cells[name] = cells.get(name, True) and value
        words = ("" if name not in cells else "yes" if cells[name] else "no" for name in COLUMNS)
        lines.append(f"| {container} | " + " | ".join(words) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(table())
