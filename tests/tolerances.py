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
