// What the API says about itself: versions, schemas, documentation.
#include "json_text.hpp"
#include "request.hpp"
#include "state.hpp"

namespace drover::rest {

namespace {

std::string version_text(const std::string& base, std::string_view more_links) {
    std::string out = R"({"id":"v1","type":"apiVersion","links":{"self":)";
    append_text(out, base);
    out += more_links;
    out += "},\"actions\":{}}";
    return out;
}

std::string schema_text(const Ask& ask, const TypeSchema& type) {
    const auto& base = ask.request->base;
    std::string out = "{\"id\":\"" + type.name + R"(","type":"schema","links":{"self":)";
    append_text(out, base + "/schemas/" + lower(type.name));
    if (type.list) {
        out += ",\"collection\":";
        append_text(out, base + '/' + type.path);
    }
    out += "},";
    out += std::string_view(type.tail).substr(1);  // without its '{'
    return out;
}

}  // namespace

HttpResponse RestApi::State::versions(const ApiRequest& request) {
    std::string out = R"({"type":"collection","resourceType":"apiVersion","links":{"latest":)";
    append_text(out, request.base);
    out += ",\"self\":";
    append_text(out, request.url);
    out += R"(},"createTypes":{},"actions":{},"data":[)" + version_text(request.base, {});
    out += R"(],"sortLinks":{},"pagination":null,"sort":null,"filters":{},"createDefaults":{}})";
    return json_response(200, std::move(out));
}

HttpResponse RestApi::State::version(const Ask& ask) {
    std::string links;
    for (const auto& type : ask.set->types) {
        if (!type->list) continue;
        links += ",\"" + type->plural + "\":";
        append_text(links, ask.request->base + '/' + type->path);
    }
    return json_response(200, version_text(ask.request->base, links));
}

HttpResponse RestApi::State::collection_of(const Ask& ask, const std::vector<std::string>& rows) const {
    CollectionFrame frame;
    frame.resource_type = ask.type->name;
    frame.paged = false;
    auto out = collection_head(*ask.request, *ask.set, nullptr, frame);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i) out += ',';
        out += rows[i];
    }
    out += collection_tail(*ask.request, nullptr, {}, frame);
    return json_response(200, std::move(out));
}

Result<HttpResponse> RestApi::State::schemas(const Ask& ask) {
    if (!ask.request->id.empty()) {
        const auto* type = ask.set->find(ask.request->id);
        if (!type) return not_found();
        return json_response(200, schema_text(ask, *type));
    }
    std::vector<std::string> rows;
    for (const auto& type : ask.set->types) rows.push_back(schema_text(ask, *type));
    return collection_of(ask, rows);
}

HttpResponse RestApi::State::documentation(const Ask& ask) {
    std::vector<std::string> rows;
    for (const auto& type : ask.set->types) {
        const auto* declared = sets().find(type->name);
        std::string fields;
        for (const auto& field : type->fields) {
            if (field.about.empty()) continue;
            fields += fields.empty() ? "" : ",";
            append_text(fields, field.name);
            fields += ":{\"description\":";
            append_text(fields, field.about);
            fields += ",\"placeholder\":null}";
        }
        if (fields.empty() && (!declared || declared->about.empty())) continue;
        if (!ask.request->id.empty() && lower(ask.request->id) != lower(type->name)) continue;
        std::string out = "{\"id\":\"" + type->name + R"(","type":"typeDocumentation","links":{"self":)";
        append_text(out, ask.request->base + "/typedocumentations/" + lower(type->name));
        out += "},\"actions\":{},\"description\":";
        append_text(out, declared ? declared->about : std::string());
        out += ",\"resourceFields\":{" + fields + "}}";
        rows.push_back(std::move(out));
    }
    if (ask.request->id.empty()) return collection_of(ask, rows);
    return rows.empty() ? error_response(404, "Not Found") : json_response(200, std::move(rows.front()));
}

}  // namespace drover::rest
