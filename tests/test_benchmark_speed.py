"""Ratios of the speed benchmark are formed within a run."""

from __future__ import annotations

import pytest

from benchmarks.common import Cost
from benchmarks.speed import SMOOTH, summarise


def test_ratios_are_formed_within_a_run_of_wall_and_of_processor_time() -> None:
    measured = [  # the machine is four times slower in the second run
        {"transcode_pyav": Cost(10, 20, 100), "vstab": Cost(15, 26, 300), SMOOTH: Cost(0.5, 0.6, 50)},
        {"transcode_pyav": Cost(40, 24, 100), "vstab": Cost(60, 36, 310), SMOOTH: Cost(0.5, 0.6, 50)},
        {"transcode_pyav": Cost(10, 20, 100), "vstab": Cost(16, 28, 290), SMOOTH: Cost(0.5, 0.6, 50)},
    ]
    found = summarise(measured)
    assert found["vstab"]["wall_to_transcode_pyav"] == pytest.approx(1.5)
    assert found["vstab"]["wall_to_transcode_pyav_range"] == [1.5, 1.6]
    assert found["vstab"]["cpu_to_transcode_pyav"] == pytest.approx(1.4)
    assert found["vstab"]["peak_mib"] == 310
    assert not any("_to_" in key for key in found[SMOOTH])
    assert not any(key.endswith("_to_transcode_pyav") for key in found["transcode_pyav"])
