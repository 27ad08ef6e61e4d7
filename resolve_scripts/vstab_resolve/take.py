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
        number = item.GetTakesCount()
        off, why = _differs(host, clip, number)
        if not why:
            _keep_names(host, clip)
            for index in sorted(older, reverse=True):
                item.DeleteTakeByIndex(index)
            return
        before.restore(number)
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
    selected = item.GetSelectedTakeIndex()
    original = original_take(takes, next(note for index, _, note in takes if index == max(ours)))
    if selected in ours and original is not None:
        item.SelectTakeByIndex(original[0])
    for index in sorted(ours, reverse=True):
        item.DeleteTakeByIndex(index)
    if (item.GetTakesCount() or 0) == 1:  # only the original: no selector is needed any more
        item.FinalizeTake()
    if any(note is not None for _, _, note in takes_of(host, item)):
        raise Refused("Resolve does not remove the take of '{}'; do it in the clip's take selector".format(name))
    if item.GetName() != name:
        host.set_name(item, name)
    if color and item.GetClipColor() != color:
        item.SetClipColor(color)
    return True


def _differs(host, clip, number):
    """Select a take; return by how many frames it must be moved, and what is not as before ("" if nothing)."""
    item = clip.item
    if not item.SelectTakeByIndex(number):
        return 0, "SelectTakeByIndex({}) fails".format(number)
    media = api.patiently(item.GetMediaPoolItem)
    if record.read(host, media) is None:
        return 0, "the take is not shown when it is selected"
    where = item.GetStart(), item.GetDuration()
    if where != (clip.start, clip.duration):
        return 0, "the clip stands at {} for {} frames instead of {} for {}".format(
            where[0], where[1], clip.start, clip.duration
        )
    first, last, left = read_range(item)
    if clip.speed != 1 and abs((last - first) - (clip.last - clip.first)) > 1:
        if not host.set_speed(item, clip.speed) or (item.GetStart(), item.GetDuration()) != where:
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
        self.count = item.GetTakesCount() or 0
        self._selected = item.GetSelectedTakeIndex() or 0

    def restore(self, number):
        """Remove take `number`, which was added."""
        self._item.SelectTakeByIndex(self._selected or 1)
        self._item.DeleteTakeByIndex(number)
        if self.count == 0:
            self._item.FinalizeTake()  # back from a selector of one take to a plain clip
