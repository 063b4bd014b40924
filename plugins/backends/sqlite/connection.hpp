#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sql/session.hpp"

namespace drover::sqlite {

/// One session on the database file, used by one thread at a time. Poco Data opens and owns it; statements
/// run on its native handle.
class Connection final : public sql::Session {
public:
    enum class Role : unsigned char { writer, reader };

    /// Errors: unavailable (cannot be opened, damaged).
    static Result<std::unique_ptr<Connection>> open(const std::string& file, Role role);
    ~Connection() override;
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    Result<sql::Effect> execute(const sql::Statement& statement) override;
    Result<void> select(const sql::Statement& statement, const std::function<void(const sql::Cells&)>& row) override;
    /// BEGIN, COMMIT and their like.
    Result<void> run(const std::string& text);
    /// Rolls back whatever is open; that cannot fail in a way that matters.
    void roll_back();
    bool in_transaction() const;

    /// Asked now and then while a statement runs; true makes it end with `timeout`.
    void give_up_when(std::function<bool()> give_up);

    /// Pages in the write-ahead log after the last commit.
    int log_pages() const;
    /// Moves the log's pages into the database as far as readers allow; `patient` waits for them a little,
    /// so that the log can begin anew.
    Result<void> checkpoint(bool patient);

private:
    struct Native;  // keeps Poco and SQLite out of this header
    explicit Connection(std::unique_ptr<Native> native);
    std::unique_ptr<Native> native_;
};

}  // namespace drover::sqlite
