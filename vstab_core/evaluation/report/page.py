"""The page: templates of this package filled with data. Nothing in it reaches out; a policy in its head forbids it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata, resources
from typing import Any

from ..types import Evaluation
from . import tables
from .preview import Preview
from .solver import Solver
from .summary import summary_of

SCRIPTS = ("player.js", "plots.js", "page.js")


def page_of(
    evaluation: Evaluation,
    previews: tuple[Preview, Preview],
    data: Mapping[str, Any],
    solver: Solver | None,
    notes: Sequence[str] = (),
) -> str:
    """Return the whole page.

    Args:
        evaluation: the figures.
        previews: original and stabilized.
        data: what the scripts read, see `curves.data_of`.
        solver: what a sidecar adds.
        notes: sentences about how the clips are shown.
    """
    style = _template("page.css")
    script = "\n".join(_template(name) for name in SCRIPTS)
    name = tables.name_of(evaluation.original.path)
    warnings = tables.paragraphs(evaluation.warnings)
    fields = {
        "policy": _policy(style, script),
        "style": style,
        "script": script,
        "data": json_in_html(data),
        "title": tables.escape(name),
        "summary": tables.escape(summary_of(evaluation)),
        "warnings": f'<ul class="warnings" aria-label="Warnings">{warnings}</ul>' if warnings else "",
        "original": tables.escape(name),
        "stabilized": tables.escape(tables.name_of(evaluation.stabilized.path)),
        "width": str(previews[0].plan.width),
        "height": str(previews[0].plan.height),
        "original_video": data_url(previews[0].data),
        "stabilized_video": data_url(previews[1].data),
        "metrics": tables.metrics_table(evaluation),
        "facts": tables.facts_table(evaluation, previews),
        "notes": tables.paragraphs(notes),
        "solver": tables.solver_section(solver),
        "path_words": "yaw, pitch and roll" if evaluation.projection == "equirect" else "place, rotation and zoom",
        "version": tables.escape(_version()),
        "made": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
    return fill(_template("page.html"), fields)


def fill(template: str, fields: Mapping[str, str]) -> str:
    """Replace each {{name}} in the template, once: what is filled in is not looked at again.

    Raises:
        KeyError: the template names a field that is not there.
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda match: fields[match.group(1)], template)


def json_in_html(value: object) -> str:
    """Return JSON that can stand in a <script> element: no text in it can end the element or open a comment."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def data_url(data: bytes) -> str:
    """Return an MP4 file as a data: URL."""
    return "data:video/mp4;base64," + base64.b64encode(data).decode("ascii")


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that runs our script and style alone, and loads nothing from anywhere."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "media-src data: blob:; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _template(name: str) -> str:
    return resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")


def _version() -> str:
    try:
        return metadata.version("vstab")
    except metadata.PackageNotFoundError:
        return "of unknown version"
