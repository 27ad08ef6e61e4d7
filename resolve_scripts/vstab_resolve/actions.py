"""What the menu entries do, as steps for `progress`: they yield (text, fraction).

They return what was done, "" if nothing, and the list of what was not.
"""

import os

from . import above, api, fault, fusion_tool, job, locate, pool, take
from .clip import Clip
from .files import Source
from .refused import Refused


def current(host, timeline):
    """Return the clips to work on: the one under the playhead.

    Raises:
        Refused: there is none.
    """
    item = api.patiently(timeline.GetCurrentVideoItem)
    if item is None:
        raise Refused("there is no video clip under the playhead; put it over one, on the Edit or the Color page")
    return [above.below(host, timeline, item)]


def selected(host, timeline, color):
    """Return the selected clips; before 21.0.4, which do not tell them, those of a color.

    Raises:
        Refused: there are none.
    """
    if host.version >= api.SELECTION:
        items = [item for item in api.listed(timeline.GetSelectedClips()) if _is_video(item)]
        why = "no video clip is selected"
    elif color:
        items, why = _of_color(timeline, color), "no clip of this timeline has the color {}".format(color)
    else:
        raise Refused(
            "Resolve tells scripts which clips are selected from 21.0.4 on. Give the clips a clip color, name it in "
            "vstab Settings, and run this again"
        )
    if not items:
        raise Refused(why)
    return _originals(host, timeline, items)


def of_color(host, timeline, color):
    """Return the originals of the video clips of a timeline that have a clip color; all for None."""
    return _originals(host, timeline, _of_color(timeline, color))


def _of_color(timeline, color):
    items = []
    for index in range(1, timeline.GetTrackCount("video") + 1):
        found = api.listed(timeline.GetItemListInTrack("video", index))
        items += [item for item in found if color is None or item.GetClipColor() == color.capitalize()]
    return items


def stabilize(host, timeline, items, settings, is_360, show):
    """Stabilize clips; what goes wrong with one does not stop the others."""
    guard = _Guard(host, timeline)
    program = locate.find_checked(settings["executable"])
    problems, clips, done = [], [], 0
    for item in items:
        try:
            clips.append(_readable(host, timeline, item, settings))
        except Exception as error:
            problems.append(_why(error))
    groups = _by_file(clips)
    for number, group in enumerate(groups):
        try:
            made = yield from _make(host, program, group[0], settings, is_360, show, (number, len(groups)), guard)
            guard.return_to()
            for clip in group:
                try:
                    _place(host, guard.again(clip), made, settings, is_360)
                    done += 1
                except Exception as error:
                    problems.append(_why(error))
        except Exception as error:
            if isinstance(error, Refused) and error.code == "cancelled":
                problems.append("cancelled")
                break
            problems.append("{}: {}".format(group[0].name, _why(error)))
        finally:
            guard.leave()
    if len(items) == 1:
        return "stabilized" if done else "", problems
    return "{} of {} clips stabilized".format(done, len(items)) if done else "", problems


def remove(host, timeline, items, show):
    """Take the stabilization of clips back; rendered files and the bin stay."""
    guard = _Guard(host, timeline)
    done, problems = 0, []
    try:
        guard.return_to()
        for item in items:
            name = item.GetName()
            try:
                _refuse_locked(timeline, item)
                done += any([take.remove(host, item), above.remove(host, timeline, item), fusion_tool.remove(item)])
            except Exception as error:
                problems.append("{}: {}".format(name, _why(error)))
            yield None
    finally:
        guard.leave()
    if done:
        return "stabilization removed from {} of {} clips".format(done, len(items)), problems
    return "", problems or ["nothing here was stabilized by vstab"]


def _why(error):
    """Return what the user should know of an error that is being handled; a fault of ours spoils one clip only."""
    return str(error) if isinstance(error, Refused) else fault.kept()


class _Guard:
    """The project and timeline that an action began in: the user may go elsewhere while it runs."""

    def __init__(self, host, timeline):
        self._host, self._timeline = host, timeline
        self._project_id = host.project().GetUniqueId()
        self._elsewhere = None

    def project(self):
        """Return the project.

        Raises:
            Refused: it is no longer open.
        """
        project = self._host.project()
        if project.GetUniqueId() != self._project_id:
            raise Refused("another project was opened meanwhile; go back to the first one and run again")
        return project

    def return_to(self):
        """Make the timeline current again: Resolve appends to the current one, and deletes there."""
        project = self.project()
        now = api.patiently(project.GetCurrentTimeline)
        if now is not None and now.GetUniqueId() != self._timeline.GetUniqueId():
            if not project.SetCurrentTimeline(self._timeline):
                raise Refused("the timeline is gone; run again. The stabilized file is in the bin vstab")
            self._elsewhere = now

    def leave(self):
        """Give the user back the timeline that was current."""
        if self._elsewhere is not None:
            self._host.project().SetCurrentTimeline(self._elsewhere)
            self._elsewhere = None

    def again(self, clip):
        """Return a clip as it is now: it may have been trimmed, moved or deleted while vstab ran.

        Raises:
            Refused: it is gone, or shows another file.
        """
        identity = clip.item.GetUniqueId()
        for item in _of_color(self._timeline, None):
            if item.GetUniqueId() == identity:
                now = Clip(self._host, self._timeline, item)
                if now.source.path == clip.source.path:
                    return now
        raise Refused("'{}' is no longer there; the stabilized file is in the bin vstab".format(clip.name))


def _readable(host, timeline, item, settings):
    _refuse_locked(timeline, item)
    clip = Clip(host, timeline, item)
    if settings["result"] != "fusion":
        clip.refuse_variable()
    return clip


def _refuse_locked(timeline, item):
    kind, index = (api.listed(item.GetTrackTypeAndIndex()) + [None, None])[:2]
    if kind == "video" and timeline.GetIsTrackLocked("video", int(index)):
        raise Refused("'{}' is on a locked track; unlock track {} first".format(item.GetName(), int(index)))


def _make(host, program, clip, settings, is_360, show, number, guard):
    """Return the media pool item of a stabilized file, or for the result Fusion the sidecar's path."""
    parameters, folder = dict(settings["parameters"]), settings["folder"]
    if clip.source.numbers is not None:
        parameters.setdefault("fps", str(clip.rate))  # as Resolve plays it
    sidecar = clip.source.analysis(folder, parameters, is_360)
    if settings["result"] == "fusion":
        yield from _named(clip, number, job.analyze(program, clip.source, sidecar, parameters, is_360, show))
        return sidecar
    codec = settings["codec"] if clip.source.numbers is None else ""  # image sequences stay what they are
    fields = {
        "source": clip.source.path,
        "state": clip.source.state(),
        "rate": str(clip.rate),
        "parameters": parameters,
        "is_360": is_360,
        "codec": codec,
    }
    media = pool.find(host, fields)
    if media is None or not _is_there(media):
        output = clip.source.result(folder, codec)
        steps = job.render(program, clip.source, output, sidecar, codec, parameters, is_360, show)
        yield from _named(clip, number, steps)
        guard.project()  # before anything gets into the bins of another one
        media = pool.bring_in(host, output, clip, fields)
    return media


def _named(clip, number, steps):
    """Yield steps with the clip's name before what is done."""
    where = "" if number[1] == 1 else " ({} of {})".format(number[0] + 1, number[1])
    for step in steps:
        yield step and ("{}{}: {}".format(clip.name, where, step[0]), step[1])


def _is_there(media):
    path = (media.GetClipProperty() or {}).get("File Path") or ""
    return bool(path) and os.path.isfile(Source(path).first_file)


def _place(host, clip, made, settings, is_360):
    """Bring a result to the timeline, then remove earlier ones of another kind."""
    result = settings["result"]
    if result == "take":
        take.put(host, clip, made)
    elif result == "above":
        above.put(host, clip, made)
    else:
        fusion_tool.put(host, clip, made, is_360)
    if result != "take":
        take.remove(host, clip.item)
    if result != "above":
        above.remove(host, clip.timeline, clip.item)
    if result != "fusion":
        fusion_tool.remove(clip.item)


def _by_file(clips):
    groups = {}
    for clip in clips:
        groups.setdefault((clip.source.path, clip.rate), []).append(clip)
    return list(groups.values())


def _originals(host, timeline, items):
    """Return each clip once, in the place of one of ours above the clip below it."""
    seen = {}
    for item in items:
        original = above.below(host, timeline, item)
        seen.setdefault(original.GetUniqueId(), original)
    return list(seen.values())


def _is_video(item):
    return (api.listed(item.GetTrackTypeAndIndex()) + [None])[0] == "video"
