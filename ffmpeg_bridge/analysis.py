"""The sidecar of a clip: reused where it is there, made where it is not, never lost to other parameters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from vstab_core.decode import probe
from vstab_core.errors import InputError, UsageError
from vstab_core.params import PARAMS, Parameters, parameters_from
from vstab_core.pipeline import analyze
from vstab_core.resmooth import smooth
from vstab_core.result import ProgressFn
from vstab_core.sidecar import Sidecar, check_matches, read_sidecar


def sidecar_for(
    source: Path, sidecar: Path | None, given: Mapping[str, object], on_progress: ProgressFn | None = None
) -> Path:
    """Return the path of a sidecar of the clip that was made with the given parameters.

    A sidecar that is there is used as it is where the given parameters are its own. Otherwise the path is solved again
    from what was measured, or the clip measured again if it must. Where `sidecar` is None the result then goes to a
    file beside the clip that is named after its parameters (`clip.1a2b3c4d.vstab`): `clip.vstab` stays as it is, and
    one graph may hold the clip twice, with different parameters.

    Args:
        source: the clip.
        sidecar: where the sidecar is, or goes; None: beside the clip, `clip.vstab`.
        given: the parameters that the user named; the others are those of the sidecar, or the defaults.
        on_progress: of `vstab_core.pipeline`.
    """
    parameters = parameters_from(given)
    for name in given:
        if PARAMS[name].streaming:
            raise UsageError(f"{name} counts with `vstab stabilize --streaming` only; leave it out")
    path = sidecar or source.with_suffix(".vstab")
    if path.resolve() == source.resolve():
        raise UsageError(f"sidecar must be a file of its own, got the clip '{source}'")
    if not source.is_file():
        raise InputError(f"'{source}' is no file; give source=, the path of the clip that the stream comes from")
    if not path.exists():
        analyze(source, path, parameters, on_progress=on_progress)
        return path
    stored = read_sidecar(path)
    check_matches(stored, probe(source))
    changed = _changed(stored, given)
    if not changed and stored.warps is not None:
        return path
    before = stored.parameters.as_dict() if stored.parameters else {}
    if changed.get("method", "stabnet") != "stabnet" and "stabnet_weights" not in given:
        changed["stabnet_weights"] = "auto"  # those that are stored are of the other method
    wanted = parameters_from({**before, **changed})
    target = path if sidecar is not None else _variant(path, wanted)
    if target != path and target.exists():
        there = read_sidecar(target)
        if there.fingerprint == stored.fingerprint and there.warps is not None and not _changed(there, given):
            return target
    if stored.motion is None or any(PARAMS[name].stage == "analyze" for name in changed):
        analyze(source, target, wanted, overwrite=True, on_progress=on_progress)
    else:
        smooth(path, changed, output=target, on_progress=on_progress)
    return target


def _changed(stored: Sidecar, given: Mapping[str, object]) -> dict[str, object]:
    """Return the given parameters that the sidecar was not made with; "auto" is content with what was decided."""
    checked = parameters_from(given).as_dict()
    before = (stored.parameters or Parameters()).as_dict()
    undecided = {name for name in ("projection", "stereo") if given.get(name) == "auto"}
    return {name: checked[name] for name in given if name not in undecided and checked[name] != before[name]}


def _variant(path: Path, parameters: Parameters) -> Path:
    said = repr(sorted(parameters.as_dict().items())).encode()
    return path.with_suffix(f".{hashlib.sha256(said).hexdigest()[:8]}{path.suffix}")
