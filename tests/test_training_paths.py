"""The paths that are made up and those that are read from sidecars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.synthetic import motion_of, moving, shaking
from vstab_core.corners import similarity_from
from vstab_core.errors import InputError
from vstab_core.params import Parameters
from vstab_core.sidecar import Sidecar, write_sidecar
from vstab_core.training.measured_paths import read_paths, with_measured
from vstab_core.training.paths import coefficients, make_paths


def test_the_same_seed_gives_the_same_paths_and_another_others() -> None:
    one, same, other = (make_paths(np.random.default_rng(seed), 5, 40) for seed in (1, 1, 2))
    assert np.array_equal(one.path, same.path)
    assert not np.allclose(one.path, other.path)
    assert not one.path[:, 0].any()


def test_coefficients_are_those_of_the_similarity() -> None:
    motion = np.array([[[0.03, -0.02, np.log(1.01), 0.005]]])
    for aspect in (9 / 16, 16 / 9):
        from vstab_core.corners import similarity_basis

        found = coefficients(motion, np.array([aspect]))[0] @ similarity_basis(aspect)
        matrix = similarity_from(found, aspect)[0]
        assert matrix[:2, 2] == pytest.approx([0.03, -0.02])
        assert np.hypot(matrix[0, 0], matrix[1, 0]) == pytest.approx(1.01)
        assert np.arctan2(matrix[1, 0], matrix[0, 0]) == pytest.approx(0.005)


def test_measured_paths_come_from_sidecars_shot_by_shot(tmp_path: Path) -> None:
    motion = motion_of(moving(x=0.01) + shaking(1), 90, cuts=[30])
    with pytest.raises(InputError, match=r"no camera path of 50 frames or more in .*; run `vstab analyze CLIP`"):
        read_paths(tmp_path, 50)
    sidecar = Sidecar(motion=motion, parameters=Parameters(), warps=None, fingerprint="", source_name="a.mp4",
                      projection="rectilinear")  # fmt: skip
    write_sidecar(tmp_path / "a.vstab", sidecar)
    (path,) = read_paths(tmp_path, 50)
    assert path.path.shape == (1, 60, 4)
    assert path.rate[0] == pytest.approx(30, rel=1e-3)
    mixed = with_measured(np.random.default_rng(0), make_paths(np.random.default_rng(0), 6, 50), [path])
    assert np.allclose(mixed.rate[[0, 3]], path.rate[0])
    assert not mixed.path[:, 0].any()
