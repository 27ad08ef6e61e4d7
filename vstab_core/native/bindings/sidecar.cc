// _native.parse_sidecar, _native.format_sidecar: dictionaries of NumPy arrays in and out.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "vstab/sidecar.h"

namespace py = pybind11;
using namespace vstab;

namespace {

using Shape = std::vector<py::ssize_t>;

template <class T>
py::array_t<T> array_of(const std::vector<T>& values, const Shape& shape) {
  return py::array_t<T>(shape, values.data());
}

template <class T>
std::vector<T> vector_of(const py::handle& array) {
  const auto values = py::array_t<T, py::array::c_style | py::array::forcecast>::ensure(array);
  if (!values) throw std::invalid_argument("sidecar: an array is not of numbers");
  return std::vector<T>(values.data(), values.data() + values.size());
}

// Text of a file need not be UTF-8; what is not becomes U+FFFD.
py::str text_of(const std::string& text) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(text.data(), static_cast<py::ssize_t>(text.size()), "replace"));
}

py::object mesh_of(const MeshTrack& mesh, py::ssize_t frames) {
  if (mesh.offsets.empty()) return py::none();
  return array_of(mesh.offsets, {frames, mesh.rows, mesh.cols, 2});
}

MeshTrack mesh_from(const py::handle& object) {
  MeshTrack mesh;
  if (object.is_none()) return mesh;
  const auto array = py::reinterpret_borrow<py::object>(object).cast<py::array>();
  if (array.ndim() != 4) throw std::invalid_argument("sidecar: a mesh must be (frames, rows, cols, 2)");
  mesh.rows = static_cast<std::uint32_t>(array.shape(1));
  mesh.cols = static_cast<std::uint32_t>(array.shape(2));
  mesh.offsets = vector_of<float>(array);
  return mesh;
}

py::dict to_dict(const Sidecar& sidecar) {
  const auto frames = static_cast<py::ssize_t>(sidecar.pts.size());
  py::dict result;
  result["writer"] = text_of(sidecar.writer);
  result["fingerprint"] = text_of(sidecar.fingerprint);
  result["source_name"] = text_of(sidecar.source_name);
  result["parameters"] = text_of(sidecar.parameters);
  result["width"] = sidecar.width;
  result["height"] = sidecar.height;
  result["aspect"] = sidecar.aspect;
  result["time_base"] = py::make_tuple(sidecar.time_base_num, sidecar.time_base_den);
  result["pts"] = array_of(sidecar.pts, {frames});
  if (sidecar.motion) {
    py::dict motion;
    motion["readout_ratio"] = sidecar.motion->readout_ratio;
    motion["corners"] = array_of(sidecar.motion->corners, {frames, 4, 2});
    motion["confidence"] = array_of(sidecar.motion->confidence, {frames});
    motion["cut"] = array_of(sidecar.motion->cut, {frames});
    motion["mesh"] = mesh_of(sidecar.motion->mesh, frames);
    result["motion"] = motion;
  }
  if (sidecar.warps) {
    py::dict warps;
    warps["src_from_dst"] = array_of(sidecar.warps->src_from_dst, {frames, 3, 3});
    warps["crop"] = array_of(sidecar.warps->crop, {frames});
    warps["mesh"] = mesh_of(sidecar.warps->mesh, frames);
    result["warps"] = warps;
  }
  return result;
}

Sidecar from_dict(const py::dict& fields) {
  Sidecar sidecar;
  sidecar.writer = fields["writer"].cast<std::string>();
  sidecar.fingerprint = fields["fingerprint"].cast<std::string>();
  sidecar.source_name = fields["source_name"].cast<std::string>();
  sidecar.parameters = fields["parameters"].cast<std::string>();
  sidecar.width = fields["width"].cast<std::uint32_t>();
  sidecar.height = fields["height"].cast<std::uint32_t>();
  sidecar.aspect = fields["aspect"].cast<double>();
  const auto time_base = fields["time_base"].cast<std::pair<std::int32_t, std::int32_t>>();
  sidecar.time_base_num = time_base.first;
  sidecar.time_base_den = time_base.second;
  sidecar.pts = vector_of<std::int64_t>(fields["pts"]);
  if (fields.contains("motion")) {
    const auto motion = fields["motion"].cast<py::dict>();
    sidecar.motion.emplace();
    sidecar.motion->readout_ratio = motion["readout_ratio"].cast<double>();
    sidecar.motion->corners = vector_of<double>(motion["corners"]);
    sidecar.motion->confidence = vector_of<float>(motion["confidence"]);
    sidecar.motion->cut = vector_of<std::uint8_t>(motion["cut"]);
    sidecar.motion->mesh = mesh_from(motion["mesh"]);
  }
  if (fields.contains("warps")) {
    const auto warps = fields["warps"].cast<py::dict>();
    sidecar.warps.emplace();
    sidecar.warps->src_from_dst = vector_of<double>(warps["src_from_dst"]);
    sidecar.warps->crop = vector_of<double>(warps["crop"]);
    sidecar.warps->mesh = mesh_from(warps["mesh"]);
  }
  return sidecar;
}

Sidecar parse(const py::bytes& data) {
  const std::string_view view(data);
  const py::gil_scoped_release unlocked;
  return parse_sidecar(reinterpret_cast<const std::uint8_t*>(view.data()), view.size());
}

}  // namespace

void register_sidecar(py::module_& m) {
  m.def("parse_sidecar", [](const py::bytes& data) { return to_dict(parse(data)); }, py::arg("data"));
  m.def(
      "format_sidecar",
      [](const py::dict& fields) {
        const auto bytes = format_sidecar(from_dict(fields));
        return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      },
      py::arg("fields"));
  m.def(
      "find_frame", [](const py::bytes& data, double time_s) { return parse(data).find_frame(time_s); },
      py::arg("data"), py::arg("time_s"));
}
