"""The program ffmpeg: what it can do, where our plug-in is for it, and running a graph."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from .errors import FfmpegError

LAST_LINES = 12  # of what ffmpeg said, in an error: its own error and what it was doing
PLUGIN = "vstab.dll" if os.name == "nt" else "vstab.so"


def find_ffmpeg(cmd: str = "ffmpeg") -> str:
    """Return the path of the program.

    Raises:
        FfmpegError: it is not there.
    """
    found = shutil.which(cmd)
    if found is None:
        raise FfmpegError(
            f"the program '{cmd}' is not found; install ffmpeg, or give its path as cmd=. Without it `stabilize_file` "
            "and `vstab stabilize` still work"
        )
    return found


@lru_cache(maxsize=8)
def has_filter(program: str, name: str) -> bool:
    """Tell whether an ffmpeg has a filter; it is a choice of those who build it whether it has frei0r."""
    try:
        listed = subprocess.run(
            [program, "-hide_banner", "-filters"], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
    except OSError as error:
        raise FfmpegError(f"'{program}' cannot be started: {error.strerror}") from error
    return any(line.split()[1:2] == [name] for line in listed.stdout.splitlines())


def find_plugin() -> Path | None:
    """Return the path of our frei0r plug-in, or None where it was not built.

    It lies in the installed package; in a checkout also where `make frei0r` puts it. The newest is taken.
    """
    here = Path(__file__).resolve().parent
    folders = [here, Path(sysconfig.get_path("platlib")) / "ffmpeg_bridge", here.parent / "build" / "frei0r"]
    built = [folder / PLUGIN for folder in folders if (folder / PLUGIN).is_file()]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def announce_plugin(plugin: Path) -> None:
    """Let every ffmpeg that this process starts find the plug-in: put its folder first in FREI0R_PATH."""
    folders = [folder for folder in os.environ.get("FREI0R_PATH", "").split(os.pathsep) if folder]
    own = str(plugin.parent)
    if folders[:1] != [own]:
        os.environ["FREI0R_PATH"] = os.pathsep.join([own, *(folder for folder in folders if folder != own)])


def run(stream: Any, *, cmd: str = "ffmpeg", overwrite: bool = False) -> None:
    """Run a graph of ffmpeg-python to its end.

    Args:
        stream: what `ffmpeg.output` gives, or several of them.
        cmd: the program.
        overwrite: whether outputs that exist may be replaced.

    Raises:
        FfmpegError: ffmpeg is missing or failed. What it had written of its outputs stays, and is not complete.
    """
    import ffmpeg

    words = ffmpeg.compile(stream, cmd=find_ffmpeg(cmd), overwrite_output=overwrite)
    words[1:1] = ["-hide_banner", "-nostdin", "-nostats"]
    # A file and not a pipe: nobody has to read it while ffmpeg writes, however much it says.
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            status = child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        if status:
            said.seek(max(0, said.seek(0, os.SEEK_END) - 65536))
            lines = said.read().decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:]
            end = f"was ended by signal {-status}" if status < 0 else f"failed with status {status}"
            raise FfmpegError("\n".join([f"ffmpeg {end}; its outputs are not complete. It said last:", *lines]))
