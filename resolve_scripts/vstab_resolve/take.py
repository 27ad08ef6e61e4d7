"""The result as a take of the same clip: the original stays as it is, one click away.

AddTake's numbers are documented as "extents", without saying from where they count or whether the end is included. So
the clip is read again with the take selected, and where it shows other frames than before the take is added again by
that much differently. What still does not fit is taken back.
"""

from . import api, record
from .clip import original_take, read_range, takes_of
from .refused import Refused

_CORRECTIONS = 3


def put(host, clip, media):
    """Add a stabilized file as a take that shows the frames that the clip showed, and select it.

    Raises:
        Refused: Resolve does not add it so; the clip is as it was.
    """
    clip.refuse_variable()
    item = clip.item
    before = _Selector(item)
    older = [index for index, _, ours in takes_of(host, item) if ours is not None]
    head = clip.source.numbers[0] if clip.source.numbers else 0
    # at the speed of recording the handle on the left is exact, and the source frame may be told one off
    start = max(int(clip.head + clip.left if clip.speed == 1 else min(clip.first, clip.last)), head)
    end = start + clip.source_frames
    ranges = [(start - zero, end - zero - included) for zero in sorted({0, head}) for included in (0, 1)]
    corrections, why = 0, "AddTake refuses the range {} to {}".format(start, end)
    while ranges:
        start, end = ranges.pop(0)
        if not item.AddTake(media, start, end):
            continue
        try:
            off, why = _differs(host, clip)
        except Exception:
            before.restore()
            raise
        if not why:
            for index in sorted(older, reverse=True):
                item.DeleteTakeByIndex(index)
                api.settle(item)
            if older:
                item.SelectTakeByIndex(item.GetTakesCount())  # ours is the last, whatever was selected by that
                api.settle(item)
            _keep_names(host, clip)
            return
        before.restore()
        if off and corrections < _CORRECTIONS:
            corrections += 1
            ranges.insert(0, (start + off, end + off))
    raise Refused(
        "Resolve does not show the same frames of '{}' in a take ({}); choose the result Above or Fusion in vstab "
        "Settings. The stabilized file is in the bin vstab".format(clip.name, why)
    )


def remove(host, item):
    """Select the original again and remove our takes; whether there were any."""
    takes = takes_of(host, item)
    ours = [index for index, _, note in takes if note is not None]
    if not ours:
        return False
    name, color = item.GetName(), item.GetClipColor()
    if item.GetSelectedTakeIndex() in ours:
        original = original_take(takes, next(note for index, _, note in takes if index == max(ours)))
        if original is None:
            raise Refused(
                "the original is no longer among the takes of '{}'; add it there, then run again".format(name)
            )
        item.SelectTakeByIndex(original[0])
        api.settle(item)
    for index in sorted(ours, reverse=True):
        item.DeleteTakeByIndex(index)
        api.settle(item)
    left = takes_of(host, item)
    if any(note is not None for _, _, note in left):
        raise Refused("Resolve does not remove the take of '{}'; do it in the clip's take selector".format(name))
    if len(left) == 1:  # only the original: no selector is needed any more
        item.FinalizeTake()
        api.settle(item)
    if item.GetName() != name:
        host.set_name(item, name)
    if color and item.GetClipColor() != color:
        item.SetClipColor(color)
    return True


def _differs(host, clip):
    """Select the last take; return by how many frames it must be moved, and what is not as before ("" if nothing)."""
    item = clip.item
    api.settle(item)
    number = item.GetTakesCount()
    if not item.SelectTakeByIndex(number):
        return 0, "SelectTakeByIndex({}) fails".format(number)
    api.settle(item)
    if record.read(host, item.GetMediaPoolItem()) is None:
        return 0, "the take is not shown when it is selected"
    where = item.GetStart(), item.GetDuration()
    if where != (clip.start, clip.duration):
        return 0, "the clip stands at {} for {} frames instead of {} for {}".format(
            where[0], where[1], clip.start, clip.duration
        )
    first, last, left = read_range(item)
    if clip.speed != 1 and abs((last - first) - (clip.last - clip.first)) > 1:
        could = host.set_speed(item, clip.speed)
        api.settle(item)
        if not could or (item.GetStart(), item.GetDuration()) != where:
            return 0, "a take does not keep the speed of a retimed clip"
        first, last, left = read_range(item)
    if first != clip.first or last != clip.last:
        return clip.first - first, "frames {} to {} instead of {} to {}".format(first, last, clip.first, clip.last)
    if clip.speed == 1 and not clip.is_subclip and left != clip.left:
        return clip.left - left, "{} frames are left of it instead of {}".format(left, clip.left)
    return 0, ""


def _keep_names(host, clip):
    if clip.item.GetName() != clip.name:
        host.set_name(clip.item, clip.name)
    if clip.color and clip.item.GetClipColor() != clip.color:
        clip.item.SetClipColor(clip.color)


class _Selector:
    """A clip's takes before the first change, to put them back."""

    def __init__(self, item):
        self._item = item
        self._count = item.GetTakesCount() or 0
        self._selected = item.GetSelectedTakeIndex() or 0

    def restore(self):
        """Remove the take that was added.

        Raises:
            Refused: Resolve does not remove it.
        """
        item, selected = self._item, self._selected or 1
        api.settle(item)
        item.SelectTakeByIndex(selected)
        api.settle(item)
        item.DeleteTakeByIndex(max(self._count, 1) + 1)  # without a selector the clip itself has become take 1
        api.settle(item)
        left = item.GetTakesCount() or 0
        if left > max(self._count, 1) or item.GetSelectedTakeIndex() not in (0, selected):
            raise Refused(  # and nothing is finalized: that would make the wrong take the clip
                "Resolve does not remove a take of '{}' that did not fit; remove the last one in the clip's take "
                "selector".format(item.GetName())
            )
        if left and not self._count:
            item.FinalizeTake()  # back from a selector of one take to a plain clip
            api.settle(item)
