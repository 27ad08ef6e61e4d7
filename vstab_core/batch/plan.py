"""Which clips a batch is of, and where each result goes: found and checked before any work begins."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, OutputError, UsageError
from ..sequence.names import pattern_of

logger = logging.getLogger(__name__)

# Of what is taken from a directory; a file that is named is taken whatever its ending.
_ENDINGS = "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts webm wmv"
VIDEO_ENDINGS = frozenset(f".{ending}" for ending in _ENDINGS.split())


@dataclass(frozen=True)
class Clip:
    """A clip of a batch.

    Attributes:
        source: the file, absolute.
        name: of the result within the batch's directory, with "/" between folders.
    """

    source: Path
    name: str


def find_clips(patterns: Sequence[str], out: Path, suffix: str | None = None) -> list[Clip]:
    """Return the clips that patterns mean, each once, in order of patterns and names.

    Args:
        patterns: files, globs ("**" goes through folders), directories (searched through, known endings).
        out: the batch's directory; what lies in it is no source.
        suffix: the ending of all results; None: each source's own.

    The folders below a directory, and below the part of a glob that has no wildcard, come back under `out`; a file that
    is named lands in `out` itself.

    Raises:
        InputError: a pattern means nothing.
        OutputError: two results would have one name, or a result would be a source.
    """
    clips: dict[str, Clip] = {}  # by the source's real path
    for pattern in patterns:
        found = [(path, root) for path, root in _matches(pattern) if not _within(path, out) or path == Path(pattern)]
        if not found and _within(Path(pattern), out):
            raise OutputError(f"'{pattern}' lies in '{out}', where the results go; give another --out")
        if not found:
            raise InputError(f"no clips found for '{pattern}'; give files, globs or directories with videos")
        for path, root in found:
            place = path.relative_to(root)
            name = (place if suffix is None else place.with_suffix(suffix)).as_posix()
            clips.setdefault(os.path.realpath(path), Clip(path.absolute(), name))
    _refuse_collisions(clips, out)
    return list(clips.values())


def checked_suffix(suffix: str | None) -> str | None:
    """Return an ending with its dot.

    Raises:
        UsageError: it is none.
    """
    if suffix is None:
        return None
    word = suffix.removeprefix(".")
    if not word.isalnum():
        raise UsageError(f"--suffix must be an ending as .mov, got {suffix!r}")
    return f".{word}"


def _matches(pattern: str) -> Iterator[tuple[Path, Path]]:
    """Yield (file, the folder that its name counts from)."""
    path = Path(pattern)
    if path.is_dir():
        yield from ((file, path) for file in _videos_below(path))
    elif path.exists():
        yield path, path.parent
    elif glob.has_magic(pattern):
        parts = path.parts
        fixed = next(index for index, part in enumerate(parts) if glob.has_magic(part))
        root = Path(*parts[:fixed])
        named_ending = bool(path.suffix) and not glob.has_magic(path.suffix)
        for match in map(Path, sorted(glob.glob(pattern, recursive=True))):
            if match.is_dir():
                if parts[-1] != "**":  # which has matched the files in it as well
                    yield from ((file, root) for file in _videos_below(match))
            elif named_ending or match.suffix.lower() in VIDEO_ENDINGS:
                yield match, root
    elif pattern_of(path) is not None:
        raise InputError(f"'{pattern}' is an image sequence, which a batch cannot take; run `vstab stabilize` on it")
    else:
        raise InputError(f"'{pattern}' does not exist; give files, globs or directories")


def _videos_below(folder: Path) -> Iterator[Path]:
    def left_out(error: OSError) -> None:
        logger.warning("a folder is left out: %s", error)

    for place, folders, files in os.walk(folder, onerror=left_out):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in VIDEO_ENDINGS:
                yield Path(place) / name


def _within(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _refuse_collisions(clips: dict[str, Clip], out: Path) -> None:
    taken: dict[str, Clip] = {}
    for clip in clips.values():
        other = taken.setdefault(clip.name.casefold(), clip)  # some file systems do not tell A from a
        if other is not clip:
            raise OutputError(
                f"'{other.source}' and '{clip.source}' would both become '{out / clip.name}'; "
                "run them into two directories, or name the folder above both"
            )
    for clip in clips.values():
        if os.path.realpath(out / clip.name) in clips:
            raise OutputError(f"the result of '{clip.source}' would be a source of the batch; give another --out")
