"""Image sequences from files to files: steadier pictures, everything else as it was, and clear words for bad input."""

from __future__ import annotations

import json
import os
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest

from tests.sequences import (
    COUNT,
    FIRST,
    SIZE,
    dpx_bytes,
    dpx_shot,
    exr_shot,
    read_exr,
    scene_light,
    small_dpx,
    write_exr,
)
from vstab_core import cli, pipeline, resmooth
from vstab_core.decode import luma_of, probe, read_frames
from vstab_core.errors import Cancelled, InputError, OutputError, SidecarError, UsageError, VstabError
from vstab_core.formats import delivered_format, plane_views
from vstab_core.motion.homography import estimate_motion
from vstab_core.params import Parameters
from vstab_core.sequence import dpx, exr
from vstab_core.sequence.names import pattern_of, ranges
from vstab_core.sequence.picture import frame_rate
from vstab_core.sidecar import read_sidecar
from vstab_core.types import EncodeOptions, FrameWarp
from vstab_core.warp import warp_plane

STILL = Parameters(strength=0.0)


def shake_of(path: Path) -> float:
    steps = list(estimate_motion((luma_of(frame) for frame in read_frames(path)), SIZE[0] / SIZE[1]))
    return float(np.diff(np.array([step.corners for step in steps[1:]]), axis=0).std())


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exr_shot(tmp_path_factory.mktemp("shot") / "in")


@pytest.fixture(scope="module")
def steady(shot: Path) -> Path:
    (shot.parent.parent / "out").mkdir()
    output = shot.parent.parent / "out" / "steady.####.exr"
    pipeline.stabilize(shot, output, Parameters(), sidecar=shot.parent.parent / "shot.vstab")
    return output


# -- OpenEXR --------------------------------------------------------------------------------------------------------


def test_an_exr_sequence_becomes_steadier_and_keeps_its_numbers(shot: Path, steady: Path) -> None:
    assert files(steady.parent) == [f"steady.{number}.exr" for number in range(FIRST, FIRST + COUNT)]
    assert shake_of(shot) > 5 * shake_of(steady)


def test_channels_types_attributes_and_compression_of_an_exr_stay(shot: Path, steady: Path) -> None:
    for number in (FIRST, FIRST + 7):
        before, attributes = read_exr(shot.parent / f"shot.{number}.exr")
        after, kept = read_exr(steady.parent / f"steady.{number}.exr")
        assert {name: values.dtype for name, values in after.items()} == {
            name: values.dtype for name, values in before.items()
        }
        assert kept.keys() == attributes.keys()
        for name, value in attributes.items():
            assert str(kept[name]) == str(value), name
        assert str(kept["timeCode"]) == f"(1, 2, 3, {number - FIRST}, 0, 0, 0, 0, 0, 0)"


def test_light_is_filtered_and_data_is_not(shot: Path, steady: Path) -> None:
    warps = read_sidecar(shot.parent.parent / "shot.vstab").warps
    assert warps is not None
    number = FIRST + 5
    before, _ = read_exr(shot.parent / f"shot.{number}.exr")
    after, _ = read_exr(steady.parent / f"steady.{number}.exr")
    red = warp_plane(before["R"].astype(np.float32), warps[5], filter="auto", border="replicate")
    np.testing.assert_array_equal(after["R"], red.astype(np.float16))
    for name in ("Z", "object.id"):
        assert set(np.unique(after[name])) == set(np.unique(before[name]))
    assert np.isin(after["A"], before["A"]).mean() < 1  # edges of a matte are smooth ...
    assert after["A"].min() == 0  # ... and do not ring
    assert after["A"].max() == 1
    # All channels move together: depth is near where light is, but for the pixels at edges.
    assert ((after["Z"] == 3.25) == (after["A"] > 0.5)).mean() > 0.97


def test_frames_that_need_no_correction_are_copied_byte_for_byte(shot: Path, tmp_path: Path) -> None:
    pipeline.stabilize(shot, tmp_path / "same.%04d.exr", STILL)
    for number in range(FIRST, FIRST + COUNT):
        same = (tmp_path / f"same.{number}.exr").read_bytes()
        assert same == (shot.parent / f"shot.{number}.exr").read_bytes()


def test_infinities_and_nans_stay_one_pixel(tmp_path: Path) -> None:
    light = np.full((40, 60), 0.5, np.float16)
    light[10, 20], light[30, 40], light[20, 5], light[20, 50] = np.inf, np.nan, -np.inf, 65504
    write_exr(tmp_path / "odd.1.exr", [("", {"Y": light}, {})])
    picture = exr.read_picture(tmp_path / "odd.1.exr", 1, (0, 0, 59, 39))
    move = np.eye(3)
    move[0, 2], move[1, 2] = 2 * 0.3 / 60, 2 * 1.4 / 60  # looks 0.3 px to the right and 1.4 px down
    moved = warp_plane(picture.planes[0], FrameWarp(move, 40 / 60), border="replicate")
    exr.write_picture(tmp_path / "out.1.exr", (moved,), picture)
    after = read_exr(tmp_path / "out.1.exr")[0]["Y"]
    assert np.argwhere(~np.isfinite(after)).tolist() == [[9, 20], [19, 5], [29, 40]]
    assert after[9, 20] == np.inf
    assert after[19, 5] == -np.inf
    assert np.isnan(after[29, 40])
    near = np.isfinite(after)
    near[16:23, 46:54] = False  # what the brightest pixel rings into
    assert (after[near] == 0.5).all()
    assert np.isfinite(after[16:23, 46:54]).all()  # an overshoot past half's range is no infinity


def test_parts_overscan_and_moving_bounding_boxes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    window = (np.array([0, 0], np.int32), np.array([59, 39], np.int32))
    for number in range(1, 5):
        beauty = rng.random((44, 64)).astype(np.float16)
        box = rng.random((8, 10)).astype(np.float32)
        write_exr(tmp_path / f"cg.{number}.exr", [
            ("beauty", dict.fromkeys("RGBA", beauty),
             {"displayWindow": window, "dataWindow": (np.array([-2, -2], np.int32), np.array([61, 41], np.int32))}),
            ("normals", {"N.x": box}, {"displayWindow": window,
             "dataWindow": (np.array([number, 3], np.int32), np.array([number + 9, 10], np.int32))}),
        ])  # fmt: skip
    info = probe(tmp_path / "cg.#.exr")
    assert (info.width, info.height) == (64, 44)
    frames = list(read_frames(tmp_path / "cg.#.exr"))
    for number, frame in enumerate(frames, 1):
        file, _ = read_exr(tmp_path / f"cg.{number}.exr")
        np.testing.assert_array_equal(frame.planes[0], file["G"].astype(np.float32))
        np.testing.assert_array_equal(frame.planes[4][5:13, number + 2 : number + 12], file["N.x"])
        assert np.count_nonzero(frame.planes[4]) == 80
    exr.write_picture(tmp_path / "back.exr", frames[2].planes, frames[2].source)
    again = exr.read_picture(tmp_path / "back.exr", 1, exr.read_header(tmp_path / "back.exr").data)
    for plane, before in zip(again.planes, frames[2].planes, strict=True):
        np.testing.assert_array_equal(plane, before)


@pytest.mark.parametrize(
    ("channels", "dtype"), [("Y", np.float32), ("RGB", np.float32), ("RGB", np.float16), ("YA", np.float16)]
)
def test_mono_colour_and_alpha_in_half_and_float(tmp_path: Path, channels: str, dtype: type) -> None:
    for number, light in enumerate(scene_light()):
        write_exr(tmp_path / f"a.{number}.exr", [("", {name: light.astype(dtype) for name in channels}, {})])
    pipeline.stabilize(tmp_path / "a.%d.exr", tmp_path / "b.%d.exr", Parameters(fps="24"))
    assert shake_of(tmp_path / "a.%d.exr") > 5 * shake_of(tmp_path / "b.%d.exr")
    after, _ = read_exr(tmp_path / "b.7.exr")
    assert {name: values.dtype for name, values in after.items()} == dict.fromkeys(channels, np.dtype(dtype))
    first = after[channels[0]]
    assert all(np.array_equal(values, first) for values in after.values())


@pytest.mark.parametrize("compression", ["NO", "RLE", "ZIPS", "PIZ", "PXR24", "B44A", "DWAA"])
def test_tiles_and_compression_stay(tmp_path: Path, compression: str) -> None:
    kind = getattr(OpenEXR, f"{compression}_COMPRESSION")
    plane = np.linspace(0, 1, 40 * 70, dtype=np.float16).reshape(40, 70)
    attributes = {"type": OpenEXR.tiledimage, "tiles": OpenEXR.TileDescription(), "compression": kind}
    write_exr(tmp_path / "a.1.exr", [("", {"R": plane, "G": plane, "B": plane}, attributes)])
    picture = exr.read_picture(tmp_path / "a.1.exr", 1, (0, 0, 69, 39))
    exr.write_picture(tmp_path / "b.1.exr", picture.planes, picture)
    before, after = read_exr(tmp_path / "a.1.exr"), read_exr(tmp_path / "b.1.exr")
    assert {key: str(value) for key, value in after[1].items()} == {key: str(value) for key, value in before[1].items()}
    assert np.abs(after[0]["G"] - before[0]["G"]).max() <= (0.01 if compression in ("B44A", "DWAA") else 0)


def test_smaller_levels_of_a_texture_are_left_out(tmp_path: Path) -> None:
    plane = np.linspace(0, 1, 40 * 70, dtype=np.float16).reshape(40, 70)
    write_exr(tmp_path / "a.1.exr", [("", {"Y": plane}, {})])
    picture = exr.read_picture(tmp_path / "a.1.exr", 1, (0, 0, 69, 39))
    tiles = OpenEXR.TileDescription()
    tiles.mode = OpenEXR.MIPMAP_LEVELS
    (name, header), *_ = picture.rest.parts
    picture.rest.parts[:] = [(name, {**header, "type": OpenEXR.tiledimage, "tiles": tiles})]
    exr.write_picture(tmp_path / "b.1.exr", picture.planes, picture)
    channels, written = read_exr(tmp_path / "b.1.exr")
    assert np.array_equal(channels["Y"], plane)
    assert written["tiles"].mode == OpenEXR.ONE_LEVEL
    assert tiles.mode == OpenEXR.MIPMAP_LEVELS


@pytest.mark.parametrize(
    ("names", "nearest"),
    [
        ("R G B A", ""),
        ("R G B beauty.R beauty.A diffuse.B", ""),
        ("R G B Z depth.Z N.x P.R normals.R crypto_object00.R crypto_object00.A", "Z depth.Z N.x P.R normals.R "
         "crypto_object00.R crypto_object00.A"),
        ("Y", ""),
        ("Y id mask", "id mask"),
    ],
)  # fmt: skip
def test_which_channels_are_data(tmp_path: Path, names: str, nearest: str) -> None:
    plane = np.zeros((4, 4), np.float16)
    write_exr(tmp_path / "a.1.exr", [("", dict.fromkeys(names.split(), plane), {})])
    picture = exr.read_picture(tmp_path / "a.1.exr", 1, (0, 0, 3, 3))
    assert {picture.rest.specs[place][1] for place in picture.nearest_planes} == set(nearest.split())


# -- DPX ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("bits", "packing"), [(8, 0), (10, 1), (10, 2), (10, 0), (12, 0), (12, 1), (12, 2), (16, 0)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_samples_of_a_dpx_are_read_and_written_back(
    tmp_path: Path, bits: int, packing: int, order: str, channels: int
) -> None:
    rng = np.random.default_rng(bits + packing)
    samples = rng.integers(0, 1 << bits, (7, 13, channels)).astype(np.uint16)  # 13: lines end inside a word
    path = tmp_path / "a.1.dpx"
    path.write_bytes(dpx_bytes(samples[..., 0] if channels == 1 else samples, bits, packing, order))
    picture = dpx.read_picture(path, 1, (0, 0, 12, 6))
    places = {1: (0,), 3: (1, 2, 0), 4: (1, 2, 0, 3)}[channels]  # G B R A
    for plane, channel in zip(picture.planes, places, strict=True):
        np.testing.assert_array_equal(plane, samples[..., channel])
    dpx.write_picture(tmp_path / "b.1.dpx", picture.planes, picture)
    assert (tmp_path / "b.1.dpx").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_a_dpx_reads_as_ffmpeg_reads_it(tmp_path: Path, bits: int) -> None:
    samples = np.random.default_rng(3).integers(0, 1 << bits, (6, 9, 3)).astype(np.uint16)
    path = tmp_path / "a.1.dpx"
    path.write_bytes(dpx_bytes(samples, bits))
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
    assert isinstance(picture, av.VideoFrame)
    views = plane_views(picture.reformat(format=delivered_format(picture.format.name)))
    theirs = [views[0][..., channel] for channel in (1, 2, 0)] if len(views) == 1 else views
    for ours, other in zip(dpx.read_picture(path, 1, (0, 0, 8, 5)).planes, theirs, strict=True):
        np.testing.assert_array_equal(ours, other)


def test_a_dpx_sequence_becomes_steadier_and_keeps_its_headers(tmp_path: Path) -> None:
    shot = dpx_shot(tmp_path / "in")
    output = tmp_path / "steady.%06d.dpx"
    pipeline.stabilize(shot, output, Parameters())
    assert shake_of(shot) > 5 * shake_of(output)
    for number in range(1, COUNT + 1):
        before = (tmp_path / "in" / f"scan_{number:06d}.dpx").read_bytes()
        after = (tmp_path / f"steady.{number:06d}.dpx").read_bytes()
        begin = int.from_bytes(before[4:8], "big")
        assert begin > 2048
        assert after[:begin] == before[:begin]  # timecode, rates, user data and all
        assert len(after) == len(before)


# -- times and names ------------------------------------------------------------------------------------------------


def test_the_frame_rate_comes_from_the_user_or_the_files_or_is_doubted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = small_dpx(tmp_path / "dpx")
    assert probe(said).frame_rate == Fraction(24000, 1001)
    assert not caplog.messages
    attributes = {"framesPerSecond": Fraction(30000, 1001)}
    write_exr(tmp_path / "plate.1.exr", [("", {"Y": np.zeros((9, 16), np.float16)}, attributes)])
    assert probe(tmp_path / "plate.#.exr").frame_rate == Fraction(30000, 1001)
    assert not caplog.messages
    silent = small_dpx(tmp_path / "silent", rate=float("nan"), film_rate=0.0)
    assert probe(silent).frame_rate == 24
    assert "--fps" in caplog.text
    pipeline.analyze(silent, tmp_path / "a.vstab", Parameters(fps="25"))
    assert read_sidecar(tmp_path / "a.vstab").track.time_base == Fraction(1, 25)
    for text in ("0", "-25", "fast", "1/0"):
        with pytest.raises(UsageError, match="--fps must be auto, or frames a second"):
            Parameters(fps=text)


def test_rounded_frame_rates_are_known() -> None:
    given = (23.976, 23.98, 24, 25, 29.97, 30, 47.952, 59.94, 12.5, 0, float("nan"), float("inf"))
    meant = (*(Fraction(n, 1001) for n in (24000, 24000)), 24, 25, Fraction(30000, 1001), 30, Fraction(48000, 1001),
             Fraction(60000, 1001), Fraction(25, 2), None, None, None)  # fmt: skip
    assert tuple(map(frame_rate, given)) == meant


def test_names() -> None:
    for text, number, name in (
        ("shot.%04d.exr", 7, "shot.0007.exr"), ("shot.####.EXR", 12345, "shot.12345.EXR"), ("%d.dpx", 7, "7.dpx"),
        ("v2_####_left.exr", 7, "v2_0007_left.exr"),
    ):  # fmt: skip
        pattern = pattern_of(Path(text))
        assert pattern is not None
        assert pattern.path(number).name == name
    for text in ("shot.mp4", "shot.####.mp4", "shot.0007.exr"):
        assert pattern_of(Path(text)) is None
    for text, marked, sidecar in (
        ("a/shot.%04d.exr", "a/shot_stabilized.%04d.exr", "a/shot.vstab"),
        ("a/scan_######.dpx", "a/scan_stabilized_######.dpx", "a/scan.vstab"),
        ("a/####.dpx", "a/_stabilized.####.dpx", "a/sequence.vstab"),
    ):
        pattern = pattern_of(Path(text))
        assert pattern is not None
        assert (pattern.marked("_stabilized"), pattern.with_suffix(".vstab")) == (Path(marked), Path(sidecar))
    assert ranges([1001, 1002, 1003, 1007, 1009, 1010]) == "1001-1003, 1007, 1009-1010"


def test_zeros_in_front_count_up_to_the_digits_only(tmp_path: Path) -> None:
    for name in ("a.0099.exr", "a.00100.exr", "a.0101.exr", "a.10000.exr", "a.x.exr", "b.0100.exr"):
        (tmp_path / name).touch()
    pattern = pattern_of(tmp_path / "a.%04d.exr")
    assert pattern is not None
    assert pattern.numbers() == [99, 101, 10000]


def test_a_sidecar_of_a_sequence_works_as_any_other(shot: Path, steady: Path, tmp_path: Path) -> None:
    sidecar = tmp_path / "shot.vstab"
    pipeline.analyze(shot, sidecar, Parameters(smoothness=0.2))
    with pytest.raises(OutputError, match="exists; give --overwrite"):
        pipeline.analyze(shot, sidecar, Parameters(smoothness=0.1))
    pipeline.analyze(shot, sidecar, Parameters(smoothness=0.1), overwrite=True)
    resmooth.smooth(sidecar, {"smoothness": 0.5})
    pipeline.render(shot, sidecar, tmp_path / "again.%04d.exr", EncodeOptions())
    for number in range(FIRST, FIRST + COUNT):
        again = (tmp_path / f"again.{number}.exr").read_bytes()
        assert again == (steady.parent / f"steady.{number}.exr").read_bytes()
    copied = shutil.copytree(shot.parent, tmp_path / "changed")
    path = copied / f"shot.{FIRST + 4}.exr"
    shutil.copy(copied / f"shot.{FIRST + 3}.exr", path)
    with pytest.raises(SidecarError, match="analyze"):
        pipeline.render(copied / shot.name, sidecar, tmp_path / "other.%04d.exr", EncodeOptions())
    assert not list(tmp_path.glob("other*"))


def test_one_pass_and_hyperlapse(shot: Path, tmp_path: Path) -> None:
    pipeline.stabilize(shot, tmp_path / "one.%04d.exr", Parameters(look_ahead=4), streaming=True)
    assert files(tmp_path) == [f"one.{number}.exr" for number in range(FIRST, FIRST + COUNT)]
    (tmp_path / "fast").mkdir()
    pipeline.stabilize(shot, tmp_path / "fast" / "fast.%04d.exr", Parameters(hyperlapse=3))
    assert files(tmp_path / "fast") == [f"fast.{FIRST + index}.exr" for index in range(len(files(tmp_path / "fast")))]
    assert 5 <= len(files(tmp_path / "fast")) <= 8


# -- bad input ------------------------------------------------------------------------------------------------------


@pytest.fixture
def broken(shot: Path, tmp_path: Path) -> Path:
    """A copy of the shot to break."""
    return Path(shutil.copytree(shot.parent, tmp_path / "broken")) / shot.name


def refused(source: Path, kind: type[VstabError], words: str, output: str = "out.%04d.exr", **settings: object) -> None:
    """Assert that nothing is written and the error has these words."""
    folder = source.parent.parent / "results"
    folder.mkdir(exist_ok=True)
    with pytest.raises(kind, match=words):
        pipeline.stabilize(source, folder / output, Parameters(**settings))  # type: ignore[arg-type]
    assert not files(folder)


def test_missing_frames_are_named(broken: Path) -> None:
    for number in (1004, 1005, 1009):
        (broken.parent / f"shot.{number}.exr").unlink()
    refused(broken, InputError, r"3 of 20 frames are missing: 1004-1005, 1009; .*--missing-frames skip")
    refused(broken.with_name("other.%04d.exr"), InputError, "no frames of .*other.%04d.exr")
    output = broken.parent / "gap.%04d.exr"
    pipeline.stabilize(broken, output, Parameters(missing_frames="skip"))
    kept = [number for number in range(FIRST, FIRST + COUNT) if number not in (1004, 1005, 1009)]
    assert [path for path in files(broken.parent) if path.startswith("gap")] == [f"gap.{n}.exr" for n in kept]
    assert cli.main(["eval", str(broken), str(output)]) == 0  # who looks only is not held up
    assert cli.main(["info", str(broken)]) == 0


def test_another_size_is_refused(broken: Path) -> None:
    write_exr(broken.parent / "shot.1006.exr", [("", {name: np.zeros((45, 80), np.float16) for name in "RGBA"}, {})])
    refused(broken, InputError, r"shot.1006.exr' is 80x45, the frames before are 160x90; .*split")


def test_other_channels_are_refused(broken: Path) -> None:
    write_exr(broken.parent / "shot.1006.exr", [("", {"Y": np.zeros(SIZE, np.float16)}, {})])
    refused(broken, InputError, r"shot.1006.exr' has other channels")
    shutil.copy(broken.parent / "shot.1007.exr", broken.parent / "shot.1006.exr")
    half = np.zeros(SIZE, np.float16)
    channels = {**dict.fromkeys("RGBA", half), "normal.X": half, "object.id": half.astype(np.uint32)}
    write_exr(broken.parent / "shot.1006.exr", [("", channels, {})])  # as many, but not the same
    refused(broken, InputError, r"shot.1006.exr' has other channels .*: Z, normal.X\)")


@pytest.mark.parametrize("keep", [0, 3, 300, 0.5, -1])
def test_a_frame_that_is_cut_short_is_named(broken: Path, keep: float) -> None:
    path = broken.parent / "shot.1006.exr"
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep == 0.5 else int(keep)])
    refused(broken, InputError, r"shot.1006.exr' cannot be read")


@pytest.mark.parametrize(
    ("at", "data", "words"),
    [
        (0, b"GIF8", "is no DPX file"),
        (800, b"\x64", "CbYCrY 4:2:2"),
        (770, b"\x00\x02", "2 image elements"),
        (803, b"\x20", "32 bits"),
        (806, b"\x00\x01", "run-length"),
        (772, bytes(4), "makes no sense: 0x9,"),
        (772, b"\x00\x00\x01\x00", "is cut short"),
    ],
)
def test_a_dpx_that_cannot_be_read_says_why(tmp_path: Path, at: int, data: bytes, words: str) -> None:
    shot = small_dpx(tmp_path / "in")
    path = tmp_path / "in" / "scan_000003.dpx"
    path.write_bytes(path.read_bytes()[:at] + data + path.read_bytes()[at + len(data) :])
    refused(shot, InputError, words, "out.%04d.dpx")


def test_one_file_of_a_sequence_is_answered_with_its_name(shot: Path) -> None:
    with pytest.raises(InputError, match=r"one of 20 frames of a sequence; give '.*shot\.%04d\.exr'"):
        probe(shot.parent / "shot.1003.exr")


def test_commands_that_take_no_sequence_say_so(shot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["visualize", str(shot), "--what", "tracks", "-o", str(tmp_path / "a.mp4")],
                  ["batch", str(shot), "--out", str(tmp_path / "out")]):  # fmt: skip
        assert cli.main(words) == 3
        assert "is an image sequence" in capsys.readouterr().err


def test_a_pair_of_sequences_is_judged(shot: Path, steady: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["eval", str(shot), str(steady)]) == 0
    assert "20 frames compared" in capsys.readouterr().out


def test_outputs_that_cannot_be(broken: Path) -> None:
    refused(broken, OutputError, r"stays of its kind, .exr; give a name as 'shot_stabilized.%04d.exr'", "out.mov")
    refused(broken, OutputError, r"no place for the frame number", "out.exr")
    refused(broken, OutputError, r"output directory '.*' does not exist", "nowhere/out.%04d.exr")
    before = {path: path.read_bytes() for path in broken.parent.iterdir()}
    for name in ("shot.%04d.exr", "shot.####.exr"):
        with pytest.raises(OutputError, match="is the input"):
            pipeline.stabilize(broken, broken.parent / name, Parameters(), overwrite=True)
    with pytest.raises(UsageError, match="--codec"):
        pipeline.stabilize(broken, broken.parent / "a.%04d.exr", Parameters(), EncodeOptions(codec="libx264"))
    assert before == {path: path.read_bytes() for path in broken.parent.iterdir()}


def test_frames_that_exist_are_replaced_only_when_asked(
    shot: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1005, 1099):
        (tmp_path / f"out.{number}.exr").write_bytes(b"old")
    output = tmp_path / "out.%04d.exr"
    with pytest.raises(OutputError, match=r"exists: frames 1005, 1099; give --overwrite"):
        pipeline.stabilize(shot, output, STILL)
    assert files(tmp_path) == ["out.1005.exr", "out.1099.exr"]
    pipeline.stabilize(shot, output, STILL, overwrite=True)
    assert (tmp_path / "out.1005.exr").read_bytes() == (shot.parent / "shot.1005.exr").read_bytes()
    assert (tmp_path / "out.1099.exr").read_bytes() == b"old"
    assert "older frames of that name are still there: 1099" in caplog.text


def test_a_run_that_is_cancelled_leaves_nothing(shot: Path, tmp_path: Path) -> None:
    def stop(stage: str, frame: int, frames: int) -> None:
        if (stage, frame) == ("render", 6):
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        pipeline.stabilize(shot, tmp_path / "out.%04d.exr", Parameters(), on_progress=stop)
    assert not files(tmp_path)


def test_a_run_that_fails_while_frames_get_their_names_leaves_what_was(
    shot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1002, 1005, 1009):
        (tmp_path / f"out.{number}.exr").write_bytes(b"old")
    replace = os.replace

    def stops(source: Path, target: Path) -> None:
        if Path(target).name == "out.1005.exr" and b"old" not in Path(source).read_bytes()[:3]:
            raise Cancelled("cancelled")
        replace(source, target)

    monkeypatch.setattr(os, "replace", stops)
    with pytest.raises(Cancelled):
        pipeline.stabilize(shot, tmp_path / "out.%04d.exr", STILL, overwrite=True)
    assert files(tmp_path) == [f"out.{number}.exr" for number in (1002, 1005, 1009)]
    assert all((tmp_path / name).read_bytes() == b"old" for name in files(tmp_path))


def test_cube_maps_in_a_sequence_are_refused(broken: Path) -> None:
    refused(broken, UsageError, "cube maps are taken from video files only", projection="cubemap")


def test_the_command_names_results_beside_the_sequence_and_keeps_stdout_clean(
    broken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["analyze", str(broken)]) == 0
    assert cli.main(["render", str(broken)]) == 0
    assert (broken.parent / "shot.vstab").exists()
    assert (broken.parent / f"shot_stabilized.{FIRST}.exr").exists()
    assert cli.main(["info", str(broken)]) == 0
    capsys.readouterr()
    with (broken.parent / "shot.1006.exr").open("r+b") as file:
        file.truncate(os.stat(broken.parent / "shot.1006.exr").st_size // 2)
    assert cli.main(["stabilize", str(broken), "--progress", "json", "--overwrite"]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "shot.1006.exr" in lines[-1]["message"]
