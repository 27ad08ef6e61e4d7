"""What `vstab` is asked to do for one file, as steps that yield (text, fraction) and return what was made."""

import contextlib
import json
import os

from .child import PROTOCOL, Child, ask, how_it_ended
from .refused import Refused

_WORDS = {"analyze": "measuring", "smooth": "smoothing", "render": "rendering", "export": "exporting"}


def render(program, source, output, sidecar, codec, parameters, is_360, show):
    """Write the stabilized file `output`; an analysis in `sidecar` is used, or kept there. No codec: as the source.

    Raises:
        Refused: vstab could not, or was cancelled; nothing half-written is left.
    """
    _make_folder(output)
    _make_folder(sidecar)
    words = ["stabilize", source.path, "-o", output, "--sidecar", sidecar]
    words += ["--codec", codec] if codec else []
    words += _flags(_with_projection(program, source, parameters, is_360))
    yield from _with_fresh_sidecar(program, words, sidecar, show)


def analyze(program, source, sidecar, parameters, is_360, show):
    """Bring a sidecar up to the parameters; what was measured before is used again.

    Raises:
        Refused: vstab could not, or was cancelled.
    """
    _make_folder(sidecar)
    rows = json.loads(ask(program, ["params", "--json"]))
    of_render = [row["name"] for row in rows if row["stage"] == "render"]
    given = _with_projection(program, source, parameters, is_360)
    wanted = {name: value for name, value in given.items() if name not in of_render}
    if os.path.exists(sidecar):
        # defaults too: `vstab smooth` keeps what the sidecar was made with
        slider = {row["name"]: wanted.get(row["name"], row["default"]) for row in rows if row["stage"] == "smooth"}
        if _belongs(program, sidecar, source):
            yield from _run(program, ["smooth", sidecar] + _flags(slider), show)
            return
    yield from _run(program, ["analyze", source.path, "-o", sidecar, "--overwrite"] + _flags(wanted), show)


def _make_folder(path):
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise Refused(
            "cannot write into '{}': {}; choose another folder in vstab Settings".format(folder, error.strerror),
            "output",
        ) from error


def _with_projection(program, source, parameters, is_360):
    """Return the parameters; a clip that the user says is 360 is taken as equirectangular if vstab sees another."""
    parameters = dict(parameters)
    if is_360 and parameters.get("projection", "auto") == "auto":
        facts = json.loads(ask(program, ["info", source.path, "--json"]))
        if facts.get("projection", "rectilinear") == "rectilinear":
            parameters["projection"] = "equirect"
    return parameters


def _belongs(program, sidecar, source):
    with contextlib.suppress(Refused):
        stored, found = (json.loads(ask(program, ["info", path, "--json"])) for path in (sidecar, source.path))
        return stored.get("fingerprint") == found.get("fingerprint")
    return False


def _with_fresh_sidecar(program, words, sidecar, show):
    try:
        yield from _run(program, words, show)
    except Refused as refused:
        if refused.code != "sidecar":
            raise
        os.remove(sidecar)  # of an older version of the clip
        yield from _run(program, words, show)


def _flags(parameters):
    words = []
    for name, value in parameters.items():
        words += ["--" + name.replace("_", "-"), str(value)]
    return words


def _run(program, words, show):
    """Run one command to its end.

    Raises:
        Refused: it ended with an error, or was cancelled.
    """
    child = Child(program, words + ["--progress", "json"])
    answer, failure, stages, ended = None, None, [], False
    try:
        while not ended:
            if show.cancelled:
                child.cancel()
            events, ended = child.poll()
            for event in events:
                kind = event.get("event")
                if kind == "started":
                    stages = [name for name in event.get("stages", ()) if name != "smooth"]
                    if event.get("protocol") != PROTOCOL:
                        raise Refused("vstab and these scripts are of different versions; update both", "missing")
                elif kind == "progress":
                    yield _progress(event, stages)
                elif kind == "warning":
                    show.warn(event.get("message", ""))
                elif kind == "result":
                    answer = event
                elif kind == "error":
                    failure = Refused(event.get("message", "vstab failed"), event.get("code", "error"))
            if not ended:
                yield None
    finally:
        status, last_words = child.close()
    if failure is not None:
        if failure.code == "output":
            raise Refused("{}; or choose another folder in vstab Settings".format(failure), failure.code)
        raise failure
    if answer is None:
        raise Refused(how_it_ended(status, last_words), "killed")


def _progress(event, stages):
    stage, frames = event.get("stage", ""), event.get("frames") or 0
    part = min(event.get("frame", 0) / frames, 1.0) if frames else 0.0
    whole = (stages.index(stage) + part) / len(stages) if stage in stages else None
    return _WORDS.get(stage, stage), whole
