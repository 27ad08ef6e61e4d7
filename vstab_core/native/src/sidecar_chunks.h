// What the sidecar's two ends, memory and file, have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "vstab/sidecar.h"

namespace vstab {

// Where bytes come from. `take` is never asked for more than `left`; its result holds until the next `take`.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t left() const = 0;
  virtual const std::uint8_t* take(std::size_t size) = 0;
};

using ByteSink = std::function<void(const std::uint8_t* data, std::size_t size)>;

// One chunk at a time: on top of the sidecar itself, memory for the largest chunk is needed and no more.
Sidecar read_chunks(ByteSource& source);
void write_chunks(const Sidecar& sidecar, const ByteSink& sink);

// Says what is wrong with a sidecar, or nothing. The reader and the writer ask the same.
std::string problem_of(const Sidecar& sidecar);

}  // namespace vstab
