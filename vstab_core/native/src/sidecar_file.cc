// A sidecar in memory and in a file.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "sidecar_chunks.h"

namespace vstab {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const char* what, std::error_code code) { throw std::system_error(code, what); }

// Streams keep the reason to themselves; the C library's errno has it on every platform we know.
std::error_code last_error() { return {errno != 0 ? errno : EIO, std::generic_category()}; }

class MemorySource final : public ByteSource {
 public:
  MemorySource(const std::uint8_t* data, std::size_t size) : at_(data), left_(size) {}
  std::uint64_t left() const override { return left_; }
  const std::uint8_t* take(std::size_t size) override {
    const std::uint8_t* before = at_;
    at_ += size;
    left_ -= size;
    return before;
  }

 private:
  const std::uint8_t* at_;
  std::size_t left_;
};

class FileSource final : public ByteSource {
 public:
  explicit FileSource(const fs::path& path) {
    std::error_code code;
    const auto status = fs::status(path, code);
    if (status.type() == fs::file_type::not_found) {
      fail("cannot open", std::make_error_code(std::errc::no_such_file_or_directory));
    }
    if (code) fail("cannot open", code);
    if (!fs::is_regular_file(status)) throw std::runtime_error("it is not an ordinary file");
    left_ = fs::file_size(path, code);
    if (code) fail("cannot open", code);
    errno = 0;
    file_.open(path, std::ios::binary);
    if (!file_) fail("cannot open", last_error());
  }

  std::uint64_t left() const override { return left_; }

  const std::uint8_t* take(std::size_t size) override {
    if (buffer_.size() < size) {
      buffer_.clear();  // nothing to copy when it grows
      buffer_.resize(size);
    }
    errno = 0;
    file_.read(buffer_.data(), static_cast<std::streamsize>(size));
    if (file_.bad() || (!file_ && errno != 0)) fail("cannot read", last_error());
    if (!file_) throw std::runtime_error("the file became shorter while it was read");
    left_ -= size;
    return reinterpret_cast<const std::uint8_t*>(buffer_.data());
  }

 private:
  std::ifstream file_;
  std::uint64_t left_ = 0;
  std::vector<char> buffer_;
};

// A file beside the one to be written, removed unless it is given that one's name.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& path) {
    std::error_code code;
    const fs::path real = fs::canonical(path, code);  // a link stays a link; its target is replaced
    path_ = code ? path : real;
    if (!code && fs::is_directory(path_, code)) fail("cannot write", std::make_error_code(std::errc::is_a_directory));
    if (fs::exists(path_, code) && !fs::is_regular_file(path_, code)) {
      fail("cannot write", std::make_error_code(std::errc::invalid_argument));  // a device must not be replaced
    }
    std::random_device random;
    partial_ = path_.parent_path() / (".vstab.partial-" + std::to_string(random()) + std::to_string(random()));
    errno = 0;
    file_.open(partial_, std::ios::binary | std::ios::trunc);
    if (!file_) fail("cannot write", last_error());
  }

  ~PartialFile() {
    if (done_) return;
    file_.close();
    std::error_code ignored;
    fs::remove(partial_, ignored);
  }

  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  void write(const std::uint8_t* data, std::size_t size) {
    errno = 0;
    file_.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
    if (!file_) fail("cannot write", last_error());
  }

  void complete() {
    errno = 0;
    file_.close();
    if (!file_) fail("cannot write", last_error());
    std::error_code code;
    fs::rename(partial_, path_, code);
    if (code) fail("cannot write", code);
    done_ = true;
  }

 private:
  fs::path path_, partial_;
  std::ofstream file_;
  bool done_ = false;
};

}  // namespace

Sidecar parse_sidecar(const std::uint8_t* data, std::size_t size) {
  MemorySource source(data, size);
  return read_chunks(source);
}

Sidecar read_sidecar(const fs::path& path) {
  FileSource source(path);
  return read_chunks(source);
}

std::vector<std::uint8_t> format_sidecar(const Sidecar& sidecar) {
  std::vector<std::uint8_t> bytes;
  write_chunks(sidecar, [&](const std::uint8_t* data, std::size_t size) {
    bytes.insert(bytes.end(), data, data + size);
  });
  return bytes;
}

void write_sidecar(const fs::path& path, const Sidecar& sidecar) {
  const std::string problem = problem_of(sidecar);
  if (!problem.empty()) throw std::invalid_argument(problem);  // before a file is made
  PartialFile file(path);
  write_chunks(sidecar, [&](const std::uint8_t* data, std::size_t size) { file.write(data, size); });
  file.complete();
}

}  // namespace vstab
