"""Colour spaces named or tagged, and what the tracker sees of a clip in one of them."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.clips import ClipSpec, write_clip
from tests.synthetic import ASPECT, corner_error_px, film, rms, shaking
from vstab_core.cli import main
from vstab_core.decode import luma_of, probe
from vstab_core.errors import InputError, UsageError
from vstab_core.light.config import BUILTIN, load_config
from vstab_core.light.curves import HLG, LINEAR, PQ, curve_of
from vstab_core.light.tone import tone_of
from vstab_core.motion.homography import estimate_motion
from vstab_core.params import Parameters
from vstab_core.source import open_source
from vstab_core.types import ColourTags, FloatArray, Frame, VideoInfo


def info_of(pixel_format: str, tags: ColourTags) -> VideoInfo:
    return VideoInfo(
        Path("a.mp4"), 640, 360, Fraction(1), Fraction(30), Fraction(1, 30), 0, 0.0, pixel_format, "", False, "", tags
    )


def logc4(light: FloatArray) -> FloatArray:
    """ARRI's published curve above its linear toe."""
    a = (2**18 - 16) / 117.45
    b, c = (1023 - 95) / 1023, 95 / 1023
    return (np.log2(a * light + 64) - 6) / 14 * b + c


# -- configs and names --------------------------------------------------------------------------------------------


def test_the_built_in_config_is_one_by_its_full_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    assert "latest" not in BUILTIN
    config = load_config()
    assert config.name_of("arri_logc4") == config.name_of("ARRI LogC4") == "ARRI LogC4"
    assert config.name_of("slog3_sgamut3cine") == "S-Log3 S-Gamut3.Cine"
    assert BUILTIN.removeprefix("ocio://") in config.source


def test_grey_of_logc4_is_eighteen_percent() -> None:
    there, back = load_config().to_linear("ARRI LogC4")
    pixels = np.full((1, 4), 0.278, np.float32)
    there(pixels)
    assert pixels[0, :3] == pytest.approx(0.18, rel=0.01)
    back(pixels)
    assert pixels[0, :3] == pytest.approx(0.278, abs=1e-5)


def test_an_unknown_space_lists_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown colour space 'slog3'.*nearest: S-Log3 S-Gamut3,"):
        load_config().name_of("slog3")
    assert load_config().nearest("logc 4")[0] == "ARRI LogC4"


def test_a_space_for_data_is_refused() -> None:
    with pytest.raises(UsageError, match="for data"):
        load_config().name_of("Raw")


@pytest.mark.parametrize("content", [None, "", "ocio_profile_version: 2\nroles: [", "not a config at all"])
def test_a_config_that_does_not_load_is_named_with_what_to_do(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "studio.ocio"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=r"studio.ocio' cannot be loaded: .*--ocio"):
        load_config(str(path))


def test_the_environment_names_the_config_and_the_message_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))
    with pytest.raises(InputError, match=r"gone.ocio' \(of \$OCIO\)"):
        load_config()
    assert load_config(BUILTIN).name_of("acescct") == "ACEScct"


def test_a_config_without_a_linear_role_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.ocio"
    path.write_text(
        "ocio_profile_version: 2\nroles:\n  default: a\nfile_rules:\n  - !<Rule> {name: Default, colorspace: a}\n"
        "displays:\n  d:\n    - !<View> {name: v, colorspace: a}\ncolorspaces:\n  - !<ColorSpace>\n    name: a\n"
    )
    with pytest.raises(InputError, match="no role 'scene_linear'"):
        load_config(str(path)).to_linear("a")


def test_spaces_lists_searches_and_speaks_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    assert main(["spaces", "--search", "sony log"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all("S-Log3" in line for line in lines[1:])
    assert main(["spaces", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "Raw" not in [space["name"] for space in found["spaces"]]
    assert len(found["spaces"]) > 50
    assert main(["spaces", "--search", "logc5"]) == 2
    assert "ARRI LogC4" in capsys.readouterr().err


def test_an_unknown_space_stops_before_anything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = Path(__file__).parents[1] / "samples" / "handheld.mp4"
    target = tmp_path / "a.vstab"
    assert main(["analyze", str(clip), "-o", str(target), "--input-space", "arri logc 4"]) == 2
    assert "ARRI LogC4" in capsys.readouterr().err
    assert not target.exists()


# -- curves -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", [1, 2, 4, 5, 8, 9, 10, 13, 16, 17, 18])
@pytest.mark.parametrize("display", [False, True])
def test_every_curve_can_be_undone_far_outside_its_range(transfer: int, display: bool) -> None:
    signal = np.linspace(-1.2, 2.2, 3401)
    curve = curve_of(transfer, display=display)
    light = curve.light(signal)
    assert (np.diff(light) > 0).all()
    assert np.abs(curve.signal(light) - signal).max() < 1e-9


def test_curves_have_their_published_values() -> None:
    assert curve_of(PQ, display=False).light(np.array([0.58, 0.7518])) == pytest.approx([1.0, 4.926], rel=0.01)
    assert curve_of(HLG, display=False).light(np.array([0.75]))[0] == pytest.approx(1.0)
    assert curve_of(HLG, display=True).light(np.array([0.38]))[0] * 203 == pytest.approx(26, rel=0.05)  # BT.2408's grey
    assert curve_of(1, display=False).light(np.array([0.4090]))[0] == pytest.approx(0.18, rel=0.01)


# -- what the tracker sees ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", [1, 2, 4, 6, 13, 14])
def test_pictures_that_are_sdr_are_left_alone(transfer: int) -> None:
    assert tone_of(info_of("yuv420p", ColourTags(1, transfer=transfer)), Parameters()) is None


@pytest.mark.parametrize(
    ("pixel_format", "tags", "space", "encode"),
    [
        ("yuv420p10le", ColourTags(1), "ARRI LogC4", logc4),
        ("yuv420p10le", ColourTags(2), "ARRI LogC4", logc4),
        ("gray16le", ColourTags(2, transfer=LINEAR), "auto", lambda light: light),
        ("gbrpf32le", ColourTags(), "auto", lambda light: light),
        ("yuv420p10le", ColourTags(1, transfer=PQ), "auto", curve_of(PQ, display=False).signal),
        ("yuv420p10le", ColourTags(1, transfer=HLG), "auto", curve_of(HLG, display=False).signal),
        ("p010le", ColourTags(1, transfer=HLG), "auto", curve_of(HLG, display=False).signal),
    ],
)  # fmt: skip
def test_the_tracker_sees_what_a_bt709_camera_would_have_written(pixel_format, tags, space, encode) -> None:  # type: ignore[no-untyped-def]
    wanted = np.arange(20, 225, dtype=np.uint8)
    light = curve_of(1, display=False).light(wanted / 255)
    signal = encode(light)
    bits = {"yuv420p10le": 10, "gray16le": 16, "p010le": 16, "gbrpf32le": 0}[pixel_format]
    if bits == 0:
        codes = signal.astype(np.float32)
    elif tags.range == 1:
        codes = np.round((16 + 219 * signal) * 2 ** (bits - 8)).astype(np.uint16)
    else:
        codes = np.round(signal * (2**bits - 1)).astype(np.uint16)
    tone = tone_of(info_of(pixel_format, tags), Parameters(input_space=space))
    assert tone is not None
    tone.gain = 1.0
    frame = Frame((np.tile(codes, (4, 1)),), pixel_format, 0, 0.0)
    seen = luma_of(frame, tone=tone)
    assert seen.dtype == np.uint8
    assert np.abs(seen[0].astype(int) - wanted).max() <= 2


def test_light_over_white_rises_to_the_end_of_the_scale() -> None:
    tone = tone_of(info_of("gbrpf32le", ColourTags()), Parameters())
    assert tone is not None
    tone.gain = 1.0
    stops = np.array([[1.0, 2, 4, 8, 16, 32, 64, 1e6, np.inf, np.nan, -1.0, -np.inf]], np.float32)
    seen = tone(stops)[0].astype(int)
    assert (np.diff(seen[:7]) >= 3).all()
    assert list(seen[6:]) == [255, 255, 255, 0, 0, 0]


@pytest.mark.parametrize(
    ("stops", "gain"), [(0, 1.0), (0.9, 1.0), (2, 0.25), (-2, 4.0), (4, 0.25), (-5, 4.0), (-8, 1.0)]
)
def test_the_first_frame_is_exposed_for_and_the_others_follow(stops: float, gain: float) -> None:
    tone = tone_of(info_of("gbrpf32le", ColourTags()), Parameters())
    assert tone is not None
    gray = np.full((4, 4), 0.18 * 2.0**stops, np.float32)
    first = tone(gray)
    assert tone.gain == pytest.approx(gain, rel=0.01)
    if stops in (0, 2, -2):
        assert first[0, 0] == pytest.approx(0.409 * 255, abs=1)
    assert np.array_equal(tone(gray), first)
    assert tone(2 * gray)[0, 0] > first[0, 0]


def test_a_clip_in_camera_log_tracks_as_well_as_in_bt709() -> None:
    frames, camera = 10, shaking(3)
    pictures = film(camera, frames)
    codes = np.round(1023 * logc4(curve_of(1, display=False).light(np.arange(256) / 255))).astype(np.uint16)
    tone = tone_of(info_of("gray10le", ColourTags(2)), Parameters(input_space="arri_logc4"))

    def error(tone: object) -> float:
        lumas = (luma_of(Frame((codes[picture],), "gray10le", 0, 0.0), tone=tone) for picture in pictures)  # type: ignore[arg-type]
        corners = np.array([step.corners for step in estimate_motion(lumas, ASPECT)])
        return rms(corner_error_px(corners, camera, frames)[1:])

    plain = np.array([step.corners for step in estimate_motion(iter(pictures), ASPECT)])
    reference = rms(corner_error_px(plain, camera, frames)[1:])
    assert error(tone) < 1.1 * reference + 0.001
    assert reference < 0.05


def test_the_clips_own_tags_are_read(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "hlg.mp4", ClipSpec(pixel_format="yuv420p10le", colour=(9, HLG, 9, 1)))
    tags = probe(clip).tags
    assert (tags.range, tags.matrix, tags.primaries, tags.transfer, tags.chroma_place) == (1, 9, 9, HLG, "left")
    assert open_source(clip, Parameters()).tone is not None
    assert open_source(write_clip(tmp_path / "plain.mp4"), Parameters()).tone is None
