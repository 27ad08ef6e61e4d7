"""DaVinci Resolve's menu scripts, started as Resolve starts them, against a strict fake of it and the real `vstab`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.hosts import resolve_stage as stage
from tests.hosts.resolve_fake import World

STABILIZE = "vstab Stabilize Clip"


def numbers(world: World) -> list[Any]:
    """Return (file, number burnt into the picture) of each frame of the timeline."""
    seen = world.timeline.shown()
    return [(Path(place[0]).name, stage.numbers_in(place[0])[place[1]]) for _, place in sorted(seen.items()) if place]


def test_a_take_shows_the_stabilized_file_at_the_same_frames(clips: dict[str, str], capsys: Any) -> None:
    world = World(stage.facts_of)
    item = world.timeline.place(world.add(clips["25"]), at=0, first=5, duration=12)
    stage.run_script(world, STABILIZE)
    assert capsys.readouterr().out.endswith("vstab: stabilized\n")
    assert numbers(world) == [("a25_stabilized.mp4", number) for number in range(5, 17)]
    assert (item.start, item.duration, item.selected, len(item.takes)) == (86400, 12, 2, 2)
    assert item.takes[0].media.path == clips["25"]
    assert world.rules.violations == []
