#include "kernels/softmax/softmax.h"

#include "kernels/check.h"
#include "kernels/plan.h"
#include "kernels/registry/registry.h"
#include "kernels/split.h"

namespace striate {
namespace {

Status verifyForward(const OpRequest& request) {
  STRIATE_TRY(check::hasChannels("softmax", "x", request.in[0]));
  return check::matches("softmax", "y", request.out[0], "x", request.in[0]);
}

std::unique_ptr<OpPlan> planForward(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kSoftmax), x = request.in[0], y = request.out[0]](
                        const RunContext& context, const void* const* in, void* const* out) {
    const int64_t channels = x.channels();
    const double cost = 1.5 * static_cast<double>(channels) + 20;
    forRanges(context, x.livePixels(context.rows), cost, 1, [&](int64_t begin, int64_t end) {
      kernels->forward(end - begin, channels, f32(in[0]) + begin * x.pixelStride, x.pixelStride,
                       f32(out[0]) + begin * y.pixelStride, y.pixelStride, nullptr, nullptr);
    });
    return okStatus();
  };
  return makePlan(request, "rows", "softmax_fwd_f32", 0, body);
}

Status verifyBackward(const OpRequest& request) {
  constexpr const char* kOp = "softmax.backward";
  STRIATE_TRY(check::hasChannels(kOp, "y", request.in[0]));
  STRIATE_TRY(check::matches(kOp, "dy", request.in[1], "y", request.in[0]));
  return check::matches(kOp, "dx", request.out[0], "y", request.in[0]);
}

std::unique_ptr<OpPlan> planBackward(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kSoftmax), y = request.in[0], dy = request.in[1],
                     dx = request.out[0]](const RunContext& context, const void* const* in, void* const* out) {
    const int64_t channels = y.channels();
    const double cost = 0.5 * static_cast<double>(channels) + 8;
    forRanges(context, y.livePixels(context.rows), cost, 1, [&](int64_t begin, int64_t end) {
      kernels->backward(end - begin, channels, f32(in[0]) + begin * y.pixelStride, y.pixelStride,
                        f32(in[1]) + begin * dy.pixelStride, dy.pixelStride, f32(out[0]) + begin * dx.pixelStride,
                        dx.pixelStride);
    });
    return okStatus();
  };
  return makePlan(request, "rows", "softmax_bwd_input_f32", 0, body);
}

constexpr const char* kX[] = {"x", nullptr};
constexpr const char* kY[] = {"y", nullptr};
constexpr const char* kYDy[] = {"y", "dy", nullptr};
constexpr const char* kDx[] = {"dx", nullptr};
constexpr const char* kNone[] = {nullptr};

}  // namespace

const OpEntry kSoftmaxOps[2] = {
    {"softmax", kX, kY, kNone, verifyForward, planForward},
    {"softmax.backward", kYDy, kDx, kNone, verifyBackward, planBackward},
};

}  // namespace striate
