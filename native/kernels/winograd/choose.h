// Whether Winograd's transform pays for a convolution, which of F(4x4) and F(2x2), and how the work is cut: a model of
// its time beside that of the implicit matrix product, from shape, instruction set and memory budget only.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/winograd/conv.h"

namespace striate {

struct WinogradWork {
  const WinogradKernels* kernels = nullptr;
  int64_t images = 0, targetH = 0, targetW = 0, channels = 0, columns = 0;
  bool constant = false;  // the filter (and its scale): transformed once, if that fits the budget
  uint64_t budget = 0;    // bytes
};

struct WinogradChoice {
  WinogradLayout layout;
  uint64_t packedBytes = 0;
  bool keeps = false;  // the transformed filter, between runs
  double nanoseconds = 0;
};

WinogradChoice winogradChoice(const WinogradWork& work, int edge);
double implicitNanoseconds(const WinogradWork& work);

// The gradient of the filter, tiles of 4x4: how many in a block, blocks in a chunk, and the time; beside that of the
// sum over pixels.
int64_t winogradFilterBlock(const WinogradWork& work);
int64_t winogradFilterChunk(const WinogradWork& work);
double winogradFilterNanoseconds(const WinogradWork& work);
double overPixelsNanoseconds(const WinogradWork& work);

}  // namespace striate
