"""The sidecar `clip.vstab`: what `analyze` measured, the parameters, and the warp of every frame.

The bytes are read and written by the native core, which the plug-ins share; `docs/sidecar-format.md` documents them.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native
from .errors import OutputError, SidecarError, UsageError
from .params import PARAMS, Parameters, parameters_from
from .types import MESH_SHAPE, CameraMotion, RotationMotion, VideoInfo, WarpTrack

logger = logging.getLogger(__name__)

MAGIC = b"VSTAB\x1a\r\n"

Common = tuple[int, int, float, npt.NDArray[np.int64], Fraction]  # what motion and warps both say first


@dataclass(frozen=True)
class Sidecar:
    """What a sidecar holds; motion and warps, where both are there, are of the same frames.

    Attributes:
        motion: the result of `analyze`, or None; a `RotationMotion` of a 360 clip.
        parameters: what the warps were made with, or None.
        warps: the result of `smooth`, or None. Those of a hyperlapse are not stored: they belong to the output's time,
            and whoever looks a frame up by the clip's would get wrong ones. Motion and parameters give them again.
        fingerprint: of the source, as `VideoInfo.fingerprint`.
        source_name: the source's file name, without a directory.
        projection: of the clip.
        writer: the version of vstab that wrote the file; `write_sidecar` puts its own.
    """

    motion: CameraMotion | RotationMotion | None
    parameters: Parameters | None
    warps: WarpTrack | None
    fingerprint: str
    source_name: str
    projection: str = "rectilinear"
    writer: str = ""

    @property
    def track(self) -> CameraMotion | RotationMotion | WarpTrack:
        """The motion or else the warps: whichever can say the frames' size and times.

        Raises:
            SidecarError: there is neither.
        """
        either = self.motion if self.motion is not None else self.warps
        if either is None:
            raise SidecarError("sidecar holds neither motion nor warps")
        return either

    @property
    def no_warps(self) -> str:
        """The end of a sentence for those who need warps and find none: that, and what to do."""
        if self.parameters is not None and self.parameters.hyperlapse > 1:
            return "holds no warps, as those of a hyperlapse are not kept; run `vstab smooth --hyperlapse 1` on it"
        return "holds no warps; run `vstab smooth` on it"


def is_sidecar(path: Path) -> bool:
    """Tell whether a file begins as sidecars do, of whatever version."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises:
        SidecarError: the file cannot be read, is damaged, or of a version that this program does not know.
    """
    try:
        fields = _native.read_sidecar(path)
    except OSError as error:
        raise SidecarError(f"cannot read sidecar '{path}': {error.strerror}") from error
    except RuntimeError as error:
        raise SidecarError(f"cannot read sidecar '{path}': {error}") from error
    except MemoryError as error:
        raise SidecarError(f"cannot read sidecar '{path}': there is not enough memory for it") from error
    base = Fraction(*fields["time_base"])
    common: Common = (fields["width"], fields["height"], fields["aspect"], fields["pts"], base)
    warps = fields.get("warps")
    return Sidecar(
        motion=_measured_from(common, fields, path),
        parameters=_parameters_from(fields["parameters"], path),
        warps=None if warps is None else _warps_from(common, warps, fields["projection"]),
        fingerprint=fields["fingerprint"],
        source_name=fields["source_name"],
        projection=fields["projection"],
        writer=fields["writer"],
    )


def write_sidecar(path: Path, sidecar: Sidecar) -> None:
    """Write a sidecar; it appears under its name only when it is complete, and replaces what was there.

    Raises:
        SidecarError: the values cannot be stored: not finite, times that do not increase, motion and warps of different
            frames.
        OutputError: the file cannot be written.
    """
    try:
        _native.write_sidecar(path, _fields_of(sidecar))
    except OSError as error:
        raise OutputError(f"cannot write sidecar '{path}': {error.strerror}") from error
    except (ValueError, SidecarError) as error:
        raise SidecarError(f"cannot write sidecar '{path}': {error}") from error


def check_matches(sidecar: Sidecar, info: VideoInfo) -> None:
    """Refuse a sidecar that was not made from this clip.

    Raises:
        SidecarError: the frame size, the shape of the pixels or the content differs; the message says what was found
            and what to do.
    """
    track = sidecar.track
    reasons = []
    if (track.width, track.height) != (info.width, info.height):
        reasons.append(f"sidecar was made for {track.width}x{track.height}, clip is {info.width}x{info.height}")
    elif not math.isclose(track.aspect, info.aspect, rel_tol=1e-6):  # the same division; 1e-6 is a pixel in 32767
        reasons.append(f"sidecar was made for height / width {track.aspect:.6g}, clip is shown at {info.aspect:.6g}")
    if sidecar.fingerprint != info.fingerprint:
        other = "another content of that name" if sidecar.source_name == info.path.name else f"'{info.path.name}'"
        reasons.append(
            f"sidecar belongs to '{sidecar.source_name}' (fingerprint {sidecar.fingerprint or 'none'}), "
            f"not to {other} (fingerprint {info.fingerprint or 'none'})"
        )
    if reasons:
        raise SidecarError("; ".join([*reasons, "run `vstab analyze` on this clip"]))


def _measured_from(common: Common, fields: dict[str, Any], path: Path) -> CameraMotion | RotationMotion | None:
    if "motion" in fields:
        return _motion_from(common, fields["motion"], fields.get("speed"), path)
    return _rotation_from(common, fields["rotation"], fields.get("speed")) if "rotation" in fields else None


def _rotation_from(common: Common, rotation: dict[str, Any], speed: npt.NDArray[np.float32] | None) -> RotationMotion:
    width, height, _, pts, time_base = common
    local = rotation["local"]
    return RotationMotion(
        width,
        height,
        pts,
        time_base,
        rotation["world_from_cam"],
        np.zeros((len(pts), 6, 3), np.float32) if local is None else local,
        rotation["confidence"],
        rotation["cut"].view(np.bool_),
        rotation["key_frame"].view(np.bool_),
        rotation["up"],
        rotation["travel"],
        speed,
    )


def _warps_from(common: Common, warps: dict[str, Any], projection: str) -> WarpTrack:
    return WarpTrack(
        *common, warps["src_from_dst"], warps["mesh"], warps["crop"], projection=projection, local=warps["local"]
    )


def _motion_from(
    common: Common, motion: dict[str, Any], speed: npt.NDArray[np.float32] | None, path: Path
) -> CameraMotion:
    mesh: npt.NDArray[np.float32] | None = motion["mesh"]
    if mesh is None:
        mesh = np.zeros((len(common[3]), *MESH_SHAPE), np.float32)
    if mesh.shape[1:] != MESH_SHAPE:
        raise SidecarError(
            f"cannot read sidecar '{path}': its motion mesh has {mesh.shape[1]} x {mesh.shape[2]} vertices, "
            f"this program reads {MESH_SHAPE[0]} x {MESH_SHAPE[1]}; update vstab or run `vstab analyze` again"
        )
    cut = motion["cut"].view(np.bool_)
    return CameraMotion(*common, motion["corners"], mesh, motion["confidence"], cut, motion["readout_ratio"], speed)


def _parameters_from(text: str, path: Path) -> Parameters | None:
    if not text:
        return None
    values: dict[str, str] = {}
    for line in text.rstrip("\n").split("\n"):
        name, equals, value = line.partition("=")
        if not equals or name in values:
            raise SidecarError(f"cannot read sidecar '{path}': parameter line {line!r} is not one `name=value` a name")
        values[name] = value
    for name in sorted(set(values) - set(PARAMS)):
        logger.warning("'%s': parameter %r is unknown to this version of vstab and ignored", path, name)
        del values[name]
    try:
        return parameters_from(values)
    except UsageError as error:
        raise SidecarError(
            f"cannot read sidecar '{path}': {error}; update vstab or run `vstab analyze` again"
        ) from error


def _fields_of(sidecar: Sidecar) -> dict[str, Any]:
    track, motion, warps = sidecar.track, sidecar.motion, sidecar.warps
    if warps is not None and warps.out_pts is not None:
        warps = None
    if motion is not None and warps is not None:
        _check_same_frames(motion, warps)
    parameters = sidecar.parameters.as_dict() if sidecar.parameters else {}
    fields: dict[str, Any] = {
        "writer": _native.VERSION,
        "fingerprint": sidecar.fingerprint,
        "source_name": sidecar.source_name.encode("utf-8", "replace").decode("utf-8"),  # names need not be UTF-8
        "parameters": "".join(f"{name}={value}\n" for name, value in parameters.items()),
        "width": track.width,
        "height": track.height,
        "aspect": track.aspect,
        "time_base": (track.time_base.numerator, track.time_base.denominator),
        "projection": sidecar.projection,
        "pts": track.pts,
    }
    if isinstance(motion, RotationMotion):
        names = ["world_from_cam", "confidence", "cut", "key_frame", "up", "travel", "local"]
        fields["rotation"] = {name: getattr(motion, name) for name in names}
    elif motion is not None:
        names = ["readout_ratio", "corners", "confidence", "cut", "mesh"]
        fields["motion"] = {name: getattr(motion, name) for name in names}
    if motion is not None and motion.speed is not None:
        fields["speed"] = motion.speed
    if warps is not None:
        fields["warps"] = {name: getattr(warps, name) for name in ("src_from_dst", "crop", "mesh", "local")}
    return fields


def _check_same_frames(motion: CameraMotion | RotationMotion, warps: WarpTrack) -> None:
    for name in ("width", "height", "aspect", "time_base"):
        ours, theirs = getattr(motion, name), getattr(warps, name)
        if ours != theirs:
            raise SidecarError(f"motion and warps are not of one clip: {name} is {ours} and {theirs}")
    if not np.array_equal(motion.pts, warps.pts):
        raise SidecarError(
            f"motion and warps are not of the same frames: {len(motion)} and {len(warps)}, or their times differ"
        )
