#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/conformance/waiting.hpp"
#include "drover/services/membership.hpp"

/// What a membership service must do. A backend joins with
///
///     struct MyMembers : Backend { ... };
///     const auto kCases = run_membership_conformance<MyMembers>("mine");
///
/// Choose a short session in its options: many cases wait for one to end.
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

using namespace std::chrono_literals;

/// Fixture of the membership cases: servers "alice", "bob" and "carol", started when a case first calls
/// them; each joins under its own name unless a case says otherwise.
class MembershipKit : public KitCase {
protected:
    using Labels = std::map<std::string, std::string>;
    MembershipService& members(std::string_view owner) { return backend().open<MembershipService>(owner); }

    Result<SessionPtr> try_join(std::string_view owner, std::string id, Labels labels = {});
    /// Joins, which must succeed; a failure ends the case.
    SessionPtr join(std::string_view owner, std::string id, Labels labels = {});
    SessionPtr join(std::string_view owner) { return join(owner, std::string(owner)); }
    void leave(std::string_view owner, std::string id);
    Members seen_by(std::string_view owner);
    MembershipWatch watch(std::string_view owner);
    Members next(MembershipWatch& watch);
    /// Waits until the owner sees exactly these ids.
    void expect_ids(std::string_view owner, const std::vector<std::string>& ids);
    /// Reads the watch until a snapshot has exactly these ids, and checks that revisions grow.
    Members read_until(MembershipWatch& watch, const std::vector<std::string>& ids);

    static std::vector<std::string> ids(const Members& members);
    static const Member* find(const Members& members, std::string_view id);

    static constexpr Duration kEnough = 20s;
};

std::vector<Case>& membership_cases();

/// Registers every case for `B`; returns how many.
template <class B>
std::size_t run_membership_conformance(const std::string& name) {
    return register_cases(membership_cases(), "Membership", name, [] { return std::make_unique<B>(); });
}

#define MEMBERSHIP_CASE(case_name) DROVER_KIT_CASE(MembershipKit, membership_cases, case_name)

}  // namespace conformance
}  // namespace drover
