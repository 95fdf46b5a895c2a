// The tiles of lanes.h over the Vec of the vec_<isa>.h included before.
#pragma once
#include "kernels/fewChannels/lanes.h"
#include "simd/epilogue.h"
#include "simd/unroll.h"

namespace striate {
namespace {

// acc[i][j] += a(i) * b(j). The fewer of both wait in registers (12 accumulators leave room for 3), the others pass by.
template <int kA, int kB, class A, class B>
STRIATE_INLINE void outerProduct(Vec (&acc)[kA][kB], const A& a, const B& b) {
  if constexpr (kA <= kB) {
    Vec av[kA];
    repeat<kA>(STRIATE_LAMBDA(int i) { av[i] = a(i); });
    repeat<kB>(STRIATE_LAMBDA(int j) {
      const Vec bv = b(j);
      repeat<kA>(STRIATE_LAMBDA(int i) { acc[i][j] = fma(av[i], bv, acc[i][j]); });
    });
  } else {
    Vec bv[kB];
    repeat<kB>(STRIATE_LAMBDA(int j) { bv[j] = b(j); });
    repeat<kA>(STRIATE_LAMBDA(int i) {
      const Vec av = a(i);
      repeat<kB>(STRIATE_LAMBDA(int j) { acc[i][j] = fma(av, bv[j], acc[i][j]); });
    });
  }
}

template <int kFilters, int kVecs>
void lanesTile(const LanesTile& t) {
  Vec acc[kVecs][kFilters];
  if (t.bias == nullptr) {
    repeat<kFilters>(STRIATE_LAMBDA(int f) { repeat<kVecs>(STRIATE_LAMBDA(int p) { acc[p][f] = Vec::zero(); }); });
  } else {
    repeat<kFilters>(STRIATE_LAMBDA(int f) {
      const Vec bias = Vec::broadcastLoad(t.bias + f);
      repeat<kVecs>(STRIATE_LAMBDA(int p) { acc[p][f] = bias; });
    });
  }
  const float* x[kVecs];
  repeat<kVecs>(STRIATE_LAMBDA(int p) { x[p] = t.x[p]; });
  const float* w = t.w;
  const int64_t* offsets = t.offsets;
  const int64_t terms = t.terms;
#pragma GCC unroll 2
  for (int64_t k = 0; k < terms; ++k, w += kFilters) {
    const int64_t offset = offsets[k];
    outerProduct<kVecs, kFilters>(
        acc, STRIATE_LAMBDA(int p) { return Vec::load(x[p] + offset); },
        STRIATE_LAMBDA(int f) { return Vec::broadcastLoad(w + f); });
  }
  const auto store = STRIATE_LAMBDA(const auto& act) {
    repeat<kVecs>(STRIATE_LAMBDA(int p) {
      float* y = t.y[p];
      repeat<kFilters>(STRIATE_LAMBDA(int f) { act(acc[p][f]).store(y + f * Vec::width); });
    });
  };
  if (t.activation == kActivationRelu) {
    store(STRIATE_LAMBDA(Vec v) { return reluV(v); });
  } else if (t.activation == kActivationLeakyRelu) {
    const Vec slope = Vec::broadcast(t.slope);
    store(STRIATE_LAMBDA(Vec v) { return leakyReluV(v, slope); });
  } else if (t.activation == kActivationRelu6) {
    store(STRIATE_LAMBDA(Vec v) { return relu6V(v); });
  } else {
    store(STRIATE_LAMBDA(Vec v) { return v; });
  }
}

template <int kFilters, int kTerms>
void lanesFilterTile(const LanesFilterTile& t) {
  Vec acc[kTerms][kFilters];
  repeat<kTerms>(STRIATE_LAMBDA(int k) {
    repeat<kFilters>(STRIATE_LAMBDA(int f) { acc[k][f] = Vec::load(t.sums + (k * t.sumStride + f) * Vec::width); });
  });
  const int64_t xColumn = t.xColumn, dyColumn = t.dyColumn;
  for (int64_t r = 0; r < t.rows; ++r) {
    const float* x[kTerms];
    repeat<kTerms>(STRIATE_LAMBDA(int k) { x[k] = t.x + r * t.xRow + t.offsets[k]; });
    const float* dy = t.dy + r * t.dyRow;
    int64_t at = 0;
#pragma GCC unroll 2
    for (int64_t c = 0; c < t.columns; ++c, at += xColumn, dy += dyColumn) {
      outerProduct<kTerms, kFilters>(
          acc, STRIATE_LAMBDA(int k) { return Vec::load(x[k] + at); },
          STRIATE_LAMBDA(int f) { return Vec::load(dy + f * Vec::width); });
    }
  }
  repeat<kTerms>(STRIATE_LAMBDA(int k) {
    repeat<kFilters>(STRIATE_LAMBDA(int f) { acc[k][f].store(t.sums + (k * t.sumStride + f) * Vec::width); });
  });
}

void interleaveLanes(const float* const* rows, int count, int64_t n, float* to) {
  for (int64_t i = 0; i < n; i += Vec::width) {
    const int live = n - i < Vec::width ? static_cast<int>(n - i) : Vec::width;
    Vec block[Vec::width];
    if (count == Vec::width && live == Vec::width) {
      for (int l = 0; l < Vec::width; ++l) block[l] = Vec::load(rows[l] + i);
    } else {
      for (int l = 0; l < Vec::width; ++l) block[l] = l < count ? Vec::loadPartial(rows[l] + i, live) : Vec::zero();
    }
    transpose(block);
    for (int j = 0; j < live; ++j) block[j].store(to + (i + j) * Vec::width);
  }
}

void deinterleaveLanes(const float* from, float* const* rows, int count, int64_t n) {
  for (int64_t i = 0; i < n; i += Vec::width) {
    const int live = n - i < Vec::width ? static_cast<int>(n - i) : Vec::width;
    Vec block[Vec::width];
    for (int j = 0; j < Vec::width; ++j) block[j] = j < live ? Vec::load(from + (i + j) * Vec::width) : Vec::zero();
    transpose(block);
    if (live == Vec::width) {
      for (int l = 0; l < count; ++l) block[l].store(rows[l] + i);
    } else {
      for (int l = 0; l < count; ++l) block[l].storePartial(rows[l] + i, live);
    }
  }
}

void planesOfPixels(const float* pixels, int64_t pixel, int64_t channels, int64_t n, float* planes,
                    int64_t planeStride) {
  if (channels == 1 && pixel == 1) {
    for (int64_t i = 0; i < n; i += Vec::width) {
      const int live = n - i < Vec::width ? static_cast<int>(n - i) : Vec::width;
      Vec::loadPartial(pixels + i, live).storePartial(planes + i, live);
    }
    return;
  }
  for (int64_t i = 0; i < n; i += Vec::width) {
    const int live = n - i < Vec::width ? static_cast<int>(n - i) : Vec::width;
    for (int64_t c = 0; c < channels; c += Vec::width) {
      const int wide = channels - c < Vec::width ? static_cast<int>(channels - c) : Vec::width;
      Vec block[Vec::width];
      for (int j = 0; j < Vec::width; ++j)
        block[j] = j < live ? Vec::loadPartial(pixels + (i + j) * pixel + c, wide) : Vec::zero();
      transpose(block);
      for (int j = 0; j < wide; ++j) block[j].storePartial(planes + (c + j) * planeStride + i, live);
    }
  }
}

// kWide of the filters, from f on, of all n pixels.
template <int kWide>
void pixelsOfFilters(const float* vectors, int64_t filters, int64_t n, float* pixels, int64_t pixel) {
  // Pixels behind which at least width - kWide elements of this row follow may be stored whole: later ones overwrite
  // what they write too much.
  constexpr int kExcess = Vec::width - kWide;
  const int64_t whole = kExcess == 0 ? n : pixel == filters ? n - (kExcess + filters - 1) / filters : 0;
  for (int64_t i = 0; i < n; i += Vec::width, vectors += filters * Vec::width) {
    Vec block[Vec::width];
    repeat<Vec::width>(STRIATE_LAMBDA(int j) {
      block[j] = j < kWide ? Vec::load(vectors + (j < kWide ? j : 0) * Vec::width) : Vec::zero();
    });
    transpose(block);
    float* to = pixels + i * pixel;
    if (i + Vec::width <= whole) {
      repeat<Vec::width>(STRIATE_LAMBDA(int j) { block[j].store(to + j * pixel); });
      continue;
    }
    for (int j = 0; j < Vec::width && i + j < n; ++j) {
      if (i + j < whole) {
        block[j].store(to + j * pixel);
      } else {
        block[j].storePartial(to + j * pixel, kWide);
      }
    }
  }
}

template <int kMost>
STRIATE_INLINE void pixelsOfRest(int wide, const float* vectors, int64_t filters, int64_t n, float* pixels,
                                 int64_t pixel) {
  if constexpr (kMost > 0) {
    if (wide == kMost) return pixelsOfFilters<kMost>(vectors, filters, n, pixels, pixel);
    pixelsOfRest<kMost - 1>(wide, vectors, filters, n, pixels, pixel);
  }
}

// The last filters first: what they write too much into the next pixel's first channels is overwritten too.
void pixelsOfVectors(const float* vectors, int64_t filters, int64_t n, float* pixels, int64_t pixel) {
  int64_t f = filters / Vec::width * Vec::width;
  pixelsOfRest<Vec::width - 1>(static_cast<int>(filters - f), vectors + f * Vec::width, filters, n, pixels + f, pixel);
  for (f -= Vec::width; f >= 0; f -= Vec::width) {
    pixelsOfFilters<Vec::width>(vectors + f * Vec::width, filters, n, pixels + f, pixel);
  }
}

void finishLanes(float* y, const float* residual, int64_t n, int activation, float slope) {
  const Vec slopes = Vec::broadcast(slope);
  for (int64_t i = 0; i < n; i += Vec::width) {
    const int left = n - i < Vec::width ? static_cast<int>(n - i) : Vec::width;
    Vec v = Vec::loadPartial(y + i, left);
    if (residual != nullptr) v = add(v, Vec::loadPartial(residual + i, left));
    activateV(v, activation, slopes).storePartial(y + i, left);
  }
}

void reduceLanes(const float* vectors, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = reduceAdd(Vec::load(vectors + i * Vec::width));
}

}  // namespace
}  // namespace striate
