#include "base/status.h"

#include <atomic>
#include <charconv>
#include <cmath>
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
static void appendNumber(std::string& to, Number part) {
  char digits[40];
  const auto end = std::to_chars(digits, digits + sizeof digits, part);
  to.append(digits, end.ptr);
}

void append(std::string& to, double part) {
  if (std::isnan(part)) {
    to += "NaN";
  } else if (std::isinf(part)) {
    to += part < 0 ? "-Infinity" : "Infinity";
  } else {
    appendNumber(to, part);
  }
}
void append(std::string& to, long long part) { appendNumber(to, part); }
void append(std::string& to, unsigned long long part) { appendNumber(to, part); }

}  // namespace message

// Constant-initialised: sites register from the constructors of other files, in no known order.
static constinit RefuseSite* firstSite = nullptr;

RefuseSite* refuseSites() { return firstSite; }

void registerRefuseSite(RefuseSite* site) {
  site->next = firstSite;
  firstSite = site;
}

void hitRefuseSite(RefuseSite* site) { std::atomic_ref<uint64_t>(site->hits).fetch_add(1, std::memory_order_relaxed); }

}  // namespace striate
