// _native.build_grid, _native.warp_plane, _native.simd_levels.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "vstab/grid.h"
#include "vstab/warp.h"

namespace py = pybind11;
using namespace vstab;

namespace {

template <class E>
using Names = std::vector<std::pair<const char*, E>>;

template <class E>
E choose(const std::string& name, const Names<E>& names, const char* what) {
  std::string known;
  for (const auto& [text, value] : names) {
    if (name == text) {
      return value;
    }
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  throw std::invalid_argument(std::string("unknown ") + what + " '" + name + "'; choose one of: " + known);
}

const Names<Filter> kFilters = {{"auto", Filter::automatic},
                                {"bilinear", Filter::bilinear},
                                {"bicubic", Filter::bicubic},
                                {"lanczos3", Filter::lanczos3},
                                {"nearest", Filter::nearest}};
const Names<Border> kBorders = {{"constant", Border::constant},
                                {"replicate", Border::replicate},
                                {"mirror", Border::mirror},
                                {"keep", Border::keep}};

const Names<Projection> kProjections = {{"rectilinear", Projection::rectilinear},
                                        {"equirect", Projection::equirectangular}};

Depth depth_of(const py::array& array, const char* what) {
  if (array.dtype().equal(py::dtype::of<std::uint8_t>())) {
    return Depth::u8;
  }
  if (array.dtype().equal(py::dtype::of<std::uint16_t>())) {
    return Depth::u16;
  }
  if (array.dtype().equal(py::dtype::of<float>())) {
    return Depth::f32;
  }
  throw std::invalid_argument(std::string(what) + " must be uint8, uint16 or float32, got " +
                              py::str(array.dtype()).cast<std::string>());
}

// Shape, type and strides; the caller adds the pointer.
template <class View>
View view_of(const py::array& array, const char* what) {
  if (array.ndim() != 2 && array.ndim() != 3) {
    throw std::invalid_argument(std::string(what) + " must be (H, W) or (H, W, C), got " +
                                std::to_string(array.ndim()) + " dimensions");
  }
  if (array.size() == 0 || array.shape(0) > kMaxSide || array.shape(1) > kMaxSide) {
    throw std::invalid_argument(std::string(what) + " must have 1 to " + std::to_string(kMaxSide) +
                                " pixels a side");
  }
  View view;
  view.depth = depth_of(array, what);
  view.size = {static_cast<int>(array.shape(0)), static_cast<int>(array.shape(1))};
  const py::ssize_t channels = array.ndim() == 3 ? array.shape(2) : 1;
  if (channels > 4) {
    throw std::invalid_argument(std::string(what) + " has " + std::to_string(channels) +
                                " channels; 1 to 4 are possible");
  }
  view.channels = static_cast<int>(channels);
  view.stride = array.strides(0);
  const py::ssize_t bytes = array.itemsize();
  const bool samples_touch = channels == 1 || array.strides(2) == bytes;
  const bool pixels_touch = array.shape(1) == 1 || array.strides(1) == bytes * channels;
  const bool aligned = reinterpret_cast<std::uintptr_t>(array.data()) % static_cast<std::uintptr_t>(bytes) == 0 &&
                       (array.shape(0) == 1 || array.strides(0) % bytes == 0);
  if (!samples_touch || !pixels_touch || !aligned) {
    throw std::invalid_argument(std::string(what) +
                                " must have its samples side by side within a row; rows may have any stride");
  }
  return view;
}

SimdLevel level_of(const std::optional<std::string>& simd) {
  if (!simd) {
    return simd_levels().back();
  }
  Names<SimdLevel> names;
  for (SimdLevel known : simd_levels()) {
    names.emplace_back(simd_level_name(known), known);
  }
  return choose(*simd, names, "simd level");
}

Size size_of(const std::pair<int, int>& height_width) { return {height_width.first, height_width.second}; }

Grid build(const py::array_t<double, py::array::c_style | py::array::forcecast>& src_from_dst,
           const std::optional<py::array_t<float, py::array::c_style | py::array::forcecast>>& mesh, double aspect,
           const std::pair<int, int>& dst_size, const std::pair<int, int>& src_size, const std::string& projection,
           const std::optional<py::array_t<float, py::array::c_style | py::array::forcecast>>& local,
           const std::optional<std::string>& simd) {
  if (src_from_dst.ndim() != 2 || src_from_dst.shape(0) != 3 || src_from_dst.shape(1) != 3) {
    throw std::invalid_argument("src_from_dst must be (3, 3)");
  }
  FrameWarp warp;
  std::copy(src_from_dst.data(), src_from_dst.data() + 9, warp.src_from_dst);
  warp.aspect = aspect;
  warp.projection = choose(projection, kProjections, "projection");
  if (local) {
    if (local->ndim() != 2 || local->shape(0) != 6 || local->shape(1) != 3) {
      throw std::invalid_argument("local must be (6, 3)");
    }
    warp.local.assign(local->data(), local->data() + local->size());
  }
  if (mesh) {
    if (mesh->ndim() != 3 || mesh->shape(0) < 2 || mesh->shape(1) < 2 || mesh->shape(2) != 2) {
      throw std::invalid_argument("mesh must be (rows + 1, cols + 1, 2) with at least one cell");
    }
    warp.mesh_rows = static_cast<int>(mesh->shape(0)) - 1;
    warp.mesh_cols = static_cast<int>(mesh->shape(1)) - 1;
    warp.mesh.assign(mesh->data(), mesh->data() + mesh->size());
  }
  const SimdLevel level = level_of(simd);
  py::gil_scoped_release release;
  return build_grid(warp, size_of(dst_size), size_of(src_size), level);
}

py::array_t<std::int32_t> tables(const std::vector<std::int32_t>& values) {
  return py::array_t<std::int32_t>({static_cast<int>(values.size()) / (kBlock * kBlock), kBlock, kBlock}, values.data());
}

void warp(const py::array& src, py::array& dst, const Grid& grid, const std::string& filter, const std::string& border,
          const std::vector<float>& border_value, int max_value, int row_begin, std::optional<int> row_end,
          const std::optional<std::string>& simd, bool floor) {
  ConstPlane from = view_of<ConstPlane>(src, "src");
  from.data = src.data();
  Plane to = view_of<Plane>(dst, "dst");
  to.data = dst.mutable_data();  // raises for a read-only array
  WarpOptions options;
  options.filter = choose(filter, kFilters, "filter");
  options.border = choose(border, kBorders, "border");
  options.max_value = max_value;
  options.floor = floor;
  if (border_value.size() != 1 && border_value.size() != static_cast<std::size_t>(from.channels)) {
    throw std::invalid_argument("border_value must have 1 value or one for each of the " +
                                std::to_string(from.channels) + " channels, got " +
                                std::to_string(border_value.size()));
  }
  for (std::size_t c = 0; c < static_cast<std::size_t>(from.channels); ++c) {
    options.border_value[c] = border_value[border_value.size() == 1 ? 0 : c];
  }
  const SimdLevel level = level_of(simd);
  const int end = row_end.value_or(to.size.height);
  py::gil_scoped_release release;
  warp_plane(from, to, grid, options, row_begin, end, level);
}

}  // namespace

void register_warp(py::module_& m) {
  py::class_<Grid>(m, "Grid", "Sparse backward grid: source positions at the corners of 8x8 blocks of output pixels.")
      .def_property_readonly("dst_size", [](const Grid& g) { return std::make_pair(g.dst.height, g.dst.width); })
      .def_property_readonly("src_size", [](const Grid& g) { return std::make_pair(g.src.height, g.src.width); })
      .def_property_readonly("x_fixed", [](const Grid& g) { return py::array_t<std::int32_t>({g.rows, g.cols}, g.x.data()); })
      .def_property_readonly("y_fixed", [](const Grid& g) { return py::array_t<std::int32_t>({g.rows, g.cols}, g.y.data()); })
      .def_property_readonly("projection", [](const Grid& g) {
        return g.projection == Projection::rectilinear ? "rectilinear" : "equirect";
      })
      .def_property_readonly("exact", [](const Grid& g) {
        py::array_t<std::int32_t> exact({g.rows - 1, g.cols - 1});
        std::fill_n(exact.mutable_data(), exact.size(), -1);
        std::copy(g.exact.begin(), g.exact.end(), exact.mutable_data());
        return exact;
      })
      .def_property_readonly("exact_x_fixed", [](const Grid& g) { return tables(g.exact_x); })
      .def_property_readonly("exact_y_fixed", [](const Grid& g) { return tables(g.exact_y); });
  m.attr("BLOCK_PX") = kBlock;
  m.attr("GRID_BITS") = kGridBits;
  m.attr("NOWHERE") = kNowhere;
  m.def("build_grid", &build, py::arg("src_from_dst"), py::arg("mesh"), py::arg("aspect"), py::arg("dst_size"),
        py::arg("src_size"), py::kw_only(), py::arg("projection") = "rectilinear", py::arg("local") = py::none(),
        py::arg("simd") = py::none(),
        "Evaluates a warp model into a Grid; sizes are (height, width). simd: one of simd_levels(), for tests.");
  m.def("warp_plane", &warp, py::arg("src"), py::arg("dst"), py::arg("grid"), py::kw_only(),
        py::arg("filter") = "bicubic", py::arg("border") = "constant", py::arg("border_value") = std::vector<float>{0},
        py::arg("max_value") = 0, py::arg("row_begin") = 0, py::arg("row_end") = py::none(),
        py::arg("simd") = py::none(), py::arg("floor") = false,
        "Warps rows [row_begin, row_end) of dst from src; releases the GIL. simd: one of simd_levels(), for tests.");
  m.def(
      "simd_levels",
      [] {
        std::vector<std::string> names;
        for (SimdLevel level : simd_levels()) {
          names.emplace_back(simd_level_name(level));
        }
        return names;
      },
      "Instruction sets that this build holds and this processor runs, slowest first.");
}
