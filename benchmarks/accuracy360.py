"""Measures the rotation of 360 clips against truth.

    python -m benchmarks.accuracy360 [--frames 120] [--only CASE...]

The clips are those of `benchmarks.sphere_scenes`, 1024 x 512, which is what clips of any size are reduced to. Of the
path: RMS over its frames after one rotation that all share is taken off; of the steps from frame to frame; of the
rotations from key frame to key frame. Of the deformation: how much things at rest tremble on the stabilized sphere (RMS
second difference), with the local rotations and without; 4000 directions that no track follows.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field, fields
from typing import Any

import cv2
import numpy as np

from benchmarks import sphere_scenes as scenes
from benchmarks.common import RESULTS, machine, table, write_result
from benchmarks.sphere_scenes import Camera, Floats, Lens, Room, World
from vstab_core import rotation
from vstab_core.motion.rotation360 import RotationEstimator, RotationSteps
from vstab_core.sphere import deformed

RESULT = RESULTS / "accuracy360.json"
PURE_DEG, MOVING_DEG, KEY_DEG = 0.1, 0.25, 0.1  # aims
POINTS = 4000


@dataclass(frozen=True)
class Case:
    """A clip and what it is to show; `pure`: the camera only turns, and nothing else moves."""

    world: World
    camera: Camera
    lens: Lens = field(default_factory=Lens)
    pure: bool = True


def cases() -> dict[str, Case]:
    """Return what is filmed, by name."""
    walk, pole = Camera(scenes.walk_turn()), Camera(scenes.pole_turn())
    walking = Camera(scenes.walk_turn(), scenes.walk_place())
    town, hall = scenes.still(), scenes.still("panolens_tunnel.jpg")
    third = Lens(fixed_share=1 / 3)
    return {
        "walk": Case(town, walk),
        "pole": Case(town, pole),
        "whip": Case(town, Camera(scenes.whip_turn())),
        "drift": Case(town, Camera(scenes.drift_turn())),
        "walk_tunnel": Case(hall, walk),
        "pole_field": Case(scenes.still("panolens_field.jpg"), pole),
        "stitch_half_degree": Case(town, walk, Lens(stitch_deg=0.5)),
        "nadir_patch": Case(town, walk, Lens(nadir_deg=35)),
        "fixed_third": Case(town, walk, third),
        "moving": Case(Room(), walking, pure=False),
        "moving_people_ninth": Case(Room(scenes.crowd(1)), walking, pure=False),
        "moving_people_third": Case(Room(scenes.crowd(3)), walking, pure=False),
        "moving_fixed_third": Case(Room(), walking, third, pure=False),
        "standing_people_third": Case(Room(scenes.crowd(3)), Camera(scenes.pole_turn()), pure=False),
        "shutter_down": Case(town, walk, Lens(shutter_frames=0.8)),
        "shutter_up": Case(town, walk, Lens(shutter_frames=0.8, shutter_axis=(0, -1, 0))),
        "shutter_sideways": Case(town, pole, Lens(shutter_frames=0.8, shutter_axis=(1, 0, 0))),
        "moving_shutter": Case(Room(), walking, Lens(shutter_frames=0.8), pure=False),
        "moving_all": Case(
            Room(scenes.crowd(2)), walking, Lens(shutter_frames=0.5, stitch_deg=0.5, nadir_deg=25), pure=False
        ),
    }


def measure(case: Case, count: int, height: int = scenes.HEIGHT) -> RotationSteps:
    """Film a case and return what the estimator says of its frames."""
    estimator = RotationEstimator()
    pictures = scenes.film(case.world, case.camera, count, case.lens, height)
    steps = [step for i, picture in enumerate(pictures) for step in estimator.push(picture, i / scenes.FPS)]
    steps += estimator.flush()
    names = [column.name for column in fields(RotationSteps)]
    return RotationSteps(*(np.concatenate([getattr(step, name) for step in steps]) for name in names))


def path_errors_deg(found: Floats, truth: Floats) -> Floats:
    """Return how far each frame is off, degrees, after the rotation of the world that fits best."""
    between = rotation.product(found, rotation.inverse(truth))
    common = np.linalg.eigh(between.T @ between)[1][:, -1]
    return np.degrees(rotation.angle_rad(rotation.product(rotation.inverse(common), between)))


def step_errors_deg(found: Floats, truth: Floats) -> Floats:
    """Return how far the turns from one of the frames given to the next are off, degrees."""
    steps = [rotation.product(rotation.inverse(path[:-1]), path[1:]) for path in (found, truth)]
    return np.degrees(rotation.angle_rad(rotation.product(rotation.inverse(steps[0]), steps[1])))


def tremble_deg(case: Case, found: RotationSteps, local: Floats, seed: int = 1) -> float:
    """Return the RMS second difference, in degrees, of things at rest on the stabilized sphere."""
    count = len(found.world_from_cam)
    rays = np.random.default_rng(seed).standard_normal((POINTS, 3))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    points = case.world.points(case.camera.position(count / 2), rays) if isinstance(case.world, Room) else None
    shown = []
    for frame, turn in enumerate(rotation.matrix(found.world_from_cam)):
        seen = scenes.seen_from(points, rays, case.camera, case.lens, frame)
        shown.append(deformed(local[frame], seen) @ turn.T)
    bend = np.diff(np.array(shown), 2, axis=0)
    return float(np.degrees(np.sqrt((bend**2).sum(axis=-1).mean())))


def figures(case: Case, count: int) -> dict[str, Any]:
    """Measure a case."""
    found = measure(case, count)
    truth = case.camera.world_from_cam(np.arange(count))
    keys = np.flatnonzero(found.key_frame)
    key_errors = step_errors_deg(found.world_from_cam[keys], truth[keys])
    rotated, local = (tremble_deg(case, found, values) for values in (np.zeros_like(found.local), found.local))
    return {
        "pure": case.pure,
        "rms_deg": round(_rms(path_errors_deg(found.world_from_cam, truth)), 4),
        "step_rms_deg": round(_rms(step_errors_deg(found.world_from_cam, truth)), 4),
        "key_median_deg": round(float(np.median(key_errors)), 4) if len(keys) > 1 else None,
        "key_worst_deg": round(float(key_errors.max()), 4) if len(keys) > 1 else None,
        "key_frames": len(keys),
        "cuts": int(found.cut.sum()),
        "weak_frames": int((found.confidence == 0).sum()),
        "tremble_rotation_deg": round(rotated, 4),
        "tremble_deformed_deg": round(local, 4),
        "local_max_deg": round(float(np.degrees(np.linalg.norm(found.local, axis=-1).max())), 3),
    }


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))


def main(arguments: list[str] | None = None) -> int:
    """Film, measure, print and write accuracy360.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy360", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=120, help="of each clip")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="these cases; the result file is left alone")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    wanted = {name: case for name, case in cases().items() if options.only is None or name in options.only}
    found = {}
    for name, case in wanted.items():
        found[name] = figures(case, options.frames)
        print(name, found[name], flush=True)
    print(table(["degrees", "RMS", "step", "key median", "worst", "keys", "tremble", "deformed", "local"],
                [row_of(name, entry) for name, entry in found.items()]))  # fmt: skip
    if options.only is None:
        write_result(
            RESULT, {"machine": machine(), "frames": options.frames, "size": [2 * scenes.HEIGHT, scenes.HEIGHT],
                     "aims_deg": {"pure": PURE_DEG, "moving": MOVING_DEG, "key_median": KEY_DEG}, "cases": found}
        )  # fmt: skip
    return 0


def row_of(name: str, entry: dict[str, Any]) -> list[str]:
    """Lay out a case for the table; what misses its aim has a star."""
    aim = PURE_DEG if entry["pure"] else MOVING_DEG
    key = entry["key_median_deg"]
    return [
        name,
        f"{entry['rms_deg']:.3f}{'*' if entry['rms_deg'] >= aim else ' '}",
        f"{entry['step_rms_deg']:.3f}",
        "-" if key is None else f"{key:.3f}{'*' if key >= KEY_DEG else ' '}",
        "-" if key is None else f"{entry['key_worst_deg']:.3f}",
        str(entry["key_frames"]),
        f"{entry['tremble_rotation_deg']:.3f}",
        f"{entry['tremble_deformed_deg']:.3f}",
        f"{entry['local_max_deg']:.2f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
