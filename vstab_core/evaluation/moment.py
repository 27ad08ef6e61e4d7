"""One moment of the two clips, as the judges get it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .clip import Picture
from .follow import Step
from .registration import Fit
from .types import Reading


@dataclass(frozen=True)
class Pair:
    """A frame of the original and the one of the stabilized clip that shows the same moment.

    Attributes:
        index: counts the compared frames from 0.
        original, stabilized: full size.
        small, small_stabilized: reduced to the width that motion is measured at.
    """

    index: int
    original: Picture
    stabilized: Picture
    small: Picture
    small_stabilized: Picture

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the reduced original."""
        return self.small.luma.shape[1], self.small.luma.shape[0]


@dataclass(frozen=True)
class Moment(Pair):
    """A pair with what was measured of it.

    Attributes:
        steps: from the compared frame before, of either clip; None in the first frame of a shot.
        fit: stabilized_from_original between the reduced pictures, or None where there is too little to go by.
    """

    steps: tuple[Step, Step] | None
    fit: Fit | None


class Judge(Protocol):
    """Gathers what it needs of each moment, and gives its readings at the end."""

    def add(self, moment: Moment) -> None:
        """Look at a moment; they come in order."""

    def readings(self) -> dict[str, Reading]:
        """Return the readings by `Metric.key`."""
