"""Truth tests of the evaluation: clips whose shake, crop, stretch, wobble ... are known are judged as what they are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from scenes import DIAGONAL, FPS, HEIGHT, WIDTH, Luma, bend, look, sway, texture, zoomed
from tolerances import BORDER_PERCENT, CROP, DISTORTION, JITTER_RATIO

from vstab_core.errors import InputError, UsageError
from vstab_core.evaluation.clip import Clip
from vstab_core.evaluation.evaluate import evaluate
from vstab_core.evaluation.metrics import METRICS, Metric, metrics_of
from vstab_core.evaluation.types import PATH_SIGNALS, Evaluation, Reading


def judged(original: Sequence[Luma], stabilized: Sequence[Luma]) -> Evaluation:
    return evaluate(Clip.of_pictures(original, FPS), Clip.of_pictures(stabilized, FPS))


def after(found: Evaluation, key: str) -> float:
    value = found.readings[key].after
    assert value is not None, found.readings[key].note
    return value


def before(found: Evaluation, key: str) -> float:
    value = found.readings[key].before
    assert value is not None, found.readings[key].note
    return value


@pytest.fixture(scope="module")
def scene() -> Luma:
    return texture()


def unsteady_path(count: int = 60) -> np.ndarray:
    """Two seconds: a pan with a slow sway, 3 Hz jitter of 2 px RMS sideways and 1 px up and down."""
    x = np.linspace(-15, 15, count) + sway(count, 0.25, 4.0) + sway(count, 3.0, 2.0)
    return np.c_[x, sway(count, 3.0, 1.0, 1.0)]


@pytest.fixture(scope="module")
def shaky(scene: Luma) -> list[Luma]:
    return [look(scene, *at) for at in unsteady_path()]


@pytest.fixture(scope="module")
def pan(scene: Luma) -> list[Luma]:
    return [look(scene, x, 0.3 * x) for x in np.linspace(-8, 8, 18)]


@pytest.fixture(scope="module")
def shaky_and_zoomed(shaky: list[Luma]) -> Evaluation:
    return judged(shaky, [zoomed(picture) for picture in shaky])


def test_shake_is_the_known_rms_and_the_pan_under_it_does_not_count(shaky_and_zoomed: Evaluation) -> None:
    found, true_px = shaky_and_zoomed, np.hypot(2.0, 1.0)
    assert before(found, "jitter_px") == pytest.approx(true_px, rel=JITTER_RATIO)
    assert before(found, "jitter_percent") == pytest.approx(100 * true_px / DIAGONAL, rel=JITTER_RATIO)
    assert after(found, "jitter_px") == pytest.approx(1.1 * true_px, rel=JITTER_RATIO)
    assert before(found, "jitter_rotation_deg") < 0.02


def test_acceleration_and_jerk_are_the_path_s_differences(shaky_and_zoomed: Evaluation) -> None:
    for order, key in ((2, "acceleration_px"), (3, "jerk_px")):
        difference_px = np.diff(unsteady_path(), order, axis=0)
        expected = np.sqrt(np.mean(np.sum(difference_px**2, axis=1)))
        assert before(shaky_and_zoomed, key) == pytest.approx(expected, rel=0.08)


def test_the_curves_are_the_known_path(shaky_and_zoomed: Evaluation) -> None:
    path = unsteady_path() - unsteady_path()[0]
    found = shaky_and_zoomed
    assert tuple(found.before) == PATH_SIGNALS["rectilinear"]
    np.testing.assert_allclose(np.c_[found.before["x_px"], found.before["y_px"]], path, atol=0.4)
    np.testing.assert_allclose(np.c_[found.after["x_px"], found.after["y_px"]], 1.1 * path, atol=0.4)
    np.testing.assert_allclose(found.time_s, np.arange(60) / FPS, atol=1e-9)
    np.testing.assert_allclose(found.crop, 1 / 1.1, atol=CROP)
    assert found.confidence.min() > 0.8


def test_lengths_are_in_pixels_of_a_large_original(scene: Luma) -> None:
    """Motion is measured at a width of 640 px; here a pixel of that is two of the clip."""
    path = sway(20, 3.0, 2.0)
    large = [cv2.resize(look(scene, x), (1280, 720), interpolation=cv2.INTER_CUBIC) for x in path]
    found = judged(large, large)
    np.testing.assert_allclose(found.before["x_px"], 1280 / WIDTH * (path - path[0]), atol=1.5)
    acceleration_px = 1280 / WIDTH * np.sqrt(np.mean(np.diff(path, 2) ** 2))
    assert before(found, "acceleration_px") == pytest.approx(acceleration_px, rel=0.08)


def test_rotation_shake_is_the_known_rms(scene: Luma) -> None:
    clip = [look(scene, angle_deg=angle) for angle in sway(50, 3.0, 0.5)]
    found = judged(clip, clip)
    assert before(found, "jitter_rotation_deg") == pytest.approx(0.5, rel=JITTER_RATIO)
    assert before(found, "jitter_px") < 0.1


def test_zoom_shake_is_the_known_rms(scene: Luma) -> None:
    clip = [zoomed(look(scene), 1.1 * np.exp(step)) for step in sway(50, 3.0, 0.01)]
    assert before(judged(clip, clip), "jitter_zoom_percent") == pytest.approx(1.0, rel=JITTER_RATIO)


def test_a_clip_compared_with_itself_has_lost_nothing_and_changed_nothing(shaky: list[Luma]) -> None:
    found = judged(shaky, shaky)
    for key in ("cropping_ratio", "cropping_worst", "cropping_literature", "fov", "fov_area", "sharpness_ratio",
                "distortion", "distortion_p1", "distortion_literature", "pan_retention"):  # fmt: skip
        assert after(found, key) == 1.0, key
    for key in ("border_percent_max", "border_frames", "outside_percent_max", "outside_frames", "bend_px"):
        assert after(found, key) == 0.0, key
    for metric in metrics_of("rectilinear"):
        if metric.of_each:
            assert found.readings[metric.key].before == found.readings[metric.key].after, metric.key
    assert found.warnings == []


def test_crop_and_field_of_view_are_the_known_zoom(pan: list[Luma]) -> None:
    factors = np.linspace(1.05, 1.25, len(pan))
    found = judged(pan, [zoomed(p, f) for p, f in zip(pan, factors, strict=True)])
    assert after(found, "cropping_ratio") == pytest.approx(np.mean(1 / factors), abs=CROP)
    assert after(found, "cropping_literature") == pytest.approx(np.mean(1 / factors), abs=CROP)
    assert after(found, "cropping_worst") == pytest.approx(1 / 1.25, abs=CROP)
    assert after(found, "fov") == pytest.approx(np.mean(1 / factors), abs=CROP)
    assert after(found, "fov_area") == pytest.approx(np.mean(1 / factors**2), abs=2 * CROP)
    assert after(found, "pixels_kept") == pytest.approx(np.mean(1 / factors**2) * WIDTH * HEIGHT / 1e6, abs=2e-4)
    assert after(found, "distortion") > 1 - DISTORTION
    assert after(found, "border_percent_max") == 0


@pytest.mark.parametrize("angle_deg", [0.0, 30.0])
def test_distortion_is_the_stretch_of_the_one_bad_frame(pan: list[Luma], angle_deg: float) -> None:
    """At 30 degrees and with a rotation on top the literature's eigenvalues see nothing."""
    stretch = np.diag([1.05, 1.0, 1.0])
    turn, more = np.eye(3), np.eye(3)
    turn[:2] = cv2.getRotationMatrix2D((0, 0), angle_deg, 1.0)
    more[:2] = cv2.getRotationMatrix2D((0, 0), 4.0, 1.15)
    bent = [zoomed(p, 1.15) for p in pan]
    bent[13] = bend(pan[13], more @ turn @ stretch @ turn.T)
    found = judged(pan, bent)
    assert after(found, "distortion") == pytest.approx(1 / 1.05, abs=DISTORTION)
    assert after(found, "distortion_p1") > 1 / 1.05
    assert after(found, "distortion_literature") > 0.99


def test_the_literature_s_distortion_sees_a_plain_stretch(pan: list[Luma]) -> None:
    found = judged(pan, [bend(p, np.diag([1.2, 1.1, 1.0])) for p in pan])
    assert after(found, "distortion_literature") == pytest.approx(1.1 / 1.2, abs=DISTORTION)
    assert after(found, "cropping_ratio") == pytest.approx((1.2 * 1.1) ** -0.5, abs=CROP)


def test_crop_holds_at_the_centre_under_perspective(pan: list[Luma]) -> None:
    keystone = np.diag([1.2, 1.2, 1.0])
    keystone[2, 0] = 2e-4
    found = judged(pan, [bend(p, keystone) for p in pan])
    assert after(found, "cropping_ratio") == pytest.approx(1 / 1.2, abs=CROP)
    assert after(found, "distortion") > 1 - DISTORTION


def test_black_that_moved_in_is_counted(pan: list[Luma]) -> None:
    bordered = list(pan)
    bordered[10] = cv2.warpAffine(pan[10], np.float64([[1, 0, 16], [0, 1, 0]]), (WIDTH, HEIGHT), borderValue=16)
    corner = bordered[15] = pan[15].copy()
    corner[:20, :30] = 16
    found = judged(pan, bordered)
    assert after(found, "border_percent_max") == pytest.approx(100 * 16 / WIDTH, abs=BORDER_PERCENT)
    assert after(found, "border_frames") == 2


def test_a_border_filled_with_something_is_found_by_geometry(pan: list[Luma]) -> None:
    filled = list(pan)
    shift = np.float64([[1, 0, 16], [0, 1, 0]])
    filled[10] = cv2.warpAffine(pan[10], shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    found = judged(pan, filled)
    assert after(found, "outside_percent_max") == pytest.approx(100 * 16 / WIDTH, abs=BORDER_PERCENT)
    assert after(found, "outside_frames") == 1
    assert after(found, "border_frames") == 0


def test_black_of_the_original_is_not_a_border(scene: Luma) -> None:
    night = scene.copy()
    night[:90] = 16  # a black sky over the upper part of the picture
    clip = [look(night, x) for x in np.linspace(-5, 5, 20)]
    found = judged(clip, [zoomed(p) for p in clip])
    assert after(found, "border_percent_max") < BORDER_PERCENT


def test_a_cut_is_not_shake(shaky: list[Luma]) -> None:
    second = look(texture(seed=11, low=20, high=120))
    clip = [*shaky, *[second] * 46]
    found = judged(clip, [zoomed(p) for p in clip])
    assert found.cuts == [60]
    assert found.before["x_px"][60] == 0
    expected = np.hypot(2.0, 1.0) * np.sqrt(59 / (59 + 45))
    assert before(found, "jitter_px") == pytest.approx(expected, rel=JITTER_RATIO)


def test_blur_lowers_sharpness_and_nothing_else(pan: list[Luma]) -> None:
    sharp = judged(pan, [zoomed(p) for p in pan])
    soft = judged(pan, [cv2.GaussianBlur(zoomed(p), (0, 0), 1.5) for p in pan])
    assert after(sharp, "sharpness_ratio") == pytest.approx(1.0, abs=0.1)  # cubic against Lanczos
    assert after(soft, "sharpness_ratio") < 0.6 * after(sharp, "sharpness_ratio")
    assert after(soft, "cropping_ratio") == pytest.approx(after(sharp, "cropping_ratio"), abs=CROP)


def sheared(picture: Luma, at_edge_px: float) -> Luma:
    """Move the rows sideways: by this much at the bottom, by as much the other way at the top."""
    skew = np.eye(3)
    skew[0, 1] = at_edge_px / (HEIGHT / 2)
    return bend(picture, skew)


def test_wobble_is_the_known_change_of_shear(scene: Luma) -> None:
    """The truth is worked out on a dense grid: the movement of the rows, less the best similarity, by cells."""
    at_edge_px = sway(40, 4.0, 1.2)
    clip = [sheared(look(scene), a) for a in at_edge_px]
    y, x = np.mgrid[-0.5 : 0.5 : HEIGHT * 1j, -0.5 : 0.5 : WIDTH * 1j]
    y, x = y * HEIGHT, x * WIDTH
    flow = np.stack([y / (HEIGHT / 2), np.zeros_like(y)], axis=-1).reshape(-1, 2)  # for one pixel at the edge
    one, zero = np.ones(y.size), np.zeros(y.size)
    basis = np.concatenate([np.c_[x.ravel(), -y.ravel(), one, zero], np.c_[y.ravel(), x.ravel(), zero, one]])
    rest = flow.T.ravel() - basis @ np.linalg.lstsq(basis, flow.T.ravel(), rcond=None)[0]
    dx, dy = rest.reshape(2, HEIGHT, WIDTH)
    cells = [
        (np.median(a), np.median(b))
        for a, b in zip(
            [c for row in np.array_split(dx, 3) for c in np.array_split(row, 4, axis=1)],
            [c for row in np.array_split(dy, 3) for c in np.array_split(row, 4, axis=1)],
            strict=True,
        )
    ]
    expected = np.sqrt(np.mean(np.diff(at_edge_px, 2) ** 2) * np.mean(np.sum(np.square(cells), axis=1)))
    assert before(judged(clip, clip), "wobble_px") == pytest.approx(expected, rel=0.12)


def test_rigid_shake_is_no_wobble(shaky_and_zoomed: Evaluation) -> None:
    assert before(shaky_and_zoomed, "wobble_px") < 0.06


def test_itf_is_the_known_noise(scene: Luma) -> None:
    rng = np.random.default_rng(5)
    still = look(scene)
    clip = [np.clip(still + rng.normal(0, 4.0, still.shape), 0, 255).round().astype(np.uint8) for _ in range(12)]
    expected = 10 * np.log10(255**2 / (2 * (4.0**2 + 1 / 12)))
    assert after(judged(clip, clip), "itf_db") == pytest.approx(expected, abs=0.1)


def test_the_warp_error_forgives_movement_and_not_flicker(scene: Luma) -> None:
    calm = [look(scene, 2.0 * i) for i in range(-8, 8)]
    flickering = [np.clip(p.astype(int) + (12 if i % 2 else 0), 0, 255).astype(np.uint8) for i, p in enumerate(calm)]
    found = judged(flickering, calm)
    assert before(found, "warp_error") == pytest.approx(1000 * (12 / 255) ** 2, rel=0.1)
    assert after(found, "warp_error") < 0.1


@pytest.mark.parametrize("kept", [1.0, 0.5, 0.0])
def test_pan_kept_is_the_known_share(scene: Luma, kept: float) -> None:
    count = 45
    slow, fast = np.linspace(-20, 20, count), sway(count, 3.0, 1.5)
    original = [look(scene, x + shake) for x, shake in zip(slow, fast, strict=True)]
    stabilized = [zoomed(look(scene, kept * x), 1.2) for x in slow]
    assert after(judged(original, stabilized), "pan_retention") == pytest.approx(kept, abs=0.03)


def test_a_clip_without_a_pan_says_so(scene: Luma) -> None:
    clip = [look(scene, x) for x in sway(45, 3.0, 1.5)]
    reading = judged(clip, clip[::-1]).readings["pan_retention"]
    assert reading == Reading(None, None, "the original does not pan")


# The literature's score cannot tell them apart where the camera pans: test_stability.py shows it.
BLIND = ("stability_literature", "stability_min")
EACH = [m for m in METRICS if m.of_each and "rectilinear" in m.projections and m.key not in BLIND]


@pytest.fixture(scope="module")
def steadied(scene: Luma) -> Evaluation:
    """Five seconds that shake, turn, breathe and shear at 2 to 5 Hz, beside the same pan without all that."""
    count = 150
    pan_px = np.linspace(-20, 20, count)
    jitter = [sway(count, hz, rms) for hz, rms in ((3.0, 2.5), (4.0, 2.0), (2.5, 0.8), (5.0, 0.008), (4.5, 1.0))]
    original, stabilized = [], []
    for at, dx, dy, turn, zoom, shear in zip(pan_px, *jitter, strict=True):
        original.append(sheared(zoomed(look(scene, at + dx, dy, turn), 1.1 + zoom), shear))
        stabilized.append(zoomed(look(scene, at), 1.1))
    return judged(original, stabilized)


@pytest.mark.parametrize("metric", EACH, ids=lambda metric: metric.key)
def test_every_metric_tells_the_shaky_clip_from_the_steady_one(steadied: Evaluation, metric: Metric) -> None:
    reading = steadied.readings[metric.key]
    assert reading.before is not None
    assert reading.after is not None
    worse, better = (reading.before, reading.after) if metric.better == "higher" else (reading.after, reading.before)
    assert better > worse
    ratio = 1.02 if metric.key == "itf_db" else 2.0
    assert max(worse, better) / min(worse, better) > ratio


def test_what_has_no_texture_is_not_measurable_and_never_perfect() -> None:
    for level in (16, 128):
        flat = [np.full((HEIGHT, WIDTH), level, np.uint8)] * 50
        found = judged(flat, flat)
        for metric in metrics_of("rectilinear"):
            reading = found.readings[metric.key]
            assert (reading.before, reading.after) == (None, None), metric.key
            assert reading.note, metric.key
        assert np.isnan(found.crop).all()


def test_every_metric_of_the_table_has_a_reading(steadied: Evaluation) -> None:
    assert set(steadied.readings) == {metric.key for metric in metrics_of("rectilinear")}


def test_fewer_than_ten_frames_are_refused(pan: list[Luma]) -> None:
    with pytest.raises(InputError, match="at least 10 frames that show the same moment, got 9"):
        judged(pan[:9], pan[:9])


def test_an_unknown_projection_is_refused(pan: list[Luma]) -> None:
    clip = Clip.of_pictures(pan, FPS)
    with pytest.raises(UsageError, match="projection must be one of auto, rectilinear, equirect, got 'fisheye'"):
        evaluate(clip, clip, projection="fisheye")


def test_a_result_of_another_size_is_measured_as_if_shown_at_the_same_width(pan: list[Luma]) -> None:
    halved = [cv2.resize(zoomed(p, 1.25), (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA) for p in pan]
    found = judged(pan, halved)
    assert after(found, "cropping_ratio") == pytest.approx(0.8, abs=2 * CROP)
    assert "original is 224x126, the stabilized 112x63" in found.warnings[0]


def test_a_result_of_another_shape_is_not_taken_for_a_distorted_one(pan: list[Luma]) -> None:
    found = judged(pan, [p[15:-15] for p in pan])
    assert after(found, "distortion") > 1 - DISTORTION
    assert after(found, "cropping_ratio") == pytest.approx(1.0, abs=CROP)
    assert after(found, "fov_area") == pytest.approx(96 / 126, abs=2 * CROP)
