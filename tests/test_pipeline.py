"""From file to file on a shaky clip that is known: it shakes less, keeps its times, and leaves nothing half-written."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.clips import ClipSpec, write_clip
from tests.synthetic import Camera, film, moving, shaking
from tests.test_smooth import jitter
from vstab_core import pipeline, resmooth
from vstab_core.decode import luma_of, read_frames
from vstab_core.errors import Cancelled, InputError, SidecarError
from vstab_core.motion.homography import estimate_motion
from vstab_core.params import Parameters
from vstab_core.types import EncodeOptions

SIZE = (180, 320)
COUNT = 75
SHAKY = shaking(2, x=0.012, turn=0.004, band=(1.5, 6.0))
FFV1 = EncodeOptions(codec="ffv1")


def clip(path: Path, camera: Camera, count: int = COUNT, pts: list[int] | None = None, seed: int = 1) -> Path:
    spec = ClipSpec(
        size=SIZE,
        pixel_format="gray",
        codec="ffv1",
        rate=Fraction(30),
        time_base=Fraction(1, 1000),
        count=count,
        pts=pts,
    )
    return write_clip(path, spec, ((picture,) for picture in film(camera, count, size=SIZE, seed=seed)))


@pytest.fixture(scope="module")
def shaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("clips") / "shaky.mkv", SHAKY)


def shake_of(path: Path) -> float:
    steps = list(estimate_motion((luma_of(frame) for frame in read_frames(path)), SIZE[0] / SIZE[1]))
    return jitter(np.array([step.corners for step in steps]))


def pictures_of(path: Path) -> list[np.ndarray]:
    return [np.array(frame.planes[0]) for frame in read_frames(path)]


@pytest.mark.parametrize(("streaming", "factor"), [(False, 12), (True, 6)])
def test_the_output_shakes_less(shaky: Path, tmp_path: Path, streaming: bool, factor: float) -> None:
    output = tmp_path / "steady.mkv"
    result = pipeline.stabilize(shaky, output, Parameters(), FFV1, streaming=streaming)
    assert result.figures["frames"] == COUNT == len(pictures_of(output))
    assert shake_of(shaky) > factor * shake_of(output)


@pytest.mark.parametrize("streaming", [False, True])
def test_uneven_times_survive(tmp_path: Path, streaming: bool) -> None:
    rng = np.random.default_rng(6)
    pts = np.cumsum(rng.integers(10, 90, 24)).tolist()
    source, output = clip(tmp_path / "vfr.mkv", SHAKY, 24, pts), tmp_path / "out.mkv"
    pipeline.stabilize(source, output, Parameters(), FFV1, streaming=streaming)
    assert [frame.time_s for frame in read_frames(output)] == [frame.time_s for frame in read_frames(source)]


def test_step_by_step_gives_the_same_bytes(shaky: Path, tmp_path: Path) -> None:
    parameters = Parameters(smoothness=0.3, zoom="dynamic")
    whole, sidecar, parts = tmp_path / "whole.mkv", tmp_path / "clip.vstab", tmp_path / "parts.mkv"
    pipeline.stabilize(shaky, whole, parameters, FFV1)
    pipeline.analyze(shaky, sidecar, Parameters())
    resmooth.smooth(sidecar, {"smoothness": 0.3, "zoom": "dynamic"})
    pipeline.render(shaky, sidecar, parts, FFV1)
    pairs = list(zip(pictures_of(whole), pictures_of(parts), strict=True))
    assert len(pairs) == COUNT
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert not np.array_equal(pairs[10][0], pictures_of(shaky)[10])


def test_a_steady_clip_comes_out_bit_for_bit(tmp_path: Path) -> None:
    source, output = clip(tmp_path / "steady.mkv", moving(x=0.004), 20), tmp_path / "out.mkv"
    pipeline.stabilize(source, output, Parameters(), FFV1)
    assert all(np.array_equal(a, b) for a, b in zip(pictures_of(source), pictures_of(output), strict=True))


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("streaming", [False, True])
def test_fewer_than_three_frames_are_refused(tmp_path: Path, count: int, streaming: bool) -> None:
    source, output = clip(tmp_path / "short.mkv", SHAKY, count), tmp_path / "out.mkv"
    with pytest.raises(InputError, match=f"needs at least 3 frames, got {count}"):
        pipeline.stabilize(source, output, Parameters(), FFV1, streaming=streaming)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["short.mkv"]


@pytest.mark.parametrize(("stage", "streaming"), [("analyze", False), ("render", False), ("stabilize", True)])
def test_cancelling_leaves_no_output(shaky: Path, tmp_path: Path, stage: str, streaming: bool) -> None:
    def stop(now: str, done: int, frames: int) -> None:
        if now == stage and done >= 5:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        pipeline.stabilize(shaky, tmp_path / "out.mkv", Parameters(), FFV1, streaming=streaming, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_sidecar_saves_the_analysis(shaky: Path, tmp_path: Path) -> None:
    sidecar, told = tmp_path / "clip.vstab", []
    for name in ("first.mkv", "second.mkv"):
        stages: set[str] = set()
        pipeline.stabilize(
            shaky,
            tmp_path / name,
            Parameters(),
            FFV1,
            sidecar=sidecar,
            on_progress=lambda s, *_: stages.add(s),  # noqa: B023
        )
        told.append(stages)
    assert "analyze" in told[0]
    assert "analyze" not in told[1]
    pairs = zip(pictures_of(tmp_path / "first.mkv"), pictures_of(tmp_path / "second.mkv"), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


def test_a_sidecar_measured_by_another_method_is_measured_again(shaky: Path, tmp_path: Path) -> None:
    def stages(method: str) -> set[str]:
        told: set[str] = set()
        pipeline.stabilize(
            shaky,
            tmp_path / "clip.mkv",
            Parameters(method=method),
            FFV1,
            sidecar=tmp_path / "clip.vstab",
            overwrite=True,
            on_progress=lambda stage, *_: told.add(stage),
        )
        return told

    assert "analyze" in stages("klt")
    assert "analyze" not in stages("klt")
    assert "analyze" in stages("cnn")


def test_a_sidecar_of_another_clip_is_refused(shaky: Path, tmp_path: Path) -> None:
    other, sidecar = clip(tmp_path / "other.mkv", SHAKY, 10, seed=3), tmp_path / "other.vstab"
    pipeline.analyze(other, sidecar, Parameters())
    for run in (
        lambda: pipeline.render(shaky, sidecar, tmp_path / "out.mkv", FFV1),
        lambda: pipeline.stabilize(shaky, tmp_path / "out.mkv", Parameters(), FFV1, sidecar=sidecar),
    ):
        with pytest.raises(SidecarError, match=r"belongs to 'other[.]mkv' .*, not to 'shaky.mkv'"):
            run()
    assert not (tmp_path / "out.mkv").exists()
