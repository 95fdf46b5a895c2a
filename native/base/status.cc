#include "base/status.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace striate {

const std::string& Status::message() const {
  // Leaked: pool threads may still ask while the process exits.
  static const std::string& none = *new std::string();
  return error_ ? error_->message : none;
}

Status Status::in(std::string_view where) && {
  if (error_) {
    error_->message.insert(0, ": ").insert(0, where);
  }
  return std::move(*this);
}

namespace message {

void append(std::string& to, std::string_view part) { to += part; }
void append(std::string& to, const char* part) { to += part; }
void append(std::string& to, bool part) { to += part ? "true" : "false"; }

template <typename Number>
static void appendWhole(std::string& to, Number part) {
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, part);
  to.append(digits, end.ptr);
}

// As many digits as it takes to read the same number back. std::to_chars has no double before gcc 11 and macOS 13.3.
static void appendFinite(std::string& to, double part) {
  char digits[40];
  for (int precision = 15; precision <= 17; ++precision) {
    std::snprintf(digits, sizeof digits, "%.*g", precision, part);
    if (std::strtod(digits, nullptr) == part) {
      break;
    }
  }
  to += digits;
}

void append(std::string& to, double part) {
  if (std::isnan(part)) {
    to += "NaN";
  } else if (std::isinf(part)) {
    to += part < 0 ? "-Infinity" : "Infinity";
  } else {
    appendFinite(to, part);
  }
}
void append(std::string& to, long long part) { appendWhole(to, part); }
void append(std::string& to, unsigned long long part) { appendWhole(to, part); }

}  // namespace message

// Constant-initialised: sites register from the constructors of other files, in no known order.
static constinit RefuseSite* firstSite = nullptr;

RefuseSite* refuseSites() { return firstSite; }

void registerRefuseSite(RefuseSite* site) {
  site->next = firstSite;
  firstSite = site;
}

void hitRefuseSite(RefuseSite* site) { __atomic_fetch_add(&site->hits, 1, __ATOMIC_RELAXED); }

}  // namespace striate
