// An IndirectGemm whose B is packed where it lives: once per State version for a constant operand, else in scratch at
// each run.
#pragma once
#include <utility>

#include "kernels/gemm/indirect.h"
#include "kernels/plan.h"

namespace striate {

class PackedGemm {
 public:
  PackedGemm(IndirectSpec spec, bool constantB) : constantB_(constantB), gemm_(std::move(spec)) {}
  size_t packedBytes() const { return constantB_ ? gemm_.packedBytes() : 0; }
  size_t scratchBytes() const { return gemm_.scratchBytes() + ownPacked(); }
  void pack(const RunContext& context, const void* b, float* packed) const {
    gemm_.pack(*context.pool, f32(b), packed);
  }

  // Fills in operands.packed and operands.scratch; `scratch` has scratchBytes(). Several calls of run() may follow.
  void begin(const RunContext& context, const void* b, std::byte* scratch, IndirectOperands* operands) const {
    operands->scratch = scratch + ownPacked();
    operands->packed = context.packed;
    if (!constantB_) {
      float* packed = reinterpret_cast<float*>(scratch);
      gemm_.pack(*context.pool, f32(b), packed);
      operands->packed = packed;
    }
  }
  void run(const RunContext& context, const IndirectOperands& operands) const { gemm_.run(*context.pool, operands); }

 private:
  size_t ownPacked() const { return constantB_ ? 0 : (gemm_.packedBytes() + 63) & ~size_t{63}; }
  bool constantB_;
  IndirectGemm gemm_;
};

}  // namespace striate
