"""Build the zip that Blender installs. Not part of it.

python blender_addon/package.py [FOLDER]     writes FOLDER/vstab_blender-VERSION.zip (default: dist)
"""

from __future__ import annotations

import sys
import tomllib
import zipfile
from pathlib import Path

SOURCES = Path(__file__).parent / "vstab"
ROOT = SOURCES.parents[1]
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same sources give the same bytes


def contents() -> dict[str, Path]:
    """Return name in the zip -> file. The table of parameters is the command's own."""
    files = {path.name: path for path in sorted(SOURCES.glob("*.py"))}
    files["blender_manifest.toml"] = SOURCES / "blender_manifest.toml"
    files["params.py"] = ROOT / "vstab_core" / "params.py"
    files["LICENSE"] = ROOT / "LICENSE"
    return files


def build(folder: Path) -> Path:
    """Write the zip and return its path."""
    version = tomllib.loads((SOURCES / "blender_manifest.toml").read_text(encoding="utf-8"))["version"]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"vstab_blender-{version}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in contents().items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.read_bytes())
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{build(Path(sys.argv[1] if len(sys.argv) > 1 else 'dist'))}\n")
