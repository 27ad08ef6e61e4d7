"""The tail: every frame once and in order on the second pass, decoded again only where it was not kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from vstab_core.tail import Tail
from vstab_core.types import Frame


def frames(count: int) -> list[Frame]:
    return [Frame((np.full((10, 10), index, np.uint8),), "gray", 7 * index - 3, 0.0) for index in range(count)]


@pytest.mark.parametrize("limit", [0, 99, 100, 350, 799, 800, 10**6])
def test_frames_come_once_and_in_order_whatever_was_kept(limit: int) -> None:
    tail, clip, decoded = Tail(limit), frames(8), []
    for frame in clip:
        tail.add(frame)

    def read() -> Iterator[Frame]:
        for frame in clip:
            decoded.append(frame.pts)
            yield frame

    replayed = [frame.pts for frame in tail.replay(read, clip[0].pts)]
    assert replayed == [frame.pts for frame in clip]
    kept = limit // 100
    # To find where the tail begins, the first kept frame is decoded once more.
    assert len(decoded) == (0 if kept >= 8 else min(8, 8 - kept + 1))


def test_a_tail_that_was_never_filled_reads_the_whole_clip() -> None:
    clip = frames(4)
    assert [frame.pts for frame in Tail().replay(lambda: iter(clip), clip[0].pts)] == [frame.pts for frame in clip]


def test_frames_of_8k_are_not_kept() -> None:
    tail = Tail()
    planes = (np.broadcast_to(np.uint16(0), (3840, 7680)),)
    large = [Frame(planes, "gray10", index, 0.0) for index in range(3)]
    for frame in large:
        tail.add(frame)
    read = []
    assert len(list(tail.replay(lambda: iter(read.append(1) or large), 0))) == 3  # type: ignore[func-returns-value]
    assert read == [1]
