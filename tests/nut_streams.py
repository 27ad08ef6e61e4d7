"""NUT streams for tests, and what is in them; and a pipe with something at both ends."""

from __future__ import annotations

import io
import os
import queue
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.clips import ClipSpec, write_clip
from tests.synthetic import Camera, film, moving
from vstab_core.formats import plane_views
from vstab_core.pipe.run import run_pipe
from vstab_core.result import Result

PATIENCE_S = 20.0  # a loaded machine


def nut(folder: Path, spec: ClipSpec, camera: Camera | None = None) -> bytes:
    """Return a NUT stream, of raw video unless the spec says otherwise; of a camera's film where one is given."""
    pictures = None
    if camera is not None:
        pictures = ((picture,) for picture in film(camera, spec.count, size=spec.size, seed=1))
    return write_clip(folder / "stream.nut", spec, pictures).read_bytes()


def frames_of(stream: bytes) -> list[tuple[Fraction, str, list[Any]]]:
    """Return (seconds, pixel format, planes) of each frame."""
    with av.open(io.BytesIO(stream)) as container:
        return [
            (frame.pts * frame.time_base, frame.format.name, [plane.copy() for plane in plane_views(frame)])
            for frame in container.decode(video=0)
        ]


def packets_of(stream: bytes) -> list[tuple[str, Fraction, bytes]]:
    """Return (kind, seconds, bytes) of each packet in its order."""
    with av.open(io.BytesIO(stream)) as container:
        return [
            (packet.stream.type, packet.dts * packet.time_base, bytes(packet))
            for packet in container.demux()
            if packet.size
        ]


def piped(stream: bytes, sidecar: Path | None = None, **given: object) -> tuple[bytes, Result | Exception]:
    """Return what comes out of `run_pipe` between two real pipes, and its result or error."""
    source_out, source_in = os.pipe()
    target_out, target_in = os.pipe()
    out = bytearray()

    def feed() -> None:
        with os.fdopen(source_in, "wb") as file:
            file.write(stream)

    def drain() -> None:
        with os.fdopen(target_out, "rb") as file:
            out.extend(file.read())

    threads = [threading.Thread(target=feed), threading.Thread(target=drain)]
    for thread in threads:
        thread.start()
    result: Result | Exception
    try:
        result = run_pipe(source_out, target_in, given, sidecar=sidecar)
    except Exception as error:
        result = error
    os.close(target_in)
    while os.read(source_out, 1 << 20):  # what was not asked for
        pass
    os.close(source_out)
    for thread in threads:
        thread.join()
    return bytes(out), result


class Paced:
    """`run_pipe` in a thread, fed frame by frame: what is out tells what it waits for.

    Args:
        size: (height, width) of gray frames, of a scene that stands still.
        sound: whether each frame is followed by its stretch of sound.
    """

    def __init__(self, size: tuple[int, int], sound: bool, **given: object) -> None:
        self._size = size
        source_out, source_in = os.pipe()
        self._target_out, target_in = os.pipe()
        self._file = os.fdopen(source_in, "wb", buffering=0)
        self._output = av.open(self._file, "w", format="nut",
                               container_options={"flush_packets": "1", "max_interleave_delta": "1"})  # fmt: skip
        self._video = self._output.add_stream("rawvideo", rate=25)
        self._video.width, self._video.height, self._video.pix_fmt = size[1], size[0], "gray"
        self._sound = self._output.add_stream("pcm_s16le", rate=48000) if sound else None
        self._picture = next(iter(film(moving(), 1, size=size, seed=1)))
        self._out: queue.Queue[float] = queue.Queue()
        self.result: list[Result | BaseException] = []

        def work() -> None:
            try:
                self.result.append(run_pipe(source_out, target_in, given))
            except BaseException as error:
                self.result.append(error)
            finally:
                os.close(target_in)
                os.close(source_out)

        self._worker = threading.Thread(target=work, daemon=True)
        self._worker.start()

    def write(self, number: int) -> None:
        """Write a frame; waits while the pipe is full."""
        frame = av.VideoFrame(self._size[1], self._size[0], "gray")
        plane_views(frame)[0][...] = self._picture
        frame.pts, frame.time_base = number, Fraction(1, 25)
        self._output.mux(self._video.encode(frame))
        if self._sound is not None:
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), "s16", "mono")
            samples.sample_rate, samples.pts, samples.time_base = 48000, number * 1920, Fraction(1, 48000)
            self._output.mux(self._sound.encode(samples))

    def read(self) -> None:
        """Begin to read what comes out, in a thread."""

        def drain() -> None:
            with os.fdopen(self._target_out, "rb", buffering=0) as file:
                for number in _numbers(file):
                    self._out.put(number)

        threading.Thread(target=drain, daemon=True).start()

    def next(self) -> float:
        """Return the number of the next frame that comes out; `queue.Empty` where none does."""
        return self._out.get(timeout=PATIENCE_S)

    def finish(self) -> None:
        """End the input and wait."""
        self._output.close()
        self._file.close()
        self._worker.join(PATIENCE_S)


def _numbers(file: Any) -> Iterator[float]:
    options = {"probesize": "32", "fpsprobesize": "0", "max_ts_probe": "0"}
    with av.open(file, "r", format="nut", container_options=options) as container:
        for packet in container.demux():
            if packet.stream.type == "video" and packet.size:
                yield float(packet.pts * packet.time_base * 25)
