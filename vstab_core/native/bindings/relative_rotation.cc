// _native.relative_rotation, _native.five_point.
#include "vstab/relative_rotation.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace py = pybind11;
using namespace vstab;

namespace {

using Numbers = py::array_t<double, py::array::c_style | py::array::forcecast>;

void check_rays(const Numbers& rays, py::ssize_t rows, const char* what) {
  if (rays.ndim() == 2 && rays.shape(0) == rows && rays.shape(1) == 3) return;
  throw std::invalid_argument(std::string(what) + " must be (" + std::to_string(rows) + ", 3), got " +
                              py::str(rays.attr("shape")).cast<std::string>());
}

const char* name_of(RelativeModel model) {
  switch (model) {
    case RelativeModel::kRotation:
      return "rotation";
    case RelativeModel::kEpipolar:
      return "epipolar";
    default:
      return "none";
  }
}

py::dict as_dict(const RelativeRotation& found) {
  py::array_t<bool> inliers(static_cast<py::ssize_t>(found.inlier.size()));
  std::copy(found.inlier.begin(), found.inlier.end(), inliers.mutable_data());
  py::dict result;
  result["model"] = name_of(found.model);
  result["cur_from_ref"] = Numbers({py::ssize_t{3}, py::ssize_t{3}}, found.cur_from_ref.data());
  result["direction"] = py::none();
  if (found.model == RelativeModel::kEpipolar) result["direction"] = Numbers(py::ssize_t{3}, found.direction.data());
  result["inliers"] = inliers;
  result["inlier_ratio"] = found.inlier_ratio;
  result["noise_rad"] = found.noise_rad;
  return result;
}

}  // namespace

void register_relative_rotation(py::module_& m) {
  const RelativeRotationOptions usual;
  m.def(
      "relative_rotation",
      [](const Numbers& ref_rays, const Numbers& cur_rays, double threshold_rad, int max_iterations,
         std::uint64_t seed) {
        if (ref_rays.ndim() != 2) throw std::invalid_argument("ref_rays must be (n, 3)");
        check_rays(ref_rays, ref_rays.shape(0), "ref_rays");
        check_rays(cur_rays, ref_rays.shape(0), "cur_rays");
        const RelativeRotationQuery query{static_cast<std::size_t>(ref_rays.shape(0)), ref_rays.data(),
                                          cur_rays.data()};
        const RelativeRotationOptions options{threshold_rad, max_iterations, seed};
        RelativeRotation found;
        {
          const py::gil_scoped_release no_lock;
          found = relative_rotation(query, options);
        }
        return as_dict(found);
      },
      py::arg("ref_rays"), py::arg("cur_rays"), py::kw_only(), py::arg("threshold_rad") = usual.threshold_rad,
      py::arg("max_iterations") = usual.max_iterations, py::arg("seed") = usual.seed);
  m.def(
      "five_point",
      [](const Numbers& ref_rays, const Numbers& cur_rays) {
        check_rays(ref_rays, 5, "ref_rays");
        check_rays(cur_rays, 5, "cur_rays");
        const auto found = five_point(ref_rays.data(), cur_rays.data());
        Numbers result({static_cast<py::ssize_t>(found.size()), py::ssize_t{3}, py::ssize_t{3}});
        for (std::size_t i = 0; i < found.size(); ++i) {
          std::copy(found[i].begin(), found[i].end(), result.mutable_data() + 9 * i);
        }
        return result;
      },
      py::arg("ref_rays"), py::arg("cur_rays"));
}
