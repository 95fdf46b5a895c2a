// The op tables of the rooms, assembled by registry.cc in the order of lib/graph/opSchema.ts. To add an op: its entry
// in its room's table, the table here and there.
#pragma once
#include "kernels/op.h"

namespace striate {

extern const OpEntry kConv2dOps[3];
extern const OpEntry kIm2colOps[2];
extern const OpEntry kFilter2dOps[3];
extern const OpEntry kMatmulOps[1];
extern const OpEntry kMaxPool2dOps[2];
extern const OpEntry kAvgPool2dOps[2];
extern const OpEntry kBatchNormOps[6];
extern const OpEntry kArithmeticOps[5];
extern const OpEntry kActivationOps[2];
extern const OpEntry kSoftmaxOps[2];
extern const OpEntry kLossOps[4];
extern const OpEntry kSgdOps[1];

}  // namespace striate
