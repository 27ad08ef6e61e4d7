"""Write a stabilized sequence: every frame a file with the source's number, channels and attributes."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import weakref
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ..encode import NewFrame
from ..errors import OutputError, UsageError
from ..outfile import WholeOrNothing, output_error
from ..types import EncodeOptions, Frame, Plane, VideoInfo
from .clip import format_of
from .names import Pattern, output_pattern, pattern_of, ranges
from .picture import Picture

logger = logging.getLogger(__name__)

WRITING = 2  # frames that are written at a time: compressing takes longer than the warp


class SequenceWriter(WholeOrNothing):
    """Takes frames as `encode.VideoWriter` does and writes a file for each.

    Files are gathered in a hidden folder beside the output and get their names when the block ends well; after any
    exception nothing is left. A frame that the warp left alone is copied byte for byte.

    Args:
        path: the output's pattern.
        info: the source, a sequence.
        options: what the user asked of an encoder, of which there is none.
        overwrite: whether existing frames may be replaced.

    Raises:
        OutputError: the output is the input, frames of it exist, or it cannot be written.
        UsageError: an encoder's option was given.
    """

    def __init__(
        self, path: Path, info: VideoInfo, options: EncodeOptions | None = None, *, overwrite: bool = False
    ) -> None:
        source = pattern_of(info.path)
        assert source is not None
        if options is not None and options != EncodeOptions():
            raise UsageError(
                f"--codec, --crf, --preset, --pix-fmt and --encoder-option are for videos; '{path}' keeps the "
                "channels, bits and compression of its source"
            )
        self.path = path
        self._pattern = output_pattern(path, source)
        self._write_picture = format_of(source).write_picture
        self._first = source.numbers()[0]
        self._existing = refuse_existing(path, info.path, overwrite)
        self._numbers: list[int] = []
        self._folder = self._pattern.folder / f".{source.with_suffix('').name[:80]}.partial-{secrets.token_hex(4)}"
        try:
            self._folder.mkdir()
        except OSError as error:
            raise output_error(error, path) from error
        self._remove = weakref.finalize(self, shutil.rmtree, str(self._folder), ignore_errors=True)
        self._threads = ThreadPoolExecutor(WRITING, "encode")
        self._under_way: deque[Future[None]] = deque()

    def new_frame(self, like: Frame) -> NewFrame:
        """Return a frame with the time of `like` whose planes are to be written."""
        planes: tuple[Plane, ...] = tuple(np.empty(plane.shape, plane.dtype) for plane in like.planes)
        return NewFrame(planes, like.pixel_format, like.pts, like.time_s, like.source)

    def write(self, frame: Frame) -> None:
        """Hand a frame over; waits while two are being written.

        Raises:
            OutputError: a frame before could not be written.
        """
        if frame.planes[0].shape != frame.source.planes[0].shape:
            raise UsageError(
                f"'{frame.source.path}' is a cube map, and a sequence keeps its size; convert it to equirect first"
            )
        number = self._first + frame.pts
        self._numbers.append(number)
        self._under_way.append(self._threads.submit(self._write, frame, number))
        while len(self._under_way) > WRITING:
            self._take(self._under_way.popleft())

    def _write(self, frame: Frame, number: int) -> None:
        picture: Picture = frame.source
        target = self._folder / self._pattern.path(number).name
        if all(one is other for one, other in zip(frame.planes, picture.planes, strict=True)):
            shutil.copyfile(picture.path, target)
            return
        for place in picture.alpha_planes:
            _keep_range(frame.planes[place], picture.planes[place])
        self._write_picture(target, frame.planes, picture)

    def _take(self, done: Future[None]) -> None:
        try:
            done.result()
        except (OSError, RuntimeError) as error:
            raise output_error(error, self.path) from error

    def close(self) -> None:
        """Finish all files and give them their names.

        Raises:
            OutputError: a frame could not be written, or none was.
        """
        try:
            while self._under_way:
                self._take(self._under_way.popleft())
            if not self._numbers:
                raise OutputError(f"output '{self.path}': no frame was written")
            self._name_all()
        finally:
            self.abort()
        older = sorted(self._existing - set(self._numbers))
        if older:
            logger.warning("'%s': older frames of that name are still there: %s", self.path, ranges(older))

    def _name_all(self) -> None:
        """Give all frames their names, or leave things as they were: a shot half old and half new is worth nothing."""
        before = self._folder / "before"
        before.mkdir()
        named: list[Path] = []
        try:
            for number in self._numbers:
                target = self._pattern.path(number)
                named.append(target)
                if target.exists():
                    os.replace(target, before / target.name)
                os.replace(self._folder / target.name, target)
        except BaseException as error:  # a cancelled run too
            for target in named:
                with contextlib.suppress(OSError):
                    if (before / target.name).exists():
                        os.replace(before / target.name, target)
                    elif not (self._folder / target.name).exists():
                        target.unlink()
            if isinstance(error, OSError):
                raise output_error(error, self.path) from error
            raise

    def abort(self) -> None:
        """Stop and leave nothing that has no name yet."""
        self._threads.shutdown(cancel_futures=True)
        self._remove()


def refuse_existing(output: Path, source: Path, overwrite: bool) -> set[int]:
    """Return the frames that are there already under the output's name.

    Raises:
        OutputError: a file of the source would be replaced; or there are frames, and they may not be overwritten; or
            there is no folder to write to.
    """
    from_pattern = pattern_of(source)
    assert from_pattern is not None
    pattern = output_pattern(output, from_pattern)
    if not pattern.folder.is_dir():
        raise OutputError(f"output directory '{pattern.folder}' does not exist")
    existing = set(pattern.numbers())
    if _share_files(pattern, from_pattern, existing):
        raise OutputError(f"output '{output}' is the input; give another name with -o")
    if existing and not overwrite:
        raise OutputError(
            f"output '{output}' exists: frames {ranges(sorted(existing))}; give --overwrite to replace them, or "
            "another name with -o"
        )
    return existing


def _share_files(output: Pattern, source: Pattern, existing: set[int]) -> bool:
    """Tell whether any file of the output is one of the source, by whatever name."""
    known = {(stat.st_dev, stat.st_ino) for stat in (source.path(number).stat() for number in source.numbers())}
    # The source's numbers too: where names may differ in case only, the listing does not show them.
    paths = [output.path(number) for number in existing | set(source.numbers())]
    return any((stat.st_dev, stat.st_ino) in known for stat in (path.stat() for path in paths if path.exists()))


def _keep_range(warped: Plane, source: Plane) -> None:
    """Hold alpha that was within 0 to 1 there: a filter rings at edges, and mattes that leave it composite wrongly."""
    if warped.dtype == np.float32 and source.min() >= 0 and source.max() <= 1:
        np.clip(warped, 0, 1, out=warped)
