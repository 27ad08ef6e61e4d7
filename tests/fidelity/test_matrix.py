"""After a `stabilize` that bends nothing, a file is what it was: times, tags, side data, streams, and pixels up to the
codec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.fidelity.facts import Facts, facts_of, nearest
from tests.fidelity.matrix import CODECS, COLOURS, Case, pairwise, write_case
from vstab_core import pipeline
from vstab_core.params import Parameters

STILL = Parameters(strength=0.0, rolling_shutter="off")


def differences(before: Facts, after: Facts) -> dict[str, tuple[object, object]]:
    """Return what is not the same, by name; of streams with the kind in front."""
    found: dict[str, tuple[object, object]] = {}
    for name in ("metadata", "chapters", "video_codec", "video_metadata", "video_disposition", "pixel_format", "size",
                 "pixel_aspect", "colour", "chroma_place", "mastering", "light_level", "times",
                 "timecode"):  # fmt: skip
        if name == "chroma_place" and before.turned:
            continue  # a turned picture would need the place turned: it is left untagged
        if getattr(before, name) != getattr(after, name):
            found[name] = (getattr(before, name), getattr(after, name))
    kinds = [stream.kind for stream in before.streams], [stream.kind for stream in after.streams]
    if kinds[0] != kinds[1]:
        return found | {"streams": kinds}
    for one, other in zip(before.streams, after.streams, strict=True):
        for name in ("codec", "metadata", "disposition", "packets"):
            if getattr(one, name) != getattr(other, name):
                found[f"{one.kind} {name}"] = (getattr(one, name), getattr(other, name))
    return found


def check_is_what_was_asked(case: Case, facts: Facts) -> None:
    """Assert that a file has what it is to keep: nothing is kept easily."""
    kinds = [stream.kind for stream in facts.streams]
    assert ("audio" in kinds, "subtitle" in kinds) == ("audio" in case.extras, "subtitles" in case.extras)
    assert len(facts.chapters) == (2 if "chapters" in case.extras else 0)
    assert facts.turned == ("rotation" in case.extras)
    assert "timecode" not in case.extras or facts.timecode == "01:02:03:04"
    assert facts.colour[:2] == COLOURS[case.colour][:2]
    assert len(facts.times) == 6
    assert (len(set(np.diff(facts.times))) > 1) == (case.rate == "variable")
    if case.container != "mxf":
        assert facts.metadata["title"] == "Tïtle"
        assert facts.video_metadata["language"] == "deu"
    if case.colour == "PQ" and (CODECS[case.codec].hdr_option or case.container in ("mov", "mp4")):
        assert facts.mastering is not None
        assert facts.light_level == (1000, 400)


# FFmpeg reads ProRes 4444 as 12 bits and writes 10.
SAID = {"ProRes 4444 alpha": "encoder prores_ks takes 10 bits of the source's 12"}


@pytest.mark.parametrize("case", pairwise(), ids=str)
def test_everything_stays(case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = write_case(case, tmp_path)
    output = tmp_path / f"out.{case.container}"
    result = pipeline.stabilize(source, output, STILL)
    before, after = facts_of(source), facts_of(output)
    check_is_what_was_asked(case, before)
    assert differences(before, after) == {}
    assert nearest(before.pictures, after.pictures) < 0.01
    said = [text.partition("': ")[2] for text in caplog.messages]
    assert said == ([SAID[case.codec]] if case.codec in SAID else [])
    assert [text for text in result.warnings if "could be followed" not in text] == []  # the ramp has few corners
