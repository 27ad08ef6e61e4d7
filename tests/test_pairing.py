"""Frames of two clips are compared by time: dropped frames, other rates and other clocks."""

from __future__ import annotations

import numpy as np
import pytest

from vstab_core.evaluation.clip import Clip, Picture
from vstab_core.evaluation.pairing import Pairs


def clip(times_s: np.ndarray, fps: float, size: tuple[int, int] = (8, 4)) -> Clip:
    pictures = [Picture(float(t), np.full(size[::-1], i % 256, np.uint8)) for i, t in enumerate(times_s)]
    return Clip(pictures, *size, fps, len(pictures), float(times_s[0]) if len(times_s) else 0.0)


def numbers(pairs: Pairs) -> list[tuple[int, int]]:
    return [(int(first.luma[0, 0]), int(second.luma[0, 0])) for first, second in pairs]


EVEN_S = np.arange(20) / 30


def test_equal_clocks_pair_one_to_one_and_differ_in_nothing() -> None:
    pairs = Pairs(clip(EVEN_S, 30), clip(EVEN_S, 30))
    assert numbers(pairs) == [(i, i) for i in range(20)]
    assert (pairs.paired, pairs.frames, pairs.differences()) == (20, (20, 20), [])


def test_a_dropped_frame_costs_its_pair_only() -> None:
    kept = np.delete(np.arange(20), [3, 11])
    pairs = Pairs(clip(EVEN_S, 30), clip(EVEN_S[kept], 30))
    assert numbers(pairs) == [(int(k), i) for i, k in enumerate(kept)]
    assert pairs.differences() == [
        "the original has 20 frames at 30 fps, the stabilized 18 at 30; compared are the 18 of the same moment"
    ]


def test_half_the_rate_pairs_with_every_second_frame() -> None:
    assert numbers(Pairs(clip(EVEN_S, 30), clip(EVEN_S[::2], 15))) == [(2 * i, i) for i in range(10)]


def test_a_cut_off_beginning_keeps_its_clock() -> None:
    assert numbers(Pairs(clip(EVEN_S, 30), clip(EVEN_S[5:], 30))) == [(i + 5, i) for i in range(15)]


@pytest.mark.parametrize("start_s", [0.4, -0.2, 3600.0])
def test_a_clip_written_anew_from_another_start_is_counted_from_there(start_s: float) -> None:
    pairs = Pairs(clip(EVEN_S + start_s, 30), clip(EVEN_S, 30))
    assert numbers(pairs) == [(i, i) for i in range(20)]
    assert f"the original begins at {start_s:.3f} s, the stabilized at 0.000 s" in pairs.differences()[0]


def test_variable_frame_rate_is_followed() -> None:
    times_s = np.cumsum(np.random.default_rng(1).uniform(0.02, 0.06, 30))
    rounded = np.round(times_s, 3)  # Matroska holds milliseconds
    assert numbers(Pairs(clip(times_s, 25), clip(rounded, 25))) == [(i, i) for i in range(30)]


def test_an_empty_clip_pairs_with_nothing() -> None:
    pairs = Pairs(clip(EVEN_S, 30), clip(EVEN_S[:0], 30))
    assert numbers(pairs) == []
    assert pairs.frames == (20, 0)


def test_other_sizes_are_told() -> None:
    pairs = Pairs(clip(EVEN_S, 30), clip(EVEN_S, 30, size=(16, 8)))
    numbers(pairs)
    assert "the original is 8x4, the stabilized 16x8" in pairs.differences()[0]
