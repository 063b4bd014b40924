// The example handlers at a real server.
#include <gtest/gtest.h>

#include <csignal>

#include "control_plane.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// By the handler's path below sdk/examples/handlers.
class ExampleHandlerTest : public ::testing::TestWithParam<const char*> {
protected:
    void SetUp() override {
        ASSERT_TRUE(plane_.start());
        plane_.add_agent("sim://rack-1");
        ASSERT_FALSE(HasFailure());
        client_.emplace(plane_.api());
    }
    std::unique_ptr<Process> handler() const {
        Command command;
        command.words = {std::string(DROVER_SOURCE_DIR) + "/sdk/examples/handlers/" + GetParam(), "greeter"};
        command.environment = {{"DROVER_URL", "http://" + plane_.api_address().to_string() + "/v1"}};
        return std::make_unique<Process>(command);
    }
    void await_handler(const std::string& state) {
        eventually(*client_, "/v1/externalhandlers?uuid=greeter", [&](const json::value& list) {
            const auto& found = list.at("data").as_array();
            return found.size() == 1 && text_of(found.front(), "state") == state;
        });
    }
    /// The data of a machine that was created and runs.
    json::object data_of_new_machine() {
        const auto made = client_->post("/v1/containers", json::object{{"imageUuid", "sim:busybox"}});
        EXPECT_EQ(made.status, 201) << made.text;
        const auto target = "/v1/containers/" + text_of(made.body, "id");
        const auto running = eventually(*client_, target, in_state("running"), 60s);
        const auto* data = running.is_object() ? running.as_object().if_contains("data") : nullptr;
        return data && data->is_object() ? data->as_object() : json::object();
    }

    ControlPlane plane_;
    std::optional<ApiClient> client_;
};

TEST_P(ExampleHandlerTest, TakesPartInAStartAndIsNotMissedWhenItLeft) {
    auto greeter = handler();
    await_handler("active");
    const auto greeted = data_of_new_machine();
    ASSERT_TRUE(greeted.contains("hello")) << greeter->output();
    EXPECT_EQ(greeted.at("hello"), "world");
    EXPECT_TRUE(greeted.contains("fields")) << "merging keeps what stood there";

    greeter->signal(SIGTERM);
    const auto ending = greeter->wait();
    ASSERT_TRUE(ending);
    EXPECT_EQ(*ending, (Ending{0, 0})) << greeter->output();
    await_handler("inactive");
    EXPECT_FALSE(data_of_new_machine().contains("hello"));

    greeter = handler();  // it finds its registration again
    await_handler("active");
    EXPECT_TRUE(data_of_new_machine().contains("hello")) << greeter->output();
}

INSTANTIATE_TEST_SUITE_P(, ExampleHandlerTest, ::testing::Values("shell/hello-handler", "python/hello_handler.py"),
                         [](const auto& tested) {
                             const std::string path = tested.param;
                             return path.substr(0, path.find('/'));
                         });

}  // namespace
}  // namespace drover::test
