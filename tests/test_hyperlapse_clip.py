"""Hyperlapses from file to file: which pictures, when, how long, and what is heard.

With strength 0 nothing is warped, so a pixel that counts the source's frames tells which ones the output shows.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.clips import ClipSpec, write_clip
from tests.scenes import sphere_rays, world
from tests.sound_clips import Sound, encoded, heard, read_sound, write_sound_clip
from tests.synthetic import film
from tests.test_hyperlapse import Traveller
from vstab_core import cli, pipeline, resmooth
from vstab_core.decode import probe, read_frames
from vstab_core.errors import InputError, SidecarError, UsageError
from vstab_core.export import columns_of
from vstab_core.params import Parameters
from vstab_core.sidecar import read_sidecar, write_sidecar
from vstab_core.smooth.pace import variation
from vstab_core.types import EncodeOptions

RATE, COUNT, FACTOR = 30, 120, 4
FFV1 = EncodeOptions(codec="ffv1")
# Half widths (flat) or sphere radii (360) a frame: on, a stop of a second, on three times as fast.
SPEED = np.repeat([0.003, 0.0, 0.003, 0.009], 30)
WAY = np.cumsum(SPEED) - SPEED[0]
CUT = 75
SOUND_HZ = 48000
BURST_S = (2.4, 2.5)


def numbered(pictures: list[np.ndarray]) -> list[np.ndarray]:
    for index, picture in enumerate(pictures):
        picture[0, 0] = 40 + index
    return pictures


def shown(path: Path) -> np.ndarray:
    """The source's number of every frame of an output."""
    return np.array([int(frame.planes[0][0, 0]) - 40 for frame in read_frames(path)])


def travelled(height: int = 96) -> list[np.ndarray]:
    """What a 360 camera sees that goes from side to side in a sphere painted with blobs."""
    scene, rays = world(height=2 * height), sphere_rays(height)
    pictures = []
    for x in WAY - WAY.mean():
        at = np.array([x, 0.0, 0.0])
        along = rays @ at
        wall = at + rays * (np.sqrt(along**2 + 1 - at @ at) - along)[..., None]
        column = (np.arctan2(wall[..., 0], wall[..., 2]) / (2 * np.pi) + 0.5) * scene.shape[1] - 0.5
        row = (np.arcsin(wall[..., 1].clip(-1, 1)) / np.pi + 0.5) * scene.shape[0] - 0.5
        wide = np.concatenate([scene[:, -2:], scene, scene[:, :2]], axis=1)
        maps = (column + 2).astype(np.float32), row.astype(np.float32)
        pictures.append(cv2.remap(wide, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    return pictures


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pan with two shots, sound with a burst, chapters and subtitles."""
    still = Traveller(np.zeros(6), np.zeros(6), np.zeros(0), np.zeros((0, 6)), np.zeros((0, 6)), way=WAY)
    pictures = film(still, COUNT, size=(90, 160))
    pictures[CUT:] = film(still, COUNT, size=(90, 160), seed=2)[CUT:]
    spec = ClipSpec(size=(90, 160), pixel_format="gray", codec="ffv1", rate=Fraction(RATE),
                    time_base=Fraction(1, 1000), count=COUNT, metadata={"title": "walk"}, subtitle_codec="subrip",
                    chapters=[(0, 2, "one"), (2, 4, "two")], subtitles=[(0.5, 1, "hello")])  # fmt: skip
    folder = tmp_path_factory.mktemp("hyper")
    silent = write_clip(folder / "silent.mkv", spec, ((picture,) for picture in numbered(pictures)))
    return with_sound(silent, folder / "pan.mkv")


def with_sound(silent: Path, path: Path, codec: str = "pcm_s16le", late_s: float = 0.0) -> Path:
    """Add sound as long as the clip: hiss, with a loud tone of 1 kHz for a tenth of a second."""
    time_s = np.arange(COUNT * SOUND_HZ // RATE) / SOUND_HZ
    loud = (time_s >= BURST_S[0]) & (time_s < BURST_S[1])
    hiss = 0.001 * np.random.default_rng(1).normal(size=len(time_s))
    wave = np.where(loud, 0.5 * np.sin(2 * np.pi * 1000 * time_s), hiss)
    with av.open(str(silent)) as source, av.open(str(path), "w") as target:
        target.set_chapters(source.chapters())
        target.metadata.update(source.metadata)
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        sound = target.add_stream(codec, rate=SOUND_HZ)
        sound.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray((wave[None] * 32767).astype(np.int16), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, round(late_s * SOUND_HZ), Fraction(1, SOUND_HZ)
        target.mux(sound.encode(frame))
        target.mux(sound.encode(None))
        for packet in source.demux():
            if packet.size:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    return path


@pytest.fixture(scope="module")
def sidecar(flat: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sidecar") / "pan.vstab"
    pipeline.analyze(flat, path, Parameters(hyperlapse=FACTOR, strength=0))
    return path


@pytest.fixture(scope="module")
def rendered(flat: Path, sidecar: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "out.mkv"
    pipeline.render(flat, sidecar, path, FFV1, overrides={"hyperlapse_audio": "stretch"})
    return path


def test_the_output_is_shorter_at_the_same_rate_and_moves_evenly(flat: Path, rendered: Path) -> None:
    frames = shown(rendered)
    times_s = [frame.time_s for frame in read_frames(rendered)]
    np.testing.assert_allclose(np.diff(times_s), 1 / RATE, atol=0.0011)
    assert probe(rendered).frame_rate == probe(flat).frame_rate
    assert len(frames) / RATE == pytest.approx(COUNT / RATE / FACTOR, rel=0.02)
    assert (np.diff(frames) > 0).all()
    for shot in (slice(0, CUT), slice(CUT, COUNT)):  # each is even for itself
        here = frames[(frames >= shot.start) & (frames < shot.stop)]
        assert len(here) == pytest.approx((shot.stop - shot.start) / FACTOR, abs=0.75)
        before = variation(np.diff(WAY[shot][::FACTOR]))
        assert before > 0.35
        assert variation(np.diff(WAY[here])) < before / 1.7
    assert CUT in frames
    assert ((frames > 32) & (frames < 57)).sum() <= 3  # of 6 that an even share of the stop would be


def test_the_pictures_are_the_sources_own(flat: Path, rendered: Path) -> None:
    source = [frame.planes[0].copy() for frame in read_frames(flat)]
    for frame, index in zip(read_frames(rendered), shown(rendered), strict=True):
        np.testing.assert_array_equal(frame.planes[0], source[index])


def test_a_360_clip_is_retimed_by_what_it_travels(tmp_path: Path) -> None:
    pictures = numbered(travelled())
    height, width = pictures[0].shape
    spec = ClipSpec(size=(height, width), pixel_format="gray", codec="ffv1", rate=Fraction(RATE), count=COUNT)
    source, out = write_clip(tmp_path / "round.mkv", spec, ((p,) for p in pictures)), tmp_path / "out.mkv"
    parameters = Parameters(projection="equirect", hyperlapse=FACTOR, strength=0)
    result = pipeline.stabilize(source, out, parameters, FFV1)
    frames = shown(out)
    before = variation(np.diff(WAY[::FACTOR]))
    assert len(frames) == COUNT // FACTOR == result.figures["frames"]
    assert before > 0.8
    assert variation(np.diff(WAY[frames])) < before / 2.5
    assert result.figures["speed_variation_before"] == pytest.approx(before, rel=0.25)
    assert result.figures["speed_variation"] == pytest.approx(variation(np.diff(WAY[frames])), abs=0.1)


def test_stretched_sound_is_as_long_as_the_picture_and_in_its_place(rendered: Path) -> None:
    with av.open(str(rendered)) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == "pcm_s16le"
        heard = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(stream)]) / 32768
    length_s = COUNT / RATE / FACTOR
    assert len(heard) / SOUND_HZ == pytest.approx(length_s, abs=0.05)
    loud = np.flatnonzero(np.abs(heard) > 0.2) / SOUND_HZ
    assert loud.min() == pytest.approx(BURST_S[0] / FACTOR, abs=0.03)
    assert loud.max() == pytest.approx(BURST_S[1] / FACTOR, abs=0.03)
    middle = heard[round(loud.min() * SOUND_HZ) : round(loud.max() * SOUND_HZ)]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 14))
    assert np.argmax(spectrum) * SOUND_HZ / (1 << 14) == pytest.approx(1000, rel=0.05)  # no chipmunk


def test_sound_that_begins_late_is_heard_late_by_as_many_times_less(flat: Path, sidecar: Path, tmp_path: Path) -> None:
    source, out = with_sound(flat.with_name("silent.mkv"), tmp_path / "late.mkv", late_s=2.0), tmp_path / "out.mkv"
    stored = read_sidecar(sidecar)
    write_sidecar(tmp_path / "late.vstab", replace(stored, fingerprint=probe(source).fingerprint))
    more = {"hyperlapse_audio": "stretch"}
    pipeline.render(source, tmp_path / "late.vstab", out, FFV1, overrides=more)
    with av.open(str(out)) as container:
        first = next(container.decode(audio=0))
    assert first.time == pytest.approx(2.0 / FACTOR, abs=0.005)


@pytest.mark.parametrize(("codec", "factor"), [("aac", 2), ("libmp3lame", 7.3), ("flac", 40)])
def test_sound_of_any_codec_ends_with_the_picture(flat: Path, tmp_path: Path, codec: str, factor: float) -> None:
    source, out = with_sound(flat.with_name("silent.mkv"), tmp_path / "a.mkv", codec), tmp_path / "out.mkv"
    sidecar = tmp_path / "a.vstab"
    pipeline.analyze(source, sidecar, Parameters(hyperlapse=factor, strength=0))
    pipeline.render(source, sidecar, out, FFV1, overrides={"hyperlapse_audio": "stretch"})
    with av.open(str(out)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name in codec
        ends = [float((p.pts + (p.duration or 0)) * p.time_base) for p in container.demux(audio=0) if p.size]
    assert max(ends) == pytest.approx(len(shown(out)) / RATE, abs=0.05)


def test_chapters_begin_with_their_picture(rendered: Path) -> None:
    times_s = np.array([frame.time_s for frame in read_frames(rendered)])
    with av.open(str(rendered)) as container:
        chapters = container.chapters()
        assert container.metadata["title"] == "walk"
    second_s = float(chapters[1]["start"] * chapters[1]["time_base"])
    due = times_s[np.searchsorted(shown(rendered), 2 * RATE)]  # the first picture from 2 s on
    assert [chapter["metadata"]["title"] for chapter in chapters] == ["one", "two"]
    assert due - 1.1 / RATE < second_s <= due + 0.001


def test_what_is_left_out_is_told(flat: Path, sidecar: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        pipeline.render(flat, sidecar, tmp_path / "out.mkv", FFV1)
    words = " ".join(record.message for record in caplog.records)
    assert "the sound is left out; --hyperlapse-audio stretch keeps it" in words
    assert "subtitle stream 1 (srt) is left out of the hyperlapse" in words
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_hyperlapse_is_solved_from_the_sidecar_and_taken_back(sidecar: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.vstab"
    stored = read_sidecar(sidecar)
    assert stored.warps is None  # they belong to the output's time; an older vstab finds none and says so
    with pytest.raises(InputError, match="those of a hyperlapse are not kept; run `vstab smooth --hyperlapse 1` on it"):
        columns_of(stored)
    resmooth.smooth(sidecar, {"hyperlapse": 1}, output=again)
    plain = read_sidecar(again).warps
    assert plain is not None
    assert len(plain) == COUNT
    result = resmooth.smooth(again, {"hyperlapse": FACTOR})
    assert again.read_bytes() == sidecar.read_bytes()
    assert result.figures["frames"] == COUNT // FACTOR
    assert result.figures["source_frames"] == COUNT


def test_a_sidecar_from_before_is_refused_in_words(sidecar: Path, tmp_path: Path) -> None:
    stored = read_sidecar(sidecar)
    assert stored.motion is not None
    old = tmp_path / "old.vstab"
    write_sidecar(old, replace(stored, motion=replace(stored.motion, speed=None), parameters=Parameters()))
    assert int.from_bytes(old.read_bytes()[10:12], "little") == 0  # the lowest version that holds it
    with pytest.raises(SidecarError, match="run `vstab analyze` again"):
        resmooth.smooth(old, {"hyperlapse": 2})


def test_streaming_and_filled_borders_are_refused_before_anything_is_read(flat: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    with pytest.raises(UsageError, match="--streaming cannot look far enough ahead for --hyperlapse"):
        pipeline.stabilize(flat, out, Parameters(hyperlapse=2), FFV1, streaming=True)
    with pytest.raises(UsageError, match="--border fill"):
        pipeline.stabilize(flat, out, Parameters(hyperlapse=2, border="fill"), FFV1)
    assert not out.exists()


def test_the_command_line_makes_one(flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.mkv"
    status = cli.main(
        ["stabilize", str(flat), "-o", str(out), "--hyperlapse", "10", "--codec", "ffv1", "--progress", "json"]
    )
    told = capsys.readouterr().out
    assert status == 0
    assert '"stage": "render", "frame": 12, "frames": 12' in told
    assert '"speed_variation":' in told
    assert probe(out).duration_s == pytest.approx(COUNT / RATE / 10, rel=0.02)


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_ambisonic_sound_is_turned_with_the_picture_before_it_is_stretched(tmp_path: Path, codec: str) -> None:
    """A view that is turned 90 degrees right hears what is ahead from the left."""
    samples = 24 * SOUND_HZ // 25
    ahead = encoded(0.1 * np.random.default_rng(3).normal(size=samples), np.tile([0.0, 0.0, 1.0], (samples, 1)))
    clip = write_sound_clip(tmp_path / "clip.mkv", [world(32)] * 24, [Sound(ahead, codec, "quad")], 25)
    sidecar, out = tmp_path / "clip.vstab", tmp_path / "out.mkv"
    parameters = Parameters(projection="equirect", hyperlapse=3, orientation="90 0 0")
    pipeline.analyze(clip, sidecar, parameters)
    more = {"hyperlapse_audio": "stretch", "ambisonics": "rotate"}
    pipeline.render(clip, sidecar, out, FFV1, overrides=more)
    found, _, name = read_sound(out)
    assert (name, found.shape[1]) == (codec, 4)
    assert len(found) / SOUND_HZ == pytest.approx(8 / 25, abs=0.05)
    assert heard(found) == pytest.approx((90, 0), abs=2.0)
