"""First-order ambisonic sound turned with the picture: what is seen ahead is heard ahead.

AmbiX: channels W Y Z X (ACN), SN3D; X forward, Y left, Z up. W has no direction and stays; (X, Y, Z) is a direction
like any other and is turned as the picture is, by `stab_from_src` of the moment. Channels beyond the four (head-locked
stereo) stay with the head. Known limits: the local rotations of the deformed model are left out; higher orders are not
turned.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream

from . import rotation
from .media import open_media
from .resound import ChangeSamples
from .sa3d import read_ambisonics
from .types import CameraMotion, FloatArray, RotationMotion, WarpTrack

logger = logging.getLogger(__name__)

CHANNELS = 4
CUT_S = 0.01  # a cut's sudden turn is made in this time before it: at once, it would click
NO_TURN_RAD = 1e-9  # rounding; a sample of 24 bits does not change
# (Y, Z, X) = AMBI_FROM_CAM (x, y, z): left is not right, up is not down, ahead is ahead
AMBI_FROM_CAM = np.array([[-1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])


class SoundTurn:
    """The turn of a clip's sound at any time, between frames too.

    Args:
        times_s: (F,) when the frames are shown.
        stab_from_src: (F, 4) quaternions.
        cut: (F,) bool, True on the first frame of a shot; the turns of two shots are not mixed.
    """

    def __init__(self, times_s: FloatArray, stab_from_src: FloatArray, cut: npt.NDArray[np.bool_]) -> None:
        times, turns = list(times_s), list(rotation.normalised(stab_from_src))
        for frame in np.flatnonzero(cut)[::-1]:
            if frame > 0:
                held_until_s = max(times[frame - 1], times[frame] - CUT_S)
                times.insert(frame, held_until_s)
                turns.insert(frame, turns[frame - 1])
        self._times_s, self._turns = np.array(times), np.array(turns)

    def __bool__(self) -> bool:
        """Whether it turns at all."""
        return bool(rotation.angle_rad(self._turns).max() > NO_TURN_RAD)

    def at(self, times_s: FloatArray) -> FloatArray:
        """Return stab_from_src at these times, (n, 4): on the shortest way from frame to frame; held at the ends."""
        last = len(self._times_s) - 1
        after = np.searchsorted(self._times_s, times_s, side="right").clip(1, max(1, last)).clip(max=last)
        before = np.maximum(after - 1, 0)
        span_s = self._times_s[after] - self._times_s[before]
        share = np.divide(times_s - self._times_s[before], span_s, out=np.ones_like(times_s), where=span_s > 0)
        return rotation.slerp(self._turns[before], self._turns[after], share.clip(0, 1))

    def __call__(self, samples: FloatArray, times_s: FloatArray) -> FloatArray:
        """Turn samples (n, 4 and more), W Y Z X and what is not to be turned, at these times (n,)."""
        turns = self.at(times_s)
        if rotation.angle_rad(turns).max(initial=0.0) <= NO_TURN_RAD:
            return samples
        ambi = AMBI_FROM_CAM @ rotation.matrix(turns) @ AMBI_FROM_CAM.T
        turned = samples.copy()
        turned[:, 1:CHANNELS] = np.einsum("nij,nj->ni", ambi, samples[:, 1:CHANNELS])
        return turned


def sound_changes(
    path: Path, warps: WarpTrack, motion: CameraMotion | RotationMotion | None, mode: str
) -> Mapping[int, ChangeSamples]:
    """Return what is to be done with the sound of a clip: stream index -> its turn.

    Args:
        path: the clip.
        warps: by which the picture is turned; of an ordinary clip nothing is done.
        motion: knows the cuts, or None.
        mode: the parameter `ambisonics`: "auto", "rotate" or "keep".
    """
    if warps.projection != "equirect" or mode == "keep":
        return {}
    cut = np.zeros(len(warps), bool) if motion is None else motion.cut
    if motion is not None and warps.out_pts is not None:  # sound is turned before it is stretched
        cut = cut[np.searchsorted(motion.pts, warps.pts)]
    times_s = warps.pts.astype(np.float64) * float(warps.time_base)
    turn = SoundTurn(times_s, rotation.from_matrix(np.swapaxes(warps.src_from_dst, -1, -2)), cut)
    if not turn:  # a lossy codec would only lose
        return {}
    streams, doubtful = ambisonic_streams(path), _four_channel_streams(path)
    if mode == "rotate":
        streams = sorted({*streams, *doubtful})
        if not streams:
            logger.warning("'%s': no sound with four channels that could be turned with the picture", path)
    for index in sorted({*doubtful} - {*streams}):
        logger.warning("'%s': sound stream %d has four channels but does not say that it is ambisonic, so it is not "
                       "turned with the picture; if it is ambiX, give --ambisonics rotate", path, index)  # fmt: skip
    return dict.fromkeys(streams, turn)


def ambisonic_streams(path: Path) -> list[int]:
    """Return the indices of the streams that are known to be first-order ambiX, head-locked stereo beside it or not.

    Opus says so itself (channel mapping family 2), mp4 and mov in their `SA3D` box.
    """
    found = []
    for item in read_ambisonics(path):
        if item.order == 1 and item.channel_map[:CHANNELS] == tuple(range(CHANNELS)):
            found.append(item.stream)
        else:
            logger.warning("'%s': stream %d is ambisonic sound of order %d with the channels %s, which is not turned "
                           "with the picture; only the first order in ACN order is", path, item.stream, item.order,
                           list(item.channel_map))  # fmt: skip
    for index, layout in _layouts(path):
        order, _, _ = layout.removeprefix("ambisonic ").partition("+")
        if not layout.startswith("ambisonic ") or index in found:
            continue
        if order == "1":
            found.append(index)
        else:
            logger.warning(
                "'%s': stream %d is ambisonic sound of order %s, which is not turned with the picture; "
                "only the first order is",
                path,
                index,
                order,
            )
    return found


def _four_channel_streams(path: Path) -> list[int]:
    with open_media(path) as container:
        return [stream.index for stream in container.streams.audio if _channels(stream) == CHANNELS]


def _layouts(path: Path) -> list[tuple[int, str]]:
    with open_media(path) as container:
        return [(stream.index, stream.layout.name) for stream in container.streams.audio if _channels(stream)]


def _channels(stream: AudioStream) -> int:
    return stream.codec_context.layout.nb_channels if stream.codec_context is not None else 0
