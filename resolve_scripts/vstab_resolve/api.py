"""Resolve's objects in the two dialects of its API: up to 21.0, and from 21.1 on.

What exists is decided by version alone: Resolve answers `hasattr` with True for every name. Answers may be lists or
dictionaries counted from 1, and None for some seconds after an edit.
"""

import re
import time
from fractions import Fraction

from .refused import Refused

MINIMUM = (19, 0, 2)  # GetSourceStartFrame
SELECTION = (21, 0, 4)  # Timeline.GetSelectedClips
NEW_DIALECT = (21, 1)
WINDOWS_FOR_STUDIO_ONLY = MARKS = (19, 1)
NAMES = (20, 2)

pause = time.sleep
PATIENCE_S = (0.1, 0.2, 0.4, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7)


def patiently(call, *arguments):
    """Return the first answer of a call that is not None; None where none comes within five seconds."""
    answer = call(*arguments)
    for wait_s in PATIENCE_S:
        if answer is not None:
            break
        pause(wait_s)
        answer = call(*arguments)
    return answer


def settle(item):
    """Wait until a clip answers again after an edit, so that none of its answers is taken for a missing one."""
    patiently(item.GetDuration)


def listed(answer):
    """Return an answer that is a list, a dictionary with keys from 1, or None, as a list."""
    if isinstance(answer, dict):
        return [answer[key] for key in sorted(answer)]
    return list(answer or ())


def exact_rate(text):
    """Return frames a second of what Resolve says, "23.976", 29.97 or "59.94 DF", as a fraction; None of nonsense."""
    number = re.match(r"\s*(\d+(?:[.,]\d+)?)", str(text))  # some systems write a comma
    said = Fraction(number.group(1).replace(",", ".")).limit_denominator(1000) if number else 0
    if said <= 0:
        return None
    ntsc = Fraction(round(said) * 1000, 1001)  # Resolve writes these with two or three digits
    return ntsc if said != round(said) and abs(ntsc - said) < Fraction(1, 200) else said


class Host:
    """Resolve, its version, and the calls whose form depends on it.

    Raises:
        Refused: it does not answer, or is too old.
    """

    def __init__(self, resolve, fusion=None, bmd=None):
        numbers = listed(resolve.GetVersion())
        if len(numbers) < 3:
            raise Refused("Resolve does not say its version; restart it and try again")
        self.version = tuple(int(number) for number in numbers[:3])
        if self.version < MINIMUM:
            raise Refused(
                "this is Resolve {}; these scripts need {} or newer".format(
                    ".".join(map(str, self.version)), ".".join(map(str, MINIMUM))
                )
            )
        self.resolve, self.fusion, self.bmd = resolve, fusion, bmd
        self.is_studio = "Studio" in (resolve.GetProductName() or "")
        self.is_new = self.version >= NEW_DIALECT

    @property
    def has_windows(self):
        """Whether UIManager can be used."""
        if self.fusion is None or self.bmd is None or self.fusion.UIManager is None:
            return False
        return self.is_studio or self.version < WINDOWS_FOR_STUDIO_ONLY

    def project(self):
        """Return the open project.

        Raises:
            Refused: there is none.
        """
        manager = self.resolve.GetProjectManager()
        project = manager.GetCurrentProject() if manager is not None else None
        if project is None:
            raise Refused("no project is open; open one first")
        return project

    def timeline(self):
        """Return the current timeline.

        Raises:
            Refused: there is none.
        """
        timeline = patiently(self.project().GetCurrentTimeline)
        if timeline is None:
            raise Refused("no timeline is open; open the one with the clip first")
        return timeline

    def timeline_rate(self, timeline):
        """Return the timeline's frames a second."""
        if self.is_new:
            said = (timeline.GetSettings() or {}).get("timelineFrameRate")
        else:
            said = timeline.GetSetting("timelineFrameRate")
        rate = exact_rate(said)
        if rate is None:
            raise Refused("Resolve does not say the timeline's frame rate (it answered {!r})".format(said))
        return rate

    def speed(self, item):
        """Return a clip's speed as Resolve tells it, 1 is as recorded; None where it does not (before 21.1)."""
        said = (item.GetSpeed() or {}).get("Percentage") if self.is_new else None
        return None if said is None else Fraction(float(said) / 100).limit_denominator(10000)

    def set_speed(self, item, speed):
        """Set a clip's speed; whether Resolve could."""
        return self.is_new and bool(item.SetSpeed({"Percentage": float(speed * 100)}))

    def kind(self, item):
        """Return "video", "audio", "generator" or "transition"; None before 21.1."""
        return item.GetType() if self.is_new else None

    def transform(self, item):
        """Return a clip's position, zoom, flips and so on."""
        answer = item.GetProperties() if self.is_new else item.GetProperty()
        return answer if isinstance(answer, dict) else {}

    def set_transform(self, item, values):
        """Give a clip the position, zoom, flips and so on of another."""
        if self.is_new:
            item.SetProperties(values)
        else:
            for name, value in values.items():
                item.SetProperty(name, value)

    def set_name(self, item, name):
        """Name a clip, where Resolve can."""
        if self.version >= NAMES:
            item.SetName(name)

    def copy_marks(self, source, target):
        """Give a media pool item the in and out points of another, where Resolve can."""
        if self.version >= MARKS:
            for kind, marks in (source.GetMarkInOut() or {}).items():
                if marks.get("in") is not None and marks.get("out") is not None:  # one alone cannot be set
                    target.SetMarkInOut(marks["in"], marks["out"], kind)

    def note(self, media, key):
        """Return what a script has noted on a media pool item; None where nothing."""
        return (media.GetThirdPartyMetadata() or {}).get(key)

    def set_note(self, media, key, text):
        """Note something on a media pool item."""
        return bool(media.SetThirdPartyMetadata({key: text}))

    def import_media(self, pool, path, numbers):
        """Import a file, or with numbers = (first, last) an image sequence, into the current bin; return the items."""
        if numbers is not None:
            return listed(pool.ImportMedia([{"FilePath": path, "StartIndex": numbers[0], "EndIndex": numbers[1]}]))
        return listed(pool.ImportMedia([{"FilePath": path}] if self.is_new else [path]))
