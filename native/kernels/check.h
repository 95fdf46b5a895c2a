// What verify() of the element-wise ops, the reductions and pooling states, in words. Operands are named as in the
// schema. Presence, ranks of at least 1, positive dimensions, strides and byte extents are the loader's.
#pragma once
#include <cmath>
#include <string>

#include "kernels/op.h"
#include "simd/activationCodes.h"

namespace striate::check {

inline constexpr double kMostInteger = 2147483647;

inline std::string shapeOf(const TensorDesc& t) {
  std::string text = "[";
  for (int i = 0; i < t.rank; ++i) {
    if (i > 0) text += ',';
    text += std::to_string(t.dims[i]);
  }
  text += t.batched ? "] batched" : "]";
  return text;
}

inline const char* dtypeName(Dtype dtype) { return dtype == Dtype::f32 ? "f32" : dtype == Dtype::i32 ? "i32" : "u8"; }

inline Status isDtype(const char* op, const char* name, const TensorDesc& t, Dtype dtype) {
  STRIATE_REFUSE_IF(t.dtype != dtype, op, ": ", name, " must be ", dtypeName(dtype), ", got ", dtypeName(t.dtype));
  return okStatus();
}

inline Status isF32(const char* op, const char* name, const TensorDesc& t) { return isDtype(op, name, t, Dtype::f32); }

// The same pixels and channels at capacity, and the same ones live in every run.
inline bool sameExtent(const TensorDesc& a, const TensorDesc& b) {
  if (a.pixels() != b.pixels() || a.channels() != b.channels() || a.batched != b.batched) return false;
  return !a.batched || (a.dims[0] == b.dims[0] && (a.rank == 1) == (b.rank == 1));
}

// f32, and element for element like `model`.
inline Status matches(const char* op, const char* name, const TensorDesc& t, const char* modelName,
                      const TensorDesc& model) {
  STRIATE_TRY(isF32(op, name, t));
  STRIATE_REFUSE_IF(!sameExtent(t, model), op, ": ", name, " must have the shape of ", modelName, " ", shapeOf(model),
                    ", got ", shapeOf(t));
  return okStatus();
}

// f32, the same in every run: one value per channel, or `length` = 1 for a scalar.
inline Status isVector(const char* op, const char* name, const TensorDesc& t, int64_t length) {
  STRIATE_TRY(isF32(op, name, t));
  STRIATE_REFUSE_IF(t.batched || t.pixels() != 1 || t.channels() != length, op, ": ", name, " must be [", length,
                    "], got ", shapeOf(t));
  return okStatus();
}

// The last dimension is there in full whatever the number of live rows.
inline Status hasChannels(const char* op, const char* name, const TensorDesc& t) {
  STRIATE_TRY(isF32(op, name, t));
  STRIATE_REFUSE_IF(t.batched && t.rank == 1, op, ": ", name, " must have channels behind its rows, got ", shapeOf(t));
  return okStatus();
}

inline Status isInteger(const char* op, const char* name, double value, double least, double most = kMostInteger) {
  STRIATE_REFUSE_IF(value != std::floor(value) || value < least || value > most, op, ": ", name,
                    " must be an integer from ", least, " to ", most, ", got ", value);
  return okStatus();
}

inline Status isActivation(const char* op, double code, double slope) {
  STRIATE_TRY(isInteger(op, "activation", code, 0, kActivationLast));
  // A negative slope would make y ambiguous, and the backward op reads y alone.
  STRIATE_REFUSE_IF(slope < 0, op, ": slope must be at least 0, got ", slope);
  return okStatus();
}

}  // namespace striate::check
