"""Where the drawn frames go: a video like the clip, or stills."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Protocol

import cv2

from ...encode import VideoWriter
from ...encoders import CONTAINERS
from ...errors import OutputError, UsageError
from ...outfile import PartialFile, output_error
from ...types import EncodeOptions, Frame, VideoInfo
from .. import canvas
from ..canvas import Image

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
_NUMBER = re.compile(r"%0?\d*d")


class Sink(Protocol):
    """Takes drawn frames; a context manager that leaves nothing after an error."""

    def write(self, index: int, frame: Frame, image: Image) -> None:
        """Take frame `index` of the clip, drawn on."""

    def __enter__(self) -> Sink: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def is_stills(output: Path) -> bool:
    """Tell whether a path means stills: a picture's ending, or a folder."""
    return output.suffix.lower() in PICTURES or output.is_dir()


def stills_pattern(output: Path, name: str, count: int | None) -> Path:
    """Return the path with a `%d` for the frame's number.

    Args:
        output: a picture, a pattern, or a folder.
        name: what files in a folder begin with.
        count: how many frames are wanted, or None for all.

    Raises:
        UsageError: several frames have one name, or the name holds another kind of pattern.
    """
    if output.is_dir():
        return output / f"{name.replace('%', '%%')}_%04d.png"
    found = _NUMBER.findall(output.name)
    if len(found) > 1 or output.name.replace("%%", "").count("%") != len(found):
        raise UsageError(f"the pattern '{output.name}' must hold one number, such as %04d")
    if not found and count != 1:
        raise UsageError(f"'{output}' names one still; give a pattern such as '{output.stem}_%04d{output.suffix}'")
    return output


class Video:
    """A video with the clip's times, sound and tags."""

    def __init__(self, output: Path, info: VideoInfo, encode: EncodeOptions | None, overwrite: bool) -> None:
        if output.suffix.lower() not in CONTAINERS:
            raise UsageError(
                f"'{output}' is neither a video nor a still; give a file ending such as .mp4 or .png, or a folder "
                "that exists"
            )
        self._writer = VideoWriter(output, info, encode, overwrite=overwrite)
        self._look = canvas.look_of(info)

    def write(self, index: int, frame: Frame, image: Image) -> None:
        """Take a drawn frame."""
        fresh = self._writer.new_frame(frame)
        canvas.put(fresh.planes, canvas.planes_of(image, self._look))
        self._writer.write(fresh)

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)


class Stills:
    """Pictures, one a frame; all of them appear together, when the last one is written.

    Args:
        pattern: from `stills_pattern`.
        info: the clip.
        wanted: numbers of the frames, or None for all.
        overwrite: whether existing pictures may be replaced.
    """

    def __init__(self, pattern: Path, info: VideoInfo, wanted: frozenset[int] | None, overwrite: bool) -> None:
        self._pattern, self._info, self._overwrite = pattern, info, overwrite
        self._files: dict[int, PartialFile] = {}
        try:
            for index in sorted(wanted or ()):  # refuse at once what would be refused later
                self._open(index)
        except BaseException:
            self._remove()
            raise

    def path_of(self, index: int) -> Path:
        """Return the name of a still."""
        name = self._pattern.name
        return self._pattern.with_name(name % index) if "%" in name else self._pattern

    def _open(self, index: int) -> PartialFile:
        if index not in self._files:
            self._files[index] = PartialFile(self.path_of(index), self._info.path, self._overwrite)
        return self._files[index]

    def write(self, index: int, frame: Frame, image: Image) -> None:
        """Take a drawn frame."""
        file = self._open(index)
        done, data = cv2.imencode(self._pattern.suffix, image)
        if not done:
            raise OutputError(f"'{self.path_of(index)}' could not be encoded")
        try:
            file.temporary.write_bytes(data.tobytes())
        except OSError as error:
            raise output_error(error, self.path_of(index)) from error

    def _remove(self) -> None:
        for file in self._files.values():
            file.remove()

    def __enter__(self) -> Stills:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._remove()
            return
        for file in self._files.values():
            file.complete()
