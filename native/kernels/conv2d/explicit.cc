// algorithm "im2col": the whole matrix of columns is written out, then multiplied. What textbooks and older frameworks
// do, kept to compare with; a few images at a time, so that the matrix stays within kMostColumns (one image at least).
#include <algorithm>
#include <utility>

#include "kernels/conv2d/conv2d.h"
#include "kernels/gemm/overPixels.h"
#include "kernels/gemm/packedGemm.h"
#include "kernels/im2col/lines.h"

namespace striate {
namespace {

constexpr double kMostColumns = 16 << 20;  // floats: 64 MiB

size_t align64(size_t bytes) { return (bytes + 63) & ~size_t{63}; }

struct Columns {
  SlidingWindow window;
  int64_t depth;   // floats of one pixel
  int64_t pixels;  // of one image
  int64_t images;  // of one chunk

  explicit Columns(const ConvGeometry& g)
      : window{g.h,        g.w,       g.channels, g.inputPixel, g.oh,     g.ow,      g.taps() * g.channels,
               g.kernelH,  g.kernelW, g.strideH,  g.strideW,    g.padTop, g.padLeft, g.dilationH,
               g.dilationW},
        depth(g.taps() * g.channels),
        pixels(g.oh * g.ow),
        images(std::clamp<int64_t>(
            static_cast<int64_t>(kMostColumns / (static_cast<double>(depth) * static_cast<double>(pixels))), 1,
            g.images)) {}
  size_t bytes() const {
    // Only a hostile Program gets here with a product that does not fit; its scratch is then refused as too large.
    const double wanted =
        static_cast<double>(images) * static_cast<double>(pixels) * static_cast<double>(depth) * sizeof(float);
    if (wanted > 0x1p60) return size_t{1} << 60;
    return align64(static_cast<size_t>(images * pixels * depth) * sizeof(float));
  }
};

// One row of columns as an image of `taps` pixels in a line: taps then pick the channels of a group.
IndirectProblem groupedRows(const ConvGeometry& g) {
  IndirectProblem problem;
  problem.sourceW = g.taps();
  for (int64_t tap = 0; tap < g.taps(); ++tap) problem.taps.push_back({0, tap, tap});
  return problem;
}
IndirectProblem denseRows() {
  IndirectProblem problem;
  problem.taps = {{0, 0, 0}};
  return problem;
}

class Explicit : public OpPlan {
 public:
  Explicit(const ConvRequest& request, const char* direction, const GemmKernels& kernels)
      : geometry_(request.geometry), columns_(request.geometry), isa_(request.op.isa) {
    kernel = convKernelName(direction, "im2col", kernels);
  }

 protected:
  // body(first image, images): chunk after chunk of the live images.
  template <class Body>
  void overChunks(const RunContext& context, const Body& body) const {
    const int64_t live = geometry_.liveImages(context.rows);
    for (int64_t image = 0; image < live; image += columns_.images)
      body(image, std::min(columns_.images, live - image));
  }
  void gather(const RunContext& context, const float* x, int64_t image, int64_t images, float* columns) const {
    gatherImages(*context.pool, isa_, columns_.window, images,
                 x + image * geometry_.h * geometry_.w * geometry_.inputPixel, columns);
  }
  ConvGeometry geometry_;
  Columns columns_;
  Isa isa_;
};

class Product : public Explicit {
 public:
  Product(const ConvRequest& request, const char* direction, IndirectSpec spec, int scaleAt)
      : Explicit(request, direction, *spec.kernels), gemm_(std::move(spec), request.op, scaleAt) {}
  size_t scratchBytes() const override { return columns_.bytes() + gemm_.scratchBytes(); }
  size_t packedBytes() const override { return gemm_.packedBytes(); }
  void pack(const RunContext& context, const void* const* in, float* packed) const override {
    gemm_.pack(context, in, packed);
  }

 protected:
  float* columnsOf(const RunContext& context) const { return reinterpret_cast<float*>(context.scratch); }
  PackedGemm gemm_;
};

class Forward final : public Product {
 public:
  Forward(const ConvRequest& request, IndirectSpec spec)
      : Product(request, "fwd", std::move(spec), kConvScale), residualPixel_(request.op.in[3].pixelStride) {}
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    IndirectOperands operands;
    gemm_.begin(context, in, context.scratch + columns_.bytes(), &operands);
    operands.source = columnsOf(context);
    operands.bias = f32(in[2]);
    overChunks(context, [&](int64_t image, int64_t images) {
      gather(context, f32(in[0]), image, images, columnsOf(context));
      const int64_t pixel = image * columns_.pixels;
      operands.images = images * columns_.pixels;
      operands.target = f32(out[0]) + pixel * geometry_.outputPixel;
      operands.residual = in[3] == nullptr ? nullptr : f32(in[3]) + pixel * residualPixel_;
      gemm_.run(context, operands);
    });
    return okStatus();
  }

 private:
  int64_t residualPixel_;
};

class BackwardInput final : public Product {
 public:
  BackwardInput(const ConvRequest& request, IndirectSpec spec)
      : Product(request, "bwd_input", std::move(spec), PackedGemm::kUnscaled) {}
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    IndirectOperands operands;
    gemm_.begin(context, in, context.scratch + columns_.bytes(), &operands);
    operands.target = columnsOf(context);
    overChunks(context, [&](int64_t image, int64_t images) {
      operands.images = images * columns_.pixels;
      operands.source = f32(in[0]) + image * columns_.pixels * geometry_.outputPixel;
      gemm_.run(context, operands);
      scatterImages(*context.pool, isa_, columns_.window, images, columnsOf(context),
                    f32(out[0]) + image * geometry_.h * geometry_.w * geometry_.inputPixel);
    });
    return okStatus();
  }
};

class BackwardFilter final : public Explicit {
 public:
  BackwardFilter(const ConvRequest& request, OverPixelsSpec spec)
      : Explicit(request, "bwd_filter", *spec.kernels), gemm_(std::move(spec)) {}
  size_t scratchBytes() const override { return columns_.bytes() + gemm_.scratchBytes(); }
  Status run(const RunContext& context, const void* const* in, void* const* out) const override {
    float* columns = reinterpret_cast<float*>(context.scratch);
    OverPixelsOperands operands;
    operands.source = columns;
    operands.target = f32(out[0]);
    operands.scratch = context.scratch + columns_.bytes();
    overChunks(context, [&](int64_t image, int64_t images) {
      gather(context, f32(in[0]), image, images, columns);
      operands.images = images * columns_.pixels;
      operands.b = f32(in[1]) + image * columns_.pixels * geometry_.outputPixel;
      operands.add = image > 0;
      gemm_.run(*context.pool, operands);
    });
    return okStatus();
  }

 private:
  OverPixelsGemm gemm_;
};

}  // namespace

std::unique_ptr<OpPlan> planIm2colForward(const ConvRequest& request, std::string*) {
  const ConvGeometry& g = request.geometry;
  const Columns columns(g);
  IndirectSpec spec;
  spec.images = columns.images * columns.pixels;
  spec.columns = g.groupFilters();
  spec.kernels = &gemmKernels(request.op.isa, spec.columns);
  spec.groups = g.groups;
  spec.targetPixel = g.outputPixel;
  spec.residualPixel = request.op.in[3].pixelStride;
  spec.activation = request.activation;
  spec.slope = request.slope;
  spec.bTap = g.groupChannels() * g.filterPixel;
  spec.bGroup = g.groupFilters();
  spec.bChannel = g.filterPixel;
  spec.bColumn = 1;
  spec.channels = g.groups == 1 ? columns.depth : g.groupChannels();
  spec.sourcePixel = g.groups == 1 ? columns.depth : g.channels;
  spec.problems = {g.groups == 1 ? denseRows() : groupedRows(g)};
  return std::make_unique<Forward>(request, std::move(spec));
}

std::unique_ptr<OpPlan> planIm2colBackwardInput(const ConvRequest& request, std::string*) {
  const ConvGeometry& g = request.geometry;
  const Columns columns(g);
  IndirectSpec spec;
  spec.images = columns.images * columns.pixels;
  spec.channels = g.groupFilters();
  spec.groups = g.groups;
  spec.sourcePixel = g.outputPixel;
  spec.bTap = g.groupChannels() * g.filterPixel;
  spec.bGroup = g.groupFilters();
  spec.bChannel = 1;
  spec.bColumn = g.filterPixel;
  if (g.groups == 1) {
    spec.columns = spec.targetPixel = columns.depth;
    spec.problems = {denseRows()};
  } else {
    // The columns of a group are not contiguous over the taps: one problem per tap, which writes its pixel of the row.
    spec.columns = g.groupChannels();
    spec.targetPixel = g.channels;
    for (int64_t tap = 0; tap < g.taps(); ++tap) {
      IndirectProblem problem;
      problem.targetW = g.taps();
      problem.targetW0 = tap;
      problem.taps = {{0, 0, tap}};
      spec.problems.push_back(std::move(problem));
    }
  }
  spec.kernels = &gemmKernels(request.op.isa, spec.columns);
  return std::make_unique<BackwardInput>(request, std::move(spec));
}

std::unique_ptr<OpPlan> planIm2colBackwardFilter(const ConvRequest& request, std::string*) {
  const ConvGeometry& g = request.geometry;
  const Columns columns(g);
  OverPixelsSpec spec;
  spec.images = columns.images * columns.pixels;
  spec.channels = g.groups == 1 ? columns.depth : g.groupChannels();
  spec.columns = g.groupFilters();
  spec.kernels = &gemmKernels(request.op.isa, spec.columns);
  spec.groups = g.groups;
  spec.sourcePixel = g.groups == 1 ? columns.depth : g.channels;
  spec.bPixel = g.outputPixel;
  spec.targetPixel = g.filterPixel;
  spec.problem = g.groups == 1 ? denseRows() : groupedRows(g);
  return std::make_unique<BackwardFilter>(request, std::move(spec));
}

}  // namespace striate
