"""A frei0r host in ctypes, and sidecars whose warps say which frame was meant."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vstab_core.params import Parameters
from vstab_core.sidecar import Sidecar, write_sidecar
from vstab_core.types import WarpTrack

Picture = npt.NDArray[np.uint8]  # (H, W, 4), RGBA

RULER = (6, 96)  # (height, width) of the picture that shows by how much it was moved
STEPS = 90  # shifts there are; frame i is moved by i % STEPS + 1 px
BEYOND = object()  # no frame: the picture is untouched


class Host:
    """One instance of the plug-in, called as a host calls it."""

    def __init__(self, plugin: Path, size: tuple[int, int], sidecar: Path | str | None = None) -> None:
        self._library = ctypes.CDLL(str(plugin))
        self._library.f0r_construct.restype = ctypes.c_void_p
        self._library.f0r_construct.argtypes = [ctypes.c_uint, ctypes.c_uint]
        for name in ("f0r_set_param_value", "f0r_get_param_value"):
            getattr(self._library, name).argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
        self._library.f0r_update.argtypes = [ctypes.c_void_p, ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p]
        self._library.f0r_destruct.argtypes = [ctypes.c_void_p]
        self.size = size
        assert self._library.f0r_init() == 1
        self._instance = self._library.f0r_construct(size[1], size[0])
        assert self._instance
        if sidecar is not None:
            self.set(sidecar)

    def set(self, sidecar: Path | str) -> None:
        text = ctypes.c_char_p(str(sidecar).encode())
        self._library.f0r_set_param_value(self._instance, ctypes.byref(text), 0)

    def trim(self, seconds: float) -> None:
        self._library.f0r_set_param_value(self._instance, ctypes.byref(ctypes.c_double(seconds)), 1)

    def trimmed(self) -> float:
        number = ctypes.c_double()
        self._library.f0r_get_param_value(self._instance, ctypes.byref(number), 1)
        return number.value

    def get(self) -> str:
        text = ctypes.c_char_p()
        self._library.f0r_get_param_value(self._instance, ctypes.byref(text), 0)
        return (text.value or b"").decode()

    def show(self, time: float, picture: Picture) -> Picture:
        picture = np.ascontiguousarray(picture)
        assert picture.shape == (*self.size, 4)
        out = np.full_like(picture, 77)
        self._library.f0r_update(self._instance, time, picture.ctypes.data, out.ctypes.data)
        return out

    def close(self) -> None:
        self._library.f0r_destruct(self._instance)


def ruler(width: int = RULER[1]) -> Picture:
    """A picture whose red says the column."""
    picture = np.zeros((RULER[0], width, 4), np.uint8)
    picture[..., 0] = np.arange(width)
    picture[..., 3] = 255
    return picture


def frame_shown(picture: Picture, frames: int) -> object:
    """Return which frame's warp a ruler was shown with, among the first STEPS."""
    shift = int(picture[RULER[0] // 2, 0, 0])
    return BEYOND if shift == 0 else (shift - 1) % max(frames, 1)


def ruler_sidecar(path: Path, pts: Sequence[int], time_base: Fraction, width: int = RULER[1]) -> Path:
    """A sidecar whose frame i moves the picture by i % STEPS + 1 px to the left."""
    warps = np.tile(np.eye(3), (len(pts), 1, 1))
    warps[:, 0, 2] = 2 * (np.arange(len(pts)) % STEPS + 1) / width
    return write_warps(path, (RULER[0], width), warps, pts, time_base)


def shake(count: int) -> np.ndarray:
    """Homographies: turns up to 3 degrees, shifts up to 5 %, some perspective."""
    rng = np.random.default_rng(8)
    warps = np.tile(np.eye(3), (count, 1, 1))
    angle = np.radians(rng.uniform(-3, 3, count))
    warps[:, 0, 0] = warps[:, 1, 1] = 0.95 * np.cos(angle)
    warps[:, 1, 0] = 0.95 * np.sin(angle)
    warps[:, 0, 1] = -warps[:, 1, 0]
    warps[:, :2, 2] = rng.uniform(-0.1, 0.1, (count, 2))
    warps[:, 2, :2] = rng.uniform(-0.02, 0.02, (count, 2))
    return warps


def write_warps(
    path: Path,
    size: tuple[int, int],
    src_from_dst: npt.NDArray[np.float64],
    pts: Sequence[int],
    time_base: Fraction,
    parameters: Parameters | None = None,
    *,
    mesh: npt.NDArray[np.float32] | None = None,
    local: npt.NDArray[np.float32] | None = None,
    projection: str = "rectilinear",
    aspect: float | None = None,
) -> Path:
    track = WarpTrack(size[1], size[0], aspect or size[0] / size[1], np.array(pts, np.int64), time_base, src_from_dst,
                      mesh, np.zeros(len(pts)), projection=projection, local=local)  # fmt: skip
    write_sidecar(path, Sidecar(None, parameters, track, "f", "clip.mp4", projection))
    return path
