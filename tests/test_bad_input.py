"""Bad input at the command: each with its words, its exit status, and nothing left behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.clips import ClipSpec, write_clip
from vstab_core import cli

ROOT = Path(__file__).parents[1]
SIZE = (120, 160)
Planes = tuple[npt.NDArray[np.uint8], ...]


def shaky(count: int, size: tuple[int, int] = SIZE, seed: int = 5) -> Iterator[Planes]:
    """Yield YUV 4:2:0 planes of a textured wall that a hand-held camera looks at."""
    rng = np.random.default_rng(seed)
    height, width = size
    margin = 12
    wall = np.kron(rng.integers(30, 220, (height // 4 + 16, width // 4 + 16)), np.ones((4, 4))).astype(np.uint8)
    x, y = np.clip(np.round(rng.normal(0, 3, (2, count))), -margin, margin).astype(int) + margin
    chroma = np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)
    for index in range(count):
        yield wall[y[index] : y[index] + height, x[index] : x[index] + width], chroma, chroma


def make_clip(path: Path, count: int, size: tuple[int, int] = SIZE, **spec: object) -> Path:
    return write_clip(path, ClipSpec(size=size, count=count, **spec), shaky(count, size))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 20)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, list[dict[str, object]]]:
    status = cli.main([*map(str, arguments), "--progress", "json"])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    return status, [json.loads(line) for line in shown.out.splitlines()]


def refused(
    capsys: pytest.CaptureFixture[str], status: int, code: str, words: str, *arguments: object, folder: Path
) -> None:
    """Assert that the command ends with this status and words, and changes no file in the folder."""

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    before = files()
    got_status, events = run(capsys, *arguments)
    assert events[-1]["event"] == "error", events
    assert (events[-1]["code"], got_status) == (code, status), events[-1]
    assert words in str(events[-1]["message"])
    assert files() == before


# -- the input --------------------------------------------------------------------------------------------------


def audio_only(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def no_frames(path: Path) -> Path:
    """A film whose header is whole and whose frames are gone."""
    data = bytearray(write_clip(path, ClipSpec(count=4)).read_bytes())
    at = data.index(b"mdat")
    size = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 : at - 4 + size] = bytes(size - 8)
    path.write_bytes(data)
    return path


def size_change(path: Path) -> Path:
    parts = [
        make_clip(path.with_suffix(f".{i}.h264"), 8, size, container="h264") for i, size in enumerate([SIZE, (96, 128)])
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


BAD = {
    "missing": (lambda folder: folder / "none.mp4", "does not exist"),
    "a directory": (lambda folder: folder, "is a directory"),
    "empty": (lambda folder: _written(folder / "empty.mp4", b""), "is empty"),
    "text": (lambda folder: _written(folder / "text.mp4", b"no film\n" * 100), "not a media file"),
    "audio only": (lambda folder: audio_only(folder / "audio.m4a"), "no video stream; it holds audio"),
    "no frames": (lambda folder: no_frames(folder / "none.mp4"), "could be decoded"),
    "one frame": (lambda folder: make_clip(folder / "one.mp4", 1), "at least 3 frames, got 1"),
    "two frames": (lambda folder: make_clip(folder / "two.mp4", 2), "at least 3 frames, got 2"),
    "a size that changes": (lambda folder: size_change(folder / "a.h264"), "changes from 160x120 to 128x96"),
}


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("command", ["stabilize", "analyze", "streaming"])
@pytest.mark.parametrize("kind", BAD)
def test_an_input_that_cannot_be_used_is_refused(
    kind: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, words = BAD[kind]
    source = make(tmp_path)
    output = tmp_path / ("out.vstab" if command == "analyze" else "out.mp4")
    arguments = ["stabilize", source, "--streaming"] if command == "streaming" else [command, source]
    refused(capsys, 3, "input", words, *arguments, "-o", output, folder=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_input_without_permission_is_refused(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = _written(tmp_path / "secret.mp4", clip.read_bytes())
    secret.chmod(0)
    status, events = run(capsys, "stabilize", secret)
    assert status == 3
    assert "permission denied" in str(events[-1]["message"])


@pytest.mark.parametrize(
    ("count", "size", "ending"),
    [(3, SIZE, "mp4"), (4, (1, 1), "mkv"), (4, (479, 853), "mkv"), (6, (2, 640), "mp4")],
)
@pytest.mark.parametrize("streaming", [[], ["--streaming"]])
def test_few_frames_and_odd_sizes_come_through_whole(
    count: int,
    size: tuple[int, int],
    ending: str,
    streaming: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    codec = {"mp4": "libx264", "mkv": "ffv1"}[ending]
    source = make_clip(tmp_path / f"in.{ending}", count, size, codec=codec)
    output = tmp_path / f"out.{ending}"
    status, events = run(capsys, "stabilize", source, "-o", output, *streaming)
    assert status == 0, events
    assert events[-1]["output"] == str(output)
    with av.open(str(output)) as container:
        pictures = [(picture.height, picture.width) for picture in container.decode(video=0)]
    assert pictures == [size] * count


def test_a_truncated_clip_is_stabilized_as_far_as_it_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_clip(tmp_path / "in.mp4", 50, container_options={"movflags": "+faststart"})
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    output = tmp_path / "out.mp4"
    status, events = run(capsys, "stabilize", source, "-o", output)
    assert status == 0, events
    assert any("cut short" in str(event.get("message")) for event in events)
    with av.open(str(output)) as container:
        assert 15 <= sum(1 for _ in container.decode(video=0)) < 45


# -- the output -------------------------------------------------------------------------------------------------


def test_an_output_that_is_the_input_is_refused(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = _written(tmp_path / "in.mp4", clip.read_bytes())
    link = tmp_path / "link.mp4"
    link.symlink_to(source)
    for output in (source, tmp_path / "." / "in.mp4", link):
        for more in ([], ["--overwrite"]):
            words = "is the input"
            refused(capsys, 4, "output", words, "stabilize", source, "-o", output, *more, folder=tmp_path)


def test_an_output_that_exists_is_refused_before_any_work(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = _written(tmp_path / "out.mp4", b"precious")
    status, events = run(capsys, "stabilize", clip, "-o", output)
    assert status == 4
    assert "exists" in str(events[-1]["message"])
    assert [event["event"] for event in events] == ["started", "error"]
    assert output.read_bytes() == b"precious"
    assert run(capsys, "stabilize", clip, "-o", output, "--overwrite")[0] == 0
    assert output.read_bytes() != b"precious"


def test_a_sidecar_that_exists_is_refused(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sidecar = _written(tmp_path / "out.vstab", b"precious")
    refused(capsys, 4, "output", "exists", "analyze", clip, "-o", sidecar, folder=tmp_path)


def test_a_folder_that_is_missing_or_closed_is_refused(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "no" / "out.mp4"
    refused(capsys, 4, "output", "does not exist", "stabilize", clip, "-o", missing, folder=tmp_path)
    if os.geteuid() == 0:  # root may write everywhere but here
        closed = Path("/sys")
    else:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
    if closed.is_dir():
        words = "no permission"
        refused(capsys, 4, "output", words, "stabilize", clip, "-o", closed / "out.mp4", folder=tmp_path)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", 60)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    done = subprocess.run(
        [sys.executable, "-m", "vstab_core.cli", "stabilize", source, "-o", tmp_path / "out.mp4", "--crf", "1"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "vstab: error: " in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize("stage", ["analyze", "render"])
@pytest.mark.parametrize("how", ["SIGTERM", "stdin"])
def test_a_run_that_is_stopped_half_way_leaves_nothing(stage: str, how: str, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 1500, codec="libx264")
    command = [sys.executable, "-m", "vstab_core.cli", "stabilize", source, "-o", tmp_path / "out.mkv"]
    with subprocess.Popen(
        [*map(str, command), "--sidecar", str(tmp_path / "a.vstab"), "--preset", "veryslow", "--progress", "json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        while (line := child.stdout.readline()) and f'"{stage}", "frame"' not in line:
            pass
        assert line, child.stderr.read() if child.stderr else ""
        if how == "stdin":
            child.stdin.close()
        else:
            child.send_signal(signal.SIGTERM)
        last = json.loads(child.stdout.read().splitlines()[-1])
        assert child.wait(30) == 130
    assert (last["event"], last["code"]) == ("error", "cancelled")
    assert {path.name for path in tmp_path.iterdir()} <= {"in.mkv", "a.vstab"}
    if stage == "analyze":
        assert not (tmp_path / "a.vstab").exists()


def test_a_run_that_is_stopped_while_the_encoder_finishes_leaves_nothing(tmp_path: Path) -> None:
    # All frames wait in the encoder's look-ahead, so that the end takes seconds in which no progress comes.
    source = make_clip(tmp_path / "in.mkv", 100, (240, 320), codec="libx264")
    command = [sys.executable, "-m", "vstab_core.cli", "stabilize", source, "-o", tmp_path / "out.mkv"]
    slow = ["--preset", "placebo", "--encoder-option", "rc-lookahead=250"]
    with subprocess.Popen(
        [*map(str, command), *slow, "--progress", "json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as child:
        assert child.stdout is not None
        while (line := child.stdout.readline()) and '"render", "frame": 100' not in line:
            pass
        assert line
        child.send_signal(signal.SIGTERM)
        assert json.loads(child.stdout.read())["code"] == "cancelled"
        assert child.wait(30) == 130
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_killed_outright_leaves_no_output_under_its_name(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", 600, codec="libx264")
    command = [sys.executable, "-m", "vstab_core.cli", "stabilize", source, "-o", tmp_path / "out.mkv"]
    with subprocess.Popen(
        [*map(str, command), "--preset", "veryslow", "--progress", "json"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        while (line := child.stdout.readline()) and '"render", "frame"' not in line:
            pass
        assert line
        child.kill()
        assert child.wait(30) == -signal.SIGKILL
    assert not (tmp_path / "out.mkv").exists()


# -- the sidecar ------------------------------------------------------------------------------------------------


def test_step_by_step_with_a_sidecar(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = _written(tmp_path / "in.mp4", clip.read_bytes())
    status, events = run(capsys, "analyze", source)
    assert status == 0, events
    assert events[-1]["output"] == str(tmp_path / "in.vstab")
    assert run(capsys, "smooth", tmp_path / "in.vstab", "--smoothness", "0.9")[0] == 0
    assert cli.main(["info", str(tmp_path / "in.vstab"), "--json"]) == 0
    known = json.loads(capsys.readouterr().out)
    assert known["kind"] == "sidecar"
    assert known["parameters"]["smoothness"] == 0.9
    assert known["frames"] == 20
    assert run(capsys, "render", source)[0] == 0
    with av.open(str(tmp_path / "in_stabilized.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20


def test_a_sidecar_of_another_clip_is_refused(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sidecar = tmp_path / "clip.vstab"
    assert run(capsys, "analyze", clip, "-o", sidecar)[0] == 0
    others = {
        "larger": make_clip(tmp_path / "larger.mp4", 20, (240, 320)),
        "another": write_clip(tmp_path / "another.mp4", ClipSpec(size=SIZE, count=20), shaky(20, seed=9)),
    }
    for other in others.values():
        arguments = ["render", other, "--sidecar", sidecar, "-o", tmp_path / "out.mp4"]
        refused(capsys, 5, "sidecar", "", *arguments, folder=tmp_path)


def test_smooth_into_a_file_that_exists_is_refused(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sidecar = tmp_path / "clip.vstab"
    assert run(capsys, "analyze", clip, "-o", sidecar)[0] == 0
    precious = _written(tmp_path / "precious", b"precious")
    refused(capsys, 4, "output", "exists", "smooth", sidecar, "-o", precious, folder=tmp_path)
    assert run(capsys, "smooth", sidecar, "-o", precious, "--overwrite")[0] == 0
    assert precious.read_bytes() == sidecar.read_bytes()


def test_a_sidecar_that_is_also_the_output_or_the_input_is_refused(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    for more in (["--sidecar", output], ["--sidecar", clip], ["--sidecar", tmp_path / "." / "out.mp4"]):
        words = "--sidecar must be a file of its own"
        refused(capsys, 2, "usage", words, "stabilize", clip, "-o", output, *more, folder=tmp_path)


@pytest.mark.parametrize("command", ["render", "smooth", "info"])
def test_a_file_that_is_no_sidecar_is_refused(
    command: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junk = _written(tmp_path / "junk.vstab", b"junk" * 100)
    for sidecar in (junk, tmp_path / "none.vstab"):
        arguments = {
            "render": ["render", clip, "--sidecar", sidecar, "-o", tmp_path / "out.mp4", "--progress", "json"],
            "smooth": ["smooth", sidecar, "--progress", "json"],
            "info": ["info", sidecar, "--json"],
        }[command]
        status = cli.main([*map(str, arguments)])
        event = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert status in (3, 5), event
        assert event["event"] == "error"
        assert sidecar.name in event["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["junk.vstab"]


def test_a_sidecar_replaces_nothing_but_a_sidecar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, other = write_clip(tmp_path / "a.mp4", ClipSpec(count=4)), tmp_path / "b.mp4"
    other.write_bytes(b"precious")
    assert cli.main(["analyze", str(clip), "-o", str(other), "--overwrite"]) == 4
    assert "is no sidecar, so it is not replaced" in capsys.readouterr().err
    assert other.read_bytes() == b"precious"
