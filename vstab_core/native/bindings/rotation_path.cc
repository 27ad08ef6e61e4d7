// _native.solve_rotation_path.
#include "vstab/rotation_path.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

namespace py = pybind11;
using namespace vstab;

namespace {

constexpr auto kDense = py::array::c_style | py::array::forcecast;
using Numbers = py::array_t<double, kDense>;
using Indices = py::array_t<std::ptrdiff_t, kDense>;
using Flags = py::array_t<bool, kDense>;

std::string shape_of(const py::array& array) { return py::str(array.attr("shape")).cast<std::string>(); }

void check_rows(const py::array& array, py::ssize_t rows, const char* what, const char* allowed) {
  if (array.ndim() == 1 && array.shape(0) == rows) return;
  throw std::invalid_argument(std::string(what) + " must be (" + allowed + " = " + std::to_string(rows) + ",), got " +
                              shape_of(array));
}

void check_columns(const py::array& array, py::ssize_t cols, const char* what) {
  if (array.ndim() == 2 && array.shape(1) == cols) return;
  throw std::invalid_argument(std::string(what) + " must be (any, " + std::to_string(cols) + "), got " +
                              shape_of(array));
}

RotationPathQuery query_of(const Numbers& quats, const Flags& fixed, const Indices& track_start, const Indices& frame,
                           const Numbers& ray, const Flags& pure) {
  check_columns(quats, 4, "quats");
  check_columns(ray, 3, "ray");
  check_rows(fixed, quats.shape(0), "fixed", "frames");
  check_rows(pure, quats.shape(0), "pure", "frames");
  check_rows(frame, ray.shape(0), "frame", "observations");
  if (track_start.ndim() != 1 || track_start.shape(0) < 1) {
    throw std::invalid_argument("track_start must be (tracks + 1,), got " + shape_of(track_start));
  }
  RotationPathQuery query;
  query.frames = static_cast<std::size_t>(quats.shape(0));
  query.quats = quats.data();
  query.fixed = fixed.data();
  query.pure = pure.data();
  query.tracks = static_cast<std::size_t>(track_start.shape(0) - 1);
  query.track_start = track_start.data();
  query.observations = static_cast<std::size_t>(ray.shape(0));
  query.frame = frame.data();
  query.ray = ray.data();
  return query;
}

py::dict as_dict(const RotationPath& path, py::ssize_t frames) {
  py::dict result;
  result["quats"] = Numbers({frames, py::ssize_t{4}}, path.quats.data());
  result["local"] = Numbers({frames, py::ssize_t{kVertices}, py::ssize_t{3}}, path.local.data());
  result["cost_before"] = path.cost_before;
  result["cost_rotation"] = path.cost_rotation;
  result["cost_after"] = path.cost_after;
  result["regularizer_scale"] = path.regularizer_scale;
  result["iterations"] = path.iterations;
  return result;
}

}  // namespace

void register_rotation_path(py::module_& m) {
  const RotationPathOptions usual;
  m.def(
      "solve_rotation_path",
      [](const Numbers& quats, const Flags& fixed, const Indices& track_start, const Indices& frame,
         const Numbers& ray, const std::optional<Flags>& pure, double deformation, double loss_rad, double first_weight, double second_weight,
         double prior_first, double prior_second, double spread_weight, double magnitude_weight,
         double temporal_weight, bool validate, double least_tracks, double max_local_rad, double damping, double tolerance,
         int max_iterations) {
        const RotationPathQuery query = query_of(quats, fixed, track_start, frame, ray, pure ? *pure : fixed);
        RotationPathOptions options;
        options.deformation = deformation;
        options.loss_rad = loss_rad;
        options.first_weight = first_weight;
        options.second_weight = second_weight;
        options.prior_first = prior_first;
        options.prior_second = prior_second;
        options.spread_weight = spread_weight;
        options.magnitude_weight = magnitude_weight;
        options.temporal_weight = temporal_weight;
        options.validate = validate;
        options.least_tracks = least_tracks;
        options.max_local_rad = max_local_rad;
        options.damping = damping;
        options.tolerance = tolerance;
        options.max_iterations = max_iterations;
        RotationPath path;
        {
          const py::gil_scoped_release no_lock;
          path = solve_rotation_path(query, options);
        }
        return as_dict(path, quats.shape(0));
      },
      py::arg("quats"), py::arg("fixed"), py::arg("track_start"), py::arg("frame"), py::arg("ray"), py::kw_only(),
      py::arg("pure") = py::none(),
      py::arg("deformation") = usual.deformation, py::arg("loss_rad") = usual.loss_rad,
      py::arg("first_weight") = usual.first_weight, py::arg("second_weight") = usual.second_weight,
      py::arg("prior_first") = usual.prior_first, py::arg("prior_second") = usual.prior_second,
      py::arg("spread_weight") = usual.spread_weight, py::arg("magnitude_weight") = usual.magnitude_weight,
      py::arg("temporal_weight") = usual.temporal_weight, py::arg("validate") = usual.validate,
      py::arg("least_tracks") = usual.least_tracks, py::arg("max_local_rad") = usual.max_local_rad,
      py::arg("damping") = usual.damping, py::arg("tolerance") = usual.tolerance,
      py::arg("max_iterations") = usual.max_iterations);
}
