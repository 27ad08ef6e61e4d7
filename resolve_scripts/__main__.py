"""Stabilize clips of the project that is open in DaVinci Resolve Studio, from outside of it.

Every clip of a color, or the one under the playhead, of the current timeline or of one that is named. Resolve must be
running, with Preferences > System > General > External scripting using: Local.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .vstab_resolve import actions, api, progress, settings
from .vstab_resolve.refused import Refused

_COLORS = (
    "Orange", "Apricot", "Yellow", "Lime", "Olive", "Green", "Teal", "Navy", "Blue", "Purple", "Violet", "Pink", "Tan",
    "Beige", "Brown", "Chocolate",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None, resolve: Any = None) -> int:
    """Do what the command line asks for and return the exit status: 1 if a clip was left as it was."""
    parser = argparse.ArgumentParser(prog="python -m resolve_scripts", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--color",
        type=str.capitalize,
        choices=_COLORS,
        metavar="COLOR",
        help="every clip of this clip color: Teal, ...",
    )
    which.add_argument("--all", action="store_true", help="every video clip")
    parser.add_argument("--timeline", metavar="NAME", help="of this timeline (default: the current one)")
    parser.add_argument("--result", choices=settings.RESULTS, help="default: as in vstab Settings")
    parser.add_argument("--folder", help="where results go (default: as in vstab Settings)")
    parser.add_argument("--codec", help="FFmpeg's encoder: prores_ks, ... (default: as in vstab Settings)")
    parser.add_argument("--360", dest="is_360", action="store_true", help="they are 360 clips")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of vstab")
    parser.add_argument("--remove", action="store_true", help="take the stabilization back")
    options = parser.parse_args(arguments)
    show = progress.Console()
    try:
        host = api.Host(resolve or connect())
        done, problems = _work(host, options, show)
    except Refused as refused:
        done, problems = "", [str(refused)]
    show.tell(done, problems)
    return 1 if problems else 0


def _work(host: Any, options: argparse.Namespace, show: Any) -> Any:
    timeline = _timeline(host, options.timeline)
    if options.color or options.all:
        items = actions.of_color(host, timeline, options.color)
        if not items:
            raise Refused(f"no clip of the timeline has the color {options.color}" if options.color else "no clips")
    else:
        items = actions.current(host, timeline)
    if options.remove:
        return show.run(actions.remove(host, timeline, items, show))
    chosen = settings.load()
    chosen["parameters"] = {**chosen["parameters"], **dict(_pair(text) for text in options.set)}
    for name in ("result", "codec"):
        chosen[name] = getattr(options, name) or chosen[name]
    if options.folder:
        chosen["folder"] = os.path.abspath(options.folder)  # Resolve, which reads it, stands elsewhere
    return show.run(actions.stabilize(host, timeline, items, chosen, options.is_360, show))


def _timeline(host: Any, name: str | None) -> Any:
    if name is None:
        return host.timeline()
    project = host.project()
    count = project.GetTimelineCount()
    found = [project.GetTimelineByIndex(index) for index in range(1, count + 1)]
    for timeline in found:
        if timeline.GetName() == name:
            return timeline
    names = ", ".join(timeline.GetName() for timeline in found)
    raise Refused(f"the project has no timeline '{name}'; there are: {names}")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Refused(f"--set takes NAME=VALUE; got '{text}'")
    return name.replace("-", "_"), value


def connect() -> Any:
    """Return Resolve, found as its documentation says.

    Raises:
        Refused: it is not installed where it usually is, or does not answer.
    """
    api_folder, library = _usual_places()
    api_folder = Path(os.environ.setdefault("RESOLVE_SCRIPT_API", str(api_folder)))
    os.environ.setdefault("RESOLVE_SCRIPT_LIB", str(library))
    sys.path.append(str(api_folder / "Modules"))
    try:
        import DaVinciResolveScript
    except ImportError as error:
        raise Refused(
            f"there is no DaVinciResolveScript in '{api_folder / 'Modules'}' ({error}); name the folder of Resolve's "
            "scripting in RESOLVE_SCRIPT_API"
        ) from error
    resolve = DaVinciResolveScript.scriptapp("Resolve")
    if resolve is None:
        raise Refused(
            "Resolve does not answer. It must be running, be Studio, and allow it: Preferences > System > General > "
            "External scripting using: Local"
        )
    return resolve


def _usual_places() -> tuple[Path, Path]:
    """Return the folder of Resolve's scripting interface and its library."""
    if sys.platform == "darwin":
        return (
            Path("/Library/Application Support/Blackmagic Design/DaVinci Resolve/Developer/Scripting"),
            Path("/Applications/DaVinci Resolve/DaVinci Resolve.app/Contents/Libraries/Fusion/fusionscript.so"),
        )
    if sys.platform == "win32":
        data = Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData"))
        return (
            data / "Blackmagic Design" / "DaVinci Resolve" / "Support" / "Developer" / "Scripting",
            Path(r"C:\Program Files\Blackmagic Design\DaVinci Resolve\fusionscript.dll"),
        )
    return Path("/opt/resolve/Developer/Scripting"), Path("/opt/resolve/libs/Fusion/fusionscript.so")


if __name__ == "__main__":
    sys.exit(main())
