#include "base/text.h"
#include "model/instance_name.h"
#include "model/instance_service.h"
#include "model/socket_stage.h"
#include "process/accounts.h"
#include "process/dynamic_user.h"
#include "process/plan.h"
#include "process/program.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace swathe {

namespace {

/// Collects what is wrong.
class Findings {
public:
    void refuse(Error error, std::string_view key, const SourcePos& pos) {
        all_.push_back({Diagnostic::Severity::error, std::move(error).within(std::string(key)).at(pos)});
    }
    template <class T> void refuse_failed(const Result<T>& result, std::string_view key, const SourcePos& pos) {
        if (!result) refuse(result.error(), key, pos);
    }
    [[nodiscard]] Diagnostics& all() noexcept { return all_; }

private:
    Diagnostics all_;
};

/// A connection is one socket, whatever listener it came from.
std::size_t sockets_of(const Service& service) noexcept {
    if (service.accept) return 1;
    std::size_t count = 0;
    for (const Listener& listener : service.listeners) {
        const bool two = listener.family_sockets == FamilySockets::split && listener.has_family(Family::ipv4) &&
                         listener.has_family(Family::ipv6);
        count += two ? 2 : 1;
    }
    return count;
}

/// What a stream is to be, but no socket of the service can be: systemd.exec(5), StandardInput=.
std::string problem_of(const StandardStream& stream, const Service& service) {
    if (stream.kind == StandardStream::Kind::socket && sockets_of(service) != 1)
        return fmt::format("\"socket\" needs a service with one socket; it has {}", sockets_of(service));
    const auto named = [&](const Listener& listener) { return listener.name == stream.target; };
    if (stream.kind == StandardStream::Kind::fd && service.file_descriptor_store_max == 0 &&
        std::none_of(service.listeners.begin(), service.listeners.end(), named))
        return "no listener has the name " + quoted(stream.target);
    return {};
}

void check_streams(const Service& service, Findings& found) {
    const std::pair<const char*, const StandardStream*> streams[] = {{"standard_input", &service.standard_input},
                                                                     {"standard_output", &service.standard_output},
                                                                     {"standard_error", &service.standard_error}};
    for (const auto& [key, stream] : streams)
        if (std::string problem = problem_of(*stream, service); !problem.empty())
            found.refuse({std::move(problem), 0, std::nullopt}, key, stream->pos);
}

void check_programs(const Service& service, Findings& found) {
    const std::string root = service.root_directory && service.root_directory->value != "/" ? service.root_directory->value : "";
    for (const auto& [key, commands] : commands_of(service))
        for (const Command& command : *commands)
            if (!names_instance(command.path))
                found.refuse_failed(find_program(command.path, command.privileged ? "" : root), key, command.pos);
    for (const auto& [key, commands] : socket_commands_of(service))
        for (const Command& command : *commands) found.refuse_failed(find_program(command.path, ""), key, command.pos);
}

/// Will the start make `path`, or something below it?
bool is_made(const std::string& path, const std::vector<OwnDirectory>& directories) {
    return std::any_of(directories.begin(), directories.end(), [&](const OwnDirectory& directory) {
        return (directory.base + '/' + directory.name + '/').starts_with(path + '/');
    });
}

} // namespace

Diagnostics check_service(const Service& service) {
    Findings found;
    check_programs(service, found);
    const auto dynamic = dynamic_user_of(service);
    if (service.user && !dynamic) found.refuse_failed(look_up_user(service.user->value), "user", service.user->pos);
    if (service.group && dynamic != service.group->value)
        found.refuse_failed(look_up_group(service.group->value), "group", service.group->pos);
    for (const auto& name : service.supplementary_groups) found.refuse_failed(look_up_group(name.value), "supplementary_groups", name.pos);
    for (const Listener& listener : service.listeners) {
        if (listener.socket_user) found.refuse_failed(look_up_user(listener.socket_user->value), "socket_user", listener.socket_user->pos);
        if (listener.socket_group)
            found.refuse_failed(look_up_group(listener.socket_group->value), "socket_group", listener.socket_group->pos);
    }
    check_streams(service, found);
    if (!found.all().empty() || names_instance(service)) return found.all(); // what it will be is known when somebody has come
    for (const auto& [key, commands] : commands_of(service))
        if (!commands->empty()) {
            if (auto plan = plan_spawn(service, commands->front(), key, facts_of_check(service)); !plan)
                found.all().push_back({Diagnostic::Severity::error, std::move(plan).error().error});
            break; // what it says of the surroundings holds for all
        }
    return found.all();
}

Status check_plan(const SpawnPlan& plan, const Service& service) {
    if (plan.working_directory_optional || is_made(plan.working_directory, plan.directories)) return {};
    const SourcePos where = service.working_directory ? service.working_directory->pos : service.pos;
    struct stat status {};
    if (stat_below(plan.root_directory, plan.working_directory, status) != 0) {
        if (errno == EACCES) return {}; // the service's user may see more
        return Failure(Error{"working_directory: " + quoted(plan.working_directory), errno, where});
    }
    if (!S_ISDIR(status.st_mode)) return failure_at(where, "working_directory: " + quoted(plan.working_directory) + " is not a directory");
    return {};
}

} // namespace swathe
