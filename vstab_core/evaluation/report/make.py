"""Make a report: check, evaluate, re-encode the clips, write the page."""

from __future__ import annotations

import logging
import math
import os
import time
from pathlib import Path

from ...decode import probe
from ...errors import OutputError
from ...outfile import PartialFile, output_error
from ...result import ProgressFn, Result, tell
from ...sidecar import Sidecar, check_matches, read_sidecar
from ..clip import Clip
from ..evaluate import evaluate
from ..pairing import Pairs
from ..types import Evaluation
from .budget import LONG_SIDES_PX, PAGE_BYTES
from .curves import MOST_POINTS, data_of, plots_of
from .page import page_of
from .preview import Preview, make_preview
from .solver import join, solver_of

logger = logging.getLogger(__name__)

STAGE = "report"


def make_report(
    original: Path,
    stabilized: Path,
    output: Path,
    *,
    sidecar: Path | None = None,
    projection: str = "auto",
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Write a page about a stabilized clip; it appears under its name only when it is complete.

    Args:
        original: the clip as it was filmed.
        stabilized: what a stabilizer made of it.
        output: the page.
        sidecar: of the original; adds what the solver knows.
        projection: as for `evaluate`.
        overwrite: whether an existing output may be replaced.
        on_progress: called with the stages "evaluate" and "report".

    Raises:
        InputError: a clip cannot be read.
        OutputError: the output is one of the inputs, exists, or cannot be written.
        SidecarError: the sidecar is damaged or of another clip.
    """
    started = time.monotonic()
    for source in (stabilized, sidecar):
        if source is not None and _same(output, source):
            raise OutputError(f"output '{output}' is an input; give another name")
    stored = None if sidecar is None else read_sidecar(sidecar)
    if stored is not None:
        check_matches(stored, probe(original))
    file = PartialFile(output, original, overwrite)
    try:
        evaluation = evaluate(original, stabilized, projection=projection, on_progress=on_progress)
        page = page_for(evaluation, stored, on_progress)
        try:
            file.temporary.write_text(page, encoding="utf-8")
        except OSError as error:
            raise output_error(error, output) from error
    except BaseException:
        file.remove()
        raise
    file.complete()
    figures = {
        "frames": len(evaluation.time_s),
        "page_mb": round(len(page) / 1e6, 2),
        "seconds": time.monotonic() - started,
    }
    return Result(output, figures, list(evaluation.warnings))


def page_for(evaluation: Evaluation, sidecar: Sidecar | None = None, on_progress: ProgressFn | None = None) -> str:
    """Return the page about an evaluation, with what a sidecar of the original adds."""
    previews = _previews(evaluation, on_progress)
    end_s = float(evaluation.time_s[-1])
    solver = None if sidecar is None else solver_of(sidecar, previews[0].origin_s, end_s)
    plots = join(plots_of(evaluation), solver)
    data = data_of(evaluation, plots, solver.bands if solver else (), previews[0].sound)
    return page_of(evaluation, previews, data, solver, _notes(evaluation, previews))


def _previews(evaluation: Evaluation, on_progress: ProgressFn | None) -> tuple[Preview, Preview]:
    """Encode both clips so that equal times show the same moment, as the evaluation pairs them."""
    clips = Clip.open(evaluation.original.path), Clip.open(evaluation.stabilized.path)
    own_clocks = Pairs(*clips).from_start
    total = evaluation.original.frames + evaluation.stabilized.frames
    length_s = float(evaluation.time_s[-1])
    tell(on_progress, STAGE, 0, total)
    first = make_preview(
        evaluation.original.path,
        not_before_s=-math.inf if own_clocks else clips[1].start_s,
        duration_s=length_s,
        with_sound=True,
        on_frame=lambda frame: tell(on_progress, STAGE, min(frame, total), total),
    )
    second = make_preview(
        evaluation.stabilized.path,
        origin_s=None if own_clocks else first.origin_s,
        duration_s=length_s,
        on_frame=lambda frame: tell(on_progress, STAGE, min(evaluation.original.frames + frame, total), total),
    )
    tell(on_progress, STAGE, total, total)
    return first, second


def _notes(evaluation: Evaluation, previews: tuple[Preview, Preview]) -> list[str]:
    """Say what the page does not show as it is in the clips."""
    notes = ["The clips in this page are small copies, encoded anew: judge movement and framing by them, not sharpness "
             "or noise."]  # fmt: skip
    limit = PAGE_BYTES // 1_000_000
    for name, preview in zip(("original", "stabilized clip"), previews, strict=True):
        plan = preview.plan
        if plan.every > 1:
            notes.append(f"So that the page stays under {limit} MB, the {name} plays with one frame in {plan.every}.")
        if max(plan.width, plan.height) < LONG_SIDES_PX[0] and _is_reduced(evaluation, name, plan.width):
            notes.append(f"So that the page stays under {limit} MB, the {name} is reduced to {plan.width} × "
                         f"{plan.height} px.")  # fmt: skip
        if preview.lost_sound:
            notes.append(f"The {name} plays without sound: {preview.lost_sound}.")
    if len(evaluation.time_s) > MOST_POINTS:
        notes.append(f"Curves show the least and greatest values of stretches of the {len(evaluation.time_s)} frames.")
    return notes


def _is_reduced(evaluation: Evaluation, name: str, width: int) -> bool:
    clip = evaluation.original if name == "original" else evaluation.stabilized
    return width < clip.width - 1


def _same(output: Path, source: Path) -> bool:
    try:
        return os.path.samefile(output, source)
    except OSError:
        return False
