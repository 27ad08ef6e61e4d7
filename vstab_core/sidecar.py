"""The sidecar `clip.vstab`: what `analyze` measured, the parameters, and the warp of every frame.

The bytes are read and written by the native core, which the plug-ins share; `docs/sidecar-format.md` documents them.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _native
from .errors import OutputError, SidecarError, UsageError
from .params import PARAMS, Parameters, parameters_from
from .types import MESH_SHAPE, CameraMotion, VideoInfo, WarpTrack

logger = logging.getLogger(__name__)

Common = tuple[int, int, float, npt.NDArray[np.int64], Fraction]  # what motion and warps both say first


@dataclass(frozen=True)
class Sidecar:
    """What a sidecar holds; motion and warps, where both are there, are of the same frames.

    Attributes:
        motion: the result of `analyze`, or None.
        parameters: what the warps were made with, or None.
        warps: the result of `smooth`, or None.
        fingerprint: of the source, as `VideoInfo.fingerprint`.
        source_name: the source's file name, without a directory.
    """

    motion: CameraMotion | None
    parameters: Parameters | None
    warps: WarpTrack | None
    fingerprint: str
    source_name: str

    @property
    def track(self) -> CameraMotion | WarpTrack:
        """The motion or else the warps: whichever can say the frames' size and times."""
        either = self.motion or self.warps
        assert either is not None
        return either


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises:
        SidecarError: the file cannot be read, is damaged, or of a version that this program does not know.
    """
    try:
        fields = _native.parse_sidecar(Path(path).read_bytes())
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SidecarError(f"cannot read sidecar '{path}': {reason}") from error
    common: Common = (
        fields["width"],
        fields["height"],
        fields["aspect"],
        fields["pts"],
        Fraction(*fields["time_base"]),
    )
    motion, warps = fields.get("motion"), fields.get("warps")
    if motion is None and warps is None:
        raise SidecarError(f"cannot read sidecar '{path}': it holds neither motion nor warps")
    return Sidecar(
        motion=None if motion is None else _motion_from(common, motion, path),
        parameters=_parameters_from(fields["parameters"], path),
        warps=None if warps is None else WarpTrack(*common, warps["src_from_dst"], warps["mesh"], warps["crop"]),
        fingerprint=fields["fingerprint"],
        source_name=fields["source_name"],
    )


def write_sidecar(path: Path, sidecar: Sidecar) -> None:
    """Write a sidecar; it appears under its name only when it is complete.

    Raises:
        SidecarError: the values cannot be stored (not finite, or times that do not increase).
        OutputError: the file cannot be written.
    """
    path = Path(path)
    try:
        data = _native.format_sidecar(_fields_of(sidecar))
    except (ValueError, RuntimeError) as error:
        raise SidecarError(f"cannot write sidecar '{path}': {error}") from error
    try:
        handle, partial = tempfile.mkstemp(prefix=f".{path.name}.partial-", dir=path.absolute().parent)
    except OSError as error:
        raise OutputError(f"cannot write sidecar '{path}': {error.strerror}") from error
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.chmod(partial, 0o666 & ~_umask())
        os.replace(partial, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        if isinstance(error, OSError):
            raise OutputError(f"cannot write sidecar '{path}': {error.strerror}") from error
        raise


def check_matches(sidecar: Sidecar, info: VideoInfo) -> None:
    """Refuse a sidecar that was not made from this clip.

    Raises:
        SidecarError: the frame size or the content differs; the message says what was found and what to do.
    """
    track = sidecar.track
    if (track.width, track.height) != (info.width, info.height):
        raise SidecarError(
            f"sidecar was made for {track.width}x{track.height}, clip is {info.width}x{info.height}; "
            "run `vstab analyze` on this clip"
        )
    if sidecar.fingerprint != info.fingerprint:
        raise SidecarError(
            f"sidecar belongs to '{sidecar.source_name}' with other content than '{info.path.name}'; "
            "run `vstab analyze` on this clip"
        )


def _motion_from(common: Common, motion: dict[str, Any], path: Path) -> CameraMotion:
    mesh: npt.NDArray[np.float32] | None = motion["mesh"]
    if mesh is None:
        mesh = np.zeros((len(common[3]), *MESH_SHAPE), np.float32)
    if mesh.shape[1:] != MESH_SHAPE:
        raise SidecarError(f"cannot read sidecar '{path}': its motion mesh is {mesh.shape[1:3]}, not {MESH_SHAPE[:2]}")
    cut = motion["cut"].astype(bool)
    return CameraMotion(*common, motion["corners"], mesh, motion["confidence"], cut, motion["readout_ratio"])


def _parameters_from(text: str, path: Path) -> Parameters | None:
    if not text:
        return None
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    for name in sorted(set(values) - set(PARAMS)):
        logger.warning("'%s': parameter %s is unknown to this version and ignored", path, name)
        del values[name]
    try:
        return parameters_from(values)
    except UsageError as error:
        raise SidecarError(f"cannot read sidecar '{path}': {error}") from error


def _fields_of(sidecar: Sidecar) -> dict[str, Any]:
    track = sidecar.track
    parameters = sidecar.parameters.as_dict() if sidecar.parameters else {}
    fields: dict[str, Any] = {
        "writer": version("vstab"),
        "fingerprint": sidecar.fingerprint,
        "source_name": sidecar.source_name.encode("utf-8", "replace"),
        "parameters": "".join(f"{name}={value}\n" for name, value in parameters.items()),
        "width": track.width,
        "height": track.height,
        "aspect": track.aspect,
        "time_base": (track.time_base.numerator, track.time_base.denominator),
        "pts": track.pts,
    }
    if sidecar.motion is not None:
        motion = sidecar.motion
        fields["motion"] = {
            "readout_ratio": motion.readout_ratio,
            "corners": motion.corners,
            "confidence": motion.confidence,
            "cut": motion.cut,
            "mesh": motion.mesh if motion.mesh.any() else None,
        }
    if sidecar.warps is not None:
        warps = sidecar.warps
        fields["warps"] = {"src_from_dst": warps.src_from_dst, "crop": warps.crop, "mesh": warps.mesh}
    return fields


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
