"""The motion network says the same on every device, to a stated tolerance (docs/cnn.md)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from tests.synthetic import ASPECT, PROXY, film, shaking
from tests.tolerances import NETWORK_DEVICE_PX, NETWORK_DEVICE_SHARE
from vstab_core.corners import corners_from_homography
from vstab_core.models.load import folded, load_module
from vstab_core.motion.guide import NetworkGuide
from vstab_core.motion.guided import Guess
from vstab_core.track import open_view

TF32_DROPPED = 0x1FFF  # the 13 bits of a float32's mantissa that a GPU's convolutions leave out
PICTURES = film(shaking(4, x=0.03, turn=0.01), 4)


def guesses_of(device: str, *, coarse: bool = False) -> list[Guess]:
    net = folded(load_module("motion", device=device))
    if coarse:
        for part in net.modules():
            if isinstance(part, torch.nn.Conv2d):
                part.weight.data = as_tf32(part.weight.data)
                part.register_forward_pre_hook(lambda _, inputs: tuple(map(as_tf32, inputs)))
    guide = NetworkGuide(net)
    return [guide.compare(open_view(a), open_view(b), ASPECT) for a, b in itertools.pairwise(PICTURES)]


def as_tf32(values: torch.Tensor) -> torch.Tensor:
    bits = values.contiguous().view(torch.int32) + TF32_DROPPED // 2 + 1
    return (bits & ~TF32_DROPPED).view(torch.float32)


def same(found: list[Guess], wanted: list[Guess]) -> None:
    for one, other in zip(found, wanted, strict=True):
        off = corners_from_homography(one.cur_from_ref, ASPECT) - corners_from_homography(other.cur_from_ref, ASPECT)
        assert np.abs(off).max() * PROXY[1] / 2 < NETWORK_DEVICE_PX
        assert np.abs(one.background - other.background).max() < NETWORK_DEVICE_SHARE
        assert abs(one.sure - other.sure) < NETWORK_DEVICE_SHARE


def test_products_as_coarse_as_a_gpus_change_no_answer() -> None:
    exact, coarse = guesses_of("cpu"), guesses_of("cpu", coarse=True)
    assert not np.array_equal(exact[0].cur_from_ref, coarse[0].cur_from_ref)
    same(coarse, exact)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="has no GPU")
def test_a_gpu_answers_as_the_cpu_does() -> None:
    same(guesses_of("cuda"), guesses_of("cpu"))
