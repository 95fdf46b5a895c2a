// Structure-aware fuzz of the loader and of every op's verify(): each field of real Programs takes boundary values,
// then several fields at once change. Every mutant is refused with a sentence, or runs on random data in contain mode
// without writing outside of its results (reads outside of a storage are what the sanitizers see). Then: was every
// place that can refuse a Program reached?
//
// Starts from STRIATE_FUZZ_CORPUS, a file written by scripts/exportCorpus.ts; makes STRIATE_FUZZ_MUTANTS mutants.
// ctest sets both in sanitizer builds; without a corpus the Programs are made of the ops of fake_ops.h only.
// Over 500 lines because mutating, judging and the Programs that no mutant comes to are one loop's parts.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "fake_ops.h"
#include "isa.h"
#include "program/executable.h"
#include "program_builder.h"

// No mutant may make anybody allocate more than this at once, whoever asks: a crash that says where.
extern "C" const char* __asan_default_options() { return "max_allocation_size_mb=256:allocator_may_return_null=0"; }

namespace striate {
namespace {

constexpr uint64_t kLimitBytes = 16 << 20;
constexpr size_t kCommitCount = 7;  // the word that counts the steps that change the State

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {  // SplitMix64
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  size_t below(size_t bound) { return static_cast<size_t>(next() % bound); }
  bool oneIn(size_t n) { return below(n) == 0; }
  template <typename T>
  const T& of(const std::vector<T>& items) {
    return items[below(items.size())];
  }

 private:
  uint64_t state_;
};

struct Sample {
  std::vector<double> words;
  std::vector<int64_t> states;
};

// Where things stand in the words of a valid Program.
struct Fields {
  size_t storages = 8;
  size_t storageCount = 0;
  size_t buffers = 0;
  size_t bufferCount = 0;
  size_t steps = 0;
  std::vector<size_t> ops;         // positions of op numbers
  std::vector<size_t> operands;    // of buffer numbers
  std::vector<size_t> attributes;  // of attributes
};

Fields fieldsOf(const std::vector<double>& words, const OpEntry* (*opAt)(size_t)) {
  Fields fields;
  fields.storageCount = static_cast<size_t>(words[3]);
  fields.bufferCount = static_cast<size_t>(words[4]);
  fields.buffers = fields.storages + 4 * fields.storageCount;
  fields.steps = fields.buffers + (5 + kMaxRank) * fields.bufferCount;
  for (size_t at = fields.steps; at < words.size();) {
    const OpEntry& op = *opAt(static_cast<size_t>(words[at]));
    fields.ops.push_back(at++);
    for (size_t i = nameCount(op.operands) + nameCount(op.results); i > 0; --i) {
      fields.operands.push_back(at++);
    }
    for (size_t i = nameCount(op.attributes); i > 0; --i) {
      fields.attributes.push_back(at++);
    }
  }
  return fields;
}

const std::vector<double>& boundaries() {
  static const std::vector<double> values = {-1,
                                             0,
                                             1,
                                             2,
                                             3,
                                             4,
                                             5,
                                             7,
                                             8,
                                             16,
                                             64,
                                             255,
                                             0x1p16,
                                             0x1p31 - 1,
                                             0x1p31,
                                             0x1p32,
                                             0x1p48,
                                             0x1p48 + 1,
                                             0x1p53,
                                             0x1p53 + 2,
                                             0x1p62,
                                             0x1p63,
                                             1e300,
                                             -2,
                                             -0x1p31,
                                             -0x1p63,
                                             0.5,
                                             1e-300,
                                             std::numeric_limits<double>::quiet_NaN(),
                                             std::numeric_limits<double>::infinity(),
                                             -std::numeric_limits<double>::infinity()};
  return values;
}

struct Outcome {
  int64_t mutants = 0;
  int64_t refused = 0;
  int64_t ran = 0;
  int64_t failedOnData = 0;
};

class Fuzz {
 public:
  Fuzz(std::vector<Sample> samples, const OpEntry* (*opAt)(size_t), uint64_t seed)
      : samples_(std::move(samples)), random_(seed) {
    options_ = {.limitBytes = kLimitBytes, .isa = testIsa(), .opAt = opAt};
  }

  // The originals must load and run; then every field of each takes every boundary value and its neighbours, until
  // `mutants` are spent; the rest are several changes at once.
  void run(int64_t mutants) {
    for (const Sample& sample : samples_) {
      const int64_t ran = outcome_.ran + outcome_.failedOnData;
      attempt(sample);
      CHECK(outcome_.ran + outcome_.failedOnData == ran + 1);
    }
    const int64_t singles = mutants * 2 / 3;
    int64_t total = 0;
    for (const Sample& sample : samples_) {
      total += static_cast<int64_t>(sample.words.size() * (boundaries().size() + 5));
    }
    // Spread over all samples where there are more single changes than mutants to spend.
    const double share = std::min(1.0, static_cast<double>(singles) / static_cast<double>(total));
    for (const Sample& sample : samples_) {
      for (size_t i = 0; i < sample.words.size(); ++i) {
        std::vector<double> values = boundaries();
        for (const double near : {sample.words[i] - 1, sample.words[i] + 1, sample.words[i] * 2, sample.words[i] / 2,
                                  static_cast<double>(sample.words[2])}) {
          values.push_back(near);
        }
        for (const double value : values) {
          if (share == 1.0 || static_cast<double>(random_.below(1 << 20)) < share * (1 << 20)) {
            Sample mutant = sample;
            mutant.words[i] = value;
            attempt(mutant);
          }
        }
      }
    }
    while (outcome_.mutants < mutants) {
      attempt(several(random_.of(samples_)));
    }
  }

  const Outcome& outcome() const { return outcome_; }

  void attempt(const Sample& sample) {
    ++outcome_.mutants;
    std::shared_ptr<State> state;
    if (!State::create(sample.states, kLimitBytes, &state).ok()) {
      ++outcome_.refused;
      return;
    }
    for (size_t i = 0; i < sample.states.size(); ++i) {
      fill(state->tensor(i), static_cast<size_t>(sample.states[i]));
    }
    // In a block of its exact size, so that reading beyond it shows.
    const std::vector<double> words(sample.words);
    // Every other one that changes nothing owns its State. Not drawn: that would be another stream of mutants.
    LoadOptions options = options_;
    options.ownsState = words.size() > kCommitCount && words[kCommitCount] == 0 && outcome_.ran % 2 == 0;
    std::shared_ptr<Executable> executable;
    const Status status =
        Executable::compile(words.data(), words.size(), state, options, CheckMode::contain, &executable);
    if (!status.ok()) {
      ++outcome_.refused;
      if (status.message().empty() || status.message().size() > 1000) {
        FAIL_CHECK("a refusal without a sentence: ", status.message());
      }
      return;
    }
    std::unique_ptr<Slot> slot;
    std::unique_ptr<Workspace> workspace;
    REQUIRE(executable->takeSlot(&slot).ok());
    REQUIRE(executable->makeWorkspace(&workspace).ok());
    for (size_t i = 0; i < executable->inputs().size(); ++i) {
      fillInput(executable->inputs()[i], slot->inputs[i]);
    }
    const int64_t capacity = executable->program().rows;
    const int64_t rows =
        random_.oneIn(2) ? capacity : 1 + static_cast<int64_t>(random_.below(static_cast<size_t>(capacity)));
    const Status run = executable->execute(*slot, *workspace, {rows, 0.01}, nullptr);
    if (run.code() == StatusCode::data) {
      ++outcome_.failedOnData;
    } else if (run.ok()) {
      ++outcome_.ran;
    } else {
      FAIL_CHECK(run.message());
    }
  }

 private:
  void fill(float* data, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      data[i] = static_cast<float>(static_cast<int64_t>(random_.below(2001)) - 1000) / 250.0f;
    }
  }

  void fillInput(const Port& port, AlignedMemory& memory) {
    if (port.dtype == Dtype::f32) {
      fill(reinterpret_cast<float*>(memory.data()), static_cast<size_t>(port.size));
    } else if (port.dtype == Dtype::u8) {
      for (int64_t i = 0; i < port.size; ++i) {
        memory.data()[i] = static_cast<std::byte>(random_.below(256));
      }
    } else {
      // Labels: small ones, now and then one that is out of any range.
      int32_t* labels = reinterpret_cast<int32_t*>(memory.data());
      for (int64_t i = 0; i < port.size; ++i) {
        labels[i] = random_.oneIn(50) ? static_cast<int32_t>(random_.next()) : static_cast<int32_t>(random_.below(3));
      }
    }
  }

  Sample several(const Sample& original) {
    Sample mutant = original;
    const Fields fields = fieldsOf(original.words, options_.opAt);
    std::vector<double>& words = mutant.words;
    for (size_t changes = 1 + random_.below(4); changes > 0; --changes) {
      change(fields, mutant, original);
    }
    // Half of the time the State follows what the storages say, else no change of a State storage could be accepted.
    if (random_.oneIn(2)) {
      for (size_t i = 0; i < fields.storageCount; ++i) {
        const double* storage = words.data() + fields.storages + 4 * i;
        const bool state = storage[0] == static_cast<double>(StorageKind::state);
        if (state && storage[3] >= 0 && storage[3] < static_cast<double>(mutant.states.size()) && storage[2] >= 1 &&
            storage[2] <= 0x1p22) {
          mutant.states[static_cast<size_t>(storage[3])] = static_cast<int64_t>(storage[2]);
        }
      }
    }
    if (random_.oneIn(50)) {  // the words end early
      words.resize(random_.below(words.size()));
    }
    return mutant;
  }

  double* storage(const Fields& fields, std::vector<double>& words) {
    return words.data() + fields.storages + 4 * random_.below(fields.storageCount);
  }
  double* buffer(const Fields& fields, std::vector<double>& words) {
    return words.data() + fields.buffers + (5 + kMaxRank) * random_.below(fields.bufferCount);
  }

  void change(const Fields& fields, Sample& mutant, const Sample& original) {
    std::vector<double>& words = mutant.words;
    const double small = static_cast<double>(random_.below(12)) - 2;
    switch (random_.below(16)) {
      case 0:
        words[random_.below(words.size())] = random_.of(boundaries());
        break;
      case 1:  // another field's value
        words[random_.below(words.size())] = words[random_.below(words.size())];
        break;
      case 2:
      case 3:
        if (!fields.attributes.empty()) {
          words[random_.of(fields.attributes)] = random_.oneIn(4) ? random_.of(boundaries()) : small;
        }
        break;
      case 4:
      case 5:  // another buffer, or none
        if (!fields.operands.empty()) {
          words[random_.of(fields.operands)] = static_cast<double>(random_.below(fields.bufferCount + 1)) - 1;
        }
        break;
      case 6:  // any op: its operands and attributes are then read from what follows
        if (!fields.ops.empty()) {
          words[random_.of(fields.ops)] = static_cast<double>(random_.below(48));
        }
        break;
      case 7:  // a larger storage, so that larger buffers fit
        if (fields.storageCount > 0) {
          storage(fields, words)[2] *= static_cast<double>(1 + random_.below(4));
        }
        break;
      case 8:
        if (fields.storageCount > 0) {
          storage(fields, words)[0] = static_cast<double>(random_.below(kStorageKinds));
        }
        break;
      case 9:
        if (fields.bufferCount > 0) {  // a dimension
          double* b = buffer(fields, words);
          b[5 + random_.below(kMaxRank)] = std::max(1.0, small);
        }
        break;
      case 10:
        if (fields.bufferCount > 0) {  // place
          double* b = buffer(fields, words);
          b[random_.below(3)] += small;
        }
        break;
      case 11:
        if (fields.bufferCount > 0) {  // rank, with sizes to go with it
          double* b = buffer(fields, words);
          const size_t rank = 1 + random_.below(kMaxRank);
          b[4] = static_cast<double>(rank);
          for (size_t i = 0; i < kMaxRank; ++i) {
            b[5 + i] = i < rank ? std::max(1.0, b[5 + i]) : 0;
          }
          b[2] = b[4 + rank];
        }
        break;
      case 12:
        if (fields.bufferCount > 0) {  // another buffer's shape
          const double* from = buffer(fields, words);
          std::copy_n(from + 1, 4 + kMaxRank, buffer(fields, words) + 1);
        }
        break;
      case 13:
        if (fields.bufferCount > 0) {  // two huge sizes, whose product may not fit
          double* b = buffer(fields, words);
          b[5] = random_.of(boundaries());
          b[6] = random_.of(boundaries());
        }
        break;
      case 14:
        if (fields.bufferCount > 0) {  // a larger size, in a storage that it fits
          double* b = buffer(fields, words);
          b[5 + random_.below(kMaxRank)] *= static_cast<double>(1 + random_.below(3000));
          if (!(b[4] >= 1 && b[4] <= kMaxRank)) {
            break;  // an earlier change
          }
          double pixels = 1;
          const size_t rank = static_cast<size_t>(b[4]);
          for (size_t i = 0; i + 1 < rank; ++i) {
            pixels *= b[5 + i];
          }
          b[2] = std::max(b[2], b[4 + rank]);
          const double needed = b[1] + (pixels - 1) * b[2] + b[4 + rank];
          if (needed < 0x1p22 && b[0] >= 0 && b[0] < static_cast<double>(fields.storageCount)) {
            words[fields.storages + 4 * static_cast<size_t>(b[0]) + 2] = needed;
          }
        }
        break;
      default:  // one step more or less
        if (!fields.ops.empty()) {
          const size_t list = 5 + random_.below(3);
          words[list] += random_.oneIn(2) ? 1 : -1;
          words[5 + random_.below(3)] = original.words[5 + random_.below(3)];
        }
        break;
    }
  }

  std::vector<Sample> samples_;
  LoadOptions options_;
  Random random_;
  Outcome outcome_;
};

std::vector<Sample> readCorpus(const char* path) {
  std::vector<Sample> samples;
  std::FILE* file = std::fopen(path, "rb");
  REQUIRE_MESSAGE(file != nullptr, "cannot read the corpus ", path);
  double counts[2];
  while (std::fread(counts, sizeof(double), 2, file) == 2) {
    Sample sample;
    std::vector<double> sizes(static_cast<size_t>(counts[1]));
    sample.words.resize(static_cast<size_t>(counts[0]));
    REQUIRE(std::fread(sizes.data(), sizeof(double), sizes.size(), file) == sizes.size());
    REQUIRE(std::fread(sample.words.data(), sizeof(double), sample.words.size(), file) == sample.words.size());
    sample.states.assign(sizes.begin(), sizes.end());
    samples.push_back(std::move(sample));
  }
  std::fclose(file);
  return samples;
}

// Every kind of storage and list, in place and optional operands, with fake ops.
Sample fakeSample() {
  ProgramBuilder builder(2);
  const double w = builder.buffer(builder.storage(StorageKind::state, 3), {3}, false);
  const double p = builder.buffer(builder.storage(StorageKind::prepared, 3), {3}, false);
  const double x = builder.buffer(builder.storage(StorageKind::input, 6), {2, 3}, true);
  const int arena = builder.storage(StorageKind::arena, 40);
  const double t = builder.buffer(arena, {2, 3}, true, 1, 8);
  const double u = builder.buffer(arena, {2, 3}, true, 4, 8);
  const double g = builder.buffer(arena, {3}, false, 20);
  const double y = builder.buffer(builder.storage(StorageKind::output, 6), {2, 3}, true);
  builder.buffer(builder.storage(StorageKind::input, 4, Dtype::i32, 0), {4}, false);
  builder.buffer(builder.storage(StorageKind::input, 4, Dtype::u8, 0), {4}, false);
  builder.prepare(fake::kCopy, {w, p});
  builder.step(fake::kAdd, {x, -1, t}, {1});
  builder.step(fake::kGate, {x, u});
  builder.step(fake::kAdd, {t, u, t}, {2});
  builder.step(fake::kPacked, {t, p, y});
  builder.step(fake::kAdd, {w, -1, g}, {0});
  const double v = builder.buffer(arena, {2, 3}, true, 24, 4);
  builder.step(fake::kHungry, {x, y}, {100});
  builder.step(fake::kSplit, {x, t, v});
  builder.commit(fake::kDecrement, {w, g, w});
  return {builder.words(), {3}};
}

double opNumber(std::string_view name) {
  size_t number = 0;
  while (std::string_view(striate::opAt(number)->name) != name) {
    ++number;
  }
  return static_cast<double>(number);
}

// What mutants hardly come to: a filter of more than 2^20 taps, all of them in memory.
Sample hugeFilter() {
  ProgramBuilder builder(1);
  const double taps = (1 << 20) + 1;
  const double x = builder.buffer(builder.storage(StorageKind::input, 1), {1, 1, 1, 1}, true);
  const double filter = builder.buffer(builder.storage(StorageKind::input, taps), {taps, 1, 1, 1}, false);
  const double y = builder.buffer(builder.storage(StorageKind::output, 1), {1, 1, 1, 1}, true);
  builder.step(opNumber("conv2d"), {x, filter, -1, -1, -1, y}, {1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0});
  return {builder.words(), {}};
}

// Nor to this: an output of bytes with gaps between its pixels.
Sample bytesApart() {
  ProgramBuilder builder(1);
  const double x = builder.buffer(builder.storage(StorageKind::input, 2, Dtype::u8), {1, 1, 2, 1}, true);
  const double kernel = builder.buffer(builder.storage(StorageKind::input, 1), {1, 1}, false);
  const double y = builder.buffer(builder.storage(StorageKind::output, 4, Dtype::u8), {1, 1, 2, 1}, true, 0, 2);
  builder.step(opNumber("filter2d"), {x, kernel, -1, y}, {0, 1});
  return {builder.words(), {}};
}

bool isIn(const RefuseSite& site, const char* folder) { return std::strstr(site.file, folder) != nullptr; }

// Places of `folder` that no mutant reached since forgetHits().
std::vector<std::string> unreached(const char* folder) {
  std::set<std::string> places;
  for (const RefuseSite* site = refuseSites(); site != nullptr; site = site->next) {
    if (isIn(*site, folder) && site->hits == 0) {
      places.insert(message::join(std::strstr(site->file, folder), ":", site->line));
    }
  }
  return {places.begin(), places.end()};
}

void forgetHits() {
  for (RefuseSite* site = refuseSites(); site != nullptr; site = site->next) {
    site->hits = 0;
  }
}

void report(const Outcome& outcome) {
  MESSAGE(outcome.mutants, " mutants: ", outcome.refused, " refused, ", outcome.ran, " ran, ", outcome.failedOnData,
          " ran into bad data");
  CHECK(outcome.ran > outcome.mutants / 50);
}

TEST_CASE("fuzz: the loader refuses or contains every mutant, and all its refusals are reached") {
  forgetHits();
  const auto harmless = [](size_t index) { return index < fake::kStray ? fake::opAt(index) : nullptr; };
  Fuzz fuzz({fakeSample()}, harmless, 1);
  fuzz.run(20000);
  report(fuzz.outcome());
  for (const std::string& place : unreached("native/program/")) {
    FAIL_CHECK("no mutant reached ", place);
  }
}

TEST_CASE("fuzz: every op refuses or contains every mutant, and all its refusals are reached") {
  const char* corpus = std::getenv("STRIATE_FUZZ_CORPUS");
  if (corpus == nullptr) {
    MESSAGE("STRIATE_FUZZ_CORPUS is not set");
    return;
  }
  const char* mutants = std::getenv("STRIATE_FUZZ_MUTANTS");
  forgetHits();
  Fuzz fuzz(readCorpus(corpus), &striate::opAt, 2);
  fuzz.attempt(hugeFilter());
  fuzz.attempt(bytesApart());
  fuzz.run(mutants == nullptr ? 10000 : std::atoll(mutants));
  report(fuzz.outcome());
  if (fuzz.outcome().mutants >= 100000) {
    for (const std::string& place : unreached("native/kernels/")) {
      FAIL_CHECK("no mutant reached ", place);
    }
  }
}

}  // namespace
}  // namespace striate
