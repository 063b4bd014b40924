#include "payload.hpp"

#include <algorithm>

namespace drover::cloud {

namespace json = boost::json;

namespace {

constexpr int kDeepestKeys = 8;
constexpr int kDeepestNesting = 12;
constexpr std::size_t kLongestExpression = 16'384;

Error wrong(const std::string& what, std::string_view text) {
    return Error(Errc::invalid, "expression \"" + std::string(text.substr(0, 200)) + "\": " + what,
                 "Write names of links with '|' between, and what is theirs in brackets: instance[image]|host");
}

/// The text with every ${key} replaced.
Result<std::string> with_keys(std::string_view text, const std::function<std::string(std::string_view)>& setting,
                              int depth = 0) {
    if (depth > kDeepestKeys) return wrong("its keys refer to each other without end", text);
    std::string whole;
    for (;;) {
        const auto open = text.find("${");
        whole += text.substr(0, open);
        if (open == std::string_view::npos) return whole;
        const auto close = text.find('}', open);
        if (close == std::string_view::npos) return wrong("a ${ has no }", text);
        auto inner = with_keys(setting(text.substr(open + 2, close - open - 2)), setting, depth + 1);
        if (!inner) return inner.error();
        whole += *inner;
        if (whole.size() > kLongestExpression) return wrong("it is too long", text);
        text.remove_prefix(close + 1);
    }
}

class Parser {
public:
    explicit Parser(std::string_view text) : whole_(text), rest_(text) {}

    Result<Expression> all() {
        auto expression = list(0);
        if (!expression) return expression;
        if (!rest_.empty()) return wrong("there is a ']' too many", whole_);
        return expression;
    }

private:
    Result<Expression> list(int depth) {
        if (depth > kDeepestNesting) return wrong("it is nested too deep", whole_);
        Expression expression;
        for (;;) {
            skip_spaces();
            if (!rest_.empty() && rest_.front() != ']') {
                auto one = branch(depth);
                if (!one) return one.error();
                if (!one->link.empty()) expression.branches.push_back(std::move(*one));
            }
            if (!take('|') && !take(',')) return expression;
        }
    }

    Result<Expression::Branch> branch(int depth) {
        Expression::Branch one;
        const auto end = std::min(rest_.find_first_of("|,[]. \t"), rest_.size());
        one.link = rest_.substr(0, end);
        rest_.remove_prefix(end);
        skip_spaces();
        if (one.link.empty()) {
            if (rest_.empty() || rest_.front() == '|' || rest_.front() == ',') return one;
            return wrong("a name is missing before '" + std::string(1, rest_.front()) + "'", whole_);
        }
        if (take('[')) {
            auto inner = list(depth + 1);
            if (!inner) return inner.error();
            if (!take(']')) return wrong("a '[' has no ']'", whole_);
            one.inner = std::move(*inner);
        } else if (take('.')) {
            if (depth > kDeepestNesting) return wrong("it is nested too deep", whole_);
            auto inner = branch(depth + 1);
            if (!inner) return inner.error();
            if (inner->link.empty()) return wrong("a name is missing after '.'", whole_);
            one.inner.branches.push_back(std::move(*inner));
        }
        skip_spaces();
        if (!rest_.empty() && rest_.find_first_of("|,]") != 0)
            return wrong("expected '|' before \"" + std::string(rest_.substr(0, 20)) + "\"", whole_);
        return one;
    }

    bool take(char c) {
        skip_spaces();
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    void skip_spaces() {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
    }

    std::string_view whole_;
    std::string_view rest_;
};

}  // namespace

bool Expression::operator==(const Expression& other) const { return branches == other.branches; }

Result<Expression> parse_expression(std::string_view text,
                                    const std::function<std::string(std::string_view)>& setting) {
    auto whole = with_keys(text, setting);
    if (!whole) return whole.error();
    return Parser(*whole).all();
}

PayloadReader PayloadReader::of(ProcessRunPtr run) {
    Source source;
    source.get = [run](std::string type, std::int64_t id) { return run->get(std::move(type), id); };
    source.query = [run](Query query) { return run->query(std::move(query)); };
    source.linked = [run](std::string type, std::int64_t id, std::string link) {
        return run->linked(std::move(type), id, std::move(link));
    };
    source.schema = &run->model().schema();
    return PayloadReader(std::move(source));
}

Async<Result<json::object>> PayloadReader::read(Record record, std::shared_ptr<const Expression> expression) {
    co_return co_await read_with(std::move(record), expression.get());
}

Async<Result<json::object>> PayloadReader::read_with(Record record, const Expression* expression) {
    auto object = to_event_object(record);
    for (const auto& branch : expression->branches) {
        auto value = co_await follow(record, &branch);
        if (!value) co_return value.error();
        object[branch.link] = std::move(*value);
    }
    co_return object;
}

Async<Result<json::value>> PayloadReader::follow(Record record, const Expression::Branch* branch) {
    const std::string type = record.type().name;
    const auto* link = source_.schema->link(type, branch->link);
    if (!link) co_return json::value(nullptr);
    if (link->kind == Link::Kind::reference) {
        const auto* id = record[link->field].if_integer();
        if (!id) co_return json::value(nullptr);
        const std::pair<std::string, std::int64_t> key(link->target, *id);
        auto known = seen_.find(key);
        if (known == seen_.end()) {
            auto found = co_await source_.get(link->target, *id);
            if (!found && found.error().code() == Errc::not_found) co_return json::value(nullptr);
            if (!found) co_return found.error();
            known = seen_.emplace(key, std::move(*found)).first;
        }
        auto object = co_await read_with(known->second, &branch->inner);
        if (!object) co_return object.error();
        co_return json::value(std::move(*object));
    }
    std::vector<Record> records;
    if (link->kind == Link::Kind::map) {
        auto found = co_await source_.linked(type, record.id(), branch->link);
        if (!found) co_return found.error();
        records = std::move(*found);
    } else {
        Query query;
        query.type = link->target;
        query.where = {{Condition{link->field, Op::eq, {Value(record.id())}}}};
        query.limit = kLargestPage;
        auto page = co_await source_.query(std::move(query));
        if (!page) co_return page.error();
        for (auto& row : page->rows) records.push_back(std::move(row.record));
    }
    auto all = co_await read_all(std::move(records), &branch->inner);
    if (!all) co_return all.error();
    co_return json::value(std::move(*all));
}

Async<Result<json::array>> PayloadReader::read_all(std::vector<Record> records, const Expression* inner) {
    json::array all;
    for (auto& record : records) {
        auto object = co_await read_with(record, inner);
        if (!object) co_return object.error();
        all.push_back(std::move(*object));
    }
    co_return all;
}

}  // namespace drover::cloud
