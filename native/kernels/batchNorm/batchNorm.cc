#include "kernels/batchNorm/batchNorm.h"

#include "kernels/batchNorm/ops.h"
#include "kernels/registry/registry.h"

namespace striate {
namespace {

constexpr const char* kInference[] = {"x", "gamma", "beta", "mean", "variance", nullptr};
constexpr const char* kTrain[] = {"x", "gamma", "beta", nullptr};
constexpr const char* kBackward[] = {"x", "gamma", "mean", "variance", "dy", nullptr};
constexpr const char* kTrainBackward[] = {"x", "gamma", "mean", "variance", "dy", "beta?", nullptr};
constexpr const char* kUpdate[] = {"batchMean", "batchVariance", "runningMean", "runningVariance", nullptr};
constexpr const char* kFold[] = {"bias?", "gamma", "beta", "mean", "variance", nullptr};
constexpr const char* kY[] = {"y", nullptr};
constexpr const char* kYMeanVariance[] = {"y", "mean", "variance", nullptr};
constexpr const char* kGradients[] = {"dx", "dgamma", "dbeta", nullptr};
constexpr const char* kTrainGradients[] = {"dx", "dgamma", "dbeta", "sums?", nullptr};
constexpr const char* kNewStatistics[] = {"newMean", "newVariance", nullptr};
constexpr const char* kFolded[] = {"scale", "shift", nullptr};
constexpr const char* kEpilogue[] = {"epsilon", "activation", "slope", nullptr};
constexpr const char* kEpsilon[] = {"epsilon", nullptr};
constexpr const char* kMomentum[] = {"momentum", "pixelsPerRow", nullptr};

}  // namespace

const OpEntry kBatchNormOps[6] = {
    {"batchNorm.inference", kInference, kY, kEpilogue, verifyBatchNormInference, planBatchNormInference,
     /*commit=*/false, /*prepare=*/false, /*inPlace=*/true},
    {"batchNorm.inferenceBackward", kBackward, kGradients, kEpsilon, verifyBatchNormInferenceBackward,
     planBatchNormInferenceBackward},
    {"batchNorm.train", kTrain, kYMeanVariance, kEpilogue, verifyBatchNormTrain, planBatchNormTrain},
    {"batchNorm.trainBackward", kTrainBackward, kTrainGradients, kEpilogue, verifyBatchNormTrainBackward,
     planBatchNormTrainBackward, /*commit=*/false, /*prepare=*/false, /*inPlace=*/true},
    {"batchNorm.updateStatistics", kUpdate, kNewStatistics, kMomentum, verifyBatchNormUpdateStatistics,
     planBatchNormUpdateStatistics, /*commit=*/true, /*prepare=*/false},
    {"batchNorm.fold", kFold, kFolded, kEpsilon, verifyBatchNormFold, planBatchNormFold, /*commit=*/false,
     /*prepare=*/true},
};

}  // namespace striate
