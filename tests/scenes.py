"""Pictures of known movement for the tests of the evaluation: a texture, a camera that looks at it, a bent picture."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]

WIDTH, HEIGHT, FPS = 224, 126, 30.0
DIAGONAL = float(np.hypot(WIDTH, HEIGHT))
MARGIN = 60  # of the texture around the picture


def texture(seed: int = 7, low: int = 40, high: int = 220, size: tuple[int, int] | None = None) -> Luma:
    """Noise of several octaves, larger than the picture, free of black; `size` is (height, width)."""
    rng = np.random.default_rng(seed)
    total = np.zeros(size or (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN), np.float32)
    for octave in range(2, 7):
        coarse = rng.standard_normal((total.shape[0] // 2**octave + 2, total.shape[1] // 2**octave + 2))
        total += cv2.resize(coarse.astype(np.float32), total.shape[::-1], interpolation=cv2.INTER_CUBIC) * 1.4**octave
    total = (total - total.min()) / (total.max() - total.min())
    return (low + (high - low) * total).astype(np.uint8)


def look(scene: Luma, dx: float = 0.0, dy: float = 0.0, angle_deg: float = 0.0) -> Luma:
    """What a camera sees whose picture content is moved by (dx, dy) and turned about the frame centre."""
    matrix = cv2.getRotationMatrix2D((scene.shape[1] / 2, scene.shape[0] / 2), -angle_deg, 1.0)
    matrix[:, 2] += [dx - (scene.shape[1] - WIDTH) / 2, dy - (scene.shape[0] - HEIGHT) / 2]
    return cv2.warpAffine(scene, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)


def bend(picture: Luma, dst_from_src: npt.NDArray[np.float64]) -> Luma:
    """Move a picture by a 3 x 3 matrix that leaves the middle of the picture where it is."""
    height, width = picture.shape
    to_middle = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1.0]])
    matrix = to_middle @ dst_from_src @ np.linalg.inv(to_middle)
    return cv2.warpPerspective(picture, matrix, (width, height), flags=cv2.INTER_CUBIC)


def zoomed(picture: Luma, factor: float = 1.1) -> Luma:
    return bend(picture, np.diag([factor, factor, 1.0]))


def sway(frames: int, hz: float, rms: float, phase: float = 0.0) -> npt.NDArray[np.float64]:
    return rms * np.sqrt(2) * np.sin(2 * np.pi * hz * np.arange(frames) / FPS + phase)


def world(seed: int = 3, height: int = 256) -> Luma:
    """A 360 picture (equirectangular, height x 2 height) without a seam: blobs on the sphere."""
    rng = np.random.default_rng(seed)
    rays = sphere_rays(height)
    total = np.zeros(rays.shape[:2])
    for _ in range(500):
        centre = rng.standard_normal(3)
        centre /= np.linalg.norm(centre)
        total += rng.uniform(-1, 1) * np.exp(rng.uniform(60, 600) * (rays @ centre - 1))
    return np.clip(128 + 60 * total, 20, 235).astype(np.uint8)


def sphere_rays(height: int) -> npt.NDArray[np.float64]:
    """Directions of an equirectangular picture's pixels, (height, 2 height, 3): x right, y down, z forward."""
    longitude = ((np.arange(2 * height) + 0.5) / (2 * height) - 0.5) * 2 * np.pi
    latitude = ((np.arange(height) + 0.5) / height - 0.5) * np.pi
    lon, lat = np.meshgrid(longitude, latitude)
    return np.stack([np.sin(lon) * np.cos(lat), np.sin(lat), np.cos(lon) * np.cos(lat)], axis=-1)


def look_around(scene: Luma, rotation: npt.NDArray[np.float64]) -> Luma:
    """What a 360 camera sees that was turned by world_from_cam."""
    height = scene.shape[0]
    ray = sphere_rays(height) @ rotation.T
    x = (np.arctan2(ray[..., 0], ray[..., 2]) / (2 * np.pi) + 0.5) * 2 * height - 0.5
    y = (np.arcsin(ray[..., 1].clip(-1, 1)) / np.pi + 0.5) * height - 0.5
    wide = np.concatenate([scene[:, -2:], scene, scene[:, :2]], axis=1)
    return cv2.remap(
        wide, (x + 2).astype(np.float32), y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def yaw(angle_deg: float) -> npt.NDArray[np.float64]:
    """world_from_cam of a camera turned right."""
    return cv2.Rodrigues(np.radians([0.0, angle_deg, 0.0]))[0]
