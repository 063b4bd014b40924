#include "connection.hpp"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/SQLite/Utility.h>
#include <Poco/Data/Session.h>
#include <Poco/Exception.h>
#include <sqlite3.h>

#include <cerrno>
#include <list>
#include <string_view>
#include <unordered_map>

#include "drover/store/query.hpp"
#include "errors.hpp"

namespace drover::sqlite {
namespace {

constexpr std::size_t kLoginSeconds = 5;
constexpr std::size_t kKeptStatements = 200;
constexpr std::size_t kLongestKeptText = 16 * 1024;
constexpr int kStepsBetweenQuestions = 20'000;
constexpr int kPatienceMs = 200;

class StatementCells final : public sql::Cells {
public:
    explicit StatementCells(sqlite3_stmt* statement) : statement_(statement) {}
    bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    std::int64_t integer(int column) const override { return sqlite3_column_int64(statement_, column); }
    double real(int column) const override { return sqlite3_column_double(statement_, column); }
    std::string text(int column) const override {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
        return std::string(bytes ? bytes : "", static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
    }

private:
    sqlite3_stmt* statement_;
};

std::string_view text_of(sqlite3_value* value) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
    return {bytes ? bytes : "", static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

void like_function(sqlite3_context* context, int, sqlite3_value** values) {
    if (sqlite3_value_type(values[0]) == SQLITE_NULL || sqlite3_value_type(values[1]) == SQLITE_NULL) {
        sqlite3_result_null(context);
        return;
    }
    sqlite3_result_int(context, like_matches(text_of(values[0]), text_of(values[1])) ? 1 : 0);
}

/// The version and one more, noted where `execute` finds it.
void raised_function(sqlite3_context* context, int, sqlite3_value** values) {
    auto& raised = *static_cast<std::int64_t*>(sqlite3_user_data(context));
    raised = sqlite3_value_int64(values[0]) + 1;
    sqlite3_result_int64(context, raised);
}

/// Gives a statement back clean, however its use ended.
class Use {
public:
    explicit Use(sqlite3_stmt* statement, bool keep) : statement_(statement), keep_(keep) {}
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
        if (!keep_) {
            sqlite3_finalize(statement_);
            return;
        }
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
    sqlite3_stmt* get() const { return statement_; }

private:
    sqlite3_stmt* statement_;
    bool keep_;
};

}  // namespace

struct Connection::Native {
    struct Kept {
        std::string text;
        sqlite3_stmt* statement;
    };

    Native(std::string path, Role role)
        : file(std::move(path)),
          session("SQLite", file, kLoginSeconds),
          database(Poco::Data::SQLite::Utility::dbHandle(session)) {
        sqlite3_extended_result_codes(database, 1);
        sqlite3_busy_timeout(database, static_cast<int>(kLoginSeconds) * 1000);
        sqlite3_create_function_v2(database, "drover_like", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr,
                                   &like_function, nullptr, nullptr, nullptr);
        sqlite3_create_function_v2(database, "drover_raised", 1, SQLITE_UTF8, &raised, &raised_function, nullptr,
                                   nullptr, nullptr);
        sqlite3_progress_handler(database, kStepsBetweenQuestions, &Native::ask, this);
        if (role == Role::writer) sqlite3_wal_hook(database, &Native::committed, this);
    }
    ~Native() {
        for (auto& kept : statements) sqlite3_finalize(kept.statement);
    }

    static int ask(void* self) {
        const auto& give_up = static_cast<Native*>(self)->give_up;
        return give_up && give_up() ? 1 : 0;
    }
    static int committed(void* self, sqlite3*, const char*, int pages) {
        static_cast<Native*>(self)->log_pages = pages;
        return SQLITE_OK;
    }

    Error error() const { return last_error(database, file); }

    /// A prepared statement; the most recently used ones are kept.
    Result<sqlite3_stmt*> prepare(const std::string& text) {
        if (const auto found = by_text.find(text); found != by_text.end()) {
            statements.splice(statements.begin(), statements, found->second);
            return found->second->statement;
        }
        sqlite3_stmt* statement = nullptr;
        const bool keep = text.size() <= kLongestKeptText;
        if (sqlite3_prepare_v3(database, text.data(), static_cast<int>(text.size()),
                               keep ? SQLITE_PREPARE_PERSISTENT : 0, &statement, nullptr) != SQLITE_OK)
            return error();
        if (!keep) return statement;
        statements.push_front({text, statement});
        by_text.emplace(statements.front().text, statements.begin());
        if (statements.size() > kKeptStatements) {
            by_text.erase(statements.back().text);
            sqlite3_finalize(statements.back().statement);
            statements.pop_back();
        }
        return statement;
    }
    static bool keeps(const std::string& text) { return text.size() <= kLongestKeptText; }

    int bind(sqlite3_stmt* statement, const std::vector<Value>& values) const {
        int place = 0;
        for (const auto& value : values) {
            int code = SQLITE_OK;
            ++place;
            if (const auto* number = value.if_integer()) code = sqlite3_bind_int64(statement, place, *number);
            else if (const auto* text = value.if_text())
                code = sqlite3_bind_text(statement, place, text->data(), static_cast<int>(text->size()), SQLITE_STATIC);
            else if (const auto* flag = value.if_boolean()) code = sqlite3_bind_int(statement, place, *flag ? 1 : 0);
            else if (const auto* real = value.if_real()) code = sqlite3_bind_double(statement, place, *real);
            else code = sqlite3_bind_null(statement, place);
            if (code != SQLITE_OK) return code;
        }
        return SQLITE_OK;
    }

    const std::string file;
    Poco::Data::Session session;
    sqlite3* const database;
    std::list<Kept> statements;  // the most recently used first
    std::unordered_map<std::string_view, std::list<Kept>::iterator> by_text;
    std::function<bool()> give_up;
    int log_pages = 0;
    std::int64_t raised = 0;  // by the statement that runs; 0: it raised no version
};

Connection::Connection(std::unique_ptr<Native> native) : native_(std::move(native)) {}
Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::open(const std::string& file, Role role) {
    static const bool registered = [] {
        Poco::Data::SQLite::Connector::registerConnector();
        return true;
    }();
    (void)registered;
    std::unique_ptr<Connection> connection;
    try {
        connection.reset(new Connection(std::make_unique<Native>(file, role)));
    } catch (const Poco::Exception& failure) {
        return Error(Errc::unavailable, "cannot open the database " + file + ": " + failure.displayText(),
                     "Look at the owner and the permissions of the file and its folder.");
    }
    // FULL: a commit is on the disk before it is acknowledged. Checkpoints are the writer's business.
    static const std::vector<std::string> common = {"PRAGMA trusted_schema = OFF", "PRAGMA temp_store = MEMORY",
                                                    "PRAGMA wal_autocheckpoint = 0"};
    static const std::vector<std::string> writer = {"PRAGMA journal_mode = WAL",
                                                    "PRAGMA synchronous = FULL",
                                                    "PRAGMA secure_delete = FAST",
                                                    "PRAGMA cell_size_check = ON",
                                                    "PRAGMA journal_size_limit = 67108864",
                                                    "PRAGMA cache_size = -16384"};
    static const std::vector<std::string> reader = {"PRAGMA query_only = ON"};
    for (const auto* texts : {&common, role == Role::writer ? &writer : &reader})
        for (const auto& text : *texts)
            if (auto done = connection->run(text); !done) return done.error();
    // PRAGMA wal_autocheckpoint takes the place of the hook that counts the log's pages.
    if (role == Role::writer)
        sqlite3_wal_hook(connection->native_->database, &Native::committed, connection->native_.get());
    return connection;
}

Result<sql::Effect> Connection::execute(const sql::Statement& statement) {
    const auto prepared = native_->prepare(statement.text);
    if (!prepared) return prepared.error();
    const Use use(*prepared, Native::keeps(statement.text));
    if (native_->bind(use.get(), statement.values) != SQLITE_OK) return native_->error();
    native_->raised = 0;
    errno = 0;
    if (sqlite3_step(use.get()) != SQLITE_DONE) return native_->error();
    auto* const database = native_->database;
    return sql::Effect{sqlite3_changes64(database),
                       native_->raised != 0 ? native_->raised : sqlite3_last_insert_rowid(database)};
}

Result<void> Connection::select(const sql::Statement& statement, const std::function<void(const sql::Cells&)>& row) {
    const auto prepared = native_->prepare(statement.text);
    if (!prepared) return prepared.error();
    const Use use(*prepared, Native::keeps(statement.text));
    if (native_->bind(use.get(), statement.values) != SQLITE_OK) return native_->error();
    const StatementCells cells(use.get());
    errno = 0;
    int code = sqlite3_step(use.get());
    for (; code == SQLITE_ROW; code = sqlite3_step(use.get())) row(cells);
    if (code != SQLITE_DONE) return native_->error();
    return ok;
}

Result<void> Connection::run(const std::string& text) {
    return select({text, {}}, [](const sql::Cells&) {});
}

void Connection::roll_back() {
    if (in_transaction()) (void)run("ROLLBACK");
}

bool Connection::in_transaction() const { return sqlite3_get_autocommit(native_->database) == 0; }

void Connection::give_up_when(std::function<bool()> give_up) { native_->give_up = std::move(give_up); }

int Connection::log_pages() const { return native_->log_pages; }

Result<void> Connection::checkpoint(bool patient) {
    auto* const database = native_->database;
    if (patient) sqlite3_busy_timeout(database, kPatienceMs);
    const int code = sqlite3_wal_checkpoint_v2(
        database, nullptr, patient ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    if (patient) sqlite3_busy_timeout(database, static_cast<int>(kLoginSeconds) * 1000);
    if (code != SQLITE_OK && code != SQLITE_BUSY) return native_->error();
    return ok;
}

}  // namespace drover::sqlite
