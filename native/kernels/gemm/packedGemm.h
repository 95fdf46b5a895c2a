// An IndirectGemm whose B is packed where it lives: once per State version for a constant operand that fits the budget,
// else in scratch at each run. A scale per column goes into B while packing.
#pragma once
#include <utility>

#include "kernels/gemm/indirect.h"
#include "kernels/plan.h"

namespace striate {

class PackedGemm {
 public:
  static constexpr int kUnscaled = -1;
  static constexpr int kFactor = 1;  // which operand of the op is B

  // scaleAt: which operand of the op multiplies the columns of B.
  PackedGemm(IndirectSpec spec, const OpRequest& request, int scaleAt)
      : scaleAt_(scaleAt),
        gemm_(std::move(spec)),
        keepsPacked_(request.in[kFactor].constant &&
                     (scaleAt == kUnscaled || !request.in[scaleAt].present || request.in[scaleAt].constant) &&
                     gemm_.packedBytes() <= request.packedBudget) {}
  size_t packedBytes() const { return keepsPacked_ ? gemm_.packedBytes() : 0; }
  size_t scratchBytes() const { return gemm_.scratchBytes() + ownPacked(); }
  void pack(const RunContext& context, const void* const* in, float* packed) const {
    gemm_.pack(*context.pool, f32(in[kFactor]), scaleAt_ == kUnscaled ? nullptr : f32(in[scaleAt_]), packed);
  }

  // Fills in operands.packed and operands.scratch; `scratch` has scratchBytes(). Several calls of run() may follow.
  void begin(const RunContext& context, const void* const* in, std::byte* scratch, IndirectOperands* operands) const {
    operands->scratch = scratch + ownPacked();
    operands->packed = context.packed;
    if (!keepsPacked_) {
      float* packed = reinterpret_cast<float*>(scratch);
      pack(context, in, packed);
      operands->packed = packed;
    }
  }
  void run(const RunContext& context, const IndirectOperands& operands) const { gemm_.run(*context.pool, operands); }

 private:
  size_t ownPacked() const { return keepsPacked_ ? 0 : (gemm_.packedBytes() + 63) & ~size_t{63}; }
  int scaleAt_;
  IndirectGemm gemm_;
  bool keepsPacked_;
};

}  // namespace striate
