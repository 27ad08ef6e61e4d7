"""Which StabNet runs: the installed compact one, or the one that a weights file says it is for. Without torch."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError
from .load import architecture_of, load

AUTO = "auto"
ARCHITECTURES = {"stabnet": "stabnet-4", "stabnet_resnet50": "stabnet-resnet50-1"}  # by network


def chosen(weights: str) -> tuple[str, Path | None]:
    """Return the network that a value of `stabnet_weights` means, and its file; None: the installed one.

    Raises:
        ModelError: the file is missing, damaged or of no StabNet.
    """
    if weights == AUTO:
        return "stabnet", None
    path = Path(weights)
    found = architecture_of(path)
    for name, architecture in ARCHITECTURES.items():
        if found == architecture:
            return name, path
    takes = " or ".join(f"{architecture!r} (`vstab train {name}`)" for name, architecture in ARCHITECTURES.items())
    raise ModelError(f"'{path}' holds a network of architecture {found!r}; --stabnet-weights takes {takes}")


def check_file(weights: str) -> None:
    """Refuse weights that cannot be run, as `chosen` does; also where their checksum is wrong."""
    name, path = chosen(weights)
    load(name, ARCHITECTURES[name], path)


def is_newer(weights: str, made: Path) -> bool:
    """Return whether a weights file was written after what was made with it."""
    return weights != AUTO and Path(weights).stat().st_mtime_ns > made.stat().st_mtime_ns
