// _native.parse_sidecar, format_sidecar, read_sidecar, write_sidecar: dictionaries of NumPy arrays in and out.
#include "vstab/sidecar.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace py = pybind11;
using namespace vstab;

namespace {

using Shape = std::vector<py::ssize_t>;

// The array takes the vector over: nothing is copied, for a clip of hours may have hundreds of megabytes.
template <class T>
py::array_t<T> array_of(std::vector<T>& values, const Shape& shape) {
  auto owner = std::make_unique<std::vector<T>>(std::move(values));
  const T* data = owner->data();
  const py::capsule keeper(owner.get(), [](void* pointer) { delete static_cast<std::vector<T>*>(pointer); });
  owner.release();
  return py::array_t<T>(shape, data, keeper);
}

std::string text_of(const Shape& shape) {
  std::string text = "(";
  for (const auto side : shape) text += (text.size() > 1 ? ", " : "") + (side < 0 ? "any" : std::to_string(side));
  return text + ")";
}

// Values that would change on the way (float64 to float32, say) are refused. A negative side stands for any.
template <class T>
std::vector<T> vector_of(const py::dict& fields, const char* name, const Shape& shape, Shape* found = nullptr) {
  const auto values = py::array_t<T, py::array::c_style>::ensure(fields[name]);
  if (!values) {
    throw std::invalid_argument(std::string(name) + " must be an array of " +
                                std::string(py::str(py::dtype::of<T>())));
  }
  const Shape came(values.shape(), values.shape() + values.ndim());
  bool fits = came.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] < 0 || shape[i] == came[i];
  if (!fits) throw std::invalid_argument(std::string(name) + " must be " + text_of(shape) + ", got " + text_of(came));
  if (found != nullptr) *found = came;
  return std::vector<T>(values.data(), values.data() + values.size());
}

py::object mesh_of(MeshTrack& mesh, py::ssize_t frames) {
  if (mesh.offsets.empty()) return py::none();
  return array_of(mesh.offsets, {frames, mesh.rows, mesh.cols, 2});
}

MeshTrack mesh_from(const py::dict& fields, py::ssize_t frames) {
  MeshTrack mesh;
  if (fields["mesh"].is_none()) return mesh;
  Shape shape;
  mesh.offsets = vector_of<float>(fields, "mesh", {frames, -1, -1, 2}, &shape);
  mesh.rows = static_cast<std::uint32_t>(shape[1]);
  mesh.cols = static_cast<std::uint32_t>(shape[2]);
  return mesh;
}

py::object local_of(std::vector<float>& local, py::ssize_t frames) {
  if (local.empty()) return py::none();
  return array_of(local, {frames, 6, 3});
}

std::vector<float> local_from(const py::dict& fields, py::ssize_t frames) {
  if (fields["local"].is_none()) return {};
  return vector_of<float>(fields, "local", {frames, 6, 3});
}

const char* name_of(Projection projection) {
  switch (projection) {
    case Projection::rectilinear:
      return "rectilinear";
    case Projection::equirectangular:
      return "equirect";
  }
  throw std::invalid_argument("projection without a name");
}

Projection projection_from(const std::string& name) {
  for (const auto projection : {Projection::rectilinear, Projection::equirectangular}) {
    if (name == name_of(projection)) return projection;
  }
  throw std::invalid_argument("unknown projection '" + name + "'; choose one of: rectilinear, equirect");
}

py::dict to_dict(Sidecar sidecar) {
  const auto frames = static_cast<py::ssize_t>(sidecar.frames());
  py::dict result;
  result["writer"] = sidecar.writer;
  result["fingerprint"] = sidecar.fingerprint;
  result["source_name"] = sidecar.source_name;
  result["parameters"] = sidecar.parameters;
  result["width"] = sidecar.width;
  result["height"] = sidecar.height;
  result["aspect"] = sidecar.aspect;
  result["time_base"] = py::make_tuple(sidecar.time_base_num, sidecar.time_base_den);
  result["projection"] = name_of(sidecar.projection);
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
  if (sidecar.rotation) {
    py::dict rotation;
    rotation["world_from_cam"] = array_of(sidecar.rotation->world_from_cam, {frames, 4});
    rotation["confidence"] = array_of(sidecar.rotation->confidence, {frames});
    rotation["cut"] = array_of(sidecar.rotation->cut, {frames});
    rotation["key_frame"] = array_of(sidecar.rotation->key_frame, {frames});
    rotation["up"] = array_of(sidecar.rotation->up, {frames, 3});
    rotation["travel"] = array_of(sidecar.rotation->travel, {frames, 3});
    rotation["local"] = local_of(sidecar.rotation->local, frames);
    result["rotation"] = rotation;
  }
  if (!sidecar.speed.empty()) result["speed"] = array_of(sidecar.speed, {frames});
  if (sidecar.warps) {
    py::dict warps;
    warps["src_from_dst"] = array_of(sidecar.warps->src_from_dst, {frames, 3, 3});
    warps["crop"] = array_of(sidecar.warps->crop, {frames});
    warps["mesh"] = mesh_of(sidecar.warps->mesh, frames);
    warps["local"] = local_of(sidecar.warps->local, frames);
    result["warps"] = warps;
  }
  return result;
}

template <class T>
T scalar_from(const py::dict& fields, const char* name) {
  try {
    return fields[name].cast<T>();
  } catch (const py::cast_error&) {
    const auto shown = py::repr(fields[name]).cast<std::string>();
    throw std::invalid_argument(std::string(name) + " is " + shown + ", which the file cannot hold");
  }
}

Sidecar from_dict(const py::dict& fields) {
  Sidecar sidecar;
  sidecar.writer = scalar_from<std::string>(fields, "writer");
  sidecar.fingerprint = scalar_from<std::string>(fields, "fingerprint");
  sidecar.source_name = scalar_from<std::string>(fields, "source_name");
  sidecar.parameters = scalar_from<std::string>(fields, "parameters");
  sidecar.width = scalar_from<std::uint32_t>(fields, "width");
  sidecar.height = scalar_from<std::uint32_t>(fields, "height");
  sidecar.aspect = scalar_from<double>(fields, "aspect");
  const auto time_base = scalar_from<std::pair<std::int32_t, std::int32_t>>(fields, "time_base");
  sidecar.time_base_num = time_base.first;
  sidecar.time_base_den = time_base.second;
  sidecar.projection = projection_from(scalar_from<std::string>(fields, "projection"));
  sidecar.pts = vector_of<std::int64_t>(fields, "pts", {-1});
  const auto frames = static_cast<py::ssize_t>(sidecar.frames());
  if (fields.contains("motion")) {
    const auto motion = fields["motion"].cast<py::dict>();
    sidecar.motion.emplace();
    sidecar.motion->readout_ratio = scalar_from<double>(motion, "readout_ratio");
    sidecar.motion->corners = vector_of<double>(motion, "corners", {frames, 4, 2});
    sidecar.motion->confidence = vector_of<float>(motion, "confidence", {frames});
    sidecar.motion->cut = vector_of<std::uint8_t>(motion, "cut", {frames});
    sidecar.motion->mesh = mesh_from(motion, frames);
  }
  if (fields.contains("rotation")) {
    const auto rotation = fields["rotation"].cast<py::dict>();
    sidecar.rotation.emplace();
    sidecar.rotation->world_from_cam = vector_of<double>(rotation, "world_from_cam", {frames, 4});
    sidecar.rotation->confidence = vector_of<float>(rotation, "confidence", {frames});
    sidecar.rotation->cut = vector_of<std::uint8_t>(rotation, "cut", {frames});
    sidecar.rotation->key_frame = vector_of<std::uint8_t>(rotation, "key_frame", {frames});
    sidecar.rotation->up = vector_of<float>(rotation, "up", {frames, 3});
    sidecar.rotation->travel = vector_of<float>(rotation, "travel", {frames, 3});
    sidecar.rotation->local = local_from(rotation, frames);
  }
  if (fields.contains("speed")) sidecar.speed = vector_of<float>(fields, "speed", {frames});
  if (fields.contains("warps")) {
    const auto warps = fields["warps"].cast<py::dict>();
    sidecar.warps.emplace();
    sidecar.warps->src_from_dst = vector_of<double>(warps, "src_from_dst", {frames, 3, 3});
    sidecar.warps->crop = vector_of<double>(warps, "crop", {frames});
    sidecar.warps->mesh = mesh_from(warps, frames);
    if (warps.contains("local")) sidecar.warps->local = local_from(warps, frames);
  }
  return sidecar;
}

Sidecar parse(const py::bytes& data) {
  const std::string_view view(data);
  const py::gil_scoped_release unlocked;
  return parse_sidecar(reinterpret_cast<const std::uint8_t*>(view.data()), view.size());
}

[[noreturn]] void raise_os_error(const std::system_error& error) {
  const auto code = error.code().default_error_condition();
  PyErr_SetObject(PyExc_OSError, py::make_tuple(code.value(), code.message()).ptr());
  throw py::error_already_set();
}

Sidecar read(const std::filesystem::path& path) {
  try {
    const py::gil_scoped_release unlocked;
    return read_sidecar(path);
  } catch (const std::system_error& error) {
    raise_os_error(error);
  }
}

void write(const std::filesystem::path& path, const Sidecar& sidecar) {
  try {
    const py::gil_scoped_release unlocked;
    write_sidecar(path, sidecar);
  } catch (const std::system_error& error) {
    raise_os_error(error);
  }
}

py::bytes format(const py::dict& fields) {
  const auto bytes = format_sidecar(from_dict(fields));
  return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

void register_sidecar(py::module_& m) {
  m.def("parse_sidecar", [](const py::bytes& data) { return to_dict(parse(data)); }, py::arg("data"));
  m.def("format_sidecar", &format, py::arg("fields"));
  m.def("read_sidecar", [](const std::filesystem::path& path) { return to_dict(read(path)); }, py::arg("path"));
  m.def(
      "write_sidecar",
      [](const std::filesystem::path& path, const py::dict& fields) { write(path, from_dict(fields)); },
      py::arg("path"), py::arg("fields"));
  m.def(
      "find_frame", [](const py::bytes& data, double time_s) { return parse(data).find_frame(time_s); },
      py::arg("data"), py::arg("time_s"));
}
