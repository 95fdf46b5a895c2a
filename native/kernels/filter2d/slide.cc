#include "kernels/filter2d/slide.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/memory.h"
#include "kernels/plan.h"

namespace striate {
namespace {

// Elements of a row of y that a task takes: so many floats of the ring stay in the second level cache beside the rest,
// and a strip of the fewest elements still amortises the pointers of its weights.
constexpr int64_t kRingFloats = 32 << 10;
constexpr int64_t kLeastStrip = 768;
constexpr int64_t kMostStrip = 6144;
constexpr int64_t kGranule = 96;  // two blocks of six vectors of 8, of 4 lanes four
// Rows of a task: those above them are filtered and converted again, an eighth of the work at most.
constexpr int64_t kLeastBand = 32;

int64_t roundUp(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
size_t aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }
size_t floats(int64_t n) { return aligned(static_cast<size_t>(n) * sizeof(float)); }

int64_t stripOf(int64_t elements, int64_t ringRows, int64_t planes) {
  const int64_t wanted = std::clamp(kRingFloats / (ringRows * planes), kLeastStrip, kMostStrip) / kGranule * kGranule;
  // Equal parts, so that none is a small rest.
  const int64_t parts = (elements + wanted - 1) / wanted;
  return std::min(elements, roundUp((elements + parts - 1) / parts, kGranule));
}

}  // namespace

struct Slide::Tables {
  WeightTable two, one;              // of `left`
  std::vector<WeightTable> filters;  // of the rows of `right`
  float offset;
};

// What a task works on.
struct Slide::Place {
  const std::byte* x;  // of the image
  std::byte* y;
  int64_t first, elements;  // of the rows of y
  float* ring;
  float* wideRow;
  float* result;
  const float** pointers;
};

Slide::Slide(const TensorDesc& x, const TensorDesc& y, FilterMatrix left, FilterMatrix right, int64_t padTop,
             int64_t padLeft, Isa isa)
    : x_(x),
      y_(y),
      left_(left),
      right_(right),
      kernelH_(left.rows),
      kernelW_(right.rows > 0 ? right.columns : left.columns),
      padTop_(padTop),
      padLeft_(padLeft),
      kernels_(STRIATE_KERNELS(isa, kFilter2d)),
      factored_(right.rows > 0),
      inPlace_(!factored_ && x.dtype == Dtype::f32 && x.dense() && padTop == 0 && padLeft == 0),
      bytesIn_(x.dtype == Dtype::u8),
      bytesOut_(y.dtype == Dtype::u8),
      rowElements_(y.dims[2] * y.channels()),
      slots_(static_cast<size_t>(ThreadPool::maxSlots())) {
  const int64_t planes = factored_ ? right.rows : 1;
  strip_ = stripOf(rowElements_, kernelH_ + 1, planes);
  wide_ = strip_ + (kernelW_ - 1) * x.channels();
  ringRow_ = factored_ ? planes * roundUp(strip_, 16) : roundUp(wide_, 16);
  bandRows_ = std::min(y.dims[1], std::max(kLeastBand, 8 * (kernelH_ - 1)));
  bandRows_ += bandRows_ % 2;
  const int64_t weights = std::max((kernelH_ + 1) * left.columns, kernelW_);
  slotBytes_ = (inPlace_ ? 0 : floats((kernelH_ + 1) * ringRow_)) + (factored_ ? floats(wide_) : 0) +
               (y.dense() ? 0 : floats(2 * strip_)) + aligned(static_cast<size_t>(weights) * sizeof(float*));
}

size_t Slide::tableBytes() const {
  size_t bytes =
      WeightTable::bytes(left_.rows, left_.columns, true) + WeightTable::bytes(left_.rows, left_.columns, false);
  if (factored_) bytes += static_cast<size_t>(right_.rows) * WeightTable::bytes(1, right_.columns, false);
  return aligned(bytes);
}

void Slide::run(const RunContext& context, const void* x, const float* left, const float* right, float offset,
                void* y) const {
  std::byte* memory = context.scratch;
  const auto table = [&](const float* matrix, int64_t stride, int64_t rows, int64_t columns, bool two) {
    WeightTable made(memory, rows, columns, two);
    made.build(matrix, stride);
    memory += WeightTable::bytes(rows, columns, two);
    return made;
  };
  Tables tables{table(left, left_.stride, left_.rows, left_.columns, true),
                table(left, left_.stride, left_.rows, left_.columns, false),
                {},
                offset};
  for (int64_t t = 0; t < right_.rows; ++t) {
    tables.filters.push_back(table(right + t * right_.stride, right_.stride, 1, right_.columns, false));
  }
  std::byte* const slots = context.scratch + tableBytes();
  const int64_t images = y_.batched ? context.rows : y_.dims[0];
  const int64_t bands = (y_.dims[1] + bandRows_ - 1) / bandRows_, strips = (rowElements_ + strip_ - 1) / strip_;
  const int64_t xImage = x_.dims[1] * x_.dims[2] * x_.pixelStride * (bytesIn_ ? 1 : 4);
  const int64_t yImage = y_.dims[1] * y_.dims[2] * y_.pixelStride * (bytesOut_ ? 1 : 4);
  context.pool->parallelFor(images * bands * strips, [&](int64_t task) {
    const int64_t image = task / (bands * strips), band = task / strips % bands, first = task % strips * strip_;
    std::byte* slot = slots + static_cast<size_t>(ThreadPool::slot()) * slotBytes_;
    const auto take = [&](size_t bytes) { return std::exchange(slot, slot + bytes); };
    Place place{static_cast<const std::byte*>(x) + image * xImage,
                static_cast<std::byte*>(y) + image * yImage,
                first,
                std::min(strip_, rowElements_ - first),
                nullptr,
                nullptr,
                nullptr,
                nullptr};
    if (!inPlace_) place.ring = reinterpret_cast<float*>(take(floats((kernelH_ + 1) * ringRow_)));
    if (factored_) place.wideRow = reinterpret_cast<float*>(take(floats(wide_)));
    if (!y_.dense()) place.result = reinterpret_cast<float*>(take(floats(2 * strip_)));
    place.pointers = reinterpret_cast<const float**>(slot);
    slideStrip(tables, place, band * bandRows_, std::min(y_.dims[1], (band + 1) * bandRows_));
  });
}

void Slide::slideStrip(const Tables& tables, const Place& place, int64_t begin, int64_t end) const {
  const int64_t step = factored_ ? roundUp(strip_, 16) : x_.channels();
  int64_t filled = begin;  // rows of x, framed
  for (int64_t row = begin; row < end; row += 2) {
    const bool two = row + 1 < end;
    if (!inPlace_) {
      for (; filled < row + kernelH_ + (two ? 1 : 0); ++filled) fillRing(tables, place, filled);
    }
    const WeightTable& table = two ? tables.two : tables.one;
    for (int64_t i = 0; i < table.count(); ++i) {
      const FilterSpot& spot = table.spot(i);
      place.pointers[i] = rowOf(place, row + spot.row) + spot.column * step;
    }
    const auto filter = [&](auto* y, int64_t stride, auto kernel) {
      kernel(table.view(), place.pointers, place.elements, tables.offset, y, two ? y + stride : nullptr);
    };
    if (!y_.dense()) {
      filter(place.result, strip_, kernels_.filter);
      scatter(place, row, two ? 2 : 1);
    } else if (bytesOut_) {
      filter(reinterpret_cast<uint8_t*>(place.y) + row * rowElements_ + place.first, rowElements_,
             kernels_.filterToBytes);
    } else {
      filter(reinterpret_cast<float*>(place.y) + row * rowElements_ + place.first, rowElements_, kernels_.filter);
    }
  }
}

const float* Slide::rowOf(const Place& place, int64_t row) const {
  if (inPlace_) return reinterpret_cast<const float*>(place.x) + row * x_.dims[2] * x_.channels() + place.first;
  return place.ring + row % (kernelH_ + 1) * ringRow_;
}

void Slide::fillRing(const Tables& tables, const Place& place, int64_t row) const {
  float* const to = place.ring + row % (kernelH_ + 1) * ringRow_;
  readRow(place, row, factored_ ? place.wideRow : to);
  for (int64_t t = 0; t < right_.rows; ++t) {
    const WeightTable& table = tables.filters[static_cast<size_t>(t)];
    for (int64_t i = 0; i < table.count(); ++i) {
      place.pointers[i] = place.wideRow + table.spot(i).column * x_.channels();
    }
    kernels_.filter(table.view(), place.pointers, place.elements, 0, to + t * roundUp(strip_, 16), nullptr);
  }
}

// The elements of x under the strip, of a row of the frame.
void Slide::readRow(const Place& place, int64_t row, float* to) const {
  const int64_t channels = x_.channels(), elements = x_.dims[2] * channels;
  const int64_t count = place.elements + (kernelW_ - 1) * channels;
  const int64_t from = place.first - padLeft_ * channels;
  const int64_t line = row - padTop_;
  if (line < 0 || line >= x_.dims[1]) {
    std::fill(to, to + count, 0.0f);
    return;
  }
  const int64_t begin = std::max<int64_t>(0, from), end = std::max(begin, std::min(elements, from + count));
  std::fill(to, to + (begin - from), 0.0f);
  std::fill(to + (end - from), to + count, 0.0f);
  float* const inside = to + (begin - from);
  const int64_t first = line * x_.dims[2] * x_.pixelStride;
  const auto* bytes = reinterpret_cast<const uint8_t*>(place.x);
  const auto* values = reinterpret_cast<const float*>(place.x);
  if (!x_.dense()) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = first + i / channels * x_.pixelStride + i % channels;
      inside[i - begin] = bytesIn_ ? static_cast<float>(bytes[at]) : values[at];
    }
  } else if (bytesIn_) {
    kernels_.widen(bytes + first + begin, end - begin, inside);
  } else {
    std::memcpy(inside, values + first + begin, static_cast<size_t>(end - begin) * sizeof(float));
  }
}

// Results to pixels that do not lie side by side.
void Slide::scatter(const Place& place, int64_t row, int64_t rows) const {
  auto* y = reinterpret_cast<float*>(place.y);
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t pixel = (row + r) * y_.dims[2];
    for (int64_t i = 0; i < place.elements; ++i) {
      const int64_t element = place.first + i;
      y[(pixel + element / y_.channels()) * y_.pixelStride + element % y_.channels()] = place.result[r * strip_ + i];
    }
  }
}

}  // namespace striate
