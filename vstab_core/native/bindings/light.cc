// _native.open_light, _native.close_light.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "vstab/grid.h"
#include "vstab/light.h"

namespace py = pybind11;
using namespace vstab;

namespace {

using Table = py::array_t<float, py::array::c_style>;
using Matrix = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Components = std::array<std::optional<py::array>, 3>;

void require(bool ok, const char* message) {
  if (!ok) {
    throw std::invalid_argument(message);
  }
}

Depth depth_of(const py::array& array) {
  if (array.dtype().equal(py::dtype::of<std::uint8_t>())) {
    return Depth::u8;
  }
  if (array.dtype().equal(py::dtype::of<std::uint16_t>())) {
    return Depth::u16;
  }
  require(array.dtype().equal(py::dtype::of<float>()), "components must be uint8, uint16 or float32");
  return Depth::f32;
}

template <class Pointer>
Depth components_of(const Components& arrays, Component<Pointer> (&out)[3]) {
  std::optional<Depth> depth;
  for (std::size_t c = 0; c < 3; ++c) {
    if (!arrays[c]) {
      continue;
    }
    const py::array& array = *arrays[c];
    require(array.ndim() == 2 && array.size() > 0, "components must be (H, W)");
    require(array.shape(0) <= kMaxSide && array.shape(1) <= kMaxSide, "components may have 32767 pixels a side");
    require(!depth || *depth == depth_of(array), "components must be of one type");
    depth = depth_of(array);
    out[c].size = {static_cast<int>(array.shape(0)), static_cast<int>(array.shape(1))};
    out[c].row_stride = array.strides(0);
    out[c].sample_stride = array.strides(1);
  }
  require(depth.has_value(), "there must be a component");
  return *depth;
}

LightCurves curves_of(const std::optional<Table>& tables, int points) {
  LightCurves curves;
  if (tables) {
    require(tables->ndim() == 2 && tables->shape(0) == 3 && tables->shape(1) == points, "tables have a wrong shape");
    for (int c = 0; c < 3; ++c) {
      curves.table[c] = tables->data(c, 0);
    }
  }
  return curves;
}

template <class View>
View light_view(const py::array& light) {
  require(light.ndim() == 3 && light.shape(2) == 4 && light.size() > 0, "light must be (H, W, 4)");
  require(light.dtype().equal(py::dtype::of<float>()), "light must be float32");
  require(light.strides(2) == 4 && light.strides(1) == 16 && light.strides(0) % 4 == 0, "light must have whole rows");
  require(light.shape(0) <= kMaxSide && light.shape(1) <= kMaxSide, "light may have 32767 pixels a side");
  View view;
  view.size = {static_cast<int>(light.shape(0)), static_cast<int>(light.shape(1))};
  view.stride = light.strides(0);
  view.channels = 4;
  view.depth = Depth::f32;
  return view;
}

void matrix_of(const Matrix& matrix, double (&out)[12]) {
  require(matrix.ndim() == 2 && matrix.shape(0) == 3 && matrix.shape(1) == 4, "matrix must be (3, 4)");
  std::copy(matrix.data(), matrix.data() + 12, out);
}

SimdLevel level_of(const std::optional<std::string>& simd) {
  const auto levels = simd_levels();
  if (!simd) {
    return levels.back();
  }
  for (SimdLevel level : levels) {
    if (*simd == simd_level_name(level)) {
      return level;
    }
  }
  throw std::invalid_argument("unknown simd level '" + *simd + "'");
}

void open_picture(const Components& arrays, py::array& light, const Matrix& matrix, const std::optional<Table>& tables,
          std::pair<int, int> step, std::pair<double, double> place, const std::optional<std::string>& simd) {
  Component<const void*> components[3];
  const Depth depth = components_of(arrays, components);
  for (std::size_t c = 0; c < 3; ++c) {
    components[c].data = arrays[c] ? arrays[c]->data() : nullptr;
  }
  Plane dst = light_view<Plane>(light);
  dst.data = light.mutable_data();
  double numbers[12];
  matrix_of(matrix, numbers);
  const LightCurves curves = curves_of(tables, kSignalPoints);
  const ChromaGrid chroma{step.first, step.second, place.first, place.second};
  const SimdLevel level = level_of(simd);
  py::gil_scoped_release release;
  open_light(components, depth, numbers, curves, chroma, dst, level);
}

void close_picture(const py::array& light, Components& arrays, const Matrix& matrix, const std::optional<Table>& tables,
           int max_value, const std::optional<std::string>& simd) {
  Component<void*> components[3];
  const Depth depth = components_of(arrays, components);
  for (std::size_t c = 0; c < 3; ++c) {
    components[c].data = arrays[c] ? arrays[c]->mutable_data() : nullptr;
  }
  ConstPlane src = light_view<ConstPlane>(light);
  src.data = light.data();
  double numbers[12];
  matrix_of(matrix, numbers);
  const LightCurves curves = curves_of(tables, 2 * kLightPoints);
  const SimdLevel level = level_of(simd);
  py::gil_scoped_release release;
  close_light(src, numbers, curves, components, depth, max_value, level);
}

}  // namespace

void register_light(py::module_& m) {
  m.attr("SIGNAL_LOW") = kSignalLow;
  m.attr("SIGNAL_HIGH") = kSignalHigh;
  m.attr("SIGNAL_POINTS") = kSignalPoints;
  m.attr("LEAST_LIGHT") = kLeastLight;
  m.attr("LIGHT_SHIFT") = kLightShift;
  m.attr("LIGHT_POINTS") = kLightPoints;
  m.def("open_light", &open_picture, py::arg("components"), py::arg("light"), py::arg("matrix"), py::arg("tables"),
        py::kw_only(), py::arg("step") = std::make_pair(1, 1), py::arg("place") = std::make_pair(0.5, 0.5),
        py::arg("simd") = py::none(), "Writes the light of a picture's components; releases the GIL.");
  m.def("close_light", &close_picture, py::arg("light"), py::arg("components"), py::arg("matrix"), py::arg("tables"),
        py::kw_only(), py::arg("max_value") = 0, py::arg("simd") = py::none(),
        "Writes the components that are given, from light; releases the GIL.");
}
