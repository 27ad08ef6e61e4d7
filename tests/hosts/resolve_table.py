"""The methods of DaVinci Resolve's objects, with their arguments: read from the stubs, and what the stubs lack.

    python -m tests.hosts.resolve_table fusionscript.pyi > tests/hosts/resolve_table.json

`fusionscript.pyi` is of the PyPI package fusionscript-stubs 21.0.0 (Korney Czukowski, MIT licence), which wrote it from
Blackmagic's README of Resolve 21.0. The table holds facts only: names, order and types of arguments.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("resolve_table.json")
SOURCE = "PyPI fusionscript-stubs 21.0.0, MIT licence, Korney Czukowski; facts from Blackmagic's README of Resolve 21.0"

# (name, type, required); types: str int float bool list dict any, the name of a class, or [of it] for a list
Argument = tuple[str, str, bool]
Signature = tuple[Argument, ...]
Methods = dict[str, list[Signature]]

CLASSES = ("Resolve", "ProjectManager", "Project", "MediaPool", "Folder", "MediaPoolItem", "Timeline", "TimelineItem")

# The stubs write these as required; every published script leaves them out, and the stubs of 21.1 give defaults.
OPTIONAL = ("subframe_precision", "subTrackType", "Bool", "propertyKey", "propertyName", "metadataType", "analysisType")

# The README says "(float/int)" of these, in both dialects; the stubs write int.
FLOATS = ("startFrame", "endFrame", "recordFrame")

# Resolve 21.0.4 and 21.1: names and arguments as the documentation of these versions lists them.
_NONE: Signature = ()
_OPTIONS: Signature = (("options", "dict", True),)
ADDED: Mapping[tuple[int, ...], Mapping[str, Mapping[str, Signature]]] = {
    (21, 0, 4): {"Timeline": {"GetSelectedClips": _NONE}},
    (21, 1, 0): {
        "Resolve": {"GetCurrentProject": _NONE, "GetCurrentTimeline": _NONE, "GetMediaPool": _NONE},
        "Project": {"GetSettings": _NONE, "SetSettings": _OPTIONS},
        "Timeline": {"GetSettings": _NONE, "SetSettings": _OPTIONS},
        "TimelineItem": {
            "GetType": _NONE,
            "GetProperties": _NONE,
            "SetProperties": _OPTIONS,
            "GetSpeed": _NONE,
            "SetSpeed": _OPTIONS,
            "GetFades": _NONE,
            "SetFades": _OPTIONS,
        },
    },
}
# Methods that came after the oldest version that the scripts take, 19.0.2.
SINCE: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("MediaPoolItem", "GetMarkInOut"): (19, 1, 0),
    ("MediaPoolItem", "SetMarkInOut"): (19, 1, 0),
    ("TimelineItem", "SetName"): (20, 2, 0),
}
# Calling conventions that 21.1 lists as deprecated; the strict reading is that they are gone.
DEPRECATED: Mapping[tuple[str, str], int] = {  # -> number of arguments of the deprecated form
    ("Timeline", "GetSetting"): -1,
    ("Project", "GetSetting"): -1,
    ("TimelineItem", "GetProperty"): -1,
    ("TimelineItem", "SetProperty"): -1,
    ("MediaPoolItem", "GetClipProperty"): 1,
    ("MediaPoolItem", "GetMetadata"): 1,
    ("MediaPoolItem", "SetMetadata"): 2,
    ("MediaPoolItem", "SetThirdPartyMetadata"): 2,
}
# Fusion's own objects, which neither source lists: the calls of the Fusion scripting guide that a script needs.
FUSION: Mapping[str, Mapping[str, Signature]] = {
    "FusionComp": {
        "FindTool": (("name", "str", True),),
        "AddTool": (("id", "str", True), ("x", "int", False), ("y", "int", False)),
    },
    "FusionTool": {
        "ConnectInput": (("input", "str", True), ("target", "FusionTool", True)),
        "SetInput": (("input", "str", True), ("value", "any", True)),
        "GetInput": (("input", "str", True),),
        "SetAttrs": (("attrs", "dict", True),),
        "GetAttrs": _NONE,
    },
}


def read_stubs(text: str) -> dict[str, Any]:
    """Return class -> method -> signatures, and the fields of dictionaries."""
    tree = ast.parse(text)
    classes: dict[str, Methods] = {}
    dicts: dict[str, dict[str, str]] = {}
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        if any(isinstance(base, ast.Name) and base.id == "TypedDict" for base in node.bases):
            fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            dicts[node.name] = {ast.unparse(item.target): _type(item.annotation) for item in fields}
            if node.name == "MediaPoolClipInfo":
                dicts[node.name].update(dict.fromkeys(FLOATS, "float"))
        elif node.name in CLASSES:
            methods: Methods = {}
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    methods.setdefault(item.name, []).append(_signature(item))
            classes[node.name] = methods
    return {"source": SOURCE, "classes": classes, "dicts": dicts}


def _signature(method: ast.FunctionDef) -> Signature:
    arguments = method.args.args[1:]
    given = len(arguments) - len(method.args.defaults)
    signature = []
    for number, argument in enumerate(arguments):
        kind = ast.unparse(argument.annotation) if argument.annotation else "Any"
        required = number < given and not kind.startswith("Optional") and argument.arg not in OPTIONAL
        signature.append((argument.arg, _type(argument.annotation), required))
    if method.args.vararg is not None:  # any number of them
        signature.append(("*" + method.args.vararg.arg, _type(method.args.vararg.annotation), False))
    return tuple(signature)


def _type(annotation: ast.expr | None) -> str:
    text = ast.unparse(annotation) if annotation is not None else "Any"
    for wrapper in ("Optional", "NotRequired"):
        text = text.removeprefix(f"{wrapper}[").removesuffix("]") if text.startswith(wrapper) else text
    if text.startswith("List["):
        return f"[{text[5:-1]}]"
    if text.startswith("dict"):
        return "dict"
    words = {"Any": "any", "TrackType": "str", "MediaType": "int", "PageName": "str", "VersionType": "int"}
    if text in ("MarkerColor", "ClipColor", "FlagColor", "MarkInOutType") or text.startswith("MarkerColor |"):
        return "str"
    return words.get(text, text)


def load() -> dict[str, Any]:
    """Return the committed table."""
    table: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table


def dumps(table: Mapping[str, Any]) -> str:
    """Return the table as text, a method on a line."""
    lines = ["{", f'"source": {json.dumps(table["source"])},', '"classes": {']
    for number, (name, methods) in enumerate(table["classes"].items()):
        lines.append(f"{json.dumps(name)}: {{")
        rows = [f"  {json.dumps(method)}: {json.dumps(forms)}" for method, forms in sorted(methods.items())]
        lines += [",\n".join(rows), "}" + "," * (number + 1 < len(table["classes"]))]
    rows = [f"  {json.dumps(name)}: {json.dumps(fields)}" for name, fields in sorted(table["dicts"].items())]
    return "\n".join([*lines, "},", '"dicts": {', ",\n".join(rows), "}", "}"]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(dumps(read_stubs(Path(sys.argv[1]).read_text(encoding="utf-8"))))
