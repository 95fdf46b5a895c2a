// The result of everything in native/ that can fail. Exceptions stay in native/binding; the rest returns a
// Status.
//
// An ok Status is a null pointer: returning one costs nothing. A refusal carries a sentence with the values
// at fault,
// `<op or part>: <rule>, got <values>`, and a code that reaches JavaScript as StriateError.code.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace striate {

enum class StatusCode : uint8_t {
  ok = 0,
  program,   // a Program that breaks the rules of the seam: refused when it is loaded
  argument,  // a wrong argument of a call
  data,      // a value read from a buffer in a run, such as a label out of range
  aborted,   // the caller's AbortSignal
  disposed,  // use after dispose()
  memory,    // more than the limit, or the system has no more
  busy,      // the queue of an Executable is full
};

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(StatusCode code, std::string message) : error_(new Error{code, std::move(message)}) {}
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;

  bool ok() const { return error_ == nullptr; }
  StatusCode code() const { return error_ ? error_->code : StatusCode::ok; }
  const std::string& message() const;
  // The same refusal with words in front: where in the Program it happened.
  Status in(std::string_view where) &&;

 private:
  struct Error {
    StatusCode code;
    std::string message;
  };
  std::unique_ptr<Error> error_;
};

inline Status okStatus() { return Status(); }

// Builds messages from parts: text, integers of any width, doubles (shortest form), bools.
namespace message {
void append(std::string& to, std::string_view part);
void append(std::string& to, const char* part);
void append(std::string& to, bool part);
void append(std::string& to, double part);
void append(std::string& to, long long part);
void append(std::string& to, unsigned long long part);
inline void append(std::string& to, const std::string& part) { append(to, std::string_view(part)); }
inline void append(std::string& to, int part) { append(to, static_cast<long long>(part)); }
inline void append(std::string& to, long part) { append(to, static_cast<long long>(part)); }
inline void append(std::string& to, unsigned part) { append(to, static_cast<unsigned long long>(part)); }
inline void append(std::string& to, unsigned long part) { append(to, static_cast<unsigned long long>(part)); }
inline void append(std::string& to, float part) { append(to, static_cast<double>(part)); }
template <typename... Parts>
std::string join(const Parts&... parts) {
  std::string text;
  (append(text, parts), ...);
  return text;
}
}  // namespace message

// Every place that can refuse a Program, so that the fuzz can assert that each one was reached. Sites
// register themselves before main() in builds that define STRIATE_REFUSE_SITES (development and tests);
// release builds pay nothing.
struct RefuseSite {
  const char* file;
  int line;
  uint64_t hits;
  RefuseSite* next;
};
RefuseSite* refuseSites();
void registerRefuseSite(RefuseSite* site);
void hitRefuseSite(RefuseSite* site);  // safe from several threads

template <typename Where>
struct RegisteredRefuseSite {
  RefuseSite site{Where::file(), Where::line(), 0, nullptr};
  RegisteredRefuseSite() { registerRefuseSite(&site); }
  static RegisteredRefuseSite instance;
};
template <typename Where>
RegisteredRefuseSite<Where> RegisteredRefuseSite<Where>::instance;

}  // namespace striate

#ifdef STRIATE_REFUSE_SITES
#define STRIATE_COUNT_REFUSAL()                                                       \
  do {                                                                                \
    struct Where {                                                                    \
      static const char* file() { return __FILE__; }                                  \
      static int line() { return __LINE__; }                                          \
    };                                                                                \
    ::striate::hitRefuseSite(&::striate::RegisteredRefuseSite<Where>::instance.site); \
  } while (false)
#else
#define STRIATE_COUNT_REFUSAL() (void)0
#endif

// STRIATE_REFUSE("conv2d: filter expects ", channels, " input channels per group, got ", got);  returns from
// the function
#define STRIATE_REFUSE(...)                                                                          \
  do {                                                                                               \
    STRIATE_COUNT_REFUSAL();                                                                         \
    return ::striate::Status(::striate::StatusCode::program, ::striate::message::join(__VA_ARGS__)); \
  } while (false)

// STRIATE_REFUSE_IF(stride < 1, "conv2d: stride must be at least 1, got ", stride);
#define STRIATE_REFUSE_IF(condition, ...) \
  do {                                    \
    if (condition) [[unlikely]] {         \
      STRIATE_REFUSE(__VA_ARGS__);        \
    }                                     \
  } while (false)

// STRIATE_TRY(check(x));  returns a refusal to the caller
#define STRIATE_TRY(expression)                    \
  do {                                             \
    ::striate::Status striateTried = (expression); \
    if (!striateTried.ok()) [[unlikely]] {         \
      return striateTried;                         \
    }                                              \
  } while (false)
