"""A sidecar's camera motion and warps for other programs, as CSV or JSON; `docs/exports.md` is for their readers.

The table has one row a frame, of named columns. JSON holds the same rows as objects, a head that states the
conventions, and the meshes of ordinary clips, for which a table has no place.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import rotation
from .camm import add_camm
from .decode import fingerprint
from .errors import InputError
from .outfile import whole_file
from .projection import px_homography
from .sidecar import Sidecar
from .types import FloatArray, RotationMotion, WarpTrack

JSON_VERSION = 1  # rises when a name changes its meaning or goes; names may be added

LOCAL_VERTICES = ("right", "left", "down", "up", "front", "back")  # +x, -x, +y, -y, +z, -z

CONVENTIONS_360 = {
    "camera": "x right, y down, z forward",
    "quaternion": "w x y z, unit, Hamilton; a_from_b takes a direction in b's coordinates to a's",
    "angles": "Ry(yaw) Rx(pitch) Rz(roll): yaw right, pitch up, roll clockwise are positive; degrees",
    "camera_*": "world_from_cam as measured; the world is the camera of the shot's first frame",
    "correction_*": "stab_from_src: takes a direction in the source frame to that in the stabilized frame",
    "local_*": "rotation vectors in degrees, source camera coordinates, at the six axes",
    "warp": "stab = stab_from_src exp(omega(src)) src; omega is the mean of the three axes' vectors of src's octant, "
    "weighted by |x|, |y|, |z|",
}
CONVENTIONS_FLAT = {
    "px": "x right, y down, origin top left, the picture covers 0..width, 0..height, pixel centres at halves",
    "normalised": "x -1..1 over the width, y -aspect..aspect over the height",
    "src_from_dst": "3x3, row by row: takes a place in the stabilized frame to the place in the source to look at",
    "dx_px, dy_px, rotation_deg, scale": "the same at the middle, the other way round: the source picture is scaled "
    "and turned clockwise about its middle, then moved right and down",
    "mesh": "rows from the top, (dx, dy) normalised, bilinear over the source frame, added to the place found",
}


def export(sidecar: Sidecar, path: Path, to: str, *, overwrite: bool = False, source: Path | None = None) -> int:
    """Write a sidecar as CSV or JSON and return the number of frames.

    Args:
        sidecar: with warps.
        path: the file to write.
        to: "csv" or "json".
        overwrite: whether an existing file may be replaced.
        source: the sidecar's own file, which is not to be replaced.

    Raises:
        InputError: the sidecar holds no warps.
        OutputError: the file exists or cannot be written.
    """
    write_text(csv_of(sidecar) if to == "csv" else json_of(sidecar), path, overwrite=overwrite, source=source)
    return len(sidecar.track)


def write_text(text: str, path: Path, *, overwrite: bool, source: Path | None) -> None:
    """Write a text file that appears under its name only when it is complete; arguments as in `export`."""
    with whole_file(path, source, overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def export_camm(sidecar: Sidecar, clip: Path, path: Path, *, overwrite: bool = False) -> int:
    """Write a copy of a 360 clip with its rotations in a CAMM track, and return the number of frames.

    A player that turns the picture by the track shows the original clip stabilized, and a stabilized clip as it was
    filmed.

    Args:
        sidecar: with warps.
        clip: the original or the stabilized clip, mp4 or mov.
        path: the file to write.
        overwrite: whether an existing file may be replaced.

    Raises:
        InputError: the sidecar is of an ordinary clip or holds no warps, or the clip is no mp4 or mov.
        OutputError: the file exists or cannot be written.
    """
    warps = sidecar.warps
    if sidecar.projection != "equirect" or warps is None:
        raise InputError("a CAMM track holds the rotations of a 360 clip, and the sidecar has none")
    src_from_dst = rotation.from_matrix(warps.src_from_dst)
    own = fingerprint(clip) == sidecar.fingerprint
    turn = rotation.continued(rotation.inverse(src_from_dst) if own else src_from_dst)
    with whole_file(path, clip, overwrite) as temporary:
        shutil.copyfile(clip, temporary)
        add_camm(temporary, warps.pts.astype(np.float64) * float(warps.time_base), rotation.logarithm(turn))
    return len(warps)


def csv_of(sidecar: Sidecar) -> str:
    """Return the table as CSV: one header row; what is not known is empty, true is 1."""
    columns = columns_of(sidecar)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if value is None else int(value) if isinstance(value, bool) else value for value in row])
    return text.getvalue()


def json_of(sidecar: Sidecar) -> str:
    """Return head and frames as JSON, a frame a line."""
    columns: dict[str, Sequence[Any]] = columns_of(sidecar)
    track, round_picture = sidecar.track, sidecar.projection == "equirect"
    if sidecar.warps is not None and sidecar.warps.mesh is not None:
        columns = {**columns, "mesh": sidecar.warps.mesh.astype(np.float64).tolist()}
    head = {
        "format": "vstab export",
        "version": JSON_VERSION,
        "vstab": sidecar.writer,
        "source_name": sidecar.source_name,
        "projection": sidecar.projection,
        "width_px": track.width,
        "height_px": track.height,
        "aspect": track.aspect,
        "time_base_s": str(track.time_base),
        "conventions": CONVENTIONS_360 if round_picture else CONVENTIONS_FLAT,
    }
    frames = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    lines = ",\n".join(json.dumps(frame, allow_nan=False) for frame in frames)
    return json.dumps(head, indent=1)[:-2] + f',\n "frames": [\n{lines}\n]}}\n'


def columns_of(sidecar: Sidecar) -> dict[str, Sequence[Any]]:
    """Return column name -> one value a frame; None where the sidecar does not say.

    Raises:
        InputError: the sidecar holds no warps.
    """
    warps, motion = sidecar.warps, sidecar.motion
    if warps is None:
        raise InputError(f"the sidecar of '{sidecar.source_name}' {sidecar.no_warps}")
    pts = warps.pts
    columns: dict[str, Sequence[Any]] = {
        "frame": range(len(warps)),
        "time_s": [float(int(tick) * warps.time_base) for tick in pts],
        "pts": pts.tolist(),
    }
    if warps.projection == "equirect":
        columns |= _columns_360(motion if isinstance(motion, RotationMotion) else None, warps)
    else:
        columns |= _columns_flat(warps)
    nothing = [None] * len(warps)
    columns["confidence"] = nothing if motion is None else motion.confidence.astype(np.float64).round(6).tolist()
    columns["cut"] = nothing if motion is None else motion.cut.tolist()
    if warps.projection == "equirect":
        columns["key_frame"] = motion.key_frame.tolist() if isinstance(motion, RotationMotion) else nothing
    return columns


def _columns_360(motion: RotationMotion | None, warps: WarpTrack) -> dict[str, Sequence[Any]]:
    stab_from_src = rotation.from_matrix(np.swapaxes(warps.src_from_dst, -1, -2))
    columns = _orientation("camera", None if motion is None else motion.world_from_cam, len(warps))
    columns |= _orientation("correction", stab_from_src, len(warps))
    local = np.zeros((len(warps), 6, 3)) if warps.local is None else warps.local
    names = [f"local_{vertex}_{axis}_deg" for vertex in LOCAL_VERTICES for axis in "xyz"]
    return columns | _named(names, np.degrees(local.reshape(-1, 18).astype(np.float64)))


def _orientation(name: str, quaternions: FloatArray | None, frames: int) -> dict[str, Sequence[Any]]:
    names = [f"{name}_{part}" for part in ("qw", "qx", "qy", "qz", "yaw_deg", "pitch_deg", "roll_deg")]
    if quaternions is None:
        return {column: [None] * frames for column in names}
    # neighbours of like sign: other programs interpolate the four numbers one by one
    q = rotation.continued(rotation.normalised(quaternions))
    return _named(names, np.concatenate([q, np.degrees(rotation.yaw_pitch_roll(q))], axis=-1))


def _columns_flat(warps: WarpTrack) -> dict[str, Sequence[Any]]:
    size = (warps.height, warps.width)
    in_px = [px_homography(matrix, size, warps.aspect) for matrix in warps.src_from_dst]
    places = [f"{row}{column}" for row in "123" for column in "123"]
    columns = _named([f"src_from_dst_px_{place}" for place in places], _unit(np.array(in_px)))
    columns |= _named([f"src_from_dst_{place}" for place in places], _unit(warps.src_from_dst))
    columns |= _named(["dx_px", "dy_px", "rotation_deg", "scale"], _at_the_middle(warps))
    return columns | {"zoom": (1 / (1 - warps.crop)).tolist(), "crop": warps.crop.tolist()}


def _at_the_middle(warps: WarpTrack) -> FloatArray:
    """Return shift (px), clockwise turn (degrees) and scale of the source picture about its middle, (F, 4)."""
    dst_from_src = _unit(np.linalg.inv(warps.src_from_dst)).reshape(-1, 3, 3)  # h33 = 1: the middle is the origin
    shift, perspective = dst_from_src[:, :2, 2], dst_from_src[:, 2, :2]
    slope = dst_from_src[:, :2, :2] - shift[:, :, None] * perspective[:, None, :]
    along, across = slope[:, 0, 0] + slope[:, 1, 1], slope[:, 1, 0] - slope[:, 0, 1]
    px = shift * [warps.width / 2, warps.height / (2 * warps.aspect)]
    return np.column_stack([px, np.degrees(np.arctan2(across, along)), np.hypot(along, across) / 2])


def _unit(homographies: npt.ArrayLike) -> FloatArray:
    """Return homographies with h33 = 1 as rows of nine."""
    flat = np.asarray(homographies, np.float64).reshape(-1, 9)
    return np.asarray(flat / flat[:, 8:])


def _named(names: Sequence[str], values: FloatArray) -> dict[str, Sequence[Any]]:
    return {name: column.tolist() for name, column in zip(names, values.T, strict=True)}
