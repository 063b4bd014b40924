// Who uses the deployment: accounts, and the keys with which they prove it.
#include "drover/secrets.hpp"
#include "types/parts.hpp"

namespace drover::cloud {
namespace {

Declarations account() {
    Declarations all;
    auto fields = standard_fields();
    for (auto& field : fields)
        if (field.name == "kind") field.fallback = "user";
    auto type = resource("account", std::move(fields), "Somebody who owns things and may use the API.");
    // Without authentication every request looks up the first active administrator.
    type.indexes = {Index{{"kind", "state"}}};
    all.resources = {std::move(type)};
    all.api = {api_type("account", access("crud"),
                        {about(with_fallback(column("kind", "cr"), "user"),
                               "Decides what the account may see and do: admin, readAdmin, user, agent ...")},
                        "Somebody who owns things and may use the API.")};
    all.processes = generic_processes("account");
    return all;
}

Declarations credential() {
    Declarations all;
    auto fields = standard_fields({
        account_id(),
        text_field("publicValue", 2'048).with_index().about("The name of the key, given as the user of HTTP Basic."),
        text_field("secretValue", 4'096).about("What the secret is checked against; never the secret itself."),
        text_field(std::string(kSecretOnceField), 4'096).about("A generated secret until it was read once."),
    });
    for (auto& field : fields)
        if (field.name == "kind") field.fallback = "apiKey";
    all.resources = {resource("credential", std::move(fields), "A key with which an account proves who it is.")};
    auto kind = column("kind", "cr", "r");
    kind.fallback = "apiKey";
    all.api = {api_type(
        "credential", access("crud", "crud"),
        {about(std::move(kind), "apiKey: made by the server when no publicValue is given; usernamePassword: chosen."),
         column("publicValue", "cru", "cru"),
         about(column("secretValue", "cru", "cru"),
               "Shown once, when it was generated and read for the first time; null ever after."),
         hidden(std::string(kSecretOnceField))},
        "A key with which an account proves who it is.")};
    all.processes = generic_processes("credential");
    return all;
}

}  // namespace

Declarations account_types() {
    auto all = account();
    all.add(credential());
    return all;
}

}  // namespace drover::cloud
