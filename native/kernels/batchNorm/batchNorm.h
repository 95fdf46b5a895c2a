// Batch normalisation over channels: lib/graph/opSchema.ts.
//
// Activations are rows of `columns` contiguous floats, `stride` elements apart, at any alignment; per-column parameters
// are dense arrays of `columns` floats. A column is a channel, or a channel of one of several neighbouring pixels that
// the driver reads as one wide pixel. normalize and applyGradient may write exactly over x or dy (same pointer and
// stride); nothing else may overlap.
#pragma once
#include <cstddef>
#include <cstdint>

namespace striate {

// The activation behind a normalisation: what normalize computed is computed again, in the same arithmetic, to see on
// which side of a kink it was. scale and beta as there; not read where activation is 0.
struct BatchNormActivation {
  const float* scale;
  const float* beta;
  int activation;
  float slope;
};

struct BatchNormKernels {
  // scale[c] = gamma[c] / sqrt(variance[c] + epsilon)
  void (*scales)(int64_t columns, const float* gamma, const float* variance, float epsilon, float* scale);
  // y[p,c] = act((x[p,c] - mean[c]) * scale[c] + beta[c])
  void (*normalize)(int64_t pixels, int64_t columns, const float* x, int64_t xStride, const float* mean,
                    const float* scale, const float* beta, float* y, int64_t yStride, int activation, float slope);
  // sums[c] += sum over p of x[p,c]
  void (*addColumns)(int64_t pixels, int64_t columns, const float* x, int64_t stride, float* sums);
  // first[c] += sum over p of (x[p,c] - shift[c]);  second[c] += sum of (x[p,c] - shift[c])^2
  void (*addMoments)(int64_t pixels, int64_t columns, const float* x, int64_t stride, const float* shift, float* first,
                     float* second);
  // With g[p,c] the gradient dy[p,c] before the activation:
  // sums[c] += sum over p of g[p,c];  products[c] += sum of g[p,c] * (x[p,c] - mean[c])
  void (*addGradients)(int64_t pixels, int64_t columns, const float* x, int64_t xStride, const float* mean,
                       const float* dy, int64_t dyStride, const BatchNormActivation& behind, float* sums,
                       float* products);
  // dx[p,c] = g[p,c] * scale[c] + ((x[p,c] - mean[c]) * slope[c] + offset[c])
  void (*applyGradient)(int64_t pixels, int64_t columns, const float* x, int64_t xStride, const float* dy,
                        int64_t dyStride, const float* mean, const BatchNormActivation& behind, const float* scale,
                        const float* slope, const float* offset, float* dx, int64_t dxStride);
  // y[p,c] = x[p,c] * scale[c]
  void (*multiply)(int64_t pixels, int64_t columns, const float* x, int64_t xStride, const float* scale, float* y,
                   int64_t yStride);
  // result[c] = (1 - momentum) * running[c] + momentum * (factor * batch[c]); result may be running.
  void (*blend)(int64_t columns, const float* batch, float factor, const float* running, float momentum, float* result);
};

extern const BatchNormKernels kBatchNormSse2;
extern const BatchNormKernels kBatchNormAvx2;
extern const BatchNormKernels kBatchNormNeon;

}  // namespace striate
