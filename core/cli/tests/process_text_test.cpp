#include "cli/process_text.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "schemas_sample.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

TEST(Moments, AreReadAsDatesAndAsMilliseconds) {
    EXPECT_EQ(milliseconds_of("1970-01-01T00:00:01Z"), 1000);
    EXPECT_EQ(milliseconds_of("2014-06-01T12:00:00.250Z"), 1401624000250);
    EXPECT_EQ(milliseconds_of(1401624000250), 1401624000250);
    EXPECT_EQ(milliseconds_of(nullptr), std::nullopt);
    EXPECT_EQ(milliseconds_of("soon"), std::nullopt);
    EXPECT_EQ(moment_text(1401624000250), "2014-06-01T12:00:00.250Z");
    EXPECT_EQ(moment_text(1401624000000), "2014-06-01T12:00:00Z");
    EXPECT_EQ(moment_text(-1), "1969-12-31T23:59:59.999Z");
}

TEST(Moments, SpansAreSaidInFittingUnits) {
    for (const auto& [span, text] : {std::pair{0, "0 ms"},
                                     {999, "999 ms"},
                                     {3400, "3.4 s"},
                                     {59'999, "59.9 s"},
                                     {303'000, "5 min 3 s"},
                                     {7'620'000, "2 h 7 min"}})
        EXPECT_EQ(span_text(span), text);
}

TEST(ProcessIds, AreFormattedByTheType) {
    EXPECT_EQ(formatted_id("instance", "5"), "1i5");
    EXPECT_EQ(formatted_id("instanceHostMap", "5"), "1ihm5");
    EXPECT_EQ(formatted_id("instance", "1i5"), "1i5");
    EXPECT_EQ(resource_of(json::parse(R"({"resourceType": "processinstance", "resourceId": "7"})"), &sample_schemas()),
              "processInstance 1pi7");
}

TEST(ProcessHistory, NamesExecutionsHandlersChangesAndTheEnd) {
    const auto process = json::parse(R"({"id": "1pi9", "processName": "instance.start", "resourceType": "instance",
        "resourceId": "5", "startTime": "2014-06-01T12:00:00Z", "endTime": "2014-06-01T12:00:02Z", "phase": "DONE",
        "exitReason": "DONE", "priority": 0, "data": {}})");
    const auto executions = json::parse(R"([{"id": "1pe1", "log": {"uuid": "u", "executions": [
        {"startTime": 1401624000000, "stopTime": 1401624001500, "processName": "instance.start", "resourceType": "instance",
         "resourceId": "5", "processingServerId": "alpha", "processLock": "instance.5.CHANGE",
         "lockAcquireStart": 1401624000000, "lockAcquired": 1401624000003, "lockHoldTime": 1497,
         "transitions": [{"from": "stopped", "to": "starting", "field": "state"}], "exitReason": "DONE",
         "processHandlerExecutions": [
            {"name": "InstanceStart", "startTime": 1401624000010, "stopTime": 1401624001400, "shouldDelegate": false,
             "exception": null, "resultData": {"hostId": 3},
             "resourceValueBefore": {"name": "c1", "compute": 1, "data": {"a": 1, "b": 2}},
             "resourceValueAfter": {"name": "c1", "compute": 2, "data": {"a": 1, "b": 3}},
             "executions": [{"processName": "instance.allocate", "resourceType": "instance", "resourceId": "5",
                             "startTime": 1401624000020, "stopTime": 1401624000030, "exitReason": "DONE"}]},
            {"name": "bad\u001b[2J", "startTime": 1401624001400, "stopTime": 1401624001400,
             "exception": "no room\n   at somewhere"}]}]}}])")
                                .as_array();
    EXPECT_EQ(describe_process(process, executions),
              "process 1pi9: instance.start of instance 1i5\n"
              "    began 2014-06-01T12:00:00Z\n"
              "    ended 2014-06-01T12:00:02Z, after 2.0 s\n"
              "    exit reason DONE\n"
              "\n"
              "execution 1 (1pe1)\n"
              "    instance.start of instance 1i5 on server alpha, 2014-06-01T12:00:00Z, 1.5 s: DONE\n"
              "        lock instance.5.CHANGE, after 3 ms, held for 1.4 s\n"
              "        state: stopped -> starting\n"
              "        InstanceStart, 1.3 s\n"
              "            result: {\"hostId\":3}\n"
              "            compute: 1 -> 2\n"
              "            data.b: 2 -> 3\n"
              "            instance.allocate of instance 1i5, 2014-06-01T12:00:00.020Z, 10 ms: DONE\n"
              "        bad\\x1b[2J, 0 ms\n"
              "            failed: no room\n");
}

TEST(ProcessHistory, OfAPendingProcessSaysWhatItWaitsFor) {
    const auto text = describe_process(
        json::parse(R"({"id": "1pi9", "processName": "instance.start", "resourceType": "instance", "resourceId": "5",
                        "startTime": "2014-06-01T12:00:00Z", "endTime": null, "phase": "HANDLERS", "exitReason": "TIMEOUT",
                        "runningProcessServerId": "alpha", "waitsFor": {"kind": "agent", "sentence": "waits for agent 1a3"}})"),
        {});
    EXPECT_EQ(text,
              "process 1pi9: instance.start of instance 1i5\n"
              "    began 2014-06-01T12:00:00Z\n"
              "    has not ended; phase HANDLERS\n"
              "    last exit reason TIMEOUT\n"
              "    runs on server alpha\n"
              "    waits for agent 1a3\n"
              "\nNo execution is recorded: it was not run yet, or its history was cleaned up.\n");
}

TEST(ProcessHistory, OddDocumentsDoNoHarm) {
    for (const auto* log : {"null", "3", "{}", R"({"executions": 3})",
                            R"({"executions": [3, null, {"transitions": [1], "processHandlerExecutions": [null]}]})"})
        EXPECT_FALSE(
            describe_process(json::object{}, {json::object{{"id", "1pe1"}, {"log", json::parse(log)}}}).empty());
}

TEST(Explanations, AreSentences) {
    EXPECT_EQ(
        describe_explanation(json::parse(R"({"type": "processExplanation", "id": "1pi9", "process": "instance.stop",
                      "resourceType": "instance", "resourceId": 5, "phase": "STARTED", "attempts": 2, "owner": "alpha",
                      "waitsFor": {"kind": "lock", "sentence": "another process holds its resource: busy",
                                   "lock": "instance.5.CHANGE", "lockHolder": "beta",
                                   "since": 1401624000000, "until": 1401624010000}})"),
                             1401624004000),
        "Process 1pi9 is instance.stop of instance 1i5, in phase STARTED, failed 2 times; it is up to server alpha.\n"
        "Another process holds its resource: busy.\n"
        "The lock instance.5.CHANGE is held by beta.\n"
        "Since 2014-06-01T12:00:00Z, for 4.0 s.\n"
        "Until 2014-06-01T12:00:10Z, in 6.0 s.\n");
}

std::string explained(const char* waits, const char* more = "") {
    return describe_explanation(json::parse(std::string(R"({"id": "1pi9", "process": "x.y", "resourceType": "x",
                                                "resourceId": "1x1", "phase": "HANDLERS")") +
                                            more + ", \"waitsFor\": " + waits + "}"),
                                0);
}

TEST(Explanations, OfThingsToldByNameSayThatItWaitsForThem) {
    EXPECT_EQ(
        explained(
            R"({"kind": "agent", "sentence": "agent 3 to answer ping", "lock": "x.1.CHANGE", "lockHolder": "gamma"})",
            R"(, "runningProcessServerId": "alpha", "owner": "beta")"),
        "Process 1pi9 is x.y of x 1x1, in phase HANDLERS; server alpha carries it out.\n"
        "It waits for agent 3 to answer ping.\n");
    EXPECT_NE(explained(R"({"kind": "turn", "sentence": "its turn on server alpha"})")
                  .find("\nIt waits for its turn on server alpha.\n"),
              std::string::npos);
    EXPECT_NE(explained(R"({"kind": "limit"})").find("until fewer processes of its kind run"), std::string::npos);
    EXPECT_NE(
        explained(R"({"kind": "lock", "holder": {"process": "1pi3", "server": null}})").find("Held by process 1pi3."),
        std::string::npos);
}

TEST(Explanations, OfAParkedProcessSayWhatAnOperatorCanDo) {
    for (const auto* kind : {R"({"kind": "parked"})", R"({"kind": "operator", "sentence": "it failed 5 times"})"}) {
        const auto text = explained(kind);
        EXPECT_NE(text.find("drover process retry 1pi9"), std::string::npos) << text;
        EXPECT_NE(text.find("drover process cancel 1pi9"), std::string::npos) << text;
    }
}

TEST(Explanations, OfWhatWaitsForNothingSaySo) {
    EXPECT_EQ(
        describe_explanation(json::parse(R"({"id": "1pi9", "process": "x.y", "resourceType": "x", "resourceId": "1x1",
                                                   "phase": "DONE", "attempts": 1, "waitsFor": null, "owner": null})"),
                             0),
        "Process 1pi9 is x.y of x 1x1, in phase DONE, failed once.\nIt waits for nothing.\n");
}

}  // namespace
}  // namespace drover::cli
