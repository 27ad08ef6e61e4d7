#include "vstab/path_solver.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "path_free.h"
#include "path_interior.h"

namespace vstab {
namespace {

void check_finite(const double* values, std::size_t count, const char* what) {
  if (!std::all_of(values, values + count, [](double v) { return std::isfinite(v); })) {
    throw std::invalid_argument(std::string(what) + " holds a value that is not a number or infinite");
  }
}

void check(const PathQuery& query) {
  if (query.frames == 0 || query.channels == 0) {
    throw std::invalid_argument("a path needs at least 1 frame and 1 channel, got " + std::to_string(query.frames) +
                                " and " + std::to_string(query.channels));
  }
  if (!(query.anchor >= 0) || !std::isfinite(query.anchor)) {
    throw std::invalid_argument("anchor must be 0 or more, got " + std::to_string(query.anchor));
  }
  check_finite(query.bands, 4 * (query.past + query.frames), "bands");
  check_finite(query.path, query.frames * query.channels, "path");
  check_finite(query.shown, query.past * query.channels, "shown");
}

void check(const PathQuery& query, const PathBounds& bounds) {
  if (query.channels > kMaxPathChannels || bounds.rows == 0 || bounds.rows > kMaxPathSides) {
    throw std::invalid_argument("a bounded path has 1 to " + std::to_string(kMaxPathChannels) + " channels and 1 to " +
                                std::to_string(kMaxPathSides) + " sides, got " + std::to_string(query.channels) +
                                " and " + std::to_string(bounds.rows));
  }
  for (const auto& [value, name] : {std::pair(bounds.budget, "budget"), std::pair(bounds.price, "price")}) {
    if (!(value >= 0) || !std::isfinite(value)) {
      throw std::invalid_argument(std::string(name) + " must be 0 or more, got " + std::to_string(value));
    }
  }
  check_finite(bounds.sides, bounds.rows * query.channels, "sides");
  check_finite(bounds.room, bounds.rows * query.frames, "room");
}

// (F, from) as (F, to), new channels zero.
std::vector<double> with_channels(const std::vector<double>& c, std::size_t from, std::size_t to) {
  if (from == to) return c;
  std::vector<double> result(c.size() / from * to);
  for (std::size_t t = 0; t < c.size() / from; ++t) {
    for (std::size_t k = 0; k < std::min(from, to); ++k) result[t * to + k] = c[t * from + k];
  }
  return result;
}

template <int K>
std::vector<double> solve(const PathQuery& query, const PathBounds& bounds) {
  const std::vector<double> linear = linear_of(query);
  const std::vector<double> free = solve_free(query, linear);
  const std::vector<Bands> bands = bands_of(query);
  InteriorPoint<K> problem(bands, query.anchor, with_channels(linear, query.channels, K),
                           with_channels(free, query.channels, K), bounds, query.channels);
  return with_channels(problem.solve(), K, query.channels);
}

}  // namespace

std::vector<double> solve_path(const PathQuery& query, const PathBounds& bounds) {
  check(query);
  check(query, bounds);
  // An odd channel more: no side sees it, its path is zero and so is its correction.
  return query.channels <= 2 ? solve<2>(query, bounds) : solve<4>(query, bounds);
}

std::vector<double> solve_free_path(const PathQuery& query) {
  check(query);
  return solve_free(query, linear_of(query));
}

}  // namespace vstab
