#include "kernels/arithmetic/arithmetic.h"

#include "kernels/arithmetic/ops.h"
#include "kernels/check.h"
#include "kernels/plan.h"
#include "kernels/registry/registry.h"
#include "kernels/split.h"

namespace striate {

namespace {

Status verifyAdd(const OpRequest& request) {
  STRIATE_TRY(check::isActivation("add", request.attributes[0], request.attributes[1]));
  STRIATE_TRY(check::isF32("add", "a", request.in[0]));
  STRIATE_TRY(check::matches("add", "b", request.in[1], "a", request.in[0]));
  return check::matches("add", "y", request.out[0], "a", request.in[0]);
}

std::unique_ptr<OpPlan> planAdd(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kArithmetic), a = request.in[0], b = request.in[1],
                     y = request.out[0], activation = static_cast<int>(request.attributes[0]),
                     slope = static_cast<float>(request.attributes[1])](const RunContext& context,
                                                                        const void* const* in, void* const* out) {
    const Extent extent = liveExtent(y, context.rows, a.dense() && b.dense() && y.dense());
    forParts(context, extent, isTranscendental(activation) ? 1.0 : 0.4, [&](const Part& part) {
      kernels->add(part.pixels, part.channels, at(f32(in[0]), a.pixelStride, part), a.pixelStride,
                   at(f32(in[1]), b.pixelStride, part), b.pixelStride, at(f32(out[0]), y.pixelStride, part),
                   y.pixelStride, activation, slope);
    });
    return okStatus();
  };
  return makePlan(request, "elementwise", "add_fwd_f32", 0, body);
}

Status verifyFill(const OpRequest& request) { return check::isF32("fill", "y", request.out[0]); }

std::unique_ptr<OpPlan> planFill(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kArithmetic), y = request.out[0],
                     value = static_cast<float>(request.attributes[0])](const RunContext& context, const void* const*,
                                                                        void* const* out) {
    forParts(context, liveExtent(y, context.rows, y.dense()), 0.15, [&](const Part& part) {
      kernels->fill(part.pixels, part.channels, value, at(f32(out[0]), y.pixelStride, part), y.pixelStride);
    });
    return okStatus();
  };
  return makePlan(request, "elementwise", "fill_fwd_f32", 0, body);
}

Status verifyRescale(const OpRequest& request) {
  const TensorDesc &x = request.in[0], &y = request.out[0];
  STRIATE_REFUSE_IF(x.dtype != Dtype::f32 && x.dtype != Dtype::u8, "rescale: x must be f32 or u8, got ",
                    check::dtypeName(x.dtype));
  return check::matches("rescale", "y", y, "x", x);
}

std::unique_ptr<OpPlan> planRescale(const OpRequest& request) {
  const bool bytes = request.in[0].dtype == Dtype::u8;
  const auto body = [bytes, kernels = &STRIATE_KERNELS(request.isa, kArithmetic), x = request.in[0], y = request.out[0],
                     scale = static_cast<float>(request.attributes[0]),
                     offset = static_cast<float>(request.attributes[1])](const RunContext& context,
                                                                         const void* const* in, void* const* out) {
    const Extent extent = liveExtent(y, context.rows, x.dense() && y.dense());
    forParts(context, extent, 0.3, [&](const Part& part) {
      float* target = at(f32(out[0]), y.pixelStride, part);
      if (bytes) {
        const uint8_t* source = at(static_cast<const uint8_t*>(in[0]), x.pixelStride, part);
        kernels->rescaleU8(part.pixels, part.channels, source, x.pixelStride, scale, offset, target, y.pixelStride);
      } else {
        const float* source = at(f32(in[0]), x.pixelStride, part);
        kernels->rescale(part.pixels, part.channels, source, x.pixelStride, scale, offset, target, y.pixelStride);
      }
    });
    return okStatus();
  };
  return makePlan(request, "elementwise", bytes ? "rescale_fwd_u8" : "rescale_fwd_f32", 0, body);
}

constexpr const char* kNone[] = {nullptr};
constexpr const char* kX[] = {"x", nullptr};
constexpr const char* kY[] = {"y", nullptr};
constexpr const char* kAB[] = {"a", "b", nullptr};
constexpr const char* kEpilogue[] = {"activation", "slope", nullptr};
constexpr const char* kValue[] = {"value", nullptr};
constexpr const char* kScaleOffset[] = {"scale", "offset", nullptr};

}  // namespace

const OpEntry kArithmeticOps[5] = {
    {"add", kAB, kY, kEpilogue, verifyAdd, planAdd, /*commit=*/false, /*prepare=*/false, /*inPlace=*/true},
    {"copy", kX, kY, kNone, verifyCopy, planCopy, /*commit=*/true, /*prepare=*/true},
    {"fill", kNone, kY, kValue, verifyFill, planFill, /*commit=*/false, /*prepare=*/true},
    {"rescale", kX, kY, kScaleOffset, verifyRescale, planRescale},
    {"channelSum", kX, kY, kNone, verifyChannelSum, planChannelSum},
};

}  // namespace striate
