#include "command.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "process.h"

namespace vstab::ofx {
namespace {

bool is_file(const std::filesystem::path& path) {
  std::error_code missing;
  return std::filesystem::is_regular_file(path, missing);
}

// The line "executable=PATH" of the file ofx.conf.
std::string written_by_doctor() {
  const std::filesystem::path folder = settings_folder();
  if (folder.empty()) return "";
  std::ifstream file(folder / "ofx.conf");
  const std::string start = "executable=";
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.compare(0, start.size(), start) == 0) return line.substr(start.size());
  }
  return "";
}

}  // namespace

std::string find_command() {
  for (const std::string& path : {environment("VSTAB_EXE"), written_by_doctor()}) {
    if (!path.empty() && is_file(std::filesystem::u8path(path))) return path;
  }
  for (const std::filesystem::path& folder : command_folders()) {
    if (is_file(folder / command_name())) return (folder / command_name()).u8string();
  }
  return "";
}

}  // namespace vstab::ofx
