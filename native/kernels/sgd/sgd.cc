#include "kernels/sgd/sgd.h"

#include "kernels/check.h"
#include "kernels/plan.h"
#include "kernels/registry/registry.h"
#include "kernels/split.h"

namespace striate {
namespace {

constexpr const char* kOp = "sgd";

Status verify(const OpRequest& request) {
  const TensorDesc &parameter = request.in[0], &velocity = request.in[2], &newVelocity = request.out[1];
  STRIATE_TRY(check::isF32(kOp, "parameter", parameter));
  STRIATE_TRY(check::matches(kOp, "gradient", request.in[1], "parameter", parameter));
  STRIATE_TRY(check::matches(kOp, "newParameter", request.out[0], "parameter", parameter));
  STRIATE_REFUSE_IF(velocity.present != newVelocity.present, kOp, ": velocity and newVelocity must come together, got ",
                    velocity.present ? "velocity" : "newVelocity", " alone");
  if (velocity.present) {
    STRIATE_TRY(check::matches(kOp, "velocity", velocity, "parameter", parameter));
    STRIATE_TRY(check::matches(kOp, "newVelocity", newVelocity, "parameter", parameter));
  }
  STRIATE_REFUSE_IF(!velocity.present && request.attributes[0] != 0, kOp, ": momentum needs velocity, got momentum ",
                    request.attributes[0], " without it");
  return check::isInteger(kOp, "nesterov", request.attributes[1], 0, 1);
}

std::unique_ptr<OpPlan> plan(const OpRequest& request) {
  const auto body = [kernels = &STRIATE_KERNELS(request.isa, kSgd), parameter = request.in[0], gradient = request.in[1],
                     velocity = request.in[2], newParameter = request.out[0], newVelocity = request.out[1],
                     momentum = static_cast<float>(request.attributes[0]), nesterov = request.attributes[1] != 0,
                     weightDecay = static_cast<float>(request.attributes[2])](const RunContext& context,
                                                                              const void* const* in, void* const* out) {
    const bool slots = velocity.present;
    const bool dense = parameter.dense() && gradient.dense() && newParameter.dense() &&
                       (!slots || (velocity.dense() && newVelocity.dense()));
    forParts(context, liveExtent(parameter, context.rows, dense), 0.6, [&](const Part& part) {
      kernels->update({.pixels = part.pixels,
                       .channels = part.channels,
                       .parameter = at(f32(in[0]), parameter.pixelStride, part),
                       .gradient = at(f32(in[1]), gradient.pixelStride, part),
                       .velocity = slots ? at(f32(in[2]), velocity.pixelStride, part) : nullptr,
                       .parameterStride = parameter.pixelStride,
                       .gradientStride = gradient.pixelStride,
                       .velocityStride = velocity.pixelStride,
                       .newParameter = at(f32(out[0]), newParameter.pixelStride, part),
                       .newVelocity = slots ? at(f32(out[1]), newVelocity.pixelStride, part) : nullptr,
                       .newParameterStride = newParameter.pixelStride,
                       .newVelocityStride = newVelocity.pixelStride,
                       .learningRate = static_cast<float>(context.learningRate),
                       .momentum = momentum,
                       .weightDecay = weightDecay,
                       .nesterov = nesterov});
    });
    return okStatus();
  };
  return makePlan(request, "elementwise", "sgd_f32", 0, body);
}

constexpr const char* kOperands[] = {"parameter", "gradient", "velocity?", nullptr};
constexpr const char* kResults[] = {"newParameter", "newVelocity?", nullptr};
constexpr const char* kAttributes[] = {"momentum", "nesterov", "weightDecay", nullptr};

}  // namespace

const OpEntry kSgdOps[1] = {{kOp, kOperands, kResults, kAttributes, verify, plan, /*commit=*/true}};

}  // namespace striate
