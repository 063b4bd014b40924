#pragma once

#include <boost/json/value.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/connection.hpp"
#include "drover/result.hpp"

namespace drover::cli {

/// Parameters of a query, in order; written with percent-encoding.
using Query = std::vector<std::pair<std::string, std::string>>;
/// "?a=b&c=d"; empty for none. A parameter named with a leading '!' has no value: "removed_null".
std::string query_text(const Query& query);
/// Percent-encodes all but letters, digits and -._~
std::string encoded(std::string_view text);

/// Asks the API over HTTP/1.1, one request after the other on one connection that is kept.
///
/// Errors carry what the API said (its code, the field, its message) as a sentence, and the status as detail
/// "status", the code as detail "code": denied (401, 403), not_found (404), conflict (409), invalid (other 4xx),
/// unavailable (nobody answers, 503), internal (other 5xx), timeout (outcome unknown).
class Client {
public:
    explicit Client(Connection connection);
    ~Client();
    Client(Client&&) noexcept;

    const Connection& connection() const;
    /// How long one answer may take; 60 s unless set.
    void set_patience(std::chrono::milliseconds at_most);

    /// `path` is below the base: "/hosts/1h5".
    Result<boost::json::value> get(const std::string& path);
    /// Without a body when `body` is null.
    Result<boost::json::value> post(const std::string& path, const boost::json::value& body);
    Result<boost::json::value> put(const std::string& path, const boost::json::value& body);
    Result<boost::json::value> remove(const std::string& path);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// What an error document of the API means, as one sentence and a hint. `what` names the request.
Error error_of_answer(const std::string& what, unsigned status, const std::string& body);

}  // namespace drover::cli
