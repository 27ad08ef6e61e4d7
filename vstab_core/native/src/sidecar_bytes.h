// Little-endian bytes in and out, with every length checked before it is believed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace vstab {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t,
                                std::conditional_t<sizeof(T) == 4, std::uint32_t,
                                                   std::conditional_t<sizeof(T) == 2, std::uint16_t, std::uint8_t>>>;

class ByteReader {
 public:
  ByteReader(const std::uint8_t* data, std::size_t size, std::string what)
      : at_(data), end_(data + size), what_(std::move(what)) {}

  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  template <class T>
  T number() {
    need(sizeof(T));
    Bits<T> bits = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bits = static_cast<Bits<T>>(bits | static_cast<Bits<T>>(static_cast<Bits<T>>(at_[i]) << (8 * i)));
    }
    at_ += sizeof(T);
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }

  // Divides instead of multiplying: a forged count cannot overflow, and nothing is allocated before the check.
  template <class T>
  std::vector<T> numbers(std::size_t count) {
    if (count > left() / sizeof(T)) {
      need(left() + 1);
    }
    std::vector<T> values(count);
    for (T& value : values) {
      value = number<T>();
    }
    return values;
  }

  std::string text(std::size_t size) {
    need(size);
    std::string value(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return value;
  }

  const std::uint8_t* skip(std::size_t size) {
    need(size);
    const std::uint8_t* before = at_;
    at_ += size;
    return before;
  }

  void end() const {
    if (left() != 0) {
      throw std::runtime_error(what_ + " has " + std::to_string(left()) + " bytes too many");
    }
  }

 private:
  void need(std::size_t size) const {
    if (size > left()) {
      throw std::runtime_error(what_ + " is truncated");
    }
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::string what_;
};

class ByteWriter {
 public:
  template <class T>
  void number(T value) {
    Bits<T> bits;
    std::memcpy(&bits, &value, sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      bytes.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
    }
  }

  template <class T>
  void numbers(const std::vector<T>& values) {
    bytes.reserve(bytes.size() + values.size() * sizeof(T));
    for (const T& value : values) {
      number(value);
    }
  }

  void text(const std::string& value) { bytes.insert(bytes.end(), value.begin(), value.end()); }

  void sized_text(const std::string& value) {
    number(static_cast<std::uint32_t>(value.size()));
    text(value);
  }

  std::vector<std::uint8_t> bytes;
};

// CRC-32 of ISO 3309, the one of zip and PNG.
inline std::uint32_t crc32(const std::uint8_t* data, std::size_t size) {
  static const std::array<std::uint32_t, 256> table = [] {
    std::array<std::uint32_t, 256> result{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) {
        value = (value >> 1) ^ ((value & 1u) != 0 ? 0xEDB88320u : 0u);
      }
      result[i] = value;
    }
    return result;
  }();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (std::size_t i = 0; i < size; ++i) {
    crc = table[(crc ^ data[i]) & 0xFFu] ^ (crc >> 8);
  }
  return ~crc;
}

}  // namespace vstab
