"""Solve the path of a sidecar again: what a slider needs.

Beside `pipeline` and not in it because a slider waits for it: no video library is loaded.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .errors import SidecarError
from .params import parameters_from
from .result import ProgressFn, Result, figures_of, tell
from .sidecar import read_sidecar, write_sidecar
from .smooth.solve import doubts_of_path
from .smooth.solve import smooth as solve


def smooth(
    sidecar: Path,
    overrides: Mapping[str, object] | None = None,
    *,
    output: Path | None = None,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Solve the path of a sidecar again, with the parameters it was made with except those given.

    Args:
        sidecar: from `analyze`.
        overrides: parameters that change, by name.
        output: where to write; None replaces the sidecar.
        on_progress: called once at the start and once at the end.
    """
    started = time.monotonic()
    stored = read_sidecar(sidecar)
    if stored.motion is None:
        raise SidecarError(f"'{sidecar}' holds no motion to smooth; run `vstab analyze` on the clip")
    frames = len(stored.motion)
    tell(on_progress, "smooth", 0, frames)
    before = stored.parameters.as_dict() if stored.parameters else {}
    parameters = parameters_from({**before, **(overrides or {})})
    warps = solve(stored.motion, parameters)
    target = output or sidecar
    write_sidecar(target, replace(stored, parameters=parameters, warps=warps))
    tell(on_progress, "smooth", frames, frames)
    doubts = doubts_of_path(stored.motion, parameters)
    return Result(target, figures_of(stored.motion, warps, started, parameters), doubts)
