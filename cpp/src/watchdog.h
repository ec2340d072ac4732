// Ends the process when something that cannot be interrupted takes too long.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace edgeseg {

class Watchdog {
 public:
  // `expired` is called on the watchdog's own thread, once, and must end the process: the thread that hangs never comes back.
  Watchdog(std::chrono::milliseconds limit, std::function<void()> expired);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;

  // Time runs as long as such an object lives.
  class Guard {
   public:
    explicit Guard(Watchdog& dog) : dog_(dog) { dog_.set(true); }
    ~Guard() { dog_.set(false); }
    Guard(const Guard&) = delete;

   private:
    Watchdog& dog_;
  };

 private:
  void set(bool armed);
  void watch();

  const std::chrono::milliseconds limit_;
  const std::function<void()> expired_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool armed_ = false, ended_ = false;
  std::chrono::steady_clock::time_point since_;
  std::thread thread_;
};

}  // namespace edgeseg
