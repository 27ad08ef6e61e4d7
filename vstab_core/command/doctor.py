"""Look at an installation: versions, encoders, processor features, and whether the core computes what it should."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

ENCODERS = (
    "libx264",
    "libx265",
    "prores_ks",
    "dnxhd",
    "libsvtav1",
    "h264_nvenc",
    "hevc_nvenc",
    "av1_nvenc",
    "h264_videotoolbox",
    "hevc_videotoolbox",
)
_FOR_ANY_MACHINE = ENCODERS[:5]  # these need no special hardware: that one is missing is worth a word

_HARDWARE = ("_nvenc", "_videotoolbox")
_PROBE_WIDTH, _PROBE_HEIGHT = 256, 144  # above the least size of every hardware encoder


def examine(version: str) -> dict[str, Any]:
    """Return the report as nested values; `healthy` says whether vstab can work, `problems` why not."""
    problems: list[str] = []

    def part(name: str, look: Callable[[], Any]) -> Any:
        try:
            return look()
        except Exception as error:  # a doctor that falls ill itself is no help
            problems.append(f"{name}: {type(error).__name__}: {error}")
            return None

    report: dict[str, Any] = {
        "vstab": version,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "cpus": _cpus(),
        "numpy": part("numpy", lambda: importlib.import_module("numpy").__version__),
        "opencv": part("opencv", lambda: importlib.import_module("cv2").__version__),
        "scipy": part("scipy", lambda: importlib.import_module("scipy").__version__),
        "opencolorio": part("opencolorio", lambda: importlib.import_module("PyOpenColorIO").__version__),
        "openexr": part("openexr", lambda: importlib.import_module("OpenEXR").__version__),
        "pyav": part("pyav", lambda: importlib.import_module("av").__version__),
        "ffmpeg": part("ffmpeg", _ffmpeg),
        "simd": part("native core", _simd),
        "encoders": part("encoders", _encoders),
        "resolve_scripts": part("resolve_scripts", lambda: importlib.import_module("resolve_scripts.install").state()),
        "self_check": part("self-check", _self_check),
    }
    encoders = report["encoders"] or {}
    problems += [f"encoder {name} {encoders[name]}" for name in _FOR_ANY_MACHINE if encoders.get(name, "yes") != "yes"]
    report["problems"] = problems
    report["healthy"] = report["self_check"] == "passed" and report["ffmpeg"] is not None
    return report


INSTALLERS = {"ofx": "ofx_bridge.install", "resolve": "resolve_scripts.install"}


def install(which: str, what: str, folder: Path | None) -> dict[str, str]:
    """Install or uninstall (`what`) one of `INSTALLERS` in a folder (None: its usual one); return what was done.

    Raises:
        OutputError: it is not there, or the folder cannot be written.
    """
    done: dict[str, str] = getattr(importlib.import_module(INSTALLERS[which]), what)(folder)
    return done


def _cpus() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _ffmpeg() -> dict[str, str]:
    import av

    return {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}


def _simd() -> list[str]:
    from .. import _native

    return _native.simd_levels()


def _encoders() -> dict[str, str]:
    return {name: _try_encoder(name) for name in ENCODERS}


def _try_encoder(name: str) -> str:
    """Return "yes", "missing", or why the encoder does not open here (a hardware encoder without its hardware)."""
    import av

    if name not in av.codecs_available:
        return "missing"
    try:
        av.Codec(name, "w")
    except ValueError:
        return "missing"
    if not name.endswith(_HARDWARE):
        return "yes"
    try:
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = _PROBE_WIDTH, _PROBE_HEIGHT, "yuv420p"
        context.framerate = Fraction(25)
        context.open()
    except (av.FFmpegError, ValueError):
        return "no device"
    return "yes"


def _self_check() -> str:
    """Warp a tiny picture with every level of the kernel: no motion must give it back, a shift of pixels shift it."""
    import numpy as np

    from .. import _native
    from ..types import FrameWarp
    from ..warp import warp_plane

    height, width, shift_px = 48, 64, 5
    aspect = height / width
    plane = np.random.default_rng(1).integers(0, 256, (height, width), dtype=np.uint8)
    shift = np.eye(3)
    shift[0, 2] = 2 * shift_px / width  # normalised x is 2 wide
    for level in _native.simd_levels():
        if not np.array_equal(warp_plane(plane, FrameWarp(np.eye(3), aspect), simd=level), plane):
            raise ValueError(f"the native core ({level}) changes a picture that does not move")
        moved = warp_plane(plane, FrameWarp(shift, aspect), simd=level)
        if not np.array_equal(moved[:, :-shift_px], plane[:, shift_px:]):
            raise ValueError(f"the native core ({level}) does not move a picture by {shift_px} px")
    return "passed"
