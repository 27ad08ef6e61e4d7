"""Resampling in linear light: what returns unchanged, what is mixed, and what stays as it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.clips import ClipSpec, write_clip
from vstab_core import _native
from vstab_core.cli import main
from vstab_core.decode import probe, read_frames
from vstab_core.errors import UsageError
from vstab_core.formats import bit_depth, plane_shapes, sample_type
from vstab_core.light import resample
from vstab_core.light.bake import bake
from vstab_core.light.components import components_of, rgb_from_codes
from vstab_core.light.config import load_config
from vstab_core.light.curves import HLG, LINEAR, PQ, curve_of
from vstab_core.light.doubts import doubts_of, range_doubt
from vstab_core.light.resample import LinearLight, linear_light
from vstab_core.params import Parameters
from vstab_core.render import warp_frame
from vstab_core.types import ColourTags, FloatArray, Frame, FrameWarp, VideoInfo
from vstab_core.warp import warp_plane

SIZE = (46, 70)
SCENE = Parameters(resample_light="scene")
LOG = Parameters(resample_light="scene", input_space="ARRI LogC4")
FORMATS = ("yuv420p", "yuv420p10le", "yuv422p10le", "yuv444p12le", "yuva444p12le", "yuv411p", "nv12", "nv21", "p010le",
           "gbrp10le", "gbrap12le", "gray10le", "ya8", "rgba", "bgr24", "argb", "rgb48le", "rgb0")  # fmt: skip


def info_of(pixel_format: str, tags: ColourTags | None = None, size: tuple[int, int] = SIZE) -> VideoInfo:
    return VideoInfo(
        Path("a.mp4"), size[1], size[0], Fraction(1), Fraction(30), Fraction(1, 30), 0, 0.0, pixel_format, "", False,
        "", tags or ColourTags(1, 1, 1, 1, "left"),
    )  # fmt: skip


def blank(pixel_format: str, size: tuple[int, int] = SIZE) -> Frame:
    dtype = sample_type(pixel_format)
    planes = tuple(np.zeros(shape, dtype) for shape in plane_shapes(pixel_format, size[1], size[0]))
    return Frame(planes, pixel_format, 0, 0.0)


def noise(pixel_format: str, seed: int = 1) -> Frame:
    """Return every code of every component beside every other: also those that no colour has."""
    rng = np.random.default_rng(seed)
    frame = blank(pixel_format)
    for plane in frame.planes:
        plane[...] = rng.integers(0, 1 << bit_depth(pixel_format), plane.shape)
    return frame


def there_and_back(light: LinearLight, frame: Frame) -> Frame:
    target = blank(frame.pixel_format, frame.planes[0].shape[:2])
    light.close(light.open(frame), target)
    return target


def error_in_codes_of_10_bits(one: Frame, other: Frame) -> float:
    scale = 1023 / ((1 << bit_depth(one.pixel_format)) - 1)
    pairs = zip(one.planes, other.planes, strict=True)
    return max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs) * scale


# -- what returns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pixel_format", FORMATS)
def test_every_code_of_every_format_returns(pixel_format: str) -> None:
    frame = noise(pixel_format)
    for tags in (
        ColourTags(1, 1, 1, 1, "left"),
        ColourTags(2, 9, 9, PQ, "topleft"),
        ColourTags(1, 6, 6, HLG, "center"),
    ):
        for parameters in (LOG, SCENE, Parameters(resample_light="display")):
            light = linear_light(info_of(pixel_format, tags), parameters)
            assert light is not None
            assert not light.exact
            assert error_in_codes_of_10_bits(there_and_back(light, frame), frame) <= 1


@pytest.mark.parametrize(
    "space",
    ["ARRI LogC3 (EI800)", "S-Log3 S-Gamut3.Cine", "V-Log V-Gamut", "Log3G10 REDWideGamutRGB", "Apple Log", "ACEScct",
     "BMDFilm WideGamut Gen5", "CanonLog3 CinemaGamut D55", "DaVinci Intermediate WideGamut",
     "Gamma 2.2 Encoded Rec.709", "Camera Rec.709", "Rec.2100-PQ - Display", "P3-D65 - Display"],
)  # fmt: skip
def test_a_full_ramp_and_a_saturated_chart_return_from_every_camera_space(space: str) -> None:
    light = linear_light(info_of("yuv444p10le", size=(96, 128)), Parameters(resample_light="scene", input_space=space))
    assert light is not None
    assert not light.exact
    frame = blank("yuv444p10le", (96, 128))
    matrix = rgb_from_codes(info_of("yuv444p10le"))
    corners = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)], np.float64)
    codes = np.linalg.solve(matrix[:, :3], (corners - matrix[:, 3]).T).T
    frame.planes[0][:48] = np.arange(48 * 128).reshape(48, 128) % 1024
    for plane in frame.planes[1:]:
        plane[:48] = 512
    for number, code in enumerate(np.round(codes)):
        for plane, value in zip(frame.planes, code, strict=True):
            plane[48:, 16 * number : 16 * number + 16] = value
    assert error_in_codes_of_10_bits(there_and_back(light, frame), frame) <= 1


def test_the_exact_processor_returns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resample, "bake", lambda there, back: None)
    resample._named.cache_clear()
    try:
        light = linear_light(info_of("yuv420p10le"), LOG)
        assert light is not None
        assert light.exact
        frame = blank("yuv420p10le")
        frame.planes[0][...] = np.random.default_rng(1).integers(64, 940, SIZE)
        frame.planes[1][...], frame.planes[2][...] = 500, 530
        assert error_in_codes_of_10_bits(there_and_back(light, frame), frame) <= 1
    finally:
        resample._named.cache_clear()


def test_a_frame_that_does_not_move_is_not_touched_and_one_shifted_by_pixels_is_shifted() -> None:
    light = linear_light(info_of("yuv420p10le"), LOG)
    frame = noise("yuv420p10le")
    aspect = SIZE[0] / SIZE[1]
    assert warp_frame(frame, FrameWarp(np.eye(3), aspect), LOG, lambda f: blank("yuv420p10le"), light) is frame
    shift = np.eye(3)
    shift[0, 2] = 2 * 4 / SIZE[1]  # four pixels, two of chroma
    done = warp_frame(frame, FrameWarp(shift, aspect), LOG, lambda f: blank("yuv420p10le"), light)
    assert np.abs(done.planes[0][:, :-4].astype(int) - frame.planes[0][:, 4:]).max() <= 1
    assert np.abs(done.planes[1][:, :-2].astype(int) - frame.planes[1][:, 2:]).max() <= 1


# -- what is mixed ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "transfer", "light", "signal"),
    [
        (LOG, 2, None, None),
        (SCENE, 1, curve_of(1, display=False).light, curve_of(1, display=False).signal),
        (Parameters(resample_light="display"), 1, lambda v: v**2.4, lambda x: x ** (1 / 2.4)),
        (Parameters(resample_light="display"), PQ, curve_of(PQ, display=True).light, curve_of(PQ, display=True).signal),
    ],
)  # fmt: skip
def test_between_two_grays_stands_the_gray_of_their_mean_light(parameters, transfer, light, signal) -> None:  # type: ignore[no-untyped-def]
    if light is None:
        light, signal = by_ocio("ARRI LogC4")
    frame = blank("gray10le")
    frame.planes[0][:, ::2], frame.planes[0][:, 1::2] = 200, 800
    half = np.eye(3)
    half[0, 2] = 1 / SIZE[1]  # half a pixel
    bilinear = Parameters(**{**parameters.as_dict(), "interpolation": "bilinear"})  # type: ignore[arg-type]
    opened = linear_light(info_of("gray10le", ColourTags(2, transfer=transfer)), parameters)
    done = warp_frame(frame, FrameWarp(half, SIZE[0] / SIZE[1]), bilinear, lambda f: blank("gray10le"), opened)
    wanted = 1023 * signal(np.mean(light(np.array([200, 800]) / 1023)))
    assert np.abs(done.planes[0][:, 1:-1].astype(float) - wanted).max() <= 1
    assert wanted > 520  # and not 500, which codes give


def by_ocio(space: str):  # type: ignore[no-untyped-def]
    there, back = load_config().to_linear(space)

    def through(function, values):  # type: ignore[no-untyped-def]
        pixels = np.repeat(np.atleast_1d(np.asarray(values, np.float32))[:, None], 4, axis=1)
        function(pixels)
        return pixels[:, 1].astype(np.float64)

    return lambda v: through(there, v), lambda x: through(back, x)


def test_tables_mix_saturated_colours_as_the_exact_processor_does() -> None:
    there, back = load_config().to_linear("S-Log3 S-Gamut3.Cine")
    baked = bake(there, back)
    assert baked is not None
    info, frame = info_of("gbrp10le"), noise("gbrp10le")
    turn = FrameWarp(np.array([[0.9, -0.05, 0.01], [0.05, 0.9, 0], [0, 0, 1]]), SIZE[0] / SIZE[1])
    how = Parameters(resample_light="scene", interpolation="bilinear")
    done = [
        warp_frame(frame, turn, how, lambda f: blank("gbrp10le"), LinearLight(info, there, back, tables))
        for tables in (baked, None)
    ]
    assert error_in_codes_of_10_bits(*done) <= 1


def test_a_space_whose_channels_depend_on_each_other_is_not_baked() -> None:
    def there(pixels: npt.NDArray[np.float32]) -> None:
        pixels[..., :3] **= 2
        pixels[..., 0] += 0.1 * pixels[..., 1] * pixels[..., 2]

    def back(pixels: npt.NDArray[np.float32]) -> None:
        pixels[..., 0] -= 0.1 * pixels[..., 1] * pixels[..., 2]
        pixels[..., :3] = np.sqrt(np.maximum(pixels[..., :3], 0))

    assert bake(there, back) is None


def test_light_that_is_linear_already_costs_nothing() -> None:
    assert linear_light(info_of("yuv420p"), Parameters()) is None
    assert linear_light(info_of("gbrp10le", ColourTags(transfer=LINEAR)), SCENE) is None
    assert linear_light(info_of("gbrpf32le", ColourTags()), SCENE) is None
    assert linear_light(info_of("rgb48le"), Parameters(resample_light="scene", input_space="ACEScg")) is None
    assert linear_light(info_of("rgb48le"), Parameters(resample_light="scene", input_space="lin_awg4")) is None


# -- the native half against a slow twin --------------------------------------------------------------------------


def upsampled(plane: FloatArray, step: int, place: float, length: int, axis: int) -> FloatArray:
    """Linear between samples at step * i + place, whose ends hold."""
    at = (np.arange(length) + 0.5 - place) / step
    low = np.floor(at).astype(int)
    part = at - low
    part = part[:, None] if axis == 0 else part
    last = plane.shape[axis] - 1
    below = np.take(plane, np.clip(low, 0, last), axis)
    return below * (1 - part) + np.take(plane, np.clip(low + 1, 0, last), axis) * part


@pytest.mark.parametrize("place", ["left", "center", "topleft"])
def test_chroma_is_brought_to_luma_where_it_lies(place: str) -> None:
    info = info_of("yuv420p10le", ColourTags(1, 9, 9, 2, place))
    frame = noise("yuv420p10le")
    parts = components_of(frame.planes, frame.pixel_format)
    down = {"topleft": 0.5}.get(place, 1.0)
    across = {"center": 1.0}.get(place, 0.5)
    opened = linear_light(info, SCENE)
    assert opened is not None
    assert opened._place == (down, across)
    wide = [parts.colour[0].astype(np.float64)] + [
        upsampled(upsampled(c.astype(np.float64), 2, down, SIZE[0], 0), 2, across, SIZE[1], 1) for c in parts.colour[1:]
    ]
    matrix = rgb_from_codes(info)
    wanted = np.einsum("ij,jhw->hwi", matrix, np.array([*wide, np.ones(SIZE)]))
    light = np.empty((*SIZE, 4), np.float32)
    for simd in _native.simd_levels():
        _native.open_light(list(parts.colour), light, matrix, None, step=(2, 2), place=(down, across), simd=simd)
        assert np.abs(light[..., :3] - wanted).max() < 1e-5


def test_every_instruction_set_gives_the_same_bytes() -> None:
    frame = noise("yuv420p10le")
    light = linear_light(info_of("yuv420p10le"), LOG)
    assert light is not None
    tables = light._tables
    assert tables is not None
    opened, closed = set(), set()
    for simd in _native.simd_levels():
        pixels = np.empty((*SIZE, 4), np.float32)
        _native.open_light(list(frame.planes), pixels, light._rgb_from_codes, tables.light, step=(2, 2),
                           place=(1.0, 0.5), simd=simd)  # fmt: skip
        opened.add(pixels.tobytes())
        luma = np.zeros(SIZE, np.uint16)
        _native.close_light(pixels, [luma, None, None], light._codes_from_rgb, tables.signal, max_value=1023, simd=simd)
        closed.add(luma.tobytes())
    assert (len(opened), len(closed)) == (1, 1)


def test_wrong_shapes_are_refused_by_the_native_half() -> None:
    plane, light, matrix = np.zeros(SIZE, np.uint8), np.zeros((*SIZE, 4), np.float32), np.zeros((3, 4))
    with pytest.raises(ValueError, match=r"matrix must be \(3, 4\)"):
        _native.open_light([plane, None, None], light, np.eye(3), None)
    with pytest.raises(ValueError, match="differs in size"):
        _native.close_light(light, [plane[1:], None, None], matrix, None, max_value=255)
    with pytest.raises(ValueError, match="of one type"):
        _native.open_light([plane, plane.astype(np.uint16), None], light, matrix, None)
    with pytest.raises(ValueError, match="tables have a wrong shape"):
        _native.open_light([plane, None, None], light, matrix, np.zeros((3, 5), np.float32))


# -- borders, alpha, floats ---------------------------------------------------------------------------------------


def test_a_black_border_is_black_and_alpha_is_warped_as_it_is() -> None:
    black = Parameters(resample_light="scene", input_space="ARRI LogC4", border="black")
    info, frame = info_of("yuva444p12le"), noise("yuva444p12le")
    warp = FrameWarp(np.diag([1.5, 1.5, 1.0]), SIZE[0] / SIZE[1])
    done = warp_frame(frame, warp, black, lambda f: blank("yuva444p12le"), linear_light(info, black))
    as_is = warp_frame(frame, warp, Parameters(border="black"), lambda f: blank("yuva444p12le"))
    assert [int(plane[0, 0]) for plane in done.planes] == [256, 2048, 2048, 0]
    assert np.array_equal(done.planes[3], as_is.planes[3])


@pytest.mark.parametrize("light", ["as-is", "scene"])
def test_values_that_are_no_numbers_are_kept_and_not_spread(light: str) -> None:
    parameters = Parameters(resample_light=light, input_space="ACEScct" if light == "scene" else "auto")
    frame = blank("gbrpf32le")
    for plane in frame.planes:
        plane[...] = np.random.default_rng(3).random(SIZE).astype(np.float32)
    clean = [plane.copy() for plane in frame.planes]
    frame.planes[0][10, 20], frame.planes[1][10, 20], frame.planes[2][30, 40] = np.nan, np.inf, -np.inf
    shift = np.eye(3)
    shift[:2, 2] = 2 * 3.3 / SIZE[1], 2 * 2.2 / SIZE[1]
    info = info_of("gbrpf32le", ColourTags())
    opened = linear_light(info, parameters)
    assert (opened is None) == (light == "as-is")
    done = warp_frame(frame, FrameWarp(shift, SIZE[0] / SIZE[1]), parameters, lambda f: blank("gbrpf32le"), opened)
    assert np.argwhere(np.isnan(done.planes[0])).tolist() == [[8, 17]]
    assert np.argwhere(np.isposinf(done.planes[1])).tolist() == [[8, 17]]
    assert np.argwhere(np.isneginf(done.planes[2])).tolist() == [[28, 37]]
    assert sum(int((~np.isfinite(plane)).sum()) for plane in done.planes) == 3
    if light == "as-is":  # further away than the filter reaches nothing has changed
        wanted = warp_plane(clean[0], FrameWarp(shift, SIZE[0] / SIZE[1]), filter="auto", border="replicate")
        assert np.array_equal(done.planes[0][14:], wanted[14:])


# -- tags that cannot be true -------------------------------------------------------------------------------------


def test_a_space_that_cannot_be_undone_is_refused() -> None:
    with pytest.raises(UsageError, match=r"'ADX16' .* cannot be undone: .* error of 0\.\d+ of the scale"):
        linear_light(info_of("yuv420p10le"), Parameters(resample_light="scene", input_space="ADX16"))


def test_yuv_that_no_matrix_undoes_is_refused() -> None:
    with pytest.raises(UsageError, match=r"BT\.2020 constant luminance"):
        linear_light(info_of("yuv420p10le", ColourTags(1, 10, 9, 14)), SCENE)


def test_contradicting_tags_are_told() -> None:
    def doubts(tags: ColourTags, **parameters: str) -> str:
        return "; ".join(doubts_of(info_of("yuv420p10le", tags), Parameters(**parameters)))  # type: ignore[arg-type]

    assert doubts(ColourTags(1, 1, 1, 1)) == ""
    assert doubts(ColourTags(1, 9, 9, PQ)) == ""
    assert "container says BT.709, the video stream PQ" in doubts(ColourTags(1, 9, 9, PQ, "", 1))
    assert "tagged PQ, --input-space says ARRI LogC4" in doubts(ColourTags(1, 9, 9, PQ), input_space="ARRI LogC4")
    assert doubts(ColourTags(1, 9, 9, PQ), input_space="Rec.2100-PQ - Display") == ""
    assert doubts(ColourTags(1, 1, 1, 1), input_space="ARRI LogC4") == ""
    assert "do not go together" in doubts(ColourTags(1, 1, 9, 1), resample_light="scene")
    assert "tagged RGB but holds YUV" in doubts(ColourTags(1, 0, 1, 1), resample_light="display")


def test_a_range_tag_that_the_data_contradict_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = blank("yuv420p10le")
    frame.planes[0][...] = np.linspace(0, 1023, SIZE[1])
    assert "of its luma lies below black" in range_doubt(frame, info_of("yuv420p10le"))
    assert range_doubt(frame, info_of("yuv420p10le", ColourTags(2))) == ""
    frame.planes[0][...] = np.linspace(64, 1019, SIZE[1])
    assert range_doubt(frame, info_of("yuv420p10le")) == ""
    dark = [
        tuple(
            np.full((h, w), 5 if n == 0 else 128, np.uint8) for n, (h, w) in enumerate([(48, 64), (24, 32), (24, 32)])
        )
    ]
    clip = write_clip(tmp_path / "a.mp4", ClipSpec(options={"crf": "1"}, colour=(1, 1, 1, 1)), dark * 6)
    assert main(["stabilize", str(clip), "--resample-light", "scene", "--progress", "none"]) == 0
    assert capsys.readouterr().err.count("lies below black") == 1


# -- from file to file --------------------------------------------------------------------------------------------


def test_a_clip_is_rendered_in_linear_light_by_every_way(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "samples" / "handheld.mp4"
    clip, size = tmp_path / "clip.mp4", (90, 160)
    frames = [frame.planes for frame, _ in zip(read_frames(sample), range(12), strict=False)]
    shapes = plane_shapes("yuv420p10le", size[1], size[0])
    small = [
        tuple(
            cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_AREA).astype(np.uint16) * 4
            for plane, shape in zip(planes, shapes, strict=True)
        )
        for planes in frames
    ]
    spec = ClipSpec(size=size, pixel_format="yuv420p10le", options={"crf": "4"}, colour=(1, 1, 1, 1))
    write_clip(clip, spec, small)
    quiet = ["--crf", "4", "--progress", "none"]
    scene = ["--resample-light", "scene", "--input-space", "slog3_sgamut3cine"]
    assert main(["analyze", str(clip), "--progress", "none"]) == 0
    for name, command, options in (
        ("as-is", "render", []),
        ("scene", "render", scene),
        ("streaming", "stabilize", [*scene, "--streaming"]),
        ("fill", "stabilize", ["--resample-light", "display", "--border", "fill"]),
    ):
        out = tmp_path / f"{name}.mp4"
        assert main([command, str(clip), "-o", str(out), *quiet, *options]) == 0
        assert probe(out).tags == probe(clip).tags
    lumas = {
        name: np.array([frame.planes[0].astype(int) for frame in read_frames(tmp_path / f"{name}.mp4")])
        for name in ("as-is", "scene", "streaming", "fill")
    }
    assert {luma.shape for luma in lumas.values()} == {(12, *size)}
    difference = np.abs(lumas["scene"] - lumas["as-is"])
    assert 1 < difference.mean() < 8  # of 1023 codes: the same picture, mixed otherwise
    assert (lumas["scene"].mean() - lumas["as-is"].mean()) > 0.2  # light between two grays is brighter than its code


@pytest.mark.parametrize("interpolation", ["bicubic", "lanczos3"])
def test_a_lamp_has_no_dark_fringe(interpolation: str) -> None:
    dark, lamp = 300, 900
    frame = blank("gray10le")
    frame.planes[0][...] = dark
    frame.planes[0][20:26, 30:40] = lamp
    parameters = Parameters(resample_light="scene", input_space="ARRI LogC4", interpolation=interpolation)
    turn = FrameWarp(np.array([[0.9, -0.1, 0.01], [0.1, 0.9, 0], [0, 0, 1]]), SIZE[0] / SIZE[1])
    light = linear_light(info_of("gray10le", ColourTags(2)), parameters)
    done = warp_frame(frame, turn, parameters, lambda f: blank("gray10le"), light).planes[0]
    assert done.min() >= dark - 1
    as_is = warp_frame(frame, turn, parameters, lambda f: blank("gray10le")).planes[0]
    assert as_is.min() < dark - 20


@pytest.mark.parametrize(
    ("projection", "stereo"), [("equirect", "mono"), ("equirect", "top-bottom"), ("vr180", "mono")]
)
def test_360_frames_are_turned_in_light_as_they_are_in_codes(projection: str, stereo: str) -> None:
    size = (64, 128) if projection == "equirect" else (64, 64)
    frame = blank("yuv420p10le", size)
    for number, plane in enumerate(frame.planes):
        y, x = np.mgrid[: plane.shape[0], : plane.shape[1]]
        plane[...] = 500 + 100 * np.sin(2 * np.pi * x / plane.shape[1] + number) * np.cos(np.pi * y / plane.shape[0])
    turn_rad = 0.2
    c, s = np.cos(turn_rad), np.sin(turn_rad)
    warp = FrameWarp(np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]), 0.5, projection="equirect")
    how = Parameters(projection=projection, stereo=stereo, resample_light="display")
    light = linear_light(info_of("yuv420p10le", size=size), how)
    done, as_is = (warp_frame(frame, warp, how, lambda f: blank("yuv420p10le", size), lit) for lit in (light, None))
    inside = slice(16, 48) if projection == "vr180" else slice(None)  # half a sphere ends at its sides
    for lit, plain in zip(done.planes, as_is.planes, strict=True):
        columns = slice(inside.start // 2, inside.stop // 2) if inside.start and plain.shape[1] == 32 else inside
        assert np.abs(lit[:, columns].astype(int) - plain[:, columns]).max() <= 3
    assert any((a != b).any() for a, b in zip(done.planes, frame.planes, strict=True))
