"""Ten minutes with uneven frame times: the sound stays within a millisecond of the picture, to the last."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.clips import picture
from tests.fidelity.exchange import STILL
from tests.fidelity.facts import facts_of
from vstab_core import pipeline
from vstab_core.formats import plane_views

SIZE = (48, 64)
FRAMES, LENGTH_S, RATE_HZ = 150, 600, 8000


def long_clip(path: Path, sound: str) -> Path:
    """Write frames about 4 s apart, at odd times, with ten minutes of sound; dark but for each twelfth frame."""
    rng = np.random.default_rng(11)
    ticks = np.sort(rng.choice(np.arange(1, LENGTH_S * 1000), FRAMES - 2, replace=False)) * 90
    times = [0, *(int(tick) for tick in ticks), LENGTH_S * 90000]
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=1, options={"preset": "ultrafast", "crf": "20"})
        video.width, video.height, video.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        video.codec_context.time_base = video.time_base = Fraction(1, 90000)
        options = {"aac_coder": "fast"} if sound == "aac" else {}
        audio = container.add_stream(sound, rate=RATE_HZ, options=options)
        audio.codec_context.layout = "mono"
        for index, pts in enumerate(times):
            frame = av.VideoFrame(SIZE[1], SIZE[0], "yuv420p")
            for target, values in zip(plane_views(frame), picture(index, SIZE, "yuv420p"), strict=True):
                target[...] = values
            frame.pts, frame.time_base = pts, Fraction(1, 90000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        wave = (np.sin(np.arange(RATE_HZ) * 0.3) * 8000).astype(np.int16)[None]
        resampler = av.AudioResampler(audio.codec_context.format.name, "mono", RATE_HZ)
        for second in range(LENGTH_S):
            block = av.AudioFrame.from_ndarray(wave, "s16", "mono")
            block.sample_rate, block.pts, block.time_base = RATE_HZ, second * RATE_HZ, Fraction(1, RATE_HZ)
            for part in resampler.resample(block):
                container.mux(audio.encode(part))
        container.mux(audio.encode(None))
    return path


@pytest.mark.parametrize(("ending", "sound"), [(".mp4", "aac"), (".mov", "pcm_s16le"), (".mkv", "pcm_s16le")])
def test_sound_and_picture_do_not_drift_apart(ending: str, sound: str, tmp_path: Path) -> None:
    source = long_clip(tmp_path / f"source{ending}", sound)
    pipeline.stabilize(source, tmp_path / f"out{ending}", STILL)
    before, after = facts_of(source), facts_of(tmp_path / f"out{ending}")
    assert float(before.times[-1] - before.times[0]) == pytest.approx(LENGTH_S, abs=0.001)
    assert after.times == before.times
    sounds = [next(stream.packets for stream in facts.streams if stream.kind == "audio") for facts in (before, after)]
    assert float(sounds[0][-1][0]) >= LENGTH_S - 1
    if sound == "aac":
        assert [(time, data) for time, _, data in sounds[0]] == [(time, data) for time, _, data in sounds[1]]
    else:  # packets of PCM may be cut elsewhere
        assert b"".join(data for _, _, data in sounds[0]) == b"".join(data for _, _, data in sounds[1])
        assert sounds[0][0][0] == sounds[1][0][0]
        ends = [packets[-1][0] + packets[-1][1] for packets in sounds]
        assert abs(ends[0] - ends[1]) < 0.001
