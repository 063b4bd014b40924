#include "errors.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "sql/session.hpp"

namespace drover::sqlite {
namespace {

bool is_limit(int system_error) { return system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG; }

Error no_space(const std::string& file, std::string_view why) {
    return Error(Errc::exhausted, "no space for the database " + file + ": " + std::string(why),
                 "Free space in its folder or raise the limit; the store goes on by itself then.");
}

Error disk_failed(const std::string& text, int code, int system_error) {
    const auto why = system_error == 0 ? std::string() : " (" + std::string(std::strerror(system_error)) + ")";
    return Error(Errc::unavailable, text + why + ", SQLite code " + std::to_string(code),
                 "Look at the disk and the kernel's log; the store goes on by itself when it works again.");
}

}  // namespace

Error last_error(sqlite3* database, const std::string& file) {
    // Of a commit that failed SQLite does not note the system's error; then errno still has it.
    const int system_now = errno;
    const int code = sqlite3_extended_errcode(database);
    const int system_noted = sqlite3_system_errno(database);
    const int system_error = system_noted != 0 ? system_noted : system_now;
    const std::string message = sqlite3_errmsg(database);
    const auto of_file = [&](std::string_view what) { return std::string(what) + " " + file + ": " + message; };
    switch (code & 0xFF) {
        case SQLITE_CONSTRAINT: {
            constexpr std::string_view kUnique = "UNIQUE constraint failed: ";
            if (message.starts_with(kUnique)) return sql::duplicate_key(message.substr(kUnique.size()));
            return Error(Errc::invalid, "the database refuses a value: " + message);
        }
        case SQLITE_FULL: return no_space(file, "the disk is full").with_detail("log", "cut");
        case SQLITE_IOERR: {
            const auto error = is_limit(system_error)
                                   ? no_space(file, std::strerror(system_error))
                                   : disk_failed(of_file("reading or writing failed for"), code, system_error);
            return code == SQLITE_IOERR_WRITE ? error.with_detail("log", "cut") : error;
        }
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return Error(Errc::unavailable, of_file("damaged database"),
                         "Restore a backup, or rescue what is left with: sqlite3 FILE .recover")
                .with_detail("disk", "damaged");
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return Error(Errc::unavailable, of_file("another program holds the database"),
                         "End the other program; only one Drover may use the file.");
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_AUTH:
            return Error(Errc::unavailable, of_file("cannot open for writing"),
                         "Look at the owner and the permissions of the file and its folder.");
        case SQLITE_INTERRUPT: return Error(Errc::timeout, "the query was given up, nobody waits for it any more");
        case SQLITE_NOMEM: return Error(Errc::exhausted, "out of memory in " + file);
        case SQLITE_TOOBIG: return Error(Errc::invalid, "larger than the database allows: " + message);
        default: return Error(Errc::internal, of_file("SQLite code " + std::to_string(code) + " in"));
    }
}

bool is_damage(const Error& error) { return error.detail("disk") == "damaged"; }

bool is_cut_short(const Error& error) { return error.detail("log") == "cut"; }

bool is_own_fault(const Error& error) {
    switch (error.code()) {
        case Errc::conflict:
        case Errc::not_found:
        case Errc::invalid:
        case Errc::internal: return true;
        default: return false;
    }
}

}  // namespace drover::sqlite
