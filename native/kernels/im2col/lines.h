// im2col and col2im over whole images on the pool; the ops and the explicit convolution share them.
#pragma once
#include "base/cpu.h"
#include "base/pool.h"
#include "kernels/im2col/im2col.h"

namespace striate {

const Im2colKernels& im2colKernels(Isa isa);
void gatherImages(ThreadPool& pool, Isa isa, const SlidingWindow& window, int64_t images, const float* x,
                  float* columns);
void scatterImages(ThreadPool& pool, Isa isa, const SlidingWindow& window, int64_t images, const float* columns,
                   float* x);

}  // namespace striate
