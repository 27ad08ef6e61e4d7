// Mehrotra's predictor-corrector for the camera path (Nocedal and Wright, Numerical Optimization, 2nd ed., 16.4).
//
// With slack s, dual z and q = z / s, a Newton step solves (T + anchor + G^T diag(q) G) dc = right + pull dm, where
// pull = G^T q couples the margin m, which all frames share. dm follows from pull^T A^-1 right and pull^T A^-1 pull, for
// which the forward substitution is enough (A = L D L^T): each step needs one backward substitution. An iteration is
// four sweeps over the frames, in turn forward and backward: the end of each is still in the cache where the next
// begins. What is cheap to compute again from s, z and dc is not stored: ten minutes of frames are 15 MB as it is.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include "path_factor.h"
#include "path_rows.h"
#include "vstab/path_solver.h"

namespace vstab {

template <int K>
class InteriorPoint {
 public:
  // bands: of every frame, with three zero frames before the first; linear, free: (F, K), free is the best correction
  // without bounds.
  InteriorPoint(const std::vector<Bands>& bands, double anchor, std::vector<double> linear,
                const std::vector<double>& free, const PathBounds& bounds, std::size_t channels)
      : frames_(bands.size() - 3),
        bands_(bands.data() + 3),
        anchor_(anchor),
        linear_(std::move(linear)),
        sides_(bounds.sides, bounds.rows, channels),
        rows_(sides_.rows()),
        budget_(std::max(bounds.budget, kLeastBudget)),
        price_(std::max(bounds.price, kLeastPrice)),
        size_(static_cast<double>(frames_ * rows_ + 1)),
        factor_(frames_ + 3),
        c_((frames_ + 6) * K),
        dc_((frames_ + 6) * K),
        points_(frames_ * 3 * rows_) {
    start_correction(free);
    start_point(bounds);
  }

  // Returns the correction, (F, K).
  std::vector<double> solve() {
    double reach = 0;
    for (int iteration = 0; iteration < kMaxIterations; ++iteration) {
      if (!prepare(reach)) {
        if (iteration > 0 && is_optimal(kLeastEnergyGap)) break;
        throw std::runtime_error(kNotDefinite);
      }
      const double gap = (complementarity_ + slack_m_ * dual_m_) / size_;
      const double after = predict();
      reach = correct(std::pow(after / gap, 3) * gap);
      if (!(reach > 0) || !std::isfinite(margin_ + reach * dm_)) break;
      advance(reach);
      if (is_optimal(kEnergyGap)) break;
    }
    if (!std::all_of(c_.begin(), c_.end(), [](double v) { return std::isfinite(v); })) {
      throw std::runtime_error("the path could not be smoothed: the numbers overflow; its weights are too far apart");
    }
    return {c_.begin() + 3 * K, c_.end() - 3 * K};
  }

 private:
  bool is_optimal(double energy_gap) const {
    const double worth = budget_ * std::max(price_, dual_sum_);
    return next_gap_ * size_ < energy_gap * worth && next_missing_ * worst_missing_ < kGap * budget_;
  }

  static constexpr int kMaxIterations = 40;
  static constexpr double kGap = 1e-5;        // infeasibility, against the budget
  static constexpr double kEnergyGap = 1e-7;  // of the optimum; the correction is then within 0.03 px at 640
  static constexpr double kLeastEnergyGap = 1e-2;  // good enough where rounding ends the iteration
  static constexpr double kLeastPrice = 1e-6;
  static constexpr double kLeastBudget = 1e-7;  // normalised, 0.00003 px at 640: the inside must not be empty

  // Of the frame: slack, dual, and, between the sweeps, what the dual becomes or by how much it changes.
  double* point(std::size_t t) { return &points_[t * 3 * rows_]; }
  const double* missing(std::size_t t) const { return missing_rows_.empty() ? nullptr : &missing_rows_[t * rows_]; }
  double* c(std::size_t t) { return &c_[(t + 3) * K]; }
  double* dc(std::size_t t) { return &dc_[(t + 3) * K]; }

  // Starts on the way to the free correction and, below, on the central path: a fifth fewer iterations than from zero.
  void start_correction(const std::vector<double>& free) {
    Pair farthest = Pair::both(0), x[K];
    for (std::size_t t = 0; t < frames_; ++t) {
      for (std::size_t k = 0; k < K; ++k) x[k] = Pair::both(free[t * K + k]);
      for (std::size_t r = 0; r < rows_; r += 2) farthest = max(farthest, sides_.times(x, r));
    }
    const double most = largest(farthest);
    margin_ = std::clamp(0.6 * most, 0.1 * budget_, 0.9 * budget_);
    const double share = std::min(1.0, 0.8 * margin_ / std::max(most, 1e-300));
    const double beyond = std::max(0.0, 1 - 0.9 * budget_ / std::max(most, 1e-300));
    for (std::size_t i = 0; i < free.size(); ++i) {
      c_[3 * K + i] = share * free[i];
      denied_ -= beyond * beyond / 2 * free[i] * linear_[i];
    }
  }

  void start_point(const PathBounds& bounds) {
    std::vector<double> used(rows_), missing(rows_);
    double inverses = 0;
    for (std::size_t t = 0; t < frames_; ++t) {
      double* p = point(t);
      Pair x[K];
      for (int k = 0; k < K; ++k) x[k] = Pair::both(c(t)[k]);
      for (std::size_t r = 0; r < rows_; r += 2) sides_.times(x, r).store(&used[r]);
      for (std::size_t r = 0; r < rows_; ++r) {
        const double inside = margin_ + bounds.room[t * bounds.rows + std::min(r, bounds.rows - 1)] - used[r];
        p[r] = std::max(inside, margin_ / 10);
        missing[r] = p[r] - inside;
        worst_missing_ = std::max(worst_missing_, missing[r]);
        inverses += 1 / p[r];
      }
      if (worst_missing_ > 0) {
        missing_rows_.resize(frames_ * rows_);
        std::copy(missing.begin(), missing.end(), missing_rows_.begin() + static_cast<std::ptrdiff_t>(t * rows_));
      }
    }
    // The duals then sum to the price, as at the optimum; or, where the budget denies more energy than that, the gap is
    // what it denies: from a gap far too small, tight budgets were not solved within the iterations allowed.
    const double centre = std::max(price_ / inverses, denied_ / size_);
    for (std::size_t t = 0; t < frames_; ++t) {
      for (std::size_t r = 0; r < rows_; ++r) point(t)[rows_ + r] = centre / point(t)[r];
    }
    slack_m_ = budget_ - margin_;
    dual_m_ = centre / slack_m_;
    dual_sum_ = centre * inverses;
  }

  // Takes `reach` of the last step and factors the matrix there, with pull and the predictor's right-hand side.
  // False: not positive definite.
  bool prepare(double reach) {
    Elimination<K> elimination;
    Forward<K> pulls, rights;
    Pair products = Pair::both(0), ratios = products, offsets = products, stiffness = products, along = products;
    const Pair part = Pair::both(reach);
    double ratio[kMaxPathSides + 1], offset[kMaxPathSides + 1];
    for (std::size_t t = 0; t < frames_; ++t) {
      double* p = point(t);
      const double* short_of = missing(t);
      Shift shift(*this, t);
      for (std::size_t r = 0; r < rows_; r += 2) {
        const Pair slack = Pair::load(p + r) + part * shift.slack(r);
        const Pair dual = Pair::load(p + rows_ + r) + part * Pair::load(p + 2 * rows_ + r);
        const Pair q = dual / slack;
        slack.store(p + r);
        dual.store(p + rows_ + r);
        q.store(ratio + r);
        products = products + slack * dual;
        ratios = ratios + q;
      }
      Block<K> block;
      const Vec<K> pull = sides_.gather(ratio, block);
      for (int k = 0; k < K; ++k) block.column(k)[k] += anchor_;
      Vec<K> right = Vec<K>::zero() - gradient(t);
      if (short_of) {
        const Pair still = Pair::both(next_missing_);
        for (std::size_t r = 0; r < rows_; r += 2) {
          const Pair inner = Pair::load(ratio + r) * (still * Pair::load(short_of + r));
          inner.store(offset + r);
          offsets = offsets + inner;
        }
        right = right - sides_.pull(offset);
      }
      FactorFrame<K>* frame = &factor_[t + 3];
      if (!elimination.next(frame, &bands_[t], block)) return false;
      pulls.next(frame, &bands_[t], pull).store(frame->pull);
      const Vec<K> done = rights.next(frame, &bands_[t], right);
      done.store(frame->right);
      stiffness = stiffness + dot(pulls.scaled(), Vec<K>::load(frame->pull));
      along = along + dot(pulls.scaled(), done);
    }
    missing_ = next_missing_;
    complementarity_ = total(products);
    offsets_ = total(offsets);
    along_ = total(along);
    const double all = total(ratios);
    stiffness_ = all + dual_m_ / slack_m_ - total(stiffness);
    // Rounding of the difference; less cannot be told from nothing.
    stiffness_ = std::max(stiffness_, dual_m_ / slack_m_ + kRounding * all);
    return true;
  }

  // How the slacks of a frame change along dc, dm: -(what is missing) - G dc + dm.
  struct Shift {
    Shift(const InteriorPoint& of, std::size_t t)
        : sides(of.sides_), dm(Pair::both(of.dm_)), still(Pair::both(of.missing_)), missing(of.missing(t)) {
      for (std::size_t k = 0; k < K; ++k) x[k] = Pair::both(of.dc_[(t + 3) * K + k]);
    }
    Pair slack(std::size_t r) const {
      const Pair moved = dm - sides.times(x, r);
      return missing ? moved - still * Pair::load(missing + r) : moved;
    }
    const Sides<K>& sides;
    Pair x[K], dm, still;
    const double* missing;
  };

  // Solves for the affine step; returns the gap that it would leave.
  double predict() {
    dm_ = (along_ - price_ + offsets_) / stiffness_;
    Pair worst = Pair::both(0), second_order = Pair::both(0);
    const Pair one = Pair::both(1), none = Pair::both(0);
    for (std::size_t t = frames_; t-- > 0;) {
      backward_frame(t);
      const double* p = point(t);
      const Shift shift(*this, t);
      for (std::size_t r = 0; r < rows_; r += 2) {
        const Pair slack = Pair::load(p + r), dual = Pair::load(p + rows_ + r);
        const Pair u = shift.slack(r) / slack;  // dz / z = -1 - u
        worst = max(worst, max(none - u, one + u));
        second_order = second_order + slack * dual * (u * (one + u));  // -ds dz
      }
    }
    const double u_m = -dm_ / slack_m_;
    const double most = std::max({largest(worst), -u_m, 1 + u_m});
    const double reach = most <= 1 ? 1 : 1 / most;
    second_order_m_ = slack_m_ * dual_m_ * u_m * (1 + u_m);
    const double now = complementarity_ + slack_m_ * dual_m_;
    return ((1 - reach) * now - reach * reach * (total(second_order) + second_order_m_)) / size_;
  }

  // Solves for the centred and corrected step; returns how much of it to take.
  double correct(double centre) {
    const double duals = sweep_targets(centre);
    const double target_m = centre / slack_m_ + second_order_m_ / slack_m_;  // what the dual should become
    dm_ = (along_ - price_ + offsets_ + duals - target_m) / stiffness_;
    Pair worst = Pair::both(0), second_order = Pair::both(0), gained = Pair::both(0), targets = Pair::both(0);
    const Pair one = Pair::both(1), none = Pair::both(0);
    for (std::size_t t = frames_; t-- > 0;) {
      backward_frame(t);
      double* p = point(t);
      const Shift shift(*this, t);
      for (std::size_t r = 0; r < rows_; r += 2) {
        const Pair slack = Pair::load(p + r), dual = Pair::load(p + rows_ + r), target = Pair::load(p + 2 * rows_ + r);
        const Pair inverse = one / (slack * dual);
        const Pair ds = shift.slack(r);
        const Pair u = ds * (inverse * dual);
        const Pair dz = target - dual - dual * u;
        dz.store(p + 2 * rows_ + r);
        worst = max(worst, max(none - u, none - dz * (inverse * slack)));
        gained = gained + dz;
        targets = targets + (slack * dz + dual * ds);
        second_order = second_order + ds * dz;
      }
    }
    const double ds_m = -dm_;
    dz_m_ = target_m - dual_m_ - dual_m_ / slack_m_ * ds_m;
    const double most = std::max({largest(worst), -ds_m / slack_m_, -dz_m_ / dual_m_});
    const double reach = std::min(1.0, 0.995 * (most <= 1 ? 1 : 1 / most));
    gained_ = total(gained);
    next_gap_ = (complementarity_ + reach * total(targets) + reach * reach * total(second_order) +
                 (slack_m_ + reach * ds_m) * (dual_m_ + reach * dz_m_)) /
                size_;
    return reach;
  }

  // Writes what each dual should become; the right-hand side follows. Returns the sum.
  double sweep_targets(double centre) {
    Forward<K> rights;
    Pair duals = Pair::both(0), along = duals;
    const Pair one = Pair::both(1), wanted = Pair::both(centre);
    for (std::size_t t = 0; t < frames_; ++t) {
      double* p = point(t);
      const Shift shift(*this, t);
      for (std::size_t r = 0; r < rows_; r += 2) {
        const Pair inverse = one / Pair::load(p + r);
        const Pair u = shift.slack(r) * inverse;
        const Pair target = wanted * inverse + Pair::load(p + rows_ + r) * (u * (one + u));
        target.store(p + 2 * rows_ + r);
        duals = duals + target;
      }
      FactorFrame<K>* frame = &factor_[t + 3];
      const Vec<K> done = rights.next(frame, &bands_[t], Vec<K>::zero() - sides_.pull(p + 2 * rows_));
      (Vec<K>::load(frame->right) + done).store(frame->right);
      along = along + dot(rights.scaled(), Vec<K>::load(frame->pull));
    }
    along_ += total(along);
    return total(duals);
  }

  void backward_frame(std::size_t t) {
    const FactorFrame<K>& frame = factor_[t + 3];
    const Vec<K> y = Vec<K>::load(frame.right) + dm_ * Vec<K>::load(frame.pull);
    backward(frame, bands_[t][3], y, dc(t)).store(dc(t));
  }

  // The quadratic part's gradient at c.
  Vec<K> gradient(std::size_t t) {
    const double* at = c(t);
    const Bands* band = &bands_[t];
    Vec<K> sum = Vec<K>::load(&linear_[t * K]) + (band[0][0] + anchor_) * Vec<K>::load(at);
    for (int n = 1; n <= kPathOrders; ++n) {
      const std::size_t order = static_cast<std::size_t>(n);
      sum = sum + band[0][order] * Vec<K>::load(at + n * K) + band[-n][order] * Vec<K>::load(at - n * K);
    }
    return sum;
  }

  // The slacks and duals follow in the next sweep.
  void advance(double reach) {
    for (std::size_t i = 0; i < c_.size(); ++i) c_[i] += reach * dc_[i];
    margin_ += reach * dm_;
    slack_m_ -= reach * dm_;
    dual_m_ += reach * dz_m_;
    dual_sum_ += reach * gained_;
    next_missing_ = missing_ * (1 - reach);
  }

  std::size_t frames_;
  const Bands* bands_;
  double anchor_;
  std::vector<double> linear_;
  Sides<K> sides_;
  std::size_t rows_;
  double budget_, price_, size_;
  double margin_ = 0, slack_m_ = 0, dual_m_ = 0;
  std::vector<FactorFrame<K>> factor_;  // three zero frames first
  std::vector<double> c_, dc_;          // three zero frames at both ends
  std::vector<double> points_;          // (F, 3, R)
  std::vector<double> missing_rows_;    // (F, R) by how much the first slacks were too large, or empty
  double denied_ = 0;  // energy that the free correction, scaled into the budget, leaves
  double worst_missing_ = 0, missing_ = 1, next_missing_ = 1;  // the share of it that is left
  double dual_sum_ = 0, complementarity_ = 0, offsets_ = 0, along_ = 0, stiffness_ = 0, second_order_m_ = 0;
  double dm_ = 0, dz_m_ = 0, gained_ = 0, next_gap_ = 0;
};

}  // namespace vstab
