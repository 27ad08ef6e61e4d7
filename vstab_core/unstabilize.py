"""A stabilized 360 clip and its sidecar in, the view as it was filmed out: nothing of a sphere is cropped away.

The rotations of the warps are undone exactly (Kopf 2016, 1: "the original can be had back"). Known limits: their local
rotations stay in the picture, as the inverse of the deformed model is no such model; each way resamples once. The
sidecar must be as it was when the clip was stabilized, and the clip must have kept its times.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from .ambisonics import sound_changes
from .decode import probe, read_frames
from .encode import VideoWriter
from .errors import InputError
from .layout import layout_of
from .light.resample import linear_light
from .params import Parameters
from .render import render_frames
from .result import ProgressFn, Result, tell
from .sidecar import Sidecar, read_sidecar
from .spherical_metadata import spherical_of_output
from .types import EncodeOptions, VideoInfo, WarpTrack

SHAPE_SLACK = 0.01  # of the width: encoders pad odd sizes
SEEN_PX = 0.5  # local rotations below this are not worth a warning


def unstabilize(
    stabilized: Path,
    sidecar: Path,
    output: Path,
    parameters: Parameters,
    encode: EncodeOptions | None = None,
    *,
    overwrite: bool = False,
    on_progress: ProgressFn | None = None,
) -> Result:
    """Turn every frame of a stabilized 360 clip back to where the camera looked.

    Args:
        stabilized: what vstab made with the sidecar; of any resolution.
        sidecar: with the warps that it was made with.
        output: the clip to write.
        parameters: those of the render stage matter here.
        encode: the encoder's options.
        overwrite: whether an existing output may be replaced.
        on_progress: may raise `Cancelled`; nothing half-written is then left.

    Raises:
        InputError: the sidecar is of an ordinary clip, holds no warps, or the clip has another shape.
    """
    started = time.monotonic()
    info = probe(stabilized)
    stored = read_sidecar(sidecar)
    warps = _checked(stored, sidecar, info)
    if stored.parameters is not None:  # how the frames are laid out is as it was
        made = stored.parameters
        parameters = replace(parameters, projection=made.projection, stereo=made.stereo,
                             input_space=made.input_space, ocio=made.ocio)  # fmt: skip
    back = inverse_of(warps, info)
    warnings = [*_times_doubt(back, info), *_local_doubt(warps, info)]
    done = 0
    sound = sound_changes(stabilized, back, stored.motion, parameters.ambisonics)
    layout, light = layout_of(parameters), linear_light(info, parameters)
    says = spherical_of_output(stabilized, layout.stereo, layout.half)
    with VideoWriter(output, info, encode, overwrite=overwrite, sound=sound, spherical=says) as writer:
        frames = read_frames(stabilized, on_damage=warnings.append)
        for frame in render_frames(frames, back, None, parameters, writer.new_frame, light):
            writer.write(frame)
            done += 1
            tell(on_progress, "render", done, info.frames)
    seconds = time.monotonic() - started
    figures = {"frames": done, "not_undone_deg": float(np.degrees(_bend_rad(warps))), "seconds": seconds}
    return Result(output, figures, warnings)


def inverse_of(warps: WarpTrack, info: VideoInfo) -> WarpTrack:
    """Return the warps that undo the rotations of these, for a clip with the times of `info`."""
    ticks = [round(int(pts) * warps.time_base / info.time_base) for pts in warps.pts]
    return replace(
        warps,
        width=info.width,
        height=info.height,
        pts=np.array(ticks, np.int64),
        time_base=info.time_base,
        src_from_dst=np.swapaxes(warps.src_from_dst, -1, -2).copy(),
        local=None,
    )


def _checked(stored: Sidecar, sidecar: Path, info: VideoInfo) -> WarpTrack:
    track = stored.track
    if stored.projection != "equirect":
        raise InputError(
            f"'{sidecar}' is of an ordinary clip, whose borders are lost once it is cropped; "
            "unstabilize takes 360 clips only, use the original instead"
        )
    if stored.warps is None:
        raise InputError(f"'{sidecar}' {stored.no_warps}")
    if stored.fingerprint and stored.fingerprint == info.fingerprint:
        raise InputError(f"'{info.path}' is the original of '{sidecar}' itself; give what was stabilized with it")
    if abs(info.width * track.height - info.height * track.width) > SHAPE_SLACK * info.width * track.height:
        raise InputError(
            f"'{info.path}' is {info.width}x{info.height}, which is not the shape of the sphere that '{sidecar}' "
            f"was made for, {track.width}x{track.height}; any size of that shape will do"
        )
    return stored.warps


def _bend_rad(warps: WarpTrack) -> float:
    return 0.0 if warps.local is None else float(np.linalg.norm(warps.local, axis=-1).max())


def _local_doubt(warps: WarpTrack, info: VideoInfo) -> list[str]:
    bend_rad = _bend_rad(warps)
    bend_px = bend_rad / (2 * np.pi) * info.width
    if bend_px < SEEN_PX:
        return []
    return [
        f"local rotations of up to {np.degrees(bend_rad):.2f} degrees ({bend_px:.1f} px) are not undone; "
        "with `--deformation 0` stabilizing makes none"
    ]


def _times_doubt(back: WarpTrack, info: VideoInfo) -> list[str]:
    """Say where the clip is longer or shorter than the sidecar: then its times may be others too."""
    if not info.frames or info.frames == len(back):
        return []
    return [
        f"'{info.path}' has {info.frames} frames and the sidecar {len(back)}; frames are matched by time, so a clip "
        "that was retimed or whose start was moved gets the wrong turns"
    ]
