// channelSum: y[c] = sum over live pixels of x[p,c], the gradient of a bias. Chunks and their combination:
// kernels/reduction.h.
#include "kernels/arithmetic/ops.h"
#include "kernels/channelSums.h"
#include "kernels/check.h"

namespace striate {

Status verifyChannelSum(const OpRequest& request) {
  STRIATE_TRY(check::hasChannels("channelSum", "x", request.in[0]));
  return check::isVector("channelSum", "y", request.out[0], request.in[0].channels());
}

std::unique_ptr<OpPlan> planChannelSum(const OpRequest& request) {
  const Chunking chunking = Chunking::of(request.in[0], request.in[0].dense());
  const auto body = [chunking, kernels = &STRIATE_KERNELS(request.isa, kArithmetic), x = request.in[0]](
                        const RunContext& context, const void* const* in, void* const* out) {
    const int64_t pixels = x.livePixels(context.rows), chunks = chunking.liveChunks(pixels), columns = chunking.columns;
    auto* partials = reinterpret_cast<float*>(context.scratch);
    const double chunkCost = 0.2 * static_cast<double>(chunking.chunkPixels * chunking.channels);
    forRanges(context, chunks, chunkCost, 1, [&](int64_t begin, int64_t end) {
      for (int64_t chunk = begin; chunk < end; ++chunk) {
        float* sums = partials + chunk * columns;
        std::memset(sums, 0, static_cast<size_t>(columns) * sizeof(float));
        chunking.forWidePixels(chunk, pixels, [&](int64_t pixel, int64_t wide, int64_t n) {
          kernels->addColumns(wide, n, f32(in[0]) + pixel * x.pixelStride, x.pixelStride * chunking.fold, sums);
        });
      }
    });
    storeChannelSums(context, chunking, chunks, partials, f32(out[0]));
    return okStatus();
  };
  const size_t scratch = static_cast<size_t>(chunking.chunks * chunking.columns) * sizeof(float);
  return makePlan(request, "chunkedSum", "channelSum_fwd_f32", scratch, body);
}

}  // namespace striate
