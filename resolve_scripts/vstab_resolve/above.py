"""The result as a clip of its own on a track above the original, which stays as it is."""

import math

from . import api, record
from .clip import read_range
from .refused import Refused

_MARKER_COLOR = "Mint"
_TRACK = "vstab"  # the name of tracks that we add, so that we may delete them when they are empty again


def put(host, clip, media):
    """Place a stabilized file above the clip so that it shows the same frames.

    Raises:
        Refused: Resolve does not place it so; the timeline is as it was.
    """
    clip.refuse_variable()
    if clip.speed != 1 and not host.is_new:
        raise Refused(
            "'{}' is retimed, and before Resolve 21.1 no script can set a speed; choose the result Take or Fusion in "
            "vstab Settings".format(clip.name)
        )
    timeline = clip.timeline
    old = _ours_above(host, timeline, clip.item)
    first = int(clip.head + clip.left) if clip.speed == 1 else min(clip.first, clip.last)
    track = _free_track(timeline, clip)
    new = None
    try:
        for frames in _lengths(clip):
            new = _append(host, timeline, media, first, first + frames, track, clip.start)
            if new is not None and clip.speed != 1:
                host.set_speed(new, clip.speed)
                api.settle(new)
            if new is not None and (new.GetStart(), new.GetDuration()) == (clip.start, clip.duration):
                break
            _delete(host, timeline, new)
            new = None
        if new is None:
            raise Refused(
                "Resolve does not place a clip of {} frames above '{}'; choose the result Take in vstab "
                "Settings".format(clip.duration, clip.name)
            )
        base = clip.source.numbers[0] if clip.source.numbers else 0
        off = base + read_range(new)[2] - first if clip.speed == 1 else read_range(new)[0] - clip.first
        if abs(off) > (0 if clip.speed == 1 else 1):
            raise Refused("Resolve places other frames above '{}'; choose the result Take".format(clip.name))
        _make_alike(host, clip, new)
    except Exception:
        _delete(host, timeline, new)
        _tidy(timeline)
        raise
    if old is not None:
        _delete(host, timeline, old)
        _tidy(timeline)


def remove(host, timeline, item):
    """Remove our clip above an original, if there is one; whether there was."""
    found = _ours_above(host, timeline, item)
    if found is None:
        return False
    _delete(host, timeline, found)
    _tidy(timeline)
    return True


def below(host, timeline, item):
    """Return the original below a clip of ours; the item itself if it is not ours."""
    ours = record.read(host, item.GetMediaPoolItem())
    if ours is None or item.GetTakesCount():
        return item
    for index in range(_track(item) - 1, 0, -1):
        for other in api.listed(timeline.GetItemListInTrack("video", index)):
            if _place(other) == _place(item):
                return other
    return item


def _place(item):
    """Return what a clip and ours above it have in common."""
    return item.GetStart(), item.GetDuration()


def _track(item):
    return int(api.listed(item.GetTrackTypeAndIndex())[1])


def _ours_above(host, timeline, original):
    place = _place(original)
    for index in range(_track(original) + 1, timeline.GetTrackCount("video") + 1):
        for item in api.listed(timeline.GetItemListInTrack("video", index)):
            is_like = _place(item) == place and not item.GetTakesCount()
            if is_like and record.read(host, item.GetMediaPoolItem()) is not None:
                return item
    return None


def _free_track(timeline, clip):
    """Return a track above the clip with room for it; a new one where there is none."""
    end = clip.start + clip.duration
    count = timeline.GetTrackCount("video")
    for index in range(clip.track + 1, count + 1):
        if timeline.GetIsTrackLocked("video", index):
            continue
        # our earlier result is in the way like any other clip: it stands until the new one does
        items = api.listed(timeline.GetItemListInTrack("video", index))
        if not any(item.GetStart() < end and item.GetEnd() > clip.start for item in items):
            return index
    if not timeline.AddTrack("video"):
        raise Refused("Resolve does not add a video track; add one above '{}' and run again".format(clip.name))
    timeline.SetTrackName("video", count + 1, _TRACK)
    return count + 1


def _tidy(timeline):
    """Delete the tracks that we have added and that are empty."""
    for index in range(timeline.GetTrackCount("video"), 0, -1):
        if timeline.GetTrackName("video", index) == _TRACK:
            items = api.patiently(timeline.GetItemListInTrack, "video", index)
            if items is not None and not items:  # no answer is no sign that it is empty
                timeline.DeleteTrack("video", index)


def _lengths(clip):
    """Return how many frames of the file to try: lengths are rounded down to the timeline's frames, and it is not
    documented whether a change of speed keeps the length or the frames."""
    recorded = clip.duration * clip.rate / clip.timeline_rate
    wanted = []
    for frames in (recorded, recorded * abs(clip.speed)):
        # whole frames, one more for what is rounded down, and parts of a frame where the file has fewer of them
        for length in (math.ceil(frames), math.ceil(frames) + 1, float(frames)):
            if length not in wanted:
                wanted.append(length)
    return wanted


def _append(host, timeline, media, first, end, track, record_frame):
    """Append and return the item that stands there now, or None: what Resolve returns proves nothing."""
    pool = host.project().GetMediaPool()
    where = {"mediaPoolItem": media, "startFrame": first, "endFrame": end, "mediaType": 1}
    pool.AppendToTimeline([dict(where, trackIndex=track, recordFrame=record_frame)])
    for item in api.listed(api.patiently(timeline.GetItemListInTrack, "video", track)):
        if api.patiently(item.GetStart) == record_frame:
            found = api.patiently(item.GetMediaPoolItem)
            if found is not None and found.GetUniqueId() == media.GetUniqueId():
                return item
    return None


def _delete(host, timeline, item):
    """Delete a clip, if it is one. Resolve deletes on the Edit page only, sometimes at the second request.

    Raises:
        Refused: Resolve does not.
    """
    if item is None:
        return
    api.settle(item)
    where = timeline.GetTrackName("video", _track(item))
    page = host.resolve.GetCurrentPage()
    if page != "edit":
        host.resolve.OpenPage("edit")
    done = timeline.DeleteClips([item], False) or timeline.DeleteClips([item], False)
    if page and page != "edit":
        host.resolve.OpenPage(page)
    if not done:
        raise Refused("Resolve does not delete the clip on the track '{}'; do it on the Edit page".format(where))
    api.patiently(timeline.GetItemListInTrack, "video", 1)


def _make_alike(host, clip, new):
    host.set_name(new, clip.name)
    if clip.color:
        new.SetClipColor(clip.color)
    host.set_transform(new, host.transform(clip.item))
    clip.item.CopyGrades([new])
    new.AddMarker(float(math.ceil(new.GetLeftOffset())), _MARKER_COLOR, "vstab", "stabilized", 1.0, "vstab")
