#include "kernels/filter2d/kernelGradient.h"

#include <algorithm>

#include "kernels/plan.h"

namespace striate {
namespace {

// Products of a task, some 20 us of them, and tasks at most.
constexpr double kChunkProducts = 1e6;
constexpr int64_t kMostChunks = 256;

int64_t elementsOf(const TensorDesc& t) { return t.dims[2] * t.channels(); }

// Row `row` of a tensor, counted over all images, as one run of numbers; copied to `scratch` where it is none.
const float* rowOf(const TensorDesc& t, const float* base, int64_t row, float* scratch) {
  const float* from = base + row * t.dims[2] * t.pixelStride;
  if (t.dense()) return from;
  for (int64_t p = 0; p < t.dims[2]; ++p) {
    for (int64_t c = 0; c < t.channels(); ++c) scratch[p * t.channels() + c] = from[p * t.pixelStride + c];
  }
  return scratch;
}

}  // namespace

KernelGradient::KernelGradient(const TensorDesc& x, const TensorDesc& dy, FilterMatrix dkernel, Isa isa)
    : x_(x), dy_(dy), dkernel_(dkernel), kernels_(STRIATE_KERNELS(isa, kFilter2d)) {
  const int64_t rows = dy.dims[0] * dy.dims[1];
  const double perRow = static_cast<double>(elementsOf(dy)) * static_cast<double>(dkernel.rows * dkernel.columns);
  chunkRows_ = std::max<int64_t>(1, static_cast<int64_t>(kChunkProducts / perRow));
  chunkRows_ = std::max(chunkRows_, (rows + kMostChunks - 1) / kMostChunks);
  chunks_ = (rows + chunkRows_ - 1) / chunkRows_;
  rowFloats_ = (x.dense() ? 0 : elementsOf(x)) + (dy.dense() ? 0 : elementsOf(dy));
}

size_t KernelGradient::scratchBytes() const {
  const auto sums = static_cast<size_t>(chunks_ * dkernel_.rows * dkernel_.columns) * sizeof(double);
  return sums + static_cast<size_t>(ThreadPool::maxSlots() * rowFloats_) * sizeof(float);
}

void KernelGradient::run(const RunContext& context, const float* x, const float* dy, float* dkernel) const {
  const int64_t weights = dkernel_.rows * dkernel_.columns;
  const int64_t rows = (dy_.batched ? context.rows : dy_.dims[0]) * dy_.dims[1];
  const int64_t chunks = (rows + chunkRows_ - 1) / chunkRows_;
  auto* sums = reinterpret_cast<double*>(context.scratch);
  auto* rowScratch = reinterpret_cast<float*>(sums + chunks_ * weights);
  context.pool->parallelFor(chunks, [&](int64_t chunk) {
    double* own = sums + chunk * weights;
    std::fill(own, own + weights, 0.0);
    sumChunk(x, dy, rows, chunk, rowScratch + ThreadPool::slot() * rowFloats_, own);
  });
  for (int64_t w = 0; w < weights; ++w) {
    double total = 0;
    for (int64_t chunk = 0; chunk < chunks; ++chunk) total += sums[chunk * weights + w];
    dkernel[w / dkernel_.columns * dkernel_.stride + w % dkernel_.columns] = static_cast<float>(total);
  }
}

void KernelGradient::sumChunk(const float* x, const float* dy, int64_t rows, int64_t chunk, float* rowScratch,
                              double* sums) const {
  const int64_t end = std::min(rows, (chunk + 1) * chunkRows_);
  float* const xScratch = rowScratch + (dy_.dense() ? 0 : elementsOf(dy_));
  for (int64_t row = chunk * chunkRows_; row < end; ++row) {
    const float* gradient = rowOf(dy_, dy, row, rowScratch);
    const int64_t first = row / dy_.dims[1] * x_.dims[1] + row % dy_.dims[1];
    for (int64_t a = 0; a < dkernel_.rows; ++a) {
      kernels_.products(rowOf(x_, x, first + a, xScratch), gradient, elementsOf(dy_), dkernel_.columns, x_.channels(),
                        sums + a * dkernel_.columns);
    }
  }
}

}  // namespace striate
