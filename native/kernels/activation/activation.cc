#include "kernels/activation/activation.h"

#include "kernels/channelSums.h"
#include "kernels/check.h"
#include "kernels/plan.h"
#include "kernels/registry/registry.h"
#include "kernels/split.h"

namespace striate {
namespace {

constexpr const char* kForward = "activation";
constexpr const char* kBackward = "activation.backward";

// Per element: bandwidth for the piecewise linear ones, an exponential and a division for the others.
double nanoseconds(int activation) { return isTranscendental(activation) ? 1.0 : 0.3; }

Status verifyForward(const OpRequest& request) {
  STRIATE_TRY(check::isActivation(kForward, request.attributes[0], request.attributes[1]));
  STRIATE_TRY(check::isF32(kForward, "x", request.in[0]));
  return check::matches(kForward, "y", request.out[0], "x", request.in[0]);
}

std::unique_ptr<OpPlan> planForward(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kActivation), x = request.in[0], y = request.out[0],
                     activation = static_cast<int>(request.attributes[0]),
                     slope = static_cast<float>(request.attributes[1])](const RunContext& context,
                                                                        const void* const* in, void* const* out) {
    const Extent extent = liveExtent(x, context.rows, x.dense() && y.dense());
    forParts(context, extent, nanoseconds(activation), [&](const Part& part) {
      kernels->forward(part.pixels, part.channels, at(f32(in[0]), x.pixelStride, part), x.pixelStride,
                       at(f32(out[0]), y.pixelStride, part), y.pixelStride, activation, slope);
    });
    return okStatus();
  };
  return makePlan(request, "elementwise", "activation_fwd_f32", 0, body);
}

Status verifyBackward(const OpRequest& request) {
  STRIATE_TRY(check::isActivation(kBackward, request.attributes[0], request.attributes[1]));
  STRIATE_TRY(check::isF32(kBackward, "y", request.in[0]));
  STRIATE_TRY(check::matches(kBackward, "dy", request.in[1], "y", request.in[0]));
  STRIATE_TRY(check::matches(kBackward, "dx", request.out[0], "y", request.in[0]));
  if (!request.out[1].present) return okStatus();
  STRIATE_TRY(check::hasChannels(kBackward, "y", request.in[0]));
  return check::isVector(kBackward, "sums", request.out[1], request.in[0].channels());
}

std::unique_ptr<OpPlan> planBackwardWithSums(const OpRequest& request) {
  const TensorDesc &y = request.in[0], &dy = request.in[1], &dx = request.out[0];
  const Chunking chunking = Chunking::of(y, y.dense() && dy.dense() && dx.dense());
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kActivation),
                     sumKernels = &STRIATE_KERNELS(request.isa, kArithmetic), chunking, y, dy, dx,
                     activation = static_cast<int>(request.attributes[0]),
                     slope = static_cast<float>(request.attributes[1])](const RunContext& context,
                                                                        const void* const* in, void* const* out) {
    float* target = f32(out[0]);
    const int64_t fold = chunking.fold;
    writeAndSum(context, chunking, y.livePixels(context.rows), 0.5, *sumKernels,
                reinterpret_cast<float*>(context.scratch), target, dx.pixelStride, f32(out[1]),
                [&](int64_t pixel, int64_t wide, int64_t n) {
                  kernels->backward(wide, n, f32(in[0]) + pixel * y.pixelStride, fold * y.pixelStride,
                                    f32(in[1]) + pixel * dy.pixelStride, fold * dy.pixelStride,
                                    target + pixel * dx.pixelStride, fold * dx.pixelStride, activation, slope);
                });
    return okStatus();
  };
  const size_t scratch = static_cast<size_t>(chunking.chunks * chunking.columns) * sizeof(float);
  return makePlan(request, "elementwise, chunkedSum", "activation_bwd_input_f32", scratch, body);
}

std::unique_ptr<OpPlan> planBackward(const OpRequest& request) {
  if (request.out[1].present) return planBackwardWithSums(request);
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kActivation), y = request.in[0], dy = request.in[1],
                     dx = request.out[0], activation = static_cast<int>(request.attributes[0]),
                     slope = static_cast<float>(request.attributes[1])](const RunContext& context,
                                                                        const void* const* in, void* const* out) {
    const Extent extent = liveExtent(y, context.rows, y.dense() && dy.dense() && dx.dense());
    forParts(context, extent, 0.4, [&](const Part& part) {
      kernels->backward(part.pixels, part.channels, at(f32(in[0]), y.pixelStride, part), y.pixelStride,
                        at(f32(in[1]), dy.pixelStride, part), dy.pixelStride, at(f32(out[0]), dx.pixelStride, part),
                        dx.pixelStride, activation, slope);
    });
    return okStatus();
  };
  return makePlan(request, "elementwise", "activation_bwd_input_f32", 0, body);
}

constexpr const char* kX[] = {"x", nullptr};
constexpr const char* kY[] = {"y", nullptr};
constexpr const char* kYDy[] = {"y", "dy", nullptr};
constexpr const char* kDxSums[] = {"dx", "sums?", nullptr};
constexpr const char* kAttributes[] = {"activation", "slope", nullptr};

}  // namespace

const OpEntry kActivationOps[2] = {
    {kForward, kX, kY, kAttributes, verifyForward, planForward, /*commit=*/false, /*prepare=*/false, /*inPlace=*/true},
    {kBackward, kYDy, kDxSums, kAttributes, verifyBackward, planBackward, /*commit=*/false, /*prepare=*/false,
     /*inPlace=*/true},
};

}  // namespace striate
