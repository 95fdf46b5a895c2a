#pragma once

namespace striate {

// Starts a thread that nobody joins, without signals (they belong to Node's threads) and with a stack that is large
// enough under musl too. False where the system refuses; never throws.
bool startDetachedThread(void (*body)(void*), void* argument);

}  // namespace striate
