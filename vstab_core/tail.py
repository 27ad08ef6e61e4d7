"""The last decoded frames of a clip, kept from the first pass to the second.

Decoding is a third of the work of a transcode, and two passes would pay it twice. What fits in memory at the end of
the analysis is not decoded again: all of a short clip, the end of a long one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from .types import Frame

TAIL_BYTES = 448 << 20  # 144 frames of 1080p in 8 bits: two passes then stay within 1 GiB, the encoder included
LARGEST_BYTES = 40 << 20  # of larger frames, 8K for instance, five to ten would fit, which saves hardly a thing


class Tail:
    """A ring of the newest frames."""

    def __init__(self, limit_bytes: int = TAIL_BYTES) -> None:
        self._limit = limit_bytes
        self._frames: deque[Frame] = deque()
        self._bytes = 0

    def add(self, frame: Frame) -> None:
        """Keep a frame, and let go of the oldest where the limit asks for it."""
        if frame.nbytes > LARGEST_BYTES:
            self._frames.clear()
            self._bytes = 0
            return
        self._frames.append(frame)
        self._bytes += frame.nbytes
        while self._bytes > self._limit:
            self._bytes -= self._frames.popleft().nbytes

    def replay(self, read: Callable[[], Iterator[Frame]], first_pts: int) -> Iterator[Frame]:
        """Yield all frames of the clip once more: those before the tail are read again. Empties the tail.

        Args:
            read: starts reading the clip from its first frame.
            first_pts: time of the clip's first frame.
        """
        begins = self._frames[0].pts if self._frames else None
        if begins != first_pts:
            for frame in (again := read()):
                if frame.pts == begins:
                    getattr(again, "close", lambda: None)()
                    break
                yield frame
        while self._frames:
            yield self._frames.popleft()
