"""The colour of a clip, and the steps that bring it back after frames went through RGB."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

UNSPECIFIED = 2
# FFmpeg's (H.273's) numbers of matrices -> what the scale filter calls them.
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_UNTAGGED = "bt601"  # what the scale filter takes untagged pictures for
_RANGES = {0: "limited", 1: "limited", 2: "full"}


@dataclass(frozen=True)
class Colour:
    """The tags of a video stream, in FFmpeg's numbers."""

    matrix: int
    primaries: int
    transfer: int
    range: int

    def after_rgb(self, stream: Any, pixel_format: str) -> Any:
        """Convert an RGB stream to a pixel format with the clip's matrix and range, and say so.

        ffmpeg forgets both on the way through RGB, and would take the matrix of untagged pictures for the way back.
        """
        if not pixel_format.startswith(("yuv", "nv")):  # RGB has no matrix, and ffmpeg knows gray in full range only
            return stream.filter("format", pixel_format)
        stream = stream.filter(
            "scale",
            out_color_matrix=_MATRICES.get(self.matrix, _UNTAGGED),
            out_range=_RANGES.get(self.range, "limited"),
            flags="bicubic+accurate_rnd+full_chroma_int",
        )
        return self.tagged(stream.filter("format", pixel_format))

    def tagged(self, stream: Any) -> Any:
        """Write the tags on every frame."""
        return stream.filter(
            "setparams",
            range=self.range,
            colorspace=self.matrix,
            color_primaries=self.primaries,
            color_trc=self.transfer,
        )


def colour_of(path: Path) -> Colour:
    """Read the tags of the first video stream."""
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        return Colour(
            int(context.colorspace), int(context.color_primaries), int(context.color_trc), int(context.color_range)
        )
