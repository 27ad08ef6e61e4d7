"""OpenColorIO: which config is read, which spaces it has, and the way from a space to scene-linear light and back."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError, UsageError

# By its full name: names of spaces change from version to version of these configs. This is the first one with Apple
# Log and D-Log, and any OpenColorIO from 2.4 on has it inside.
BUILTIN = "ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4"
AUTO = "auto"
ROLE = "scene_linear"

Pixels = npt.NDArray[np.float32]
_NEAREST = 4


@dataclass(frozen=True)
class Space:
    """A colour space as the config describes it."""

    name: str
    aliases: tuple[str, ...]
    encoding: str
    family: str


class Config:
    """An OpenColorIO config, and what it is called in messages."""

    def __init__(self, ocio: Any, source: str) -> None:
        self._ocio = ocio
        self.source = source

    def spaces(self) -> list[Space]:
        """Return the spaces whose codes are light, in the config's order."""
        return [
            Space(space.getName(), tuple(space.getAliases()), space.getEncoding(), space.getFamily())
            for space in self._ocio.getColorSpaces()
            if not space.isData()
        ]

    def search(self, text: str) -> list[Space]:
        """Return the spaces in whose name, aliases, encoding or family every word of the text stands."""
        words = [plain for word in text.split() if (plain := _plain(word))]

        def says(space: Space) -> bool:
            said = [_plain(part) for part in (space.name, space.encoding, space.family, *space.aliases)]
            return all(any(word in part for part in said) for word in words)

        return [space for space in self.spaces() if says(space)]

    def name_of(self, name: str) -> str:
        """Return the name that the config itself uses for a space, an alias or a role.

        Raises:
            UsageError: there is none, or it holds data and not light.
        """
        space = self._ocio.getColorSpace(name)
        if space is None:
            raise UsageError(
                f"unknown colour space {name!r} in {self.source}; the nearest: {', '.join(self.nearest(name))}; "
                "`vstab spaces --search TEXT` lists them"
            )
        if space.isData():
            raise UsageError(
                f"colour space {name!r} in {self.source} is for data, its codes are no light; name another"
            )
        return str(space.getName())

    def nearest(self, name: str) -> list[str]:
        """Return the spaces that may have been meant, the likeliest first."""
        wanted = _plain(name)

        def likeness(space: Space) -> float:
            return max(
                difflib.SequenceMatcher(None, wanted, said).ratio() + (bool(wanted) and wanted in said)
                for said in map(_plain, (space.name, *space.aliases))
            )

        return [space.name for space in sorted(self.spaces(), key=likeness, reverse=True)[:_NEAREST]]

    def to_linear(self, name: str) -> tuple[Callable[[Pixels], None], Callable[[Pixels], None]]:
        """Return two functions that change pixels in place: from a space to scene-linear light, and back.

        Pixels are (..., 4) float32, C-contiguous; the fourth channel is left alone.

        Raises:
            UsageError: as `name_of`.
            InputError: the config has no way from this space to scene-linear light.
        """
        name = self.name_of(name)
        if not self._ocio.hasRole(ROLE):
            raise InputError(
                f"{self.source} has no role '{ROLE}', which says what linear light is; give another --ocio"
            )
        try:
            there = self._ocio.getProcessor(name, ROLE).getDefaultCPUProcessor()
            back = self._ocio.getProcessor(ROLE, name).getDefaultCPUProcessor()
        except Exception as error:  # OpenColorIO's own, of which two kinds have nothing in common
            raise InputError(f"{self.source} cannot convert {name!r} to linear light and back: {error}") from error
        return there.applyRGBA, back.applyRGBA


def load_config(choice: str = AUTO) -> Config:
    """Load a config.

    Args:
        choice: a file or an `ocio://` name; "auto": what the environment variable OCIO names, else the built-in one.

    Raises:
        InputError: it cannot be loaded.
    """
    if choice != AUTO:
        return _load(choice, f"the OpenColorIO config '{choice}'")
    named = os.environ.get("OCIO", "")
    return (
        _load(named, f"the OpenColorIO config '{named}' (of $OCIO)")
        if named
        else _load(BUILTIN, f"the built-in config {BUILTIN.removeprefix('ocio://')}")
    )


@lru_cache(maxsize=4)
def _load(where: str, source: str) -> Config:
    import PyOpenColorIO as OpenColorIO  # takes 30 ms; only who names a space pays

    try:
        config = OpenColorIO.Config.CreateFromFile(where)
        config.validate()
    except (OpenColorIO.Exception, OpenColorIO.ExceptionMissingFile) as error:
        raise InputError(
            f"{source} cannot be loaded: {' '.join(str(error).split())}; give another with --ocio or $OCIO, or leave "
            "both out for the built-in one"
        ) from error
    return Config(config, source)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
