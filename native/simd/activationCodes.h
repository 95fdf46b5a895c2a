// Codes of the attribute "activation", as in lib/graph/opSchema.ts.
#pragma once

namespace striate {

enum : int {
  kActivationNone = 0,
  kActivationRelu = 1,
  kActivationLeakyRelu = 2,
  kActivationSigmoid = 3,
  kActivationTanh = 4
};

}  // namespace striate
