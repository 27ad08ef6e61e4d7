#include <pybind11/pybind11.h>

void register_warp(pybind11::module_&) {}
