// Random work and random questions, beside a naive model that answers them by looking at everything.
#include <map>

#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

using Fields = std::map<std::string, Value>;
struct Thing {
    std::int64_t version = 1;
    Fields fields;
    const Value& operator[](const std::string& field) const {
        static const Value null;
        const auto found = fields.find(field);
        return found == fields.end() ? null : found->second;
    }
};
using Things = std::map<std::int64_t, Thing>;

class Model {
public:
    explicit Model(std::mt19937_64 random) : random_(random) {}

    std::size_t below(std::size_t end) { return random_() % end; }
    bool chance(int percent) { return static_cast<int>(below(100)) < percent; }
    template <class T>
    const T& any_of(const std::vector<T>& choices) {
        return choices[below(choices.size())];
    }

    Things machines;
    Things disks;

    Value some_text() {
        static const std::vector<std::string> texts = {"",
                                                       "a",
                                                       "A",
                                                       "a ",
                                                       "aa",
                                                       "ab",
                                                       "b%",
                                                       "b_",
                                                       "b\\",
                                                       "\xC3\xA4",
                                                       "\xF0\x9F\x90\x91",
                                                       "long common beginning 1",
                                                       "long common beginning 2",
                                                       "'"};
        return any_of(texts);
    }
    Value some_integer() {
        static const std::vector<std::int64_t> integers = {std::numeric_limits<std::int64_t>::min(),
                                                           -2,
                                                           -1,
                                                           0,
                                                           1,
                                                           2,
                                                           3,
                                                           9'007'199'254'740'992,
                                                           9'007'199'254'740'993,
                                                           std::numeric_limits<std::int64_t>::max() - 1,
                                                           std::numeric_limits<std::int64_t>::max()};
        return any_of(integers);
    }
    Value some_real() {
        static const std::vector<double> reals = {-1e300, -1.5, -0.0, 0.0, 0.1, 1.0, 2.5, 1e300};
        return any_of(reals);
    }
    Value some_id() {
        if (machines.empty() || chance(10)) return static_cast<std::int64_t>(below(50));
        return std::next(machines.begin(), static_cast<std::ptrdiff_t>(below(machines.size())))->first;
    }
    /// Something the field can hold; now and then null.
    Value some_value(const std::string& field) {
        if (field != "id" && field != "state" && chance(20)) return {};
        if (field == "name" || field == "state" || field == "note") return some_text();
        if (field == "ratio") return some_real();
        if (field == "running") return chance(50);
        if (field == "parentId" || field == "id" || field == "machineId") return some_id();
        return some_integer();
    }

private:
    std::mt19937_64 random_;
};

const std::vector<std::string> kFields = {"name",    "state",   "size", "rank",    "ratio",
                                          "running", "created", "note", "parentId"};

Value field_of(std::int64_t id, const Thing& thing, const std::string& field) {
    return field == "id" ? Value(id) : thing[field];
}

bool holds(const Condition& condition, const Value& seen) {
    if (condition.op == Op::is_null) return seen.is_null();
    if (condition.op == Op::not_null) return !seen.is_null();
    if (seen.is_null()) return false;
    for (const auto& value : condition.values) {
        if (value.is_null()) continue;
        switch (condition.op) {
            case Op::eq:
            case Op::in:
                if (seen == value) return true;
                break;
            case Op::ne: return seen != value;
            case Op::lt: return seen < value;
            case Op::lte: return seen <= value;
            case Op::gt: return seen > value;
            case Op::gte: return seen >= value;
            case Op::prefix: return seen.text().starts_with(value.text());
            case Op::like: return like_matches(seen.text(), value.text());
            case Op::not_like: return !like_matches(seen.text(), value.text());
            default: break;
        }
    }
    return false;
}

bool matches(const Query& query, std::int64_t id, const Thing& thing) {
    return std::all_of(query.where.begin(), query.where.end(), [&](const AnyOf& any) {
        return std::any_of(any.begin(), any.end(),
                           [&](const Condition& one) { return holds(one, field_of(id, thing, one.field)); });
    });
}

/// "4 5+7 5+8 9-": the joined rows of a query, in their order.
std::vector<std::string> expected_rows(const Model& model, const Query& query) {
    std::vector<std::pair<std::int64_t, const Thing*>> found;
    for (const auto& [id, thing] : model.machines)
        if (matches(query, id, thing)) found.emplace_back(id, &thing);
    std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) {
        for (const auto& by : query.sort) {
            const auto left = field_of(a.first, *a.second, by.field);
            const auto right = field_of(b.first, *b.second, by.field);
            if (left != right) return by.descending ? right < left : left < right;
        }
        return a.first < b.first;
    });
    std::vector<std::string> rows;
    for (const auto& [id, thing] : found) {
        std::vector<std::string> some = {std::to_string(id)};
        for (const auto& link : query.include) {
            std::vector<std::int64_t> linked;
            const auto own = id;
            if (link == "parent") {
                const auto parent = (*thing)["parentId"];
                if (!parent.is_null() && model.machines.contains(parent.integer())) linked.push_back(parent.integer());
            } else {
                const auto& others = link == "disks" ? model.disks : model.machines;
                const auto* field = link == "disks" ? "machineId" : "parentId";
                for (const auto& [other, child] : others)
                    if (child[field] == Value(own)) linked.push_back(other);
            }
            std::vector<std::string> more;
            for (const auto& row : some) {
                if (linked.empty()) more.push_back(row + "-");
                for (const auto other : linked) more.push_back(row + "+" + std::to_string(other));
            }
            some = std::move(more);
        }
        rows.insert(rows.end(), some.begin(), some.end());
    }
    return rows;
}

std::string describe(const Query& query) {
    std::string text = "where";
    for (const auto& any : query.where) {
        text += " (";
        for (const auto& one : any) {
            text += " " + one.field + " op" + std::to_string(static_cast<int>(one.op));
            for (const auto& value : one.values) text += " " + value.describe();
        }
        text += " )";
    }
    text += " sort";
    for (const auto& by : query.sort) text += " " + by.field + (by.descending ? "-" : "+");
    text += " include";
    for (const auto& link : query.include) text += " " + link;
    return text + " limit " + std::to_string(query.limit) + " offset " + std::to_string(query.offset);
}

class RandomKit : public StoreKit {
protected:
    /// One batch of random operations; the model follows when it happened, and says when it should not have.
    void change(Model& model) {
        std::vector<Operation> operations;
        const auto before = std::pair(model.machines, model.disks);
        bool fails = false;
        std::vector<std::pair<std::size_t, bool>> created;  // which operation, and whether it made a machine
        std::vector<Fields> contents;
        const auto count = 1 + model.below(12);
        for (std::size_t i = 0; i < count && !fails; ++i) {
            if (model.machines.empty() || model.chance(45)) {
                const bool machine = model.chance(65);
                Fields fields;
                if (machine) {
                    fields["state"] = "requested";
                    for (const auto& field : kFields)
                        if (model.chance(70)) fields[field] = model.some_value(field);
                } else {
                    fields["machineId"] = model.some_value("machineId");
                }
                Assignments values;
                for (const auto& [name, value] : fields) values.emplace_back(name, value);
                operations.push_back(Create{machine ? "machine" : "disk", std::move(values)});
                created.emplace_back(operations.size() - 1, machine);
                contents.push_back(std::move(fields));
                continue;
            }
            const auto at =
                std::next(model.machines.begin(), static_cast<std::ptrdiff_t>(model.below(model.machines.size())));
            std::vector<Expectation> expect;
            if (model.chance(40)) {
                const auto& field = model.any_of(kFields);
                const auto value = model.chance(90) ? at->second[field] : model.some_value(field);
                fails = value != at->second[field];
                expect.push_back({field, value});
            }
            if (model.chance(25)) {
                operations.push_back(Delete{"machine", at->first, std::move(expect)});
                if (!fails) model.machines.erase(at);
                continue;
            }
            Assignments values;
            for (const auto& field : kFields)
                if (model.chance(30)) values.emplace_back(field, model.some_value(field));
            if (!fails) {
                for (const auto& [name, term] : values) at->second.fields[name] = std::get<Value>(term);
                ++at->second.version;
            }
            operations.push_back(Update{"machine", at->first, std::move(values), std::move(expect)});
        }
        const auto done = attempt(operations);
        ASSERT_EQ(done.has_value(), !fails) << (done ? std::string("it happened") : done.error().describe());
        if (fails) {
            EXPECT_EQ(done.error().code(), Errc::conflict) << done.error();
            std::tie(model.machines, model.disks) = before;
            return;
        }
        for (std::size_t i = 0; i < created.size(); ++i) {
            const auto id = done->changed.at(created[i].first).id;
            auto& things = created[i].second ? model.machines : model.disks;
            ASSERT_TRUE(things.emplace(id, Thing{1, contents[i]}).second) << "an id was used twice";
        }
    }

    Condition some_condition(Model& model) {
        const auto field = model.chance(12) ? std::string("id") : model.any_of(kFields);
        const bool text = field == "name" || field == "state" || field == "note";
        std::vector<Op> ops = {Op::eq, Op::ne, Op::lt, Op::lte, Op::gt, Op::gte, Op::in, Op::is_null, Op::not_null};
        if (text) ops.insert(ops.end(), {Op::prefix, Op::like, Op::not_like, Op::prefix});
        Condition condition{field, model.any_of(ops), {}};
        if (condition.op == Op::is_null || condition.op == Op::not_null) return condition;
        const auto values = condition.op == Op::in ? model.below(5) : 1;
        for (std::size_t i = 0; i < values; ++i) condition.values.push_back(model.some_value(field));
        if (condition.op == Op::like || condition.op == Op::not_like) {
            static const std::vector<std::string> patterns = {"%",    "a%",   "%a", "_",        "__",
                                                              "b\\%", "b\\_", "%1", "%common%", ""};
            condition.values = {Value(model.any_of(patterns))};
        }
        return condition;
    }

    Query some_query(Model& model) {
        Query query{.type = "machine"};
        const auto groups = model.below(4);
        for (std::size_t i = 0; i < groups; ++i) {
            AnyOf any;
            const auto conditions = model.chance(70) ? 1 : model.below(4);
            for (std::size_t k = 0; k < conditions; ++k) any.push_back(some_condition(model));
            query.where.push_back(std::move(any));
        }
        std::vector<std::string> fields = kFields;
        fields.push_back("id");
        for (auto sorts = model.below(4); sorts > 0; --sorts)
            query.sort.push_back({model.any_of(fields), model.chance(50)});
        for (const auto* link : {"disks", "parent", "machines"})
            if (model.chance(15)) query.include.push_back(link);
        query.limit = model.chance(30) ? kLargestPage : 1 + model.below(20);
        if (model.chance(40)) query.offset = model.below(15);
        query.count = model.chance(50);
        return query;
    }

    void ask(Model& model) {
        auto query = some_query(model);
        SCOPED_TRACE(describe(query));
        const auto all = expected_rows(model, query);
        const auto begin = std::min<std::size_t>(query.offset, all.size());
        const auto end = std::min(all.size(), begin + query.limit);
        const std::vector<std::string> expected(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                                all.begin() + static_cast<std::ptrdiff_t>(end));
        const auto page = find(query);
        std::vector<std::string> rows;
        for (const auto& row : page.rows) {
            auto text = std::to_string(row.record.id());
            for (const auto& linked : row.included) text += linked ? "+" + std::to_string(linked->id()) : "-";
            rows.push_back(std::move(text));
            const auto& thing = model.machines.at(row.record.id());
            EXPECT_EQ(row.record.version(), thing.version);
            for (const auto& field : kFields) EXPECT_EQ(row.record[field], thing[field]) << field;
        }
        EXPECT_EQ(rows, expected);
        EXPECT_EQ(page.more, end < all.size());
        EXPECT_EQ(page.count, query.count ? std::optional<std::uint64_t>(all.size()) : std::nullopt);
        if (!query.include.empty()) return;
        std::vector<std::string> walked;
        query.offset = 0;
        query.limit = std::max<std::size_t>(query.limit, all.size() / 12 + 1);
        for (const auto id : walk(query)) walked.push_back(std::to_string(id));
        EXPECT_EQ(walked, all) << "by cursors";
    }
};

DROVER_KIT_CASE(RandomKit, store_cases, RandomQueriesAnswerAsANaiveModelDoes) {
    Model model(seeded());
    constexpr int kRounds = 12;
    for (int round = 0; round < kRounds && !HasFailure(); ++round) {
        for (int i = 0; i < 6 && !HasFatalFailure(); ++i) change(model);
        for (int i = 0; i < 25 && !HasFailure(); ++i) ask(model);
    }
    std::cout << model.machines.size() << " machines and " << model.disks.size() << " disks at the end\n";
}

}  // namespace
}  // namespace drover::conformance
