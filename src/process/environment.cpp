#include "process/environment.h"

#include "model/service.h"
#include "process/accounts.h"
#include "process/environment_file.h"
#include "process/plan.h"
#include "process/program.h"

#include <algorithm>
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

} // namespace

std::vector<std::string> environment_of(const Service& service, const std::optional<User>& user, const FileVariables& files,
                                        const RunFacts& facts) {
    Environment env;
    env.set("PATH", kSearchPath);
    if (const char* lang = std::getenv("LANG"); lang != nullptr) env.set("LANG", lang); // NOLINT(concurrency-mt-unsafe): nobody sets
    if (service.effective_notify_access() != NotifyAccess::none) env.set("NOTIFY_SOCKET", facts.notify_path);
    if (user) add_user(env, *user);
    for (const auto& [name, value] : facts.variables) env.set(name, value);
    for (const auto& [name, value] : service.environment) env.set(name, value);
    for (const auto& [name, value] : files.variables) env.set(name, value);
    return env.written();
}

std::optional<std::string> value_of(const std::vector<std::string>& env, std::string_view name) {
    for (auto entry = env.rbegin(); entry != env.rend(); ++entry) // later wins
        if (entry->size() > name.size() && entry->starts_with(name) && (*entry)[name.size()] == '=') return entry->substr(name.size() + 1);
    return std::nullopt;
}

} // namespace swathe
