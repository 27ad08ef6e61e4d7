"""Clips of two cameras side by side: where one's view is in the other is found, to a fraction of a pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.clips import ClipSpec, write_clip
from tests.synthetic import Picture, film, moving, shaking
from vstab_core.errors import InputError
from vstab_core.training.paired_clips import film_pair, has_pairs, read_pairs
from vstab_core.training.pairs import cells_of
from vstab_core.training.recipe import Options
from vstab_core.training.stabnet import BACK, STRIDE, TURNS, Stage, lesson_of

SIZE = (144, 256)
FRAMES = 40
STEADY = moving(x=0.002)
SHAKY = STEADY + shaking(4, x=0.02, turn=0.006)


def write_film(path: Path, pictures: list[Picture]) -> None:
    spec = ClipSpec(size=pictures[0].shape, pixel_format="gray", codec="ffv1", container="matroska")
    write_clip(path, spec, ((picture,) for picture in pictures))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("pairs")
    for name, camera in (("stable", STEADY), ("unstable", SHAKY)):
        (where / name).mkdir()
        write_film(where / name / "1.mkv", film(camera, FRAMES, size=(180, 320)))
    return where


def truth_px(frame: int) -> np.ndarray:
    """Where the cells of the steady view are in the shaky one, by the cameras."""
    h = np.linalg.inv(SHAKY.poses(frame)[0]) @ STEADY.poses(frame)[0]
    cells = cells_of(SIZE, STRIDE).reshape(-1, 2) / (SIZE[1] / 2)
    at = np.c_[cells, np.ones(len(cells))] @ h.T
    return (at[:, :2] / at[:, 2:] * (SIZE[1] / 2)).reshape(*cells_of(SIZE, STRIDE).shape)


def test_the_steady_view_is_found_in_the_shaky_one(folder: Path) -> None:
    assert has_pairs(folder)
    (clip,) = read_pairs(folder, SIZE, max(BACK) + TURNS)
    assert clip.shaky.shape == (FRAMES, *SIZE)
    assert 1.0 < clip.shake_px < 6.0  # 0.02 half widths in x and y are 3.6 px
    for seed in range(6):
        made = film_pair([clip], np.random.default_rng(seed), BACK, TURNS, STRIDE)
        apart = [
            min(np.abs(made.truth_px[0] - side(truth_px(t))).max() for side in (same, mirrored)) for t in range(FRAMES)
        ]
        assert min(apart) < 0.3, seed  # px of 256: of one of the frames
        assert made.past.shape == (len(BACK), *SIZE)


def same(points: np.ndarray) -> np.ndarray:
    return points


def mirrored(points: np.ndarray) -> np.ndarray:
    return points[:, ::-1] * [-1, 1]


def test_half_of_each_batch_is_of_the_clips_and_the_pictures_grow(folder: Path) -> None:
    small = (SIZE[0] // 2, SIZE[1] // 2)
    lesson = lesson_of(Options(steps=3), folder, [Stage(0.67, small, 6), Stage(1.0, SIZE, 4)], 0)
    assert lesson.data.startswith("16 films ")
    assert "1 pairs of clips" in lesson.data
    for step, count, size in ((0, 6, small), (1, 6, small), (2, 4, SIZE)):
        batch = lesson.batches(step)
        assert batch["frames"].shape == (count, TURNS, *size)
        (clip,) = read_pairs(folder, size, max(BACK) + TURNS)
        assert [float(px) == pytest.approx(clip.shake_px) for px in batch["shake_px"]].count(True) == count // 2


@pytest.mark.parametrize(("name", "words"), [("2.mkv", "no clip of"), ("1.mkv", "3 frames in common")])
def test_clips_that_are_of_no_use_are_named(tmp_path: Path, name: str, words: str) -> None:
    for side, file in (("stable", "1.mkv"), ("unstable", name)):
        (tmp_path / side).mkdir()
        write_film(tmp_path / side / file, film(STEADY, 3, size=(90, 160)))
    with pytest.raises(InputError, match=words):
        read_pairs(tmp_path, SIZE, 34)
