"""Names of image sequences: `shot.%04d.exr` or `shot.####.exr`. Standard library only: the command line asks first."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, OutputError

ENDINGS = (".exr", ".dpx")
_PLACE = re.compile(r"%(?:0(\d+))?d|(#+)")
_LAST_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$")


@dataclass(frozen=True)
class Pattern:
    """The name of a sequence.

    Attributes:
        shown: as the user wrote it.
        before, after: the file name around the number.
        digits: the least digits of the number; more are taken where it needs them, and zeros in front up to these.
    """

    shown: Path
    before: str
    digits: int
    after: str

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.shown.parent

    def path(self, number: int) -> Path:
        """Return the file of a frame."""
        return self.folder / f"{self.before}{number:0{self.digits}d}{self.after}"

    def numbers(self) -> list[int]:
        """Return the numbers of the frames that are there, rising.

        Raises:
            InputError: the folder cannot be read.
        """
        try:
            names = os.listdir(self.folder)
        except OSError as error:
            raise InputError(f"'{self.shown}' cannot be read: {error.strerror}: '{self.folder}'") from error
        shape = re.compile(f"{re.escape(self.before)}(\\d+){re.escape(self.after)}")
        found = (int(match.group(1)) for match in map(shape.fullmatch, names) if match)
        there = set(names)
        return sorted({number for number in found if self.path(number).name in there})

    def marked(self, mark: str) -> Path:
        """Return the pattern with `mark` behind the name's own words: `shot.%04d.exr` -> `shot_mark.%04d.exr`."""
        words = self.before.rstrip("._- ")
        place = self.shown.name[len(self.before) : len(self.shown.name) - len(self.after)]
        return self.shown.with_name(f"{words}{mark}{self.before[len(words) :] or '.'}{place}{self.after}")

    def with_suffix(self, suffix: str) -> Path:
        """Return one file for the whole sequence: `shot.%04d.exr` -> `shot.vstab`."""
        return self.shown.with_name((self.before.rstrip("._- ") or "sequence") + suffix)


def pattern_of(path: Path) -> Pattern | None:
    """Return the sequence that a path means, or None where it means a file.

    A file whose own name holds the signs (`take#2.exr`) is a file.
    """
    places = list(_PLACE.finditer(path.name))
    if not places or path.suffix.lower() not in ENDINGS or path.exists():
        return None
    place = places[-1]
    digits = int(place.group(1) or 1) if place.group(2) is None else len(place.group(2))
    return Pattern(path, path.name[: place.start()], digits, path.name[place.end() :])


def refuse_one_frame(path: Path) -> None:
    """Raise InputError where a path is a single picture, and say how its sequence is named."""
    if path.suffix.lower() not in ENDINGS or not path.is_file():
        return
    match = _LAST_NUMBER.match(path.stem)
    if match is None:
        raise InputError(f"'{path}' is a single picture; a sequence has a number in its name, as 'shot.%04d.exr'")
    before, number, after = match.groups()
    like = path.with_name(f"{before}%0{len(number)}d{after}{path.suffix}")
    pattern = pattern_of(like)
    count = len(pattern.numbers()) if pattern is not None else 1
    raise InputError(
        f"'{path}' is a single picture, one of {count} frames of a sequence; give '{like}'"
        if count > 1
        else f"'{path}' is a single picture; no other frames of '{like}' are there"
    )


def output_pattern(path: Path, source: Pattern) -> Pattern:
    """Return where a sequence is to be written.

    Raises:
        OutputError: the name has no place for the number, or is of another format.
    """
    suffix = source.shown.suffix
    if path.suffix.lower() != suffix.lower():
        raise OutputError(
            f"output '{path}': a sequence stays of its kind, {suffix}; give a name as "
            f"'{source.marked('_stabilized').name}'"
        )
    pattern = pattern_of(path)
    if pattern is None:
        raise OutputError(
            f"output '{path}' has no place for the frame number; give a name as '{path.stem}.%04d{path.suffix}'"
        )
    return pattern


def ranges(numbers: Sequence[int]) -> str:
    """Return numbers, rising, as a reader writes them: "1001-1003, 1007"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    shown = [str(first) if first == last else f"{first}-{last}" for first, last in parts[:20]]
    return ", ".join(shown) + (f" and {len(parts) - 20} more stretches" if len(parts) > 20 else "")
