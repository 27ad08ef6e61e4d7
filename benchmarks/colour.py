"""Measures colour: tracking of log, linear and HDR clips, what resampling in light costs, and what returns of it.

    python -m benchmarks.colour [--frames 40] [--seeds 1 2] [--render-frames 60] [--runs 3] [--before COMMAND]

Tracking: the drawn scenes with known cameras of `accuracy`, their BT.709 codes brought to light and written as other
cameras would. `named` is the error with the space named (or the tag read), `unnamed` with the codes taken as they are;
both stand beside the error of the BT.709 version itself. Render: whole processes on the 1080p clip of `speed`, from one
sidecar; ratios of processor time, formed within a run, and their median. `--before` is the `vstab` of an older build,
to see that `as-is` costs what it did.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.accuracy import jobs
from benchmarks.common import RESULTS, WORK, Cost, machine, run_measured, table, vstab_command, write_result
from benchmarks.synthetic import timing_clip
from tests.synthetic import ASPECT, PROXY, corner_error_px, film, rms
from vstab_core.decode import luma_of
from vstab_core.errors import UsageError
from vstab_core.light.components import rgb_from_codes
from vstab_core.light.config import load_config
from vstab_core.light.curves import HLG, LINEAR, PQ, bt709_light, curve_of
from vstab_core.light.resample import linear_light
from vstab_core.light.tone import tone_of
from vstab_core.motion.homography import estimate_motion
from vstab_core.params import Parameters
from vstab_core.types import ColourTags, FloatArray, Frame, VideoInfo

RESULT = RESULTS / "colour.json"
SCENES = ("shake", "walk", "noise_8", "low_texture")
SPACES = ("ARRI LogC4", "S-Log3 S-Gamut3.Cine", "V-Log V-Gamut", "ACEScct")
LONG, SHORT = "two stops over", "two stops under"

Encode = Callable[[FloatArray], FloatArray]


def info_of(pixel_format: str, tags: ColourTags, size: tuple[int, int] = PROXY) -> VideoInfo:
    """Describe a clip that is in memory only."""
    return VideoInfo(Path("memory"), size[1], size[0], Fraction(1), Fraction(30), Fraction(1, 30), 0, 0.0, pixel_format,
                     "", False, "", tags)  # fmt: skip


def from_light(space: str) -> Encode:
    """Return the way from the light of a neutral to a space's signal."""
    _, back = load_config().to_linear(space)

    def encode(light: FloatArray) -> FloatArray:
        pixels = np.repeat(light.astype(np.float32)[:, None], 4, axis=1)
        back(pixels)
        return pixels[:, 1].astype(np.float64)

    return encode


def versions() -> dict[str, tuple[VideoInfo, Parameters, Encode]]:
    """Return how the scenes are written, by name: the clip, what is said of it, and light to signal."""
    limited, found = ColourTags(1), {}
    for space in SPACES:
        found[space] = (info_of("yuv420p10le", limited), Parameters(input_space=space), from_light(space))
    log = from_light("ARRI LogC4")
    clip = info_of("yuv420p10le", limited), Parameters(input_space="ARRI LogC4")
    found[f"ARRI LogC4, {LONG}"] = (*clip, lambda light: log(4 * light))
    found[f"ARRI LogC4, {SHORT}"] = (*clip, lambda light: log(light / 4))
    for name, transfer in (("PQ (tag)", PQ), ("HLG (tag)", HLG)):
        tagged = replace(limited, transfer=transfer)
        found[name] = (info_of("yuv420p10le", tagged), Parameters(), curve_of(transfer, display=False).signal)
    linear = ColourTags(2, transfer=LINEAR)
    found["linear, 16 bits (tag)"] = (info_of("gray16le", linear), Parameters(), lambda light: light)
    found["linear, float"] = (info_of("gbrpf32le", ColourTags()), Parameters(), lambda light: light)
    return found


def codes_of(signal: FloatArray, info: VideoInfo) -> npt.NDArray[Any]:
    """Return a signal as this clip's luma stores it."""
    if info.pixel_format == "gbrpf32le":
        return signal.astype(np.float32)
    if info.pixel_format == "gray16le":
        return np.round(65535 * signal).astype(np.uint16)
    return np.round(64 + 876 * signal).astype(np.uint16)


def tracking(frames: int, seeds: list[int]) -> dict[str, dict[str, dict[str, float]]]:
    """Return version -> scene -> RMS corner errors in px: of BT.709, named, unnamed."""
    found: dict[str, dict[str, list[list[float]]]] = {}
    written = versions()
    for seed in seeds:
        for scene, (camera, how) in jobs(seed).items():
            if scene not in SCENES:
                continue
            pictures = film(camera, frames, seed=seed, **how)

            def error(lumas: Any, camera: Any = camera) -> float:
                corners = np.array([step.corners for step in estimate_motion(lumas, ASPECT)])
                return rms(corner_error_px(corners, camera, frames)[1:])

            plain = error(iter(pictures))
            for name, (info, parameters, encode) in written.items():
                codes = codes_of(encode(bt709_light(np.arange(256) / 255)), info)
                tone = tone_of(info, parameters)
                clip = [Frame((codes[picture],), info.pixel_format, 0, 0.0) for picture in pictures]
                errors = [plain, *(error(luma_of(frame, tone=see) for frame in clip) for see in (tone, None))]
                found.setdefault(name, {}).setdefault(scene, []).append(errors)
            print(f"seed {seed}  {scene}", flush=True)
    keys = ("bt709_px", "named_px", "unnamed_px")
    return {
        name: {
            scene: dict(zip(keys, np.round(np.sqrt(np.square(errors).mean(axis=0)), 4).tolist(), strict=True))
            for scene, errors in scenes.items()
        }
        for name, scenes in found.items()
    }


def overall(scenes: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the errors of all scenes together, and against BT.709's."""
    named, plain, unnamed = (
        float(np.sqrt(np.mean([row[key] ** 2 for row in scenes.values()])))
        for key in ("named_px", "bt709_px", "unnamed_px")
    )
    return {"named_to_bt709": round(named / plain, 3), "unnamed_to_bt709": round(unnamed / plain, 3)}


def round_trips() -> tuple[dict[str, float], list[str]]:
    """Return the largest error, in codes of 10 bits, of a full-range ramp and of a saturated chart, by space and tag.

    Those that are linear already are left out; the second value are the spaces that are refused.
    """
    worst: dict[str, float] = {}
    refused: list[str] = []
    info = info_of("yuv420p10le", ColourTags(1, 1, 1, 1, "left"), (96, 128))
    matrix = rgb_from_codes(info)
    corners = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)], np.float64)
    colours = np.round(np.linalg.solve(matrix[:, :3], (corners - matrix[:, 3]).T).T)
    planes = (np.empty((96, 128), np.uint16), np.full((48, 64), 512, np.uint16), np.full((48, 64), 512, np.uint16))
    planes[0][:48] = np.arange(48 * 128).reshape(48, 128) % 1024
    for number, colour in enumerate(colours):
        for plane, code in zip(planes, colour, strict=True):
            high, wide = plane.shape[0] // 2, plane.shape[1] // 8
            plane[high:, number * wide : (number + 1) * wide] = code
    frame = Frame(planes, "yuv420p10le", 0, 0.0)
    for space in (space.name for space in load_config().spaces()):
        try:
            light = linear_light(info, Parameters(resample_light="scene", input_space=space))
        except UsageError:  # cannot be undone
            refused.append(space)
            continue
        if light is not None:
            worst[space + (" (exact)" if light.exact else "")] = _round_trip(light, frame)
    for name, transfer in (("BT.709", 1), ("sRGB", 13), ("PQ", PQ), ("HLG", HLG)):
        for choice in ("scene", "display"):
            tagged = replace(info, tags=replace(info.tags, transfer=transfer))
            light = linear_light(tagged, Parameters(resample_light=choice))
            assert light is not None
            worst[f"{choice}, tag {name}"] = _round_trip(light, frame)
    return worst, refused


def _round_trip(light: Any, frame: Frame) -> float:
    target = Frame(tuple(np.zeros_like(plane) for plane in frame.planes), frame.pixel_format, 0, 0.0)
    light.close(light.open(frame), target)
    return max(float(np.abs(a.astype(int) - b).max()) for a, b in zip(frame.planes, target.planes, strict=True))


def render_times(frames: int, runs: int, before: Path | None, work: Path) -> dict[str, Any]:
    """Return the processor and wall seconds of rendering in each light, and their ratios to as-is."""
    command = vstab_command()
    if command is None:
        return {}
    clip, whole = work / f"colour-{frames}.mp4", timing_clip(work)
    if not clip.exists():
        run_measured(
            ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", whole, "-frames:v", str(frames), "-c", "copy", clip]
        )
    sidecar = clip.with_suffix(".vstab")
    quiet = ["--overwrite", "--progress", "none"]
    run_measured([command, "analyze", clip, "-o", sidecar, *quiet], work)
    encoder = ["--preset", "veryfast", "--crf", "20"]
    base: list[str | Path] = ["render", clip, "--sidecar", sidecar, "-o", work / "out.mp4", *encoder, *quiet]
    scene = ["--resample-light", "scene", "--input-space", "ARRI LogC4"]
    todo: dict[str, list[str | Path]] = {"as_is": [command, *base], "scene": [command, *base, *scene]}
    todo["scene_default_encoder"] = [command, *(word for word in base if word not in encoder), *scene]
    todo["as_is_default_encoder"] = [command, *(word for word in base if word not in encoder)]
    if before is not None:
        todo["as_is_before"] = [before, *base]
    costs: dict[str, list[Cost]] = {name: [] for name in todo}
    for number in range(runs):
        for name in [*todo][number % len(todo) :] + [*todo][: number % len(todo)]:
            costs[name].append(run_measured(todo[name], work))
            print(f"run {number + 1}  {name:22} {costs[name][-1].cpu_s:7.2f} s processor", flush=True)

    def ratio(one: str, other: str, kind: str) -> float | None:
        if one not in costs or other not in costs:
            return None
        pairs = zip(costs[one], costs[other], strict=True)
        return round(statistics.median(getattr(a, kind) / getattr(b, kind) for a, b in pairs), 3)

    return {
        "frames": frames,
        "runs": runs,
        "cpu_s": {name: round(statistics.median(cost.cpu_s for cost in of), 2) for name, of in costs.items()},
        "peak_mib": {name: round(max(cost.peak_mib for cost in of)) for name, of in costs.items()},
        "cpu_scene_to_as_is": ratio("scene", "as_is", "cpu_s"),
        "wall_scene_to_as_is": ratio("scene", "as_is", "wall_s"),
        "cpu_scene_to_as_is_default_encoder": ratio("scene_default_encoder", "as_is_default_encoder", "cpu_s"),
        "cpu_as_is_to_before": ratio("as_is", "as_is_before", "cpu_s"),
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write colour.json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.colour", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=40, help="of each film")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--render-frames", type=int, default=60)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--before", type=Path, help="the vstab command of an older build")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    load = os.getloadavg()[0]
    errors = tracking(options.frames, options.seeds)
    rows = [
        [name, *(f"{value:.2f}" for value in overall(scenes).values()),
         *("{bt709_px:.3f} / {named_px:.3f} / {unnamed_px:.3f}".format(**scenes[scene]) for scene in SCENES)]
        for name, scenes in errors.items()
    ]  # fmt: skip
    print(table(["RMS corner error, px: BT.709 / named / unnamed", "named : BT.709", "unnamed", *SCENES], rows))
    trips, refused = round_trips()
    print(f"round trip: at most {max(trips.values()):g} codes of 10 bits in {len(trips)} spaces; refused: {refused}")
    times = render_times(options.render_frames, options.runs, options.before, WORK / "speed")
    for name, value in times.items():
        print(f"{name}: {value}")
    write_result(
        RESULT,
        {"machine": machine(), "load_at_start": round(load, 1), "frames": options.frames, "seeds": options.seeds,
         "tracking": {name: {**overall(scenes), "scenes": scenes} for name, scenes in errors.items()},
         "round_trip_10_bit_codes": trips, "refused": refused, "render": times},
    )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
