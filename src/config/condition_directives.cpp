#include "config/condition_values.h"
#include "config/directive_tables.h"
#include "config/setters.h"
#include "model/condition_name.h"

#include <array>
#include <deque>

namespace swathe {
namespace {

using K = Condition::Kind;

template <K Kind, bool Assertion> bool add(const Raw& raw, const ValueContext& context, const Recipient& target) {
    return read_conditions(raw, context, Kind, Assertion, std::get<Service*>(target)->conditions);
}

/// What can be asked: by a condition, and by an assertion.
struct Question {
    K kind;
    std::string_view key;  ///< in TOML, behind condition_ or assert_
    std::string_view what; ///< the end of its summary
    decltype(Directive::set) condition, assertion;
};

template <K Kind> constexpr Question asked(std::string_view key, std::string_view what) {
    return {Kind, key, what, add<Kind, false>, add<Kind, true>};
}

constexpr std::array kQuestions{
    asked<K::path_exists>("path_exists", "a path exists"),
    asked<K::path_exists_glob>("path_exists_glob", "some path matches a pattern"),
    asked<K::path_is_directory>("path_is_directory", "a path is a directory"),
    asked<K::path_is_symbolic_link>("path_is_symbolic_link", "a path is a symbolic link"),
    asked<K::path_is_mount_point>("path_is_mount_point", "a path is a mount point"),
    asked<K::path_is_read_write>("path_is_read_write", "a path is on a file system that can be written to"),
    asked<K::path_is_socket>("path_is_socket", "a path is a socket"),
    asked<K::directory_not_empty>("directory_not_empty", "there is something in a directory"),
    asked<K::file_not_empty>("file_not_empty", "there is something in a file"),
    asked<K::file_is_executable>("file_is_executable", "a file may be executed"),
    asked<K::host>("host", "the host has a name or an identity"),
    asked<K::kernel_version>("kernel_version", "the kernel has a version"),
    asked<K::kernel_command_line>("kernel_command_line", "the kernel was started with a word"),
    asked<K::kernel_module_loaded>("kernel_module_loaded", "a module of the kernel is loaded"),
    asked<K::architecture>("architecture", "the machine has an architecture"),
    asked<K::virtualization>("virtualization", "the machine is virtual"),
    asked<K::user>("user", "the daemon runs as a user"),
    asked<K::group>("group", "the daemon is in a group"),
    asked<K::capability>("capability", "the daemon may have a capability"),
    asked<K::security>("security", "a security technology is there"),
    asked<K::environment>("environment", "the daemon has a variable"),
    asked<K::memory>("memory", "the machine has so much memory"),
    asked<K::cpus>("cpus", "the machine has so many processors"),
    asked<K::cpu_feature>("cpu_feature", "the processor has a feature"),
    asked<K::os_release>("os_release", "the system calls itself so"),
    asked<K::ac_power>("ac_power", "the machine does not run on its battery"),
    asked<K::first_boot>("first_boot", "the machine is started for the first time"),
    asked<K::needs_update>("needs_update", "a directory is older than the system"),
    asked<K::control_group_controller>("control_group_controller", "a controller of control groups is there"),
};

/// Two rows for each question, and the texts that they are made of.
class Table {
public:
    Table() {
        for (const Question& q : kQuestions) put("condition_", "Condition", "Is started only if ", q, q.condition);
        for (const Question& q : kQuestions) put("assert_", "Assert", "Cannot be started unless ", q, q.assertion);
    }
    [[nodiscard]] std::span<const Directive> rows() const noexcept { return rows_; }

private:
    void put(const char* toml, const char* unit, const char* begin, const Question& question, decltype(Directive::set) set) {
        rows_.push_back({Scope::service, joined(toml, question.key), "Unit", joined(unit, name_of(question.kind)), ValueType::conditions,
                         Repeat::add, "none", joined(begin, question.what), kNoWords, set});
    }
    std::string_view joined(const char* begin, std::string_view rest) { return texts_.emplace_back(begin).append(rest); }

    std::deque<std::string> texts_; // whose elements stay where they are
    std::vector<Directive> rows_;
};

} // namespace

std::span<const Directive> condition_directives() {
    static const Table table;
    return table.rows();
}

} // namespace swathe
