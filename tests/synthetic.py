"""Films of a drawn scene, seen by cameras whose every motion is known.

A camera is a function of time, so that a sensor's rows may each be taken at their own moment. Its pose leads from
normalised frame coordinates to those of the scene (`scene_from_frame`): content at p in frame t-1 appears in frame t at
inv(S_t) S_(t-1) p. The scene is drawn at twice the size of the frames, and cv2.remap rounds positions to 1/32 of its
pixels, so a frame is true to 1/128 px.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from vstab_core.corners import corners_from_homography
from vstab_core.types import MESH_SHAPE, CameraMotion, FloatArray

Picture = npt.NDArray[np.uint8]
Size = tuple[int, int]  # (height, width)

PROXY: Size = (360, 640)
ASPECT = 9 / 16
FPS = 30.0
SCENE_SCALE = 2  # scene pixels a frame pixel, at the proxy's size
SCENE_EXTENT = (1.25, 1.75)  # half height and half width of the scene, normalised
X, Y, ZOOM, ROLL, TILT_X, TILT_Y = range(6)  # what a camera moves: normalised, ln, rad, perspective entries


@dataclass(frozen=True)
class Camera:
    """A sum of steady motion and of sine waves, a row of six numbers (X ... TILT_Y) each.

    Attributes:
        start: (6,) at frame 0.
        rate: (6,) a frame.
        frequency: (K,) cycles a frame.
        amplitude, phase: (K, 6).
    """

    start: FloatArray
    rate: FloatArray
    frequency: FloatArray
    amplitude: FloatArray
    phase: FloatArray

    def __add__(self, other: Camera) -> Camera:
        """Move by the sum of both cameras' numbers."""
        return Camera(
            self.start + other.start,
            self.rate + other.rate,
            np.concatenate([self.frequency, other.frequency]),
            np.concatenate([self.amplitude, other.amplitude]),
            np.concatenate([self.phase, other.phase]),
        )

    def only(self, *channels: int) -> Camera:
        """Keep the given kinds of motion."""
        keep = np.isin(np.arange(6), channels)
        return replace(self, start=self.start * keep, rate=self.rate * keep, amplitude=self.amplitude * keep)

    def numbers(self, frame: npt.ArrayLike) -> FloatArray:
        """Return (N, 6) at the given moments, in frames."""
        moment = np.atleast_1d(np.asarray(frame, np.float64))
        wave = np.sin(2 * np.pi * moment[:, None, None] * self.frequency[None, :, None] + self.phase)
        return np.asarray(self.start + moment[:, None] * self.rate + (self.amplitude * wave).sum(axis=1))

    def poses(self, frame: npt.ArrayLike) -> FloatArray:
        """Return scene_from_frame (N, 3, 3) at the given moments, in frames."""
        x, y, zoom, roll, tilt_x, tilt_y = self.numbers(frame).T
        result = np.zeros((len(x), 3, 3))
        scale = np.exp(zoom)
        result[:, 0, 0] = result[:, 1, 1] = scale * np.cos(roll)
        result[:, 1, 0] = scale * np.sin(roll)
        result[:, 0, 1] = -result[:, 1, 0]
        result[:, 0, 2], result[:, 1, 2] = x, y
        result[:, 2, 0], result[:, 2, 1], result[:, 2, 2] = tilt_x, tilt_y, 1
        return result

    def steps(self, frames: npt.ArrayLike) -> FloatArray:
        """Return cur_from_prev (F, 3, 3) at the given moments; the first is the identity."""
        poses = self.poses(frames)
        steps = np.linalg.inv(poses[1:]) @ poses[:-1]
        return np.concatenate([np.eye(3)[None], steps / steps[:, 2:, 2:]])


def moving(**channels: float) -> Camera:
    """Return a camera with steady speed a frame: moving(x=0.01, zoom=0.002)."""
    names = ("x", "y", "zoom", "roll", "tilt_x", "tilt_y")
    rate = np.array([channels.pop(name, 0.0) for name in names])
    assert not channels
    return Camera(np.zeros(6), rate, np.zeros(0), np.zeros((0, 6)), np.zeros((0, 6)))


def shaking(
    seed: int, x: float = 0.01, turn: float = 0.004, tilt: float = 0.0, band: tuple[float, float] = (1.5, 6.0)
) -> Camera:
    """Return band-limited hand shake.

    Args:
        seed: of the phases and of the frequencies.
        x: RMS of the shift, normalised; the height shakes as much.
        turn: RMS of roll (rad) and of ln zoom (half of it).
        tilt: RMS of the perspective entries.
        band: lowest and highest frequency, Hz at 30 frames a second.
    """
    rng = np.random.default_rng(seed)
    waves = 24
    frequency = np.exp(rng.uniform(*np.log(band), waves)) / FPS
    spread = np.array([x, x, turn / 2, turn, tilt, tilt])
    amplitude = np.sqrt(2 / waves) * np.tile(spread, (waves, 1))
    return Camera(np.zeros(6), np.zeros(6), frequency, amplitude, rng.uniform(0, 2 * np.pi, (waves, 6)))


def walking(seed: int = 3) -> Camera:
    """Return a walker's camera: two steps a second bob and sway, with a hand's shake on top."""
    step = 2.0 / FPS
    amplitude = np.array([[0, 0.02, 0, 0, 0, 0], [0.015, 0, 0, 0.006, 0, 0]])
    bob = Camera(np.zeros(6), np.zeros(6), np.array([step, step / 2]), amplitude, np.zeros((2, 6)))
    return bob + shaking(seed, x=0.004, turn=0.002) + moving(zoom=-0.0008)


def motion_of(
    camera: Camera,
    frames: int,
    *,
    moments: npt.ArrayLike | None = None,
    cuts: Sequence[int] = (),
    readout_ratio: float = 0.0,
    size: Size = PROXY,
) -> CameraMotion:
    """Return the motion that a perfect estimate finds, at 1/90000 s; `moments` in frames of 1/30 s.

    Cuts only mark: the camera goes on as before. The readout ratio is stored; the corners are those of the middle row.
    """
    aspect = size[0] / size[1]
    at = np.arange(frames, dtype=np.float64) if moments is None else np.asarray(moments, np.float64)
    corners = corners_from_homography(camera.steps(at), aspect)
    cut = np.isin(np.arange(frames), [0, *cuts])
    corners[cut] = 0
    return CameraMotion(
        size[1],
        size[0],
        aspect,
        np.round(at * 3000).astype(np.int64),
        Fraction(1, 90000),
        corners,
        np.zeros((frames, *MESH_SHAPE), np.float32),
        np.ones(frames, np.float32),
        cut,
        readout_ratio,
    )


@lru_cache(maxsize=8)
def scene(seed: int = 1, contrast: float = 1.0) -> npt.NDArray[np.float32]:
    """Draw a scene: noise of six octaves, with discs and bars of sharp edge. Values 0..255 at contrast 1."""
    rng = np.random.default_rng(seed)
    height, width = (round(extent * PROXY[1] * SCENE_SCALE) for extent in SCENE_EXTENT)
    total = np.zeros((height, width), np.float32)
    for octave in range(2, 8):
        coarse = rng.standard_normal((height // 2**octave + 2, width // 2**octave + 2)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC) * 1.35**octave
    total = 128 + total * (36 / total.std())
    for _ in range(160):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        shade = float(rng.uniform(30, 225))
        if rng.random() < 0.5:
            cv2.circle(total, centre, int(rng.integers(8, 40)), shade, -1)
        else:
            other = (centre[0] + int(rng.integers(-120, 120)), centre[1] + int(rng.integers(-120, 120)))
            cv2.line(total, centre, other, shade, int(rng.integers(4, 16)))
    # Lens: without it, edges alias and are not where they are drawn.
    total = cv2.GaussianBlur(total, (0, 0), 1.4)
    return np.asarray(128 + contrast * (np.clip(total, 4, 251) - 128), np.float32)


def look(drawn: npt.NDArray[np.float32], pose: FloatArray, size: Size = PROXY) -> npt.NDArray[np.float32]:
    """Return what a pose sees of a scene, (h, w) float32.

    Args:
        drawn: from `scene`.
        pose: scene_from_frame (3, 3), or one a row (h, 3, 3).
        size: of the frame.
    """
    height, width = size
    aspect = height / width
    x = (2 * np.arange(width) + 1) / width - 1
    y = (2 * np.arange(height) + 1) / width - aspect
    h = np.broadcast_to(pose, (height, 3, 3))[:, None]
    depth = h[..., 2, 0] * x + (h[..., 2, 1] * y[:, None] + h[..., 2, 2])
    at_x = (h[..., 0, 0] * x + (h[..., 0, 1] * y[:, None] + h[..., 0, 2])) / depth
    at_y = (h[..., 1, 0] * x + (h[..., 1, 1] * y[:, None] + h[..., 1, 2])) / depth
    unit = PROXY[1] * SCENE_SCALE / 2
    to_px = [
        np.asarray(at * unit + side / 2 - 0.5, np.float32)
        for at, side in zip((at_x, at_y), drawn.shape[::-1], strict=True)
    ]
    source = drawn
    shrink = PROXY[1] * SCENE_SCALE / width
    if shrink > 3:  # a small frame averages: the scene loses what the frame cannot hold
        source = cv2.GaussianBlur(drawn, (0, 0), 0.3 * shrink)
    return np.asarray(cv2.remap(source, *to_px, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))


@dataclass(frozen=True)
class Walker:
    """Somebody in front of the camera: a band over a third of the frame's width, with a texture of its own.

    Attributes:
        start, rate: middle of the band, normalised, at frame 0 and a frame.
        seed: of its texture.
    """

    start: float = -0.45
    rate: float = 0.02
    seed: int = 99

    def cover(self, background: npt.NDArray[np.float32], frame: int) -> npt.NDArray[np.float32]:
        """Lay the walker over a frame."""
        height, width = background.shape
        middle = self.start + self.rate * frame
        pose = np.array([[1, 0, -middle], [0, 1, 0.01 * np.sin(0.4 * frame)], [0, 0, 1]])
        x = (2 * np.arange(width) + 1) / width - 1
        body = np.abs(x - middle) < 1 / 3
        return np.where(body, look(scene(self.seed), pose, (height, width)), background)


@dataclass(frozen=True)
class Lens:
    """What stands between scene and picture.

    Attributes:
        readout_ratio: time from the first row to the last, over the frame interval.
        exposure: share of the frame interval that a frame is exposed, drawn as seven moments.
        noise: standard deviation in codes.
        noise_seed: of it.
    """

    readout_ratio: float = 0.0
    exposure: float = 0.0
    noise: float = 0.0
    noise_seed: int = 5


def film(
    camera: Camera,
    frames: int,
    *,
    seed: int = 1,
    contrast: float = 1.0,
    size: Size = PROXY,
    lens: Lens | None = None,
    walker: Walker | None = None,
) -> list[Picture]:
    """Return the frames 0 .. frames-1 of a camera, (h, w) uint8."""
    lens = lens or Lens()
    drawn, rng = scene(seed, contrast), np.random.default_rng(lens.noise_seed)
    row_time = lens.readout_ratio * ((np.arange(size[0]) + 0.5) / size[0] - 0.5)
    open_for = lens.exposure * np.linspace(-0.5, 0.5, 7) if lens.exposure else np.zeros(1)
    pictures = []
    for frame in range(frames):
        total = np.zeros(size, np.float32)
        for moment in open_for:
            pose = camera.poses(frame + moment + row_time) if lens.readout_ratio else camera.poses(frame + moment)[0]
            total += look(drawn, pose, size)
        picture = total / np.float32(len(open_for))
        if walker is not None:
            picture = walker.cover(picture, frame)
        if lens.noise:
            picture = picture + rng.normal(0, lens.noise, size).astype(np.float32)
        pictures.append(np.clip(np.round(picture), 0, 255).astype(np.uint8))
    return pictures


def corner_error_px(measured: FloatArray, camera: Camera, frames: int, size: Size = PROXY) -> FloatArray:
    """Return (F, 4): how far each measured corner (F, 4, 2) is from the truth, in pixels of a frame of this size."""
    truth = corners_from_homography(camera.steps(np.arange(frames)), size[0] / size[1])
    return np.asarray(np.linalg.norm(measured - truth, axis=-1) * size[1] / 2)


def rms(values: npt.ArrayLike) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(np.asarray(values)))))
