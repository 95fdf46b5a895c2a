// How many processors this process may really use: a container with a quota of 2 CPUs on a 64-core host
// gets 2.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "base/pool.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace striate {

#if defined(__linux__)

namespace {

int processorsInMask() {
  // Large enough for 8192 processors; sched_getaffinity fails where the kernel's mask is larger than the set.
  cpu_set_t masks[8];
  CPU_ZERO_S(sizeof masks, masks);
  return sched_getaffinity(0, sizeof masks, masks) == 0 ? CPU_COUNT_S(sizeof masks, masks) : 0;
}

std::string readLine(const std::string& path) {
  std::string line;
  if (std::FILE* file = std::fopen(path.c_str(), "re")) {
    char text[512];
    if (std::fgets(text, sizeof text, file) != nullptr) {
      line = text;
    }
    std::fclose(file);
  }
  return line;
}

// Calls visit(folder) for the folder of our cgroup and each of its parents up to the mount: the tightest
// quota holds.
template <typename Visit>
void forEachFolder(const std::string& mount, std::string path, const Visit& visit) {
  for (;;) {
    visit(mount + path);
    const size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) {
      return;
    }
    path.resize(slash);
  }
}

double quotaV2(const std::string& path) {
  double least = 0;
  forEachFolder("/sys/fs/cgroup", path, [&](const std::string& folder) {
    double quota = 0;
    double period = 0;
    if (std::sscanf(readLine(folder + "/cpu.max").c_str(), "%lf %lf", &quota, &period) == 2 && quota > 0 &&
        period > 0) {
      least = least == 0 ? quota / period : std::min(least, quota / period);
    }
  });
  return least;
}

double quotaV1(const std::string& path) {
  double least = 0;
  forEachFolder("/sys/fs/cgroup/cpu", path, [&](const std::string& folder) {
    double quota = 0;
    double period = 0;
    if (std::sscanf(readLine(folder + "/cpu.cfs_quota_us").c_str(), "%lf", &quota) == 1 && quota > 0 &&
        std::sscanf(readLine(folder + "/cpu.cfs_period_us").c_str(), "%lf", &period) == 1 && period > 0) {
      least = least == 0 ? quota / period : std::min(least, quota / period);
    }
  });
  return least;
}

// Lines of /proc/self/cgroup: "0::/path" (version 2) or "4:cpu,cpuacct:/path" (version 1).
double processorQuota() {
  std::FILE* file = std::fopen("/proc/self/cgroup", "re");
  if (file == nullptr) {
    return 0;
  }
  double quota = 0;
  char text[4096];
  while (std::fgets(text, sizeof text, file) != nullptr) {
    std::string line(text, std::strcspn(text, "\n"));
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) {
      continue;
    }
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    if (path == "/") {
      path.clear();
    }
    double found = 0;
    if (controllers == ",,") {
      found = quotaV2(path);
    } else if (controllers.find(",cpu,") != std::string::npos) {
      found = quotaV1(path);
    }
    if (found > 0) {
      quota = quota == 0 ? found : std::min(quota, found);
    }
  }
  std::fclose(file);
  return quota;
}

}  // namespace

int availableParallelism() {
  int processors = processorsInMask();
  if (processors == 0) {
    processors = static_cast<int>(std::thread::hardware_concurrency());
  }
  const double quota = processorQuota();
  if (quota > 0) {
    // A quota of 1.5 keeps two threads busy three quarters of the time; rounding down would idle half a
    // processor.
    processors = std::min(processors, static_cast<int>(quota + 0.999));
  }
  return std::max(processors, 1);
}

#else

int availableParallelism() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

#endif

}  // namespace striate
