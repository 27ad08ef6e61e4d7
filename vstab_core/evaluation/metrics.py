"""THE table of metrics: what each is, its formula, source, unit and direction.

`docs/metrics.md` is made from it by `vstab metrics --markdown`. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .types import Projection

Better = Literal["higher", "lower", "neither"]
FLAT: tuple[Projection, ...] = ("rectilinear",)
ROUND: tuple[Projection, ...] = ("equirect",)

P_DIFRINT = "as the evaluation script of DIFRINT (Choi and Kweon 2020) computes it"
P_LIU = "Liu et al., Bundled Camera Paths, SIGGRAPH 2013"


@dataclass(frozen=True)
class Metric:
    """One row of the table.

    Attributes:
        key: its name in JSON and in Python.
        label: its name for people.
        group: heading under which it stands.
        unit: what it is counted in; empty for a ratio.
        better: which direction is good.
        of_each: whether it is measured of either clip; else of the pair.
        digits: decimals shown.
        formula: how it is computed, in words and symbols.
        source: where it comes from.
        projections: which clips have it.
        main: whether it is shown in the short table.
    """

    key: str
    label: str
    group: str
    unit: str
    better: Better
    of_each: bool
    digits: int
    formula: str
    source: str
    projections: tuple[Projection, ...] = FLAT
    main: bool = False


METRICS: tuple[Metric, ...] = (
    # how steady
    Metric("jitter_percent", "shake", "Steadiness", "% of diagonal", "lower", True, 3,
           "RMS above 1 Hz of the path of the picture's centre, measured frame to frame from pixels, over the diagonal",
           "ours", main=True),
    Metric("jitter_px", "shake in pixels", "Steadiness", "px", "lower", True, 2,
           "the same in pixels of the original's size", "ours"),
    Metric("jitter_rotation_deg", "rotation shake", "Steadiness", "deg", "lower", True, 3,
           "RMS above 1 Hz of the summed rotation", "ours", main=True),
    Metric("jitter_zoom_percent", "zoom shake", "Steadiness", "%", "lower", True, 3,
           "RMS above 1 Hz of the summed logarithm of the scale", "ours"),
    Metric("acceleration_px", "acceleration", "Steadiness", "px/frame^2", "lower", True, 2,
           "RMS over frames and the four corners of the path's second difference",
           "residual shake as in stabilization by path smoothing; L1 paths minimise it (Grundmann et al., CVPR 2011)"),
    Metric("jerk_px", "jerk", "Steadiness", "px/frame^3", "lower", True, 2,
           "RMS over frames and the four corners of the path's third difference", "Grundmann et al., CVPR 2011"),
    Metric("wobble_px", "wobble (jello)", "Steadiness", "px/frame^2", "lower", True, 3,
           "what is left of the frame-to-frame motion after its similarity: median in each of 4 x 3 cells, "
           "change from frame to frame, RMS; a change, because steady parallax is no wobble", "ours", main=True),
    Metric("stability_literature", "stability score, literature", "Steadiness", "", "higher", True, 3,
           "path = product of the frame-to-frame homographies; share of the spectral energy in the 5 lowest bins "
           "without the constant, of the distance from the start and of the rotation; their mean",
           f"{P_LIU}; {P_DIFRINT}"),
    Metric("stability_min", "stability score, literature, worst", "Steadiness", "", "higher", True, 3,
           "the same, the lesser of the two instead of their mean", P_LIU),
    Metric("stability_corrected", "stability score, corrected", "Steadiness", "", "higher", True, 3,
           "x, y and rotation each detrended and Hann windowed in windows of 10 s, share of energy up to 0.5 Hz, where "
           "0.02 % of the diagonal (0.01 deg) RMS count as slow; lesser of the three, mean over the windows",
           "ours: the usual score rates a perfect pan with 20 px of jitter 0.886, and depends on the clip's length",
           main=True),
    # what it cost
    Metric("cropping_ratio", "cropping ratio", "Picture", "", "higher", False, 3,
           "1 / scale of the homography from original to stabilized at the picture's centre, mean over frames",
           f"{P_LIU}; scale as the square root of the determinant", main=True),
    Metric("cropping_worst", "cropping ratio, worst frame", "Picture", "", "higher", False, 3,
           "the least of the same over frames", "ours"),
    Metric("cropping_literature", "cropping ratio, literature", "Picture", "", "higher", False, 3,
           "1 / sqrt(m00^2 + m01^2) of that homography, mean over frames, at most 1", P_DIFRINT),
    Metric("fov", "field of view kept", "Picture", "", "higher", False, 3,
           "square root of the share of the original's area that the stabilized frame shows, mean over frames; "
           "what a border hides does not count", "ours", main=True),
    Metric("fov_area", "area kept", "Picture", "", "higher", False, 3, "the share of the area itself", "ours"),
    Metric("pixels_kept", "original pixels a frame", "Picture", "Mpx", "higher", False, 3,
           "share of the area times the original's pixels", "ours"),
    Metric("border_percent_max", "black border, worst frame", "Picture", "%", "lower", False, 2,
           "largest share of a frame that is black, touches its edge and stands for nothing black in the original",
           "ours", main=True),
    Metric("border_frames", "frames with a border", "Picture", "frames", "lower", False, 0,
           "frames where that share is above 0.01 %", "ours"),
    Metric("outside_percent_max", "picture from elsewhere, worst frame", "Picture", "%", "lower", False, 2,
           "largest share of a stabilized frame that lies outside its original, by that homography: black, stale, "
           "mirrored, or made up", "ours", main=True),
    Metric("outside_frames", "frames with picture from elsewhere", "Picture", "frames", "lower", False, 0,
           "frames where that share is above 0.5 %", "ours"),
    Metric("sharpness_ratio", "sharpness", "Picture", "", "higher", False, 2,
           "variance of the Laplacian over that of the original resampled once, by Lanczos, to the same place; "
           "median of about 16 frames", "ours; 1 is one good resampling, losses of the encoder are part of it",
           main=True),
    Metric("distortion", "distortion, worst frame", "Shape", "", "higher", False, 4,
           "least over greatest singular value of the affine part of the homography at the centre, worst frame",
           f"{P_LIU} with singular values: eigenvalues are blind to shear, and to stretch combined with rotation",
           main=True),
    Metric("distortion_p1", "distortion, 1st percentile", "Shape", "", "higher", False, 4,
           "the same, 1st percentile over frames", "ours"),
    Metric("distortion_literature", "distortion, literature", "Shape", "", "higher", False, 4,
           "ratio of the moduli of the eigenvalues of that affine part, worst frame", P_DIFRINT),
    Metric("bend_px", "local bending", "Shape", "px", "neither", False, 2,
           "RMS distance of the point matches from that homography: a mesh or a row correction shows here", "ours"),
    # how it goes on in time
    Metric("itf_db", "ITF", "Time", "dB", "higher", True, 2,
           "mean PSNR of successive luma frames, 10 log10(255^2 / MSE), inside the part that both clips show",
           "inter-frame transformation fidelity; Morimoto and Chellappa, ICASSP 1998"),
    Metric("warp_error", "flow warp error", "Time", "x 1e-3", "lower", True, 3,
           "mean squared difference (luma in 0..1, times 1000) of each frame and its successor brought back by dense "
           "optical flow, where flow there and back agree within 1 px", "Lai et al., ECCV 2018"),
    Metric("pan_retention", "pan kept", "Time", "", "neither", False, 3,
           "slope of the stabilized over the original path's velocity below 0.25 Hz, times the cropping ratio: 1, the "
           "intended movement survived; 0, it was taken out", "ours; 1 unless the camera is locked"),
    # 360
    Metric("rotation_jitter_deg", "rotation shake", "Steadiness", "deg", "lower", True, 3,
           "RMS above 1 Hz of the angle of the summed camera rotation", "ours", ROUND, main=True),
    Metric("rotation_drift_deg", "drift", "Steadiness", "deg", "neither", True, 2,
           "greatest angle between the first frame's direction and a later one's, below 1 Hz", "ours", ROUND,
           main=True),
    Metric("rotation_wobble_deg", "wobble", "Steadiness", "deg/frame^2", "lower", True, 4,
           "what is left of the frame-to-frame motion after its rotation: median in each of the eight octants, change "
           "from frame to frame, RMS", "ours", ROUND, main=True),
)  # fmt: skip


def metrics_of(projection: Projection) -> list[Metric]:
    """Return the rows that a projection has, in the order of the table."""
    return [metric for metric in METRICS if projection in metric.projections]
