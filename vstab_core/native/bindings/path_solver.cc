// _native.solve_path, _native.solve_free_path.
#include "vstab/path_solver.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace py = pybind11;
using namespace vstab;

namespace {

using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;

void check_shape(const Array& array, py::ssize_t rows, py::ssize_t cols, const char* what) {
  if (array.ndim() == 2 && array.shape(0) == rows && array.shape(1) == cols) return;
  throw std::invalid_argument(std::string(what) + " must be (" + std::to_string(rows) + ", " + std::to_string(cols) +
                              "), got " + py::str(array.attr("shape")).cast<std::string>());
}

PathQuery query_of(const Array& bands, const Array& path, const Array& shown, double anchor) {
  if (path.ndim() != 2 || shown.ndim() != 2) throw std::invalid_argument("path must be (F, K), shown (P, K)");
  const py::ssize_t past = shown.shape(0);
  check_shape(bands, kPathOrders + 1, past + path.shape(0), "bands");
  check_shape(shown, past, path.shape(1), "shown");
  PathQuery query;
  query.frames = static_cast<std::size_t>(path.shape(0));
  query.past = static_cast<std::size_t>(past);
  query.channels = static_cast<std::size_t>(path.shape(1));
  query.bands = bands.data();
  query.path = path.data();
  query.shown = shown.data();
  query.anchor = anchor;
  return query;
}

template <class Solve>
Array unlocked(const Array& path, const Solve& solve) {
  std::vector<double> c;
  {
    const py::gil_scoped_release no_lock;
    c = solve();
  }
  return Array({path.shape(0), path.shape(1)}, c.data());
}

}  // namespace

void register_path_solver(py::module_& m) {
  m.def(
      "solve_path",
      [](const Array& bands, const Array& path, const Array& shown, double anchor, const Array& sides,
         const Array& room, double budget, double price) {
        const PathQuery query = query_of(bands, path, shown, anchor);
        if (sides.ndim() != 2) throw std::invalid_argument("sides must be (R, K)");
        check_shape(sides, sides.shape(0), path.shape(1), "sides");
        check_shape(room, path.shape(0), sides.shape(0), "room");
        PathBounds bounds;
        bounds.rows = static_cast<std::size_t>(sides.shape(0));
        bounds.sides = sides.data();
        bounds.room = room.data();
        bounds.budget = budget;
        bounds.price = price;
        return unlocked(path, [&] { return solve_path(query, bounds); });
      },
      py::arg("bands"), py::arg("path"), py::arg("shown"), py::arg("anchor"), py::arg("sides"), py::arg("room"),
      py::arg("budget"), py::arg("price"));
  m.def(
      "solve_free_path",
      [](const Array& bands, const Array& path, const Array& shown, double anchor) {
        const PathQuery query = query_of(bands, path, shown, anchor);
        return unlocked(path, [&] { return solve_free_path(query); });
      },
      py::arg("bands"), py::arg("path"), py::arg("shown"), py::arg("anchor"));
}
