#include "test/op_fixture.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "simd/activationCodes.h"
#include "test/isa.h"
#include "test/with_threads.h"

namespace striate::test {
namespace {

// Elements behind the data that must keep their bits. The address sanitizer guards the end better, if nothing is there.
#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kBand = 0;
#else
constexpr int64_t kBand = 32;
#endif

// Whether a run begins with its last task, on one thread. Sanitizers, under which a run takes ten times as long, see by
// themselves what the other order is there to show.
#ifdef STRIATE_SANITIZE
constexpr bool kOrders[] = {false};
#else
constexpr bool kOrders[] = {true, false};
#endif

int64_t sizeOf(Dtype dtype) { return dtype == Dtype::u8 ? 1 : 4; }

OpRequest requestOf(const std::vector<TensorDesc>& in, const std::vector<TensorDesc>& out,
                    const std::vector<double>& attributes, int64_t rows) {
  return {in.data(), out.data(), attributes.data(), rows, testIsa()};
}

std::vector<TensorDesc> descsOf(const std::vector<Tensor*>& tensors) {
  std::vector<TensorDesc> descs;
  for (const Tensor* tensor : tensors) descs.push_back(tensor->desc);
  return descs;
}

size_t length(const char* const* names) {
  size_t count = 0;
  while (names[count] != nullptr) ++count;
  return count;
}

const OpEntry& entryOf(const char* name, size_t operands, size_t results, size_t attributes) {
  const OpEntry* entry = findOp(name);
  REQUIRE(entry != nullptr);
  REQUIRE(length(entry->operands) == operands);
  REQUIRE(length(entry->results) == results);
  REQUIRE(length(entry->attributes) == attributes);
  return *entry;
}

}  // namespace

Tensor::Tensor(std::vector<int64_t> dims, TensorOptions options) : offset_(options.offset) {
  desc.present = true;
  desc.dtype = options.dtype;
  desc.rank = static_cast<int>(dims.size());
  for (size_t i = 0; i < dims.size(); ++i) desc.dims[i] = dims[i];
  desc.pixelStride = desc.channels() + options.gap;
  desc.batched = options.batched;
  const int64_t extent = (desc.pixels() - 1) * desc.pixelStride + desc.channels();
  bytes_.assign(static_cast<size_t>((offset_ + extent + kBand) * sizeOf(options.dtype)),
                0xff);  // NaN, -1, 255
}

Tensor& Tensor::randomize(uint32_t seed, int64_t rows, int steps) {
  uint32_t state = seed * 2654435761u + 12345u;
  const int64_t elements = liveElements(rows);
  for (int64_t i = 0; i < elements; ++i) {
    state = state * 1664525u + 1013904223u;
    const uint32_t bits = state >> 8;
    element(i) = steps > 0 ? static_cast<float>(static_cast<int>(bits % static_cast<uint32_t>(2 * steps + 1)) - steps)
                           : static_cast<float>(bits) / 8388608.0f - 1.0f;
  }
  return *this;
}

Tensor& Tensor::fill(float value, int64_t rows) {
  for (int64_t i = 0; i < liveElements(rows); ++i) element(i) = value;
  return *this;
}

std::vector<uint8_t> Tensor::withLiveBytesOf(const std::vector<uint8_t>& other, int64_t rows) const {
  const int64_t size = sizeOf(desc.dtype);
  std::vector<uint8_t> bytes = bytes_;
  for (int64_t p = 0; p < desc.livePixels(rows); ++p)
    std::copy_n(other.begin() + (offset_ + p * desc.pixelStride) * size, desc.liveChannels(rows) * size,
                bytes.begin() + (offset_ + p * desc.pixelStride) * size);
  return bytes;
}

Status runOp(const char* name, std::vector<Tensor*> in, std::vector<Tensor*> out, std::vector<double> attributes,
             const RunOptions& options) {
  const OpEntry& entry = entryOf(name, in.size(), out.size(), attributes.size());
  const std::vector<TensorDesc> inDescs = descsOf(in), outDescs = descsOf(out);
  OpRequest request = requestOf(inDescs, outDescs, attributes, options.capacity);
  request.packedBudget = options.packedBudget;
  const Status verified = entry.verify(request);
  REQUIRE_MESSAGE(verified.ok(), verified.message());

  std::vector<const void*> inPointers;
  std::vector<void*> outPointers;
  const auto pointerOf = [](Tensor* tensor) -> void* {
    if (!tensor->desc.present) return nullptr;
    return tensor->desc.dtype == Dtype::u8 ? static_cast<void*>(tensor->data<uint8_t>()) : tensor->data<float>();
  };
  for (Tensor* tensor : in) inPointers.push_back(pointerOf(tensor));
  for (Tensor* tensor : out) outPointers.push_back(pointerOf(tensor));

  std::vector<std::vector<uint8_t>> inBefore, outBefore, outFirst;
  for (Tensor* tensor : in) inBefore.push_back(tensor->bytes());
  for (Tensor* tensor : out) outBefore.push_back(tensor->bytes());

  ThreadPool& pool = ThreadPool::instance();
  Status status;
  for (const bool lastTaskFirst : kOrders) {
    for (size_t i = 0; i < out.size(); ++i) out[i]->bytes() = outBefore[i];
    const WithThreads with(lastTaskFirst ? 1 : std::min(options.threads, ThreadPool::maxSlots()));
    pool.setLastTaskFirst(lastTaskFirst);
    const std::unique_ptr<OpPlan> plan = entry.plan(request);  // planning must not look at the threads either
    std::vector<std::byte> scratch(plan->scratchBytes() + 128, std::byte{0xff});
    std::byte* aligned = scratch.data() + (64 - reinterpret_cast<uintptr_t>(scratch.data()) % 64);
    RunContext context;
    context.pool = &pool;
    context.scratch = aligned;
    context.rows = options.rows;
    context.learningRate = options.learningRate;
    // Weights of a constant operand, packed as the runner does it: once, before the runs that use them, which do not
    // get the operand itself.
    std::vector<const void*> operands = inPointers;
    REQUIRE(plan->packedBytes() <= options.packedBudget);
    std::vector<float> packed(plan->packedBytes() / sizeof(float) + 1, std::numeric_limits<float>::quiet_NaN());
    if (plan->packedBytes() > 0) {
      plan->pack(context, inPointers.data(), packed.data());
      REQUIRE(std::isnan(packed.back()));
      context.packed = packed.data();
      operands[kPackedOperand] = nullptr;
    }
    status = plan->run(context, operands.data(), outPointers.data());
    pool.setLastTaskFirst(false);
    const std::byte* end = scratch.data() + scratch.size();
    REQUIRE(std::all_of<const std::byte*>(aligned + plan->scratchBytes(), end,
                                          [](std::byte b) { return b == std::byte{0xff}; }));
    if (outFirst.empty()) {
      for (Tensor* tensor : out) outFirst.push_back(tensor->bytes());
    }
  }

  for (size_t i = 0; i < out.size(); ++i) {
    INFO(name, ": result ", i);
    REQUIRE_MESSAGE(out[i]->bytes() == outFirst[i], "neither the order of tasks nor the number of threads may matter");
    if (out[i]->desc.present) REQUIRE(out[i]->withLiveBytesOf(outBefore[i], options.rows) == outBefore[i]);
  }
  for (size_t i = 0; i < in.size(); ++i) {
    INFO(name, ": operand ", i);
    if (std::find(out.begin(), out.end(), in[i]) != out.end()) continue;
    REQUIRE(in[i]->bytes() == inBefore[i]);
  }
  return status;
}

std::string refusal(const char* name, std::vector<Tensor*> in, std::vector<Tensor*> out, std::vector<double> attributes,
                    int64_t rows) {
  const OpEntry& entry = entryOf(name, in.size(), out.size(), attributes.size());
  const std::vector<TensorDesc> inDescs = descsOf(in), outDescs = descsOf(out);
  return entry.verify(requestOf(inDescs, outDescs, attributes, rows)).message();
}

std::string kernelOf(const char* name, std::vector<Tensor*> in, std::vector<Tensor*> out,
                     std::vector<double> attributes, int64_t rows) {
  const OpEntry& entry = entryOf(name, in.size(), out.size(), attributes.size());
  const std::vector<TensorDesc> inDescs = descsOf(in), outDescs = descsOf(out);
  return entry.plan(requestOf(inDescs, outDescs, attributes, rows))->kernel;
}

double activate(int code, double slope, double x) {
  switch (code) {
    case kActivationRelu:
      return x < 0 ? 0 : x;
    case kActivationLeakyRelu:
      return x < 0 ? slope * x : x;
    case kActivationSigmoid:
      return 1 / (1 + std::exp(-x));
    case kActivationTanh:
      return std::tanh(x);
    case kActivationRelu6:
      return x < 0 ? 0 : x > 6 ? 6 : x;
    default:
      return x;
  }
}

}  // namespace striate::test
