"""360 clips whose truth is known exactly, made in memory: what a camera sees that turns, moves and has faults.

Equirectangular luma, camera coordinates x right, y down, z forward; metres, frames, radians. A clip is a world (a still
picture at infinity, or a room with walls, blocks and moving balls), a camera (turn and place as functions of time, so
that rows read later see later) and a lens (rolling shutter, stitch, noise, what is fixed in view).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.common import FOOTAGE
from vstab_core import rotation
from vstab_core.sphere import rotate

Luma = npt.NDArray[np.uint8]
Floats = npt.NDArray[Any]  # float32 pictures and rays, float64 paths
Motion = Callable[[Floats], Floats]  # times (n,) in frames -> (n, 3)

FPS = 30.0
HEIGHT = 512  # of a frame; its width is twice that, which is what the tracker reduces larger clips to


# --- cameras ---


@dataclass(frozen=True)
class Camera:
    """How a camera turns (rotation vectors of world_from_cam, radians) and where it is (metres)."""

    turn: Motion
    place: Motion = lambda frame: np.zeros((len(frame), 3))

    def world_from_cam(self, frame: npt.ArrayLike) -> Floats:
        """Return the rotation at these times, (n, 4)."""
        return rotation.exponential(self.turn(np.atleast_1d(np.asarray(frame, np.float64))))

    def position(self, frame: npt.ArrayLike) -> Floats:
        """Return the place at these times, (n, 3)."""
        return self.place(np.atleast_1d(np.asarray(frame, np.float64)))


def _waves(*waves: tuple[float, tuple[float, float, float]]) -> Motion:
    """Return the sum of sines: (Hz, amplitudes of the three components), each with a phase of its own."""

    def at(frame: Floats) -> Floats:
        total = np.zeros((len(frame), 3))
        for number, (hz, size) in enumerate(waves):
            phase = 1.7 * number + np.array([0.0, 0.9, 2.1])
            total += np.array(size) * np.sin(2 * np.pi * hz * frame[:, None] / FPS + phase)
        return total

    return at


def _degrees(motion: Motion) -> Motion:
    return lambda frame: np.radians(motion(frame))


STRIDE_DEG = _waves((1.9, (2.0, 0.5, 1.2)), (0.95, (0.4, 2.0, 1.0)), (4.1, (0.3, 0.15, 0.2)), (0.3, (1.0, 8.0, 0.5)))
POLE_DEG = _waves((1.3, (4.0, 1.0, 5.0)), (6.0, (0.3, 0.2, 0.3)))
FORWARD_M = 1.4 / FPS  # walking speed, metres a frame


def walk_turn() -> Motion:
    """Steps at 1.9 Hz: pitch, roll, the sway of two steps, and looking about."""
    return _degrees(STRIDE_DEG)


def pole_turn() -> Motion:
    """A camera on a long pole, or on a bicycle helmet: a slow pendulum and a tremble."""
    return _degrees(POLE_DEG)


def whip_turn() -> Motion:
    """A whip pan of 120 degrees within 0.6 s (up to 10 degrees a frame) after 1.5 s, with some hand shake."""
    shake = _waves((2.3, (0.6, 0.4, 0.5)))

    def at(frame: Floats) -> Floats:
        share = np.clip((frame - 45) / 18, 0, 1)
        pan = 120 * (0.5 - 0.5 * np.cos(np.pi * share))
        return np.radians(shake(frame) + pan[:, None] * [0, 1, 0])

    return at


def drift_turn() -> Motion:
    """Six degrees a second about the vertical, half a degree a second of tilt, no shake."""
    return lambda frame: np.radians(frame[:, None] / FPS * [0.5, 6.0, 0.2])


def walk_place() -> Motion:
    """Forward at 1.4 m/s, with the head's bob of 3 cm and sway of 2 cm."""
    bob = _waves((1.9, (0.0, 0.03, 0.01)), (0.95, (0.02, 0.0, 0.0)))
    return lambda frame: bob(frame) + frame[:, None] * [0, 0, FORWARD_M]


# --- worlds ---


class World(Protocol):
    """What there is to see."""

    def look(self, origin: Floats, ray: Floats, frame: float) -> Floats:
        """Return the luma, float32 (...), that rays (..., 3) from an origin (..., 3) meet."""
        ...


@dataclass(frozen=True)
class Still:
    """An equirectangular picture at infinity."""

    picture: Luma

    def look(self, origin: Floats, ray: Floats, frame: float) -> Floats:
        """Sample the picture; neither place nor time matters."""
        return _sampled(self.picture, ray)


def _sampled(picture: Luma, ray: Floats) -> Floats:
    """Sample an equirectangular picture in directions (h, w, 3) of any length, round its seam."""
    height, width = picture.shape
    longitude = np.arctan2(ray[..., 0], ray[..., 2])
    latitude = np.arctan2(ray[..., 1], np.hypot(ray[..., 0], ray[..., 2]))
    x = ((longitude / (2 * np.pi) + 0.5) * width - 0.5 + 2).astype(np.float32)
    y = ((latitude / np.pi + 0.5) * height - 0.5).astype(np.float32)
    wide = cv2.copyMakeBorder(picture, 0, 0, 2, 2, cv2.BORDER_WRAP).astype(np.float32)
    return cv2.remap(wide, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def still(name: str = "view360_veste.jpg", height: int = HEIGHT) -> Still:
    """Return a real panorama at the given height, or a made one where there is no footage."""
    path = FOOTAGE / "pano360" / name
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.exists() else None
    if picture is None:
        return Still(textured_sphere(seed=sum(map(ord, name)), height=height))
    return Still(cv2.resize(picture, (2 * height, height), interpolation=cv2.INTER_AREA).astype(np.uint8))


@lru_cache(maxsize=4)
def textured_sphere(seed: int = 1, height: int = HEIGHT) -> Luma:
    """Return a picture without seam or poles: three slices through one periodic texture, mixed by direction."""
    tile, ray = periodic_texture(seed), directions(height)
    weight = np.abs(ray) ** 4
    weight /= weight.sum(axis=-1, keepdims=True)
    total = np.zeros(ray.shape[:2], np.float32)
    for axis in range(3):
        u, v = (ray[..., other] * 160 + 311 * axis for other in range(3) if other != axis)
        total += weight[..., axis] * cv2.remap(tile, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    return np.clip(128 + 1.3 * (total - 128), 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def periodic_texture(seed: int = 1, size: int = 512) -> Floats:
    """Return noise of all scales above four pixels that repeats, (size, size) float32 around 128, edges in it."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    spectrum = np.fft.fft2(rng.standard_normal((size, size))) * np.exp(-((frequency / 0.13) ** 4))
    spectrum /= np.maximum(frequency, 4 / size) ** 1.2
    waves = np.fft.ifft2(spectrum).real
    return (128 + 75 * np.tanh(1.5 * waves / waves.std())).astype(np.float32)


@dataclass(frozen=True)
class Ball:
    """A thing that moves: it goes about the camera's way like somebody who walks along, and turns.

    Attributes:
        radius_m, away_m: its angular radius is their ratio's arc sine.
        begin_rad, speed_rad: where it is about the vertical, at frame 0 and a frame.
        down_m: how far below the camera's way its middle is.
    """

    radius_m: float
    away_m: float
    begin_rad: float
    speed_rad: float
    down_m: float = 0.0

    def centre(self, frame: float) -> Floats:
        """Return where its middle is."""
        angle = self.begin_rad + self.speed_rad * frame
        about = np.array([np.sin(angle), 0.0, np.cos(angle)]) * self.away_m
        bob_m = 0.04 * np.sin(0.4 * frame + self.begin_rad)
        return about + np.array([0, self.down_m + bob_m, FORWARD_M * frame])


def crowd(count: int = 3) -> tuple[Ball, ...]:
    """Return balls of a ninth of the sphere each (38.9 degrees about their middle): three are a third."""
    speeds = np.radians([0.5, -0.8, 1.1])
    return tuple(Ball(1.0, 1.0 / np.sin(np.arccos(7 / 9)), 2.1 * i + 0.5, float(speeds[i])) for i in range(count))


@dataclass(frozen=True)
class Room:
    """A hall of 16 x 5 x 40 m with blocks in it, all of one texture (45 texels a metre), and balls that move."""

    balls: tuple[Ball, ...] = ()
    seed: int = 1

    def look(self, origin: Floats, ray: Floats, frame: float) -> Floats:
        """Cast the rays."""
        distance, picture = self._still(origin, ray)
        for number, ball in enumerate(self.balls):
            off = origin - np.float32(ball.centre(frame))
            along = (off * ray).sum(axis=-1)
            room = along**2 - (off**2).sum(axis=-1) + np.float32(ball.radius_m**2)
            with np.errstate(invalid="ignore"):
                hit = -along - np.sqrt(room)
            seen = (room > 0) & (hit > 0) & (hit < distance)
            picture[seen] = _sampled(textured_sphere(self.seed + 7 + number), (off + hit[..., None] * ray))[seen]
            distance = np.where(seen, hit, distance)
        return picture

    def points(self, origin: Floats, ray: Floats) -> Floats:
        """Return the places on walls and blocks that rays meet, (..., 3)."""
        distance, _ = self._still(np.float32(origin), np.float32(ray))
        return origin + distance[..., None] * ray

    def _still(self, origin: Floats, ray: Floats) -> tuple[Floats, Floats]:
        distance = np.full(ray.shape[:-1], np.inf, np.float32)
        u, v = np.zeros_like(distance), np.zeros_like(distance)
        safe = np.where(np.abs(ray) < 1e-6, np.float32(1e-6), ray)
        for number, (low, high) in enumerate(self._boxes()):
            first, second = (low - origin) / safe, (high - origin) / safe
            far, near = np.maximum(first, second), np.minimum(first, second)
            enter, leave = near.max(axis=-1), far.min(axis=-1)
            inside = number == 0
            hit, axis = (leave, far.argmin(axis=-1)) if inside else (enter, near.argmax(axis=-1))
            seen = (hit > 0) & (hit < distance) & (inside | (enter < leave))
            place = (origin + hit[..., None] * ray) * np.float32(45)
            shift = (97 * number + 41 * axis).astype(np.float32)
            distance = np.where(seen, hit, distance)
            u = np.where(seen, np.where(axis == 0, place[..., 1], place[..., 0]) + shift, u)
            v = np.where(seen, np.where(axis == 2, place[..., 1], place[..., 2]) + 2 * shift, v)
        tile = periodic_texture(self.seed)
        return distance, cv2.remap(tile, u % 512, v % 512, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)

    def _boxes(self) -> list[tuple[Floats, Floats]]:
        rng = np.random.default_rng(self.seed)
        boxes = [(np.float32([-8, -3.4, -15]), np.float32([8, 1.6, 25]))]  # the hall; the floor is 1.6 m down
        for side, ahead in zip((-1, 1, -1, 1, -1, 1), (-2.0, 1.0, 4.0, 7.0, 10.0, 15.0), strict=True):
            middle = np.array([side * rng.uniform(2, 5), 1.6, ahead])
            half = rng.uniform([0.4, 1.0, 0.4], [1.0, 3.0, 1.0])
            boxes.append((np.float32(middle - half), np.float32(middle + half * [1, 0, 1])))
        return boxes


# --- lenses ---


@dataclass(frozen=True)
class Lens:
    """How a camera departs from the ideal one.

    Attributes:
        shutter_frames: how much later the last line is read than the first.
        shutter_axis: camera axis along which lines are read, in proportion to the angle: (0, 1, 0) from the upper pole
            down, (0, -1, 0) up, (1, 0, 0) from left to right in front.
        stitch_deg: what the rear lens is turned by against the front one, about its own axis and the vertical.
        nadir_deg: radius of a patch at the lower pole that is fixed to the camera, a black disc with a logo.
        fixed_share: of the sphere, that something fixed to the camera covers (a car, a rider).
        noise: codes, standard deviation.
    """

    shutter_frames: float = 0.0
    shutter_axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    stitch_deg: float = 0.0
    nadir_deg: float = 0.0
    fixed_share: float = 0.0
    noise: float = 2.0

    def delay(self, ray: Floats) -> Floats:
        """Return how many frames later than its middle a frame is read along rays (..., 3), (...)."""
        return self.shutter_frames / np.pi * np.arcsin(np.clip(ray @ np.array(self.shutter_axis), -1, 1))


@lru_cache(maxsize=4)
def directions(height: int = HEIGHT) -> Floats:
    """Return the rays of an equirectangular picture's pixels, (height, 2 height, 3) float32."""
    longitude = ((np.arange(2 * height) + 0.5) / (2 * height) - 0.5) * 2 * np.pi
    latitude = ((np.arange(height) + 0.5) / height - 0.5) * np.pi
    lon, lat = np.meshgrid(longitude, latitude)
    return np.stack([np.sin(lon) * np.cos(lat), np.sin(lat), np.cos(lon) * np.cos(lat)], axis=-1).astype(np.float32)


def film(
    world: World, camera: Camera, count: int, lens: Lens | None = None, height: int = HEIGHT, seed: int = 1
) -> Iterator[Luma]:
    """Yield the frames, (height, 2 height) uint8."""
    lens = lens or Lens()
    ray, rng = directions(height), np.random.default_rng(seed)
    for frame in range(count):
        picture = _seen(world, camera, lens, ray, frame)
        if lens.stitch_deg:
            other = rotate(np.radians(lens.stitch_deg) * np.array([0.0, 0.6, 0.8]), ray)
            front = np.clip(0.5 + ray[..., 2] / 0.06, 0, 1)  # the lenses are blended over 3.4 degrees
            picture = front * picture + (1 - front) * _seen(world, camera, lens, np.float32(other), frame)
        picture = picture + lens.noise * rng.standard_normal(picture.shape, np.float32)
        picture = _with_fixed(picture, lens, ray)
        yield np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _seen(world: World, camera: Camera, lens: Lens, ray: Floats, frame: float) -> Floats:
    turn = rotation.matrix(camera.world_from_cam(frame))[0]
    origin = camera.position(frame)[0]
    if not lens.shutter_frames:
        return world.look(np.float32(origin), ray @ np.float32(turn.T), frame)
    delay = lens.delay(ray)[..., None]
    around = [_turned_and_moved(camera, frame, side * lens.shutter_frames / 2) for side in (-1, 1)]
    place = delay / (lens.shutter_frames / 2)  # -1 to 1
    vector, move = (_parabola(place, before, after) for before, after in zip(*around, strict=True))
    seen = rotate(vector, ray) @ turn.T
    return world.look(np.float32(origin + move), np.float32(seen), frame)


def _turned_and_moved(camera: Camera, frame: float, delay: float) -> tuple[Floats, Floats]:
    """Return what the camera does from a frame's middle on: a rotation vector in its own coordinates, and metres."""
    then, now = camera.world_from_cam(frame + delay), camera.world_from_cam(frame)
    turned = rotation.logarithm(rotation.product(rotation.inverse(now), then))[0]
    return turned, (camera.position(frame + delay) - camera.position(frame))[0]


def _parabola(place: Floats, before: Floats, after: Floats) -> Floats:
    """Return the parabola through `before` at -1, zero at 0 and `after` at 1."""
    return 0.5 * place * (after - before) + 0.5 * place**2 * (after + before)


def _with_fixed(picture: Floats, lens: Lens, ray: Floats) -> Floats:
    if lens.nadir_deg:
        from_pole = np.degrees(np.arccos(np.clip(ray[..., 1], -1, 1)))
        logo = 16 + 180 * ((ray[..., 0] * 9 % 1 > 0.5) ^ (ray[..., 2] * 9 % 1 > 0.5)) * (from_pole < lens.nadir_deg / 2)
        picture = np.where(from_pole < lens.nadir_deg, logo, picture)
    if lens.fixed_share:
        towards = ray @ np.array([0.0, 0.6, -0.8])  # below and behind
        own = textured_sphere(seed=5, height=ray.shape[0]).astype(np.float32)
        picture = np.where(towards > 1 - 2 * lens.fixed_share, own, picture)
    return picture


def seen_from(points: Floats | None, rays: Floats, camera: Camera, lens: Lens, frame: float) -> Floats:
    """Return where a frame shows things at rest: unit rays (n, 3) in the camera.

    Args:
        points: (n, 3) their places; None: at infinity, in the directions `rays`.
        rays: (n, 3), in the world, used where there are no points.
        camera, lens: who looks; the stitch is left out.
        frame: its middle.
    """
    found = np.zeros_like(rays)
    delay = np.zeros(len(rays))
    for _ in range(4 if lens.shutter_frames else 1):  # a thing is seen when the line is read that shows it
        away = rays if points is None else points - camera.position(frame + delay)
        turn = rotation.matrix(camera.world_from_cam(frame + delay))
        found = np.einsum("nji,nj->ni", np.broadcast_to(turn, (len(rays), 3, 3)), away)
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        delay = lens.delay(found)
    return found
