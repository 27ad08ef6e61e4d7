"""What `vstab params` and `vstab info` show, as text, Markdown or values for JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..params import DEFAULTS, PARAMS, Param
from .arguments import flag_of

_STAGE_HEADINGS = {
    "analyze": ("Analyze", "A change repeats everything: motion is measured again."),
    "smooth": ("Smooth", "A change repeats the path and the rendering; `vstab smooth` does the path in milliseconds."),
    "render": ("Render", "A change repeats only the rendering."),
}

MARKDOWN_HEAD = """\
# Parameters

Generated from `vstab_core/params.py` by `vstab params --markdown`; change that file, not this one.

The names are the same everywhere: `--max-crop 0.2` on the command line, `max_crop` in Python, in a sidecar and in the
editors. A value outside its range, a word that is not among the choices, or an unknown name is refused, never ignored.
`vstab params --json` prints the same table for programs.
"""


def params_values() -> list[dict[str, Any]]:
    """Return one mapping for each parameter, in the order of the table."""
    return [_param_values(name, row) for name, row in PARAMS.items()]


def _param_values(name: str, row: Param) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": name,
        "flag": flag_of(name),
        "label": row.label,
        "help": row.help,
        "stage": row.stage,
        "advanced": row.advanced,
        "streaming": row.streaming,
        "default": DEFAULTS[name],
    }
    if row.choices:
        return values | {"type": "choice", "choices": list(row.choices)}
    if row.check is not None:
        return values | {"type": "text"}
    whole = isinstance(DEFAULTS[name], int)
    minimum, maximum = (int(row.minimum), int(row.maximum)) if whole else (row.minimum, row.maximum)
    kind = "integer" if whole else "number"
    return values | {"type": kind, "minimum": minimum, "maximum": maximum, "unit": row.unit}


def _allowed(row: Param) -> str:
    if row.check is not None:
        return "text"
    return ", ".join(row.choices) if row.choices else f"{row.minimum:g} to {row.maximum:g} {row.unit}".rstrip()


def params_text() -> str:
    """Return the table for a terminal."""
    blocks = []
    for name, row in PARAMS.items():
        blocks.append(f"{flag_of(name)}  ({_allowed(row)}; default {DEFAULTS[name]})\n    {row.help}")
    return "\n".join(blocks)


def params_markdown() -> str:
    """Return the whole of docs/parameters.md, without the last line end."""
    lines = [MARKDOWN_HEAD]
    for stage, (heading, text) in _STAGE_HEADINGS.items():
        lines += [f"## {heading}", "", text, "", "| name | values | default | meaning |", "| --- | --- | --- | --- |"]
        for name, row in PARAMS.items():
            if row.stage == stage:
                mark = " *(advanced)*" if row.advanced else ""
                lines.append(f"| `{flag_of(name)}` | {_allowed(row)} | {DEFAULTS[name]} | {row.help}{mark} |")
        lines.append("")
    return "\n".join(lines).rstrip()


def text_of(values: Mapping[str, Any], indent: str = "") -> str:
    """Return nested values as indented lines."""
    lines = []
    for name, value in values.items():
        label = f"{indent}{name}:"
        if isinstance(value, Mapping):
            lines += [label, text_of(value, indent + "  ")]
        elif isinstance(value, list):
            lines += [f"{label} {', '.join(map(str, value)) or 'none'}"]
        else:
            shown = {True: "yes", False: "no", None: "unknown"}.get(value, value) if _is_word(value) else value
            lines.append(f"{label} {f'{shown:.6g}' if isinstance(shown, float) else shown}")
    return "\n".join(lines)


def _is_word(value: object) -> bool:
    return value is None or isinstance(value, bool)


def info_values(path: Path) -> dict[str, Any]:
    """Return what is known of a video, or of a sidecar (told by the ending .vstab).

    Raises:
        InputError: the video cannot be read.
        SidecarError: the sidecar is damaged or of another version.
    """
    if path.suffix.lower() == ".vstab":
        return _sidecar_values(path)
    from ..decode import probe
    from ..light.tags import names_of
    from ..sequence.clip import AS_THEY_ARE
    from ..source import decide_projection
    from ..spherical_metadata import read_spherical

    info = probe(path, AS_THEY_ARE)
    decision, said = decide_projection(info, AS_THEY_ARE), read_spherical(path)
    values = {
        "kind": "video",
        **{name: item for name, item in _plain(info).items() if name != "tags"},
        "colour": names_of(info.tags),
        "projection": decision.projection,
        "stereo": decision.stereo,
        "projection_from": decision.reason,
    }
    if said is not None:
        values["spherical"] = {name: item for name, item in _plain(said).items() if item is not None}
    return values | ({"warnings": decision.warnings} if decision.warnings else {})


def _sidecar_values(path: Path) -> dict[str, Any]:
    from ..sidecar import read_sidecar
    from ..types import RotationMotion

    sidecar = read_sidecar(path)
    track, motion, warps = sidecar.track, sidecar.motion, sidecar.warps
    times_s = track.pts * float(track.time_base)
    values: dict[str, Any] = {
        "kind": "sidecar",
        "path": str(path),
        "source_name": sidecar.source_name,
        "fingerprint": sidecar.fingerprint,
        "projection": sidecar.projection,
        "width": track.width,
        "height": track.height,
        "frames": len(track),
        "first_s": float(times_s[0]) if len(track) else None,
        "last_s": float(times_s[-1]) if len(track) else None,
        "time_base": str(track.time_base),
    }
    if motion is not None:
        values["shots"] = int(motion.cut.sum())
        values["weak_frames"] = int((motion.confidence == 0).sum())
        if isinstance(motion, RotationMotion):
            values["key_frames"] = int(motion.key_frame.sum())
        else:
            values["readout_ratio"] = motion.readout_ratio
    if warps is not None and len(track):
        values["crop"] = float(warps.crop.max())
    values["parameters"] = None if sidecar.parameters is None else sidecar.parameters.as_dict()
    return values


def _plain(value: Any) -> dict[str, Any]:
    """Return a dataclass of scalars and tuples as values for JSON: fractions as text ("30000/1001"), paths as text."""
    plain = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if isinstance(item, tuple):
            item = list(item)
        plain[field.name] = str(item) if isinstance(item, (Fraction, Path)) else item
    return plain
