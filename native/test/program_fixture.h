// What the tests of Programs share: makers of State and Executables, with the ops of fake_ops.h.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fake_ops.h"
#include "program/executable.h"
#include "program_builder.h"

namespace striate {

using Floats = std::vector<float>;

LoadOptions fakeOptions(uint64_t limitBytes = 1 << 20);
std::shared_ptr<State> makeState(const std::vector<int64_t>& sizes);

// The sentence that refuses a Program; empty where it loads.
std::string refusal(const std::vector<double>& words, const std::vector<int64_t>& stateSizes, LoadOptions load);
std::string refusal(const ProgramBuilder& builder, const std::vector<int64_t>& stateSizes = {});

std::shared_ptr<Executable> compile(const ProgramBuilder& builder, std::shared_ptr<State> state = makeState({}),
                                    CheckMode check = CheckMode::poison);
Status runSync(Executable& executable, const std::vector<Floats>& inputs, std::vector<Floats>* outputs,
               int64_t rows = 1, double learningRate = 0);

// y = (x + 1) + (x + 1) with an arena, capacity 3 rows of 2 channels.
ProgramBuilder doubled();

}  // namespace striate
