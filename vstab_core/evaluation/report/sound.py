"""The original's sound beside its picture in the page: AAC, stereo."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ...media import open_media
from .budget import SOUND_BITS_A_SECOND

_RATE_HZ = 48000
_FRAME_SAMPLES = 1024  # of AAC


class Sound:
    """Copies a clip's first sound stream into an output that is being written."""

    def __init__(self, path: Path, output: Any) -> None:
        self._path, self._output = path, output
        self._stream = output.add_stream("aac", rate=_RATE_HZ)
        self._stream.codec_context.layout = "stereo"
        self._stream.codec_context.bit_rate = SOUND_BITS_A_SECOND

    @classmethod
    def find(cls, path: Path, output: Any) -> Sound | None:
        """Add a stream to the output if the clip has sound that can be decoded, else return None."""
        try:
            with open_media(path) as container:
                streams = container.streams.audio
                if not streams or streams[0].codec_context is None or next(container.decode(streams[0]), None) is None:
                    return None
        except av.FFmpegError:
            return None
        return cls(path, output)

    def write(self, origin_s: float, end_s: float) -> str:
        """Encode the sound from the clip's moment `origin_s` to `end_s` after it; return why it failed, or "".

        Known limit: the sound frame that lies across the origin (20 to 40 ms) is left out.
        """
        resampler = av.AudioResampler("fltp", "stereo", _RATE_HZ, _FRAME_SAMPLES)
        wrote = False
        try:
            with open_media(self._path) as container:
                for frame in container.decode(container.streams.audio[0]):
                    time_s = frame.time
                    if time_s is None or time_s < origin_s:
                        continue
                    if time_s > origin_s + end_s:
                        break
                    frame.pts = round((time_s - origin_s) * frame.sample_rate)
                    frame.time_base = Fraction(1, frame.sample_rate)
                    for part in resampler.resample(frame):
                        self._output.mux(self._stream.encode(part))
                        wrote = True
            if wrote:
                for part in resampler.resample(None):
                    self._output.mux(self._stream.encode(part))
            self._output.mux(self._stream.encode(None))
        except (av.FFmpegError, OSError, ValueError) as error:
            return f"its sound cannot be decoded: {getattr(error, 'strerror', None) or error}"
        return "" if wrote else "its sound cannot be decoded"
