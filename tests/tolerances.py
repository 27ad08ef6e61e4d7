"""Every tolerance of the tests, with its reason."""

# --- the warp kernel ---
# Positions: grid points to 1/16384 px, steps to 1/16384 px a pixel, positions to 1/2048 px, each rounded once:
# 0.5/16384 * 2 + 7 * 0.5/16384 + 2 * 0.5/2048 = 0.0008 px an axis.
WARP_POSITION_PX = 0.001
# Rounding to a code is 0.5. On top, for noise that jumps over the whole range between neighbours (the worst case, no
# picture): position 0.0008 px times a slope of up to 1.4 ranges a pixel and axis, rounded products (8 bits), and
# weights to 1.5/16384 at most. As a share of the code range, found: 0.00095 for Lanczos-3.
WARP_NOISE_RATIO = 0.0015
# The same, in codes, for the sum of the rounded products in 8 bits (docs/warp.md).
WARP_ROUNDING_CODES = 0.56
# Smooth analytic picture (shortest period 30 px), whole chain in float against the formula, as a share of the range:
# Catmull-Rom is off by about (2 pi / 30)^3 / 60 of an amplitude of 0.24 an axis, Lanczos-3 a little more (its weights
# do not reproduce a slope). Found: 0.00003 and 0.0009; 8 and 10 bits add their rounding in the test.
WARP_ANALYTIC_RATIO = 0.0012
# Centroid of a blob (sigma 4 px): sampling error of the sums and 0.001 px of position.
WARP_CENTROID_PX = 0.02
# Luma warped and then halved against chroma halved and then warped: the box filter commutes with the warp but for the
# zoom of 10 % and the resampling of a picture of period 15 px.
WARP_CHROMA_RATIO = 0.02
# Positions interpolated in 8x8 blocks against the exact model: h'' * 8^2 / 8 an axis; typical homographies of a
# stabilizer (perspective up to 0.02 across the frame). Found: 0.0002 at 1920 x 1080, 0.00034 at 960 x 540.
WARP_GRID_PX = 0.001

# --- the warp of the sphere; angles in pixels of the equator ---
# Smooth scene of 480 x 240 (shortest wave 40 degrees, 53 px), as a share of the range: Catmull-Rom (2 pi / 53)^3 / 60
# of an amplitude of 0.4 is nothing; bilinear blocks are off by up to 0.3 px of a slope of up to 0.03 a pixel. Found:
# 0.0053.
SPHERE_SCENE_RATIO = 0.007
# Luma warped and then halved against chroma halved and then warped: as above, and the poles, where a box of 2 x 2 px is
# not the same thing before and after the turn.
SPHERE_CHROMA_RATIO = 0.02
# Blocks are exact where the second differences promise more than 0.25 px; those see a cell's corners, not its inside,
# and promise nothing of the kinks between octants. Found at 1920 x 960: 0.17 to 0.31; at 960 x 480 with deformations of
# 1 degree: 0.34, median 0.024.
SPHERE_GRID_PX = 0.35
SPHERE_GRID_LOCAL_PX = 0.45
SPHERE_GRID_MEDIAN_PX = 0.03
# Tables: float arithmetic (0.0001 px) and the fixed-point iteration, which stops at 1e-5 rad, 0.003 px.
SPHERE_TABLE_PX = 0.005
# The same in radians, and rounding to 1/16384 px, at 480 wide.
SPHERE_FORWARD_RAD = 1e-4

# --- motion, in pixels of a 640 x 360 proxy, at the frame's corners ---
# Lucas-Kanade on sharp texture is right to 0.05 px a track, and a homography fitted to 144 of them, spread over the
# frame, to 0.03 px at the corners (found: 0.010 to 0.026, RMS). What a viewer sees begins at a quarter of a pixel.
MOTION_PX = 0.06
# A third of the tracks are somebody else's. Found: 0.02 to 0.12 over seeds and directions; a fit that follows the
# foreground in one frame in twelve is off by 6 px there and fails.
MOTION_FOREGROUND_PX = 0.5
# Noise of 8 codes, a 180 degree shutter, a tenth of the contrast. Found: 0.04 to 0.06.
MOTION_DEGRADED_PX = 0.12
# The same picture twice.
MOTION_STILL_PX = 0.01
# Whole pixels are interpolated nowhere; LK ends at steps of 0.01 px, and windows hang over the edge. Found: 0.021.
MOTION_WHOLE_PX = 0.03
# Over a gap or at 32 px a frame the worst corner of one frame counts, not the RMS.
MOTION_BRIDGED_PX = 0.25
# The model is first order in the motion across a frame; found: within 6 %.
READOUT_RATIO = 0.10

# --- smoothing ---
# A camera that only pans, and a pan under shake: the output's speed against the input's.
PAN_KEPT = 0.02
# One of five frames thrown away at random: divided differences are exact on parabolas, the path is not one.
RATE_INDEPENDENCE = 0.10
# Largest over smallest singular value, less one: float arithmetic of a few 3 x 3 products.
SIMILARITY_RATIO = 1e-6

# --- rendering ---
# Mean difference of a filled border from the scene, in 8-bit codes: one bicubic resampling of 320 x 180 with edges.
FILL_CODES = 3.0

# --- the path solver ---
# Corrections beyond a bound, normalised: 0.0003 px at 640. The iteration ends inside; what is left is a budget of 0,
# which counts as 1e-7, and rounding.
PATH_BOUND = 1e-6
# Energy above the optimum: the solver stops at 1e-7 of budget * price or duals, which may be ten times the energy.
PATH_ENERGY_RATIO = 1e-5
# The same iterations with another factorisation; the last one ends where rounding leaves it in the flat directions
# (lock: anchor 1e-8 against jerk 100, condition 6e9). In pixels at 640: 0.003.
PATH_TWIN = 1e-5
# The same for the banded solve alone: 1e-16 * 6e9 * a path of 0.1.
PATH_FREE = 1e-6
# Gradient not held by touched bounds, of a gradient of up to 0.1: duals of bounds that are nearly touched.
PATH_KKT = 1e-4

# evaluation: what the judge may be wrong by on clips of 224 x 126 whose truth is known
JITTER_RATIO = 0.04  # Lucas-Kanade on a resampled texture adds about 0.03 px
CROP = 0.002  # 0.2 px at the edge of a 224 wide picture
DISTORTION = 0.002  # the same, in the direction of the stretch
BORDER_PERCENT = 0.3  # half a pixel along the edges

# --- the rotation path of 360 clips ---
# Two programs at the optimum of one energy; found: 1e-13 and 1e-9 rad.
ROTATION_ENERGY_RATIO = 1e-6
ROTATION_TWIN_RAD = 1e-5
# Step from frame to frame, RMS, with 100 to 200 tracks of 0.1 degree noise of which one in five is foreign: 0.1 degree
# by two frames over the square root of 80 to 160 tracks and two of three axes each is 0.02 to 0.03 degrees.
ROTATION_STEP_DEG = 0.05
# Local rotations where there is no deformation. Found: 0, as the tracks left out speak against any.
ROTATION_LOCAL_DEG = 0.05
# The same if the tracks are not asked: what 200 of them make of their noise. Found: 0.033 RMS, 0.084 at most.
ROTATION_FITTED_RMS_DEG = 0.04
ROTATION_FITTED_DEG = 0.09

# --- the relative rotation of two views ---
# Entries of an essential matrix, of noise-free rays: rounding times the condition of a polynomial of degree ten. Found:
# 1e-14 in the middle, 5e-9 in one of a hundred, 3e-6 in the worst of five hundred.
FIVE_POINT = 1e-4
# Two programs at one optimum; the native one stops at steps of 1e-7 rad.
RELATIVE_TWIN_RAD = 1e-5

# --- 360 ---
# RMS over a path, of pictures 768 wide: a pixel is 0.47 degrees.
ROTATION_DEG = 0.1
# Clips of 512 x 256 (0.7 degrees a pixel), 40 frames; those of the benchmark, twice as large, are right to 0.02. Found:
# up to 0.04, steps 0.02. A third of the view fixed to the camera made 0.7 once.
SPHERE_PURE_DEG = 0.1
SPHERE_PURE_STEP_DEG = 0.05
# 120 degrees within 18 frames: LK on faces that things cross at 10 degrees a frame, half of the tracks lost on the way.
# Found, over scenes: 0.025, 0.055, 0.125.
SPHERE_WHIP_DEG = 0.2
# With parallax, and two ninths of the sphere full of people. Found: 0.1.
SPHERE_MOVING_DEG = 0.25
# Largest local rotation of a clip that only turns.
SPHERE_WOBBLE_DEG = 0.1
# Tremble with local rotations over that without, rolling shutter of 0.8 frames. Found: 0.1 to 0.3.
SPHERE_DEFORMED_RATIO = 0.5

# --- the networks ---
# The motion network's answer on another device, at a corner of the 640 px proxy, with 10 bits of mantissa as in a GPU's
# TF32 convolutions. Found on 156 pairs of four clips: median 0.003, most 0.014.
NETWORK_DEVICE_PX = 0.05
# The same of a cell's confidence and of how sure it is. Found: 0.005.
NETWORK_DEVICE_SHARE = 0.02

# --- hosts ---
# Blender's picture of the keyframes against that of the rendered file, at the corners, by the best affine map (ECC):
# found up to 0.02 px; half a pixel is what is promised.
BLENDER_KEYFRAMES_PX = 0.1
# Blender's corner pin against the rendered file, both with perspective: found up to 0.036 px.
BLENDER_CORNER_PIN_PX = 0.1
# The same through one generation of x264 more: found up to 0.15 px.
BLENDER_KEYFRAMES_CODED_PX = 0.3
