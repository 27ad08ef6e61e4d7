"""Paths inside a filter graph. Four parsers take backslashes off one after another, each with characters of its own.

From the inside: the frei0r filter parts its parameters at `|`, the filter its options at `:`, the graph its filters at
`,` and `;` and its labels at brackets. A shell is a fifth.
"""

from __future__ import annotations

from pathlib import Path


def frei0r_parameter(path: Path) -> str:
    """Return a path as the frei0r filter reads it: the value of its option `filter_params`."""
    text = _escaped(str(path), "\\'|")
    if text.startswith(" "):  # bare blanks at the ends would be taken off, by every parser
        text = "\\" + text
    return text[:-1] + "\\ |" if text.endswith(" ") else text


def frei0r_filter(sidecar: Path | str, trimmed_s: float = 0.0) -> str:
    """Return the filter for a command line's `-vf`, `frei0r=vstab:...`, with a path that may hold any character.

    `trimmed_s` are the seconds that `-ss` before the input cuts off. The result is one word of a list of arguments; a
    shell needs it quoted (`shlex.quote`).
    """
    parameters = frei0r_parameter(Path(sidecar))
    if trimmed_s:
        parameters = f"{parameters.removesuffix('|')}|{trimmed_s:.6f}"
    option = _escaped(parameters, "\\':")
    return "frei0r=filter_name=vstab:filter_params=" + _escaped(option, "\\'[],;")


def _escaped(text: str, characters: str) -> str:
    return "".join("\\" + c if c in characters else c for c in text)
