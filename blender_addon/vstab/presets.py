"""What a click on a preset sets; every other parameter goes back to its default."""

from __future__ import annotations

from collections.abc import Mapping

# name -> (label, what it is for, parameters that differ from the defaults)
PRESETS: Mapping[str, tuple[str, str, Mapping[str, object]]] = {
    "HANDHELD": ("Handheld", "Standing still or panning with the camera in the hands", {}),
    "WALKING": ("Walking", "Steps are stronger than a hand's tremble: a longer path, more crop",
                {"smoothness": 0.7, "max_crop": 0.2}),
    "VEHICLE": ("Vehicle", "Hard, quick jolts in a small part of the picture; the zoom follows the need",
                {"smoothness": 0.6, "max_crop": 0.2, "zoom": "dynamic"}),
    "DRONE": ("Drone", "Slow drift and wind; a long path, little crop", {"smoothness": 0.9, "max_crop": 0.1}),
    "TRIPOD": ("Tripod", "Hold the camera still, as far as the crop allows", {"lock": "on", "max_crop": 0.25}),
    "WALK_360": ("360 walk", "A 360 camera that is carried: steady and level", {"view": "horizon", "smoothness": 0.7}),
}  # fmt: skip
