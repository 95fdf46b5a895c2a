#include <algorithm>

#include "kernels/check.h"
#include "kernels/conv2d/geometry.h"
#include "kernels/im2col/lines.h"
#include "kernels/plan.h"
#include "kernels/registry/registry.h"

namespace striate {
namespace {

constexpr int64_t kTaskFloats = 64 << 10;  // about 25 us when the columns go to memory

template <class Body>
void overLines(ThreadPool& pool, int64_t lines, int64_t floats, const Body& body) {
  const int64_t tasks = floats < 2 * kTaskFloats ? 1 : std::min<int64_t>({lines, floats / kTaskFloats, 256});
  pool.parallelFor(tasks, [&](int64_t task) {
    for (int64_t line = lines * task / tasks; line < lines * (task + 1) / tasks; ++line) body(line);
  });
}

constexpr int kKernelH = 0, kKernelW = 1, kWindow = 2, kDilationH = 8, kDilationW = 9;  // positions of the attributes

SlidingWindow read(const TensorDesc& x, const TensorDesc& columns, const double* attributes) {
  const auto at = [&](int i) { return static_cast<int64_t>(attributes[i]); };
  const auto window = [&](ConvAttribute i) { return at(kWindow + static_cast<int>(i)); };
  return {x.dims[1],        x.dims[2],           x.channels(),     x.pixelStride,  columns.dims[1],
          columns.dims[2],  columns.pixelStride, at(kKernelH),     at(kKernelW),   window(kStrideH),
          window(kStrideW), window(kPadTop),     window(kPadLeft), at(kDilationH), at(kDilationW)};
}

Status verify(const char* op, const TensorDesc& x, const TensorDesc& columns, const double* attributes) {
  STRIATE_TRY(check::isF32(op, "x", x));
  STRIATE_TRY(check::isF32(op, "columns", columns));
  STRIATE_REFUSE_IF(x.rank != 4 || columns.rank != 4 || x.batched != columns.batched || x.dims[0] != columns.dims[0],
                    op, ": x and columns must have 4 dimensions and the same images, got ", check::shapeOf(x), " and ",
                    check::shapeOf(columns));
  STRIATE_TRY(check::isInteger(op, "kernelH", attributes[kKernelH], 1));
  STRIATE_TRY(check::isInteger(op, "kernelW", attributes[kKernelW], 1));
  STRIATE_TRY(check::isInteger(op, "dilationH", attributes[kDilationH], 1));
  STRIATE_TRY(check::isInteger(op, "dilationW", attributes[kDilationW], 1));
  const auto kernelH = static_cast<int64_t>(attributes[kKernelH]);
  const auto kernelW = static_cast<int64_t>(attributes[kKernelW]);
  // kernelH * kernelW < 2^62; a product with the channels may not fit, so divide.
  STRIATE_REFUSE_IF(
      columns.channels() % (kernelH * kernelW) != 0 || columns.channels() / (kernelH * kernelW) != x.channels(), op,
      ": columns must have kernelH * kernelW * channels channels, got ", check::shapeOf(columns), " with kernel ",
      kernelH, "x", kernelW, " over ", check::shapeOf(x));
  const Window window = {kernelH, kernelW, static_cast<int64_t>(attributes[kDilationH]),
                         static_cast<int64_t>(attributes[kDilationW])};
  return verifyWindow(op, attributes + kWindow, window, x.dims[1], x.dims[2], columns.dims[1], columns.dims[2]);
}

Status verifyIm2col(const OpRequest& r) { return verify("im2col", r.in[0], r.out[0], r.attributes); }
Status verifyCol2im(const OpRequest& r) { return verify("col2im", r.out[0], r.in[0], r.attributes); }

std::unique_ptr<OpPlan> planIm2col(const OpRequest& r) {
  return makePlan(r, "im2col", "im2col_fwd_f32", 0,
                  [window = read(r.in[0], r.out[0], r.attributes), x = r.in[0], isa = r.isa](
                      const RunContext& context, const void* const* in, void* const* out) {
                    gatherImages(*context.pool, isa, window, x.batched ? context.rows : x.dims[0], f32(in[0]),
                                 f32(out[0]));
                    return okStatus();
                  });
}
std::unique_ptr<OpPlan> planCol2im(const OpRequest& r) {
  return makePlan(r, "col2im", "col2im_fwd_f32", 0,
                  [window = read(r.out[0], r.in[0], r.attributes), x = r.out[0], isa = r.isa](
                      const RunContext& context, const void* const* in, void* const* out) {
                    scatterImages(*context.pool, isa, window, x.batched ? context.rows : x.dims[0], f32(in[0]),
                                  f32(out[0]));
                    return okStatus();
                  });
}

constexpr const char* kX[] = {"x", nullptr};
constexpr const char* kColumns[] = {"columns", nullptr};
constexpr const char* kAttributes[] = {"kernelH", "kernelW",  "strideH",   "strideW",   "padTop", "padBottom",
                                       "padLeft", "padRight", "dilationH", "dilationW", nullptr};

}  // namespace

const Im2colKernels& im2colKernels(Isa isa) { return STRIATE_KERNELS(isa, kIm2col); }

void gatherImages(ThreadPool& pool, Isa isa, const SlidingWindow& window, int64_t images, const float* x,
                  float* columns) {
  const Im2colKernels& kernels = im2colKernels(isa);
  const int64_t lines = images * window.oh;
  overLines(pool, lines, lines * window.ow * window.kernelH * window.kernelW * window.channels, [&](int64_t line) {
    kernels.gatherLine(window, x + line / window.oh * window.h * window.w * window.pixel, line % window.oh,
                       columns + line * window.ow * window.columnsPixel);
  });
}

void scatterImages(ThreadPool& pool, Isa isa, const SlidingWindow& window, int64_t images, const float* columns,
                   float* x) {
  const Im2colKernels& kernels = im2colKernels(isa);
  const int64_t lines = images * window.h;
  overLines(pool, lines, images * window.oh * window.ow * window.kernelH * window.kernelW * window.channels,
            [&](int64_t line) {
              kernels.scatterLine(window, columns + line / window.h * window.oh * window.ow * window.columnsPixel,
                                  line % window.h, x + line * window.w * window.pixel);
            });
}

const OpEntry kIm2colOps[2] = {
    {"im2col", kX, kColumns, kAttributes, verifyIm2col, planIm2col},
    {"col2im", kColumns, kX, kAttributes, verifyCol2im, planCol2im},
};

}  // namespace striate
