"""Where every menu script begins."""

from . import actions, api, fault, progress, settings
from .refused import Refused


def run(action, names):
    """Do what a menu entry is for; nothing is raised into Resolve.

    Args:
        action: "stabilize", "stabilize 360", "stabilize selected", "remove" or "settings".
        names: the script's globals, where Resolve has put `resolve`, `fusion` and `bmd`.
    """
    show = progress.Console()
    try:
        resolve = names.get("resolve") or _connect()
        host = api.Host(resolve, names.get("fusion"), names.get("bmd"))
        show = progress.for_host(host)
        chosen = settings.load()
        if action == "settings":
            from . import settings_window

            done, problems = settings_window.edit(host, chosen)
        else:
            done, problems = _work(action, host, chosen, show)
    except Refused as refused:
        done, problems = "", [str(refused)]
    except Exception:
        done, problems = "", [fault.kept()]
    show.tell(done, problems)


def _work(action, host, chosen, show):
    timeline = host.timeline()
    if action == "stabilize selected":
        items = actions.selected(host, timeline, chosen["color"])
    else:
        items = actions.current(host, timeline)
    if action == "remove":
        return show.run(actions.remove(host, timeline, items, show))
    return show.run(actions.stabilize(host, timeline, items, chosen, action == "stabilize 360", show))


def _connect():
    """Return Resolve as seen from a Python of its own, for those who start a script from a shell."""
    try:
        import DaVinciResolveScript
    except ImportError as error:
        raise Refused(
            "this is a script for Resolve's menu Workspace > Scripts; from outside use `python -m resolve_scripts`"
        ) from error
    resolve = DaVinciResolveScript.scriptapp("Resolve")
    if resolve is None:
        raise Refused("Resolve does not answer; is it running, with external scripting allowed in its preferences?")
    return resolve
