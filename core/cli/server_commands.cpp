#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <cstring>
#include <iostream>
#include <sstream>
#include <thread>

#include "cli/commands.hpp"
#include "kernel/control.hpp"
#include "kernel/server.hpp"

namespace drover::core {
namespace {

int fail(const Error& error, bool as_json = false) {
    if (as_json) {
        boost::json::array problems;
        std::istringstream lines(error.message());
        for (std::string line; std::getline(lines, line);) problems.push_back(boost::json::string(line));
        std::cout << boost::json::object{{"ok", false}, {"problems", std::move(problems)}, {"hint", error.hint()}}
                  << "\n";
    } else {
        std::cerr << "drover: " << error.describe() << "\n";
    }
    return 1;
}

GivenSettings::Sources sources_of(const CommonOptions& options) {
    return GivenSettings::from_process(options.config, options.defines);
}

/// Turns signals into calls, on a thread of its own, so that nothing runs inside a signal handler.
class Signals {
public:
    Signals() {
        sigemptyset(&set_);
        for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR2}) sigaddset(&set_, signal);
        pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        signal(SIGPIPE, SIG_IGN);
    }
    void serve(std::function<void(int)> on_signal) {
        thread_ = std::thread([this, on_signal = std::move(on_signal)] {
            int number = 0;
            while (sigwait(&set_, &number) == 0 && number != SIGUSR2) on_signal(number);
        });
        pthread_setname_np(thread_.native_handle(), "signals");
    }
    ~Signals() {
        if (!thread_.joinable()) return;
        pthread_kill(thread_.native_handle(), SIGUSR2);
        thread_.join();
    }

private:
    sigset_t set_{};
    std::thread thread_;
};

}  // namespace

int run_server(const CommonOptions& options) {
    Signals signals;  // first: every thread made later inherits the mask
    auto prepared = prepare(sources_of(options));
    if (!prepared) return fail(prepared.error());
    Server server(sources_of(options), std::move(*prepared));
    signals.serve([&](int number) {
        if (number == SIGHUP) (void)server.reload();  // it logs what came of it
        else server.request_stop(std::string("signal ") + strsignal(number));
    });
    const auto result = server.run();
    if (!result) fail(result.error());
    std::cout.flush();
    std::cerr.flush();
    // A verb that hangs holds threads that no destructor can end.
    if (server.left_something_behind()) _exit(1);
    return result ? 0 : 1;
}

int run_check(const CommonOptions& options) {
    auto prepared = prepare(sources_of(options));
    if (!prepared) return fail(prepared.error(), options.json);
    const auto& composition = (*prepared)->composition;
    if (options.json) {
        std::cout << boost::json::object{{"ok", true}, {"plugins", composition.instances.size()}} << "\n";
        return 0;
    }
    std::cout << "The configuration is good: " << composition.instances.size() << " plugins would start.\n";
    for (const auto& [name, source] : composition.kept_out)
        std::cout << "Kept out: " << name << " (" << source << ": plugin." << name << ".use=off).\n";
    for (const auto& refused : (*prepared)->catalogue.refused)
        std::cout << "Refused, and not needed: " << refused.error.describe() << "\n";
    return 0;
}

int run_plan(const CommonOptions& options) {
    auto prepared = prepare(sources_of(options));
    if (!prepared) return fail(prepared.error(), options.json);
    const auto& composition = (*prepared)->composition;
    if (options.json) std::cout << plan_as_json(composition) << "\n";
    else std::cout << (options.dot ? plan_as_dot(composition) : plan_as_text(composition));
    return 0;
}

int run_control(const CommonOptions& options, const std::string& command) {
    auto both = prepare_settings(sources_of(options));
    if (!both) return fail(both.error());
    const auto answer = ask_server(both->second.text("server.home"), command, options.json);
    if (!answer) return fail(answer.error());
    std::cout << *answer;
    return 0;
}

}  // namespace drover::core
