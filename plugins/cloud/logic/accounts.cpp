// Accounts get a key, keys get their secret.
#include "drover/secrets.hpp"
#include "logic/all.hpp"

namespace drover::cloud {
namespace {

Async<Result<LogicResult>> account_create(ProcessRunPtr run) {
    if (!flag(*run, "process.account.create.create.credential", true)) co_return nothing();
    const auto account = run->resource().id();
    auto credentials = co_await find_live(run, "credential", "accountId", account);
    if (!credentials) co_return credentials.error();
    if (credentials->empty()) {
        const auto kind = run->setting("process.account.create.create.credential.default.kind");
        json::object values{{"accountId", account}, {"kind", kind.empty() ? "apiKey" : kind}};
        auto made = co_await find_or_create(
            run, "credential", derived_uuid("credential of " + std::string(run->resource()["uuid"].text())),
            std::move(values));
        if (!made) co_return made.error();
        credentials->push_back(std::move(*made));
    }
    for (const auto& credential : *credentials) {
        const auto state = credential["state"].text();
        // What somebody has made inactive stays so.
        if (state != "requested" && state != "registering" && state != "activating") continue;
        auto ran = co_await run->run("credential.create", credential.id());
        if (!ran) co_return ran.error();
    }
    co_return done();
}

/// The characters of a class such as "[O0lI+/=]".
std::string characters_of(std::string text) {
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    return text;
}

/// What the credential was asked for with stands in the process's data, which administrators and external handlers
/// read: what its secret is checked against is for neither. It runs before all else.
Async<Result<LogicResult>> forget_secret(ProcessRunPtr run) {
    const bool erased = run->data().erase("secretValue") + run->data().erase(kSecretOnceField) > 0;
    if (!erased) co_return nothing();
    auto saved = co_await run->save_data();
    if (!saved) co_return saved.error();
    co_return done();
}

/// Writes the key itself, not by its result: that would stand in the process's history.
Async<Result<LogicResult>> api_key_create(ProcessRunPtr run) {
    const auto& credential = run->resource();
    if (credential["kind"].text() != "apiKey" || !credential["publicValue"].is_null()) co_return nothing();
    json::object changes{{"publicValue", generate_public_value()}};
    if (credential["secretValue"].is_null()) {
        auto secret = generate_secret(characters_of(run->setting("process.credential.create.bad.characters")));
        if (!secret) co_return secret.error();
        changes["secretValue"] = hash_generated_secret(*secret);
        changes[kSecretOnceField] = std::move(*secret);
    }
    auto written = co_await run->apply("credential", credential.id(), std::move(changes));
    if (!written) co_return written.error();
    auto seen = co_await run->refresh();
    if (!seen) co_return seen.error();
    co_return done();
}

}  // namespace

void add_account_logic(std::vector<Logic>& all) {
    all.push_back(handler("AccountCreate", {"account.create"}, account_create));
    all.push_back(logic("ForgetSecret", {"credential.create"}, LogicPhase::pre, 0, forget_secret));
    all.push_back(logic("ApiKeyCreate", {"credential.create"}, LogicPhase::pre, kPrioritySpecific, api_key_create));
}

}  // namespace drover::cloud
