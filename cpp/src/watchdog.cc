#include "watchdog.h"

#include <algorithm>

namespace edgeseg {

Watchdog::Watchdog(std::chrono::milliseconds limit, std::function<void()> expired)
    : limit_(limit), expired_(std::move(expired)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

// Arming does not wake the thread: that would cost a context switch per patch. It looks up once per limit, or when the limit is due.
void Watchdog::set(bool armed) {
  const std::lock_guard lock(mutex_);
  armed_ = armed;
  since_ = std::chrono::steady_clock::now();
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    const auto now = std::chrono::steady_clock::now();
    const auto due = armed_ ? since_ + limit_ : now + limit_;
    if (armed_ && now >= due) {
      lock.unlock();
      expired_();
      return;
    }
    // The sooner of the two: an Invoke that begins while we sleep is due one limit after its beginning, so half a limit of sleep is enough.
    changed_.wait_until(lock, std::min(due, now + limit_ / 2 + std::chrono::milliseconds(1)));
  }
}

}  // namespace edgeseg
