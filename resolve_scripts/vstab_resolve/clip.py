"""A clip of the timeline as Resolve tells it: its file, which frames it shows, how fast.

Numbers of source frames are Resolve's: they count from the file's first frame, of an image sequence from its first
number, and stay the same for a stabilized file of the same length.
"""

import math
import os
from fractions import Fraction

from . import api, record
from .files import Source
from .refused import Refused

_WITHOUT_FILE = ("Compound", "Multicam", "Timeline", "Fusion", "Generator", "Stereo")
_ALIKE = Fraction(2, 1000)  # 59.94 shown frame for frame at 60 is no retime
_SLACK_FRAMES = 2  # either end of a range is rounded, and told as the frame before it where the rates differ


class Clip:
    """One clip, read once.

    Attributes:
        item, timeline, media: Resolve's objects; media is the original's.
        name, color, track: as they stand.
        source: `files.Source`.
        start, duration: in frames of the timeline.
        first, last, left: source frames as told; last is exclusive or inclusive, left is of the retimed clip.
        head: number of the media pool item's first frame, not 0 for subclips and image sequences.
        rate, timeline_rate: frames a second.
        speed: 1 as recorded, negative backwards; None if variable.
    """

    def __init__(self, host, timeline, item):
        self.item, self.timeline = item, timeline
        api.settle(item)
        self.name = item.GetName() or "clip"
        self.color = item.GetClipColor()
        self.track = _track_of(item, self.name)
        self.media, stabilized = _media_of(host, item, self.name)
        values = self.media.GetClipProperty() or {}
        self.values = values
        self.source = _source_of(values, self.name)
        self.head = _number(values.get("Start"))
        self.start, self.duration = item.GetStart(), item.GetDuration()
        self.first, self.last, self.left = read_range(item)
        self.rate = api.exact_rate(values.get("FPS"))
        self.timeline_rate = host.timeline_rate(timeline)
        if self.rate is None:
            raise Refused("Resolve does not say the frame rate of '{}'; import the clip again".format(self.name))
        if stabilized and self.source.numbers is None:
            self.head = 0  # `left` is told of the stabilized file, which has no subclips
        self.speed = self._speed(host.speed(item))

    @property
    def is_subclip(self):
        """Whether the media pool item shows a part of its file."""
        return self.head != (self.source.numbers[0] if self.source.numbers else 0)

    @property
    def source_frames(self):
        """How many frames of the file a take must hold: those that are told, and no fewer than the length needs."""
        told = abs(self.last - self.first) + (0 if self.rate == self.timeline_rate else 1)
        needed = math.ceil(self.duration * self.rate / self.timeline_rate * abs(self.speed))
        return int(max(told, needed, 1))

    def refuse_variable(self):
        """Raise Refused where a rendered file could not follow the clip's speed."""
        if self.speed is None:
            raise Refused(
                "'{}' has a variable speed, which Resolve's scripts can neither read nor set; choose the result Fusion "
                "in vstab Settings, drop the OpenFX effect vstab Stabilize on the clip, or stabilize it before it is "
                "retimed".format(self.name)
            )

    def _speed(self, told):
        span = self.last - self.first
        usual = self.duration * self.rate / self.timeline_rate
        if self.last == self.first == 0 and usual > _SLACK_FRAMES:
            raise Refused(
                "Resolve does not say which frames of its file '{}' shows (timelines imported from XML do that); put "
                "the clip on the timeline again".format(self.name)
            )
        if told == 0 or (told is None and abs(span) <= 1 and usual > 2 + _SLACK_FRAMES):
            raise Refused("'{}' is a freeze frame: there is nothing to stabilize".format(self.name))
        speed = told
        if told is None:
            speed = 1 if abs(span - usual) <= _SLACK_FRAMES + usual * _ALIKE else span / usual
        elif abs(abs(span) - abs(usual * told)) > _SLACK_FRAMES + abs(usual * told) / 100:
            return None
        if speed != 1 and told is None and speed > 0:
            # The handle on the left is told in frames of the retimed clip: speeds there and here can be compared, as
            # far as whole frames tell. A variable speed that is not seen here is seen when a take loses it.
            uncertain = 1 + speed + abs(self.left) / usual * (1 if self.rate == self.timeline_rate else 2)
            if abs(self.left * speed - (self.first - self.head)) > uncertain:
                return None
        return speed


def read_range(item):
    """Return (first, last, left offset) of a clip's source frames."""
    return item.GetSourceStartFrame(), item.GetSourceEndFrame(), item.GetLeftOffset()


def takes_of(host, item):
    """Return (index, information, record) of each take; record is None of those that are not ours."""
    found = []
    for index in range(1, (item.GetTakesCount() or 0) + 1):
        information = api.patiently(item.GetTakeByIndex, index) or {}
        found.append((index, information, record.read(host, information.get("mediaPoolItem"))))
    return found


def original_take(takes, stored):
    """Return the take of `takes_of` that a record's file was made of, else the first that is not ours; or None."""
    others = [take for take in takes if take[2] is None and take[1].get("mediaPoolItem") is not None]
    for take in others:
        path = (take[1]["mediaPoolItem"].GetClipProperty() or {}).get("File Path") or ""
        if path and Source(path).path == stored["source"]:
            return take
    return others[0] if others else None


def _track_of(item, name):
    kind, index = (api.listed(item.GetTrackTypeAndIndex()) + [None, None])[:2]
    if kind != "video":
        raise Refused("'{}' has no picture; put the playhead over a video clip".format(name))
    return int(index)


def _media_of(host, item, name):
    """Return the original's media pool item, and whether a stabilized take stands in its place."""
    kind = host.kind(item)
    if kind == "transition":
        raise Refused("'{}' is a transition; put the playhead over a clip".format(name))
    media = item.GetMediaPoolItem() if kind == "generator" else api.patiently(item.GetMediaPoolItem)
    if media is None:
        raise Refused(
            "'{}' has no file of its own: generators, titles and Fusion clips are not filmed, and of a compound clip "
            "open the timeline and stabilize the clips in it".format(name)
        )
    stored = record.read(host, media)
    if stored is None:
        return media, False
    original = original_take(takes_of(host, item), stored)
    if original is not None:
        return original[1]["mediaPoolItem"], True
    raise Refused(
        "'{}' is a stabilized file whose original is not among its takes; stabilize the original".format(name)
    )


def _source_of(values, name):
    kind = str(values.get("Type", ""))
    path = values.get("File Path") or ""
    if not path or kind.startswith(_WITHOUT_FILE):
        raise Refused(
            "'{}' is a {} clip, made of other clips; open it and stabilize those".format(name, kind.lower() or "nested")
        )
    if not values.get("Resolution"):
        raise Refused("'{}' has no picture; put the playhead over a video clip".format(name))
    source = Source(path)
    if not os.path.isfile(source.first_file):
        proxy = " (its proxy is not used: the result would be of the proxy's size)" * bool(
            values.get("Proxy Media Path")
        )
        raise Refused("'{}' is offline: there is no '{}'{}; relink it first".format(name, source.first_file, proxy))
    if str(values.get("Online Status", "")).lower() == "offline":
        raise Refused("'{}' is offline in Resolve although its file is there; relink it first".format(name))
    if _number(values.get("Frames")) == 1:
        raise Refused("'{}' is a still picture: there is nothing to stabilize".format(name))
    return source


def _number(text):
    """Return the whole number that Resolve writes as text; 0 of nothing."""
    try:
        return int(float(text or 0))
    except (TypeError, ValueError):
        return 0
