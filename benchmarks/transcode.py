"""The plain transcode through PyAV: what the same FFmpeg build takes when nothing is done to the pictures.

    python -m benchmarks.transcode IN OUT [PRESET] [CRF]

The decoder runs in one thread, the encoder in another, each with the codec's own threads: as good as such a job gets.
"""

from __future__ import annotations

import queue
import sys
import threading

import av


def transcode(source: str, target: str, preset: str = "veryfast", crf: str = "20") -> None:
    """Decode a clip and encode it again with x264."""
    waiting: queue.Queue[av.VideoFrame | None] = queue.Queue(maxsize=4)
    with av.open(source) as container, av.open(target, "w") as writer:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        encoder = writer.add_stream("libx264", rate=stream.average_rate, options={"preset": preset, "crf": crf})
        encoder.width, encoder.height, encoder.pix_fmt = stream.width, stream.height, stream.codec_context.pix_fmt
        encoder.time_base = stream.time_base

        def decode() -> None:
            try:
                for frame in container.decode(stream):
                    frame.pict_type = av.video.frame.PictureType.NONE
                    waiting.put(frame)
            finally:
                waiting.put(None)

        thread = threading.Thread(target=decode)
        thread.start()
        while (frame := waiting.get()) is not None:
            writer.mux(encoder.encode(frame))
        thread.join()
        writer.mux(encoder.encode())


if __name__ == "__main__":
    transcode(*sys.argv[1:])
