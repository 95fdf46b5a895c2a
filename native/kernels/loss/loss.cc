#include "kernels/loss/loss.h"

#include "kernels/loss/ops.h"
#include "kernels/registry/registry.h"

namespace striate {
namespace {

constexpr const char* kLogitsLabels[] = {"logits", "labels", nullptr};
constexpr const char* kLossProbabilities[] = {"loss", "probabilities", nullptr};
constexpr const char* kProbabilities[] = {"probabilities", "labels", "dloss", nullptr};
constexpr const char* kDlogits[] = {"dlogits", nullptr};
constexpr const char* kPredictionTarget[] = {"prediction", "target", nullptr};
constexpr const char* kLoss[] = {"loss", nullptr};
constexpr const char* kPredictionTargetDloss[] = {"prediction", "target", "dloss", nullptr};
constexpr const char* kDprediction[] = {"dprediction", nullptr};
constexpr const char* kNone[] = {nullptr};

}  // namespace

const OpEntry kLossOps[4] = {
    {"softmaxCrossEntropy", kLogitsLabels, kLossProbabilities, kNone, verifyCrossEntropy, planCrossEntropy},
    {"softmaxCrossEntropy.backward", kProbabilities, kDlogits, kNone, verifyCrossEntropyBackward,
     planCrossEntropyBackward},
    {"meanSquaredError", kPredictionTarget, kLoss, kNone, verifySquaredError, planSquaredError},
    {"meanSquaredError.backward", kPredictionTargetDloss, kDprediction, kNone, verifySquaredErrorBackward,
     planSquaredErrorBackward},
};

}  // namespace striate
