// The rows of open_light and close_light, compiled once per instruction set: the including file defines VSTAB_LEVEL, a
// namespace. Plain loops over rows that the compiler makes vectors and gathers of; the bytes are the same everywhere.
#include <cstdint>
#include <cstring>

#include "light_args.h"

#if defined(__clang__)
#define VSTAB_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define VSTAB_RESTRICT __restrict__
#elif defined(__GNUC__)
#define VSTAB_INDEPENDENT _Pragma("GCC ivdep")
#define VSTAB_RESTRICT __restrict__
#else
#define VSTAB_INDEPENDENT __pragma(loop(ivdep))
#define VSTAB_RESTRICT __restrict
#endif

namespace vstab {
namespace VSTAB_LEVEL {
namespace {

inline std::uint32_t bits_of(float v) {
  std::uint32_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}

// Comparisons are so that what is no number takes an end of the table.
inline float light_at(const float* table, float signal) {
  constexpr float kLast = static_cast<float>(kSignalPoints - 1) - 0.0078125f;  // the cell before the last point
  float at = (signal - kSignalLow) * static_cast<float>(kSignalSteps);
  at = at > 0 ? at : 0;
  at = at < kLast ? at : kLast;
  const auto cell = static_cast<std::int32_t>(at);
  const float below = table[cell], above = table[cell + 1];
  return below + (at - static_cast<float>(cell)) * (above - below);
}

inline float signal_at(const float* table, float light) {
  constexpr std::uint32_t kLeastBits = 0x33800000u;  // of kLeastLight
  constexpr std::int32_t kLastBits = ((kLightPoints - 1) << kLightShift) - 1;
  const std::uint32_t bits = bits_of(light);
  const std::uint32_t size_bits = bits & 0x7fffffffu;
  float size;
  std::memcpy(&size, &size_bits, sizeof size);
  std::int32_t at = static_cast<std::int32_t>(bits_of(size + kLeastLight)) - static_cast<std::int32_t>(kLeastBits);
  at = at < kLastBits ? at : kLastBits;
  const std::int32_t cell = (at >> kLightShift) + static_cast<std::int32_t>(bits >> 31) * kLightPoints;
  const float part = static_cast<float>(at & ((1 << kLightShift) - 1)) * (1.0f / (1 << kLightShift));
  const float below = table[cell], above = table[cell + 1];
  return below + part * (above - below);
}

template <class T>
void add_samples(const std::uint8_t* src, std::ptrdiff_t stride, float weight, bool first, int n,
                 float* VSTAB_RESTRICT sum) {
  if (stride == sizeof(T)) {
    const T* VSTAB_RESTRICT samples = reinterpret_cast<const T*>(src);
    if (first) {
      VSTAB_INDEPENDENT
      for (int x = 0; x < n; ++x) {
        sum[x] = weight * static_cast<float>(samples[x]);
      }
    } else {
      VSTAB_INDEPENDENT
      for (int x = 0; x < n; ++x) {
        sum[x] += weight * static_cast<float>(samples[x]);
      }
    }
    return;
  }
  for (int x = 0; x < n; ++x) {
    const float v = weight * static_cast<float>(*reinterpret_cast<const T*>(src + x * stride));
    sum[x] = first ? v : sum[x] + v;
  }
}

void add_row(const OpenArgs& a, int c, int row, float weight, bool first, float* sum) {
  const std::uint8_t* src = a.src[c] + row * a.row_stride[c];
  switch (a.depth) {
    case Depth::u8: return add_samples<std::uint8_t>(src, a.sample_stride[c], weight, first, a.width[c], sum);
    case Depth::u16: return add_samples<std::uint16_t>(src, a.sample_stride[c], weight, first, a.width[c], sum);
    default: return add_samples<float>(src, a.sample_stride[c], weight, first, a.width[c], sum);
  }
}

// Row y of a component at the size of the target, in codes.
void component_row(const OpenArgs& a, int c, int y, float* wide, float* VSTAB_RESTRICT out) {
  float* const column = a.across[c].first ? wide : out;
  if (a.down[c].first) {
    const LightAxis& down = a.down[c];
    bool first = true;
    for (int k = 0; k < down.taps; ++k) {
      const float weight = down.weight[y * down.taps + k];
      if (weight != 0) {
        add_row(a, c, down.first[y] + k, weight, first, column);
        first = false;
      }
    }
  } else {
    add_row(a, c, y, 1.0f, true, column);
  }
  if (!a.across[c].first) {
    return;
  }
  const std::int32_t* VSTAB_RESTRICT at = a.across[c].first;
  const float* VSTAB_RESTRICT weight = a.across[c].weight;
  const float* VSTAB_RESTRICT in = wide;
  if (a.across[c].taps == 2) {
    VSTAB_INDEPENDENT
    for (int x = 0; x < a.dst_width; ++x) {
      out[x] = weight[2 * x] * in[at[x]] + weight[2 * x + 1] * in[at[x] + 1];
    }
    return;
  }
  const int taps = a.across[c].taps;
  for (int x = 0; x < a.dst_width; ++x) {
    float sum = 0;
    for (int k = 0; k < taps; ++k) {
      sum += weight[x * taps + k] * in[at[x] + k];
    }
    out[x] = sum;
  }
}

void open_rows(const OpenArgs& a) {
  float* VSTAB_RESTRICT p = a.scratch;
  float* VSTAB_RESTRICT q = p + a.scratch_width;
  float* VSTAB_RESTRICT s = q + a.scratch_width;
  float* const wide = s + a.scratch_width;
  float* const rows[3] = {p, q, s};
  for (int c = 0; c < 3; ++c) {
    if (!a.src[c]) {
      std::memset(rows[c], 0, sizeof(float) * static_cast<std::size_t>(a.dst_width));
    }
  }
  const float* const m = a.matrix;
  const int n = a.dst_width;
  for (int y = 0; y < a.dst_height; ++y) {
    for (int c = 0; c < 3; ++c) {
      if (a.src[c]) {
        component_row(a, c, y, wide, rows[c]);
      }
    }
    float* VSTAB_RESTRICT out = a.dst + y * a.dst_stride;
    if (a.table[0]) {
      const float* VSTAB_RESTRICT red = a.table[0];
      const float* VSTAB_RESTRICT green = a.table[1];
      const float* VSTAB_RESTRICT blue = a.table[2];
      VSTAB_INDEPENDENT
      for (int x = 0; x < n; ++x) {
        out[4 * x] = light_at(red, m[0] * p[x] + m[1] * q[x] + m[2] * s[x] + m[3]);
        out[4 * x + 1] = light_at(green, m[4] * p[x] + m[5] * q[x] + m[6] * s[x] + m[7]);
        out[4 * x + 2] = light_at(blue, m[8] * p[x] + m[9] * q[x] + m[10] * s[x] + m[11]);
        out[4 * x + 3] = 0;
      }
    } else {
      VSTAB_INDEPENDENT
      for (int x = 0; x < n; ++x) {
        out[4 * x] = m[0] * p[x] + m[1] * q[x] + m[2] * s[x] + m[3];
        out[4 * x + 1] = m[4] * p[x] + m[5] * q[x] + m[6] * s[x] + m[7];
        out[4 * x + 2] = m[8] * p[x] + m[9] * q[x] + m[10] * s[x] + m[11];
        out[4 * x + 3] = 0;
      }
    }
  }
}

template <class T>
void put_samples(const float* VSTAB_RESTRICT codes, int n, float max_value, std::uint8_t* dst, std::ptrdiff_t stride) {
  const auto rounded = [max_value](float v) {
    v = v > 0 ? v : 0;
    return static_cast<T>(static_cast<std::int32_t>((v < max_value ? v : max_value) + 0.5f));
  };
  if (stride == sizeof(T)) {
    T* VSTAB_RESTRICT out = reinterpret_cast<T*>(dst);
    VSTAB_INDEPENDENT
    for (int x = 0; x < n; ++x) {
      out[x] = rounded(codes[x]);
    }
    return;
  }
  for (int x = 0; x < n; ++x) {
    *reinterpret_cast<T*>(dst + x * stride) = rounded(codes[x]);
  }
}

void put_row(const CloseArgs& a, int c, int y, const float* codes) {
  std::uint8_t* const dst = a.dst[c] + y * a.row_stride[c];
  if (a.depth == Depth::u8) {
    put_samples<std::uint8_t>(codes, a.width, a.max_value, dst, a.sample_stride[c]);
  } else if (a.depth == Depth::u16) {
    put_samples<std::uint16_t>(codes, a.width, a.max_value, dst, a.sample_stride[c]);
  } else {
    for (int x = 0; x < a.width; ++x) {
      *reinterpret_cast<float*>(dst + x * a.sample_stride[c]) = codes[x];
    }
  }
}

void close_rows(const CloseArgs& a) {
  const int n = a.width;
  float* VSTAB_RESTRICT r = a.scratch;
  float* VSTAB_RESTRICT g = r + n;
  float* VSTAB_RESTRICT b = g + n;
  float* VSTAB_RESTRICT codes = b + n;
  for (int y = 0; y < a.height; ++y) {
    const float* VSTAB_RESTRICT in = a.src + y * a.src_stride;
    if (a.table[0]) {
      const float* VSTAB_RESTRICT red = a.table[0];
      const float* VSTAB_RESTRICT green = a.table[1];
      const float* VSTAB_RESTRICT blue = a.table[2];
      VSTAB_INDEPENDENT
      for (int x = 0; x < n; ++x) {
        r[x] = signal_at(red, in[4 * x]);
        g[x] = signal_at(green, in[4 * x + 1]);
        b[x] = signal_at(blue, in[4 * x + 2]);
      }
    } else {
      VSTAB_INDEPENDENT
      for (int x = 0; x < n; ++x) {
        r[x] = in[4 * x];
        g[x] = in[4 * x + 1];
        b[x] = in[4 * x + 2];
      }
    }
    for (int c = 0; c < 3; ++c) {
      if (!a.dst[c]) {
        continue;
      }
      const float* const m = a.matrix + 4 * c;
      const float m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3];
      VSTAB_INDEPENDENT
      for (int x = 0; x < n; ++x) {
        codes[x] = m0 * r[x] + m1 * g[x] + m2 * b[x] + m3;
      }
      put_row(a, c, y, codes);
    }
  }
}

}  // namespace
}  // namespace VSTAB_LEVEL
}  // namespace vstab
