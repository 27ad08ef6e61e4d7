"""`vstab visualize`: each kind of drawing on pictures whose truth is known, and where the drawings go."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from clips import ClipSpec, packets, write_clip
from scenes import Luma, texture

from vstab_core.cli import main
from vstab_core.command.visualize import frames_of
from vstab_core.decode import probe, read_frames
from vstab_core.errors import Cancelled, InputError, OutputError, UsageError
from vstab_core.evaluation import canvas
from vstab_core.evaluation.visualize.drawer import GRAY, color_of
from vstab_core.evaluation.visualize.features import LONG_SIDE_PX, Features
from vstab_core.evaluation.visualize.flow import Flow
from vstab_core.evaluation.visualize.make import visualize
from vstab_core.evaluation.visualize.mask import STEP_PX, BackgroundMask
from vstab_core.evaluation.visualize.tracks import TAIL_FRAMES, TrackTails
from vstab_core.evaluation.visualize.wheel import flow_image, wheel
from vstab_core.motion.homography import MotionEstimator
from vstab_core.types import Frame

HEIGHT, WIDTH = 180, 320
SCENE = texture(5, size=(HEIGHT + 120, WIDTH + 160))
OTHER = texture(9, size=(HEIGHT + 120, WIDTH + 160))


def view(x: int, y: int, scene: Luma = SCENE) -> Luma:
    """The scene with its content moved by (x, y) whole pixels."""
    return scene[60 - y : 60 - y + HEIGHT, 80 - x : 80 - x + WIDTH]


def frame_of(luma: Luma) -> Frame:
    return Frame((np.ascontiguousarray(luma),), "gray", 0, 0.0)


def blank(height: int = HEIGHT, width: int = WIDTH) -> canvas.Image:
    return np.full((height, width, 3), 128, np.uint8)


def write_lumas(path: Path, lumas: list[Luma], **spec: Any) -> Path:
    grey = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    spec = {"size": (HEIGHT, WIDTH), "codec": "ffv1", "rate": Fraction(25), "count": len(lumas)} | spec
    return write_clip(path, ClipSpec(**spec), [(luma, grey, grey) for luma in lumas])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("visualize") / "walk.mkv"
    lumas = [view(3 * n, -2 * n) for n in range(8)]
    return write_lumas(path, lumas, audio="flac", pts=[0, 40, 50, 120, 300, 310, 330, 420], time_base=Fraction(1, 1000))


# -- flow -----------------------------------------------------------------------------------------------------------


def test_directions_have_the_hues_of_the_wheel() -> None:
    assert len(wheel()) == 55
    right, down, left, up, still = flow_image(
        np.array([[[8.0, 0], [0, 8], [-8, 0], [0, -8], [0, 0]]]), 8.0
    )[0].tolist()  # fmt: skip
    assert right == [0, 0, 255]  # red, as blue, green, red
    assert down[0] == 0  # yellow
    assert min(down[1:]) > 200
    assert left[2] == 0  # between cyan and blue
    assert left[0] == 255
    assert up[0] == 255  # violet
    assert up[1] == 0
    assert 40 < up[2] < 160
    assert still == [255, 255, 255]


def test_saturation_is_the_speed() -> None:
    half, full, double = flow_image(np.array([[[4.0, 0], [8, 0], [16, 0]]]), 8.0)[0].tolist()
    assert half == [128, 128, 255]
    assert full == [0, 0, 255]
    assert double == [0, 0, 191]  # beyond the scale: darker


@pytest.mark.parametrize("shift", [(4, 0), (-3, -3)])
def test_the_flow_of_a_shifted_texture_is_the_shift(shift: tuple[int, int], clip: Path) -> None:
    drawer = Flow(probe(clip), 10.0, legend=False)
    drawer.see(frame_of(view(0, 0)))
    assert not drawer.field().any()
    drawer.see(frame_of(view(*shift)))
    inside = drawer.field()[20:-20, 20:-20].reshape(-1, 2)
    np.testing.assert_allclose(np.median(inside, axis=0), shift, atol=0.1)
    drawn = drawer.draw(blank())[20:-20, 20:-20].reshape(-1, 3)
    wanted = flow_image(np.array([[shift]], float), 10.0)[0, 0]
    np.testing.assert_allclose(np.median(drawn, axis=0), wanted, atol=6)


def test_flow_counts_in_pixels_of_the_clip(clip: Path) -> None:
    large = [cv2.resize(view(x, 0), (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC) for x in (0, 3)]
    path = clip.with_name("large.mkv")
    grey = np.full((HEIGHT, WIDTH), 128, np.uint8)
    spec = ClipSpec(size=(2 * HEIGHT, 2 * WIDTH), codec="ffv1", count=2)
    drawer = Flow(probe(write_clip(path, spec, [(luma.astype(np.uint8), grey, grey) for luma in large])))
    for frame in read_frames(path):
        drawer.see(frame)
    np.testing.assert_allclose(np.median(drawer.field().reshape(-1, 2), axis=0), (6, 0), atol=0.2)
    assert drawer.full_px == pytest.approx(0.015 * 640)
    assert "9.6 px a frame" in drawer.caption


# -- features -------------------------------------------------------------------------------------------------------


def test_keypoints_are_drawn_on_the_corners_and_nowhere_else() -> None:
    luma = np.full((240, 320), 30, np.uint8)
    luma[90:150, 100:200] = 220
    corners = np.array([(100, 90), (200, 90), (100, 150), (200, 150)], float)
    drawer = Features()
    drawer.see(frame_of(luma))
    found = drawer.keypoints()
    points = np.array([point.pt for point in found]) + 0.5
    apart = np.linalg.norm(points[:, None] - corners, axis=2)
    assert set(apart.argmin(axis=1)) == {0, 1, 2, 3}
    assert np.median(apart.min(axis=1)) < 4
    image = drawer.draw(blank(480, 640))  # twice the size
    changed = np.argwhere((image != 128).any(axis=2))[:, ::-1] / 2
    assert len(changed) > 100
    assert np.linalg.norm(changed[:, None] - corners, axis=2).min(axis=1).max() < 45  # the coarsest circles
    assert max(luma.shape) < LONG_SIDE_PX


def test_the_line_points_along_the_keypoint() -> None:
    luma = np.full((240, 320), 30, np.uint8)
    luma[:120, :160] = 220  # bright to the upper left of the corner: ORB points at the bright side
    drawer = Features()
    drawer.see(frame_of(luma))
    assert drawer.keypoints()
    for point in drawer.keypoints():
        assert point.angle == pytest.approx(225, abs=25)
    assert [point.size for point in drawer.keypoints()] == sorted(
        (point.size for point in drawer.keypoints()), reverse=True
    )


# -- tracks ---------------------------------------------------------------------------------------------------------


def test_tails_end_where_the_scene_has_gone(clip: Path) -> None:
    drawer = TrackTails(probe(clip))
    drawer.see(frame_of(view(0, 0)))
    assert drawer.tails() == []
    for n in range(1, 21):
        drawer.see(frame_of(view(2 * n, -n)))
    tails = drawer.tails()
    assert len(tails) > 15
    longest = [tail for tail in tails if len(tail.points) == TAIL_FRAMES + 1]
    assert len(longest) > 8
    for tail in longest:
        way = np.array(tail.points[-1]) - tail.points[0]
        np.testing.assert_allclose(way, (2 * TAIL_FRAMES, -TAIL_FRAMES), atol=0.5)
        np.testing.assert_allclose(np.diff(tail.points, axis=0), [(2, -1)] * TAIL_FRAMES, atol=0.15)
    assert max(tail.residual_px for tail in tails) < 0.3
    image = drawer.draw(blank())
    for tail in longest:
        x, y = (int(value) for value in tail.points[-1])
        assert np.abs(image[y, x].astype(int) - color_of(1)).max() < 60
    drawn = (image != 128).any(axis=2)
    assert drawn.mean() < 0.3


def test_tails_begin_anew_after_a_cut_and_are_gray_where_nothing_is_followed(clip: Path) -> None:
    drawer = TrackTails(probe(clip))
    for n in range(6):
        drawer.see(frame_of(view(n, 0)))
    drawer.see(frame_of(np.full((HEIGHT, WIDTH), 90, np.uint8)))  # a flash
    x, y = (int(value) for value in drawer.tails()[0].points[-1])
    assert np.abs(drawer.draw(blank())[y, x].astype(int) - GRAY).max() < 30
    drawer.see(frame_of(view(7, 0)))
    assert max(len(tail.points) for tail in drawer.tails()) == 7
    for n in range(3):
        drawer.see(frame_of(view(-n, 0, OTHER)))
    assert 2 <= max(len(tail.points) for tail in drawer.tails()) <= 3


BIG = texture(5, size=(360, 640))


def crossing(n: int) -> tuple[Luma, npt.NDArray[np.bool_]]:
    """A still background, (360, 640), plain on the right, and a textured block that crosses it; and where that is."""
    luma, block = BIG.copy(), np.zeros((360, 640), bool)
    luma[:, 500:] = 100
    left = 60 + 5 * n
    luma[100:260, left : left + 160] = OTHER[:160, :160]
    block[100:260, left : left + 160] = True
    return luma, block


def test_tracks_of_something_that_moves_on_its_own_are_red(clip: Path) -> None:
    drawer = TrackTails(probe(clip))
    for n in range(12):
        drawer.see(frame_of(crossing(n)[0]))
    _, block = crossing(11)
    inside = [tail for tail in drawer.tails() if block[tuple(int(value) for value in reversed(tail.points[-1]))]]
    own = [tail for tail in inside if np.ptp(np.array(tail.points)[:, 0]) > 4]
    assert len(own) >= 2
    own.sort(key=lambda tail: -tail.residual_px)
    assert np.median([tail.residual_px for tail in own]) == pytest.approx(5, abs=0.5)
    assert min(tail.residual_px for tail in own) > 2  # at the block's edge the window sees both
    image = drawer.draw(blank(360, 640))
    x, y = (int(value) for value in own[0].points[-1])
    assert np.abs(image[y, x].astype(int) - color_of(0)).max() < 60


# -- mask -----------------------------------------------------------------------------------------------------------


def test_the_mask_tells_a_moving_block_from_the_still_background(clip: Path) -> None:
    drawer = BackgroundMask(probe(clip))
    drawer.see(frame_of(crossing(0)[0]))
    assert drawer.score() is None
    image = blank(360, 640)
    assert (drawer.draw(image) == 128).all()
    for n in range(1, 16):
        drawer.see(frame_of(crossing(n)[0]))
    score = drawer.score()
    assert score is not None
    y, x = np.mgrid[: score.shape[0], : score.shape[1]] * STEP_PX + STEP_PX // 2
    heart = (np.abs(x - (60 + 75 + 80)) < 40) & (np.abs(y - 180) < 40)
    assert np.nanmax(score[heart]) < 0.4
    far = (np.abs(x - 215) > 140) & (x < 480)
    assert np.nanmin(score[far]) > 0.6
    assert np.isnan(score[(x > 560)]).mean() > 0.9  # nothing to track there
    drawn = drawer.draw(blank(360, 640)).astype(int)
    assert drawn[160:200, 195:235, 2].mean() - drawn[160:200, 195:235, 0].mean() > 50  # red
    assert abs(np.median(drawn[20:330, 380:470]) - 128) <= 1  # as it was
    assert np.median(drawn[:, 600:]) < 80  # dark


def test_looking_on_changes_nothing_and_sees_the_estimators_own_tracks() -> None:
    seen: list[Any] = []
    plain, watched = MotionEstimator(0.5625), MotionEstimator(0.5625, on_match=lambda *match: seen.append(match))
    for n in range(5):
        before = len(seen)
        steps = [estimator.push(np.ascontiguousarray(view(2 * n, 0))) for estimator in (plain, watched)]
        assert len(seen) - before == (n > 0)
        for first, second in zip(*steps, strict=True):
            np.testing.assert_array_equal(first.corners, second.corners)
    tracks, fit = seen[-1]
    assert len(tracks) == len(fit.weight) == len(fit.residual_px)
    assert tracks.background.min() > 0.6  # four frames with the camera
    np.testing.assert_allclose(np.median(tracks.cur_px - tracks.ref_px, axis=0), (2, 0), atol=0.05)


# -- where it goes --------------------------------------------------------------------------------------------------


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("what", ["features", "tracks", "mask"])
def test_a_video_keeps_times_and_sound(tmp_path: Path, clip: Path, what: str) -> None:
    output = tmp_path / "x.mkv"
    result = visualize(clip, output, what)
    assert (result.output, result.figures["frames"], result.warnings) == (output, 8, [])
    assert [frame.pts for frame in read_frames(output)] == [frame.pts for frame in read_frames(clip)]
    assert packets(output, "audio") == packets(clip, "audio")
    info = probe(output)
    assert (info.width, info.height, info.pixel_format) == (WIDTH, HEIGHT, "yuv420p")
    last = list(read_frames(output))[-1].planes[0].astype(int)
    assert np.abs(last - view(21, -14)).mean() > 0.5  # something is drawn


def test_what_is_not_drawn_on_keeps_its_codes(tmp_path: Path) -> None:
    grey = np.full((24, 32), 128, np.uint8)
    planes = (np.full((48, 64), 90, np.uint8), grey - 20, grey + 30)
    for tags in ((1, 1, 1, 1), (5, 6, 5, 1), (1, 1, 1, 2)):
        spec = ClipSpec(size=(48, 64), codec="ffv1", count=2, colour=tags)
        source = write_clip(tmp_path / f"{tags[2]}{tags[3]}.mkv", spec, [planes] * 2)
        output = tmp_path / f"x{tags[2]}{tags[3]}.mkv"
        visualize(source, output, "features", labels=False)
        for frame in read_frames(output):
            for got, was in zip(frame.planes, planes, strict=True):
                np.testing.assert_allclose(got.astype(int), was, atol=1)


def test_stills_are_the_frames_of_the_video(tmp_path: Path, clip: Path) -> None:
    visualize(clip, tmp_path / "x.mkv", "tracks")
    result = visualize(clip, tmp_path / "x_%04d.png", "tracks", frames=[2, 6])
    assert names(tmp_path) == ["x.mkv", "x_0002.png", "x_0006.png"]
    assert result.figures["frames"] == 2
    look = canvas.look_of(probe(clip))
    video = [canvas.image_of(frame, look).astype(int) for frame in read_frames(tmp_path / "x.mkv")]
    for index in (2, 6):
        still: Any = cv2.imread(str(tmp_path / f"x_{index:04d}.png"))
        apart = [np.abs(still - image).mean() for image in video]
        assert int(np.argmin(apart)) == index
        assert apart[index] < 4  # thin colours suffer in 4:2:0


def test_stills_in_a_folder_and_one_still(tmp_path: Path, clip: Path) -> None:
    visualize(clip, tmp_path, "features")
    assert names(tmp_path) == [f"walk_features_{index:04d}.png" for index in range(8)]
    visualize(clip, tmp_path / "one.jpg", "mask", frames=[3])
    picture: Any = cv2.imread(str(tmp_path / "one.jpg"))
    assert picture.shape == (HEIGHT, WIDTH, 3)


def test_without_labels_nothing_is_written_in_the_picture(tmp_path: Path) -> None:
    luma = np.full((HEIGHT, WIDTH), 90, np.uint8)
    source = write_lumas(tmp_path / "flat.mkv", [luma] * 2)
    for labels, drawn in ((False, False), (True, True)):
        visualize(source, tmp_path / "x.png", "features", frames=[1], labels=labels, overwrite=True)
        picture: Any = cv2.imread(str(tmp_path / "x.png"))
        assert bool(np.ptp(picture) > 10) == drawn
        assert np.ptp(picture[: HEIGHT // 2]) <= 1


@pytest.mark.parametrize(
    ("output", "frames", "words"),
    [
        ("x.png", [1, 2], "names one still; give a pattern such as 'x_%04d.png'"),
        ("x_%04d_%d.png", [1], "must hold one number"),
        ("x_%s.png", [1], "must hold one number"),
        ("x.mp4", [1], "selected frames become stills"),
        ("x.doc", None, "is neither a video nor a still"),
        ("stills", None, "a folder that exists"),
        ("x_%d.png", [-1], "numbered from 0"),
        ("x_%d.png", [2, 80], "has 8 frames, numbered from 0; there is no frame 80"),
    ],
)
def test_outputs_that_make_no_sense_are_refused(
    tmp_path: Path, clip: Path, output: str, frames: list[int] | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        visualize(clip, tmp_path / output, "features", frames=frames)
    assert names(tmp_path) == []


def test_existing_outputs_are_refused_and_kept(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "x_0002.png").write_bytes(b"mine")
    (tmp_path / "x.mkv").write_bytes(b"mine")
    for output, frames in (("x_%04d.png", [1, 2]), ("x_%04d.png", None), ("x.mkv", None)):
        with pytest.raises(OutputError, match="exists"):
            visualize(clip, tmp_path / output, "features", frames=frames)
    with pytest.raises(OutputError, match="is the input itself"):
        visualize(clip, clip, "features", overwrite=True)
    with pytest.raises(OutputError, match="folder of output"):
        visualize(clip, tmp_path / "none" / "x_%d.png", "features", frames=[1])
    with pytest.raises(InputError, match="does not exist"):
        visualize(tmp_path / "none.mp4", tmp_path / "y.mkv", "features")
    assert names(tmp_path) == ["x.mkv", "x_0002.png"]
    assert (tmp_path / "x_0002.png").read_bytes() == (tmp_path / "x.mkv").read_bytes() == b"mine"


@pytest.mark.parametrize("output", ["x.mkv", "x_%d.png"])
def test_a_cancelled_run_leaves_nothing(tmp_path: Path, clip: Path, output: str) -> None:
    def cancel(stage: str, frame: int, frames: int) -> None:
        assert stage == "visualize"
        if frame == 4:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        visualize(clip, tmp_path / output, "features", on_progress=cancel)
    assert names(tmp_path) == []


def test_the_command_writes_beside_the_clip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = write_lumas(tmp_path / "a.mkv", [view(n, 0) for n in range(3)])
    assert main(["visualize", str(source), "--what", "flow", "--flow-scale", "5", "--progress", "json"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["output"], last["figures"]["full_colour_px"]) == (str(tmp_path / "a_flow.mkv"), 5)
    assert main(["visualize", str(source), "--what", "mask", "--frames", "0,1-2", "--progress", "none"]) == 0
    assert names(tmp_path) == ["a.mkv", "a_flow.mkv", "a_mask_0000.png", "a_mask_0001.png", "a_mask_0002.png"]


def test_frames_are_numbers_and_ranges(capsys: pytest.CaptureFixture[str], clip: Path) -> None:
    assert frames_of(None) is None
    assert frames_of("10,50, 2-4") == {2, 3, 4, 10, 50}
    for text in ("", "a", "-3", "1-", "1.5", "5-3", "0-999999999"):
        with pytest.raises(UsageError, match="--frames"):
            frames_of(text)
    assert main(["visualize", str(clip), "--what", "mask", "--flow-scale", "3"]) == 2
    assert "--flow-scale counts with --what flow only" in capsys.readouterr().err
    assert main(["visualize", str(clip)]) == 2
    assert "--what" in capsys.readouterr().err
