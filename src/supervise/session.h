#pragma once

#include "supervise/door.h"
#include "supervise/instance.h"

namespace swathe {

class Connections;
class Session;

/// Who keeps the socket of a connection beyond its processes: the flow that it is.
class SocketKeeper {
public:
    virtual ~SocketKeeper() = default;
    virtual void begun(Session& session) = 0; ///< it has an instance, which is about to start
    virtual void ended(Session& session) = 0; ///< whatever was begun
};

/// One connection that is served: what its instance needs to know. Its daemon's end of the socket is given up as soon as its processes have
/// theirs, so that the other side sees the end when they close it.
class Session final : private InstanceHost {
public:
    /// `service`: the configuration that it keeps, whatever a reload says later. `fd_name`: its name in LISTEN_FDNAMES.
    Session(Connections& all, std::shared_ptr<const Service> service, UniqueFd fd, ConnectionEnds ends, std::string fd_name,
               std::uint64_t number)
        : all_(all), service_(std::move(service)), fd_(std::move(fd)), ends_(std::move(ends)), fd_name_(std::move(fd_name)),
          number_(number) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() override = default;

    [[nodiscard]] Status make_instance(Loop& loop); ///< before anything else
    void start(std::uint32_t of_source);            ///< its instance, which may have ended by the return
    void close() noexcept { fd_.reset(); }

    [[nodiscard]] Instance& instance() noexcept { return *instance_; } 
    [[nodiscard]] const Instance& instance() const noexcept { return *instance_; }
    [[nodiscard]] const Service& service() const noexcept override { return *service_; }
    [[nodiscard]] const ConnectionEnds& ends() const noexcept { return ends_; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] Duration age() const noexcept { return std::chrono::duration_cast<Duration>(now() - since_); }
    [[nodiscard]] std::optional<TransferredBytes> moved() const noexcept { return transferred(fd_.get()); } ///< while the socket is kept
    [[nodiscard]] pid_t first_pid() const noexcept { return first_pid_; } ///< of its main process; 0 = there was none
    /// "connection 7 from 192.0.2.1:5555", as far as addresses may be told.
    [[nodiscard]] std::string title() const;

    // Of the list that it is in.
    SourceKey source{};
    SocketKeeper* keeper = nullptr; ///< may be gone after its ended()
    std::size_t place = 0;

private:
    const std::string& notify_path() const noexcept override;
    const CgroupTree& cgroups() const noexcept override;
    ServiceLog& output() noexcept override;
    void remove_later(std::shared_ptr<PrivateTmp> used) override;
    std::vector<PassedFd> descriptors(const Instance& instance) override;
    void store(const Instance&, std::vector<UniqueFd>, const Notification&) override {} ///< nobody would ever get them back
    void forget_restarts(const Instance&) override {}
    bool is_waited_for(pid_t pid) const override;
    void drain_notifications() override;
    void changed(Instance& instance) override;
    void say(const Instance& instance, LogLevel level, const std::string& text) const override;
    tl::expected<SpawnPlan, SpawnError> plan(const Command& command, std::string_view key, const RunFacts& facts) override;
    std::shared_ptr<InstanceGroup> shared_group() override;
    Result<std::shared_ptr<const OutputEnds>> open_output(const Command& command, std::optional<uid_t> owner) override;
    void add_variables(std::vector<std::pair<std::string, std::string>>& variables) const override;
    void watches(pid_t pid) override;
    void watches_no_more(pid_t pid) override;

    [[nodiscard]] bool needs_socket() const noexcept;

    Connections& all_;
    std::shared_ptr<const Service> service_;
    UniqueFd fd_;
    ConnectionEnds ends_;
    std::string fd_name_;
    std::uint64_t number_;
    std::uint32_t of_source_ = 0; ///< that lived when it began, it included
    pid_t first_pid_ = 0;
    Monotonic since_ = now();
    std::unique_ptr<Instance> instance_;
};

} // namespace swathe
