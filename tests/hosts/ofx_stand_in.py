"""Stands in for the command vstab: notes how it was called, then does what VSTAB_STAND_IN says."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    notes = Path(os.environ["VSTAB_STAND_IN_NOTES"])
    with notes.open("a", encoding="utf-8") as file:
        bad = sorted(name for name in os.environ if name.startswith(("PYTHON", "LD_PRELOAD", "QT_")))
        file.write(json.dumps({"arguments": sys.argv[1:], "environment": bad}) + "\n")
    how = os.environ["VSTAB_STAND_IN"]
    say({"event": "started", "protocol": 1, "nested": {"a": ["}", '"']}})
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "garbage":
        sys.stdout.write("\x00not json {{{\n" * 50 + '{"event": "progress", "frame": ')
        return
    if how == "fail":
        say({"event": "error", "code": "input", "message": "cannot read 'clip \u00fc\U0001f600.mov'"})
        sys.exit(3)
    if how == "wait":
        say({"event": "progress", "stage": "analyze", "frame": 42, "frames": 100, "fps": None})
        sys.stdin.read()
        say({"event": "error", "code": "cancelled", "message": "cancelled: stdin was closed"})
        sys.exit(130)
    if how == "deaf":
        say({"event": "progress", "stage": "analyze", "frame": 1, "frames": 2})
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    say({"event": "result"})


def say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
