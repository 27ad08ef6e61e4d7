#include "process.h"

namespace vstab::ofx {

std::optional<std::string> Process::read_line() {
  for (;;) {
    const std::size_t end = read_.find('\n');
    if (end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    char bytes[4096];
    const std::size_t count = read(bytes, sizeof bytes);
    if (count == 0) return std::nullopt;
    read_.append(bytes, count);
  }
}

}  // namespace vstab::ofx
