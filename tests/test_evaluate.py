"""Truth tests of the benchmark's measure: clips whose shake, crop and stretch are known are judged as what they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import shake  # noqa: E402
from benchmarks.clip import Clip  # noqa: E402
from benchmarks.measure import measure  # noqa: E402

WIDTH, HEIGHT, FPS = 224, 126, 30.0
DIAGONAL = float(np.hypot(WIDTH, HEIGHT))

JITTER_RATIO = 0.04  # Lucas-Kanade on a resampled texture adds about 0.03 px
CROP = 0.002  # 0.3 px at the edge of a 320 wide picture
DISTORTION = 0.002  # the same, in the direction of the stretch
BORDER_PERCENT = 0.15  # half a pixel along the edges


def texture(seed: int = 7, low: int = 40, high: int = 220) -> np.ndarray:
    """Noise of several octaves, larger than the picture, free of black."""
    rng = np.random.default_rng(seed)
    total = np.zeros((HEIGHT + 120, WIDTH + 120), np.float32)
    for octave in range(2, 7):
        coarse = rng.standard_normal((total.shape[0] // 2**octave + 2, total.shape[1] // 2**octave + 2))
        fine = cv2.resize(coarse.astype(np.float32), total.shape[::-1], interpolation=cv2.INTER_CUBIC)
        total += fine * 1.4**octave
    total = (total - total.min()) / (total.max() - total.min())
    return (low + (high - low) * total).astype(np.uint8)


def look(scene: np.ndarray, dx: float = 0.0, dy: float = 0.0, angle_deg: float = 0.0) -> np.ndarray:
    """What a camera sees whose picture content is moved by (dx, dy) and turned about the frame centre."""
    matrix = cv2.getRotationMatrix2D((scene.shape[1] / 2, scene.shape[0] / 2), -angle_deg, 1.0)
    matrix[:, 2] += [dx - (scene.shape[1] - WIDTH) / 2, dy - (scene.shape[0] - HEIGHT) / 2]
    return cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)


def bend(picture: np.ndarray, dst_from_src: np.ndarray, **options: int) -> np.ndarray:
    """Move a picture by a 3 x 3 matrix that leaves the middle of the picture where it is."""
    to_middle = np.array([[1, 0, WIDTH / 2], [0, 1, HEIGHT / 2], [0, 0, 1.0]])
    matrix = to_middle @ dst_from_src @ np.linalg.inv(to_middle)
    return cv2.warpPerspective(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, **options)


def zoomed(picture: np.ndarray, factor: float = 1.1) -> np.ndarray:
    return bend(picture, np.diag([factor, factor, 1.0]))


def sway(frames: int, hz: float, rms: float, phase: float = 0.0) -> np.ndarray:
    return rms * np.sqrt(2) * np.sin(2 * np.pi * hz * np.arange(frames) / FPS + phase)


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    return texture()


def unsteady_path(count: int = 60) -> np.ndarray:
    """Two seconds: a pan with a slow sway, 3 Hz jitter of 2 px RMS sideways and 1 px up and down."""
    x = np.linspace(-15, 15, count) + sway(count, 0.25, 4.0) + sway(count, 3.0, 2.0)
    return np.c_[x, sway(count, 3.0, 1.0, 1.0)]


@pytest.fixture(scope="module")
def shaky(scene: np.ndarray) -> list[np.ndarray]:
    return [look(scene, *at) for at in unsteady_path()]


@pytest.fixture(scope="module")
def pan(scene: np.ndarray) -> list[np.ndarray]:
    return [look(scene, x, 0.3 * x) for x in np.linspace(-8, 8, 18)]


def test_jitter_is_the_known_rms_and_the_pan_under_it_does_not_count(shaky: list[np.ndarray]) -> None:
    report = measure(Clip(shaky, FPS), Clip([zoomed(p) for p in shaky], FPS))
    true_px = np.hypot(2.0, 1.0)
    assert report["input"]["jitter_px"] == pytest.approx(true_px, rel=JITTER_RATIO)
    assert report["input"]["jitter_percent"] == pytest.approx(100 * true_px / DIAGONAL, rel=JITTER_RATIO)
    assert report["output"]["jitter_px"] == pytest.approx(1.1 * true_px, rel=JITTER_RATIO)
    assert report["input"]["jitter_rotation_deg"] < 0.02
    second_px = np.diff(unsteady_path(), 2, axis=0)
    assert report["input"]["acceleration_px"] == pytest.approx(np.sqrt(np.mean(np.sum(second_px**2, axis=1))), rel=0.08)


def test_a_steady_pan_has_no_jitter(scene: np.ndarray) -> None:
    count = 50
    x = np.linspace(-15, 15, count) + sway(count, 0.25, 4.0)
    clip = [look(scene, at, 0.5 * at) for at in x]
    report = measure(Clip(clip, FPS), Clip(clip, FPS))
    assert report["output"]["jitter_px"] < 0.15  # what resampling leaves on eight-bit noise, and the ends of the filter
    assert report["gain"] == pytest.approx(1.0)


def test_rotation_jitter_is_the_known_rms(scene: np.ndarray) -> None:
    clip = [look(scene, angle_deg=angle) for angle in sway(50, 3.0, 0.5)]
    report = measure(Clip(clip, FPS), Clip(clip, FPS))
    assert report["input"]["jitter_rotation_deg"] == pytest.approx(0.5, rel=JITTER_RATIO)
    assert report["input"]["jitter_px"] < 0.1


def test_identity_loses_nothing(pan: list[np.ndarray]) -> None:
    report = measure(Clip(pan, FPS), Clip(pan, FPS))
    assert report["frames_measured"] == report["frames"] == len(pan)
    assert report["crop_worst"] == pytest.approx(1.0, abs=1e-3)
    assert report["fov_worst"] == pytest.approx(1.0, abs=1e-3)
    assert report["distortion"] > 0.999
    assert report["border_percent_max"] == 0
    assert report["sharpness"] == pytest.approx(1.0, abs=0.01)


def test_crop_is_the_known_zoom(pan: list[np.ndarray]) -> None:
    factors = np.linspace(1.05, 1.25, len(pan))
    report = measure(Clip(pan, FPS), Clip([zoomed(p, f) for p, f in zip(pan, factors, strict=True)], FPS))
    assert report["crop"] == pytest.approx(np.mean(1 / factors), abs=CROP)
    assert report["fov"] == pytest.approx(np.mean(1 / factors), abs=CROP)
    assert report["crop_worst"] == pytest.approx(1 / 1.25, abs=CROP)
    assert report["distortion"] > 1 - DISTORTION
    assert report["border_percent_max"] == 0


@pytest.mark.parametrize("angle_deg", [0.0, 30.0])
def test_distortion_is_the_stretch_of_the_one_bad_frame(pan: list[np.ndarray], angle_deg: float) -> None:
    """At 30 degrees and with a rotation on top the eigenvalues would see nothing."""
    stretch = np.diag([1.05, 1.0, 1.0])
    turn, more = np.eye(3), np.eye(3)
    turn[:2] = cv2.getRotationMatrix2D((0, 0), angle_deg, 1.0)
    more[:2] = cv2.getRotationMatrix2D((0, 0), 4.0, 1.15)
    judged = [zoomed(p, 1.15) for p in pan]
    judged[13] = bend(pan[13], more @ turn @ stretch @ turn.T)
    report = measure(Clip(pan, FPS), Clip(judged, FPS))
    assert report["distortion"] == pytest.approx(1 / 1.05, abs=DISTORTION)
    assert report["distortion_frame"] == 13
    assert report["distortion_median"] > 1 - DISTORTION


def test_crop_holds_at_the_centre_under_perspective(pan: list[np.ndarray]) -> None:
    keystone = np.diag([1.2, 1.2, 1.0])
    keystone[2, 0] = 2e-4
    report = measure(Clip(pan, FPS), Clip([bend(p, keystone) for p in pan], FPS))
    assert report["crop"] == pytest.approx(1 / 1.2, abs=CROP)
    assert report["distortion"] > 1 - DISTORTION


def test_black_that_moved_in_is_counted(pan: list[np.ndarray]) -> None:
    judged = list(pan)
    shift = np.float64([[1, 0, 16], [0, 1, 0]])
    judged[10] = cv2.warpAffine(pan[10], shift, (WIDTH, HEIGHT), borderValue=16)
    corner = judged[15] = pan[15].copy()
    corner[:20, :30] = 16
    report = measure(Clip(pan, FPS), Clip(judged, FPS))
    assert report["border_percent_max"] == pytest.approx(100 * 16 / WIDTH, abs=BORDER_PERCENT)
    assert report["border_frame"] == 10
    assert report["border_frames"] == 2


def test_black_of_the_original_is_not_a_border(scene: np.ndarray) -> None:
    night = scene.copy()
    night[:90] = 16  # a black sky over the upper part of the picture
    clip = [look(night, x) for x in np.linspace(-5, 5, 20)]
    report = measure(Clip(clip, FPS), Clip([zoomed(p) for p in clip], FPS))
    assert report["frames_measured"] == 20
    assert report["border_percent_max"] < BORDER_PERCENT


def test_a_cut_is_not_shake(shaky: list[np.ndarray]) -> None:
    second = look(texture(seed=11, low=20, high=120))
    clip = [*shaky, *[second] * 46]
    report = measure(Clip(clip, FPS), Clip([zoomed(p) for p in clip], FPS))
    assert report["cuts"] == [60]
    expected = np.hypot(2.0, 1.0) * np.sqrt(59 / (59 + 45))
    assert report["input"]["jitter_px"] == pytest.approx(expected, rel=JITTER_RATIO)
    assert report["frames_measured"] == len(clip)


def test_blur_lowers_sharpness_and_nothing_else(pan: list[np.ndarray]) -> None:
    sharp = measure(Clip(pan, FPS), Clip([zoomed(p) for p in pan], FPS))
    soft = measure(Clip(pan, FPS), Clip([cv2.GaussianBlur(zoomed(p), (0, 0), 1.5) for p in pan], FPS))
    assert sharp["sharpness"] == pytest.approx(1.0, abs=0.1)  # cubic against Lanczos
    assert soft["sharpness"] < 0.6 * sharp["sharpness"]
    assert soft["crop"] == pytest.approx(sharp["crop"], abs=CROP)


def test_files_are_judged_as_arrays_are(pan: list[np.ndarray], tmp_path: Path) -> None:
    judged = [zoomed(p) for p in pan]
    for name, frames in (("in.mkv", pan), ("out.mkv", judged)):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("ffv1", rate=30)
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            for picture in frames:
                grey = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(np.vstack([picture, grey]), format="yuv420p")))
            container.mux(stream.encode())
    command = [sys.executable, "-m", "benchmarks.measure", str(tmp_path / "in.mkv"), str(tmp_path / "out.mkv")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    from_files, from_arrays = json.loads(done.stdout), measure(Clip(pan, FPS), Clip(judged, FPS))
    for key in ("frames", "frames_in", "frames_out", "cuts", "crop", "distortion", "input", "output"):
        assert from_files[key] == from_arrays[key]


def test_a_missing_frame_shows(pan: list[np.ndarray]) -> None:
    report = measure(Clip(pan, FPS), Clip(pan[:-1], FPS))
    assert (report["frames_in"], report["frames_out"], report["frames"]) == (18, 17, 17)


def test_nothing_to_compare_is_refused(pan: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="nothing to compare: 18 frames in"):
        measure(Clip(pan, FPS), Clip([], FPS))


def test_the_stability_score_is_blind_to_jitter_on_a_pan_and_the_corrected_one_is_not() -> None:
    ramp = np.linspace(0, 3000, 300)
    noisy = ramp + np.random.default_rng(3).normal(0, 20, 300)
    assert shake.stability(noisy, corrected=False) == pytest.approx(shake.stability(ramp, corrected=False), abs=0.03)
    assert shake.stability(noisy, corrected=True) < 0.3
    swaying = ramp + sway(300, 0.2, 50.0)
    assert shake.stability(swaying, corrected=True) > 0.95
