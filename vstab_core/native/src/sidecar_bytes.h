// Little-endian bytes in and out, with every length checked before it is believed.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace vstab {

// Turns the bytes of one number around where the processor counts from the other end; a copy everywhere else.
inline void copy_number(std::uint8_t* to, const std::uint8_t* from, std::size_t size) {
  const std::uint16_t one = 1;
  std::uint8_t first;
  std::memcpy(&first, &one, 1);  // compilers know the result
  if (first == 1) {
    std::memcpy(to, from, size);
  } else {
    std::reverse_copy(from, from + size, to);
  }
}

class ByteReader {
 public:
  ByteReader(const std::uint8_t* data, std::size_t size, std::string what)
      : at_(data), end_(data + size), what_(std::move(what)) {}

  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  template <class T>
  T number() {
    need(sizeof(T));
    T value;
    copy_number(reinterpret_cast<std::uint8_t*>(&value), at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  // Divides instead of multiplying: a forged count cannot overflow, and nothing is allocated before the check.
  template <class T>
  std::vector<T> numbers(std::uint64_t count) {
    if (count > left() / sizeof(T)) need(left() + 1);
    std::vector<T> values(static_cast<std::size_t>(count));
    for (T& value : values) {
      copy_number(reinterpret_cast<std::uint8_t*>(&value), at_, sizeof(T));
      at_ += sizeof(T);
    }
    return values;
  }

  std::string text(std::size_t size) {
    need(size);
    std::string value(reinterpret_cast<const char*>(at_), size);
    at_ += size;
    return value;
  }

  void end() const {
    if (left() != 0) throw std::runtime_error(what_ + " has " + std::to_string(left()) + " bytes too many");
  }

 private:
  void need(std::size_t size) const {
    if (size > left()) throw std::runtime_error(what_ + " is too short for what it should hold");
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::string what_;
};

class ByteWriter {
 public:
  template <class T>
  void number(T value) {
    bytes.resize(bytes.size() + sizeof(T));
    copy_number(bytes.data() + bytes.size() - sizeof(T), reinterpret_cast<const std::uint8_t*>(&value), sizeof(T));
  }

  template <class T>
  void numbers(const std::vector<T>& values) {
    std::size_t at = bytes.size();
    bytes.resize(at + values.size() * sizeof(T));
    for (const T& value : values) {
      copy_number(bytes.data() + at, reinterpret_cast<const std::uint8_t*>(&value), sizeof(T));
      at += sizeof(T);
    }
  }

  void text(const std::string& value) { bytes.insert(bytes.end(), value.begin(), value.end()); }

  void sized_text(const std::string& value) {
    number(static_cast<std::uint32_t>(value.size()));
    text(value);
  }

  std::vector<std::uint8_t> bytes;
};

// CRC-32 of ISO 3309, the one of zip and PNG; `before` is the CRC of the bytes that stand before these.
inline std::uint32_t crc32(const std::uint8_t* data, std::size_t size, std::uint32_t before = 0) {
  using Table = std::array<std::array<std::uint32_t, 256>, 8>;
  // Row k: the effect of a byte that k more bytes follow, so that eight go in one step.
  static const Table table = [] {
    Table result{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1u) != 0 ? 0xEDB88320u : 0u);
      result[0][i] = value;
    }
    for (std::size_t k = 1; k < 8; ++k) {
      for (std::size_t i = 0; i < 256; ++i) {
        result[k][i] = (result[k - 1][i] >> 8) ^ result[0][result[k - 1][i] & 0xFFu];
      }
    }
    return result;
  }();
  std::uint32_t crc = ~before;
  for (; size >= 8; size -= 8, data += 8) {
    crc = table[7][(crc ^ data[0]) & 0xFFu] ^ table[6][((crc >> 8) ^ data[1]) & 0xFFu] ^
          table[5][((crc >> 16) ^ data[2]) & 0xFFu] ^ table[4][((crc >> 24) ^ data[3]) & 0xFFu] ^ table[3][data[4]] ^
          table[2][data[5]] ^ table[1][data[6]] ^ table[0][data[7]];
  }
  for (; size > 0; --size, ++data) crc = table[0][(crc ^ *data) & 0xFFu] ^ (crc >> 8);
  return ~crc;
}

}  // namespace vstab
