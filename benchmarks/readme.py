"""Writes the README's figures from the result files of the benchmarks.

    python -m benchmarks.readme [--check]

What stands between the two `figures` comments is made from benchmarks/{accuracy,quality,speed,memory,pipe}.json, those
of the networks and of 360 clips (`networks_page`, `readme360`) and nothing else; a file or a figure that is not there
leaves its row out. --check changes nothing and fails where the README says something else than the files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import networks_page, readme360
from benchmarks.common import RESULTS, ROOT

README = ROOT / "README.md"
BEGIN, END = "<!-- figures: begin", "<!-- figures: end -->"
NOTE = f"{BEGIN}. Made by `python -m benchmarks.readme` from benchmarks/*.json; `make bench` measures them again. -->"
SOURCES = ("accuracy", "quality", "speed", "memory", "pipe")
STILL = {"shake", "shake_perspective", "zoom", "rotation", "walk"}  # scenes of accuracy.json where nothing else moves
BUSY = 0.7  # load above which a time says more of the machine than of the program
FOREGROUND = {"foreground_third", "foreground_third_entering"}

Data = dict[str, dict[str, Any]]  # result files by name; {} where one is not there
Row = tuple[str, str, str]  # what, figure, aim


def accuracy_rows(data: Data) -> list[Row]:
    """How exactly motion is measured, against truth."""
    found = {name: scene["rms_px"] for name, scene in data["accuracy"]["corner_error"].items()}
    groups = [
        ("", [found[name] for name in found if name in STILL]),
        ("foreground over a third ", [found[name] for name in found if name in FOREGROUND]),
        ("noise, blur, low texture ", [found[name] for name in found if name not in STILL | FOREGROUND]),
    ]
    parts = [f"{what}{_up_to(values, 3)} px" for what, values in groups if values]
    return [("corner error of the motion, RMS at 640x360, known truth", "; ".join(parts), "0.15 / 0.5 px")]


def _up_to(values: list[float], digits: int) -> str:
    return f"up to {max(values):.{digits}f}" if len(values) > 1 else f"{values[0]:.{digits}f}"


def _summary(data: Data) -> dict[str, Any]:
    """Return the summary of the quality benchmark; of a file that does not say which judge spoke there is none."""
    if "judge" not in data["quality"]:
        raise KeyError("judge")
    return dict(data["quality"]["summary"])


def contest_row(data: Data) -> list[Row]:
    """The head-to-head with vid.stab, as it comes."""
    found = _summary(data)["head_to_head"]["vstab"]["vidstab"]
    total = found["clips"]
    figure = f"{found['lower_shake']} of {total}; with as much picture too: {found['lower_shake_with_as_much_picture']}"
    return [(f"{total} shaky clips: less shake than vid.stab", figure, "90 %")]


def equal_row(data: Data) -> list[Row]:
    """The head-to-head at equal retained field of view."""
    found = _summary(data)["head_to_head"]["vstab_equal"]["vidstab"]
    ours, theirs = found["mean_cropping_ratio"]
    what = f"the same with `--max-crop` at what vid.stab cuts (kept: {_percent(ours)}, vid.stab {_percent(theirs)})"
    return [(what, f"{found['lower_shake']} of {found['clips']}", "90 %")]


def kept_row(data: Data) -> list[Row]:
    """How much of the picture is kept."""
    ours, theirs = _summary(data)["head_to_head"]["vstab"]["vidstab"]["mean_cropping_ratio"]
    return [("picture kept (width and height), mean", f"{_percent(ours)} (vid.stab {_percent(theirs)})", "as much")]


def gain_row(data: Data) -> list[Row]:
    """How many times less the clips shake."""
    gains = _summary(data)["gain_median"]
    figure = f"{gains['vstab']:.1f} (streaming {gains['vstab_streaming']:.1f}, {_peers(data, gains, '{:.1f}')})"
    return [("shake, before / after, median", figure, "")]


def shape_row(data: Data) -> list[Row]:
    """Distortion, and wobble, which a rolling-shutter correction lowers by changing the shape."""
    summary = _summary(data)
    found = summary["head_to_head"]["vstab"]["vidstab"]
    wobble = summary["metrics"]["wobble_px"]["methods"]
    medians = {name: entry["median"] for name, entry in wobble.items()}
    return [
        ("distortion no worse than vid.stab's", f"{found['distortion_no_worse']} of {found['clips']}", "90 %"),
        ("wobble, median, px/frame²",
         f"{medians['original']:.2f} before, {medians['vstab']:.2f} after (vid.stab {medians['vidstab']:.2f})", ""),
    ]  # fmt: skip


def steady_row(data: Data) -> list[Row]:
    """What is left alone."""
    summary = _summary(data)
    unharmed, total = summary["steady_unharmed"], summary["steady_clips"]
    if not total:
        return []
    return [("steady clips left unharmed", f"{unharmed['vstab']} of {total} (vid.stab {unharmed['vidstab']})", "all")]


def two_pass_row(data: Data) -> list[Row]:
    """Processor time of two passes."""
    jobs = data["speed"]["jobs"]
    key = "cpu_to_transcode_pyav"
    others = {name: job[key] for name, job in jobs.items() if name in ("vidstab", "deshake") and key in job}
    peers = ", ".join(f"{LABELS[name]} {ratio:.2f} x" for name, ratio in others.items())
    frames = f"{data['speed']['clip']['frames']} frames 1080p"
    what = f"two passes, {frames}, processor time against the plain transcode"
    return [(what, f"{jobs['vstab'][key]:.2f} x{f' ({peers})' if peers else ''}", "1.35 x")]


def streaming_row(data: Data) -> list[Row]:
    """Processor time of streaming."""
    return [
        ("streaming, the same", f"{data['speed']['jobs']['vstab_streaming']['cpu_to_transcode_pyav']:.2f} x", "1.15 x")
    ]


def pipe_row(data: Data) -> list[Row]:
    """Processor time of the filter between two ffmpegs, theirs included."""
    ratio = data["pipe"]["jobs"]["vstab_pipe_30"]["cpu_to_transcode_ffmpeg"]
    what = "`ffmpeg \\| vstab pipe \\| ffmpeg` against ffmpeg's plain transcode, the same"
    return [(what, f"{ratio:.2f} x", "1.5 x")]


def smooth_row(data: Data) -> list[Row]:
    """The path alone."""
    return [
        (
            "`smooth` of ten minutes, whole process",
            f"{data['speed']['jobs']['vstab_smooth_10min']['wall_s']:.2f} s",
            "0.5 s",
        )
    ]


def memory_row(data: Data) -> list[Row]:
    """Peak memory, short and long."""
    jobs = data["memory"]["jobs"]
    shortest, longest = jobs["two_pass"][0]["minutes"], jobs["two_pass"][-1]["minutes"]
    peaks = [
        [entry["peak_mib"] / 1024 for entry in (jobs[mode][0], jobs[mode][-1])] for mode in ("two_pass", "streaming")
    ]
    figure = " / ".join(f"{short:.2f} to {long:.2f}" for short, long in peaks)
    return [(f"memory, 1080p, {shortest:g} to {longest:g} minutes, two passes / streaming", f"{figure} GiB", "1 GiB")]


ROWS: tuple[Callable[[Data], list[Row]], ...] = (
    accuracy_rows, contest_row, equal_row, kept_row, gain_row, shape_row, steady_row,
    two_pass_row, streaming_row, pipe_row, smooth_row, memory_row,
)  # fmt: skip
LABELS = {"vidstab": "vid.stab", "deshake": "deshake"}


def losses(data: Data) -> list[str]:
    """Say where it loses, from the data."""
    summary = _summary(data)
    found = summary["head_to_head"]["vstab"]["vidstab"]
    shakier = [name for name, keys in found["lost"].items() if "lower_shake" in keys]
    sentences = []
    if shakier:
        names = ", ".join(name.split("/", 1)[-1] for name in shakier)
        sentences.append(f"Where vid.stab is steadier: {names}.")
    outside = summary["elsewhere"]["vidstab"]
    if outside["clips"]:
        ours = summary["elsewhere"]["vstab"]["clips"]
        sentences.append(
            f"vid.stab fills with old picture what its crop does not hide: on {outside['clips']} clips, up to "
            f"{outside['worst_percent']:.0f} % of a frame; vstab shows picture from elsewhere on {ours or 'none'}."
        )
    return sentences


def figures(data: Data) -> str:
    """Return the README's part, its two comments included."""
    rows = [row for make in ROWS for row in _present(make, data)]
    lines = [NOTE]
    if rows:
        lines += [*_measured(data), "", "| what | figure | aim |", "| --- | --- | --- |"]
        lines += [f"| {what} | {figure} | {aim} |" for what, figure, aim in rows]
        sentences = [
            *_present(losses, data),
            "Shake too violent for a crop of 15 % is held better with a larger `--max-crop`; strong parallax is not.",
            "Clips too long to stay in memory (5 s of 1080p) are decoded twice, which costs more than these figures of "
            "time say.",
        ]
        lines += ["", *_wrapped(" ".join(sentences))]
        if _present(contest_row, data):
            lines += ["", "Clip by clip and metric by metric: [benchmarks/quality.md](benchmarks/quality.md)."]
    lines += _present(network_figures, data)
    lines += sphere_figures(data)
    return "\n".join([*lines, END])


def network_figures(data: Data) -> list[str]:
    """Return the part of the networks."""
    found = data["networks"]
    said = f"Measured {_place(found['machine'])}: `python -m benchmarks.networks`. {networks_page.EQUAL}"
    if found["load_at_start"] > BUSY or found["jobs"] > 1:
        said += " The machine was busy: processor time is then too long."
    sentences = [*networks_page.beside_klt(found), *networks_page.left_out(found)]
    sentences.append("Clip by clip: [benchmarks/networks.md](benchmarks/networks.md).")
    lines = ["", f"**The networks**, {found['summary']['clips']} shaky clips", "", *_wrapped(said)]
    return [*lines, "", *networks_page.methods_table(found), "", *_wrapped(" ".join(sentences))]


def sphere_figures(data: Data) -> list[str]:
    """Return the part of 360 clips; nothing without their result files."""
    rows = [row for make in readme360.ROWS for row in _present(make, data)]
    stages = _present(readme360.stage_table, data)
    if not rows and not stages:
        return []
    heads = [data.get(name, {}).get("machine") for name in readme360.SOURCES]
    places = dict.fromkeys(_place(head) for head in heads if head)
    said = f"Measured {'; '.join(places)}, against exact truth in memory: {readme360.COMMANDS}."
    if data.get("speed360", {}).get("load_at_start", 0) > BUSY:
        said += " The machine was busy when time was measured: processor time is then too long, wall time says nothing."
    lines = ["", "**360 clips**", "", *_wrapped(said)]
    if rows:
        lines += ["", "| what | figure | aim |", "| --- | --- | --- |"]
        lines += [f"| {what} | {figure} | {aim} |" for what, figure, aim in rows]
    return [*lines, *(["", *stages] if stages else [])]


def _place(head: dict[str, Any]) -> str:
    return f"{head.get('date')}, {head.get('cores')} cores of {str(head.get('cpu')).replace('(R)', '')}"


def _present(make: Callable[[Data], list[Any]], data: Data) -> list[Any]:
    """Return what a part says, or nothing where the result files lack one of its figures."""
    try:
        return make(data)
    except (KeyError, IndexError, TypeError):
        return []


def _measured(data: Data) -> list[str]:
    """Say when and where each file was measured; those of one day and machine together."""
    groups: dict[str, list[str]] = {}
    for name in SOURCES:
        if any(_present(make, {source: data[source] if source == name else {} for source in SOURCES}) for make in ROWS):
            head = data[name].get("machine", {})
            groups.setdefault(_place(head), []).append(name)
    said = [f"{', '.join(names)}: {place}" for place, names in groups.items()]
    text = f"Measured {next(iter(groups))}." if len(groups) == 1 else f"Measured {'; '.join(said)}."
    if data["speed"].get("load_at_start", 0) > BUSY:
        text += " The machine was busy when time was measured."
    if any("quality" in names for names in groups.values()):
        text += " Peers: ffmpeg's vid.stab (`shakiness=8`, `smoothing=30`) and `deshake`."
    return _wrapped(text)


def _wrapped(text: str, width: int = 120) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _peers(data: Data, values: dict[str, float | None], layout: str) -> str:
    known = [f"{label} {layout.format(values[name])}" for name, label in LABELS.items() if values.get(name) is not None]
    return ", ".join(known)


def load(folder: Path) -> Data:
    """Read the result files that are there."""
    paths = {name: folder / f"{name}.json" for name in (*SOURCES, "networks", *readme360.SOURCES)}
    return {name: json.loads(path.read_text()) if path.exists() else {} for name, path in paths.items()}


def replaced(text: str, part: str) -> str:
    """Return the README with its figures exchanged.

    Raises:
        ValueError: the comments that bound the figures are not there.
    """
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        raise ValueError(f"the README has no '{BEGIN}' before '{END}'; put both back")
    return text[:begin] + part + text[end + len(END) :]


def main(arguments: list[str] | None = None) -> int:
    """Write the figures, or check them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the README is stale")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the result files")
    parser.add_argument("--readme", type=Path, default=README)
    options = parser.parse_args(arguments)
    text = options.readme.read_text()
    wanted = replaced(text, figures(load(options.results)))
    if text == wanted:
        return 0
    if options.check:
        print(
            "README.md: its figures are not those of benchmarks/*.json; run `python -m benchmarks.readme`",
            file=sys.stderr,
        )
        return 1
    options.readme.write_text(wanted)
    print(f"written: {options.readme}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
