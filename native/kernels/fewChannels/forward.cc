// fewChannels, forward and backward input: chooses lanes over images where there are enough of them, else over pixels.
// Both add the same terms in the same order, so a run may take either, block by block, and give the same bits.
#include <memory>
#include <utility>

#include "kernels/fewChannels/imageLanes.h"
#include "kernels/fewChannels/pixelLanes.h"
#include "kernels/plan.h"

namespace striate {
namespace {

// A stride scatters the pixels of a line over planes: measured 1.3 of the time where sums are short.
constexpr double kStridedPlanes = 1.3;

class FewChannels final : public OpPlan {
 public:
  FewChannels(const ConvRequest& request, LanesProblem problem, Isa isa, bool forward)
      : geometry_(request.geometry),
        p_(problem),
        groups_(filterGroups(problem.filters)),
        images_(problem, isa),
        pixels_(problem, isa),
        lanes_(lanesKernels(isa).lanes),
        keepsPacked_(request.op.in[1].constant &&
                     (!forward || !request.op.in[kConvScale].present || request.op.in[kConvScale].constant) &&
                     filterBytes() <= request.op.packedBudget),
        forward_(forward) {}

  size_t scratchBytes() const override {
    return (keepsPacked_ ? 0 : filterBytes()) + slotBytes() * static_cast<size_t>(ThreadPool::maxSlots());
  }
  size_t packedBytes() const override { return keepsPacked_ ? filterBytes() : 0; }
  void pack(const RunContext&, const void* const* in, float* packed) const override {
    packLanesFilter(p_, groups_, f32(in[1]), forward_ ? f32(in[kConvScale]) : nullptr, packed);
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    LanesOperands operands;
    operands.x = f32(in[0]);
    operands.packed = context.packed;
    operands.bias = forward_ ? f32(in[2]) : nullptr;
    operands.residual = forward_ ? f32(in[3]) : nullptr;
    operands.y = f32(out[0]);
    operands.images = geometry_.liveImages(context.rows);
    std::byte* slots = context.scratch;
    if (!keepsPacked_) {
      float* packed = reinterpret_cast<float*>(slots);
      pack(context, in, packed);
      operands.packed = packed;
      slots += filterBytes();
    }
    // Whole blocks of images first, and the last block too if little of it is idle.
    const int64_t rest = operands.images % lanes_;
    const int64_t blocked = 4 * rest >= 3 * lanes_ ? operands.images : operands.images - rest;
    const int64_t imageTasks = images_.tasks(blocked);
    context.pool->parallelFor(imageTasks + pixels_.tasks(operands.images - blocked), [&](int64_t task) {
      std::byte* scratch = slots + slotBytes() * static_cast<size_t>(ThreadPool::slot());
      if (task < imageTasks) {
        images_.runTask(operands, task, scratch);
      } else {
        pixels_.runTask(operands, pixels_.tasks(blocked) + task - imageTasks, scratch);
      }
    });
    return okStatus();
  }

 private:
  size_t filterBytes() const { return lanesBytes(p_.terms() * p_.filters); }
  size_t slotBytes() const { return std::max(images_.slotBytes(), pixels_.slotBytes()); }

  ConvGeometry geometry_;
  LanesProblem p_;
  std::vector<FilterGroup> groups_;
  ImageLanes images_;
  PixelLanes pixels_;
  int64_t lanes_;
  bool keepsPacked_;
  bool forward_;
};

// Vector lanes per result, at least 1: what lies behind the last pixel of a row is wasted, images are not.
double lanesUse(const LanesProblem& p, Isa isa) {
  const int64_t lanes = lanesKernels(isa).lanes;
  if (4 * p.images >= 3 * lanes) return 1;
  const int64_t vectors = (p.ow + lanes - 1) / lanes;
  const double use = static_cast<double>(vectors * lanes) / static_cast<double>(p.ow);
  return p.strideW == 1 ? use : kStridedPlanes * use;
}

std::unique_ptr<OpPlan> plan(const ConvRequest& request, const LanesProblem& problem, const char* direction,
                             std::string* why) {
  const Isa isa = lanesIsa(problem, request.op.isa);
  *why = lanesRefusal(problem, isa, lanesUse(problem, isa));
  if (!why->empty()) return nullptr;
  auto plan = std::make_unique<FewChannels>(request, problem, isa, direction[0] == 'f');
  plan->kernel = convKernelName(direction, "lanes", tileName(lanesKernels(isa)).c_str(), isa);
  return plan;
}

}  // namespace

std::unique_ptr<OpPlan> planFewChannelsForward(const ConvRequest& request, std::string* why) {
  LanesProblem problem = lanesForward(request);
  problem.residualPixel = request.op.in[3].pixelStride;
  return plan(request, problem, "fwd", why);
}

std::unique_ptr<OpPlan> planFewChannelsBackwardInput(const ConvRequest& request, std::string* why) {
  LanesProblem problem;
  *why = lanesBackwardInput(request, &problem);
  return why->empty() ? plan(request, problem, "bwd_input", why) : nullptr;
}

}  // namespace striate
