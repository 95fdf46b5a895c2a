// Codes of the attribute "activation", as in lib/graph/opSchema.ts.
#pragma once

namespace striate {

enum : int {
  kActivationNone = 0,
  kActivationRelu = 1,
  kActivationLeakyRelu = 2,
  kActivationSigmoid = 3,
  kActivationTanh = 4,
  kActivationRelu6 = 5,
  kActivationLast = kActivationRelu6
};

// sigmoid and tanh: an exponential and a division for each element; the others are a comparison or two.
inline bool isTranscendental(int code) { return code == kActivationSigmoid || code == kActivationTanh; }

}  // namespace striate
