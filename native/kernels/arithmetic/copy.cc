// copy: y = x, element for element in row-major order. The shapes may differ as long as the elements are as many (a
// reshape of a channel slice, say), so a run of contiguous elements ends where either side's channels end.
#include <cstring>

#include "kernels/arithmetic/ops.h"
#include "kernels/check.h"
#include "kernels/plan.h"
#include "kernels/split.h"

namespace striate {
namespace {

int64_t bytesOf(Dtype dtype) { return dtype == Dtype::u8 ? 1 : 4; }

// Elements [begin, end) of the sequence, both sides strided.
void copyRuns(const std::byte* x, const TensorDesc& from, std::byte* y, const TensorDesc& to, int64_t size,
              int64_t begin, int64_t end) {
  const int64_t fromChannels = from.channels(), toChannels = to.channels();
  int64_t fromPixel = begin / fromChannels, fromChannel = begin % fromChannels;
  int64_t toPixel = begin / toChannels, toChannel = begin % toChannels;
  for (int64_t i = begin; i < end;) {
    const int64_t run = std::min({fromChannels - fromChannel, toChannels - toChannel, end - i});
    // memmove: in place is a copy onto itself.
    std::memmove(y + (toPixel * to.pixelStride + toChannel) * size,
                 x + (fromPixel * from.pixelStride + fromChannel) * size, static_cast<size_t>(run * size));
    i += run;
    if ((fromChannel += run) == fromChannels) fromChannel = 0, ++fromPixel;
    if ((toChannel += run) == toChannels) toChannel = 0, ++toPixel;
  }
}

}  // namespace

Status verifyCopy(const OpRequest& request) {
  const TensorDesc &x = request.in[0], &y = request.out[0];
  STRIATE_TRY(check::isDtype("copy", "y", y, x.dtype));
  STRIATE_REFUSE_IF(x.elements() != y.elements() || x.batched != y.batched || (x.batched && x.dims[0] != y.dims[0]),
                    "copy: y must have the elements of x ", check::shapeOf(x), ", got ", check::shapeOf(y));
  return okStatus();
}

std::unique_ptr<OpPlan> planCopy(const OpRequest& request) {
  const auto body = [x = request.in[0], y = request.out[0]](const RunContext& context, const void* const* in,
                                                            void* const* out) {
    const int64_t size = bytesOf(x.dtype);
    const auto* source = static_cast<const std::byte*>(in[0]);
    auto* target = static_cast<std::byte*>(out[0]);
    const int64_t elements = liveExtent(x, context.rows).elements();
    // 64 elements are whole cache lines, so tasks do not share any in a dense target.
    forRanges(context, elements, 0.25, 64, [&](int64_t begin, int64_t end) {
      if (x.dense() && y.dense()) {
        std::memmove(target + begin * size, source + begin * size, static_cast<size_t>((end - begin) * size));
      } else {
        copyRuns(source, x, target, y, size, begin, end);
      }
    });
    return okStatus();
  };
  auto plan = makePlan(request, "copy", "copy_fwd", 0, body);
  plan->kernel = "memmove";
  return plan;
}

}  // namespace striate
