#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "drover/context.hpp"
#include "kernel/server.hpp"

namespace drover::core {

/// The settings in force while a server runs. Reloads and what the store holds change them; instances whose live
/// options changed are told, one after the other, on the caller's thread or on one of its own.
///
/// Thread-safety: every method may be called from any thread, `offer`, `catch_up` and `known` from the executor
/// too: they do not wait for changes under way.
class LiveSettings {
public:
    struct Instances {
        std::function<bool(std::size_t index)> is_ready;
        /// Hands an instance all its options anew, and waits.
        std::function<Result<void>(std::size_t index, Config config)> reconfigure;
    };
    /// `prepared` outlives this; its instances were created with its settings.
    LiveSettings(const Prepared& prepared, Instances instances, Logger log);
    ~LiveSettings();
    LiveSettings(const LiveSettings&) = delete;
    LiveSettings& operator=(const LiveSettings&) = delete;

    std::vector<KnownSetting> known() const;

    /// Takes what the store holds, in place of what it held before. Returns at once.
    void offer(StoredSettings stored);
    /// An instance became ready: it is told what changed since it was created. Returns at once.
    void catch_up();
    /// Waits until everything offered is in force and told.
    void settle();

    /// Takes a configuration that was read again, beside what the store holds; the answer says which keys are
    /// applied, and which need a restart. Errors: unavailable after `close`, that of `read` (nothing is changed
    /// then), that of an instance which did not take its options (it is told again at the next change).
    Result<std::string> reload(const std::function<Result<std::unique_ptr<Prepared>>()>& read);

    /// Waits for the change under way; nothing is changed any more.
    void close();

private:
    void serve();
    Settings with_stored();
    void take(Settings settings);
    Result<void> tell();

    const Prepared& prepared_;
    const Instances instances_;
    const Logger log_;

    std::mutex changing_;                                   // one change at a time; held while instances are told
    std::unique_ptr<Prepared> read_again_;                  // guarded by changing_; none: `prepared_` is what was read
    StoredSettings stored_;                                 // guarded by changing_
    std::set<std::string> ignored_;                         // guarded by changing_; stored keys that the log named
    std::vector<std::map<std::string, std::string>> told_;  // guarded by changing_; by instance
    Settings in_force_;                                     // guarded by changing_
    bool closed_ = false;                                   // guarded by changing_

    mutable std::mutex mutex_;
    std::vector<KnownSetting> known_;        // guarded by mutex_
    std::optional<StoredSettings> offered_;  // guarded by mutex_
    bool behind_ = false;                    // guarded by mutex_; an instance may have to be told
    bool busy_ = false;                      // guarded by mutex_
    bool ending_ = false;                    // guarded by mutex_
    std::condition_variable changed_;
    std::thread thread_;
};

}  // namespace drover::core
