// Plans of ops with one algorithm: a table of kernels picked by instruction set, and a body that runs it.
#pragma once
#include <string>
#include <utility>

#include "base/cpu.h"
#include "kernels/op.h"

// STRIATE_KERNELS(isa, kSoftmax) is the table kSoftmaxAvx2, kSoftmaxSse2 or kSoftmaxNeon; the other
// architecture's tables are not in this build. Ops that memory limits gain nothing from avx512, run their avx2 table
// there and say so (tableIsa). Those that gain have a table kGemmAvx512 and ask with STRIATE_KERNELS_TO_AVX512.
#if defined(__aarch64__) || defined(_M_ARM64)
#define STRIATE_KERNELS(isa, table) (static_cast<void>(isa), table##Neon)
#define STRIATE_KERNELS_TO_AVX512(isa, table) STRIATE_KERNELS(isa, table)
#else
#define STRIATE_KERNELS(isa, table) ((isa) == ::striate::Isa::sse2 ? table##Sse2 : table##Avx2)
#define STRIATE_KERNELS_TO_AVX512(isa, table) \
  ((isa) == ::striate::Isa::avx512 ? table##Avx512 : STRIATE_KERNELS(isa, table))
#endif

namespace striate {

// The set of the table that STRIATE_KERNELS picks.
inline Isa tableIsa(Isa isa) { return isa == Isa::avx512 ? Isa::avx2 : isa; }
// For tables that avx512 has too: it, where vectors of 16 leave few lanes empty that vectors of 8 would not (more where
// they are faster: 24 channels of MobileNetV2 on Zen 5 1.5 x), or none where filters come in panels of two whole
// vectors.
inline Isa isaOfChannels(Isa isa, int64_t channels) {
  const double most = avx512DoublesPeak() ? 1.4 : 1.15;
  const auto lanes = [&](int64_t width) { return (channels + width - 1) / width * width; };
  return static_cast<double>(lanes(16)) <= most * static_cast<double>(lanes(8)) ? isa : tableIsa(isa);
}
inline Isa isaOfPanels(Isa isa, int64_t filters) { return filters % 32 == 0 ? isa : tableIsa(isa); }

template <class Body>
class BodyPlan final : public OpPlan {
 public:
  BodyPlan(size_t scratchBytes, Body body) : scratchBytes_(scratchBytes), body_(std::move(body)) {}
  size_t scratchBytes() const override { return scratchBytes_; }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    return body_(context, in, out);
  }

 private:
  size_t scratchBytes_;
  Body body_;
};

// body(context, in, out) -> Status. `kernel` is the name without its ISA: "softmax_fwd_f32".
template <class Body>
std::unique_ptr<OpPlan> makePlan(const OpRequest& request, const char* algorithm, const char* kernel,
                                 size_t scratchBytes, Body body) {
  auto plan = std::make_unique<BodyPlan<Body>>(scratchBytes, std::move(body));
  plan->algorithm = algorithm;
  plan->kernel = std::string(kernel) + "__" + isaName(tableIsa(request.isa));
  return plan;
}

inline const float* f32(const void* p) { return static_cast<const float*>(p); }
inline float* f32(void* p) { return static_cast<float*>(p); }

}  // namespace striate
