#pragma once

namespace striate {

// Starts a thread that nobody joins, without signals (they belong to Node's threads) and with a stack that is large
// enough under musl too. False where the system refuses; never throws.
bool startDetachedThread(void (*body)(void*), void* argument);

// Makes the calling thread `steps` nicer than the process's first thread is, at most 19. Linux only, where a thread has
// a nice value of its own and threads that want a processor share it by weight (a step is a factor of 1.25), none
// starves. Does nothing on Windows, where a lower priority gets nothing at all beside a busy thread of a normal one,
// and on macOS, where it may move a thread to the slow cores.
void beNicer(int steps);

}  // namespace striate
