from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK_PX: int
VERSION: str  # of the package this was built with
GRID_BITS: int
NOWHERE: int

class Grid:
    @property
    def dst_size(self) -> tuple[int, int]: ...
    @property
    def src_size(self) -> tuple[int, int]: ...
    @property
    def x_fixed(self) -> npt.NDArray[np.int32]: ...
    @property
    def y_fixed(self) -> npt.NDArray[np.int32]: ...
    @property
    def projection(self) -> str: ...
    @property
    def exact(self) -> npt.NDArray[np.int32]: ...
    @property
    def exact_x_fixed(self) -> npt.NDArray[np.int32]: ...
    @property
    def exact_y_fixed(self) -> npt.NDArray[np.int32]: ...

def build_grid(
    src_from_dst: npt.NDArray[np.float64],
    mesh: npt.NDArray[np.float32] | None,
    aspect: float,
    dst_size: tuple[int, int],
    src_size: tuple[int, int],
    *,
    projection: str = "rectilinear",
    local: npt.NDArray[np.float32] | None = None,
    simd: str | None = None,
) -> Grid: ...
def warp_plane(
    src: npt.NDArray[Any],
    dst: npt.NDArray[Any],
    grid: Grid,
    *,
    filter: str = "bicubic",
    border: str = "constant",
    border_value: Sequence[float] = (0.0,),
    max_value: int = 0,
    row_begin: int = 0,
    row_end: int | None = None,
    simd: str | None = None,
    floor: bool = False,
) -> None: ...

SIGNAL_LOW: float
SIGNAL_HIGH: float
SIGNAL_POINTS: int
LEAST_LIGHT: float
LIGHT_SHIFT: int
LIGHT_POINTS: int

def open_light(
    components: Sequence[npt.NDArray[Any] | None],
    light: npt.NDArray[np.float32],
    matrix: npt.NDArray[np.float64],
    tables: npt.NDArray[np.float32] | None,
    *,
    step: tuple[int, int] = (1, 1),
    place: tuple[float, float] = (0.5, 0.5),
    simd: str | None = None,
) -> None: ...
def close_light(
    light: npt.NDArray[np.float32],
    components: Sequence[npt.NDArray[Any] | None],
    matrix: npt.NDArray[np.float64],
    tables: npt.NDArray[np.float32] | None,
    *,
    max_value: int = 0,
    simd: str | None = None,
) -> None: ...
def simd_levels() -> list[str]: ...
def parse_sidecar(data: bytes) -> dict[str, Any]: ...
def format_sidecar(fields: dict[str, Any]) -> bytes: ...
def read_sidecar(path: str | PathLike[str]) -> dict[str, Any]: ...
def write_sidecar(path: str | PathLike[str], fields: dict[str, Any]) -> None: ...
def find_frame(data: bytes, time_s: float) -> int | None: ...
def solve_path(
    bands: npt.NDArray[np.float64],
    path: npt.NDArray[np.float64],
    shown: npt.NDArray[np.float64],
    anchor: float,
    sides: npt.NDArray[np.float64],
    room: npt.NDArray[np.float64],
    budget: float,
    price: float,
) -> npt.NDArray[np.float64]: ...
def solve_free_path(
    bands: npt.NDArray[np.float64],
    path: npt.NDArray[np.float64],
    shown: npt.NDArray[np.float64],
    anchor: float,
) -> npt.NDArray[np.float64]: ...
def solve_rotation_path(
    quats: npt.NDArray[np.float64],
    fixed: npt.NDArray[np.bool_],
    track_start: npt.NDArray[np.integer[Any]],
    frame: npt.NDArray[np.integer[Any]],
    ray: npt.NDArray[np.float64],
    *,
    pure: npt.NDArray[np.bool_] | None = None,
    deformation: float = 0.0,
    loss_rad: float = 0.01,
    first_weight: float = 1.0,
    second_weight: float = 1.0,
    prior_first: float = 1e-4,
    prior_second: float = 1e-4,
    spread_weight: float = 0.01,
    magnitude_weight: float = 1e-3,
    temporal_weight: float = 0.05,
    unseen_weight: float = 0.5,
    validate: bool = True,
    least_tracks: float = 100.0,
    max_local_rad: float = 0.0873,
    damping: float = 1e-6,
    tolerance: float = 1e-6,
    max_iterations: int = 10,
) -> dict[str, Any]: ...
def relative_rotation(
    ref_rays: npt.NDArray[np.float64],
    cur_rays: npt.NDArray[np.float64],
    *,
    threshold_rad: float = 0.0087,
    max_iterations: int = 500,
    seed: int = 0,
) -> dict[str, Any]: ...
def five_point(ref_rays: npt.NDArray[np.float64], cur_rays: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]: ...
