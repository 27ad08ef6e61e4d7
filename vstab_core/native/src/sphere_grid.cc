#include "sphere_grid.h"

#include <algorithm>
#include <cmath>

#include "sphere_model.h"

namespace vstab {
namespace {

constexpr float kOne = 1 << kGridBits;
// Blocks that bilinear interpolation would leave further off than this are exact; px of the source's equator, along the
// great circle.
constexpr float kErrorPx = 0.25f;
constexpr int kFewest = 64;  // px a side of the output: below, a block spans so much of the sphere that all are exact

// The shorter way round; |span| < period.
std::int32_t shorter(std::int32_t span, std::int32_t period) {
  const std::int32_t half = period / 2;
  return span > half ? span - period : span < -half ? span + period : span;
}

// What bilinear interpolation is off by around a grid point, from the second differences there; 1/16384 px.
float curvature(float across, float down) {
  const float a = std::abs(across), b = std::abs(down), c = std::abs(across + down);
  const float most = a > b ? a : b;
  return 0.125f * (most > c ? most : c);
}

class ExactBlocks {
 public:
  ExactBlocks(Grid& grid, std::int32_t period) : grid_(grid), period_(period) {
    error_.assign(grid.x.size(), 1e12f);
    fill_errors();
  }

  bool is_exact(int row, int col) const {
    if (grid_.dst.width < kFewest || grid_.dst.height < kFewest) {
      return true;
    }
    const std::size_t i = index(row, col), below = index(row + 1, col);
    return error_[i] + error_[i + 1] + error_[below] + error_[below + 1] > 4 * kErrorPx * kOne;
  }

 private:
  std::size_t index(int row, int col) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(grid_.cols) + static_cast<std::size_t>(col);
  }

  void fill_errors() {
    const std::size_t cols = static_cast<std::size_t>(grid_.cols), rows = static_cast<std::size_t>(grid_.rows);
    if (rows < 3 || cols < 3) {
      return;
    }
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t middle = std::clamp<std::size_t>(row, 1, rows - 2);  // of the differences down
      fill_row(row * cols, middle * cols);
      error_[row * cols] = error_[row * cols + 1];
      error_[row * cols + cols - 1] = error_[row * cols + cols - 2];
    }
  }

  void fill_row(std::size_t at, std::size_t middle) {
    const int cols = grid_.cols;
    const std::int32_t period = period_;
    const std::int32_t *x = grid_.x.data() + at, *y = grid_.y.data() + at;
    const std::int32_t *x_mid = grid_.x.data() + middle, *y_mid = grid_.y.data() + middle;
    float* error = error_.data() + at;
    const float height = static_cast<float>(grid_.src.height) * kOne;
    // Nearer to a pole than this a block may hold it, and then the differences say nothing.
    const float near_pole = 12.0f * height / static_cast<float>(grid_.dst.height);
    const auto bend = [](std::int32_t forth, std::int32_t back) {
      return static_cast<float>(forth) - static_cast<float>(back);
    };
    for (int c = 1; c < cols - 1; ++c) {
      const float x_across = bend(shorter(x[c + 1] - x[c], period), shorter(x[c] - x[c - 1], period));
      const float x_down =
          bend(shorter(x_mid[c + cols] - x_mid[c], period), shorter(x_mid[c] - x_mid[c - cols], period));
      const float y_across = bend(y[c + 1] - y[c], y[c] - y[c - 1]);
      const float y_down = bend(y_mid[c + cols] - y_mid[c], y_mid[c] - y_mid[c - cols]);
      const float up = static_cast<float>(y[c]), pole = up < height - up ? up : height - up;
      // The parallel's share of the equator: at most the polar distance in radians.
      const float share = 3.2f / height * pole, parallel = share < 1 ? share : 1.0f;
      const float off = parallel * curvature(x_across, x_down) + curvature(y_across, y_down);
      error[c] = pole < near_pole ? 1e12f : off;
    }
  }

  Grid& grid_;
  std::int32_t period_;
  std::vector<float> error_;
};

// Evaluates the model at every pixel of the exact blocks [begin, end) of a block row.
void fill_tables(const SphereModel& model, const SphereModel::Columns& pixels, int block_row, int begin, int end,
                 std::int32_t period, Grid& grid, std::vector<std::int32_t>& x, std::vector<std::int32_t>& y) {
  const int first = grid.exact[static_cast<std::size_t>(block_row) * static_cast<std::size_t>(grid.cols - 1) +
                               static_cast<std::size_t>(begin)];
  for (int line = 0; line < kBlock; ++line) {
    model.row(pixels, begin * kBlock, (end - begin) * kBlock, block_row * kBlock + line + 0.5, x.data(), y.data());
    for (int block = 0; block < end - begin; ++block) {
      const std::size_t to = static_cast<std::size_t>((first + block) * kBlock + line) * kBlock;
      const std::int32_t *from_x = x.data() + block * kBlock, *from_y = y.data() + block * kBlock;
      std::int32_t *to_x = grid.exact_x.data() + to, *to_y = grid.exact_y.data() + to;
      for (int i = 0; i < kBlock; ++i) {
        to_x[i] = from_x[0] + shorter(from_x[i] - from_x[0], period);
        to_y[i] = from_y[i];
      }
    }
  }
}

}  // namespace

Grid build_sphere_grid(const FrameWarp& warp, Size dst, Size src, SimdLevel level) {
  const SphereModel model(warp, dst, src, level);
  const std::int32_t period = src.width << kGridBits;
  Grid grid;
  grid.projection = Projection::equirectangular;
  grid.dst = dst;
  grid.src = src;
  grid.rows = (dst.height + kBlock - 1) / kBlock + 1;
  grid.cols = (dst.width + kBlock - 1) / kBlock + 1;
  const auto cols = static_cast<std::size_t>(grid.cols), blocks = cols - 1;
  grid.x.resize(static_cast<std::size_t>(grid.rows) * cols);
  grid.y.resize(grid.x.size());
  const SphereModel::Columns corners = model.columns(0, kBlock, grid.cols);
  for (int row = 0; row < grid.rows; ++row) {
    const std::size_t at = static_cast<std::size_t>(row) * cols;
    model.row(corners, 0, grid.cols, row * kBlock, grid.x.data() + at, grid.y.data() + at);
  }

  grid.exact.assign(static_cast<std::size_t>(grid.rows - 1) * blocks, -1);
  std::int32_t count = 0;
  if (!model.is_linear() || dst.width < kFewest || dst.height < kFewest) {
    const ExactBlocks errors(grid, period);
    for (int row = 0; row < grid.rows - 1; ++row) {
      for (int col = 0; col < grid.cols - 1; ++col) {
        if (errors.is_exact(row, col)) {
          grid.exact[static_cast<std::size_t>(row) * blocks + static_cast<std::size_t>(col)] = count++;
        }
      }
    }
  }
  if (count == 0) {
    return grid;
  }
  grid.exact_x.resize(static_cast<std::size_t>(count) * kBlock * kBlock);
  grid.exact_y.resize(grid.exact_x.size());
  std::vector<std::int32_t> x(blocks * kBlock), y(blocks * kBlock);
  const SphereModel::Columns pixels = model.columns(0.5, 1, (grid.cols - 1) * kBlock);
  for (int row = 0; row < grid.rows - 1; ++row) {
    const std::int32_t* exact = grid.exact.data() + static_cast<std::size_t>(row) * blocks;
    for (int begin = 0; begin < grid.cols - 1;) {
      int end = begin;
      while (end < grid.cols - 1 && exact[end] >= 0) {
        ++end;
      }
      if (end > begin) {
        fill_tables(model, pixels, row, begin, end, period, grid, x, y);
      }
      begin = end + 1;
    }
  }
  return grid;
}

}  // namespace vstab
