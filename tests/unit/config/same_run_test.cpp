#include "model/same_run.h"

#include <functional>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

using Change = std::function<void(Service&)>;

Service plain() {
    Service service;
    service.exec_start.emplace_back().argv = {"/bin/x", "a"};
    return service;
}

} // namespace

TEST_CASE("same run: whatever a process is started with counts") {
    const Change changes[] = {
        [](Service& s) { s.type = ServiceType::notify; },
        [](Service& s) { s.exec_start.front().argv.back() = "b"; },
        [](Service& s) { s.exec_start.front().privileged = true; },
        [](Service& s) { s.exec_start_pre.emplace_back(); },
        [](Service& s) { s.user = Placed<std::string>{"web", {}}; },
        [](Service& s) { s.supplementary_groups.push_back({"adm", {}}); },
        [](Service& s) { s.dynamic_user = true; },
        [](Service& s) { s.protect_clock = true; },
        [](Service& s) { s.protect_hostname = true; },
        [](Service& s) { s.protect_proc = ProtectProc::invisible; },
        [](Service& s) { s.proc_subset = ProcSubset::pid; },
        [](Service& s) { s.private_mounts = true; },
        [](Service& s) { s.restrict_address_families = AddressFamilies{}; },
        [](Service& s) { s.restrict_namespaces = 0; },
        [](Service& s) { s.restrict_realtime = true; },
        [](Service& s) { s.restrict_suid_sgid = true; },
        [](Service& s) { s.memory_deny_write_execute = true; },
        [](Service& s) { s.lock_personality = true; },
        [](Service& s) { s.non_blocking = true; },
        [](Service& s) { s.environment.emplace_back("A", "1"); },
        [](Service& s) { s.environment_files.push_back({"/etc/x", true, {}}); },
        [](Service& s) { s.working_directory = Placed<std::string>{"/srv", {}}; },
        [](Service& s) { s.limits[RLIMIT_NOFILE] = rlimit{1, 2}; },
        [](Service& s) { s.nice = 5; },
        [](Service& s) { s.cpu_affinity = {1}; },
        [](Service& s) { s.ambient_capabilities = 1; },
        [](Service& s) { s.protect_system = ProtectSystem::strict; },
        [](Service& s) { s.read_only_paths.push_back({"/usr", false, false, {}}); },
        [](Service& s) { s.system_call_filter.words.push_back({"read", true, std::nullopt, {}}); },
        [](Service& s) { s.runtime_directory.names.push_back({"web", {}}); },
        [](Service& s) { s.standard_output = {StandardStream::Kind::append, "/var/log/x", {}}; },
    };
    std::size_t number = 0;
    for (const Change& change : changes) {
        CAPTURE(number++);
        Service other = plain();
        change(other);
        CHECK_FALSE(same_run(plain(), other));
        CHECK_FALSE(same_run(other, plain()));
        CHECK(same_run(other, other));
    }
}

TEST_CASE("same run: places, and what a reload changes in a running instance, do not") {
    const Change changes[] = {
        [](Service& s) { s.exec_start.front().pos = SourcePos{}; },
        [](Service& s) { s.description = "another"; },
        [](Service& s) { s.restart = RestartPolicy::always; },
        [](Service& s) { s.timeout_stop_sec = Duration(1); },
        [](Service& s) { s.exec_stop.emplace_back(); },
        [](Service& s) { s.kill_mode = KillMode::mixed; },
        [](Service& s) { s.workers = 3; },
        [](Service& s) { s.log_ring_bytes = 1; },
    };
    for (const Change& change : changes) {
        Service other = plain();
        change(other);
        CHECK(same_run(plain(), other));
    }
}
