// The kernel of fewRows.h over the Vec of the vec_<isa>.h included before.
//
// Limit: b is read once, so memory (or L2, L3) gives the time of few rows, and FMAs that of many. Eight rows of b at a
// time are added to sums in L1, so that the hardware sees eight long streams, each of them a page (1024 columns) wide.
//
// Measured (Zen 4, avx2, one thread, busy neighbours, before: b packed in the run): 1 x 25088 x 4096 85 -> 19 to 21 ms,
// 8 rows 94 -> 38, 16 rows 104 -> 56; with two threads 44 -> 10 to 12. Against a kept packed b: 1 x 4096 x 4096 2.9 ->
// 2.4 ms, 1 x 2048 x 1000 156 -> 106 us, 1 x 400 x 120 3.6 -> 2.0 us (the register tile of one row waits for its FMAs);
// two rows are equal, four are a third slower in the caches and equal from memory.
// Tried: tasks of 256 or 512 columns (1 x 25088 x 4096: 30 to 36 ms, a translation per short piece), 4 or 16 rows of b
// at a time (equal; two rows of a 15 % slower), the next rows fetched by hand (20 to 40 % slower out of L2 and for
// whole pages, a gain only for half pages from L3), sums of neighbouring tasks side by side (two threads 1.6 times as
// long: the hardware fetches ahead into the other's sums).
#pragma once
#include "kernels/matmul/fewRows.h"
#include "simd/epilogue.h"
#include "simd/unroll.h"

namespace striate {
namespace {

constexpr int kRowsAtOnce = 6;
constexpr int kLine = 16;

// sums[m][0 .. kVecs vectors) += sum over kTerms of a[m][k] * b[k][..].
template <int kRows, int kTerms, int kVecs, class A, class B>
STRIATE_INLINE void addColumns(const A& termOf, const B& loadB, float* sums, int64_t sumStride) {
  Vec at[kRows][kVecs];
  repeat<kRows>(STRIATE_LAMBDA(int m) {
    repeat<kVecs>(STRIATE_LAMBDA(int v) { at[m][v] = Vec::load(sums + m * sumStride + v * Vec::width); });
  });
  repeat<kTerms>(STRIATE_LAMBDA(int k) {
    Vec b[kVecs];
    repeat<kVecs>(STRIATE_LAMBDA(int v) { b[v] = loadB(k, v); });
    repeat<kRows>(STRIATE_LAMBDA(int m) {
      const Vec a = termOf(m, k);
      repeat<kVecs>(STRIATE_LAMBDA(int v) { at[m][v] = fma(a, b[v], at[m][v]); });
    });
  });
  repeat<kRows>(STRIATE_LAMBDA(int m) {
    repeat<kVecs>(STRIATE_LAMBDA(int v) { at[m][v].store(sums + m * sumStride + v * Vec::width); });
  });
}

template <int kRows, int kTerms>
void addTerms(const FewRowsBlock& t, int64_t row, int64_t term) {
  constexpr int kVecs = kRows <= 2 ? 4 : 2;
  const float* a = t.a + row * t.aStride + term;
  const float* b = t.b + term * t.bStride;
  const int64_t aStride = t.aStride, bStride = t.bStride, sumStride = t.sumStride, columns = t.columns;
  float* sums = t.sums + row * sumStride;
  const bool fetches = t.fetches && row == 0 && term + 2 * kTerms <= t.depth;
  const auto sweep = STRIATE_LAMBDA(const auto& termOf) {
    int64_t n = 0;
    for (; n + kVecs * Vec::width <= columns; n += kVecs * Vec::width) {
      if (fetches) {
        repeat<kTerms>(STRIATE_LAMBDA(int k) {
          for (int line = 0; line < kVecs * Vec::width; line += kLine) prefetch(b + (k + kTerms) * bStride + n + line);
        });
      }
      addColumns<kRows, kTerms, kVecs>(
          termOf, STRIATE_LAMBDA(int k, int v) { return Vec::load(b + k * bStride + n + v * Vec::width); }, sums + n,
          sumStride);
    }
    for (; n + Vec::width <= columns; n += Vec::width) {
      addColumns<kRows, kTerms, 1>(
          termOf, STRIATE_LAMBDA(int k, int) { return Vec::load(b + k * bStride + n); }, sums + n, sumStride);
    }
    if (n < columns) {
      const int live = static_cast<int>(columns - n);
      addColumns<kRows, kTerms, 1>(
          termOf, STRIATE_LAMBDA(int k, int) { return Vec::loadPartial(b + k * bStride + n, live); }, sums + n,
          sumStride);
    }
  };
  if constexpr (kRows == 1) {
    Vec terms[kTerms];
    repeat<kTerms>(STRIATE_LAMBDA(int k) { terms[k] = Vec::broadcastLoad(a + k); });
    sweep(STRIATE_LAMBDA(int, int k) { return terms[k]; });
  } else {
    sweep(STRIATE_LAMBDA(int m, int k) { return Vec::broadcastLoad(a + m * aStride + k); });
  }
}

// add(Index<count>, row) for all rows, up to six at a time and evenly.
template <class Add>
STRIATE_INLINE void inGroups(int64_t rows, const Add& add) {
  const int64_t groups = (rows + kRowsAtOnce - 1) / kRowsAtOnce;
  for (int64_t group = 0, row = 0; group < groups; ++group) {
    const int64_t count = (rows - row + groups - group - 1) / (groups - group);
    switch (count) {
      case 1:
        add(Index<1>(), row);
        break;
      case 2:
        add(Index<2>(), row);
        break;
      case 3:
        add(Index<3>(), row);
        break;
      case 4:
        add(Index<4>(), row);
        break;
      case 5:
        add(Index<5>(), row);
        break;
      default:
        add(Index<6>(), row);
    }
    row += count;
  }
}

// What the rows of a group read of b the first of them brought into L1.
template <int kTerms>
void addTermsToRows(const FewRowsBlock& t, int64_t term) {
  inGroups(
      t.rows, STRIATE_LAMBDA(auto count, int64_t row) { addTerms<decltype(count)::value, kTerms>(t, row, term); });
}

STRIATE_INLINE int lanesFrom(int64_t n, int64_t columns) {
  return columns - n < Vec::width ? static_cast<int>(columns - n) : Vec::width;
}

// A bias that no scale precedes begins the sum, as it does in the register tiles.
void startSums(const FewRowsBlock& t) {
  const float* bias = t.scale == nullptr ? t.bias : nullptr;
  for (int64_t n = 0; n < t.columns; n += Vec::width) {
    const Vec start = bias == nullptr ? Vec::zero() : Vec::loadPartial(bias + n, lanesFrom(n, t.columns));
    for (int64_t m = 0; m < t.rows; ++m) start.store(t.sums + m * t.sumStride + n);
  }
}

void finishSums(const FewRowsBlock& t) {
  const Vec slope = Vec::broadcast(t.slope);
  for (int64_t m = 0; m < t.rows; ++m) {
    for (int64_t n = 0; n < t.columns; n += Vec::width) {
      const int left = lanesFrom(n, t.columns);
      Vec v = Vec::load(t.sums + m * t.sumStride + n);
      if (t.scale != nullptr) {
        v = mul(v, Vec::loadPartial(t.scale + n, left));
        if (t.bias != nullptr) v = add(v, Vec::loadPartial(t.bias + n, left));
      }
      if (t.residual != nullptr) v = add(v, Vec::loadPartial(t.residual + m * t.residualStride + n, left));
      activateV(v, t.activation, slope).storePartial(t.y + m * t.yStride + n, left);
    }
  }
}

// Columns of one or two vectors: the sums stay in registers. 1 x 4800 x 10 on a Xeon: 21 -> 8 us. What remains is
// that each addition waits for the one before: the order is that of the register tiles, so that a batch of another
// size, which may go there, has the same bits.
constexpr int kNarrowVecs = 2;

template <int kRows, int kVecs>
void addNarrow(const FewRowsBlock& t, int64_t row) {
  const float *a = t.a + row * t.aStride, *b = t.b;
  float* sums = t.sums + row * t.sumStride;
  const int64_t aStride = t.aStride, bStride = t.bStride, sumStride = t.sumStride, columns = t.columns;
  Vec at[kRows][kVecs];
  repeat<kRows>(STRIATE_LAMBDA(int m) {
    repeat<kVecs>(STRIATE_LAMBDA(int v) { at[m][v] = Vec::load(sums + m * sumStride + v * Vec::width); });
  });
  const auto addTerm = STRIATE_LAMBDA(int64_t term, const auto& load) {
    Vec bv[kVecs];
    repeat<kVecs>(STRIATE_LAMBDA(int v) { bv[v] = load(b + term * bStride + v * Vec::width, v); });
    repeat<kRows>(STRIATE_LAMBDA(int m) {
      const Vec av = Vec::broadcastLoad(a + m * aStride + term);
      repeat<kVecs>(STRIATE_LAMBDA(int v) { at[m][v] = fma(av, bv[v], at[m][v]); });
    });
  };
  // Lanes behind the columns may read the rows that follow, where these are long enough; nobody looks at their sums.
  const int64_t followed = t.depth - (kVecs * Vec::width - columns + bStride - 1) / bStride;
  int64_t term = 0;
  for (; term < followed; ++term) {
    addTerm(
        term, STRIATE_LAMBDA(const float* p, int) { return Vec::load(p); });
  }
  for (; term < t.depth; ++term) {
    addTerm(
        term,
        STRIATE_LAMBDA(const float* p, int v) { return Vec::loadPartial(p, lanesFrom(v * Vec::width, columns)); });
  }
  repeat<kRows>(STRIATE_LAMBDA(int m) {
    repeat<kVecs>(STRIATE_LAMBDA(int v) { at[m][v].store(sums + m * sumStride + v * Vec::width); });
  });
}

template <int kVecs>
void addNarrowToRows(const FewRowsBlock& t) {
  inGroups(
      t.rows, STRIATE_LAMBDA(auto count, int64_t row) { addNarrow<decltype(count)::value, kVecs>(t, row); });
}

void product(const FewRowsBlock& t) {
  startSums(t);
  if (t.columns <= Vec::width) {
    addNarrowToRows<1>(t);
  } else if (t.columns <= kNarrowVecs * Vec::width) {
    addNarrowToRows<kNarrowVecs>(t);
  } else {
    int64_t term = 0;
    for (; term + kFewRowsTerms <= t.depth; term += kFewRowsTerms) addTermsToRows<kFewRowsTerms>(t, term);
    for (; term < t.depth; ++term) addTermsToRows<1>(t, term);
  }
  finishSums(t);
}

}  // namespace
}  // namespace striate
