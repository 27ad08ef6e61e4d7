"""Whole files, without the program ffmpeg: what `vstab stabilize` does."""

from __future__ import annotations

from pathlib import Path

from vstab_core.params import parameters_from
from vstab_core.pipeline import stabilize as stabilize_clip
from vstab_core.result import ProgressFn, Result
from vstab_core.types import EncodeOptions


def stabilize_file(
    source: Path | str,
    output: Path | str,
    *,
    sidecar: Path | str | None = None,
    encode: EncodeOptions | None = None,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
    **parameters: object,
) -> Result:
    """Stabilize a clip from file to file, with sound, timing, colour and bit depth kept.

    Args:
        source, output: the clip and where the result goes.
        sidecar: where the analysis is kept for another time; None: nowhere.
        encode: the encoder's options; None: what suits the source.
        overwrite: whether an existing output may be replaced.
        on_progress: called with (stage, frames done, frames in all or 0).
        parameters: those of docs/parameters.md, with underscores.

    Returns:
        The output's path, figures and warnings.

    Raises:
        UsageError: a parameter is unknown (the nearest are named) or out of its range.
        VstabError: as the command; see `vstab_core.errors`.
    """
    return stabilize_clip(
        Path(source),
        Path(output),
        parameters_from(parameters),
        encode,
        sidecar=None if sidecar is None else Path(sidecar),
        overwrite=overwrite,
        on_progress=on_progress,
    )
