"""Make a picture of a clip before and after: a few moments, and the mean of the frames around each.

The mean tells more than any frame: where the camera shakes it is blurred, where the camera is steady it is sharp.

    python samples/demo.py BEFORE.mp4 AFTER.mp4 PICTURE.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

MOMENTS = 2
WINDOW_FRAMES = 9  # a third of a second: longer, and the wanted motion of the camera blurs as well
PANEL_WIDTH_PX = 640
BAR_PX = 36

Image = npt.NDArray[np.uint8]


def read_clip(path: str) -> list[Image]:
    """Return the frames as (h, w, 3) RGB, reduced to the width of a panel."""
    frames = []
    with av.open(path) as container:
        for picture in container.decode(video=0):
            height = round(PANEL_WIDTH_PX * picture.height / picture.width)
            frames.append(cv2.resize(picture.to_ndarray(format="rgb24"), (PANEL_WIDTH_PX, height)).astype(np.uint8))
    return frames


def titled(image: Image, title: str) -> Image:
    """Return the picture below a bar with a title."""
    bar = np.full((BAR_PX, image.shape[1], 3), 24, np.uint8)
    cv2.putText(bar, title, (10, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.62, (235, 235, 235), 1, cv2.LINE_AA)
    return np.vstack([bar, image])


def before_after(before: list[Image], after: list[Image]) -> Image:
    """Return the grid: for each moment one frame, and the mean over a window; before left, after right."""
    frames = min(len(before), len(after))
    rows = []
    for moment in range(MOMENTS):
        middle = (2 * moment + 1) * frames // (2 * MOMENTS)
        window = slice(max(0, middle - WINDOW_FRAMES // 2), min(frames, middle + WINDOW_FRAMES // 2 + 1))
        count = window.stop - window.start
        pair = {"before": before, "after": after}
        rows.append([titled(clip[middle], f"{name}: frame {middle}") for name, clip in pair.items()])
        rows.append(
            [
                titled(np.mean(clip[window], axis=0).round().astype(np.uint8), f"{name}: mean of {count} frames")
                for name, clip in pair.items()
            ]
        )
    return np.vstack([np.hstack(row) for row in rows])


def main() -> None:
    """Write the picture and say where things are."""
    before, after, picture = sys.argv[1:]
    grid = before_after(read_clip(before), read_clip(after))
    cv2.imwrite(picture, cv2.cvtColor(grid, cv2.COLOR_RGB2BGR))
    print(f"video:   {Path(after).resolve()}\npicture: {Path(picture).resolve()}")  # noqa: T201 - it is a command


if __name__ == "__main__":
    main()
