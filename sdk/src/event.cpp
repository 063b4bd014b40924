#include "drover/event.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>

#include <charconv>

#include "drover/json.hpp"

namespace drover {

namespace json = boost::json;

namespace {

/// Says what a JSON value is, in the words of its documentation.
std::string_view kind_of(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: return "null";
        case json::kind::bool_: return "a boolean";
        case json::kind::int64:
        case json::kind::uint64:
        case json::kind::double_: return "a number";
        case json::kind::string: return "a string";
        case json::kind::array: return "an array";
        case json::kind::object: return "an object";
    }
    return "unknown";
}

/// Reads the keys of one event; keeps the first thing that is wrong.
class Reader {
public:
    explicit Reader(const json::object& from) : from_(from) {}

    std::string text(std::string_view key, bool number_too = false) {
        const auto* value = find(key);
        if (!value) return {};
        if (value->is_string()) return std::string(value->get_string());
        if (number_too && value->is_int64()) return std::to_string(value->get_int64());
        if (number_too && value->is_uint64()) return std::to_string(value->get_uint64());
        refuse(key, *value, number_too ? "a string or a whole number" : "a string");
        return {};
    }

    std::optional<std::int64_t> integer(std::string_view key) {
        const auto* value = find(key);
        if (!value) return std::nullopt;
        if (value->is_int64()) return value->get_int64();
        if (value->is_string()) {
            const std::string_view digits(value->get_string());
            std::int64_t number = 0;
            const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
            if (failure == std::errc() && end == digits.data() + digits.size() && !digits.empty()) return number;
        }
        refuse(key, *value, "a whole number");
        return std::nullopt;
    }

    std::vector<std::string> texts(std::string_view key) {
        const auto* value = find(key);
        std::vector<std::string> list;
        if (!value) return list;
        if (!value->is_array()) {
            refuse(key, *value, "an array of strings");
            return list;
        }
        if (value->get_array().size() > kMostPrevious) {
            fail(key, "has " + std::to_string(value->get_array().size()) + " items; at most " +
                          std::to_string(kMostPrevious) + " are allowed");
            return list;
        }
        for (const auto& item : value->get_array()) {
            if (item.is_string()) list.emplace_back(item.get_string());
            else refuse(key, item, "an array of strings");
        }
        return list;
    }

    json::value object(std::string_view key) {
        const auto* value = find(key);
        if (!value) return nullptr;
        if (!value->is_object()) {
            refuse(key, *value, "an object");
            return nullptr;
        }
        return *value;
    }

    std::optional<Transitioning> transitioning() {
        const auto word = text("transitioning");
        if (word.empty()) return std::nullopt;
        for (const auto known : {Transitioning::no, Transitioning::yes, Transitioning::error})
            if (word == to_string(known)) return known;
        fail("transitioning", "is \"" + word.substr(0, 40) + "\"; expected yes, no or error");
        return std::nullopt;
    }

    const std::optional<Error>& problem() const { return problem_; }
    void fail(std::string_view key, const std::string& what) {
        if (!problem_) problem_ = Error(Errc::invalid, "event key " + std::string(key) + " " + what);
    }

private:
    /// Null and absent are the same.
    const json::value* find(std::string_view key) const {
        const auto* value = from_.if_contains(key);
        return value && !value->is_null() ? value : nullptr;
    }
    void refuse(std::string_view key, const json::value& seen, std::string_view expected) {
        fail(key, "is " + std::string(kind_of(seen)) + "; expected " + std::string(expected));
    }

    const json::object& from_;
    std::optional<Error> problem_;
};

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(json::string(text));
}

template <class T>
json::value number_or_null(const std::optional<T>& number) {
    return number ? json::value(*number) : json::value(nullptr);
}

}  // namespace

std::string_view to_string(Transitioning value) {
    switch (value) {
        case Transitioning::no: return "no";
        case Transitioning::yes: return "yes";
        case Transitioning::error: return "error";
    }
    return "error";
}

bool Event::answers(const Event& request) const {
    return !previous_ids.empty() && !request.id.empty() && previous_ids.front() == request.id;
}

Result<Event> parse_event(std::string_view text) {
    if (text.size() > kLargestEvent)
        return Error(Errc::invalid, "an event of " + std::to_string(text.size()) + " bytes was given; at most " +
                                        std::to_string(kLargestEvent) + " are allowed");
    const auto document = parse_json(text, kDeepestEvent);
    if (!document)
        return document.error()
            .in("an event")
            .with_hint("Events are JSON objects, at most " + std::to_string(kDeepestEvent) + " levels deep.");
    const auto& parsed = *document;
    if (!parsed.is_object())
        return Error(Errc::invalid, "an event is " + std::string(kind_of(parsed)) + "; expected an object");
    Reader reader(parsed.get_object());
    Event event;
    event.id = reader.text("id");
    event.name = reader.text("name");
    event.reply_to = reader.text("replyTo");
    event.resource_id = reader.text("resourceId", true);
    event.resource_type = reader.text("resourceType");
    event.publisher = reader.text("publisher");
    event.transitioning = reader.transitioning();
    event.transitioning_message = reader.text("transitioningMessage");
    event.transitioning_internal_message = reader.text("transitioningInternalMessage");
    event.transitioning_progress = reader.integer("transitioningProgress");
    event.previous_ids = reader.texts("previousIds");
    event.previous_names = reader.texts("previousNames");
    event.data = reader.object("data");
    if (const auto time = reader.integer("time")) event.time = WallTime(std::chrono::milliseconds(*time));
    event.timeout_millis = reader.integer("timeoutMillis");
    event.context = reader.object("context");
    if (event.name.empty()) reader.fail("name", "is missing");
    if (reader.problem()) return *reader.problem();
    if (auto good = check_event_name(event.name); !good) return good.error();
    return event;
}

std::string to_json(const Event& event) {
    return json::serialize(json::object{
        {"id", text_or_null(event.id)},
        {"name", text_or_null(event.name)},
        {"replyTo", text_or_null(event.reply_to)},
        {"resourceId", text_or_null(event.resource_id)},
        {"resourceType", text_or_null(event.resource_type)},
        {"publisher", text_or_null(event.publisher)},
        {"transitioning", event.transitioning ? json::value(to_string(*event.transitioning)) : json::value(nullptr)},
        {"transitioningMessage", text_or_null(event.transitioning_message)},
        {"transitioningInternalMessage", text_or_null(event.transitioning_internal_message)},
        {"transitioningProgress", number_or_null(event.transitioning_progress)},
        {"previousIds", json::value_from(event.previous_ids)},
        {"previousNames", json::value_from(event.previous_names)},
        {"data", event.data},
        {"time", event.time ? json::value(event.time->time_since_epoch().count()) : json::value(nullptr)},
        {"timeoutMillis", number_or_null(event.timeout_millis)},
        {"context", event.context}});
}

Event reply_to(const Event& request, std::string id) {
    Event reply;
    reply.id = std::move(id);
    reply.name = request.reply_to;
    reply.resource_id = request.resource_id;
    reply.resource_type = request.resource_type;
    reply.previous_ids = request.previous_ids;
    reply.previous_ids.insert(reply.previous_ids.begin(), request.id);
    reply.previous_names = request.previous_names;
    reply.previous_names.insert(reply.previous_names.begin(), request.name);
    if (reply.previous_ids.size() > kMostPrevious) reply.previous_ids.resize(kMostPrevious);
    if (reply.previous_names.size() > kMostPrevious) reply.previous_names.resize(kMostPrevious);
    return reply;
}

std::string_view base_name(std::string_view event_name) { return event_name.substr(0, event_name.find(';')); }

std::string with_suffix(std::string_view event_name, std::string_view suffix) {
    const auto base = base_name(event_name);
    return std::string(base) + std::string(suffix) + std::string(event_name.substr(base.size()));
}

Result<void> check_event_name(std::string_view event_name) {
    bool good = !event_name.empty() && event_name.size() <= kLongestEventName;
    for (const char c : event_name)
        good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        std::string_view("._-*;=").find(c) != std::string_view::npos);
    if (good) return ok;
    return Error(Errc::invalid, "an event name of " + std::to_string(event_name.size()) +
                                    " bytes was given; expected 1 to 255 letters, digits and . _ - * ; =");
}

}  // namespace drover
