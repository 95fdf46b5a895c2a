#include "kernels/check.h"
#include "kernels/filter2d/kernelGradient.h"
#include "kernels/filter2d/slide.h"
#include "kernels/plan.h"
#include "kernels/registry/registry.h"

namespace striate {
namespace {

enum Attribute { kOffset, kToBytes };

FilterMatrix matrixOf(const TensorDesc& t) {
  if (!t.present) return {0, 0, 0};
  return {t.dims[0], t.dims[1], t.pixelStride};
}

Status verifyMatrix(const char* op, const char* name, const TensorDesc& t) {
  STRIATE_TRY(check::isF32(op, name, t));
  STRIATE_REFUSE_IF(t.rank != 2 || t.batched, op, ": ", name, " must have 2 dimensions, the same in every run, got ",
                    check::shapeOf(t));
  return okStatus();
}

// y is what a kernel of [kernelH, kernelW] leaves of x.
Status verifySizes(const char* op, const char* xName, const TensorDesc& x, const char* yName, const TensorDesc& y,
                   int64_t kernelH, int64_t kernelW) {
  STRIATE_REFUSE_IF(
      x.rank != 4 || y.rank != 4 || x.batched != y.batched || x.dims[0] != y.dims[0] || x.channels() != y.channels(),
      op, ": ", xName, " and ", yName, " must be images, as many and of as many channels, got ", check::shapeOf(x),
      " and ", check::shapeOf(y));
  // Sums of two sizes of tensors in memory fit.
  STRIATE_REFUSE_IF(y.dims[1] + kernelH - 1 != x.dims[1] || y.dims[2] + kernelW - 1 != x.dims[2], op, ": ", yName,
                    " must have size - kernel + 1 rows and columns, got ", check::shapeOf(y), " of ", check::shapeOf(x),
                    " with kernel ", kernelH, "x", kernelW);
  return okStatus();
}

Status verifyForward(const OpRequest& r) {
  constexpr const char* kOp = "filter2d";
  const TensorDesc &x = r.in[0], &kernel = r.in[1], &right = r.in[2], &y = r.out[0];
  STRIATE_REFUSE_IF(x.dtype == Dtype::i32, kOp, ": x must be f32 or u8, got i32");
  STRIATE_TRY(verifyMatrix(kOp, "kernel", kernel));
  if (right.present) {
    STRIATE_TRY(verifyMatrix(kOp, "right", right));
    STRIATE_REFUSE_IF(right.dims[0] != kernel.dims[1], kOp, ": right must have a row for each column of kernel ",
                      check::shapeOf(kernel), ", got ", check::shapeOf(right));
  }
  STRIATE_TRY(check::isInteger(kOp, "toBytes", r.attributes[kToBytes], 0, 1));
  STRIATE_TRY(check::isDtype(kOp, "y", y, r.attributes[kToBytes] == 1 ? Dtype::u8 : Dtype::f32));
  STRIATE_REFUSE_IF(y.dtype == Dtype::u8 && !y.dense(), kOp, ": y must be dense where it is u8");
  return verifySizes(kOp, "x", x, "y", y, kernel.dims[0], right.present ? right.dims[1] : kernel.dims[1]);
}

Status verifyBackwardInput(const OpRequest& r) {
  constexpr const char* kOp = "filter2d.backwardInput";
  const TensorDesc &dy = r.in[0], &kernel = r.in[1], &dx = r.out[0];
  STRIATE_TRY(check::isF32(kOp, "dy", dy));
  STRIATE_TRY(verifyMatrix(kOp, "kernel", kernel));
  STRIATE_TRY(check::isF32(kOp, "dx", dx));
  return verifySizes(kOp, "dx", dx, "dy", dy, kernel.dims[0], kernel.dims[1]);
}

Status verifyBackwardKernel(const OpRequest& r) {
  constexpr const char* kOp = "filter2d.backwardKernel";
  const TensorDesc &x = r.in[0], &dy = r.in[1], &dkernel = r.out[0];
  STRIATE_TRY(check::isF32(kOp, "x", x));
  STRIATE_TRY(check::isF32(kOp, "dy", dy));
  STRIATE_TRY(verifyMatrix(kOp, "dkernel", dkernel));
  return verifySizes(kOp, "x", x, "dy", dy, dkernel.dims[0], dkernel.dims[1]);
}

std::unique_ptr<OpPlan> planForward(const OpRequest& r) {
  const Slide slide(r.in[0], r.out[0], matrixOf(r.in[1]), matrixOf(r.in[2]), 0, 0, r.isa);
  const auto body = [slide, offset = static_cast<float>(r.attributes[kOffset])](
                        const RunContext& context, const void* const* in, void* const* out) {
    slide.run(context, in[0], f32(in[1]), f32(in[2]), offset, out[0]);
    return okStatus();
  };
  return makePlan(r, r.in[2].present ? "factored" : "direct",
                  r.in[2].present ? "filter2d_fwd_f32_factored_2x6" : "filter2d_fwd_f32_direct_2x6",
                  slide.scratchBytes(), body);
}

// The whole correlation of dy with the kernel turned by half a circle.
std::unique_ptr<OpPlan> planBackwardInput(const OpRequest& r) {
  const FilterMatrix kernel = matrixOf(r.in[1]);
  const FilterMatrix turned = {kernel.rows, kernel.columns, kernel.columns};
  const Slide slide(r.in[0], r.out[0], turned, {0, 0, 0}, kernel.rows - 1, kernel.columns - 1, r.isa);
  const size_t turnedBytes = (static_cast<size_t>(kernel.rows * kernel.columns) * sizeof(float) + 63) / 64 * 64;
  const auto body = [slide, kernel, turnedBytes](const RunContext& context, const void* const* in, void* const* out) {
    auto* turnedKernel = reinterpret_cast<float*>(context.scratch);
    for (int64_t a = 0; a < kernel.rows; ++a) {
      for (int64_t b = 0; b < kernel.columns; ++b) {
        turnedKernel[(kernel.rows - 1 - a) * kernel.columns + kernel.columns - 1 - b] =
            f32(in[1])[a * kernel.stride + b];
      }
    }
    RunContext inner = context;
    inner.scratch += turnedBytes;
    slide.run(inner, in[0], turnedKernel, nullptr, 0, out[0]);
    return okStatus();
  };
  return makePlan(r, "direct", "filter2d_bwd_input_f32_direct_2x6", turnedBytes + slide.scratchBytes(), body);
}

std::unique_ptr<OpPlan> planBackwardKernel(const OpRequest& r) {
  const KernelGradient gradient(r.in[0], r.in[1], matrixOf(r.out[0]), r.isa);
  const auto body = [gradient](const RunContext& context, const void* const* in, void* const* out) {
    gradient.run(context, f32(in[0]), f32(in[1]), f32(out[0]));
    return okStatus();
  };
  return makePlan(r, "overPixels", "filter2d_bwd_kernel_f32", gradient.scratchBytes(), body);
}

constexpr const char* kForwardIn[] = {"x", "kernel", "right?", nullptr};
constexpr const char* kForwardOut[] = {"y", nullptr};
constexpr const char* kForwardAttributes[] = {"offset", "toBytes", nullptr};
constexpr const char* kInputIn[] = {"dy", "kernel", nullptr};
constexpr const char* kInputOut[] = {"dx", nullptr};
constexpr const char* kKernelIn[] = {"x", "dy", nullptr};
constexpr const char* kKernelOut[] = {"dkernel", nullptr};
constexpr const char* kNone[] = {nullptr};

}  // namespace

const OpEntry kFilter2dOps[3] = {
    {"filter2d", kForwardIn, kForwardOut, kForwardAttributes, verifyForward, planForward, false, false, false, true},
    {"filter2d.backwardInput", kInputIn, kInputOut, kNone, verifyBackwardInput, planBackwardInput},
    {"filter2d.backwardKernel", kKernelIn, kKernelOut, kNone, verifyBackwardKernel, planBackwardKernel},
};

}  // namespace striate
