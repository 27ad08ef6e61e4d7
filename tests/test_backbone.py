"""`--stabnet-weights`: the file says which network it is for, and what cannot be run is refused before any work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from ffmpeg_bridge.analysis import sidecar_for
from tests.synthetic import ASPECT, FPS, film, moving, shaking
from tests.test_closed_loop import Says
from tests.test_stabnet import write_film
from vstab_core import closed_loop, motion, pipeline
from vstab_core.closed_loop import ClosedLoopPath, follow
from vstab_core.command.arguments import parse
from vstab_core.command.batch import settings_of
from vstab_core.errors import ModelError, UsageError
from vstab_core.models import stabnet, stabnet_resnet50
from vstab_core.models.backbone import ARCHITECTURES, chosen
from vstab_core.models.load import save, weights_path
from vstab_core.models.motion import Features
from vstab_core.models.stabnet import Answer, Past
from vstab_core.models.stabnet_resnet50 import PublishedStabNet
from vstab_core.motion.homography import MotionEstimator
from vstab_core.motion.stabnet import ClosedLoop, net_of
from vstab_core.params import Parameters
from vstab_core.pipe.run import run_pipe
from vstab_core.resmooth import smooth
from vstab_core.sidecar import read_sidecar, write_sidecar
from vstab_core.types import EncodeOptions, FloatArray

STABNET = Parameters(method="stabnet")
INSTALLED = str(weights_path("stabnet"))
LOSSLESS = EncodeOptions(codec="ffv1")
PACE = 0.008  # half widths a frame


def published(path: Path, x: float) -> Path:
    """Write a ResNet-50 that always wants a frame shown from `x` half widths to its right."""
    torch.manual_seed(1)
    net = PublishedStabNet()
    with torch.no_grad():
        net.head[-1].bias.reshape(2, -1)[0] += x  # type: ignore[union-attr]
    arrays = {name: value.numpy() for name, value in net.state_dict().items()}
    save(arrays, path, stabnet_resnet50.ARCHITECTURE, {"steps": 0})
    return path


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parameters]:
    path = published(tmp_path_factory.mktemp("trained") / "mine.safetensors", PACE)
    yield replace(STABNET, stabnet_weights=str(path))
    path.unlink()  # 105 MB


@pytest.fixture(autouse=True)
def at_a_tenth_of_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PublishedStabNet, "size", (90, 160))  # its head takes the mean of any


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_film(tmp_path / "a.mkv", film(shaking(3, x=0.01), 5, size=(90, 160)))


def test_every_network_is_known_by_its_architecture() -> None:
    assert ARCHITECTURES == {"stabnet": stabnet.ARCHITECTURE, "stabnet_resnet50": stabnet_resnet50.ARCHITECTURE}
    assert len(set(ARCHITECTURES.values())) == 2


def test_the_file_says_which_network_runs(resnet: Parameters) -> None:
    assert isinstance(net_of(resnet.stabnet_weights), PublishedStabNet)
    assert chosen(INSTALLED) == ("stabnet", Path(INSTALLED))
    assert chosen("auto") == ("stabnet", None)


def test_a_network_of_one_warp_is_shown_as_it_wants_held_by_the_tracker(resnet: Parameters) -> None:
    """It wants to be `PACE` ahead of the source, and the camera stands still: that is gone, settled over 8 frames."""
    pictures = film(moving(), 7, size=(90, 160))
    steps = list(follow(pictures, ASPECT, 1 / FPS, replace(resnet, zoom="none")))
    shown = np.array([warp.src_from_dst[0, 2] for _, warp in steps])
    pace, place, expected = 0.0, 0.0, [0.0]
    for _ in steps[1:]:
        pace += (PACE - place - pace) / 8
        place += pace
        expected.append(place)
    assert shown == pytest.approx(expected, abs=5e-4)  # a 25th of a pixel
    assert shown.max() > 0.6 * PACE


@pytest.mark.parametrize("plane", ["wild", "none"])
def test_a_mesh_that_has_collapsed_leaves_the_frame_to_the_solver(plane: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = PublishedStabNet().eval()
    with torch.no_grad():
        net.head[-1].bias += 9.0  # type: ignore[operator] # all vertices are where they may be at most: in one point
    if plane == "none":  # what OpenCV says where rounding leaves it nothing
        blind = SimpleNamespace(**{**vars(cv2), "findHomography": lambda *_: (None, None)})
        monkeypatch.setattr(motion.stabnet, "cv2", blind)
    pictures = film(moving(x=0.04), 4, size=(90, 160))
    path = ClosedLoopPath(ASPECT, 1 / FPS, STABNET, ClosedLoop(ASPECT, net))
    estimator = MotionEstimator(ASPECT, live=True)
    warps = [path.push(picture, step).src_from_dst for picture in pictures for step in estimator.push(picture)]
    assert np.isfinite(warps).all()
    assert path.fallbacks == 3


@pytest.mark.parametrize("short", [True, False])
def test_bfloat16_answers_as_float32_does(short: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = PublishedStabNet().eval()
    torch.nn.init.normal_(net.head[-1].weight, std=0.02)  # type: ignore[arg-type]
    monkeypatch.setattr(motion.stabnet, "has_bfloat16", lambda: short)
    answers: list[Answer] = []
    forward = net.forward

    def told(past: Past, current: Features) -> list[Answer]:
        assert torch.is_autocast_enabled("cpu") == short
        answers.extend(forward(past, current))
        with torch.autocast("cpu", enabled=False):
            answers.extend(forward(past, current))
        return answers[-2:-1]

    monkeypatch.setattr(net, "forward", told)
    loop = ClosedLoop(ASPECT, net)
    first, second = film(moving(x=0.02), 2, size=(90, 160))
    loop.begin(first)
    loop.propose(second)
    here, there = (answer.mesh_px for answer in answers)
    assert here is not None
    assert there is not None
    assert here.dtype == there.dtype == torch.float32
    moved = float((there - there.mean()).abs().max())
    assert moved > 1.0  # px of 160
    assert float((here - there).abs().max()) < 0.02 * moved
    assert torch.equal(here, there) == (not short)


def test_from_file_to_file_in_two_passes_and_in_one(resnet: Parameters, clip: Path, tmp_path: Path) -> None:
    sidecar = tmp_path / "a.vstab"
    two = pipeline.stabilize(clip, tmp_path / "two.mkv", resnet, LOSSLESS, sidecar=sidecar)
    assert two.figures["frames"] == 5
    assert read_sidecar(sidecar).parameters == replace(resnet, projection="rectilinear", stereo="mono")
    pipeline.stabilize(clip, tmp_path / "one.mkv", replace(resnet, look_ahead=0), LOSSLESS, streaming=True)
    assert (tmp_path / "one.mkv").stat().st_size == pytest.approx((tmp_path / "two.mkv").stat().st_size, rel=0.02)


def test_other_weights_are_analyzed_anew_and_the_same_ones_are_not(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    sidecar, first, second = tmp_path / "a.vstab", tmp_path / "1.safetensors", tmp_path / "2.safetensors"

    def loop_of(_: float, weights: str) -> Says:
        loaded.append(Path(weights).name)
        return Says(np.array([0.01 * len(loaded), 0, 0, 0]))

    def run(weights: Path) -> FloatArray:
        parameters = replace(STABNET, stabnet_weights=str(weights))
        pipeline.stabilize(clip, tmp_path / "out.mkv", parameters, LOSSLESS, sidecar=sidecar, overwrite=True)
        stored = read_sidecar(sidecar)
        assert stored.warps is not None
        return stored.warps.src_from_dst

    monkeypatch.setattr(closed_loop, "_loop_of", loop_of)
    for weights in (first, second):
        shutil.copyfile(INSTALLED, weights)
    one, again, other = run(first), run(first), run(second)
    assert loaded == [first.name, second.name]
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    later = sidecar.stat().st_mtime_ns + 1
    os.utime(second, ns=(later, later))  # trained on, into the same file
    run(second)
    assert loaded == [first.name, second.name, second.name]


def test_a_sidecar_serves_where_its_weights_are_gone(clip: Path, tmp_path: Path) -> None:
    sidecar = tmp_path / "a.vstab"
    pipeline.analyze(clip, sidecar, Parameters())
    stored = read_sidecar(sidecar)
    gone = replace(STABNET, stabnet_weights=str(tmp_path / "gone.safetensors"))
    write_sidecar(sidecar, replace(stored, parameters=gone))
    pipeline.render(clip, sidecar, tmp_path / "out.mkv", LOSSLESS)
    smooth(sidecar, {"method": "klt"})
    write_sidecar(sidecar, replace(stored, parameters=gone))
    sidecar_for(clip, sidecar, {"method": "klt"}, None)  # a graph of ffmpeg's, for which it is analyzed again
    made_with = read_sidecar(sidecar).parameters
    assert made_with is not None
    assert (made_with.method, made_with.stabnet_weights) == ("klt", "auto")


def test_a_path_is_kept_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    parameters = Parameters(stabnet_weights="trained/a.safetensors")
    assert parameters.stabnet_weights == str(tmp_path / "trained" / "a.safetensors")
    assert Parameters().stabnet_weights == "auto"
    monkeypatch.chdir("/")
    assert replace(parameters, strength=0.5).stabnet_weights == parameters.stabnet_weights


def refused(clip: Path, weights: object, **changes: object) -> pytest.ExceptionInfo[Exception]:
    """Analyze, and see that it is refused before a frame is read or a file is written."""
    parameters = replace(STABNET, stabnet_weights=str(weights), **changes)
    before = sorted(clip.parent.iterdir())
    with pytest.raises((ModelError, UsageError)) as error:
        pipeline.analyze(clip, clip.with_suffix(".vstab"), parameters, on_progress=lambda *_: pytest.fail("began"))
    with pytest.raises(type(error.value)) as piped:
        run_pipe(-1, -1, parameters.as_dict())  # no stream is looked at
    assert str(piped.value) == str(error.value)
    assert sorted(clip.parent.iterdir()) == before
    return error


def test_weights_that_are_not_there_are_named(clip: Path, tmp_path: Path) -> None:
    error = refused(clip, tmp_path / "gone.safetensors")
    assert error.match(r"no weights at '.*gone.safetensors'; give a file that `vstab train` wrote")


def test_a_file_that_holds_no_weights_is_named(clip: Path) -> None:
    assert refused(clip, clip).match(
        r"a.mkv' is damaged or no .safetensors file \(.*\); give a file that `vstab train`"
    )


@pytest.mark.parametrize("share", [0.5, 0.999, None])
def test_damaged_weights_are_named(clip: Path, tmp_path: Path, share: float | None) -> None:
    content = bytearray(Path(INSTALLED).read_bytes())
    if share is None:
        content[-50] ^= 255  # only the checksum tells
    else:
        content = content[: int(share * len(content))]
    (tmp_path / "cut.safetensors").write_bytes(content)
    error = refused(clip, tmp_path / "cut.safetensors")
    assert error.match("cut.safetensors' is damaged")
    assert share is not None or error.match("checksum")


def test_weights_of_another_network_are_named(clip: Path) -> None:
    error = refused(clip, weights_path("motion"))
    assert error.match(r"motion.safetensors' holds a network of architecture 'motion-1'")
    assert error.match(r"'stabnet-4' \(`vstab train stabnet`\) or .*\(`vstab train stabnet_resnet50`\)")


def test_weights_without_the_method_are_refused(clip: Path) -> None:
    error = refused(clip, INSTALLED, method="klt")
    assert error.type is UsageError
    assert error.match("counts with --method stabnet only, got --method klt")


def test_weights_of_no_name_are_refused() -> None:
    with pytest.raises(UsageError, match="--stabnet-weights must not be empty"):
        Parameters(stabnet_weights=" ")


def test_a_batch_hands_them_on_absolute_and_looks_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = ["batch", "*.mp4", "--out", "o", "--method", "stabnet", "--stabnet-weights"]
    monkeypatch.chdir(Path(INSTALLED).parent)
    settings = settings_of(parse([*words, Path(INSTALLED).name]))
    assert f"--stabnet-weights={INSTALLED}" in settings.arguments
    with pytest.raises(ModelError, match="no weights at"):
        settings_of(parse([*words, "gone.safetensors"]))


def test_looking_at_weights_loads_no_torch() -> None:
    code = f"import sys; from vstab_core.models.backbone import check_file; check_file({INSTALLED!r})"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout == "False\n"
