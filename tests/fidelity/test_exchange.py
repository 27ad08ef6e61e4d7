"""What a change of container costs is said, once, by name; and `docs/fidelity.md` says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fidelity.exchange import CONTAINERS, SOURCES, UNEVEN_IN_MXF, exchange, kept, table

PAGE = Path(__file__).parents[2] / "docs" / "fidelity.md"
# column -> what a warning about its loss says
WORDS = {
    "uneven times": "uneven times",
    "times before zero": "times before zero",
    "colour tags": "colour tags",
    "HDR data": "cannot carry HDR",
    "title": "title",
    "chapters": "2 chapters",
    "languages": "language of ",
    "timecode": "the timecode 01:02:03:04",
    "AAC": "audio stream 1",
    "PCM": "audio stream 1",
    "SubRip": "subtitle stream 2",
    "mov_text": "subtitle stream 2",
}
TOLD_BEFORE = ("AAC", "PCM", "SubRip", "mov_text")  # where the stream is left out its name is in other warnings too


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("source", SOURCES)
def test_what_a_container_cannot_carry_is_said_once_by_name(source: str, container: str) -> None:
    run = exchange(source, container)
    if run.after is None:
        assert (source, container) == ("h264 in mp4", "mxf")
        assert UNEVEN_IN_MXF in run.said[-1]
        return
    for column, is_kept in kept(run, run.after, container).items():
        if container == "ts" and column == "times before zero":
            continue  # a transport stream never begins at zero: the whole programme moves
        says = [text for text in run.said if WORDS[column] in text and ("left out" in text) == (column in TOLD_BEFORE)]
        assert len(says) == (0 if is_kept else 1), (column, run.said)
    assert len(run.after.times) == len(run.before.times)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("source", SOURCES)
def test_sound_stays_with_the_picture(source: str, container: str) -> None:
    run = exchange(source, container)
    if run.after is None:
        return
    sounds = [
        next((stream.packets for stream in facts.streams if stream.kind == "audio"), [])
        for facts in (run.before, run.after)
    ]
    if not sounds[1]:
        return
    # The same packet in both, where its bytes say so (PCM is cut anew, transport streams add headers); else the first.
    times = {data: time for time, _, data in sounds[0]}
    time, moved = next(
        ((times[data], time) for time, _, data in sounds[1] if data in times), (sounds[0][0][0], sounds[1][0][0])
    )
    assert abs((moved - run.after.times[0]) - (time - run.before.times[0])) < 0.001


def test_the_page_says_what_was_measured() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), "run: python -m tests.fidelity.exchange"
