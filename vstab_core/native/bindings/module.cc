// The Python module vstab_core._native. Each topic registers itself; no arithmetic lives here.
#include <pybind11/pybind11.h>

void register_light(pybind11::module_& m);
void register_path_solver(pybind11::module_& m);
void register_relative_rotation(pybind11::module_& m);
void register_rotation_path(pybind11::module_& m);
void register_sidecar(pybind11::module_& m);
void register_warp(pybind11::module_& m);

PYBIND11_MODULE(_native, m) {
  m.doc() = "Native core of vstab: the warp kernel, the path solvers and the sidecar file.";
  m.attr("VERSION") = VSTAB_VERSION;
  register_light(m);
  register_path_solver(m);
  register_relative_rotation(m);
  register_rotation_path(m);
  register_warp(m);
  register_sidecar(m);
}
