"""Stabilizes 360 clips with vstab and with what people can do now, and judges all from their pixels.

    python -m benchmarks.quality360 [--clips PART...] [--json FILE]

Compared with vid.stab on the flat picture and with rotation measured from frame to frame (no key frames, no local
rotations: `--model rotation`). Judge: `vstab eval --projection equirect`. Everybody encodes with x264 at crf 16, preset
fast. For ours the saving of bit rate follows too: both clips encoded by x264 at equal settings (Kopf 2016, section 6).
A run over all footage writes benchmarks/quality360.json and quality360.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.common import (
    FOOTAGE,
    RESULTS,
    WORK,
    JobError,
    filter_available,
    machine,
    run_measured,
    table,
    vstab_command,
    write_result,
)
from benchmarks.methods import ENCODE, FFMPEG
from vstab_core.errors import VstabError
from vstab_core.evaluation.bitrate import bitrate
from vstab_core.evaluation.evaluate import evaluate

RESULT = RESULTS / "quality360.json"
PAGE = RESULTS / "quality360.md"
CLIPS = ("rendered/walk_360.mp4", "pano360/vrview_richoh1_0_3.mp4", "pano360/valiant360_overpass.mp4",
         "pano360/gvr_testRoom1_1920Mono.mp4")  # fmt: skip
OURS = {
    "rotation": ("vstab, frame to frame", ["--model", "rotation"]),
    "undeformed": ("vstab, key frames", ["--deformation", "0"]),
    "vstab": ("vstab, key frames and local rotations", []),
    "lock": ("the same, --view lock", ["--view", "lock"]),
}
VIDSTAB = "vid.stab, flat picture"
BITRATE_OF = ("vstab", "lock")
FIGURES = {  # of the judge: heading and digits
    "rotation_jitter_deg": ("shake, deg", 3),
    "rotation_wobble_deg": ("wobble, deg/frame^2", 4),
}


def stabilized(name: str, source: Path, work: Path) -> Path:
    """Stabilize a clip by a method and return the result."""
    output = work / f"{source.stem}.{name}.mp4"
    if name == "vidstab":
        scratch = work / "motion.trf"
        detect = f"vidstabdetect=shakiness=8:result={scratch}"
        run_measured([*FFMPEG, "-i", source, "-vf", detect, "-an", "-f", "null", "-"], work)
        transform = f"vidstabtransform=input={scratch}:smoothing=30"
        run_measured([*FFMPEG, "-i", source, "-vf", transform, *ENCODE, output], work)
        return output
    command = vstab_command()
    if command is None:
        raise JobError("there is no vstab command: run make setup")
    options = ["--projection", "equirect", "--codec", "libx264", "--crf", "16", "--preset", "fast"]
    run_measured([command, "stabilize", source, "-o", output, "--overwrite", "--progress", "none", *options,
                  *OURS[name][1]], work)  # fmt: skip
    return output


def judged(source: Path, output: Path) -> dict[str, Any]:
    """Return the judge's figures, before and after; None where they cannot be measured."""
    found = evaluate(source, output, projection="equirect")
    return {key: {"before": found.readings[key].before, "after": found.readings[key].after} for key in FIGURES}


def sizes(source: Path, output: Path) -> dict[str, Any]:
    """Return bytes before and after by setting of x264, and the saving in percent."""
    return {
        row.setting: {
            "before": row.original_bytes,
            "after": row.stabilized_bytes,
            "saving_percent": round(100 * (1 - row.stabilized_bytes / row.original_bytes), 1),
        }
        for row in bitrate(source, output)
    }


def measure(name: str, source: Path, work: Path) -> dict[str, Any]:
    """Run one method on one clip; what failed says so."""
    try:
        output = stabilized(name, source, work)
        entry: dict[str, Any] = {"figures": judged(source, output)}
        if name in BITRATE_OF:
            entry["x264"] = sizes(source, output)
        return entry
    except (JobError, VstabError) as error:
        return {"error": str(error)}


def rows_of(clip: str, methods: dict[str, Any]) -> list[list[str]]:
    """Return the rows of a clip's table: untouched first."""
    labels = {"vidstab": VIDSTAB} | {name: label for name, (label, _) in OURS.items()}
    before = next((entry["figures"] for entry in methods.values() if "figures" in entry), {})
    rows = [[clip, "untouched", *(_number(before.get(key, {}).get("before"), FIGURES[key][1]) for key in FIGURES)]]
    for name, entry in methods.items():
        found = entry.get("figures", {})
        cells = [_number(found.get(key, {}).get("after"), digits) for key, (_, digits) in FIGURES.items()]
        rows.append(["", labels[name], *cells])
    return rows


def page(clips: dict[str, Any]) -> str:
    """Return both tables as a page."""
    head = ["clip", "method", *(label for label, _ in FIGURES.values())]
    body = [row for clip, entry in clips.items() for row in rows_of(clip, entry)]
    saving = [
        [clip, OURS[name][0], *(f"{row['saving_percent']:+.1f} %" for row in entry[name]["x264"].values())]
        for clip, entry in clips.items()
        for name in BITRATE_OF
        if "x264" in entry.get(name, {})
    ]
    settings = next((list(e["vstab"]["x264"]) for e in clips.values() if "x264" in e.get("vstab", {})), [])
    return "\n".join([
        "# 360 clips: what is left to see", "",
        "Made by `python -m benchmarks.quality360`; the judge is `vstab eval` (docs/metrics.md): shake is the rotation",
        "above 1 Hz, wobble what octants of the sphere do beside the common rotation. -: not measurable.", "",
        *_markdown(head, body), "",
        "## Bytes saved", "",
        "x264, preset medium, of the stabilized clip against the original; negative: it grew.", "",
        *_markdown(["clip", "method", *settings], saving), "",
    ])  # fmt: skip


def _markdown(head: list[str], body: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *body]]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def main(arguments: list[str] | None = None) -> int:
    """Run all methods on all clips, print the table, write the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality360", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--clips", nargs="+", default=[""], metavar="PART", help="only clips whose name contains this")
    parser.add_argument("--json", type=Path, help="where a partial run writes")
    options = parser.parse_args(arguments)
    wanted = [name for name in CLIPS if any(part in name for part in options.clips)]
    found = [name for name in wanted if (FOOTAGE / name).exists()]
    if not found:
        print(f"quality360: no footage in {FOOTAGE}: skipped", file=sys.stderr)
        return 0
    work = WORK / "quality360"
    work.mkdir(parents=True, exist_ok=True)
    names = [*(["vidstab"] if filter_available("vidstabtransform") else []), *OURS]
    clips: dict[str, Any] = {}
    for clip in found:
        clips[clip] = {}
        for name in names:
            clips[clip][name] = measure(name, FOOTAGE / clip, work)
            print(f"{clip}  {name}: {clips[clip][name]}", flush=True)
    head = ["clip", "method", *(label for label, _ in FIGURES.values())]
    print(table(head, [row for clip, entry in clips.items() for row in rows_of(clip, entry)]))
    target = RESULT if list(CLIPS) == found else options.json
    if target is not None:
        write_result(target, {"machine": machine(), "clips": clips})
    if target == RESULT:
        PAGE.write_text(page(clips), encoding="utf-8")
    return int(any("error" in entry for methods in clips.values() for entry in methods.values()))


if __name__ == "__main__":
    sys.exit(main())
