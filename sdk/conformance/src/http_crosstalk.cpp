#include <random>
#include <thread>

#include "drover/conformance/http_kit.hpp"

// Whatever clients do to their connections, no answer reaches another than the one that asked.
namespace drover::conformance {
namespace {

constexpr int kThreads = 6;
constexpr int kConnectionsEach = 12;
constexpr auto kDuration = 3s;
constexpr auto kLongestDelay = 4ms;

/// The body for an id: as many times as the id says, so that a piece of another answer shows anywhere.
std::string body_for(const std::string& id) {
    const auto number = std::strtoull(id.c_str() + id.rfind('-') + 1, nullptr, 10);
    const auto times = number % 7 == 0 ? 4'000 : number % 50 + 1;
    std::string body;
    for (std::uint64_t i = 0; i < times; ++i) body += id + "\n";
    return body;
}

/// Answers at once, after a while, or from another task, as the id says.
class Talker {
public:
    Talker(Executor executor, Clock& clock, bool may_wait)
        : clock_(clock), may_wait_(may_wait), tasks_(std::move(executor)) {}
    ~Talker() { stop(); }
    void stop() {
        tasks_.cancel();
        (void)tasks_.join(std::chrono::seconds(20));
    }
    HttpHandler handler() {
        return [this](HttpRequest request) { return answer(request.path.substr(1)); };
    }

private:
    Async<Result<HttpReply>> answer(std::string id) {
        const auto number = std::strtoull(id.c_str() + id.rfind('-') + 1, nullptr, 10);
        const Duration delay = kLongestDelay * (number % 11) / 10;
        if (may_wait_ && number % 3 == 1) {
            const auto slept = co_await sleep_for(clock_, delay);
            if (!slept) co_return slept.error();
        }
        if (!may_wait_ || number % 3 != 2) co_return HttpReply(HttpResponse{200, {{"X-Id", id}}, body_for(id)});
        OneShot<HttpReply> elsewhere;
        tasks_.spawn("talker", [this, elsewhere, id, delay] { return send_later(elsewhere, id, delay); });
        co_return co_await elsewhere.take();
    }
    Async<void> send_later(OneShot<HttpReply> to, std::string id, Duration delay) {
        (void)co_await sleep_for(clock_, delay);
        to.set(HttpReply(HttpResponse{200, {{"X-Id", id}}, body_for(id)}));
    }
    Clock& clock_;
    const bool may_wait_;
    TaskGroup tasks_;
};

struct Tally {
    std::atomic<std::uint64_t> right{0};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<std::uint64_t> missing{0};
    std::atomic<std::uint64_t> aborted{0};
    std::mutex mutex;
    std::string first_wrong;  // guarded by mutex
};

/// One thread of clients.
class Soak {
public:
    Soak(Address address, int thread, std::uint64_t seed, std::size_t ahead, Tally& tally)
        : address_(std::move(address)),
          prefix_("id-" + std::to_string(thread) + "-"),
          random_(seed),
          ahead_(ahead),
          tally_(tally) {}

    void run() {
        std::vector<RawClient> clients(kConnectionsEach);
        const auto end = std::chrono::steady_clock::now() + kDuration;
        while (std::chrono::steady_clock::now() < end) {
            auto& client = clients[random_() % clients.size()];
            if (!client.is_open()) client = RawClient(address_);
            talk(client);
        }
    }

private:
    void talk(RawClient& client) {
        std::vector<std::string> ids;
        for (auto count = random_() % ahead_ + 1; count > 0; --count) {
            ids.push_back(prefix_ + std::to_string(next_++));
            if (!client.get("/" + ids.back())) return client.close();
        }
        if (random_() % 3 == 0) return abort(client, ids.front());
        for (const auto& id : ids) {
            const auto answer = client.answer();
            if (!answer || !answer->whole) {
                tally_.missing.fetch_add(1);
                return client.close();
            }
            judge(*answer, id);
        }
    }
    /// Goes away before, while or after the answer comes.
    void abort(RawClient& client, const std::string& id) {
        tally_.aborted.fetch_add(1);
        switch (random_() % 4) {
            case 0: return client.reset();
            case 1: return client.close();
            case 2: (void)client.read(random_() % 100); return client.reset();
            default: {
                if (const auto head = client.head()) judge_head(*head, id);
                return client.close();
            }
        }
    }
    void judge_head(const RawAnswer& answer, const std::string& id) {
        if (answer.status == 200 && answer.header("X-Id") == id) tally_.right.fetch_add(1);
        else complain(answer, id);
    }
    void judge(const RawAnswer& answer, const std::string& id) {
        if (answer.status == 200 && answer.header("X-Id") == id && answer.body == body_for(id))
            tally_.right.fetch_add(1);
        else complain(answer, id);
    }
    void complain(const RawAnswer& answer, const std::string& id) {
        tally_.wrong.fetch_add(1);
        const std::lock_guard lock(tally_.mutex);
        if (tally_.first_wrong.empty())
            tally_.first_wrong = id + " was answered with " + std::to_string(answer.status) + ", X-Id " +
                                 answer.header("X-Id") + ": " + answer.body.substr(0, 100);
    }
    const Address address_;
    const std::string prefix_;
    std::mt19937_64 random_;
    const std::size_t ahead_;
    std::uint64_t next_ = 1;
    Tally& tally_;
};

}  // namespace

HTTP_CASE(NoAnswerReachesAnotherClient) {
    const auto seed = case_seed();
    Talker talker(backend().executor(), clock(), abilities().waiting_handlers);
    auto& listener = serve(talker.handler());
    Tally tally;
    {
        std::vector<std::jthread> threads;
        for (int thread = 0; thread < kThreads; ++thread) {
            threads.emplace_back([&, thread] {
                Soak(listener.address(), thread, seed + static_cast<std::uint64_t>(thread),
                     abilities().pipelining ? 3 : 1, tally)
                    .run();
            });
        }
    }
    std::cout << tally.right << " answers reached who asked, " << tally.wrong << " another; " << tally.aborted
              << " clients aborted" << std::endl;
    EXPECT_EQ(tally.wrong, 0U) << tally.first_wrong;
    EXPECT_EQ(tally.missing, 0U) << "answers did not come";
    EXPECT_GT(tally.right, 100U);
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }));
    EXPECT_TRUE(stop(listener, 5s));
    talker.stop();
}

}  // namespace drover::conformance
