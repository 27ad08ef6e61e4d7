"""Where the Blender extension puts a picture's corners; its package needs bpy, this file of it does not."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FILE = Path(__file__).parents[1] / "blender_addon" / "vstab" / "perspective.py"
ASPECT = 9 / 16
IN_SOURCE = {"Upper Left": (-1, -ASPECT), "Upper Right": (1, -ASPECT), "Lower Left": (-1, ASPECT),
             "Lower Right": (1, ASPECT)}  # fmt: skip


@pytest.fixture(scope="module")
def perspective() -> ModuleType:
    spec = importlib.util.spec_from_file_location("perspective", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("factor", [1.0, -0.3])
def test_each_corner_stands_where_the_warp_looks_at_it(perspective: ModuleType, factor: float) -> None:
    src_from_dst = factor * np.array([[0.9, -0.05, 0.02], [0.06, 0.92, -0.01], [0.04, -0.03, 1.0]])
    for name, (x, y) in perspective.corners_of(src_from_dst.tolist(), ASPECT).items():
        seen = src_from_dst @ [2 * x - 1, (1 - 2 * y) * ASPECT, 1.0]
        assert seen[:2] / seen[2] == pytest.approx(IN_SOURCE[name], abs=1e-12)


def test_a_corner_behind_the_viewer_is_refused(perspective: ModuleType) -> None:
    src_from_dst = np.linalg.inv([[1.0, 0, 0], [0, 1, 0], [1.2, 0, 1]])
    with pytest.raises(ValueError, match="'Upper Left' lies behind the viewer"):
        perspective.corners_of(src_from_dst.tolist(), ASPECT)
