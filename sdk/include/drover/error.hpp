#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace [[gnu::visibility("default")]] drover {

/// What the caller may conclude from a failure, sorted by what it does next.
enum class Errc : unsigned char {
    busy = 1,     ///< It did not happen: somebody else holds it. Wait or give up.
    not_found,    ///< It did not happen: there is no such thing.
    conflict,     ///< It did not happen: an expectation did not hold. Read again and decide.
    unavailable,  ///< It did not happen: the other side cannot be reached now. Retry.
    exhausted,    ///< It did not happen: a limit is reached. Retry later, or ask for less.
    invalid,      ///< It did not happen and never will: the request is wrong.
    denied,       ///< It did not happen: the caller is not allowed.
    unsupported,  ///< It did not happen: this backend does not do that; see its traits.
    cancelled,    ///< The caller withdrew; whether it happened is UNKNOWN.
    timeout,      ///< The deadline passed; whether it happened is UNKNOWN. Check before a retry.
    internal,     ///< A bug. Report it.
};

/// The stable name of `code`, as it stands in logs and JSON: "not_found".
std::string_view to_string(Errc code);

/// True when a failure with this code leaves open whether the operation took effect.
constexpr bool outcome_unknown(Errc code) { return code == Errc::timeout || code == Errc::cancelled; }

/// An expected failure: a code to act on, a sentence for a person, a hint saying what to do next.
///
/// Cheap to move and to copy (one shared pointer to immutable text).
/// Thread-safety: as an int's; distinct copies may be used from distinct threads.
class [[nodiscard]] Error {
public:
    Error(Errc code, std::string message, std::string hint = {});

    Errc code() const;
    /// What failed, the value seen, what was allowed. Never empty, never a secret.
    const std::string& message() const;
    /// What to do next; empty when there is nothing sensible to say.
    const std::string& hint() const;
    /// A fact for programs, such as `field` or `operation`; empty when not set.
    std::string_view detail(std::string_view name) const;

    /// The same error, told by a caller who knows more: "context: message".
    Error in(std::string_view context) const;
    Error with_hint(std::string hint) const;
    Error with_detail(std::string name, std::string value) const;
    Error with_code(Errc code) const;

    /// "message. hint", for a terminal.
    std::string describe() const;

private:
    struct Body;
    explicit Error(std::shared_ptr<const Body> body);
    std::shared_ptr<const Body> body_;  // shared by copies of this error only
};

std::ostream& operator<<(std::ostream& out, const Error& error);

}  // namespace drover
