#include "fake_ops.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <thread>

namespace striate::fake {

namespace {

using Body = std::function<Status(const RunContext&, const void* const*, void* const*)>;

class FakePlan final : public OpPlan {
 public:
  explicit FakePlan(Body body) : body_(std::move(body)) {
    algorithm = "fake";
    kernel = "fake";
  }
  size_t scratchBytes() const override { return scratch; }
  size_t packedBytes() const override { return packed; }
  void pack(const RunContext&, const void* const* in, float* target) const override {
    ++packs;
    std::copy_n(static_cast<const float*>(in[1]), packed / sizeof(float), target);
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    return body_(context, in, out);
  }
  size_t scratch = 0;
  size_t packed = 0;

 private:
  Body body_;
};

// Visits the live elements of tensors with the shape of `shape`: their offsets from each base.
template <typename Visit>
void forElements(const TensorDesc& shape, int64_t rows, const Visit& visit) {
  for (int64_t pixel = 0; pixel < shape.livePixels(rows); ++pixel) {
    for (int64_t channel = 0; channel < shape.liveChannels(rows); ++channel) {
      visit(pixel, channel);
    }
  }
}

Status sameShapes(const OpRequest& request) {
  const TensorDesc& y = request.out[0];
  for (int i = 0; i < 2; ++i) {
    const TensorDesc& x = request.in[i];
    STRIATE_REFUSE_IF(x.present && (x.dtype != Dtype::f32 || x.pixels() != y.pixels() || x.channels() != y.channels() ||
                                    x.batched != y.batched),
                      "fake: shapes differ");
  }
  return okStatus();
}
Status sameShape(const OpRequest& request) {
  STRIATE_REFUSE_IF(request.in[0].dtype != Dtype::f32 || request.in[0].pixels() != request.out[0].pixels() ||
                        request.in[0].channels() != request.out[0].channels() ||
                        request.in[0].batched != request.out[0].batched,
                    "fake: shapes differ");
  return okStatus();
}

void copyElements(const OpRequest& request, int64_t rows, const void* x, void* y, float plus) {
  forElements(request.out[0], rows, [&](int64_t pixel, int64_t channel) {
    static_cast<float*>(y)[pixel * request.out[0].pixelStride + channel] =
        static_cast<const float*>(x)[pixel * request.in[0].pixelStride + channel] + plus;
  });
}

// Plans outlive the request: they keep copies of its tensors.
struct Kept {
  explicit Kept(const OpRequest& from, int inputs) : request(from) {
    std::copy_n(from.in, inputs, in);
    out[0] = from.out[0];
    request.in = in;
    request.out = out;
    request.attributes = nullptr;
  }
  Kept(const Kept& other) : request(other.request) {
    std::copy_n(other.in, 2, in);
    out[0] = other.out[0];
    request.in = in;
    request.out = out;
  }
  TensorDesc in[2];
  TensorDesc out[1];
  OpRequest request;
};

std::unique_ptr<OpPlan> planAdd(const OpRequest& request) {
  const float bias = static_cast<float>(request.attributes[0]);
  return std::make_unique<FakePlan>(
      [kept = Kept(request, 2), bias](const RunContext& context, const void* const* in, void* const* out) {
        const TensorDesc* t = kept.in;
        forElements(kept.out[0], context.rows, [&](int64_t pixel, int64_t channel) {
          const float a = static_cast<const float*>(in[0])[pixel * t[0].pixelStride + channel];
          const float b = in[1] == nullptr ? 0 : static_cast<const float*>(in[1])[pixel * t[1].pixelStride + channel];
          static_cast<float*>(out[0])[pixel * kept.out[0].pixelStride + channel] = a + b + bias;
        });
        return okStatus();
      });
}
std::unique_ptr<OpPlan> planCopy(const OpRequest& request) {
  return std::make_unique<FakePlan>(
      [kept = Kept(request, 1)](const RunContext& context, const void* const* in, void* const* out) {
        copyElements(kept.request, context.rows, in[0], out[0], 0);
        return okStatus();
      });
}
std::unique_ptr<OpPlan> planFail(const OpRequest&) {
  return std::make_unique<FakePlan>([](const RunContext&, const void* const*, void* const*) {
    return Status(StatusCode::data, "fake: label 7 is out of range");
  });
}
std::unique_ptr<OpPlan> planGate(const OpRequest& request) {
  return std::make_unique<FakePlan>(
      [kept = Kept(request, 1)](const RunContext& context, const void* const* in, void* const* out) {
        ++gateWaiting;
        while (!gateOpen) {
          std::this_thread::yield();
        }
        copyElements(kept.request, context.rows, in[0], out[0], 0);
        return okStatus();
      });
}
std::unique_ptr<OpPlan> planPacked(const OpRequest& request) {
  auto plan = std::make_unique<FakePlan>(
      [kept = Kept(request, 2)](const RunContext& context, const void* const* in, void* const* out) {
        const float* w = context.packed != nullptr ? context.packed : static_cast<const float*>(in[1]);
        copyElements(kept.request, context.rows, in[0], out[0], w[0]);
        return okStatus();
      });
  if (request.in[1].constant) {
    plan->packed = sizeof(float);
  }
  return plan;
}
std::unique_ptr<OpPlan> planDecrement(const OpRequest& request) {
  return std::make_unique<FakePlan>(
      [kept = Kept(request, 2)](const RunContext& context, const void* const* in, void* const* out) {
        forElements(kept.out[0], context.rows, [&](int64_t pixel, int64_t channel) {
          const int64_t at = pixel * kept.out[0].pixelStride + channel;
          static_cast<float*>(out[0])[at] -= static_cast<float>(context.learningRate) *
                                             static_cast<const float*>(in[1])[pixel * kept.in[1].pixelStride + channel];
        });
        return okStatus();
      });
}
std::unique_ptr<OpPlan> planHungry(const OpRequest& request) {
  auto plan = std::make_unique<FakePlan>([bytes = static_cast<size_t>(request.attributes[0])](
                                             const RunContext& context, const void* const*, void* const*) {
    std::fill_n(context.scratch, bytes, std::byte{1});
    return okStatus();
  });
  plan->scratch = static_cast<size_t>(request.attributes[0]);
  return plan;
}
std::unique_ptr<OpPlan> planSplit(const OpRequest& request) {
  return std::make_unique<FakePlan>([kept = Kept(request, 1), second = request.out[1]](
                                        const RunContext& context, const void* const* in, void* const* out) {
    OpRequest other = kept.request;
    other.out = &second;
    copyElements(kept.request, context.rows, in[0], out[0], 0);
    copyElements(other, context.rows, in[0], out[1], 0);
    return okStatus();
  });
}
std::unique_ptr<OpPlan> planStray(const OpRequest& request) {
  return std::make_unique<FakePlan>(
      [kept = Kept(request, 1)](const RunContext& context, const void* const* in, void* const* out) {
        copyElements(kept.request, context.rows, in[0], out[0], 0);
        const_cast<float*>(static_cast<const float*>(in[0]))[1] = 7;
        return okStatus();
      });
}

constexpr const char* kAB[] = {"a", "b?", nullptr};
constexpr const char* kX[] = {"x", nullptr};
constexpr const char* kXW[] = {"x", "w", nullptr};
constexpr const char* kSG[] = {"state", "gradient", nullptr};
constexpr const char* kY[] = {"y", nullptr};
constexpr const char* kNone[] = {nullptr};
constexpr const char* kBias[] = {"bias", nullptr};
constexpr const char* kBytes[] = {"bytes", nullptr};

constexpr const char* kYZ[] = {"y", "z", nullptr};

Status twice(const OpRequest& request) {
  STRIATE_TRY(sameShape(request));
  OpRequest second = request;
  second.out = request.out + 1;
  return sameShape(second);
}
Status anything(const OpRequest&) { return okStatus(); }
Status bytes(const OpRequest& request) {
  STRIATE_REFUSE_IF(request.attributes[0] < 0, "fake.hungry: bytes must not be negative");
  return okStatus();
}

const OpEntry kOps[] = {
    {"fake.add", kAB, kY, kBias, sameShapes, planAdd, false, false, true},
    {"fake.copy", kX, kY, kNone, sameShape, planCopy, true, true},
    {"fake.fail", kX, kY, kNone, anything, planFail},
    {"fake.gate", kX, kY, kNone, sameShape, planGate},
    {"fake.packed", kXW, kY, kNone, sameShape, planPacked},
    {"fake.decrement", kSG, kY, kNone, sameShapes, planDecrement, true},
    {"fake.hungry", kX, kY, kBytes, bytes, planHungry},
    {"fake.split", kX, kYZ, kNone, twice, planSplit},
    {"fake.stray", kX, kY, kNone, sameShape, planStray},
};

}  // namespace

const OpEntry* opAt(size_t index) { return index < std::size(kOps) ? &kOps[index] : nullptr; }

}  // namespace striate::fake
