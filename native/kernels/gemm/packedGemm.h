// An IndirectGemm whose B is packed where it lives: once per State version for a constant operand that fits the budget,
// else at each run, as a whole into scratch where many rows use it, panel by panel inside the tasks where few do. A
// scale per column goes into B while packing.
//
// Measured (Zen 4, avx2): 512 filters of 3x3 at 7x7, one image, input gradient: packed whole 65 % of peak, in tasks 80
// %; 16 images: whole 94 %, in tasks 88 %.
#pragma once
#include <utility>

#include "kernels/gemm/indirect.h"
#include "kernels/plan.h"

namespace striate {

class PackedGemm {
 public:
  static constexpr int kUnscaled = -1;

  // Whether the budget allows a packed B that stays. scaleAt: which operand of the op multiplies the columns of B.
  static bool keeps(const IndirectSpec& spec, const OpRequest& request, int scaleAt) {
    return request.in[kPackedOperand].constant &&
           (scaleAt == kUnscaled || !request.in[scaleAt].present || request.in[scaleAt].constant) &&
           IndirectGemm::packedBytesOf(spec) <= request.packedBudget;
  }
  PackedGemm(IndirectSpec spec, const OpRequest& request, int scaleAt)
      : scaleAt_(scaleAt), keepsPacked_(keeps(spec, request, scaleAt)), gemm_(inMode(std::move(spec), keepsPacked_)) {}
  size_t packedBytes() const { return keepsPacked_ ? gemm_.packedBytes() : 0; }
  size_t scratchBytes() const { return gemm_.scratchBytes() + ownPacked(); }
  void pack(const RunContext& context, const void* const* in, float* packed) const {
    gemm_.pack(*context.pool, f32(in[kPackedOperand]), scale(in), packed);
  }

  // Fills in what operands need of B, and the scratch of scratchBytes(). Several calls of run() may follow.
  void begin(const RunContext& context, const void* const* in, std::byte* scratch, IndirectOperands* operands) const {
    operands->scratch = scratch + ownPacked();
    operands->b = f32(in[kPackedOperand]);
    operands->scale = scale(in);
    operands->packed = context.packed;
    if (!keepsPacked_) operands->packed = nullptr;
    if (ownPacked() > 0) {
      float* packed = reinterpret_cast<float*>(scratch);
      pack(context, in, packed);
      operands->packed = packed;
    }
  }
  void run(const RunContext& context, const IndirectOperands& operands) const { gemm_.run(*context.pool, operands); }

 private:
  static IndirectSpec inMode(IndirectSpec spec, bool keepsPacked) {
    int64_t rows = 0;
    for (const IndirectProblem& problem : spec.problems) rows += spec.images * problem.gridH * problem.gridW;
    spec.packsInTasks = !keepsPacked && rows < kWholePackRows;
    return spec;
  }
  size_t ownPacked() const {
    return keepsPacked_ || gemm_.packsInTasks() ? 0 : (gemm_.packedBytes() + 63) & ~size_t{63};
  }
  const float* scale(const void* const* in) const { return scaleAt_ == kUnscaled ? nullptr : f32(in[scaleAt_]); }

  int scaleAt_;
  bool keepsPacked_;
  IndirectGemm gemm_;
};

}  // namespace striate
