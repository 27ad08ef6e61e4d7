"""The README's figures of 360 clips, for `benchmarks.readme`: from {accuracy,quality,speed,memory}360.json."""

from __future__ import annotations

from typing import Any

SOURCES = ("accuracy360", "quality360", "speed360", "memory360")
COMMANDS = "`python -m benchmarks.accuracy360`, `benchmarks.quality360`, `benchmarks.speed360`, `benchmarks.memory360`"
WALK = "rendered/walk_360.mp4"

Data = dict[str, dict[str, Any]]
Row = tuple[str, str, str]  # what, figure, aim


def turning_rows(data: Data) -> list[Row]:
    """How exactly the path of a camera that only turns is measured."""
    cases = data["accuracy360"]["cases"]
    skewed = [case for name, case in cases.items() if case["pure"] and "shutter" in name]
    plain = [case for name, case in cases.items() if case["pure"] and "shutter" not in name]
    figure = f"up to {_worst(plain, 'rms_deg'):.3f}°; rolling shutter up to {_worst(skewed, 'rms_deg'):.3f}°"
    return [(f"rotation, RMS over 4 s, {len(plain) + len(skewed)} clips of a camera that only turns", figure, "0.1°")]


def moving_rows(data: Data) -> list[Row]:
    """The same with parallax and with things that move."""
    moving = [case for case in data["accuracy360"]["cases"].values() if not case["pure"]]
    figure = f"up to {_worst(moving, 'rms_deg'):.3f}°"
    return [(f"the same, {len(moving)} clips: walking, people over up to a third of the sphere", figure, "0.25°")]


def key_rows(data: Data) -> list[Row]:
    """The rotation from key frame to key frame."""
    cases = [case for case in data["accuracy360"]["cases"].values() if case["key_median_deg"] is not None]
    return [("from key frame to key frame, median", f"up to {_worst(cases, 'key_median_deg'):.3f}°", "0.1°")]


def deformation_rows(data: Data) -> list[Row]:
    """What the local rotations change for what stands still."""
    cases = data["accuracy360"]["cases"]
    less = {
        name: 100 * (1 - case["tremble_deformed_deg"] / case["tremble_rotation_deg"]) for name, case in cases.items()
    }
    shutter = [value for name, value in less.items() if "shutter" in name and cases[name]["pure"]]
    walking = [less["moving"], less["moving_shutter"]]
    crowded = min(value for name, value in less.items() if "people" in name and name.startswith("moving"))
    turning = max(
        case["tremble_deformed_deg"] - case["tremble_rotation_deg"]
        for name, case in cases.items()
        if case["pure"] and "shutter" not in name
    )
    figure = (
        f"rolling shutter {min(shutter):.0f} to {max(shutter):.0f} % less; walking {walking[0]:.1f} %, with a "
        f"rolling shutter {walking[1]:.1f} %; among people {round(crowded)} % at worst; only turning: at most "
        f"{turning:+.3f}°"
    )
    what = "tremble (RMS second difference) of things at rest, deformed against rotation alone"
    return [(what, figure, "25 % less")]


def shake_rows(data: Data) -> list[Row]:
    """What of the shake is left in the pixels."""
    clips = data["quality360"]["clips"]

    def shake(clip: str, method: str, when: str = "after") -> float:
        return float(clips[clip][method]["figures"]["rotation_jitter_deg"][when])

    before = shake(WALK, "vstab", "before")
    walk = ", ".join(
        f"{label} {shake(WALK, name):.2f}° ({before / shake(WALK, name):.0f}x)"
        for label, name in (("steady", "vstab"), ("lock", "lock"), ("frame to frame", "rotation"))
    )
    others = ", ".join(
        f"{shake(clip, 'vstab', 'before'):.3f}° to {shake(clip, 'vstab'):.3f}° ({shake(clip, 'rotation'):.3f}°)"
        for clip in clips
        if clip != WALK
    )
    return [
        ("shake above 1 Hz, rendered walk, by the judge", f"{before:.2f}° to {walk}", "30x"),
        ("the same, three real clips (frame to frame)", others, ""),
    ]


def saving_rows(data: Data) -> list[Row]:
    """What x264 saves on the stabilized clips; negative: they grew."""
    savings = [entry["vstab"]["x264"]["CRF 23"]["saving_percent"] for entry in data["quality360"]["clips"].values()]
    figure = ", ".join(f"{saving:+.1f} %" for saving in savings)
    return [("bytes saved by x264 at crf 23, the same four clips", figure, "10 to 20 % (published)")]


def memory_rows(data: Data) -> list[Row]:
    """Peak memory at 8K."""
    found = data["memory360"]
    clips = found["clips"]
    figure = " / ".join(f"{clip['peak_mib'] / 1024:.2f}" for clip in clips)
    lengths = " / ".join(str(clip["frames"]) for clip in clips)
    plain = found["transcode_mib"] / 1024
    what = f"memory, 7680x3840 10-bit, {found['codec']}, {lengths} frames"
    return [(what, f"{figure} GiB (plain transcode {plain:.2f})", f"{found['limit_mib'] / 1024:.0f} GiB")]


ROWS = (turning_rows, moving_rows, key_rows, deformation_rows, shake_rows, saving_rows, memory_rows)


def stage_table(data: Data) -> list[str]:
    """Return the stages' milliseconds, a row for each size and model."""
    found = data["speed360"]["sizes"]
    stages = list(next(iter(found.values()))["deformed"]["cpu_ms"])
    head = ["ms a frame, processor", *stages, "sum", "wall, 2 threads", "aim"]
    rows = []
    for width, entry in found.items():
        bits = "10" if "10" in entry["pixel_format"] else "8"
        for model in ("deformed", "rotation"):
            times = entry[model]
            aim = "" if times["aim_ms"] is None else f"{times['aim_ms']:g}"
            rows.append(
                [f"{width}x{int(width) // 2} {bits}-bit, {model}",
                 *(f"{times['cpu_ms'][stage]:.1f}" for stage in stages),
                 f"{times['cpu_sum_ms']:.1f}", f"{times['wall_ms']:.1f}", aim]
            )  # fmt: skip
    return [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]


def _worst(cases: list[dict[str, Any]], key: str) -> float:
    return max(float(case[key]) for case in cases)
