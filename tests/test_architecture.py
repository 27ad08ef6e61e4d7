"""The arrows of the design: who may import whom, and what must not be loaded before it is needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vstab_core"
HEAVY = ("av", "cv2", "numpy", "scipy", "torch", "tqdm")

# stage -> the modules that make it up; a stage may use what is below it, and never another stage
STAGES = {
    "decode": ("decode", "media", "pictures"),
    "track": ("track", "track360"),
    "motion": ("motion",),
    "smooth": ("smooth",),
    "warp": ("warp",),
    "encode": ("encode", "encoders", "outfile", "remux", "resound", "stretch", "colour", "kept", "movie_tags", "parts"),
    "sidecar": ("sidecar",),
}
# Two stages are pairs. Motion asks the tracker for points where it needs them, frame by frame; the encoder reads what
# it carries over (streams, tags) through the same door as the decoder.
PAIRS = {"motion": STAGES["track"], "encode": ("media", "pictures")}
COMPOSERS = (
    "pipeline",
    "pipe",
    "resmooth",
    "unstabilize",
    "export",
    "batch",
    "cli",
    "command",
    "evaluation",
    "training",
)
BELOW = ("types", "errors", "params")  # these know none of our other modules


def modules_of(path: Path, package: Path = PACKAGE) -> set[str]:
    """Return the names, within the package, of the modules that a file imports: "types", "motion.fit", ..."""
    inside = path.relative_to(package).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            found |= {name.removeprefix("vstab_core.") for name in names if name.startswith("vstab_core.")}
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = list(inside[: len(inside) - node.level + 1])
            elif node.module and node.module.split(".")[0] == "vstab_core":
                base = []
            else:
                continue
            module = (node.module or "").split(".") if node.level else (node.module or "").split(".")[1:]
            base += [part for part in module if part]
            found |= {".".join(base)} if base else {alias.name for alias in node.names}
    return found


def top_level(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "native" not in path.parts)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path: Path) -> None:
    own = top_level(path)
    imported = {name.split(".")[0] for name in modules_of(path)} - {own}
    if own in BELOW:
        assert imported <= {"errors", "types"} - {own}, f"{own} stands below everything"
        return
    if own in COMPOSERS or own == "__init__":
        if own not in ("cli", "__init__"):
            assert "cli" not in imported
        return
    assert not imported & {*COMPOSERS}, f"{own} must not know who composes it"
    stage = next((name for name, members in STAGES.items() if own in members), None)
    for other, members in STAGES.items():
        if stage is not None and other != stage:
            foreign = set(members) - set(PAIRS.get(stage, ()))
            assert not imported & foreign, f"stage {stage} imports stage {other}"


def test_the_table_of_parameters_is_standard_library_only() -> None:
    tree = ast.parse((PACKAGE / "params.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert (node.level, node.module) == (1, "errors") or str(node.module).split(".")[0] in (
                sys.stdlib_module_names
            )


BRIDGE = PACKAGE.parent / "ffmpeg_bridge"
OFX = PACKAGE.parent / "ofx_bridge"
RESOLVE = PACKAGE.parent / "resolve_scripts"


def test_the_core_does_not_know_the_bridge_and_the_plug_ins_are_standard_library_and_native_core() -> None:
    for path in SOURCES:
        assert "ffmpeg_bridge" not in path.read_text(encoding="utf-8"), path
    for path in [*BRIDGE.glob("frei0r/*.*"), *OFX.glob("*.*")]:
        if path.suffix not in (".h", ".cc") or path.stem.startswith("process_"):  # all calls of a system are in these
            continue
        included = re.findall(r'#include ([<"])(.*?)[>"]', path.read_text(encoding="utf-8"))
        assert all("." not in name for mark, name in included if mark == "<"), path
        assert all(name.startswith("vstab/") or (path.parent / name).exists() for mark, name in included if mark == '"')


def test_only_the_command_prints() -> None:
    for path in [*SOURCES, *BRIDGE.rglob("*.py"), *OFX.rglob("*.py"), *RESOLVE.rglob("*.py")]:
        if path.name == "cli.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            assert not is_print, f"{path.relative_to(PACKAGE.parent)} prints"


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import vstab_core", ("numpy",)),
        ("import vstab_core.cli", ()),
        ("import vstab_core.params", ()),
        ("import vstab_core.command.doctor, vstab_core.command.describe", ()),
        ("import vstab_core.cli as c\ntry: c.main(['stabilize', '--help'])\nexcept SystemExit: pass", ()),
        ("import vstab_core.cli as c; c.main(['params', '--json'])", ()),
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_needed(code: str, allowed: tuple[str, ...]) -> None:
    check = f"import sys\n{code}\nsys.stderr.write(' '.join(m for m in {HEAVY} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()) <= set(allowed)
