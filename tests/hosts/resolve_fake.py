"""A DaVinci Resolve that allows only what is documented, and behaves as documented or reported in public.

`World` is the truth: which file and frame a timeline shows. Scripts get `Handle`s on its objects (resolve_strict.py).
Quirks, reported of real versions or not excluded by the documentation, are switched on by name.
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tests.hosts.resolve_strict import Handle, Rules, wrap

QUIRKS = {
    "nil after edit": "clips and lists of clips answer None for two seconds after a change",
    "source frame off by one": "GetSourceStartFrame tells one frame more",
    "no source frames": "GetSourceStartFrame and GetSourceEndFrame tell 0",
    "take end inclusive": "AddTake's endFrame is the last frame shown",
    "take frames from zero": "AddTake counts from the file's first frame, whatever that is numbered",
    "takes begin late": "a take shows two frames later than asked for",
    "takes lose speed": "a new take plays at the speed of recording",
    "takes change length": "selecting a take gives the clip the take's own length",
    "speed changes length": "SetSpeed keeps the frames and not the length",
    "takes fail": "AddTake returns False",
    "takes stay": "DeleteTakeByIndex returns False",
    "selection moves": "deleting a take selects the first",
    "delete fails": "DeleteClips returns False",
    "name follows take": "the clip is called as the selected take's file",
    "import nothing": "ImportMedia returns an empty list",
    "import once": "ImportMedia returns nothing for a file that is in the bin",
    "no notes": "third-party metadata is not stored",
    "first delete fails": "DeleteClips returns False the first time",
    "dictionaries": "lists come as dictionaries counted from 1",
    "comp without tools": "a new composition has no MediaIn",
}
NIL_S = 2.0
_ids = itertools.count(1)


@dataclass(frozen=True)
class FileFacts:
    """What an import finds in a file."""

    frames: int
    rate: Fraction
    start_tc: str = "00:00:00:00"
    resolution: str = "160x90"


class Media:
    """A media pool item; `begin` and `frames` are the part of the file that it shows (subclips)."""

    KIND = "MediaPoolItem"

    def __init__(self, world: World, path: str, facts: FileFacts, begin: int = 0, frames: int | None = None) -> None:
        self.world, self.id = world, f"media-{next(_ids)}"
        numbers = re.search(r"\[(\d+)-\d+\]", path)
        self.base = int(numbers.group(1)) if numbers else 0
        self.path, self.begin = path, begin
        self.file_frames, self.rate = facts.frames, facts.rate
        self.frames = facts.frames if frames is None else frames
        self.values: dict[str, Any] = {
            "Type": "Video + Audio", "File Path": path, "File Name": os.path.basename(path), "FPS": as_said(facts.rate),
            "Frames": str(self.frames), "Start": str(self.base + begin), "Start TC": facts.start_tc,
            "Resolution": facts.resolution, "Online Status": "Online", "Data Level": "Auto", "Proxy Media Path": "",
        }  # fmt: skip
        self.notes: dict[str, str] = {}
        self.metadata: dict[str, str] = {}
        self.color = ""
        self.marks: dict[str, dict[str, int]] = {}

    def GetName(self) -> str:
        return str(self.values["File Name"])

    def GetUniqueId(self) -> str:
        return self.id

    def GetClipProperty(self, name: str | None = None) -> Any:
        values = dict(self.values)
        if self.world.rules.is_new:
            values["FPS"] = float(values["FPS"])
        return values if name is None else values.get(name, "")

    def SetClipProperty(self, name: str, value: Any) -> bool:
        if name not in ("FPS", "Start TC", "Data Level", "Input Color Space", "Input Gamma", "Alpha mode"):
            return False
        if name == "FPS" and value != as_said(exact(value)):
            return False
        self.values[name] = value
        if name == "FPS":
            self.rate = exact(str(value))
        return True

    def GetThirdPartyMetadata(self, key: str | None = None) -> Any:
        return dict(self.notes) if key is None else self.notes.get(key, "")

    def SetThirdPartyMetadata(self, values: Any, value: str | None = None) -> bool:
        if "no notes" in self.world.quirks:
            return False
        self.notes.update(values if value is None else {values: value})
        return True

    def GetMetadata(self, kind: str | None = None) -> Any:
        return dict(self.metadata) if kind is None else self.metadata.get(kind, "")

    def SetMetadata(self, values: Any, value: str | None = None) -> bool:
        self.metadata.update(values if value is None else {values: value})
        return True

    def GetClipColor(self) -> str:
        return self.color

    def SetClipColor(self, color: str) -> bool:
        self.color = color
        return True

    def GetMarkInOut(self) -> dict[str, dict[str, int]]:
        return {kind: dict(marks) for kind, marks in self.marks.items()}

    def SetMarkInOut(self, begin: int, end: int, kind: str = "all") -> bool:
        self.marks[kind] = {"in": begin, "out": end}
        return True


@dataclass
class Take:
    """Part of a file, [first, end) in frames from the file's first."""

    media: Media
    first: Fraction
    end: Fraction
    speed: Fraction = Fraction(1)

    def shown(self, position: Fraction) -> int:
        """Return the frame that is shown `position` frames of the file's rate after the clip's start."""
        if self.speed < 0:
            return math.ceil(self.end) - 1 - math.floor(-position * self.speed)
        return math.floor(self.first + position * self.speed)


class Item:
    """A clip on the timeline."""

    KIND = "TimelineItem"

    def __init__(self, timeline: Timeline, track: int, start: int, duration: int, take: Take | None, name: str) -> None:
        self.timeline, self.world = timeline, timeline.world
        self.id, self.track, self.start, self.duration = f"item-{next(_ids)}", track, start, duration
        self.takes = [take] if take else []
        self.selected, self.is_selector = 1, False
        self.name, self.color, self.kind, self.enabled = name, "", "video" if take else "generator", True
        self.ramp: Fraction | None = None  # speed of the second half: then the speed is variable
        self.comps: dict[str, Composition] = {}
        self.markers: dict[float, str] = {}
        self.transform: dict[str, Any] = {"ZoomX": 1.0, "FlipX": False}
        self.graded = 0

    @property
    def take(self) -> Take:
        return self.takes[self.selected - 1]

    @property
    def ratio(self) -> Fraction:
        """Frames of the file in one of the timeline, as recorded."""
        return self.take.media.rate / self.timeline.rate

    def shown(self, frame: int) -> tuple[str, int] | None:
        """Return (file, index) of what a frame of the timeline shows."""
        if not self.takes:
            return None
        position = frame - self.start
        if self.ramp is not None and position > self.duration // 2:
            half = self.duration // 2
            extra = (position - half) * self.ratio * (self.ramp / self.take.speed)
            return self.take.media.path, self.take.shown(half * self.ratio + extra)
        index = self.take.shown(position * self.ratio)
        return (self.take.media.path, index) if self.take.first <= index < math.ceil(self.take.end) else None

    def _span(self) -> Fraction:
        if self.ramp is not None:
            half = self.duration // 2
            return (half * self.take.speed + (self.duration - half) * self.ramp) * self.ratio
        return self.duration * self.ratio * self.take.speed

    def GetName(self) -> str:
        return self.take.media.GetName() if "name follows take" in self.world.quirks and self.takes else self.name

    def SetName(self, name: str) -> bool:
        self.name = name
        return True

    def GetUniqueId(self) -> str:
        return self.id

    def GetType(self) -> str:
        return self.kind

    def GetStart(self, subframe: bool = False) -> int:
        return self.start

    def GetEnd(self, subframe: bool = False) -> int:
        return self.start + self.duration

    def GetDuration(self, subframe: bool = False) -> int:
        return self.duration

    def GetSourceStartFrame(self) -> int:
        if not self.takes or "no source frames" in self.world.quirks:
            return 0
        late = 1 if "source frame off by one" in self.world.quirks else 0
        return self.take.media.base + self.take.shown(Fraction(0)) + late

    def GetSourceEndFrame(self) -> int:
        if not self.takes or "no source frames" in self.world.quirks:
            return 0
        take = self.take
        if take.speed < 0:
            return take.media.base + take.shown(Fraction(0)) + math.ceil(self._span())
        end = take.media.base + take.first + self._span()  # reported: included where the rates differ
        return math.ceil(end) if take.media.rate == self.timeline.rate else math.ceil(end) - 1

    def GetLeftOffset(self, subframe: bool = False) -> int:
        take = self.take
        if not take.speed:
            return int(take.first)
        if take.speed < 0:
            return math.floor((take.media.begin + take.media.frames - take.end) / -take.speed)
        return math.floor((take.first - take.media.begin) / take.speed)  # reported: frames of the retimed clip

    def GetTrackTypeAndIndex(self) -> list[Any]:
        return ["audio" if self.kind == "audio" else "video", self.track]

    def GetMediaPoolItem(self) -> Media | None:
        return self.take.media if self.takes and not self.world.is_nil() else None

    def GetSpeed(self) -> dict[str, Any]:
        return {"Percentage": float(self.take.speed * 100), "PitchCorrection": False}

    def SetSpeed(self, options: dict[str, Any]) -> bool:
        self.world.edited()
        before, self.take.speed = self.take.speed, Fraction(options["Percentage"] / 100).limit_denominator(1000)
        if "speed changes length" in self.world.quirks:
            self.duration = math.floor(self.duration * before / self.take.speed)
        return True

    def GetProperties(self) -> dict[str, Any]:
        return dict(self.transform)

    def SetProperties(self, values: dict[str, Any]) -> bool:
        self.transform.update(values)
        return True

    def GetProperty(self, name: str | None = None) -> Any:
        return dict(self.transform) if name is None else self.transform.get(name)

    def SetProperty(self, name: str, value: Any) -> bool:
        self.transform[name] = value
        return True

    def GetClipColor(self) -> str:
        return self.color

    def SetClipColor(self, color: str) -> bool:
        self.color = color
        return True

    def CopyGrades(self, items: list[Item]) -> bool:
        for item in items:
            item.graded = self.graded
        return True

    def AddMarker(self, frame: float, color: str, name: str, note: str, duration: float, data: str = "") -> bool:
        return self.markers.setdefault(frame, data) == data

    def AddTake(self, media: Media, start: int | None = None, end: int | None = None) -> bool:
        quirks = self.world.quirks
        if "takes fail" in quirks or not self.takes or self.timeline.tracks[self.track - 1].locked:
            return False
        base = 0 if "take frames from zero" in quirks else media.base
        first = media.begin if start is None else start - base
        stop = media.begin + media.frames if end is None else end - base + ("take end inclusive" in quirks)
        if first < 0 or stop > media.file_frames or stop <= first:
            return False
        late = 2 * ("takes begin late" in quirks)
        first, stop = first + late, min(stop + late, media.file_frames)
        speed = Fraction(1) if "takes lose speed" in quirks else self.take.speed
        self.takes.append(Take(media, Fraction(first), Fraction(stop), speed))
        self.is_selector = True
        self.world.edited()
        return True

    def GetTakesCount(self) -> int:
        return len(self.takes) if self.is_selector else 0

    def GetSelectedTakeIndex(self) -> int:
        return self.selected if self.is_selector else 0

    def GetTakeByIndex(self, index: int) -> dict[str, Any] | None:
        if self.world.is_nil() or not self.is_selector or not 1 <= index <= len(self.takes):
            return None
        take = self.takes[index - 1]
        first, end = (take.media.base + int(frame) for frame in (take.first, take.end))
        return {"startFrame": first, "endFrame": end, "mediaPoolItem": take.media}

    def SelectTakeByIndex(self, index: int) -> bool:
        if not self.is_selector or not 1 <= index <= len(self.takes):
            return False
        self.selected = index
        if "takes change length" in self.world.quirks:
            take = self.take
            self.duration = math.floor((take.end - take.first) / self.ratio / abs(take.speed))
        self.world.edited()
        return True

    def DeleteTakeByIndex(self, index: int) -> bool:
        if not self.is_selector or not 1 <= index <= len(self.takes) or len(self.takes) == 1:
            return False
        if "takes stay" in self.world.quirks:
            return False
        del self.takes[index - 1]
        self.selected = max(1, self.selected - (self.selected >= index))
        if "selection moves" in self.world.quirks:
            self.selected = 1
        self.world.edited()
        return True

    def FinalizeTake(self) -> bool:
        if not self.is_selector:
            return False
        self.takes, self.selected, self.is_selector = [self.take], 1, False
        self.world.edited()
        return True

    def GetFusionCompNameList(self) -> list[str]:
        return list(self.comps)

    def AddFusionComp(self) -> Composition:
        composition = Composition(self.world)
        self.comps[f"Composition {len(self.comps) + 1}"] = composition
        return composition

    def GetFusionCompByName(self, name: str) -> Composition | None:
        return self.comps.get(name)

    def DeleteFusionCompByName(self, name: str) -> bool:
        return self.comps.pop(name, None) is not None

    def RenameFusionCompByName(self, old: str, new: str) -> bool:
        self.comps = {new if name == old else name: comp for name, comp in self.comps.items()}
        return True


class Composition:
    """A Fusion composition; what is shown goes through the tools from MediaOut1 back to MediaIn1."""

    KIND = "FusionComp"

    def __init__(self, world: World) -> None:
        self.world = world
        names = () if "comp without tools" in world.quirks else ("MediaIn1", "MediaOut1")
        self.tools = [Tool(name[:-1], name) for name in names]

    def FindTool(self, name: str) -> Tool | None:
        return next((tool for tool in self.tools if tool.attributes["TOOLS_Name"] == name), None)

    def AddTool(self, identifier: str, x: int = 0, y: int = 0) -> Tool | None:
        if identifier not in self.world.plugins:
            return None
        self.tools.append(Tool(identifier, f"{identifier}{len(self.tools)}"))
        return self.tools[-1]

    def chain(self) -> list[str]:
        """Return the tools from MediaOut1 to the one without an input, by their identifiers."""
        tool, found = self.FindTool("MediaOut1"), []
        while tool is not None:
            found.append(tool.attributes["TOOLS_RegID"])
            tool = next((value for value in tool.inputs.values() if isinstance(value, Tool)), None)
        return found


class Tool:
    """A tool of a composition."""

    KIND = "FusionTool"

    def __init__(self, identifier: str, name: str) -> None:
        self.attributes = {"TOOLS_Name": name, "TOOLS_RegID": identifier}
        self.inputs: dict[str, Any] = {}

    def GetAttrs(self) -> dict[str, str]:
        return dict(self.attributes)

    def SetAttrs(self, values: dict[str, str]) -> None:
        self.attributes.update(values)

    def ConnectInput(self, name: str, tool: Tool) -> bool:
        self.inputs[name] = tool
        return True

    def SetInput(self, name: str, value: Any) -> None:
        self.inputs[name] = value

    def GetInput(self, name: str) -> Any:
        return self.inputs.get(name)


@dataclass
class Track:
    """A video track."""

    items: list[Item] = field(default_factory=list)
    locked: bool = False
    name: str = ""


class Timeline:
    """Tracks of clips at a rate."""

    KIND = "Timeline"

    def __init__(self, world: World, rate: str = "25", start: int = 86400) -> None:
        self.world, self.id, self.rate_text, self.rate = world, f"timeline-{next(_ids)}", rate, exact(rate)
        self.start, self.playhead, self.name = start, start, "Timeline 1"
        self.tracks = [Track()]
        self.chosen: list[Item] = []

    def place(
        self, media: Media | None, at: int, first: int, duration: int, speed: Fraction | float = 1, track: int = 1
    ) -> Item:
        """Put a clip `at` frames after the timeline's start, from frame `first` of its file on; return it."""
        while len(self.tracks) < track:
            self.tracks.append(Track())
        take, name = None, "Solid Color"
        if media is not None:
            rate = Fraction(speed).limit_denominator(1000)
            length = math.ceil(duration * abs(rate) * media.rate / self.rate)
            take, name = Take(media, Fraction(first), Fraction(first + length), rate), f"{media.GetName()} {at}"
        item = Item(self, track, self.start + at, duration, take, name)
        self.tracks[track - 1].items.append(item)
        return item

    def shown(self) -> dict[int, tuple[str, int] | None]:
        """Return frame -> (file, index) of what is seen, the upper tracks first."""
        seen: dict[int, tuple[str, int] | None] = {}
        for track in self.tracks:
            for item in track.items:
                if item.enabled:
                    seen.update({frame: item.shown(frame) for frame in range(item.start, item.start + item.duration)})
        return seen

    def GetUniqueId(self) -> str:
        return self.id

    def GetName(self) -> str:
        return self.name

    def GetStartFrame(self) -> int:
        return self.start

    def GetTrackCount(self, kind: str) -> int:
        return len(self.tracks) if kind == "video" else 1

    def GetItemListInTrack(self, kind: str, index: int) -> list[Item]:
        return list(self.tracks[index - 1].items) if kind == "video" else []

    def GetIsTrackLocked(self, kind: str, index: int) -> bool:
        return self.tracks[index - 1].locked

    def GetCurrentVideoItem(self) -> Item | None:
        under = [
            item
            for track in self.tracks
            for item in track.items
            if item.start <= self.playhead < item.start + item.duration
        ]
        return under[-1] if under and not self.world.is_nil() else None

    def GetSelectedClips(self) -> list[Item]:
        return list(self.chosen)

    def GetSetting(self, name: str) -> str:
        return self.rate_text if name == "timelineFrameRate" else ""

    def GetSettings(self) -> dict[str, str]:
        return {"timelineFrameRate": self.rate_text}

    def AddTrack(self, kind: str) -> bool:
        self.tracks.append(Track())
        return True

    def GetTrackName(self, kind: str, index: int) -> str:
        return self.tracks[index - 1].name or f"Video {index}"

    def SetTrackName(self, kind: str, index: int, name: str) -> bool:
        self.tracks[index - 1].name = name
        return True

    def DeleteTrack(self, kind: str, index: int) -> bool:
        del self.tracks[index - 1]
        for number, track in enumerate(self.tracks, 1):
            for item in track.items:
                item.track = number
        return True

    def DeleteClips(self, items: list[Item], ripple: bool = False) -> bool:
        is_shown = self.world.page == "edit" and self.world.project.timeline is self
        if not is_shown or "delete fails" in self.world.quirks:
            return False
        if self.world.fails_first("first delete fails"):
            return False
        for track in self.tracks:
            track.items = [item for item in track.items if item not in items]
        self.world.edited()
        return True


class Folder:
    """A bin."""

    KIND = "Folder"

    def __init__(self, name: str) -> None:
        self.name, self.clips, self.folders = name, list[Media](), list[Folder]()

    def GetName(self) -> str:
        return self.name

    def GetClipList(self) -> list[Media]:
        return list(self.clips)

    def GetSubFolderList(self) -> list[Folder]:
        return list(self.folders)


class Pool:
    """The media pool."""

    KIND = "MediaPool"

    def __init__(self, world: World) -> None:
        self.world, self.root = world, Folder("Master")
        self.current = self.root

    def GetRootFolder(self) -> Folder:
        return self.root

    def GetCurrentFolder(self) -> Folder:
        return self.current

    def SetCurrentFolder(self, folder: Folder) -> bool:
        self.current = folder
        return True

    def AddSubFolder(self, folder: Folder, name: str) -> Folder:
        folder.folders.append(Folder(name))
        return folder.folders[-1]

    def ImportMedia(self, what: list[Any]) -> list[Media]:
        if "import nothing" in self.world.quirks:
            return []
        found = []
        for entry in what:
            path = entry if isinstance(entry, str) else entry["FilePath"]
            if "%" in path:  # Resolve names a sequence by its numbers
                first, last = entry["StartIndex"], entry["EndIndex"]
                digits = re.search(r"%(\d+)d", path)
                width = int(digits.group(1)) if digits else 1
                path = re.sub(r"%\d+d", f"[{first:0{width}}-{last:0{width}}]", path)
            if "import once" in self.world.quirks and any(media.path == path for media in self.current.clips):
                continue
            found.append(Media(self.world, path, self.world.probe(path)))
        self.current.clips += found
        return found

    def AppendToTimeline(self, infos: list[dict[str, Any]]) -> list[Item]:
        timeline = self.world.project.timeline
        assert timeline is not None
        made = []
        for info in infos:
            media, first, end = info["mediaPoolItem"], info["startFrame"] - info["mediaPoolItem"].base, info["endFrame"]
            end -= media.base
            at, track = info["recordFrame"], timeline.tracks[info["trackIndex"] - 1]
            take = Take(media, Fraction(first), Fraction(end).limit_denominator(100000))
            length = math.floor((take.end - first) * timeline.rate / media.rate)  # reported: rounded down
            item = Item(timeline, info["trackIndex"], at, length, take, "new")
            made.append(item)
            overlaps = any(other.start < at + length and other.start + other.duration > at for other in track.items)
            if not overlaps and not track.locked and end <= media.file_frames:  # else dropped without a word
                track.items.append(item)
        self.world.edited()
        return made

    def DeleteClips(self, items: list[Media]) -> bool:
        for folder in [self.root, *self.root.folders]:
            folder.clips = [media for media in folder.clips if media not in items]
        return True


class Project:
    """The open project."""

    KIND = "Project"

    def __init__(self, world: World) -> None:
        self.world, self.id, self.pool = world, f"project-{next(_ids)}", Pool(world)
        self.timeline: Timeline | None = None
        self.timelines: list[Timeline] = []

    def GetUniqueId(self) -> str:
        return self.id

    def GetMediaPool(self) -> Pool:
        return self.pool

    def GetTimelineCount(self) -> int:
        return len(self.timelines)

    def GetTimelineByIndex(self, index: int) -> Timeline:
        return self.timelines[index - 1]

    def GetCurrentTimeline(self) -> Timeline | None:
        return self.timeline

    def SetCurrentTimeline(self, timeline: Timeline) -> bool:
        self.timeline = timeline
        return True


class Manager:
    """The project manager."""

    KIND = "ProjectManager"

    def __init__(self, world: World) -> None:
        self.world = world

    def GetCurrentProject(self) -> Project | None:
        return self.world.project if self.world.has_project else None


class World:
    """A Resolve with one project and one timeline.

    Args:
        version, product: as Resolve says them.
        rate: the timeline's, as in its settings.
        probe: tells what a file is when it is imported.
        quirks: names out of `QUIRKS`.
    """

    KIND = "Resolve"

    def __init__(
        self,
        probe: Callable[[str], FileFacts],
        version: tuple[int, ...] = (20, 3, 0),
        product: str = "DaVinci Resolve Studio",
        rate: str = "25",
        quirks: tuple[str, ...] = (),
    ) -> None:
        assert set(quirks) <= set(QUIRKS)
        self.rules = Rules(version, "dictionaries" in quirks)
        self.probe, self.version, self.product, self.quirks = probe, version, product, set(quirks)
        self.clock_s, self.nil_until_s, self.page = 0.0, 0.0, "edit"
        self.plugins = {"ofx.vstab.Stabilize", "ofx.vstab.Stabilize360"}
        self.has_project = True
        self.project = Project(self)
        self.timeline = self.project.timeline = Timeline(self, rate)
        self.project.timelines.append(self.timeline)
        self._failed: set[str] = set()

    @property
    def resolve(self) -> Handle:
        """What scripts find as `resolve`."""
        handle: Handle = wrap(self, self.rules)
        return handle

    def add(self, path: str, begin: int = 0, frames: int | None = None, **values: Any) -> Media:
        """Put a file into the media pool; more are its clip properties."""
        media = Media(self, path, self.probe(path), begin, frames)
        media.values.update(values)
        if "FPS" in values:
            media.rate = exact(str(values["FPS"]))
        self.project.pool.root.clips.append(media)
        return media

    def pause(self, seconds: float) -> None:
        """Stand in for time.sleep."""
        self.clock_s += seconds

    def edited(self) -> None:
        if "nil after edit" in self.quirks:
            self.nil_until_s = self.clock_s + NIL_S

    def is_nil(self) -> bool:
        return self.clock_s < self.nil_until_s

    def fails_first(self, quirk: str) -> bool:
        fails = quirk in self.quirks and quirk not in self._failed
        self._failed.add(quirk)
        return fails

    def state(self) -> Any:
        """Return everything of the timeline that a user sees, to be compared."""
        return [
            [
                (
                    item.id, item.start, item.duration, item.GetName(), item.color, item.selected, item.is_selector,
                    [(take.media.path, take.first, take.end, take.speed) for take in item.takes],
                    sorted(item.comps), dict(item.markers), dict(item.transform),
                )
                for item in track.items
            ]
            for track in self.timeline.tracks
        ], self.project.pool.current.name, self.page  # fmt: skip

    def GetVersion(self) -> list[Any]:
        return [*self.version, 7, ""]

    def GetProductName(self) -> str:
        return self.product

    def GetProjectManager(self) -> Manager:
        return Manager(self)

    def GetCurrentPage(self) -> str:
        return self.page

    def OpenPage(self, page: str) -> bool:
        self.page = page
        return True


def exact(text: str) -> Fraction:
    """Return the rate that Resolve means by a text."""
    number = float(text.split()[0])
    whole = round(number)
    return Fraction(whole) if abs(number - whole) < 1e-6 else Fraction(round(number * 1001 / 1000) * 1000, 1001)


def as_said(rate: Fraction) -> str:
    """Return a rate as Resolve writes it."""
    if rate.denominator == 1:
        return str(rate.numerator)
    return f"{float(rate):.3f}" if round(rate) in (24, 48) else f"{float(rate):.2f}"
