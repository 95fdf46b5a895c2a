// Drivers of this room that have a file of their own; arithmetic.cc lists them.
#pragma once
#include "kernels/op.h"

namespace striate {

Status verifyCopy(const OpRequest& request);
std::unique_ptr<OpPlan> planCopy(const OpRequest& request);
Status verifyChannelSum(const OpRequest& request);
std::unique_ptr<OpPlan> planChannelSum(const OpRequest& request);

}  // namespace striate
