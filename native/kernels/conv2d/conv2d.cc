#include "kernels/conv2d/conv2d.h"

#include <algorithm>
#include <utility>

#include "kernels/check.h"
#include "kernels/gemm/indirect.h"
#include "kernels/registry/registry.h"

namespace striate {
namespace {

struct Algorithm {
  const char* name;
  ConvAlgorithmFn plan;
};

// Ordered; the last accepts everything. A request for im2col or winograd starts at its entry.
constexpr Algorithm kForward[] = {
    {"depthwise", planDepthwiseForward},     {"pointwise", planPointwiseForward},
    {"fewChannels", planFewChannelsForward}, {"stem", planStemForward},
    {"stem3x3", planStem3x3Forward},         {"winograd4x4", planWinograd4Forward},
    {"winograd2x2", planWinograd2Forward},   {"smallChannel", planSmallChannelForward},
    {"implicitGemm", planImplicitForward},   {"im2col", planIm2colForward},
};
constexpr Algorithm kBackwardInput[] = {
    {"depthwise", planDepthwiseBackwardInput},     {"pointwise", planPointwiseBackwardInput},
    {"fewChannels", planFewChannelsBackwardInput}, {"winograd4x4", planWinograd4BackwardInput},
    {"winograd2x2", planWinograd2BackwardInput},   {"implicitGemm", planImplicitBackwardInput},
    {"im2col", planIm2colBackwardInput},
};
constexpr Algorithm kBackwardFilter[] = {
    {"depthwise", planDepthwiseBackwardFilter},
    {"pointwise", planPointwiseBackwardFilter},
    {"fewChannels", planFewChannelsBackwardFilter},
    {"winograd4x4", planWinograd4BackwardFilter},
    {"smallChannel", planSmallChannelBackwardFilter},
    {"implicitGemm", planImplicitBackwardFilter},
    {"im2col", planIm2colBackwardFilter},
};

template <size_t kCount>
std::unique_ptr<OpPlan> choose(const Algorithm (&menu)[kCount], const ConvRequest& request) {
  const auto named = [](const Algorithm& algorithm, const char* name) {
    return std::string(algorithm.name).rfind(name, 0) == 0;
  };
  const char* first = request.im2col ? "im2col" : request.winograd ? "winograd" : "";
  std::vector<std::string> declined;
  bool wanted = std::none_of(menu, menu + kCount, [&](const Algorithm& a) { return named(a, first); });
  for (const Algorithm& algorithm : menu) {
    std::string why;
    wanted = wanted || named(algorithm, first);
    std::unique_ptr<OpPlan> plan = wanted ? algorithm.plan(request, &why) : nullptr;
    if (plan != nullptr) {
      plan->algorithm = algorithm.name;
      plan->declined = std::move(declined);
      return plan;
    }
    declined.push_back(std::string(algorithm.name) + ": " +
                       (wanted ? why : std::string("the layer asks for ") + first));
  }
  return nullptr;
}

Status verifyChoice(const char* op, const double* at) {
  STRIATE_TRY(check::isInteger(op, "algorithm", at[0], 0, 2));
  return check::isInteger(op, "exact", at[1], 0, 1);
}

ConvRequest read(const OpRequest& r, const TensorDesc& input, const TensorDesc& filter, const TensorDesc& output,
                 int choiceAt) {
  ConvRequest request{r, readConvolution(input, filter, output, r.attributes)};
  request.im2col = r.attributes[choiceAt] == 1;
  request.winograd = r.attributes[choiceAt] == 2;
  request.exact = r.attributes[choiceAt + 1] == 1;
  return request;
}

constexpr int kForwardChoice = kAfterGroups + 2;

Status verifyForward(const OpRequest& r) {
  STRIATE_TRY(verifyConvolution({"conv2d", "x", "filter", "y"}, r.in[0], r.in[1], r.out[0], r.attributes));
  if (r.in[2].present) STRIATE_TRY(check::isVector("conv2d", "bias", r.in[2], r.out[0].channels()));
  if (r.in[3].present) STRIATE_TRY(check::matches("conv2d", "residual", r.in[3], "y", r.out[0]));
  if (r.in[kConvScale].present) STRIATE_TRY(check::isVector("conv2d", "scale", r.in[kConvScale], r.out[0].channels()));
  STRIATE_TRY(check::isActivation("conv2d", r.attributes[kAfterGroups], r.attributes[kAfterGroups + 1]));
  return verifyChoice("conv2d", r.attributes + kForwardChoice);
}
std::unique_ptr<OpPlan> planForward(const OpRequest& r) {
  ConvRequest request = read(r, r.in[0], r.in[1], r.out[0], kForwardChoice);
  request.activation = static_cast<int>(r.attributes[kAfterGroups]);
  request.slope = static_cast<float>(r.attributes[kAfterGroups + 1]);
  return choose(kForward, request);
}

Status verifyBackwardInput(const OpRequest& r) {
  STRIATE_TRY(
      verifyConvolution({"conv2d.backwardInput", "dx", "filter", "dy"}, r.out[0], r.in[1], r.in[0], r.attributes));
  return verifyChoice("conv2d.backwardInput", r.attributes + kAfterGroups);
}
std::unique_ptr<OpPlan> planBackwardInput(const OpRequest& r) {
  return choose(kBackwardInput, read(r, r.out[0], r.in[1], r.in[0], kAfterGroups));
}

Status verifyBackwardFilter(const OpRequest& r) {
  STRIATE_TRY(
      verifyConvolution({"conv2d.backwardFilter", "x", "dfilter", "dy"}, r.in[0], r.out[0], r.in[1], r.attributes));
  return verifyChoice("conv2d.backwardFilter", r.attributes + kAfterGroups);
}
std::unique_ptr<OpPlan> planBackwardFilter(const OpRequest& r) {
  return choose(kBackwardFilter, read(r, r.in[0], r.out[0], r.in[1], kAfterGroups));
}

constexpr const char* kForwardOperands[] = {"x", "filter", "bias?", "residual?", "scale?", nullptr};
constexpr const char* kForwardResults[] = {"y", nullptr};
constexpr const char* kForwardAttributes[] = {"strideH",  "strideW",   "padTop",    "padBottom", "padLeft",
                                              "padRight", "dilationH", "dilationW", "groups",    "activation",
                                              "slope",    "algorithm", "exact",     nullptr};
constexpr const char* kBackwardAttributes[] = {"strideH",   "strideW",   "padTop", "padBottom", "padLeft", "padRight",
                                               "dilationH", "dilationW", "groups", "algorithm", "exact",   nullptr};
constexpr const char* kBackwardInputOperands[] = {"dy", "filter", nullptr};
constexpr const char* kBackwardInputResults[] = {"dx", nullptr};
constexpr const char* kBackwardFilterOperands[] = {"x", "dy", nullptr};
constexpr const char* kBackwardFilterResults[] = {"dfilter", nullptr};

}  // namespace

std::string convKernelName(const char* direction, const char* algorithm, const char* tile, Isa isa) {
  return std::string("conv2d_") + direction + "_f32_" + algorithm + "_" + tile + "__" + isaName(isa);
}
std::string convKernelName(const char* direction, const char* algorithm, const GemmKernels& kernels) {
  return std::string("conv2d_") + direction + "_f32_" + algorithm + "_" + wideTileName(kernels) + "__" + kernels.isa;
}

const OpEntry kConv2dOps[3] = {
    {"conv2d", kForwardOperands, kForwardResults, kForwardAttributes, verifyForward, planForward},
    {"conv2d.backwardInput", kBackwardInputOperands, kBackwardInputResults, kBackwardAttributes, verifyBackwardInput,
     planBackwardInput},
    {"conv2d.backwardFilter", kBackwardFilterOperands, kBackwardFilterResults, kBackwardAttributes,
     verifyBackwardFilter, planBackwardFilter},
};

}  // namespace striate
