"""RotationMotion in, WarpTrack out: where a stabilized 360 view looks.

With `lock` the view keeps the direction of the first frame: every frame is turned back by all the camera turned. With
`steady` the low-passed turn of the camera is given back (Kopf 2016, 4.1): what lies below the cut-off that `smoothness`
sets stays, as for ordinary clips. `horizon` is that made level, `follow` level with the direction of travel in front.
The share of each axis, the strength and the user's own orientation come on top, in this order. Nothing is cut away at
the borders, for a sphere has none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .. import rotation
from ..params import Parameters, orientation_keys
from ..types import FloatArray, RotationMotion, WarpTrack
from .solver import PathProblem
from .weights import smoothness_weights, usual_interval_s

STEADY_RAD = 5e-4  # largest correction, 0.03 degrees (0.15 px at 1920), of a shot that is left untouched
_CAMERA_UP = np.array([0.0, -1.0, 0.0])


def smooth(motion: RotationMotion, parameters: Parameters) -> WarpTrack:
    """Return the warp of every frame.

    Args:
        motion: what `analyze` measured.
        parameters: of which view, lock, smoothness, stabilize_*, strength, orientation and deformation matter here.
    """
    frames = len(motion)
    stab_from_src = np.tile(rotation.IDENTITY, (frames, 1))
    local = np.zeros_like(motion.local)
    starts = np.flatnonzero(motion.cut)
    for first, last in zip(starts, [*starts[1:], frames], strict=True):
        shot = slice(int(first), int(last))
        turn = _correction(motion, shot, parameters)
        if max(rotation.angle_rad(turn).max(), np.abs(motion.local[shot]).max()) < STEADY_RAD:
            continue
        stab_from_src[shot] = rotation.exponential(parameters.strength * rotation.logarithm(turn))
        local[shot] = parameters.strength * parameters.deformation * motion.local[shot]
    src_from_dst = rotation.product(rotation.inverse(stab_from_src), _view_from_dst(motion, parameters))
    return WarpTrack(
        motion.width,
        motion.height,
        motion.aspect,
        motion.pts,
        motion.time_base,
        rotation.matrix(src_from_dst),
        None,
        np.zeros(frames),
        projection="equirect",
        local=local if local.any() else None,
    )


def doubts(motion: RotationMotion, parameters: Parameters) -> list[str]:
    """Return sentences about what the parameters ask for and the clip does not allow."""
    found = []
    if parameters.view == "follow" and not motion.travel.any():
        found.append("where the camera travels could not be seen; --view follow keeps the camera's own direction")
    if parameters.model == "rotation" and (motion.key_frame & ~motion.cut).any():
        found.append("the clip was analyzed with key frames: --model rotation needs `vstab analyze --model rotation`")
    return found


def _correction(motion: RotationMotion, shot: slice, parameters: Parameters) -> FloatArray:
    """Return view_from_cam, (n, 4), of full strength."""
    path = rotation.continued(motion.world_from_cam[shot])
    world_from_view = _steady(motion, shot, parameters, path)
    level_from_world = _upright(motion.up[shot.start])
    if parameters.view in ("horizon", "follow"):
        yaw = _about_vertical(rotation.product(level_from_world, world_from_view))
        if parameters.view == "follow" and motion.travel[shot].any():
            yaw = _headed(motion, shot, parameters, level_from_world)
        world_from_view = rotation.product(rotation.inverse(level_from_world), yaw)
    world_from_view = _by_axis(world_from_view, path, level_from_world, parameters)
    return rotation.product(rotation.inverse(world_from_view), path)


def _steady(motion: RotationMotion, shot: slice, parameters: Parameters, path: FloatArray) -> FloatArray:
    """Return world_from_view, (n, 4): the first direction, or the camera's own, smoothed."""
    if parameters.view == "lock" or parameters.lock == "on":
        return np.tile(path[:1], (len(path), 1))
    # The components are smoothed and brought back to length 1: within the half second that a view is averaged over, a
    # camera turns far less than the 90 degrees from which on that would be wrong.
    return rotation.normalised(_low_passed(path, motion, shot, parameters))


def _low_passed(values: FloatArray, motion: RotationMotion, shot: slice, parameters: Parameters) -> FloatArray:
    """Return (n, k) values without what is faster than `smoothness` allows."""
    if parameters.smoothness == 0 or len(values) < 3:
        return values
    interval_s = usual_interval_s(motion)
    weights = smoothness_weights(replace(parameters, lock="off"), interval_s)
    return values + PathProblem(motion.time_s[shot] / interval_s, values.shape[1], weights).free(values)


def _upright(up: npt.NDArray[np.float32]) -> FloatArray:
    """Return level_from_world, (4,): the shortest turn that takes `up` to where a level camera has it."""
    direction = up.astype(np.float64) / np.linalg.norm(up)
    twice = np.r_[1 + direction @ _CAMERA_UP, np.cross(direction, _CAMERA_UP)]  # of half the angle
    return rotation.normalised(twice) if np.linalg.norm(twice) > 1e-6 else np.array([0.0, 0.0, 0.0, 1.0])


def _about_vertical(level_from_view: FloatArray) -> FloatArray:
    """Return the part (n, 4) of rotations that turns about the vertical: their twist.

    Unlike a yaw angle it goes through straight up and down without a jump; only upside down it is not defined.
    """
    twist = level_from_view * [1.0, 0.0, 1.0, 0.0]
    return rotation.normalised(np.where(np.linalg.norm(twist, axis=1, keepdims=True) > 1e-6, twist, rotation.IDENTITY))


def _headed(motion: RotationMotion, shot: slice, parameters: Parameters, level_from_world: FloatArray) -> FloatArray:
    """Return level_from_view, (n, 4): turned about the vertical to where the camera travels.

    The direction is known from key frame to key frame; it is taken to be that of the middle, and turns evenly between.
    """
    travel = motion.travel[shot].astype(np.float64) @ rotation.matrix(level_from_world).T
    changes = np.flatnonzero(np.any(np.diff(travel, axis=0), axis=1)) + 1
    bounds = np.r_[0, changes, len(travel)]
    middles = (bounds[:-1] + bounds[1:] - 1) // 2
    middles = middles[travel[middles].any(axis=1)]
    yaw = np.unwrap(np.arctan2(travel[middles, 0], travel[middles, 2]))
    even = np.interp(np.arange(len(travel)), middles, yaw)
    smooth_yaw = _low_passed(even[:, None], motion, shot, parameters)
    return rotation.exponential(smooth_yaw * [0.0, 1.0, 0.0])


def _by_axis(
    world_from_view: FloatArray, path: FloatArray, level_from_world: FloatArray, parameters: Parameters
) -> FloatArray:
    """Return world_from_view with the camera's own yaw, pitch and roll where they are to be kept."""
    share = np.array([parameters.stabilize_yaw, parameters.stabilize_pitch, parameters.stabilize_roll])
    if (share == 1).all():
        return world_from_view
    own = rotation.yaw_pitch_roll(rotation.product(level_from_world, path))
    wanted = rotation.yaw_pitch_roll(rotation.product(level_from_world, world_from_view))
    removed = (wanted - own + np.pi) % (2 * np.pi) - np.pi
    level_from_view = rotation.from_yaw_pitch_roll(own + share * removed)
    return rotation.product(rotation.inverse(level_from_world), level_from_view)


def _view_from_dst(motion: RotationMotion, parameters: Parameters) -> FloatArray:
    """Return what the user turns the finished view by, (F, 4)."""
    keys = np.array(orientation_keys(parameters.orientation))
    times_s = motion.time_s - motion.time_s[0]
    angles = [np.interp(times_s, keys[:, 0], np.radians(keys[:, axis])) for axis in (1, 2, 3)]
    return rotation.from_yaw_pitch_roll(np.stack(angles, axis=1))
