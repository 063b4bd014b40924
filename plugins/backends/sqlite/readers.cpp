#include "readers.hpp"

#include "errors.hpp"

namespace drover::sqlite {
namespace {
constexpr std::size_t kMostWaiting = 4'096;
}

Readers::Readers(Context& context, std::string file, std::size_t threads)
    : context_(context), file_(std::move(file)), threads_(threads) {}

Result<void> Readers::open() {
    auto first = take();
    if (!first) return first.error();
    give_back(std::move(*first), nullptr);
    pool_ = context_.make_blocking_pool(threads_, kMostWaiting);
    return ok;
}

bool Readers::close(std::chrono::milliseconds at_most) {
    if (pool_ && !pool_->close(at_most)) return false;
    const std::lock_guard lock(mutex_);
    free_.clear();
    return true;
}

Result<std::unique_ptr<Connection>> Readers::take() {
    {
        const std::lock_guard lock(mutex_);
        if (!free_.empty()) {
            auto connection = std::move(free_.back());
            free_.pop_back();
            return connection;
        }
    }
    return Connection::open(file_, Connection::Role::reader);
}

/// A connection that met a failing disk is opened anew next time, but never the last one: see `open`.
void Readers::give_back(std::unique_ptr<Connection> connection, const Error* failure) {
    const bool suspect = failure && failure->code() == Errc::unavailable;
    if (failure && is_damage(*failure)) damaged_.store(true);
    const std::lock_guard lock(mutex_);
    if (!suspect || free_.empty()) free_.push_back(std::move(connection));
}

}  // namespace drover::sqlite
