// The Python module vstab_core._native. Each topic registers itself; no arithmetic lives here.
#include <pybind11/pybind11.h>

void register_sidecar(pybind11::module_& m);
void register_warp(pybind11::module_& m);

PYBIND11_MODULE(_native, m) {
  m.doc() = "Native core of vstab: the warp kernel and the sidecar file.";
  register_warp(m);
  register_sidecar(m);
}
