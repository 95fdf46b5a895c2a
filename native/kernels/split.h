// How a step is cut into tasks. Nothing here looks at the number of threads: element-wise results do not depend on the
// cut, and reductions use chunks (kernels/reduction.h) fixed at capacity.
#pragma once
#include <algorithm>
#include <cstdint>

#include "kernels/op.h"

namespace striate {

// A region of two polling threads costs 0.3 to 1 us more than half of its work (Zen 4; two cores of a virtual machine
// need that long to see each other's writes), so splitting in two pays from 3 us on. Estimates may be wrong by half,
// and tasks have costs of their own, hence four times that. Sleepers are no part of this: base/pool.h.
inline constexpr double kSerialNanoseconds = 12e3;
inline constexpr double kTaskNanoseconds = 5e3;
inline constexpr int64_t kMostTasks = 256;
// What sums of products take, where no better estimate is at hand: 85 % of Zen 4's peak on avx2.
inline constexpr double kFlopsPerNanosecond = 100;

inline int64_t taskCount(double nanoseconds, int64_t units) {
  if (nanoseconds <= kSerialNanoseconds) return 1;
  const double wanted = std::min(nanoseconds / kTaskNanoseconds, static_cast<double>(kMostTasks));
  return std::max<int64_t>(1, std::min(units, static_cast<int64_t>(wanted)));
}

// body(begin, end) over [0, units) in tasks of whole granules.
template <class Body>
void forRanges(const RunContext& context, int64_t units, double nanosecondsPerUnit, int64_t granule, const Body& body) {
  const int64_t granules = (units + granule - 1) / granule;
  const int64_t tasks = taskCount(nanosecondsPerUnit * static_cast<double>(units), granules);
  context.pool->parallelFor(tasks, [&](int64_t task) {
    // Division first: granules * task may not fit for absurd sizes, and this is even enough.
    const int64_t share = granules / tasks, rest = granules % tasks;
    const int64_t begin = (task * share + std::min(task, rest)) * granule;
    const int64_t end = std::min(units, begin + (share + (task < rest ? 1 : 0)) * granule);
    if (begin < end) body(begin, end);
  });
}

// The live elements of a run: `pixels` times `channels` contiguous ones.
struct Extent {
  int64_t pixels;
  int64_t channels;
  int64_t elements() const { return pixels * channels; }
};

inline Extent liveExtent(const TensorDesc& t, int64_t rows) { return {t.livePixels(rows), t.liveChannels(rows)}; }

// The same as one long row, for operands that are all dense: then a few channels do not mean a few lanes.
inline Extent liveExtent(const TensorDesc& t, int64_t rows, bool allDense) {
  const Extent extent = liveExtent(t, rows);
  return allDense ? Extent{1, extent.elements()} : extent;
}

struct Part {
  int64_t pixel, pixels, channel, channels;
};

// body(part) over an extent, by pixels where there are many, else by channels in whole cache lines.
template <class Body>
void forParts(const RunContext& context, Extent extent, double nanosecondsPerElement, const Body& body) {
  const double perPixel = nanosecondsPerElement * static_cast<double>(extent.channels);
  if (extent.pixels >= 2 * kMostTasks) {
    forRanges(context, extent.pixels, perPixel, 1, [&](int64_t begin, int64_t end) {
      body(Part{begin, end - begin, 0, extent.channels});
    });
  } else {
    forRanges(context, extent.channels, nanosecondsPerElement * static_cast<double>(extent.pixels), 64,
              [&](int64_t begin, int64_t end) {
                body(Part{0, extent.pixels, begin, end - begin});
              });
  }
}

// Where a part begins in an operand.
template <class T>
T* at(T* base, int64_t pixelStride, const Part& part) {
  return base + part.pixel * pixelStride + part.channel;
}

}  // namespace striate
