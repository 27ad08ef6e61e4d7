"""What `vstab spaces` shows: the colour spaces of the OpenColorIO config."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError


def values(search: str, ocio: str) -> dict[str, Any]:
    """Return the config and its spaces, as values for JSON.

    Args:
        search: words that must all stand in a space's names; "" lists every space.
        ocio: as the parameter of this name.

    Raises:
        InputError: the config cannot be loaded.
        UsageError: nothing is found; the message names the nearest.
    """
    from ..light.config import load_config

    config = load_config(ocio)
    found = config.search(search)
    if not found:
        raise UsageError(f"no colour space in {config.source} has {search!r} in its names; the nearest: "
                         f"{', '.join(config.nearest(search))}")  # fmt: skip
    spaces = [
        {"name": space.name, "aliases": list(space.aliases), "encoding": space.encoding, "family": space.family}
        for space in found
    ]
    return {"config": config.source, "spaces": spaces}


def text(found: dict[str, Any]) -> str:
    """Return the same for a terminal: name, encoding and the shortest alias, which needs no quotes."""
    rows = [(space["name"], space["encoding"], min(space["aliases"], key=len, default="")) for space in found["spaces"]]
    wide = max(len(row[0]) for row in rows)
    lines = [f"{name:{wide}}  {encoding:12}  {alias}".rstrip() for name, encoding, alias in rows]
    return "\n".join([f"{found['config']}; a name or an alias goes to --input-space:", *lines])
