#pragma once

#include <boost/json/parse.hpp>

#include "cli/schema.hpp"

namespace drover::cli {

/// GET /v1/schemas in small, spelled as the API spells it.
inline constexpr const char* kSchemasDocument = R"json({
  "type": "collection", "resourceType": "schema", "pagination": null,
  "data": [
    {"id": "instance", "type": "schema", "links": {"self": "http://h/v1/schemas/instance", "collection": "http://h/v1/instances"},
     "resourceMethods": ["GET"], "collectionMethods": ["GET"],
     "resourceFields": {"id": {"type": "string"}, "state": {"type": "enum", "options": []}},
     "resourceActions": {"stop": {"input": "instanceStop", "output": "instance"}, "start": {"input": null, "output": "instance"}},
     "collectionFilters": {}, "includeableLinks": []},
    {"id": "container", "type": "schema", "links": {"collection": "http://h/v1/containers"},
     "resourceMethods": ["GET", "PUT", "DELETE"], "collectionMethods": ["GET", "POST"],
     "resourceFields": {
       "id": {"type": "string"}, "name": {"type": "string", "create": true, "update": true, "nullable": true},
       "kind": {"type": "string"}, "state": {"type": "enum"}, "uuid": {"type": "string"},
       "imageId": {"type": "reference[image]", "create": true}, "imageUuid": {"type": "string", "create": true, "nullable": true},
       "requestedHostId": {"type": "reference[host]", "create": true, "update": true, "nullable": true},
       "startOnCreate": {"type": "boolean", "create": true, "default": true},
       "compute": {"type": "int", "create": true, "nullable": true}, "share": {"type": "float", "create": true},
       "networkMode": {"type": "enum", "create": true, "options": ["bridge", "host", "none"]},
       "environment": {"type": "map[string]", "create": true}, "data": {"type": "map[json]", "create": true, "update": true},
       "tcpPorts": {"type": "array[int]", "create": true}, "commandArgs": {"type": "array[string]", "create": true},
       "vncPassword": {"type": "password"}, "transitioning": {"type": "enum"}, "transitioningMessage": {"type": "string"}},
     "resourceActions": {"stop": {"input": "instanceStop", "output": "instance"}, "start": {"input": null, "output": "container"}},
     "collectionFilters": {
       "id": {"modifiers": ["eq"]}, "name": {"modifiers": ["eq", "ne", "prefix", "like", "null", "notnull"]},
       "state": {"modifiers": ["eq", "ne"]}, "removed": {"modifiers": ["eq", "null", "notnull"]},
       "compute": {"modifiers": ["eq", "lt", "gte"]}},
     "includeableLinks": ["instancehostmaps", "hosts"]},
    {"id": "instanceStop", "type": "schema", "links": {}, "resourceMethods": [], "collectionMethods": [],
     "resourceFields": {"remove": {"type": "boolean", "create": true}},
     "resourceActions": {}, "collectionFilters": {}},
    {"id": "host", "type": "schema", "links": {"collection": "http://h/v1/hosts"}, "resourceMethods": ["GET"],
     "collectionMethods": ["GET", "POST"], "resourceFields": {"id": {"type": "string"}, "name": {"type": "string"}},
     "resourceActions": {}, "collectionFilters": {}, "includeableLinks": []},
    {"id": "processInstance", "type": "schema", "links": {"collection": "http://h/v1/processinstances"},
     "resourceMethods": ["GET"], "collectionMethods": ["GET"], "resourceFields": {"id": {"type": "string"}},
     "resourceActions": {}, "collectionFilters": {}, "includeableLinks": []},
    {"id": "authorized", "type": "schema", "links": {}, "resourceMethods": [], "collectionMethods": [],
     "resourceFields": {}, "resourceActions": {}, "collectionFilters": {}}
  ]})json";

inline const Schemas& sample_schemas() {
    static const Schemas schemas = Schemas::parse(boost::json::parse(kSchemasDocument)).value();
    return schemas;
}
inline const Schema& sample(const char* type) { return **sample_schemas().find(type); }

}  // namespace drover::cli
