#include "sequence.h"

#include <algorithm>
#include <filesystem>

namespace vstab::ofx {
namespace {

constexpr const char* kDigits = "0123456789";

// Takes what ends a text and consists of certain characters only; returns whether there was any.
bool cut_end(std::string& text, const char* characters) {
  const std::size_t last = text.find_last_not_of(characters);
  const std::size_t length = last == std::string::npos ? 0 : last + 1;
  const bool any = length < text.size();
  text.erase(length);
  return any;
}

// A sequence's name without the place of its number: %04d, ####, 0001, and [0001-0100] as some hosts write it.
std::string words_of(const std::string& stem) {
  std::string words = stem;
  const std::size_t percent = words.rfind('%'), bracket = words.rfind('[');
  if (percent != std::string::npos && words.find_first_not_of(kDigits, percent + 1) == words.size() - 1) {
    words.erase(percent);
  } else if (bracket != std::string::npos && words.back() == ']') {
    words.erase(bracket);
  } else if (!cut_end(words, "#")) {
    cut_end(words, kDigits);
  }
  cut_end(words, "._- ");
  return words.empty() ? stem : words;
}

}  // namespace

bool is_sequence(const std::string& clip) {
  std::string ending = std::filesystem::u8path(clip).extension().u8string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return ending == ".exr" || ending == ".dpx";
}

std::string beside(const std::string& clip) {
  if (clip.empty()) return "";
  auto path = std::filesystem::u8path(clip);
  if (!is_sequence(clip)) return path.replace_extension(".vstab").u8string();
  const std::string words = words_of(path.stem().u8string());
  return path.replace_filename(std::filesystem::u8path(words + ".vstab")).u8string();
}

}  // namespace vstab::ofx
