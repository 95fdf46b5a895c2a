// The drivers of this room, one file per loss; loss.cc lists them.
#pragma once
#include "kernels/op.h"

namespace striate {

Status verifyCrossEntropy(const OpRequest& request);
std::unique_ptr<OpPlan> planCrossEntropy(const OpRequest& request);
Status verifyCrossEntropyBackward(const OpRequest& request);
std::unique_ptr<OpPlan> planCrossEntropyBackward(const OpRequest& request);
Status verifySquaredError(const OpRequest& request);
std::unique_ptr<OpPlan> planSquaredError(const OpRequest& request);
Status verifySquaredErrorBackward(const OpRequest& request);
std::unique_ptr<OpPlan> planSquaredErrorBackward(const OpRequest& request);

}  // namespace striate
