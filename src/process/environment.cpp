#include "process/environment.h"

#include "model/service.h"
#include "process/accounts.h"
#include "process/environment_file.h"
#include "process/plan.h"
#include "process/program.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace swathe {
namespace {

/// The environment before it is written down; a later value replaces an earlier one in its place.
class Environment {
public:
    void set(const std::string& name, const std::string& value) {
        const auto old = std::find_if(entries_.begin(), entries_.end(), [&](const auto& entry) { return entry.first == name; });
        if (old != entries_.end())
            old->second = value;
        else
            entries_.emplace_back(name, value);
    }
    /// Takes out what `entry` names, or if it is an assignment, what has this value.
    void unset(std::string_view entry) {
        const auto meant = [&](const auto& variable) {
            const auto& [name, value] = variable;
            return entry == name || (entry.starts_with(name) && entry.substr(name.size()) == '=' + value);
        };
        entries_.erase(std::remove_if(entries_.begin(), entries_.end(), meant), entries_.end());
    }
    [[nodiscard]] std::vector<std::string> written() const {
        std::vector<std::string> all;
        for (const auto& [name, value] : entries_) all.push_back(name + '=' + value);
        return all;
    }

private:
    std::vector<std::pair<std::string, std::string>> entries_;
};

/// systemd.exec(5), "Environment variables in spawned processes": a home of "/" and a shell that lets nobody in say nothing.
void add_user(Environment& env, const User& user) {
    env.set("USER", user.name);
    env.set("LOGNAME", user.name);
    if (!user.home.empty() && user.home != "/") env.set("HOME", user.home);
    const std::string shell = user.shell.substr(user.shell.rfind('/') + 1);
    if (!shell.empty() && shell != "nologin" && shell != "false" && shell != "true") env.set("SHELL", user.shell);
}

/// What a manager tells one process: if this daemon was told it, that is not its services' affair (COMPAT 2.13).
bool is_own(std::string_view name) {
    static constexpr std::array<std::string_view, 22> kOwn{
        "CACHE_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY", "EXIT_CODE",     "EXIT_STATUS",      "INVOCATION_ID",
        "JOURNAL_STREAM",  "LISTEN_FDNAMES",          "LISTEN_FDS",            "LISTEN_PID",    "LISTEN_PIDFDID",   "LOGS_DIRECTORY",
        "MAINPID",         "MANAGERPID",              "NOTIFY_SOCKET",         "REMOTE_ADDR",   "REMOTE_PORT",      "RUNTIME_DIRECTORY",
        "SERVICE_RESULT",  "STATE_DIRECTORY",         "SYSTEMD_EXEC_PID",      "WATCHDOG_USEC"};
    return name == "WATCHDOG_PID" || std::find(kOwn.begin(), kOwn.end(), name) != kOwn.end();
}

void pass(Environment& env, const std::string& name) {
    const char* const value = std::getenv(name.c_str()); // NOLINT(concurrency-mt-unsafe): nobody sets
    if (value != nullptr && !is_own(name)) env.set(name, value);
}

void add_generated(Environment& env, const Service& service, const std::optional<User>& user, const RunFacts& facts) {
    if (service.effective_notify_access() != NotifyAccess::none) env.set("NOTIFY_SOCKET", facts.notify_path);
    if (user) add_user(env, *user);
    for (const auto& [name, value] : directory_variables(service, facts.bases)) env.set(name, value);
    for (const auto& [name, value] : facts.variables) env.set(name, value);
}

} // namespace

std::vector<std::string> environment_of(const Service& service, const std::optional<User>& user, const FileVariables& files,
                                        const RunFacts& facts) {
    Environment env;
    env.set("PATH", kSearchPath);
    pass(env, "LANG");
    add_generated(env, service, user, facts);
    for (const std::string& name : service.pass_environment) pass(env, name);
    for (const auto& [name, value] : service.environment) env.set(name, value);
    for (const auto& [name, value] : files.variables) env.set(name, value);
    for (const std::string& entry : service.unset_environment) env.unset(entry);
    return env.written();
}

std::optional<std::string> value_of(const std::vector<std::string>& env, std::string_view name) {
    for (auto entry = env.rbegin(); entry != env.rend(); ++entry) // later wins
        if (entry->size() > name.size() && entry->starts_with(name) && (*entry)[name.size()] == '=') return entry->substr(name.size() + 1);
    return std::nullopt;
}

} // namespace swathe
