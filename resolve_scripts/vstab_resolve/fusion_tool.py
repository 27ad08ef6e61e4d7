"""The result as vstab's OpenFX tool in a Fusion composition of the clip: nothing is rendered, trims stay free."""

from . import api
from .refused import Refused

COMPOSITION = "vstab"
TOOL, TOOL_360 = "ofx.vstab.Stabilize", "ofx.vstab.Stabilize360"
_SIDECAR = "sidecar"  # the tool's parameters, ofx_bridge/describe.h
_SOURCE = "Source"


def put(host, clip, sidecar, is_360):
    """Give a clip a composition MediaIn -> vstab -> MediaOut that reads a sidecar.

    Raises:
        Refused: it has one of its own, or the OpenFX plug-in is not there; the clip is as it was.
    """
    item = clip.item
    names = api.listed(item.GetFusionCompNameList())
    if [name for name in names if name != COMPOSITION]:
        raise Refused(
            "'{}' has a Fusion composition; add the tool vstab Stabilize behind its MediaIn there, with the sidecar "
            "'{}'".format(clip.name, sidecar)
        )
    if COMPOSITION in names:
        composition = item.GetFusionCompByName(COMPOSITION)
        tool = composition.FindTool("vstab1") if composition is not None else None
        if tool is not None and tool.GetAttrs().get("TOOLS_RegID") == _tool(is_360):
            tool.SetInput(_SIDECAR, "")  # the plug-in reads a path anew when it changes
            tool.SetInput(_SIDECAR, sidecar)
            return
        item.DeleteFusionCompByName(COMPOSITION)
    composition = item.AddFusionComp()
    if composition is None:
        raise Refused("Resolve adds no Fusion composition to '{}'".format(clip.name))
    added = [name for name in api.listed(api.patiently(item.GetFusionCompNameList)) if name not in names][-1]
    try:
        _build(composition, sidecar, is_360)
    except Exception:
        item.DeleteFusionCompByName(added)
        raise
    item.RenameFusionCompByName(added, COMPOSITION)


def remove(item):
    """Delete our composition; whether there was one."""
    if COMPOSITION not in api.listed(item.GetFusionCompNameList()):
        return False
    if not item.DeleteFusionCompByName(COMPOSITION):
        raise Refused("Resolve does not delete the Fusion composition '{}'; do it there".format(COMPOSITION))
    return True


def _tool(is_360):
    return TOOL_360 if is_360 else TOOL


def _build(composition, sidecar, is_360):
    entry, out = composition.FindTool("MediaIn1"), composition.FindTool("MediaOut1")
    if entry is None or out is None:
        raise Refused("the new Fusion composition has no MediaIn1 and MediaOut1; choose the result Take")
    tool = composition.AddTool(_tool(is_360))
    if tool is None:
        raise Refused(
            "Fusion does not know the tool {}: the OpenFX plug-in is not installed, or Resolve was not restarted. "
            "Run `vstab doctor --install-ofx`, then restart Resolve".format(_tool(is_360))
        )
    tool.SetAttrs({"TOOLS_Name": "vstab1"})
    # MediaOut must descend from MediaIn: Resolve renders an unrooted tool as a failure. And no Lock around it: a value
    # that is written under a lock is stored and not rendered.
    wired = tool.ConnectInput(_SOURCE, entry) and out.ConnectInput("Input", tool)
    tool.SetInput(_SIDECAR, sidecar)
    if not wired or tool.GetInput(_SIDECAR) != sidecar:
        raise Refused("Fusion does not take the tool's connections or its sidecar; choose the result Take")
