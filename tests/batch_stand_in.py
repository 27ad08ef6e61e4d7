"""Plays `vstab stabilize` for the tests of the batch: says the protocol and does what the source's text says.

    python batch_stand_in.py run vstab-arguments...     the command, with this file in the place of the children
    python batch_stand_in.py SOURCE -o OUT ...          a child

A source is text: seconds that it takes, and what happens then: ok, warn, fail, crash. "long" anywhere in it makes it a
long clip, of `PARTS` parts; if there is "apart" in it too their joining fails, with "crack" the second one crashes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

CHILD = (sys.executable, "-S", __file__)
STEPS = 10
PARTS = [(0, 100), (100, 250), (250, 300), (300, 400)]


def child(arguments: list[str]) -> int:
    command, source, out = arguments[0], Path(arguments[1]), Path(arguments[3])
    if source.read_bytes()[4:8] == b"ftyp":  # a clip: the real command
        os.execv(sys.executable, [sys.executable, "-P", "-m", "vstab_core.cli", *arguments])
    options = " ".join(arguments[7:])
    seconds, _, what = source.read_text().partition(" ")
    with (source.parent / "children.txt").open("a") as log:
        log.write(f"{os.getpid()} {source.name} {options if command == 'stabilize' else f'{command} {options}'}\n")
    partial = out.with_name("." + out.name + ".partial")
    partial.write_text("half")
    threading.Thread(target=stop_with_stdin, args=(partial,), daemon=True).start()
    tell(event="started", output=str(out))
    if "crack" in what:
        if "--frames=100:250" in options:
            os.kill(os.getpid(), signal.SIGSEGV)
        seconds = seconds if "--frames" in options else "0"
    for step in range(STEPS):
        time.sleep(float(seconds) / STEPS)
        tell(event="progress", stage="render", frame=step + 1, frames=STEPS)
    if what == "fail" or ("apart" in what and "--join" in options):
        partial.unlink()
        tell(event="error", code="input", message="no clip of ours")
        return 3
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "warn":
        tell(event="warning", message="it shakes")
    partial.write_text(result_of(command, source.read_text(), arguments[7:]))
    os.replace(partial, out)
    tell(event="result", figures={"frames": STEPS})
    return 0


def result_of(command: str, text: str, options: list[str]) -> str:
    if "--join" in options:
        parts = options[options.index("--join") + 1 :]
        return "joined of " + " ".join(Path(part).read_text() for part in parts)
    if command == "segment":
        return options[1]
    return f"result of {text} {' '.join(options)}"


def play_long_clips() -> None:
    from vstab_core.batch import segments

    segments._duration_s = lambda path: 240.0 if "long" in path.read_text() else 10.0
    segments._can_join = lambda job: True
    segments._ranges_in = lambda sidecar: PARTS


def stop_with_stdin(partial: Path) -> None:
    while os.read(0, 1):
        pass
    partial.unlink(missing_ok=True)
    os._exit(130)


def tell(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "run":
        import vstab_core.batch.clip
        from vstab_core.cli import main

        vstab_core.batch.clip.COMMAND = CHILD
        play_long_clips()
        sys.exit(main(sys.argv[2:]))
    sys.exit(child(sys.argv[1:]))
