"""Where results and analyses are written. Nothing here knows Blender."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Mapping
from typing import Any

from .params import DEFAULTS, PARAMS

# What vstab can write; other clips (.mpg, .wmv, .360) give a .mov, which holds nearly every codec.
CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mxf", ".ts", ".mts", ".m2ts", ".nut", ".3gp", ".flv")

# Parameters that an analysis depends on: clips are analyzed again for another value.
_OF_ANALYSIS = tuple(name for name, row in PARAMS.items() if row.stage == "analyze")


def result_file(source: str, folder: str, taken: Collection[str] = ()) -> str:
    """Return a free name for the stabilized version of a clip.

    Args:
        source: the clip.
        folder: where results go; "" beside the clip.
        taken: names that other jobs will write.
    """
    stem, ending = os.path.splitext(os.path.basename(source))
    ending = ending if ending.lower() in CONTAINERS else ".mov"
    number = 1
    while True:
        tail = "" if number == 1 else f"-{number}"
        path = os.path.join(folder or os.path.dirname(source), f"{stem}_stabilized{tail}{ending}")
        if not os.path.lexists(path) and path not in taken:
            return path
        number += 1


def analysis_file(source: str, folder: str, parameters: Mapping[str, Any], is_360: bool) -> str:
    """Return the name of the sidecar that holds a clip's analysis; strips of one clip share it.

    In a folder of their own, clips of different folders may have one name: a few digits of the path tell them apart.
    """
    words = [_word(parameters[name]) for name in _OF_ANALYSIS if parameters.get(name, DEFAULTS[name]) != DEFAULTS[name]]
    if parameters.get("model") == "rotation":  # decided while the clip is analyzed
        words.append("rotation")
    if is_360 and parameters["projection"] == "auto":  # the user says so, whatever the file says
        words.append("360")
    name = os.path.basename(source)
    if folder:
        words.insert(0, hashlib.sha256(os.fsencode(os.path.abspath(source))).hexdigest()[:6])
    return os.path.join(folder or os.path.dirname(source), ".".join([name, *words, "vstab"]))


def _word(value: Any) -> str:
    # Colour spaces and paths hold slashes and spaces.
    return re.sub(r"[^\w.]+", "-", str(value)).strip("-.")[-40:]
