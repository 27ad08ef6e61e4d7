#include "bands.h"

#include <algorithm>
#include <atomic>

#include "vstab/grid.h"

namespace vstab::ofx {
namespace {

class Bands {
 public:
  Bands(int rows, const std::function<void(int, int)>& work) : rows_(rows), work_(work) {}

  void run(const Suites& suites) {
    constexpr int kFewest = 64;  // rows a thread is worth
    unsigned threads = 1;
    if (suites.threads != nullptr && suites.threads->numCpus(&threads) != kOk) threads = 1;
    threads = std::clamp(threads, 1u, static_cast<unsigned>(rows_ / kFewest + 1));
    if (threads == 1 || suites.threads->multiThread(&Bands::enter, threads, this) != kOk) {
      next_ = 0;
      take(1);
    }
    if (failed_) throw Failure{kFailed, "a picture could not be warped: memory, or the host's pictures overlap"};
  }

 private:
  static void enter(unsigned, unsigned count, void* self) noexcept { static_cast<Bands*>(self)->take(count); }

  // Threads take bands as they come: hosts may run one after the other, or fewer than they were asked for.
  void take(unsigned count) noexcept {
    const int blocks = (rows_ + kBlock - 1) / kBlock;
    const int each = std::max(1, (blocks + static_cast<int>(count) - 1) / static_cast<int>(count));
    try {
      for (int from = next_.fetch_add(each); from < blocks; from = next_.fetch_add(each)) {
        work_(from * kBlock, std::min((from + each) * kBlock, rows_));
      }
    } catch (...) {
      failed_ = true;
    }
  }

  const int rows_;
  const std::function<void(int, int)>& work_;
  std::atomic<int> next_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace

void in_bands(const Suites& suites, int rows, const std::function<void(int, int)>& work) {
  Bands(rows, work).run(suites);
}

}  // namespace vstab::ofx
