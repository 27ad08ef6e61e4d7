"""A small bounded queue between two threads that either side can end, and reading ahead with it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

BYTES_WAITING = 160 << 20  # of pictures between two threads: three of 4K in 10 bits, one of 8K


class Handover(Generic[T]):
    """Hand items from one thread to another, at most `size` waiting at a time, and fewer where they are large.

    Args:
        size: items that may wait.
        weigh: an item's bytes; those that wait have no more than BYTES_WAITING together, but one always may.

    The giver calls `put` and at the end `finish`; the taker iterates, or calls `cancel` to send the giver home: its
    next `put` (or the one that waits) returns False at once.
    """

    def __init__(self, size: int, weigh: Callable[[T], int] = lambda item: 0) -> None:
        self._items: deque[T] = deque()
        self._size, self._weigh = size, weigh
        self._changed = threading.Condition()
        self._cancelled = False
        self._finished = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Wait for room and hand the item over; False where the taker wants no more."""
        with self._changed:
            while not self._has_room(item) and not self._cancelled:
                self._changed.wait()
            if self._cancelled:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def _has_room(self, item: T) -> bool:
        if not self._items:
            return True
        bytes_waiting = sum(map(self._weigh, self._items))
        return len(self._items) < self._size and bytes_waiting + self._weigh(item) <= BYTES_WAITING

    def finish(self, error: BaseException | None = None) -> None:
        """Say that no more items come; the taker gets `error` after the items that wait."""
        with self._changed:
            self._finished, self._error = True, error
            self._changed.notify_all()

    def cancel(self) -> None:
        """Say that no more items are wanted; those that wait are dropped."""
        with self._changed:
            self._cancelled = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                while not (self._items or self._finished or self._cancelled):
                    self._changed.wait()
                if self._items:
                    item = self._items.popleft()
                    self._changed.notify_all()
                elif self._error is not None:
                    raise self._error
                else:
                    return
            yield item


def read_ahead(items: Iterator[T], size: int, name: str, weigh: Callable[[T], int] = lambda item: 0) -> Iterator[T]:
    """Yield what `items` yields, which runs in a thread of its own, at most `size` items ahead; `weigh` as above.

    Closing the generator stops the thread and waits for it, so that `items` has released what it holds.
    """
    if size <= 0:
        yield from items
        return
    handover: Handover[T] = Handover(size, weigh)

    def give() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not handover.put(item):
                    break
        except BaseException as caught:
            error = caught
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
            handover.finish(error)

    thread = threading.Thread(target=give, name=name, daemon=True)
    thread.start()
    try:
        yield from handover
    finally:
        handover.cancel()
        thread.join()
