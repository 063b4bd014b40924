#pragma once

#include <boost/json/object.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/engine/run.hpp"

/// What agents are sent: rows with what they are linked to, as an expression says which.
namespace drover::cloud {

/// Which links of a row to follow, and which of what they lead to: "instance[volumes|image]|host".
struct Expression {
    struct Branch;
    std::vector<Branch> branches;
    bool operator==(const Expression&) const;
};
struct Expression::Branch {
    std::string link;
    Expression inner;
    bool operator==(const Branch&) const = default;
};

/// Names have '|' or ',' between; '[...]' or '.' after a name says what of it. `${key}` stands for the text that
/// `setting` gives for the key.
/// Errors: invalid, naming what is wrong and where; keys that refer to each other without end are wrong.
Result<Expression> parse_expression(std::string_view text, const std::function<std::string(std::string_view)>& setting);

/// Reads rows and what they are linked to, each once.
class PayloadReader {
public:
    /// `get` and `linked` as in ProcessRun; a row that is missing is null.
    struct Source {
        std::function<Async<Result<Record>>(std::string type, std::int64_t id)> get;
        std::function<Async<Result<Page>>(Query query)> query;
        std::function<Async<Result<std::vector<Record>>>(std::string type, std::int64_t id, std::string link)> linked;
        const Schema* schema = nullptr;
    };
    explicit PayloadReader(Source source) : source_(std::move(source)) {}
    static PayloadReader of(ProcessRunPtr run);

    /// The row as events show it, with an object or null for each reference, an array for each list: of children
    /// all, removed ones too; through map rows those whose map row is not removed.
    Async<Result<boost::json::object>> read(Record record, std::shared_ptr<const Expression> expression);

private:
    Async<Result<boost::json::value>> follow(Record record, const Expression::Branch* branch);
    Async<Result<boost::json::array>> read_all(std::vector<Record> records, const Expression* inner);
    Async<Result<boost::json::object>> read_with(Record record, const Expression* expression);

    Source source_;
    std::map<std::pair<std::string, std::int64_t>, Record> seen_;
};

}  // namespace drover::cloud
