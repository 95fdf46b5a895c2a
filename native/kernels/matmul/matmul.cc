// y[m, n] = act(op(a) * (op(b) * scale[n]) + bias[n] + residual[m, n]). Without transposeA the rows of a are read in
// place by the indirect tile; with it the contraction runs over the (live) pixels of a and b, as in a filter gradient.
#include <algorithm>
#include <utility>

#include "kernels/check.h"
#include "kernels/gemm/overPixels.h"
#include "kernels/gemm/packedGemm.h"
#include "kernels/matmul/fewRows.h"
#include "kernels/registry/registry.h"
#include "kernels/split.h"

namespace striate {
namespace {

enum Attribute : int { kTransposeA, kTransposeB, kActivation, kSlope };
constexpr int kScale = 4;
constexpr int64_t kCachedFloats = 8 << 20;  // 32 MiB

Status verify(const OpRequest& r) {
  constexpr const char* kOp = "matmul";
  const TensorDesc& a = r.in[0];
  const TensorDesc& b = r.in[1];
  const TensorDesc& y = r.out[0];
  STRIATE_TRY(check::hasChannels(kOp, "a", a));
  STRIATE_TRY(check::hasChannels(kOp, "b", b));
  STRIATE_TRY(check::hasChannels(kOp, "y", y));
  STRIATE_TRY(check::isInteger(kOp, "transposeA", r.attributes[kTransposeA], 0, 1));
  STRIATE_TRY(check::isInteger(kOp, "transposeB", r.attributes[kTransposeB], 0, 1));
  const bool transposeA = r.attributes[kTransposeA] == 1;
  const bool transposeB = r.attributes[kTransposeB] == 1;
  const int64_t rows = transposeA ? a.channels() : a.pixels();
  const int64_t depth = transposeA ? a.pixels() : a.channels();
  const int64_t columns = transposeB ? b.pixels() : b.channels();
  STRIATE_REFUSE_IF((transposeB ? b.channels() : b.pixels()) != depth || y.pixels() != rows || y.channels() != columns,
                    kOp, ": op(a) [m,k] times op(b) [k,n] must give y [m,n], got a ", check::shapeOf(a),
                    transposeA ? " transposed, b " : ", b ", check::shapeOf(b), transposeB ? " transposed, y " : ", y ",
                    check::shapeOf(y));
  // Live rows must run along m, or along k in both factors; never along n.
  const bool rowsLive = a.batched && !transposeA;
  const bool depthLive = a.batched && transposeA;
  STRIATE_REFUSE_IF(y.batched != rowsLive || (b.batched && !transposeB) != depthLive || (b.batched && transposeB) ||
                        (rowsLive && a.dims[0] != y.dims[0]) || (depthLive && a.dims[0] != b.dims[0]),
                    kOp, ": batched rows must be those of a and y, or the contraction of both factors, got a ",
                    check::shapeOf(a), transposeA ? " transposed, b " : ", b ", check::shapeOf(b),
                    transposeB ? " transposed, y " : ", y ", check::shapeOf(y));
  if (r.in[2].present) STRIATE_TRY(check::isVector(kOp, "bias", r.in[2], columns));
  if (r.in[3].present) STRIATE_TRY(check::matches(kOp, "residual", r.in[3], "y", y));
  if (r.in[kScale].present) STRIATE_TRY(check::isVector(kOp, "scale", r.in[kScale], columns));
  STRIATE_REFUSE_IF(r.in[kScale].present && transposeA, kOp,
                    ": scale belongs to weights and goes with transposeA 0 only, got transposeA 1");
  return check::isActivation(kOp, r.attributes[kActivation], r.attributes[kSlope]);
}

// Rows of b that two tasks share, each less than a page, and too many for L2.
constexpr int64_t kWideColumns = 1024, kFarFloats = 3 << 20;
bool isShortAndFar(int64_t depth, int64_t columns) {
  return columns < 2 * kWideColumns && depth * columns > kFarFloats;
}

// Up to how many rows b is read in place: where its packed copy may be kept, and where it would be packed in the run;
// more where b comes from memory, which then takes longer than the sums.
bool readsInPlace(const OpRequest& r, bool keepsPacked) {
  const int64_t rows = r.out[0].pixels();
  const bool fromMemory = r.in[1].elements() > kCachedFloats;
  if (keepsPacked) {
    // Between L2 and memory pieces of rows shorter than a page are slower than the packed panels.
    if (isShortAndFar(r.in[1].pixels(), r.in[1].channels()) && !fromMemory) return false;
    return rows <= (fromMemory ? 4 : 2);
  }
  return rows <= (fromMemory ? 16 : 8);
}

IndirectProblem line() {
  IndirectProblem problem;
  problem.taps = {{0, 0, 0}};
  return problem;
}

IndirectSpec specOf(const OpRequest& r) {
  const TensorDesc& a = r.in[0];
  const TensorDesc& b = r.in[1];
  const bool transposeB = r.attributes[kTransposeB] == 1;
  IndirectSpec spec;
  spec.images = a.pixels();
  spec.channels = a.channels();
  spec.columns = r.out[0].channels();
  spec.kernels = &gemmKernels(r.isa, spec.columns);
  spec.sourcePixel = a.pixelStride;
  spec.targetPixel = r.out[0].pixelStride;
  spec.residualPixel = r.in[3].pixelStride;
  spec.activation = static_cast<int>(r.attributes[kActivation]);
  spec.slope = static_cast<float>(r.attributes[kSlope]);
  spec.bChannel = transposeB ? 1 : b.pixelStride;
  spec.bColumn = transposeB ? b.pixelStride : 1;
  spec.problems = {line()};
  return spec;
}

class Product final : public OpPlan {
 public:
  explicit Product(const OpRequest& r) : a_(r.in[0]), gemm_(specOf(r), r, kScale) {}
  size_t scratchBytes() const override { return gemm_.scratchBytes(); }
  size_t packedBytes() const override { return gemm_.packedBytes(); }
  void pack(const RunContext& context, const void* const* in, float* packed) const override {
    gemm_.pack(context, in, packed);
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    IndirectOperands operands;
    operands.images = a_.livePixels(context.rows);
    operands.source = f32(in[0]);
    operands.bias = f32(in[2]);
    operands.residual = f32(in[3]);
    operands.target = f32(out[0]);
    gemm_.begin(context, in, context.scratch, &operands);
    gemm_.run(context, operands);
    return okStatus();
  }

 private:
  TensorDesc a_;
  PackedGemm gemm_;
};

// b is read once, where it lies. Tasks are ranges of columns, which no sum can tell; where columns are too few for two,
// they are two ranges of terms, whatever the threads, whose sums are then added. Two threads, 4096 x 128 (2 MB) on a
// Xeon with 1 MB of L2 a core: 94 -> 52 us, since each half stays in its L2; one thread equal (four ranges 3 % slower).
class FewRowsProduct final : public OpPlan {
 public:
  explicit FewRowsProduct(const OpRequest& r)
      : kernels_(STRIATE_KERNELS(r.isa, kFewRows)),
        a_(r.in[0]),
        depth_(r.in[0].channels()),
        columns_(r.out[0].channels()),
        bStride_(r.in[1].pixelStride),
        residualStride_(r.in[3].pixelStride),
        yStride_(r.out[0].pixelStride),
        granules_((columns_ + kGranule - 1) / kGranule),
        tasks_(tasksOf(depth_, columns_)),
        parts_(tasks_ > 1 ? 1 : partsOf(depth_, columns_)),
        fetches_(isShortAndFar(depth_, columns_)),
        activation_(static_cast<int>(r.attributes[kActivation])),
        slope_(static_cast<float>(r.attributes[kSlope])) {}
  size_t scratchBytes() const override { return static_cast<size_t>((parts_ + 1) * partFloats()) * sizeof(float); }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    const int64_t rows = a_.livePixels(context.rows);
    float* sums = reinterpret_cast<float*>(context.scratch);
    FewRowsBlock whole = {};
    whole.a = f32(in[0]);
    whole.aStride = a_.pixelStride;
    whole.b = f32(in[1]);
    whole.bStride = bStride_;
    whole.rows = rows;
    whole.depth = depth_;
    whole.columns = columns_;
    whole.scale = f32(in[kScale]);
    whole.bias = f32(in[2]);
    whole.residual = f32(in[3]);
    whole.residualStride = residualStride_;
    whole.y = f32(out[0]);
    whole.yStride = yStride_;
    whole.fetches = fetches_;
    whole.activation = activation_;
    whole.slope = slope_;
    if (parts_ == 1) {
      context.pool->parallelFor(tasks_, [&](int64_t task) { runColumns(whole, task, sums); });
    } else {
      context.pool->parallelFor(parts_, [&](int64_t part) { runTerms(whole, part, sums + part * partFloats()); });
      addParts(whole, sums, sums + parts_ * partFloats());
    }
    return okStatus();
  }

 private:
  static constexpr int64_t kGranule = 32;        // columns: two lines
  static constexpr int64_t kLeastColumns = 256;  // of one of two tasks
  static constexpr int64_t kLeastTerms = 256;    // of a part
  static constexpr int64_t kParts = 2;
  static constexpr double kNanosecondsPerFloat = 0.15;
  static double nanosecondsOf(int64_t depth, int64_t columns) {
    return kNanosecondsPerFloat * static_cast<double>(depth) * static_cast<double>(columns);
  }
  static int64_t tasksOf(int64_t depth, int64_t columns) {
    const int64_t most = std::max(columns / kWideColumns, std::min<int64_t>(2, columns / kLeastColumns));
    return taskCount(nanosecondsOf(depth, columns), std::max<int64_t>(1, most));
  }
  static int64_t partsOf(int64_t depth, int64_t columns) {
    return taskCount(nanosecondsOf(depth, columns), std::clamp<int64_t>(depth / kLeastTerms, 1, kParts));
  }
  // Room for the sums of all rows and columns, those of tasks a granule apart.
  int64_t partFloats() const { return a_.pixels() * (granules_ + tasks_) * kGranule; }

  void runColumns(FewRowsBlock block, int64_t task, float* sums) const {
    const int64_t first = granules_ * task / tasks_, last = granules_ * (task + 1) / tasks_;
    const int64_t n = first * kGranule;
    const auto from = [n](const float* p) { return p == nullptr ? nullptr : p + n; };
    block.b += n;
    block.columns = std::min(columns_, last * kGranule) - n;
    // Sums of a task lie together and a granule apart: rows a power of two apart would meet in the same sets of L1.
    block.sums = sums + block.rows * (first + task) * kGranule;
    block.sumStride = (last - first + 1) * kGranule;
    block.scale = from(block.scale);
    block.bias = from(block.bias);
    block.residual = from(block.residual);
    block.y += n;
    kernels_.product(block);
  }
  void runTerms(FewRowsBlock block, int64_t part, float* sums) const {
    const int64_t groups = (depth_ + kFewRowsTerms - 1) / kFewRowsTerms;
    const int64_t first = groups * part / parts_ * kFewRowsTerms;
    block.a += first;
    block.b += first * bStride_;
    block.depth = std::min(depth_, groups * (part + 1) / parts_ * kFewRowsTerms) - first;
    block.sums = block.y = sums;
    block.sumStride = block.yStride = (granules_ + 1) * kGranule;
    block.scale = block.bias = block.residual = nullptr;
    block.activation = kActivationNone;
    kernels_.product(block);
  }
  // A product with ones: all that comes after the sums comes with it.
  void addParts(FewRowsBlock block, const float* parts, float* sums) const {
    constexpr float kOnes[kParts] = {1, 1};
    const int64_t rows = block.rows, stride = (granules_ + 1) * kGranule;
    block.a = kOnes;
    block.bStride = partFloats();
    block.rows = 1;
    block.depth = parts_;
    block.sums = sums;
    block.fetches = false;
    for (int64_t m = 0; m < rows; ++m, block.y += yStride_) {
      block.b = parts + m * stride;
      kernels_.product(block);
      if (block.residual != nullptr) block.residual += residualStride_;
    }
  }

  const FewRowsKernels& kernels_;
  TensorDesc a_;
  int64_t depth_, columns_, bStride_, residualStride_, yStride_, granules_, tasks_, parts_;
  bool fetches_;
  int activation_;
  float slope_;
};

// An empty sum per element, so that the tile's epilogue alone remains: target = act(bias + residual).
IndirectSpec epilogueOf(const OpRequest& r, bool last) {
  IndirectSpec spec = specOf(r);
  spec.images = r.out[0].pixels();
  spec.channels = 1;
  spec.problems[0].taps.clear();
  if (last) {
    spec.residualPixel = spec.targetPixel;
  } else {
    spec.activation = kActivationNone;
  }
  return spec;
}

class TransposedProduct final : public OpPlan {
 public:
  explicit TransposedProduct(const OpRequest& r)
      : a_(r.in[0]),
        rows_(r.out[0].pixels()),
        startsFrom_(r.in[2].present || r.in[3].present),
        activates_(r.attributes[kActivation] != 0),
        gemm_(overPixels(r)),
        start_(epilogueOf(r, false)),
        finish_(epilogueOf(r, true)) {}
  size_t scratchBytes() const override {
    return std::max({gemm_.scratchBytes(), start_.scratchBytes(), finish_.scratchBytes()});
  }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    float* y = f32(out[0]);
    if (startsFrom_) start_.run(*context.pool, {rows_, nullptr, nullptr, f32(in[2]), f32(in[3]), y, context.scratch});
    gemm_.run(*context.pool, {a_.livePixels(context.rows), f32(in[0]), f32(in[1]), y, startsFrom_, context.scratch});
    if (activates_) finish_.run(*context.pool, {rows_, nullptr, nullptr, nullptr, y, y, context.scratch});
    return okStatus();
  }

 private:
  static OverPixelsSpec overPixels(const OpRequest& r) {
    OverPixelsSpec spec;
    spec.images = r.in[0].pixels();
    spec.channels = r.in[0].channels();
    spec.columns = r.out[0].channels();
    spec.kernels = &gemmKernels(r.isa, spec.columns);
    spec.sourcePixel = r.in[0].pixelStride;
    spec.bPixel = r.in[1].pixelStride;
    spec.targetPixel = r.out[0].pixelStride;
    spec.bTransposed = r.attributes[kTransposeB] == 1;
    spec.problem = line();
    return spec;
  }
  TensorDesc a_;
  int64_t rows_;
  bool startsFrom_;
  bool activates_;
  OverPixelsGemm gemm_;
  IndirectGemm start_;
  IndirectGemm finish_;
};

std::unique_ptr<OpPlan> plan(const OpRequest& r) {
  std::unique_ptr<OpPlan> plan;
  const bool transposeA = r.attributes[kTransposeA] == 1;
  if (!transposeA && r.attributes[kTransposeB] == 0 && readsInPlace(r, PackedGemm::keeps(specOf(r), r, kScale))) {
    plan = std::make_unique<FewRowsProduct>(r);
    plan->algorithm = "fewRows";
    plan->kernel = std::string("matmul_fwd_f32_fewRows__") + isaName(tableIsa(r.isa));
    return plan;
  }
  const GemmKernels& kernels = gemmKernels(r.isa, r.out[0].channels());
  if (transposeA) {
    plan = std::make_unique<TransposedProduct>(r);
  } else {
    plan = std::make_unique<Product>(r);
  }
  plan->algorithm = transposeA ? "gemmOverPixels" : "gemm";
  plan->kernel = std::string("matmul_fwd_f32_") + plan->algorithm + "_" + wideTileName(kernels) + "__" + kernels.isa;
  return plan;
}

constexpr const char* kOperands[] = {"a", "b", "bias?", "residual?", "scale?", nullptr};
constexpr const char* kResults[] = {"y", nullptr};
constexpr const char* kAttributes[] = {"transposeA", "transposeB", "activation", "slope", nullptr};

}  // namespace

const OpEntry kMatmulOps[1] = {{"matmul", kOperands, kResults, kAttributes, verify, plan}};

}  // namespace striate
