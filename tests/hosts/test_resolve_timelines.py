"""A table of timelines: after each run every frame shows the stabilized picture of the frame that it showed before.

The frame numbers are read from the pictures: of the original before, of the file that `vstab` wrote after.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import pytest

from tests.hosts import resolve_stage as stage
from tests.hosts.resolve_fake import Item, World

OLDEST, OLD, LAST_FREE, SELECTION, NEW = (19, 0, 2), (20, 3, 0), (21, 0, 0), (21, 0, 4), (21, 1, 0)
LAST = stage.COUNT


@dataclass(frozen=True)
class Case:
    """One timeline with a clip at frame 10.

    Attributes:
        clip: which of the stage's clips.
        first, duration: its first frame in the file and how many frames of the timeline it stands for.
        rate: of the timeline; "" that of the clip.
        also: (track, at, first, duration) of further clips of the same media pool item.
        part: (begin, frames) of a subclip.
        fps: what the user has set in Clip Attributes.
    """

    name: str
    clip: str = "25"
    first: int = 0
    duration: int = LAST
    rate: str = ""
    speed: str = "1"
    version: tuple[int, ...] = OLD
    quirks: tuple[str, ...] = ()
    result: str = "take"
    also: tuple[tuple[int, int, int, int], ...] = ()
    part: tuple[int, int] | None = None
    fps: str = ""
    starts_at: int = 86400
    selected: bool = False


CASES = [
    Case("whole clip"),
    Case("whole clip, 21.1", version=NEW),
    Case("trimmed at the left", first=7, duration=17),
    Case("trimmed at the right", duration=11),
    Case("trimmed on both sides", first=5, duration=12),
    Case("trimmed on both sides, 21.1", first=5, duration=12, version=NEW),
    Case("trimmed on both sides, 19.0.2", first=5, duration=12, version=OLDEST),
    Case("double speed, 19.0.2", first=4, duration=9, speed="2", version=OLDEST),
    Case("one frame", first=9, duration=1),
    Case("two frames, 21.1", first=9, duration=2, version=NEW),
    Case("the last frame", first=LAST - 1, duration=1),
    Case("timeline from 0", first=3, duration=9, starts_at=0),
    Case("timeline from 10 hours", first=3, duration=9, starts_at=900000),
    Case("drop frame", "29.97 DF", 4, 16, rate="29.97 DF"),
    Case("drop frame, 21.1", "29.97 DF", 4, 16, rate="29.97 DF", version=NEW),
    Case("23.976 in itself", "23.976", 2, 20),
    Case("59.94 in 60", "59.94", 6, 14, rate="60"),
    Case("60 in 59.94", "60", 6, 14, rate="59.94"),
    Case("60 in 59.94 drop frame, 21.1", "60", 6, 14, rate="59.94 DF", version=NEW),
    Case("59.94 in 29.97", "59.94", 4, 9, rate="29.97"),
    Case("60 in 24", "60", 3, 8, rate="24"),
    Case("25 in 50", "25", 5, 26, rate="50"),
    Case("23.976 in 25", "23.976", 2, 20, rate="25"),
    Case("29.97 in 25, 21.1", "29.97 DF", 2, 17, rate="25", version=NEW),
    Case("25 in 23.976", "25", 1, 20, rate="23.976"),
    Case("double speed", first=4, duration=9, speed="2"),
    Case("double speed, 21.1", first=4, duration=9, speed="2", version=NEW),
    Case("half speed", first=6, duration=24, speed="1/2"),
    Case("half speed, 21.1", first=6, duration=24, speed="1/2", version=NEW),
    Case("three quarters of the speed", first=4, duration=16, speed="3/4"),
    Case("backwards", first=4, duration=16, speed="-1"),
    Case("backwards, double, 21.1", first=4, duration=8, speed="-2", version=NEW),
    Case("double speed, 60 in 24, 21.1", "60", 1, 4, rate="24", speed="2", version=NEW),
    Case("subclip", first=8, duration=6, part=(6, 12)),
    Case("subclip from its begin, 21.1", first=6, duration=6, part=(6, 12), version=NEW),
    Case("subclip of drop frame in 25", "29.97 DF", 8, 6, rate="25", part=(6, 12)),
    Case("image sequence", "exr", 5, 12),
    Case("image sequence, 21.1", "exr", 0, LAST, version=NEW),
    Case("image sequence at half speed", "exr", 5, 12, speed="1/2"),
    Case("60 read as 30", "60", 5, 12, rate="30", fps="30"),
    Case("60 read as 25, 21.1", "60", 5, 12, rate="25", fps="25", version=NEW),
    Case("several of one clip", duration=6, also=((1, 30, 12, 8), (2, 40, 0, 5)), selected=True, version=SELECTION),
    Case("several of one clip, by color", first=2, duration=6, also=((1, 30, 12, 8), (1, 44, 0, 5)), selected=True),
    Case("several at half speed, 21.1", duration=6, also=((1, 30, 12, 8),), selected=True, version=NEW, speed="1/2"),
    Case("nil after an edit", first=5, duration=12, quirks=("nil after edit",)),
    Case("nil after an edit, 21.1", first=5, duration=12, quirks=("nil after edit",), version=NEW),
    Case("source frame told one off", first=5, duration=12, quirks=("source frame off by one",)),
    Case("source frame told one off, sequence", "exr", 5, 12, quirks=("source frame off by one",)),
    Case("source frame told one off, 60 in 24", "60", 3, 8, rate="24", quirks=("source frame off by one",)),
    Case("end of a take included", first=5, duration=12, quirks=("take end inclusive",)),
    Case("end of a take included, to the last frame", first=5, duration=19, quirks=("take end inclusive",)),
    Case("takes count from zero", "exr", 5, 12, quirks=("take frames from zero",)),
    Case("takes change the length, 60 in 24", "60", 3, 8, rate="24", quirks=("takes change length",)),
    Case("takes change the length, 23.976 in 25", "23.976", 2, 20, rate="25", quirks=("takes change length",)),
    Case("takes change the length, 25 in 50", first=5, duration=26, rate="50", quirks=("takes change length",)),
    Case("takes change the length, end included", first=5, duration=12,
         quirks=("takes change length", "take end inclusive")),
    Case("takes begin late", first=5, duration=12, quirks=("takes begin late",)),
    Case("takes lose speed, 21.1", first=4, duration=9, speed="2", quirks=("takes lose speed",), version=NEW),
    Case("takes change the length", first=5, duration=12, quirks=("takes change length",)),
    Case("the name follows the take", first=5, duration=12, quirks=("name follows take",)),
    Case("dictionaries for lists", first=5, duration=12, quirks=("dictionaries",), version=LAST_FREE),
    Case("above", first=5, duration=12, result="above"),
    Case("above, 21.1", first=5, duration=12, result="above", version=NEW),
    Case("above, the last frame", first=LAST - 1, duration=1, result="above"),
    Case("above, 60 in 24", "60", 3, 8, rate="24", result="above"),
    Case("above, 59.94 in 60", "59.94", 6, 14, rate="60", result="above"),
    Case("above, 23.976 in 25, 21.1", "23.976", 2, 20, rate="25", result="above", version=NEW),
    Case("above, 25 in 50, an odd length", first=5, duration=25, rate="50", result="above"),
    Case("above, subclip", first=8, duration=6, part=(6, 12), result="above"),
    Case("above, image sequence", "exr", 5, 12, result="above"),
    Case("above, half speed, 21.1", duration=23, speed="1/2", result="above", version=NEW),
    Case("above, half speed by length, 21.1", first=6, duration=24, speed="1/2", result="above", version=NEW,
         quirks=("speed changes length",)),
    Case("above, several", first=2, duration=6, also=((2, 8, 12, 8),), result="above", selected=True, version=NEW),
    Case("above, first delete fails", first=5, duration=12, result="above", quirks=("first delete fails",)),
]  # fmt: skip


def build(case: Case, clips: dict[str, str]) -> tuple[World, list[Item]]:
    facts = stage.facts_of(clips[case.clip])
    rate = case.rate or (f"{float(facts.rate):.3f}" if facts.rate.denominator > 1 else str(facts.rate))
    world = World(stage.facts_of, case.version, rate=rate, quirks=case.quirks)
    world.timeline.start = world.timeline.playhead = case.starts_at
    more = {"FPS": case.fps} if case.fps else {}
    media = world.add(clips[case.clip], *(case.part or ()), **more)
    media.values["Proxy Media Path"] = "/proxies/small.mov"  # never used
    places = [(1, 10, case.first, case.duration), *case.also]
    speed = Fraction(case.speed)
    items = [world.timeline.place(media, at, first, frames, speed, track) for track, at, first, frames in places]
    world.timeline.playhead += 10
    for item in items:
        item.color = "Teal"
    if case.selected:
        world.timeline.chosen = items
    return world, items


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_frame_shows_its_stabilized_picture(case: Case, clips: dict[str, str]) -> None:
    world, items = build(case, clips)
    stage.write_settings(result=case.result, color="Teal")
    before = shown(world)
    stands = [(item.start, item.duration, item.GetName(), item.color) for item in items]
    stage.run_script(world, "vstab Stabilize Selected Clips" if case.selected else "vstab Stabilize Clip")
    after = shown(world)
    assert {frame: number for frame, (_, number) in after.items()} == {
        frame: number for frame, (_, number) in before.items()
    }
    assert {is_stabilized for is_stabilized, _ in before.values()} == {False}
    assert {is_stabilized for is_stabilized, _ in after.values()} == {True}
    if "name follows take" not in case.quirks or case.version >= (20, 2):
        assert [(item.start, item.duration, item.name, item.color) for item in items] == [
            (start, duration, item.name, color) for (start, duration, _, color), item in zip(stands, items, strict=True)
        ]
    assert world.rules.violations == []


def shown(world: World) -> dict[int, tuple[bool, int]]:
    """Return frame of the timeline -> (whether it is of a stabilized file, number in its picture)."""
    seen = {}
    for frame, place in world.timeline.shown().items():
        assert place is not None
        path, index = place
        seen[frame] = "_stabilized" in path, stage.numbers_in(path)[index]
    return seen
