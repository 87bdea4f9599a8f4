#pragma once

#include "base/error.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <linux/filter.h>

namespace swathe {

struct ExecContext;
struct SystemCallFilter;

/// What a filter says of each system call that it names: groups resolved, later words over earlier ones.
struct FilterRules {
    struct Rule {
        bool allowed = false;
        std::optional<int> error_number; ///< of one that is denied; nothing = the filter's own, 0 = kill
        const SourcePos* named = nullptr; ///< where it stands by its own name, not by its group's
    };
    bool allows_rest = true; ///< whatever is not named
    std::map<std::string, Rule> rules;
};

/// systemd's rules (systemd.exec(5), SystemCallFilter=): the first word decides what happens to the rest; @default is in every list of
/// what is allowed. Pure. `filter` must outlive the answer.
[[nodiscard]] FilterRules resolve_filter(const SystemCallFilter& filter);

/// A program for seccomp(2).
struct FilterProgram {
    std::string_view key; ///< that asks for it
    std::vector<sock_filter> code;
};

/// In the order in which they are to be installed.
struct FilterPrograms {
    std::vector<FilterProgram> programs;
    std::vector<std::string> warnings; ///< system calls that libseccomp does not know, and so stay denied
};

/// What `context` asks of seccomp, compiled; the programs of filters that say the same are made once and shared. Thread-safe.
/// Errors: a system call that is to be denied and that libseccomp does not know; a filter that is too long for the kernel.
[[nodiscard]] Result<std::shared_ptr<const FilterPrograms>> compile_filters(const ExecContext& context);

} // namespace swathe
