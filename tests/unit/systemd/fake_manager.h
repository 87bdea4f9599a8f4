#pragma once

#include "base/unique_fd.h"
#include "event/loop.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>

namespace swathe {

/// Who sits at the other end of /run/systemd/private, as far as Manager can tell. Runs in the test's own loop.
class FakeManager {
public:
    explicit FakeManager(Loop& loop);
    ~FakeManager();
    FakeManager(const FakeManager&) = delete;
    FakeManager& operator=(const FakeManager&) = delete;

    struct Unit {
        std::string load_state = "loaded", active_state = "active", sub_state = "listening";
        std::uint64_t active_since = 1;
        std::vector<std::pair<std::string, std::string>> listen{{"Stream", "127.0.0.1:80"}};
    };
    Unit unit;               ///< whichever is asked about
    bool talks_rot = false;  ///< answers are of the wrong type
    bool is_silent = false;
    std::vector<std::string> asked; ///< object paths, one for each GetAll

    [[nodiscard]] std::string socket() const { return directory_ / "private"; }
    [[nodiscard]] std::size_t connections() const { return peers_.size(); }
    void changed(const char* path, const char* interface = "org.freedesktop.systemd1.Unit");
    void hang_up();   ///< all connections
    void stop();      ///< and nobody listens any more
    void listen();

private:
    struct CloseBus {
        void operator()(sd_bus* bus) const noexcept { (void)sd_bus_close_unref(bus); }
    };
    void accept();
    static int answer(sd_bus_message* call, void* self, sd_bus_error*);
    int answer_properties(sd_bus_message* call);
    int answer_listen(sd_bus_message* call);

    Loop& loop_;
    std::filesystem::path directory_;
    UniqueFd listening_;
    std::vector<std::unique_ptr<sd_bus, CloseBus>> peers_;
    std::optional<IoSource> source_;
};

} // namespace swathe
