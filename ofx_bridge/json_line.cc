#include "json_line.h"

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace vstab::ofx {
namespace {

struct Malformed {};

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  std::map<std::string, std::string> object() {
    std::map<std::string, std::string> values;
    take('{');
    if (!next_is('}')) {
      do {
        const std::string name = string();
        take(':');
        value(name, values);
      } while (next_is(','));
      take('}');
    }
    return values;
  }

 private:
  void value(const std::string& name, std::map<std::string, std::string>& values) {
    skip_space();
    const char c = peek();
    if (c == '"') {
      values[name] = string();
    } else if (c == '{' || c == '[') {
      skip_nested();
    } else {
      const std::size_t from = at_;
      while (at_ < text_.size() && std::string(",}] \t\r\n").find(text_[at_]) == std::string::npos) ++at_;
      const std::string word = text_.substr(from, at_ - from);
      if (!word.empty() && (word[0] == '-' || (word[0] >= '0' && word[0] <= '9'))) values[name] = word;
    }
  }

  void skip_nested() {
    int depth = 0;
    do {
      const char c = peek();
      if (c == '"') {
        string();
        continue;
      }
      depth += c == '{' || c == '[' ? 1 : c == '}' || c == ']' ? -1 : 0;
      ++at_;
    } while (depth > 0);
  }

  std::string string() {
    take('"');
    std::string value;
    for (char c = peek(); c != '"'; c = peek()) {
      ++at_;
      if (c != '\\') {
        value += c;
        continue;
      }
      const char escaped = peek();
      ++at_;
      switch (escaped) {
        case 'n': value += '\n'; break;
        case 't': value += '\t'; break;
        case 'r': case 'b': case 'f': break;
        case 'u': append_utf8(code_point(), value); break;
        default: value += escaped;
      }
    }
    ++at_;
    return value;
  }

  std::uint32_t four_digits() {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (digit < 0) throw Malformed{};
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  std::uint32_t code_point() {
    const std::uint32_t high = four_digits();
    if (high < 0xd800 || high > 0xdbff || text_.compare(at_, 2, "\\u") != 0) return high;
    at_ += 2;
    return 0x10000 + ((high - 0xd800) << 10) + ((four_digits() - 0xdc00) & 0x3ff);
  }

  static void append_utf8(std::uint32_t code, std::string& text) {
    const auto byte = [&](std::uint32_t value) { text += static_cast<char>(value); };
    if (code < 0x80) {
      byte(code);
    } else if (code < 0x800) {
      byte(0xc0 | code >> 6);
      byte(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      byte(0xe0 | code >> 12);
      byte(0x80 | (code >> 6 & 0x3f));
      byte(0x80 | (code & 0x3f));
    } else {
      byte(0xf0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3f));
      byte(0x80 | (code >> 6 & 0x3f));
      byte(0x80 | (code & 0x3f));
    }
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  char peek() const {
    if (at_ >= text_.size()) throw Malformed{};
    return text_[at_];
  }
  void take(char wanted) {
    if (!next_is(wanted)) throw Malformed{};
    skip_space();
  }
  bool next_is(char wanted) {
    skip_space();
    if (peek() != wanted) return false;
    ++at_;
    skip_space();
    return true;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace

std::map<std::string, std::string> parse_line(const std::string& line) {
  try {
    return Reader(line).object();
  } catch (const Malformed&) {
    return {};
  }
}

}  // namespace vstab::ofx
