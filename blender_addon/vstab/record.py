"""What a stabilized strip remembers: a custom property of the strip, saved with the file and copied with the strip.

Fields of a record:
    result: "RENDER", "ABOVE", "KEYFRAMES" or "CORNERS"; "UPPER" on the strip that stands above a stabilized one.
    source: the strip's file before, as it stood in the strip; source_path: absolute.
    output: the stabilized file, as it stands in the strip; output_path: absolute; not of KEYFRAMES and CORNERS.
    parameters: name -> value, as solved.
    is_360: whether *Stabilize 360 Strip* made it.
    figures: what vstab measured.
    shown_size: height and width at which Blender shows the original.
    before: the strip's settings that were replaced, to put them back.
    partner: of ABOVE the name of the strip above, of UPPER that of the strip below.
    shows_original: whether *Compare* shows the original at the moment.
"""

from __future__ import annotations

import json
from typing import Any

KEY = "vstab"
VERSION = 1

Record = dict[str, Any]


def read(strip: Any) -> Record | None:
    """Return a strip's record; None where it has none, or one that this version cannot read."""
    try:
        text = strip.get(KEY)
        record = json.loads(text) if isinstance(text, str) else None
    except (ValueError, TypeError):
        return None
    return record if isinstance(record, dict) and record.get("version") == VERSION else None


def write(strip: Any, record: Record) -> None:
    """Store a record."""
    strip[KEY] = json.dumps({**record, "version": VERSION})


def forget(strip: Any) -> None:
    """Take the record away."""
    if KEY in strip:
        del strip[KEY]
