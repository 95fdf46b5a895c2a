// conv2d and its two gradients: the algorithm menus. One file per algorithm; this header is what they share.
//
//   depthwise     one input channel per filter group: vectors over channels                    depthwise.cc
//   pointwise     1x1, stride 1: a matrix product                                              implicitGemm.cc
//   fewChannels   few filters: lanes over pixels or images, taps broadcast                     fewChannels/
//   stem          few channels to many filters: minimal filtering over the phases of a stride    fewChannels/
//   stem3x3       few channels to many filters, 3x3: a row of the window is one run, unrolled     fewChannels/
//   winograd4x4, winograd2x2   3x3 at stride 1, a quarter or four ninths of the products          winograd/plan.cc
//   smallChannel  few input channels: a kernel row is one contiguous run of a padded copy      smallChannel.cc
//   implicitGemm  row pointers into the image, no im2col matrix                                implicitGemm.cc
//   im2col        explicit matrix, on request (attribute algorithm = 1): the classic            explicit.cc
#pragma once
#include <memory>
#include <string>

#include "kernels/conv2d/geometry.h"
#include "kernels/gemm/gemm.h"
#include "kernels/op.h"

namespace striate {

// Operand "scale?" of the forward op: one factor per filter, multiplied in where the filter is packed.
inline constexpr int kConvScale = 4;

struct ConvRequest {
  const OpRequest& op;
  ConvGeometry geometry;
  int activation = kActivationNone;  // forward only
  float slope = 0;
  bool im2col = false;    // attribute algorithm = 1
  bool winograd = false;  // attribute algorithm = 2: also where the model of its time says no
  bool exact = false;
};

// An algorithm either plans the request or says why it declines.
using ConvAlgorithmFn = std::unique_ptr<OpPlan> (*)(const ConvRequest& request, std::string* why);

std::unique_ptr<OpPlan> planPointwiseForward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planImplicitForward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planWinograd4Forward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planWinograd2Forward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planSmallChannelForward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planDepthwiseForward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planIm2colForward(const ConvRequest& request, std::string* why);

std::unique_ptr<OpPlan> planStemForward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planStem3x3Forward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planFewChannelsForward(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planFewChannelsBackwardInput(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planFewChannelsBackwardFilter(const ConvRequest& request, std::string* why);

std::unique_ptr<OpPlan> planPointwiseBackwardInput(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planWinograd4BackwardInput(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planWinograd2BackwardInput(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planImplicitBackwardInput(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planDepthwiseBackwardInput(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planIm2colBackwardInput(const ConvRequest& request, std::string* why);

std::unique_ptr<OpPlan> planPointwiseBackwardFilter(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planWinograd4BackwardFilter(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planImplicitBackwardFilter(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planSmallChannelBackwardFilter(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planDepthwiseBackwardFilter(const ConvRequest& request, std::string* why);
std::unique_ptr<OpPlan> planIm2colBackwardFilter(const ConvRequest& request, std::string* why);

// "conv2d_fwd_f32_" + algorithm + "_" + tile + "__" + isa
std::string convKernelName(const char* direction, const char* algorithm, const char* tile, Isa isa);
std::string convKernelName(const char* direction, const char* algorithm, const GemmKernels& kernels);

}  // namespace striate
