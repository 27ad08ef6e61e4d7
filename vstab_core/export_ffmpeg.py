"""A sidecar's warps for a stock ffmpeg: transforms for `vidstabtransform`, or commands for `v360`.

Both hold less than the sidecar: `vidstabtransform` knows similarities and `v360` rotations. What is left out is
measured and told. `docs/exports.md` is for their readers; the filters' laws below were measured with ffmpeg 5.1
(vid.stab 1.1).
"""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass

import numpy as np

from . import rotation
from .errors import InputError
from .sidecar import Sidecar
from .types import FloatArray, FrameWarp, WarpTrack
from .warp import source_positions

VIDSTAB_OPTIONS = "relative=0:smoothing=0:optzoom=0:crop=black:interpol=bicubic"  # each line applied as it is
ERROR_GRID = 33  # places along each edge at which the similarity is fitted and compared; a mesh has 4 cells
V360_STEREO = {"mono": "2d", "top-bottom": "tb", "left-right": "sbs"}
KEEP_TIMES = ("-fps_mode", "passthrough", "-enc_time_base", "-1")  # a frame for a frame, variable rates too
STILL_DEG = 1e-7  # angles are written to 1e-6 degrees; a smaller change is no command


@dataclass(frozen=True)
class Script:
    """A file for ffmpeg.

    Attributes:
        lines: of the file, without its head.
        filters: the filtergraph, with "{file}" where the file's name goes.
        before_input: ffmpeg's options that stand before the input.
        error: the largest error for what is left out, in `unit`.
        unit: "px" of the clip, or "deg".
        notes: sentences about what the user should know before running it.
    """

    lines: list[str]
    filters: str
    before_input: list[str]
    error: float
    unit: str
    notes: list[str]


def vidstab_script(sidecar: Sidecar) -> Script:
    """Return the similarity part of each warp in vid.stab's text format of global transforms.

    Convention:
        a line is `time x y alpha zoom extra`. In pixel indices (centres at integers, y down) and c = (W / 2, H / 2) the
        filter shows dst = c + R (src - c + (x, y)) / (1 - zoom / 100), where R turns counter-clockwise on the screen by
        alpha radians. Its pivot lies half a pixel right of and below the middle of the picture.

    Raises:
        InputError: the sidecar is of a 360 clip or holds no warps.
    """
    if sidecar.projection != "rectilinear":
        raise InputError(
            "vid.stab knows shift, turn and zoom of an ordinary picture, and the sidecar is of a 360 clip; "
            "use --to v360, csv or json"
        )
    warps = _warps_of(sidecar)
    size = (warps.height, warps.width)
    pivot = np.array([warps.width + 1.0, warps.height + 1.0]) / 2
    lines, error_px = [], 0.0
    for number, warp in enumerate(warps[i] for i in range(len(warps))):
        slope, offset, apart_px = similarity_part(warp, size)
        error_px = max(error_px, apart_px)
        shift = pivot - (slope @ pivot + offset)
        alpha = math.atan2(slope[1, 0], slope[0, 0])
        zoom = 100 * (1 - math.hypot(slope[0, 0], slope[1, 0]))
        lines.append(f"{number + 1} {shift[0]:.6f} {shift[1]:.6f} {alpha:.9f} {zoom:.7f} 0")
    notes = [f"the similarity part of the warps; what is left out moves the picture by up to {error_px:.2f} px"]
    return Script(lines, f"vidstabtransform=input={{file}}:{VIDSTAB_OPTIONS}", [], error_px, "px", notes)


def similarity_part(warp: FrameWarp, size: tuple[int, int]) -> tuple[FloatArray, FloatArray, float]:
    """Return the similarity nearest to a warp over the picture, and how far off it is.

    Args:
        warp: of an ordinary clip, mesh included.
        size: (height, width) of the clip.

    Returns:
        slope (2, 2) and offset (2,) in pixels, src = slope @ dst + offset; the largest distance to the whole warp, px.
    """
    height, width = size
    x, y = np.meshgrid(np.linspace(0, width, ERROR_GRID), np.linspace(0, height, ERROR_GRID))
    dst = np.stack([x.ravel(), y.ravel()], axis=-1)
    src = source_positions(warp, size, size, dst)
    seen = np.isfinite(src).all(axis=-1)  # the rest lies behind the horizon of a wild homography
    middle = dst[seen].mean(axis=0)
    centred = dst[seen] - middle
    target = src[seen].mean(axis=0)
    moved = src[seen] - target
    # least squares of moved = [[p, -q], [q, p]] centred
    power = (centred**2).sum()
    p = (centred * moved).sum() / power
    q = (centred[:, 0] * moved[:, 1] - centred[:, 1] * moved[:, 0]).sum() / power
    slope = np.array([[p, -q], [q, p]])
    apart = moved - centred @ slope.T
    worst = math.inf if not seen.all() else float(np.hypot(apart[:, 0], apart[:, 1]).max())
    return slope, target - slope @ middle, worst


def v360_script(sidecar: Sidecar) -> Script:
    """Return the rotation of each warp as commands for `sendcmd,v360`, absolute angles at the time of the frame.

    Convention:
        v360's output direction d samples the source at Ry(yaw) Rx(pitch) Rz(roll) d with the signs of
        `rotation.yaw_pitch_roll`, so the angles are those of `src_from_dst`. Without `reset_rot=1` commands add up.
        It spreads the input over one row and one column too few (ffmpeg 5.1 and 8.1: up to half a pixel, outwards); an
        input that is that much less than the sphere makes it exact.
        Times lie half a frame before the frame: a container's rounded timestamps may come a little too early.

    Raises:
        InputError: the sidecar is of an ordinary clip, of a layout that v360 is not told here, or holds no warps.
    """
    if sidecar.projection != "equirect":
        raise InputError("v360 turns the sphere of a 360 clip, and the sidecar is of an ordinary one; use --to vidstab")
    projection = "equirect" if sidecar.parameters is None else sidecar.parameters.projection
    stereo = "mono" if sidecar.parameters is None else sidecar.parameters.stereo
    if projection not in ("auto", "equirect"):
        raise InputError(
            f"a script for v360 can be had of equirectangular clips, the clip of the sidecar is {projection}; "
            "use csv or json"
        )
    warps = _warps_of(sidecar)
    angles = np.degrees(rotation.yaw_pitch_roll(rotation.from_matrix(warps.src_from_dst)))
    times_s = warps.pts.astype(np.float64) * float(warps.time_base)
    begins_s = np.concatenate([[min(0.0, times_s[0])], (times_s[1:] + times_s[:-1]) / 2])
    lines, commands, before = [], 0, np.full(3, np.nan)
    for begin_s, now in zip(begins_s, angles, strict=True):
        changed = ~(np.abs(now - before) < STILL_DEG)
        names = [name for name, is_new in zip(("yaw", "pitch", "roll"), changed, strict=True) if is_new]
        values = now[changed] + 0.0  # no -0
        if names:
            told = ", ".join(f"v360 {name} {value:.6f}" for name, value in zip(names, values, strict=True))
            lines.append(f"{begin_s:.6f} {told};")
            before = np.where(changed, now, before)
            commands += len(names)
    local = 0.0 if warps.local is None else float(np.linalg.norm(warps.local.astype(np.float64), axis=-1).max())
    left_out_deg = math.degrees(local)
    each = commands / len(warps)
    eye = (warps.height // (1 + (stereo == "top-bottom")), warps.width // (1 + (stereo == "left-right")))
    notes = [
        f"the rotations of the warps; the local rotations are left out, which moves the picture by up to "
        f"{left_out_deg:.2f} degrees ({left_out_deg / 180 * eye[0]:.1f} px)",
        f"v360 computes its whole map again at every command, and there are {each:.1f} a frame: count on about "
        f"{_v360_cost_s(warps) * max(each, 0.1):.1f} s a frame; `vstab render` is faster and exact",
    ]
    options = ["v360=e:e:interp=cubic:reset_rot=1", f"ih_fov={360 - 360 / eye[1]:.7f}:iv_fov={180 - 180 / eye[0]:.7f}"]
    if stereo in V360_STEREO:
        options.append(f"in_stereo={V360_STEREO[stereo]}:out_stereo={V360_STEREO[stereo]}")
    filters = f"sendcmd=f={{file}},{':'.join(options)}"
    return Script(lines, filters, ["-copyts"], left_out_deg, "deg", notes)


def text_of(script: Script, name: str, source_name: str) -> str:
    """Return the file: comments that say how to use it, then its lines.

    Args:
        script: what it holds.
        name: the file's own name, for the command line.
        source_name: the clip's.
    """
    head = ["Made by vstab export from the motion of this clip:", f"  {source_name}", *script.notes]
    head += ["Run in the folder of both files:", f"  {command_line(script, name, source_name)}"]
    # vid.stab reads lines into 1024 bytes and takes what is left of a longer one for data
    return "".join(f"# {_printable(line)[:900]}\n" for line in head) + "\n".join(script.lines) + "\n"


def command_line(script: Script, path: str, source: str) -> str:
    """Return the shell's command that renders the clip with the script."""
    filters = script.filters.replace("{file}", escaped(path))
    words = ["ffmpeg", *script.before_input, "-i", _no_option(source), "-vf", filters, *KEEP_TIMES]
    return shlex.join([*words, "-c:a", "copy", "OUT.mp4"])


def escaped(value: str) -> str:
    """Return an option's value as ffmpeg's filtergraph wants it: escaped once for the option, once for the graph."""
    for special in ("\\':", "\\'[],;"):
        value = "".join(f"\\{letter}" if letter in special else letter for letter in value)
    return value


def _warps_of(sidecar: Sidecar) -> WarpTrack:
    if sidecar.warps is None:
        raise InputError(f"the sidecar of '{sidecar.source_name}' holds no warps; run `vstab smooth` on it")
    return sidecar.warps


def _v360_cost_s(warps: WarpTrack) -> float:
    """Return seconds that v360 takes for one map: 0.27 at 1920 x 960 on two cores, in proportion to the pixels."""
    return 0.27 * warps.width * warps.height / (1920 * 960)


def _no_option(name: str) -> str:
    return f"./{name}" if name.startswith("-") else name


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
