// The client half of the program against a running control plane, as its users see it.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <algorithm>
#include <csignal>
#include <sstream>

#include "control_plane.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

class CliTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        plane_ = std::make_unique<ControlPlane>();
        ASSERT_TRUE(plane_->start());
        plane_->add_agent("sim://cli");
    }
    static void TearDownTestSuite() { plane_.reset(); }
    void SetUp() override { ASSERT_TRUE(plane_ && plane_->process().running()); }

    static std::map<std::string, std::string> environment() {
        return {{"DROVER_URL", "http://" + plane_->api_address().to_string() + "/v1"},
                {"HOME", home_->path().string()},
                {"XDG_CACHE_HOME", ""},
                {"XDG_CONFIG_HOME", ""}};
    }
    static Command command(std::vector<std::string> words) {
        words.insert(words.begin(), drover_program().string());
        return {.words = std::move(words), .folder = home_->path(), .environment = environment()};
    }
    static Finished drover(std::vector<std::string> words) { return run(command(std::move(words)), 120s); }
    /// The answer as JSON; fails the test when there is none.
    static json::value document(std::vector<std::string> words) {
        words.insert(words.end(), {"-o", "json"});
        const auto done = drover(std::move(words));
        EXPECT_TRUE(done.ok()) << done.output;
        json::error_code failed;
        auto value = json::parse(done.output, failed);
        EXPECT_FALSE(failed) << done.output;
        return value;
    }
    static Finished bash(const std::string& script) {
        return run(
            {.words = {"bash", "--norc", "-c", "PATH=" + drover_program().parent_path().string() + ":$PATH\n" + script},
             .folder = home_->path(),
             .environment = environment()});
    }
    static std::string make_container(const std::string& name, std::vector<std::string> more = {}) {
        std::vector<std::string> words{"create", "container", "name=" + name, "imageUuid=sim:busybox", "--wait=60s"};
        words.insert(words.end(), more.begin(), more.end());
        const auto made = document(std::move(words));
        return made.is_object() ? text_of(made, "id") : std::string();
    }
    static inline std::unique_ptr<ControlPlane> plane_;
    static inline const std::unique_ptr<TemporaryFolder> home_ = std::make_unique<TemporaryFolder>();
};

int lines_of(const std::string& text) { return static_cast<int>(std::count(text.begin(), text.end(), '\n')); }

TEST_F(CliTest, AMachineGoesThroughItsLife) {
    const auto id = make_container("life", {"environment.MODE=test", "tcpPorts=80,443"});
    const auto shown = document({"get", "container", id});
    EXPECT_EQ(text_of(shown, "state"), "running");
    EXPECT_EQ(shown.at("environment"), (json::object{{"MODE", "test"}}));
    EXPECT_EQ(shown.at("tcpPorts"), (json::array{80, 443}));
    const auto stopped = document({"action", "container", id, "stop", "--wait"});
    EXPECT_EQ(text_of(stopped, "state"), "stopped");
    const auto renamed = document({"update", "container", id, "name=renamed"});
    EXPECT_EQ(text_of(renamed, "name"), "renamed");
    const auto removed = document({"delete", "container", id, "--wait"});
    EXPECT_EQ(text_of(removed, "state"), "removed");
}

TEST_F(CliTest, TablesShowWhatATypeHas) {
    const auto id = make_container("tabled");
    const auto table = drover({"get", "CONTAINERS", "name=tabled"});
    ASSERT_TRUE(table.ok()) << table.output;
    EXPECT_EQ(lines_of(table.output), 2) << table.output;
    EXPECT_TRUE(table.output.starts_with("id ")) << table.output;
    for (const auto* part : {id.c_str(), "tabled", "running", "imageId"})
        EXPECT_NE(table.output.find(part), std::string::npos) << part << " is missing in:\n" << table.output;
    const auto chosen = drover({"get", "container", id, "--columns", "state,NAME"});
    EXPECT_EQ(chosen.output, "state    name\nrunning  tabled\n");
    const auto yaml = drover({"get", "container/" + id, "-o", "yaml"});
    EXPECT_NE(yaml.output.find("\nstate: running\n"), std::string::npos) << yaml.output;
    const auto with_link = document({"get", "container", id, "--include", "hosts"});
    EXPECT_EQ(with_link.at("hosts").as_array().size(), 1U);
}

TEST_F(CliTest, AFailureOfTheAgentIsTheExitStatusAndTheMessage) {
    const auto made = drover({"create", "container", "name=broken", "imageUuid=sim:busybox",
                              R"(data:={"compute.instance.activate::fail": true})", "--wait=60s"});
    EXPECT_EQ(made.ending, (Ending{3, 0})) << made.output;
    EXPECT_NE(made.output.find("Failing [compute.instance.activate]"), std::string::npos) << made.output;
    EXPECT_NE(made.output.find("transitioningMessage"), std::string::npos) << "its column: " << made.output;
}

TEST_F(CliTest, WaitingEndsWithTheTimeOrTheGoal) {
    const auto id = make_container("awaited");
    const auto late = drover({"wait", "container", id, "--for", "state=stopped", "--timeout", "300ms"});
    EXPECT_EQ(late.ending, (Ending{4, 0})) << late.output;
    EXPECT_NE(late.output.find("it is running"), std::string::npos) << late.output;

    Process waiting(command({"wait", "container", id, "--for", "state=stopped"}));
    ASSERT_TRUE(drover({"action", "container", id, "stop"}).ok());
    EXPECT_EQ(waiting.wait(60s), (Ending{0, 0})) << waiting.output();
    EXPECT_NE(waiting.output().find("stopped"), std::string::npos) << waiting.output();
    EXPECT_TRUE(drover({"wait", "container/" + id}).ok()) << "nothing moves it";
    EXPECT_EQ(drover({"wait", "container"}).ending, (Ending{2, 0}));
}

TEST_F(CliTest, AGeneratedSecretIsNotLostWhileWaiting) {
    const auto made = drover({"create", "credential", "kind=apiKey", "--columns", "id,state", "--wait"});
    ASSERT_TRUE(made.ok()) << made.output;
    EXPECT_TRUE(made.output.starts_with("id   state   secretValue\n")) << made.output;
    const auto id = made.output.substr(made.output.find('\n') + 1, 3);
    const auto again = document({"get", "credential", id});
    EXPECT_TRUE(again.at("secretValue").is_null()) << "the API tells it once";
}

TEST_F(CliTest, ListsAreFilteredSortedAndFollowedOverTheirPages) {
    for (const auto* name : {"page-b", "page-c", "page-a"})
        ASSERT_TRUE(drover({"create", "agentGroup", std::string("name=") + name, "--wait"}).ok()) << name;
    const auto names = [](std::vector<std::string> words) {
        words.insert(words.begin(), {"get", "agentgroups", "name_prefix=page-", "--columns", "name"});
        return drover(std::move(words)).output;
    };
    EXPECT_EQ(names({"--sort", "NAME"}), "name\npage-a\npage-b\npage-c\n");
    EXPECT_EQ(names({"--sort", "name", "--desc", "--limit", "2"}), "name\npage-c\npage-b\n");
    EXPECT_EQ(names({"--sort", "name", "--all"}), "name\npage-a\npage-b\npage-c\n");
    EXPECT_EQ(names({"name_ne=page-b", "--sort", "name"}), "name\npage-a\npage-c\n");
    const auto all = document({"get", "agentgroups", "name_prefix=page-", "--all"});
    EXPECT_EQ(text_of(all, "type"), "collection");
    EXPECT_EQ(all.at("data").as_array().size(), 3U);
}

TEST_F(CliTest, WhatTheApiWouldIgnoreInSilenceIsRefused) {
    for (const auto& [words, part] : std::vector<std::pair<std::vector<std::string>, std::string>>{
             {{"get", "contaners"}, "Did you mean container"},
             {{"get", "hosts", "staet=active"}, "Did you mean state?"},
             {{"get", "hosts", "--sort", "nmae"}, "Did you mean name?"},
             {{"get", "hosts", "--columns", "nmae"}, "Did you mean name?"},
             {{"create", "container", "imageUid=x"}, "Did you mean imageUuid?"},
             {{"action", "container", "1i1", "strat"}, "Did you mean start?"},
             {{"create", "container", "startOnCreate=perhaps"}, "expected true or false"},
             {{"wait", "container", "1i1", "--timeout", "soon"}, "is not a time"}}) {
        const auto refused = drover(words);
        EXPECT_EQ(refused.ending, (Ending{2, 0})) << words.at(1) << ": " << refused.output;
        EXPECT_NE(refused.output.find(part), std::string::npos) << part << " is missing in: " << refused.output;
    }
}

TEST_F(CliTest, WhatTheApiRefusesIsTold) {
    const auto no_image = drover({"create", "container", "name=x"});
    EXPECT_EQ(no_image.ending, (Ending{1, 0}));
    EXPECT_NE(no_image.output.find("422 MissingRequired, field imageUuid"), std::string::npos) << no_image.output;
    const auto unknown = drover({"get", "container", "1i999999"});
    EXPECT_EQ(unknown.ending, (Ending{1, 0}));
    EXPECT_NE(unknown.output.find("container 1i999999 is not there"), std::string::npos) << unknown.output;
    const auto id = make_container("held");
    const auto held = drover({"delete", "container", id});
    EXPECT_EQ(held.ending, (Ending{1, 0}));
    EXPECT_NE(held.output.find("409"), std::string::npos) << held.output;
}

TEST_F(CliTest, ANameCannotSteerTheTerminal) {
    const auto made =
        bash(R"(printf '{"name": "evil\\u001b]0;owned\\u0007\\nroot"}' | drover create agentGroup --file - -o table)");
    ASSERT_TRUE(made.ok()) << made.output;
    EXPECT_NE(made.output.find(R"(evil\x1b]0;owned\x07\nroot)"), std::string::npos) << made.output;
    for (const auto* format : {"table", "json", "yaml"}) {
        const auto listed = drover({"get", "agentgroups", "name_prefix=evil", "-o", format});
        EXPECT_EQ(listed.output.find('\x1b'), std::string::npos) << listed.output;
        EXPECT_EQ(listed.output.find('\x07'), std::string::npos) << listed.output;
    }
}

TEST_F(CliTest, ProcessesAreListedShownAndExplained) {
    const auto id = make_container("explained");
    const auto list = drover({"process", "list", "--resource", "container/" + id});
    ASSERT_TRUE(list.ok()) << list.output;
    EXPECT_NE(list.output.find("instance.create"), std::string::npos) << list.output;
    EXPECT_NE(list.output.find("DONE"), std::string::npos) << list.output;
    const auto processes = document({"process", "list", "--resource", "instance/" + id, "--name", "instance.create"});
    ASSERT_EQ(processes.at("data").as_array().size(), 1U);
    const auto process = text_of(processes.at("data").at(0), "id");
    const auto history = drover({"process", "show", process});
    EXPECT_TRUE(history.ok()) << history.output;
    for (const auto* part : {"InstanceStart", "instance.allocate", "state: ", "exit reason DONE"})
        EXPECT_NE(history.output.find(part), std::string::npos) << part << " is missing in:\n" << history.output;
    const auto explained = drover({"explain", "process/" + process});
    EXPECT_TRUE(explained.ok()) << explained.output;
    EXPECT_NE(explained.output.find("Process " + process + " is instance."), std::string::npos) << explained.output;
    const auto idle = drover({"explain", "instance/" + id});
    EXPECT_EQ(idle.output, "No process of instance " + id + " is pending; it is running.\n");
    const auto ended = drover({"process", "retry", process});
    EXPECT_EQ(ended.ending, (Ending{1, 0})) << "it has ended: " << ended.output;
    EXPECT_EQ(drover({"process", "retry"}).ending, (Ending{2, 0}));
    const auto none = drover({"process", "retry", "--all-parked"});
    EXPECT_EQ(none.output, "0 processes\n");
}

/// What bash would put on the line for `line` with the cursor at its end.
std::string bash_completion_script(const std::string& line, const std::string& words, const std::string& current) {
    return "source <(drover completion bash)\n"
           "compopt() { :; }\n"  // only bash itself may call it, from a completion under way
           "COMP_LINE='" +
           line + "'; COMP_POINT=${#COMP_LINE}; COMP_WORDS=(" + words +
           ")\n"
           "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_drover drover '" +
           current +
           "' ''\n"
           "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
}

TEST_F(CliTest, BashCompletesCommandsTypesAndFields) {
    ASSERT_TRUE(drover({"get", "hosts"}).ok());  // from here on the names are kept
    EXPECT_EQ(bash(bash_completion_script("drover pro", "drover pro", "pro")).output, "process\n");
    EXPECT_EQ(
        bash(bash_completion_script("drover get instanceHostM", "drover get instanceHostM", "instanceHostM")).output,
        "instancehostmaps\ninstanceHostMap\n");
    EXPECT_EQ(bash(bash_completion_script("drover create container startOnCreate=f",
                                          "drover create container startOnCreate = f", "f"))
                  .output,
              "false\n")
        << "bash parts words at =, and puts in what stands behind it only";
    EXPECT_EQ(bash(bash_completion_script(
                       "drover create container startOnCreate=", "drover create container startOnCreate =", ""))
                  .output,
              "true\nfalse\n");
    EXPECT_EQ(bash(bash_completion_script("drover action container 1i1 sto", "drover action container 1i1 sto", "sto"))
                  .output,
              "stop\n");
    EXPECT_EQ(bash(bash_completion_script("drover get hosts -o ", "drover get hosts -o ''", "")).output,
              "table\njson\nyaml\n");
}

TEST_F(CliTest, ZshCompletesCommandsTypesAndFields) {
    const auto zsh = [&](const std::string& words) {
        return run({.words = {"zsh", "-f", "-c",
                              "PATH=" + drover_program().parent_path().string() +
                                  ":$PATH\n"
                                  "compdef() { :; }; _files() { print files; }\n"
                                  "_describe() { print -rl -- \"${(@P)2%%:*}\"; }\n"
                                  "source <(drover completion zsh)\nwords=(" +
                                  words + "); CURRENT=$#words; _drover\n"},
                    .folder = home_->path(),
                    .environment = environment()})
            .output;
    };
    ASSERT_TRUE(drover({"get", "hosts"}).ok());
    EXPECT_EQ(zsh("drover pro"), "process\n");
    EXPECT_EQ(zsh("drover action container 1i1 sto"), "stop\n");
    EXPECT_EQ(zsh("drover create container startOnCreate="), "startOnCreate=true\nstartOnCreate=false\n");
    EXPECT_EQ(zsh("drover create host --file ''"), "files\n");
}

TEST_F(CliTest, BothHalvesLiveInOneShell) {
    auto both = environment();
    both["DROVER_ACCESS_KEY"] = "key";
    both["DROVER_SECRET_KEY"] = "secret";
    const auto check = [&] {
        return run({.words = {drover_program().string(), "config", "show", "server.name"},
                    .folder = home_->path(),
                    .environment = both});
    };
    EXPECT_TRUE(check().ok()) << check().output;
    both["DROVER_URLS"] = "x";
    EXPECT_NE(check().output.find("DROVER_URLS: unknown key"), std::string::npos) << check().output;
}

TEST_F(CliTest, TheHelpFitsOneScreenAndKnowsTheExitStatuses) {
    const auto help = drover({"--help"});
    EXPECT_TRUE(help.ok());
    EXPECT_LE(lines_of(help.output), 24) << help.output;
    std::istringstream lines(help.output);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
    for (const auto* part : {"get", "explain", "server", "3 ended in an error", "4 out of time", "DROVER_URL"})
        EXPECT_NE(help.output.find(part), std::string::npos) << part << " is missing in:\n" << help.output;
}

TEST_F(CliTest, AnHttpsUrlIsCheckedAndServed) {
    const TemporaryFolder folder;
    const auto made = run({.words = {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                                     "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=localhost", "-addext",
                                     "subjectAltName=DNS:localhost,IP:127.0.0.1"},
                           .folder = folder.path()});
    ASSERT_TRUE(made.ok()) << made.output;
    write_file(folder / "serve.py", R"(
import http.server, json, ssl
class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        host = {"id": "1h1", "type": "host", "name": "safe"}
        schema = {"id": "host", "links": {"collection": "/v1/hosts"}, "resourceFields": {"name": {"type": "string"}}}
        body = json.dumps({"data": [schema]} if self.path.endswith("schemas") else host).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print("port", server.server_address[1], flush=True)
server.serve_forever()
)");
    Process server({.words = {"python3", "serve.py"}, .folder = folder.path()});
    const auto said = server.wait_for_line("port ");
    ASSERT_TRUE(said) << server.output();
    const auto port = said->substr(said->find(' ') + 1);
    auto asked = command({"get", "host", "1h1", "--columns", "name"});
    asked.environment["DROVER_URL"] = "https://localhost:" + port;
    const auto refused = run(asked);
    EXPECT_EQ(refused.ending, (Ending{1, 0})) << refused.output;
    EXPECT_NE(refused.output.find("certificate verify failed"), std::string::npos) << refused.output;
    asked.environment["SSL_CERT_FILE"] = (folder / "cert.pem").string();
    const auto trusted = run(asked);
    EXPECT_EQ(trusted.output, "name\nsafe\n");
}

TEST(CliWithoutServer, SaysWhereItLookedAndHowToStartOne) {
    const TemporaryFolder home;
    const auto asked = run({.words = {drover_program().string(), "get", "hosts", "--url", "http://127.0.0.1:1"},
                            .folder = home.path(),
                            .environment = {{"HOME", home.path().string()}}});
    EXPECT_EQ(asked.ending, (Ending{1, 0}));
    for (const auto* part : {"http://127.0.0.1:1/v1", "drover server --config", "DROVER_URL"})
        EXPECT_NE(asked.output.find(part), std::string::npos) << part << " is missing in: " << asked.output;
}

TEST(CliOfWhatFailed, ParkedProcessesAreExplainedTriedAgainAndGivenUp) {
    ControlPlane plane(
        {"process.retry.attempts=1", "agent.activate.ping.retries=1", "agent.activate.ping.timeout=200"});
    ASSERT_TRUE(plane.start());
    const TemporaryFolder home;
    const auto drover = [&](std::vector<std::string> words) {
        words.insert(words.begin(), drover_program().string());
        return run({.words = std::move(words),
                    .folder = home.path(),
                    .environment = {{"HOME", home.path().string()},
                                    {"DROVER_URL", "http://" + plane.api_address().to_string()}}});
    };
    ASSERT_TRUE(drover({"create", "agent", "uri=event:///nobody"}).ok());
    auto api = plane.api();
    const auto await_parked = [&] {
        const auto parked = eventually(api, "/v1/processinstances?parked=true",
                                       [](const json::value& body) { return !body.at("data").as_array().empty(); });
        return text_of(parked.at("data").at(0), "id");
    };
    const auto id = await_parked();
    const auto listed = drover({"process", "list", "--pending", "--name", "agent.create"});
    EXPECT_NE(listed.output.find("parked: "), std::string::npos) << listed.output;
    const auto explained = drover({"explain", "agent/1a1"});
    EXPECT_NE(explained.output.find("drover process retry " + id), std::string::npos) << explained.output;

    EXPECT_TRUE(drover({"process", "retry", "--all-parked", "--name", "host.create"}).output == "0 processes\n");
    const auto again = drover({"process", "retry", "--all-parked", "--resource", "agent/1a1"});
    EXPECT_EQ(again.output, id + ": agent.create of agent 1a1 is tried again\n1 process\n");
    EXPECT_EQ(await_parked(), id) << "nobody answers this time either";
    const auto given_up = drover({"process", "cancel", id});
    EXPECT_EQ(given_up.output, id + ": agent.create of agent 1a1 is given up\n");
    EXPECT_EQ(drover({"process", "retry", "--all-parked"}).output, "0 processes\n");
    const auto history = drover({"process", "show", id});
    EXPECT_NE(history.output.find("exit reason CANCELED"), std::string::npos) << history.output;
}

TEST(CliOverARestart, WaitingOutlivesTheServer) {
    ControlPlane plane;
    ASSERT_TRUE(plane.start());
    plane.add_agent("sim://restart");
    const TemporaryFolder home;
    const auto port = std::to_string(plane.api_address().port);
    const auto drover = [&](std::vector<std::string> words) {
        words.insert(words.begin(), drover_program().string());
        return Command{.words = std::move(words),
                       .folder = home.path(),
                       .environment = {{"HOME", home.path().string()}, {"DROVER_URL", "http://127.0.0.1:" + port}}};
    };
    const auto made = run(drover({"create", "container", "imageUuid=sim:busybox", "--wait", "-o", "json"}), 120s);
    ASSERT_TRUE(made.ok()) << made.output;
    const auto id = text_of(json::parse(made.output), "id");
    // On a terminal it shows how it stands, which also tells that it is under way.
    auto on_terminal = drover({});
    on_terminal.words = {
        "script",    "--quiet",
        "--flush",   "--return",
        "--command", drover_program().string() + " wait container " + id + " --for state=stopped --timeout 2m",
        "/dev/null"};
    Process waiting(on_terminal);
    const auto until = std::chrono::steady_clock::now() + 60s;
    while (waiting.output().find("container " + id + ": running") == std::string::npos) {
        ASSERT_LT(std::chrono::steady_clock::now(), until) << waiting.output();
        ASSERT_TRUE(run(drover({"get", "container", id})).ok());
    }
    plane.kill();
    ControlPlane again({"server.home=" + plane.home().string(), "api.listen=127.0.0.1:" + port});
    ASSERT_TRUE(again.start());
    ASSERT_TRUE(run(drover({"action", "container", id, "stop"}), 120s).ok());
    EXPECT_EQ(waiting.wait(120s), (Ending{0, 0})) << waiting.output();
}

}  // namespace
}  // namespace drover::test
