"""Sound that is turned with the picture: what is seen in a direction is heard from there, sample by sample."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from clips import packets
from sound_clips import RATE, Sound, encoded, heard, read_sound, write_sound_clip

from vstab_core import pipeline, rotation
from vstab_core.ambisonics import SoundTurn, ambisonic_streams, sound_changes
from vstab_core.decode import probe, read_frames
from vstab_core.params import Parameters
from vstab_core.projection import px_from_ray, ray_from_px
from vstab_core.sa3d import Ambisonics, read_ambisonics, write_ambisonics
from vstab_core.sidecar import Sidecar, write_sidecar
from vstab_core.types import EncodeOptions, WarpTrack
from vstab_core.unstabilize import unstabilize

COUNT, FPS = 12, 25
SAMPLES = COUNT * RATE // FPS
SIZE = (96, 192)
EXACT_DEG = 0.1
LOSSLESS = EncodeOptions(codec="ffv1")
NOISE = np.random.default_rng(1).normal(scale=0.1, size=SAMPLES)
PATH = rotation.from_yaw_pitch_roll(np.radians(np.random.default_rng(2).uniform(-40, 40, (COUNT, 3))))
STILL = np.tile(rotation.IDENTITY, (COUNT, 1))
FRAME_TIMES_S = np.arange(COUNT) / FPS


def spot(ray: np.ndarray) -> np.ndarray:
    """A picture that is dark but for a blob around a direction."""
    x, y = np.meshgrid(np.arange(SIZE[1]) + 0.5, np.arange(SIZE[0]) + 0.5)
    return (20 + 200 * np.exp(40 * (ray_from_px(np.stack([x, y], -1), SIZE) @ ray - 1))).astype(np.uint8)


def seen(picture: np.ndarray) -> tuple[float, float]:
    """Return (degrees to the left, degrees up) of the blob."""
    x, y = np.meshgrid(np.arange(SIZE[1]) + 0.5, np.arange(SIZE[0]) + 0.5)
    weight = np.maximum(picture.astype(float) - 30, 0)[..., None] * np.cos((y / SIZE[0] - 0.5) * np.pi)[..., None]
    right, down, ahead = (ray_from_px(np.stack([x, y], -1), SIZE) * weight).sum(axis=(0, 1))
    return -np.degrees(np.arctan2(right, ahead)), -np.degrees(np.arctan2(down, np.hypot(right, ahead)))


def cam_directions(ray: np.ndarray, world_from_cam: np.ndarray, start: int = 0) -> np.ndarray:
    """Where a camera that turns evenly from frame to frame hears what stands at `ray` in the world, (n, 3)."""
    times_s = (start + np.arange(SAMPLES)) / RATE
    frame = np.minimum((times_s * FPS).astype(int), COUNT - 2)
    share = np.clip(times_s * FPS - frame, 0, 1)
    turns = [rotation.slerp(world_from_cam[i], world_from_cam[i + 1], share[frame == i]) for i in range(COUNT - 1)]
    return np.einsum("nji,j->ni", rotation.matrix(np.concatenate(turns)), ray)


def write_warps(path: Path, clip: Path, stab_from_src: np.ndarray) -> Path:
    info = probe(clip)
    pts = np.array([frame.pts for frame in read_frames(clip)], np.int64)
    warps = WarpTrack(info.width, info.height, 0.5, pts, info.time_base,
                      rotation.matrix(rotation.inverse(stab_from_src)), None, np.zeros(COUNT),
                      projection="equirect")  # fmt: skip
    write_sidecar(path, Sidecar(None, None, warps, info.fingerprint, clip.name, "equirect"))
    return path


def stabilized(
    tmp_path: Path, sounds: list[Sound], stab_from_src: np.ndarray, mode: str = "rotate", ending: str = "mkv"
) -> tuple[Path, Path]:
    """Write a clip with these sounds, render it with these turns, and return both files."""
    clip = write_sound_clip(tmp_path / f"clip.{ending}", [spot(np.array([0, 0, 1.0]))] * COUNT, sounds, FPS)
    sidecar, out = write_warps(tmp_path / "clip.vstab", clip, stab_from_src), tmp_path / f"out.{ending}"
    options = LOSSLESS if ending == "mkv" else EncodeOptions(preset="ultrafast")
    pipeline.render(clip, sidecar, out, options, overrides={"ambisonics": mode})
    return clip, out


@pytest.mark.parametrize("angles_deg", [(90, 0, 0), (0, 60, 0), (-120, 30, 50)])
def test_what_is_seen_in_a_direction_is_heard_from_there(tmp_path: Path, angles_deg: tuple[int, int, int]) -> None:
    ray = np.array([0.2, -0.3, 0.9]) / np.linalg.norm([0.2, -0.3, 0.9])
    sound = Sound(encoded(NOISE, np.tile(ray, (SAMPLES, 1))))
    clip = write_sound_clip(tmp_path / "clip.mkv", [spot(ray)] * COUNT, [sound], FPS)
    turn = rotation.from_yaw_pitch_roll(np.radians(angles_deg))
    sidecar, out = write_warps(tmp_path / "clip.vstab", clip, np.tile(turn, (COUNT, 1))), tmp_path / "out.mkv"
    pipeline.render(clip, sidecar, out, LOSSLESS, overrides={"ambisonics": "rotate"})
    before, after = seen(next(iter(read_frames(clip))).planes[0]), seen(next(iter(read_frames(out))).planes[0])
    assert heard(read_sound(clip)[0]) == pytest.approx(before, abs=0.5)
    assert np.hypot(*np.subtract(before, after)) > 30
    assert heard(read_sound(out)[0]) == pytest.approx(after, abs=0.5)  # a degree is half a pixel here
    right, down, ahead = rotation.matrix(turn) @ ray
    expected = np.degrees([np.arctan2(-right, ahead), np.arcsin(-down)])
    assert heard(read_sound(out)[0]) == pytest.approx(expected, abs=EXACT_DEG)


def test_a_thing_that_stands_still_is_heard_from_one_place_while_the_camera_turns(tmp_path: Path) -> None:
    ray = np.array([0.6, 0.0, 0.8])
    samples = encoded(NOISE, cam_directions(ray, PATH))
    _, out = stabilized(tmp_path, [Sound(samples)], PATH)
    found, start_s, codec = read_sound(out)
    assert (found.shape, start_s, codec) == ((SAMPLES, 4), 0.0, "pcm_s16le")
    np.testing.assert_array_equal(found[:, 0], np.round(samples[:, 0] * 2**15))  # W, bit for bit
    expected = np.degrees(np.arctan2(-0.6, 0.8)), 0.0
    wandered = []
    for first in range(0, SAMPLES, 480):  # in every 10 ms, between the frames too
        assert heard(found[first : first + 480]) == pytest.approx(expected, abs=EXACT_DEG)
        wandered.append(np.subtract(heard(samples[first : first + 480]), expected))
    assert np.abs(wandered).max(axis=0).min() > 20


@pytest.mark.parametrize(
    ("codec", "bits"), [("pcm_s16le", 16), ("pcm_s24le", 24), ("pcm_s32le", 32), ("pcm_f32le", 24), ("flac", 16)]
)
def test_without_a_turn_no_bit_changes(tmp_path: Path, codec: str, bits: int) -> None:
    """The first half stands still, and is yet decoded and encoded again; the other half is turned."""
    samples = np.round(np.random.default_rng(3).uniform(-0.9, 0.9, (SAMPLES, 4)) * 2 ** (bits - 1)) / 2 ** (bits - 1)
    turns = STILL.copy()
    turns[COUNT // 2 :] = rotation.exponential([0, 0.5, 0])
    clip, out = stabilized(tmp_path, [Sound(samples, codec)], turns)
    still = (COUNT // 2 - 1) * RATE // FPS
    (before, _, _), (after, _, name) = read_sound(clip), read_sound(out)
    assert (name, before.shape, after.shape) == (codec, (SAMPLES, 4), (SAMPLES, 4))
    np.testing.assert_array_equal(after[: still + 1], before[: still + 1])
    np.testing.assert_array_equal(after[:, 0], before[:, 0])
    turned = samples[-100:, 1:] @ np.array([[np.cos(0.5), 0, np.sin(0.5)], [0, 1, 0], [-np.sin(0.5), 0, np.cos(0.5)]])
    scale = 1.0 if codec == "pcm_f32le" else 2.0 ** (15 if after.dtype == np.int16 else 31)
    inside = np.abs(turned) < 0.999
    assert np.abs(after[-100:, 1:] / scale - turned)[inside].max() <= 2.0 ** -min(bits, 24)


def test_other_streams_and_a_clip_that_stands_still_are_copied(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    stereo = Sound(rng.normal(scale=0.1, size=(SAMPLES, 2)), "aac", "stereo")
    field = Sound(rng.normal(scale=0.1, size=(SAMPLES, 4)))
    clip, out = stabilized(tmp_path, [stereo, field], PATH)
    assert packets(out, "audio") == packets(clip, "audio")  # the first of them, the stereo
    assert np.abs(read_sound(out, 1)[0].astype(float) - read_sound(clip, 1)[0]).max() > 100
    for number, (mode, turns) in enumerate([("rotate", STILL), ("keep", PATH)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        clip, out = stabilized(folder, [Sound(field.samples, "aac", "quad")], turns, mode, "mp4")
        assert [data for _, data in packets(out, "audio")] == [data for _, data in packets(clip, "audio")]


@pytest.mark.parametrize(("start", "ending"), [(0, "mkv"), (4800, "mkv"), (4811, "mov")])
def test_sound_keeps_its_place_to_the_sample(tmp_path: Path, start: int, ending: str) -> None:
    click = np.zeros((SAMPLES, 4))
    click[5000] = [0.5, 0, 0, 0.5]
    clip, out = stabilized(tmp_path, [Sound(click, start=start)], PATH, ending=ending)
    (before, before_s, _), (after, after_s, _) = read_sound(clip), read_sound(out)
    assert before_s == pytest.approx(start / RATE, abs=0.5e-3)  # both containers keep a start in milliseconds
    assert after_s == before_s
    assert len(after) == SAMPLES
    np.testing.assert_array_equal(np.flatnonzero(after[:, 0]), [5000])
    np.testing.assert_array_equal(after[:, 0], before[:, 0])
    # the turn is that of the moment which the click is heard at
    expected = rotation.matrix(
        SoundTurn(FRAME_TIMES_S, PATH, np.zeros(COUNT, bool)).at(np.array([before_s + 5000 / RATE]))
    )
    right, down, ahead = expected[0] @ [0, 0, 1]
    np.testing.assert_allclose(after[5000, 1:] / 2**14, [-right, -down, ahead], atol=1e-3)


@pytest.mark.parametrize(
    ("codec", "layout", "options", "ending"),
    [
        ("aac", "quad", {}, "mp4"),
        ("aac", "4.0", {}, "mkv"),
        ("libopus", "ambisonic 1", {"mapping_family": "2"}, "mkv"),
        ("libopus", "ambisonic 1", {"mapping_family": "2"}, "mp4"),
        ("flac", "4.0", {}, "mp4"),
    ],
)
def test_lossy_sound_is_encoded_again_as_it_was(
    tmp_path: Path, codec: str, layout: str, options: dict[str, str], ending: str
) -> None:
    ray = np.array([0.6, 0.0, 0.8])
    tone = 0.3 * np.sin(2 * np.pi * 700 * np.arange(SAMPLES) / RATE) * (1 + 0.5 * np.sin(np.arange(SAMPLES) / 997))
    sound = Sound(encoded(tone, cam_directions(ray, PATH)), codec, layout, options=options)
    clip, out = stabilized(tmp_path, [sound], PATH, "auto" if codec == "libopus" else "rotate", ending)
    (before, before_s, _), (after, after_s, name) = read_sound(clip), read_sound(out)
    assert name == codec.removeprefix("lib")
    assert after_s == pytest.approx(before_s, abs=1e-3 if ending == "mkv" else 1e-9)
    with av.open(str(clip)) as first, av.open(str(out)) as second:
        ours, theirs = second.streams.audio[0], first.streams.audio[0]
        assert ours.codec_context.layout.name == theirs.codec_context.layout.name
        assert (ours.codec_context.sample_rate, ours.duration, ours.start_time) == (
            theirs.codec_context.sample_rate, theirs.duration, theirs.start_time)  # fmt: skip
    assert abs(len(after) - len(before)) <= (0 if codec == "flac" else 1024)
    middle = slice(2000, SAMPLES - 2000)
    lags = np.arange(-5, 6)
    match = [float(np.dot(np.roll(after[:, 0].astype(float), lag)[middle], before[middle, 0])) for lag in lags]
    assert lags[int(np.argmax(match))] == 0
    assert heard(after[middle]) == pytest.approx((np.degrees(np.arctan2(-0.6, 0.8)), 0.0), abs=1.0)


def test_head_locked_stereo_stays_with_the_head(tmp_path: Path) -> None:
    samples = np.random.default_rng(5).normal(scale=0.1, size=(SAMPLES, 6))
    turn = SoundTurn(FRAME_TIMES_S, PATH, np.zeros(COUNT, bool))
    turned = turn(samples, np.arange(SAMPLES) / RATE)
    np.testing.assert_array_equal(turned[:, [0, 4, 5]], samples[:, [0, 4, 5]])
    np.testing.assert_allclose(np.linalg.norm(turned[:, 1:4], axis=1), np.linalg.norm(samples[:, 1:4], axis=1))
    assert np.abs(turned[:, 1:4] - samples[:, 1:4]).max() > 0.1


def test_turns_of_two_shots_are_not_mixed() -> None:
    turns = STILL.copy()
    turns[6:] = rotation.exponential([0, 2.0, 0])
    turn = SoundTurn(FRAME_TIMES_S, turns, np.arange(COUNT) % 6 == 0)
    cut_s = 6 / FPS
    angles = rotation.angle_rad(turn.at(np.array([-1.0, cut_s - 0.0101, cut_s - 0.005, cut_s, cut_s + 0.01, 9.0])))
    np.testing.assert_allclose(angles, [0, 0, 1.0, 2.0, 2.0, 2.0], atol=1e-6)  # within 10 ms, and without a click
    mixed = SoundTurn(FRAME_TIMES_S, turns, np.arange(COUNT) == 0)
    assert rotation.angle_rad(mixed.at(np.array([cut_s - 0.02]))) == pytest.approx(1.0)
    assert SoundTurn(np.array([0.0]), turns[-1:], np.array([True])).at(np.array([-1.0, 0.0, 1.0])).shape == (3, 4)


def test_streams_known_as_ambisonic_are_found_and_higher_orders_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    four, nine = np.zeros((SAMPLES, 4)), np.zeros((SAMPLES, 9))
    sounds = [
        Sound(four, "aac", "4.0"),
        Sound(four, "libopus", "ambisonic 1", options={"mapping_family": "2"}),
        Sound(nine, "libopus", "ambisonic 2", options={"mapping_family": "2"}),
    ]
    clip = write_sound_clip(tmp_path / "clip.mkv", [spot(np.array([0, 0, 1.0]))] * COUNT, sounds, FPS)
    with caplog.at_level(logging.WARNING):
        assert ambisonic_streams(clip) == [2]
    assert "stream 3 is ambisonic sound of order 2, which is not turned" in caplog.text
    warps = WarpTrack(
        192,
        96,
        0.5,
        np.arange(COUNT),
        Fraction(1, FPS),
        rotation.matrix(PATH),
        None,
        np.zeros(COUNT),
        projection="equirect",
    )
    with caplog.at_level(logging.WARNING):
        assert list(sound_changes(clip, warps, None, "auto")) == [2]
    assert "sound stream 1 has four channels but does not say that it is ambisonic" in caplog.text
    assert list(sound_changes(clip, warps, None, "rotate")) == [1, 2]
    assert not sound_changes(clip, warps, None, "keep")


def test_sound_without_an_encoder_is_copied_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vstab_core.resound._ENCODER", {"aac": "truehd"})  # a codec that FFmpeg only decodes
    sound = Sound(np.random.default_rng(6).normal(scale=0.1, size=(SAMPLES, 4)), "aac", "quad")
    with caplog.at_level(logging.WARNING):
        clip, out = stabilized(tmp_path, [sound], PATH)
    assert packets(out, "audio") == packets(clip, "audio")
    assert "audio stream 1 (aac) is copied as it is, not turned with the picture: no encoder for aac" in caplog.text


def test_unstabilizing_turns_the_sound_back(tmp_path: Path) -> None:
    samples = np.random.default_rng(7).normal(scale=0.1, size=(SAMPLES, 4))
    clip, out = stabilized(tmp_path, [Sound(samples, "pcm_s32le")], PATH)
    back = tmp_path / "back.mkv"
    unstabilize(out, tmp_path / "clip.vstab", back, Parameters(ambisonics="rotate"), LOSSLESS)
    (before, _, _), (turned, _, _), (after, _, _) = (read_sound(path) for path in (clip, out, back))
    assert np.abs(turned / 2**31 - before / 2**31).max() > 0.1
    np.testing.assert_allclose(after / 2**31, before / 2**31, atol=4e-9)


def test_the_blob_is_seen_where_it_was_drawn() -> None:
    ray = ray_from_px([50.0, 30.0], SIZE)
    x, y = px_from_ray(ray, SIZE)
    assert seen(spot(ray)) == pytest.approx((-(x / 192 - 0.5) * 360, -(y / 96 - 0.5) * 180), abs=0.3)


def test_sound_that_an_mp4_calls_ambisonic_is_turned_and_still_called_so(tmp_path: Path) -> None:
    ray = np.array([0.0, 0, 1.0])
    sounds = [Sound(encoded(NOISE, np.tile(ray, (SAMPLES, 1))))]
    clip = write_sound_clip(tmp_path / "clip.mov", [spot(ray)] * COUNT, sounds, FPS)
    write_ambisonics(clip, [Ambisonics(1, (0, 1, 2, 3))])
    assert ambisonic_streams(clip) == [1]
    turn = rotation.from_yaw_pitch_roll(np.radians([90, 0, 0]))
    sidecar, out = write_warps(tmp_path / "clip.vstab", clip, np.tile(turn, (COUNT, 1))), tmp_path / "out.mov"
    pipeline.render(clip, sidecar, out, EncodeOptions(preset="ultrafast"))
    assert heard(read_sound(out)[0]) == pytest.approx((-90, 0), abs=1.0)
    assert [item.channel_map for item in read_ambisonics(out)] == [(0, 1, 2, 3)]
