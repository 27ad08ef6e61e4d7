"""`ffmpeg_bridge`: graphs of ffmpeg-python with our step in them, run by the program ffmpeg."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ffmpeg_bridge import FfmpegError, frei0r_filter, graph, run, stabilize, stabilize_file
from ffmpeg_bridge.inputs import seconds
from tests.clips import ClipSpec, packets, write_clip
from tests.synthetic import film, shaking
from vstab_core import pipeline
from vstab_core.decode import probe, read_frames
from vstab_core.errors import InputError, UsageError
from vstab_core.params import Parameters
from vstab_core.sidecar import read_sidecar
from vstab_core.types import EncodeOptions

COUNT = 24
SHAKY = shaking(2, x=0.02, turn=0.004, band=(1.5, 6.0))
BT709 = (1, 1, 1, 1)
FFV1 = EncodeOptions(codec="ffv1")
TIMES = np.cumsum([0, *np.random.default_rng(1).choice([20, 40, 50], COUNT - 1)])  # ms, a variable rate

python = pytest.importorskip("ffmpeg")


def shaky_clip(path: Path, width: int = 192, pixel_format: str = "yuv420p", start_ms: int = 0, **more: Any) -> Path:
    """A shaken texture in strong colours; the rate varies."""
    size = (108, width)
    spec = ClipSpec(
        size=size, pixel_format=pixel_format, codec="ffv1", time_base=Fraction(1, 1000), colour=BT709,
        pts=(TIMES + start_ms).tolist(), rate=Fraction(25), **more,
    )  # fmt: skip
    ten = "10" in pixel_format
    y, x = np.mgrid[: size[0] // 2, : width // 2]
    u, v = 102 + x * 50 // (width // 2), 152 - y * 50 // (size[0] // 2)  # all of it inside RGB
    planes = []
    for luma in film(SHAKY, COUNT, size=size):
        shown = (85 + luma.astype(int) * 80 // 255, u, v)
        planes.append(tuple((p * (4 if ten else 1)).astype(np.uint16 if ten else np.uint8) for p in shown))
    return write_clip(path, spec, planes)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shaky_clip(tmp_path_factory.mktemp("clips") / "shaky.mkv", audio="aac")


@pytest.fixture(scope="module")
def truth(clip: Path) -> list[tuple[np.ndarray, ...]]:
    """What our own renderer makes of it."""
    output = clip.with_name("truth.mkv")
    pipeline.stabilize(clip, output, Parameters(), FFV1, sidecar=clip.with_suffix(".vstab"))
    return planes_of(output)


def planes_of(path: Path) -> list[tuple[np.ndarray, ...]]:
    return [tuple(np.array(plane, int) for plane in frame.planes) for frame in read_frames(path)]


def times_of(path: Path) -> list[float]:
    return [round(frame.time_s, 3) for frame in read_frames(path)]


def encoded(stream: Any, path: Path, *more: Any, **options: Any) -> Path:
    """Run the graph to a lossless file that keeps every time."""
    run(python.output(stream, *more, str(path), vcodec="ffv1", fps_mode="passthrough", enc_time_base=-1, **options))
    return path


def errors(found: Sequence[tuple[np.ndarray, ...]], wanted: Sequence[tuple[np.ndarray, ...]]) -> list[float]:
    """Return the RMS difference of each plane, in codes."""
    assert len(found) == len(wanted)
    pairs = [np.stack([np.ravel(f[p]) - np.ravel(w[p]) for f, w in zip(found, wanted, strict=True)]) for p in range(3)]
    return [float(np.sqrt((pair**2).mean())) for pair in pairs]


def test_the_step_in_a_graph_is_our_renderer_but_for_the_way_through_rgb(
    ffmpeg: str, clip: Path, truth: list[tuple[np.ndarray, ...]], tmp_path: Path
) -> None:
    source = python.input(str(clip))
    output = encoded(stabilize(source.video), tmp_path / "out.mkv", source.audio, acodec="copy")
    luma, u, v = errors(planes_of(output), truth)
    assert luma < 1.0  # 8-bit RGB and back
    assert max(u, v) < 1.5  # chroma is resampled twice; the matrix of another standard is off by 5 and more
    assert min(errors(planes_of(clip), truth)[:1]) > 5  # the clip itself is another picture
    ahead_s = times_of(output)[0]  # the sound begins below 0, so ffmpeg shifts the whole file
    assert ahead_s == pytest.approx(packets(output, "audio")[0][0] - packets(clip, "audio")[0][0])
    assert [round(time - ahead_s, 3) for time in times_of(output)] == times_of(clip)
    assert probe(output).pixel_format == "yuv420p"
    assert [data for _, data in packets(output, "audio")] == [data for _, data in packets(clip, "audio")]
    shown = next(read_frames(output)).source
    assert (int(shown.color_primaries), int(shown.color_trc), int(shown.colorspace), int(shown.color_range)) == BT709


@pytest.mark.parametrize("start_ms", [0, 1400])
@pytest.mark.parametrize("width", [192, 200])
@pytest.mark.parametrize("form", ["frei0r", "file"])
def test_a_seek_shows_the_frames_of_the_whole(
    ffmpeg: str, tmp_path: Path, start_ms: int, width: int, form: Any
) -> None:
    clip = shaky_clip(tmp_path / "clip.mkv", width, start_ms=start_ms)
    whole = planes_of(encoded(stabilize(python.input(str(clip)).video, form=form), tmp_path / "whole.mkv"))
    first = int(np.searchsorted(TIMES, 300))
    assert 0 < first < COUNT
    output = encoded(stabilize(python.input(str(clip), ss="00:00:00.3").video, form=form), tmp_path / "part.mkv")
    found = planes_of(output)
    assert max(errors(found, whole[first:])) == 0
    assert times_of(output)[0] == round((TIMES[first] - 300) / 1000, 3)


def test_ten_bits_go_through_a_file_and_lose_nothing(ffmpeg: str, tmp_path: Path) -> None:
    clip = shaky_clip(tmp_path / "ten.mkv", pixel_format="yuv420p10le")
    stream = stabilize(python.input(str(clip)).video)
    output = encoded(stream, tmp_path / "out.mkv")
    pipeline.render(clip, clip.with_suffix(".vstab"), tmp_path / "truth.mkv", FFV1)
    assert probe(output).pixel_format == "yuv420p10le"
    assert max(errors(planes_of(output), planes_of(tmp_path / "truth.mkv"))) == 0
    assert times_of(output) == times_of(clip)
    assert int(next(read_frames(output)).source.colorspace) == 1
    kept = stabilize(python.input(str(clip)).video, folder=tmp_path)
    assert Path(kept.node.incoming_edges[0].upstream_node.kwargs["filename"]).parent == tmp_path


def test_the_form_follows_what_can_be_had(
    ffmpeg: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = python.input(str(clip)).video
    assert "frei0r" in names_in(stabilize(stream))
    assert "frei0r" not in names_in(stabilize(stream, form="file"))
    assert "frei0r" not in names_in(stabilize(stream, border="fill"))  # it would become mirror
    monkeypatch.setattr(graph, "has_filter", lambda program, name: False)
    assert "frei0r" not in names_in(stabilize(stream))
    with pytest.raises(FfmpegError, match=r"built without the filter frei0r.*form='file'"):
        stabilize(stream, form="frei0r")
    monkeypatch.undo()
    monkeypatch.setattr(graph, "find_plugin", lambda: None)
    assert "frei0r" not in names_in(stabilize(stream))
    with pytest.raises(FfmpegError, match="make frei0r"):
        stabilize(stream, form="frei0r")


def names_in(stream: Any) -> set[str]:
    node, names = stream.node, set()
    while node.incoming_edges:
        names.add(node.name)
        node = node.incoming_edges[0].upstream_node
    return names


NASTY = "it's [one]: 100%, a=b; c|d\\e  "


@pytest.mark.parametrize("form", ["frei0r", "file"])
def test_paths_hold_any_character(ffmpeg: str, tmp_path: Path, form: Any) -> None:
    folder = tmp_path / NASTY
    folder.mkdir()
    clip = shaky_clip(folder / "my clip: 'b'.mkv")
    output = encoded(stabilize(python.input(str(clip)).video, form=form), folder / "out.mkv")
    pipeline.render(clip, clip.with_suffix(".vstab"), tmp_path / "truth.mkv", FFV1)
    assert errors(planes_of(output), planes_of(tmp_path / "truth.mkv"))[0] < 1.0


def test_a_path_on_a_command_line(ffmpeg: str, plugin: Path, tmp_path: Path) -> None:
    sidecar = tmp_path / NASTY
    clip = write_clip(tmp_path / "clip.mkv")
    command = [ffmpeg, "-v", "error", "-nostdin", "-i", str(clip), "-vf", frei0r_filter(sidecar), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"FREI0R_PATH": str(plugin.parent)})
    assert f"cannot read sidecar '{sidecar}': No such file" in done.stderr


def test_the_clip_is_measured_once(ffmpeg: str, tmp_path: Path) -> None:
    clip = shaky_clip(tmp_path / "clip.mkv")
    stages: list[str] = []
    for parameters in (
        {},
        {},
        {"projection": "auto"},
        {"smoothness": 0.9},
        {"smoothness": 0.9},
        {"interpolation": "bilinear"},
    ):
        done: list[str] = []
        stabilize(
            python.input(str(clip)).video, on_progress=lambda stage, *_, done=done: done.append(stage), **parameters
        )
        stages.append("+".join(sorted(set(done))))
    assert stages == ["analyze", "", "", "smooth", "", "smooth"]


def test_one_graph_holds_a_clip_with_two_sets_of_parameters(ffmpeg: str, tmp_path: Path) -> None:
    clip = shaky_clip(tmp_path / "clip.mkv")
    video = python.input(str(clip)).video.split()
    gentle = stabilize(video[0])
    before = clip.with_suffix(".vstab").read_bytes()
    strong = stabilize(video[1], strength=0.0)
    assert clip.with_suffix(".vstab").read_bytes() == before
    both = python.filter([gentle, strong], "hstack").filter("scale", 384, -2)
    found = planes_of(encoded(both, tmp_path / "both.mkv"))
    left, right = ([frame[0][:, part] for frame in found] for part in (np.s_[:192], np.s_[192:]))
    source = [frame[0] for frame in planes_of(clip)]
    assert np.abs(np.array(right) - source).mean() < 1  # strength 0 leaves the clip as it is
    assert np.abs(np.array(left) - source).mean() > 5


def test_a_given_sidecar_is_the_one_that_is_written(ffmpeg: str, tmp_path: Path) -> None:
    clip = shaky_clip(tmp_path / "clip.mkv")
    sidecar = tmp_path / "my.vstab"
    stabilize(python.input(str(clip)).video, sidecar=sidecar)
    stabilize(python.input(str(clip)).video, sidecar=sidecar, max_crop=0.05)
    assert sorted(path.name for path in tmp_path.glob("*.vstab")) == ["my.vstab"]
    assert read_sidecar(sidecar).parameters == Parameters(max_crop=0.05, projection="rectilinear", stereo="mono")


def test_filters_that_move_frames_come_after(ffmpeg: str, clip: Path) -> None:
    video = python.input(str(clip)).video
    for stream, words in [
        (video.filter("scale", 64, 64), "filter scale before stabilize"),
        (video.filter("fps", 10).filter("hqdn3d"), "filter fps before stabilize"),
        (python.input(str(clip), stream_loop=1).video, "option stream_loop changes the times"),
        (python.filter([video, python.input("other.mp4").video], "blend"), "from one input, this one comes from 2"),
        ("clip.mp4", "needs a stream of ffmpeg-python"),
    ]:
        with pytest.raises(UsageError, match=words):
            stabilize(stream)
    assert "frei0r" in names_in(stabilize(video.filter("hqdn3d")))
    with pytest.raises(UsageError, match="only an input's video can be replaced by a file"):
        stabilize(video.filter("hqdn3d"), form="file")


def test_errors_say_what_to_do(ffmpeg: str, clip: Path, tmp_path: Path) -> None:
    video = python.input(str(clip)).video
    with pytest.raises(UsageError, match="unknown parameter 'smothness'; did you mean smoothness"):
        stabilize(video, smothness=0.9)
    with pytest.raises(UsageError, match="unknown parameter 'max_crp'; did you mean max_crop"):
        stabilize_file(clip, tmp_path / "out.mkv", max_crp=0.1)
    with pytest.raises(UsageError, match="look_ahead counts with"):
        stabilize(video, look_ahead=10)
    with pytest.raises(UsageError, match="one of auto, frei0r, file; got 'fast'"):
        stabilize(video, form="fast")  # type: ignore[arg-type]
    with pytest.raises(FfmpegError, match=r"'no-such-ffmpeg' is not found; install ffmpeg.*stabilize_file"):
        stabilize(video, cmd="no-such-ffmpeg")
    with pytest.raises(InputError, match=r"none\.mp4"):
        stabilize(python.input(str(tmp_path / "none.mp4")).video)


def test_a_run_that_fails_says_ffmpegs_last_words(ffmpeg: str, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(FfmpegError, match=r"(?s)failed with status .*No such file or directory"):
        run(python.output(python.input(str(tmp_path / "none.mp4")), str(tmp_path / "o.mkv")))
    there = tmp_path / "there.mkv"
    there.write_bytes(b"mine")
    with pytest.raises(FfmpegError, match="already exists"):
        run(python.output(python.input(str(clip)).video, str(there)))
    assert there.read_bytes() == b"mine"
    full = python.output(python.input(str(clip)).video, "/dev/full", f="rawvideo")
    with pytest.raises(FfmpegError, match="No space left"):
        run(full, overwrite=True)


def test_an_ffmpeg_that_dies_is_noticed(ffmpeg: str, clip: Path, tmp_path: Path) -> None:
    killer = tmp_path / "ffmpeg that dies"
    killer.write_text("#!/bin/sh\nseq 100000 >&2\necho 'frame 7' >&2\nkill -9 $$\n")
    killer.chmod(0o755)
    with pytest.raises(FfmpegError, match=r"(?s)ended by signal 9; its outputs are not complete.*99999\n.*frame 7$"):
        run(python.output(python.input(str(clip)).video, str(tmp_path / "o.mkv")), cmd=str(killer))


def test_a_whole_file_is_what_the_command_makes(
    clip: Path, truth: list[tuple[np.ndarray, ...]], tmp_path: Path
) -> None:
    result = stabilize_file(str(clip), str(tmp_path / "out.mkv"), encode=FFV1)
    assert result.figures["frames"] == COUNT
    assert max(errors(planes_of(tmp_path / "out.mkv"), truth)) == 0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(1.5, 1.5), ("90", 90), ("1:30.5", 90.5), ("-01:00:00.25", -3600.25), ("1500ms", 1.5), (".5", 0.5)],
)
def test_durations_as_ffmpeg_writes_them(text: object, wanted: float) -> None:
    assert seconds(text) == wanted
    with pytest.raises(UsageError, match="is no time"):
        seconds(f"{text} o'clock")
