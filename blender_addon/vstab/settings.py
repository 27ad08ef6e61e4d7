"""The sliders: one property for each row of the table of parameters, and what the table does not hold.

`params.py` is the command's own; packaging puts a copy beside this file.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import corners
from .params import DEFAULTS, PARAMS, Param
from .presets import PRESETS

# Not for strips: the strip would have to become shorter, is no image sequence, or it is a choice of one.
_HIDDEN = frozenset(("hyperlapse", "hyperlapse_audio", "fps", "missing_frames"))
_ONLY_360 = "(360)"

NAMES = tuple(
    name for name, row in PARAMS.items() if not row.streaming and name not in _HIDDEN and len(row.choices) != 1
)
# The 360 ones a flat clip ignores, and the other way round.
_FLAT_ONLY = frozenset(("lock", "max_crop", "zoom", "border", "rolling_shutter"))
NAMES_360 = tuple(name for name in NAMES if name not in _FLAT_ONLY)
NAMES_FLAT = tuple(name for name in NAMES if _ONLY_360 not in PARAMS[name].label)

# What is animated holds a move, a turn and one scale, or the perspective of four corners: no rows that shift, no bend,
# no picture from elsewhere.
_KEYFRAMES_CANNOT = {"rolling_shutter": "off"}
_KEYFRAME_MODELS = {
    "KEYFRAMES": ("translation", "similarity"),
    "CORNERS": ("translation", "similarity", "homography"),
}
_KEYFRAME_BORDERS = ("crop", "black")

RESULTS = (
    ("RENDER", "Render", "Write a stabilized file of the same length and let the strip show it; the original stays"),
    ("ABOVE", "Above", "Write a stabilized file and show it in a strip of its own above the muted original"),
    ("KEYFRAMES", "Keyframes", "Animate the strip's position, rotation and scale: nothing is written, all stays "
     "editable. Without rolling-shutter correction; not for 360"),
)  # fmt: skip
if corners.available():
    RESULTS += (
        ("CORNERS", "Corner Pin", "Animate the four corners of the picture, in a modifier: as Keyframes, but with the "
         "perspective of the model homography, and independent of the strip's transform"),
    )  # fmt: skip


def label(name: str) -> str:
    """Return a parameter's label without the remark that it is for 360 clips."""
    return PARAMS[name].label.replace(_ONLY_360, "").strip()


def _property(name: str, row: Param) -> Any:
    default = DEFAULTS[name]
    look = {"name": label(name), "description": row.help.rstrip(".")}
    if row.choices:
        items = [(choice, choice.replace("-", " ").title(), "") for choice in row.choices]
        return bpy.props.EnumProperty(items=items, default=str(default), **look)
    if row.check is not None:
        return bpy.props.StringProperty(default=str(default), **look)
    kind = bpy.props.IntProperty if isinstance(default, int) else bpy.props.FloatProperty
    more = {} if isinstance(default, int) else {"subtype": "FACTOR", "precision": 2}
    return kind(default=default, min=type(default)(row.minimum), max=type(default)(row.maximum), **more, **look)


def _apply_preset(self: Any, context: Any) -> None:
    changes = PRESETS[self.preset][2]
    for name in NAMES:
        setattr(self, name, changes.get(name, DEFAULTS[name]))


def make_settings() -> type:
    """Return the class of `Scene.vstab`."""
    presets = [(key, name, text) for key, (name, text, _) in PRESETS.items()]
    annotations = {name: _property(name, PARAMS[name]) for name in NAMES}
    annotations["preset"] = bpy.props.EnumProperty(
        name="Preset", description="Set all parameters for a kind of shot", items=presets, update=_apply_preset
    )
    annotations["result"] = bpy.props.EnumProperty(name="Result", description="What becomes of a strip", items=RESULTS)
    doc = "The parameters of the next run, saved with the scene."
    return type("VSTAB_PG_settings", (bpy.types.PropertyGroup,), {"__annotations__": annotations, "__doc__": doc})


def parameters_of(settings: Any, is_360: bool) -> dict[str, Any]:
    """Return name -> value of the parameters that count for this kind of clip."""
    names = NAMES_360 if is_360 else NAMES_FLAT
    values = {name: getattr(settings, name) for name in names}
    # shortest decimal: Blender's floats are single, and 0.15 would be 0.15000000596
    return {name: float(f"{value:.6g}") if isinstance(value, float) else value for name, value in values.items()}


def animates(result: str) -> bool:
    """Whether a result is animation, and not a file."""
    return result in _KEYFRAME_MODELS


def for_keyframes(parameters: dict[str, Any], result: str) -> dict[str, Any]:
    """Return the parameters with what a result that is animation cannot hold replaced by what it can."""
    parameters = {**parameters, **_KEYFRAMES_CANNOT}
    if parameters["model"] not in _KEYFRAME_MODELS[result]:
        parameters["model"] = _KEYFRAME_MODELS[result][-1]
    if parameters["border"] not in _KEYFRAME_BORDERS:
        parameters["border"] = "crop"
    return parameters


def counts(name: str, result: str) -> bool:
    """Whether a parameter has an effect on a result."""
    return not animates(result) or (name not in _KEYFRAMES_CANNOT and PARAMS[name].stage != "render")


def flags(parameters: dict[str, Any], *stages: str) -> list[str]:
    """Return parameters as a command line takes them, those of the given stages only."""
    words = []
    for name, value in parameters.items():
        if PARAMS[name].stage in stages:
            words += ["--" + name.replace("_", "-"), str(value)]
    return words
