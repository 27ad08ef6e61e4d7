"""The manifest of a batch: which results are complete, of which sources and settings. JSON lines, added to one by one.

A line is added before the result gets its name. So a result without a line is not ours, and a line without its result
finds that in the staging folder. A line that a kill has cut short is skipped; the last line of a name counts.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import OutputError
from ..outfile import output_error
from .clip import fingerprint_of

logger = logging.getLogger(__name__)

FILE = ".vstab-batch.jsonl"
STAGING = ".vstab-batch"


@dataclass(frozen=True)
class Entry:
    """A line.

    Attributes:
        name: of the result within the batch's directory.
        source: the clip, as text.
        fingerprint: of the source.
        settings: what it was made with, see `settings_of` in `command/batch.py`.
        status: "done" or "failed".
        result: fingerprint of the result.
        staged: where it lay before it got its name, within the batch's directory.
        frames, seconds, warnings, message: see `Outcome`.
        vstab: the version.
    """

    name: str
    source: str
    fingerprint: str
    settings: dict[str, Any]
    status: str
    result: str = ""
    staged: str = ""
    frames: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)
    message: str = ""
    vstab: str = ""


class Manifest:
    """The manifest of a directory; make it with `opened`.

    Attributes:
        entries: the last of each name.
    """

    def __init__(self, out: Path, descriptor: int) -> None:
        self._out = out
        self._descriptor = descriptor
        self.entries: dict[str, Entry] = {}
        text = (out / FILE).read_bytes()
        self._torn = bool(text) and not text.endswith(b"\n")
        for number, line in enumerate(text.splitlines(), 1):
            entry = _entry_of(line)
            if entry is not None:
                self.entries[entry.name] = entry
            elif line.strip():
                logger.warning("'%s': line %d is damaged and skipped; its clip is done again", out / FILE, number)

    def add(self, entry: Entry) -> None:
        """Add a line; it is on the disk when this returns."""
        line = json.dumps(asdict(entry)).encode("ascii") + b"\n"
        try:
            os.write(self._descriptor, b"\n" * self._torn + line)
            os.fsync(self._descriptor)
        except OSError as error:
            raise output_error(error, self._out / FILE) from error
        self._torn = False
        self.entries[entry.name] = entry

    def is_ours(self, name: str) -> bool:
        """Whether the file of this name is what a batch has made here."""
        entry = self.entries.get(name)
        return entry is not None and bool(entry.result) and fingerprint_of(self._out / name) == entry.result

    def recover(self) -> None:
        """Name the results that a killed run could not name any more, and clear the staging folder."""
        for entry in self.entries.values():
            staged = self._out / entry.staged
            if entry.staged and staged.is_file() and fingerprint_of(staged) == entry.result:
                try:
                    place(staged, self._out / entry.name)
                except OutputError as error:  # a folder in the way; the clip is done again
                    logger.warning("%s", error)
        shutil.rmtree(self._out / STAGING, ignore_errors=True)


def place(staged: Path, path: Path) -> None:
    """Give a complete result its name."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staged, path)
    except OSError as error:
        raise output_error(error, path) from error
    with contextlib.suppress(OSError):
        staged.parent.rmdir()


@contextlib.contextmanager
def opened(out: Path) -> Iterator[Manifest]:
    """Open a directory's manifest, for one batch at a time; the directory is made.

    Raises:
        OutputError: the directory cannot be written, or another batch works there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(out / FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except FileExistsError as error:
        raise OutputError(f"'{out}' is not a directory; give another --out") from error
    except OSError as error:
        raise output_error(error, out / FILE) from error
    try:
        _lock(descriptor, out)
        manifest = Manifest(out, descriptor)
        manifest.recover()
        yield manifest
    finally:
        os.close(descriptor)


def _lock(descriptor: int, out: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise OutputError(f"another `vstab batch` is at work in '{out}'; wait for it, or give another --out") from (
                error
            )
        logger.warning("'%s' cannot be locked (%s): run one batch at a time there", out, error.strerror)


def _entry_of(line: bytes) -> Entry | None:
    try:
        values = json.loads(line)
        return Entry(**{f.name: values[f.name] for f in fields(Entry) if f.name in values})
    except (ValueError, TypeError):
        return None
