"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from .errors import OutputError

_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the disk quota is used up",
         errno.EFBIG: "the file is too large for the disk or the limit set"}  # fmt: skip


class WholeOrNothing(ABC):
    """A writer used with `with`: closed at the end of the block, aborted where the block raises."""

    @abstractmethod
    def close(self) -> None:
        """Finish what is written and give it its name."""

    @abstractmethod
    def abort(self) -> None:
        """Stop and leave nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class PartialFile:
    """A hidden temporary file beside the output: `.NAME.partial-XXXX.ext`, moved there by `complete`.

    Raises:
        OutputError: the output is the input, exists (without `overwrite`), or cannot be made.
    """

    def __init__(self, path: Path, source: Path | None, overwrite: bool) -> None:
        self.path = Path(os.path.realpath(path))  # a link stays a link; its target is replaced
        self.shown = path
        if source is not None and _same_file(self.path, source):
            raise OutputError(f"output '{path}' is the input itself; give another name")
        if self.path.is_dir():
            raise OutputError(f"output '{path}' is a directory; give a file name in it")
        if self.path.exists() and not self.path.is_file():
            raise OutputError(f"output '{path}' is not an ordinary file")
        if self.path.exists() and not overwrite:
            raise OutputError(f"output '{path}' exists; give another name, or allow to overwrite it")
        stem = self.path.stem[:80]  # names are limited to 255 bytes
        self.temporary = self.path.with_name(f".{stem}.partial-{secrets.token_hex(4)}{self.path.suffix}")
        try:
            os.close(os.open(self.temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except OSError as error:
            raise output_error(error, path) from error
        self._unlink = weakref.finalize(self, _remove, self.temporary)  # also where the process ends without `remove`

    def complete(self) -> None:
        """Give the file its name."""
        self._unlink.detach()
        try:
            os.replace(self.temporary, self.path)
        except OSError as error:
            _remove(self.temporary)
            raise output_error(error, self.shown) from error

    def remove(self) -> None:
        """Remove what has been written."""
        self._unlink()


@contextlib.contextmanager
def whole_file(path: Path, source: Path | None, overwrite: bool) -> Iterator[Path]:
    """Give a temporary file to write to; it gets its name when the block ends well, and is removed when it does not.

    Raises:
        OutputError: as `PartialFile`; also for an OSError in the block.
    """
    file = PartialFile(path, source, overwrite)
    try:
        yield file.temporary
        file.complete()
    except OSError as error:
        file.remove()
        raise output_error(error, path) from error
    except BaseException:
        file.remove()
        raise


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def output_error(error: BaseException, path: Path) -> OutputError:
    """Return the OutputError that says what a system or FFmpeg error means for the output."""
    if isinstance(error, OutputError):
        return error
    code = abs(getattr(error, "errno", 0) or 0)
    if isinstance(error, FileNotFoundError) or code == errno.ENOENT:
        return OutputError(f"the folder of output '{path}' does not exist")
    if isinstance(error, NotADirectoryError) or code == errno.ENOTDIR:
        return OutputError(f"the folder of output '{path}' is not a directory")
    if isinstance(error, PermissionError) or code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"no permission to write output '{path}'")
    reason = _FULL.get(code) or str(getattr(error, "strerror", None) or error)
    return OutputError(f"output '{path}' could not be written: {reason}")


def _same_file(output: Path, source: Path) -> bool:
    try:
        return os.path.samefile(output, source)
    except OSError:
        return False
