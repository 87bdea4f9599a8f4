#pragma once

#include "base/clock.h"
#include "base/text.h"
#include "model/choices.h"
#include "config/value_context.h"

#include <algorithm>
#include <optional>
#include <string>
#include <sys/types.h>

#include <fmt/format.h>

namespace swathe {

/// The string of `raw` without NUL; nothing after a report.
[[nodiscard]] const std::string* string_of(const Raw& raw, const ValueContext& context);

bool read_boolean(const Raw& raw, const ValueContext& context,
                  bool& out); ///< unit files: 1 yes y true t on, 0 no n false f off
bool read_count(const Raw& raw, const ValueContext& context, std::uint32_t& out); ///< 0 to limits::kCount
bool read_backlog(const Raw& raw, const ValueContext& context,
                  int& out); ///< 0 to 4294967295; what listen(2) cannot express is cut
bool read_time_span(const Raw& raw, const ValueContext& context, Duration& out); ///< finite
bool read_window(const Raw& raw, const ValueContext& context, Duration& out); ///< infinity becomes kTimeSpanMax
bool read_delay_ceiling(const Raw& raw, const ValueContext& context,
                        std::optional<Duration>& out);                         ///< "infinity" = none
bool read_timeout(const Raw& raw, const ValueContext& context, Duration& out); ///< 0 and "infinity" = none
bool read_optional_timeout(const Raw& raw, const ValueContext& context, std::optional<Duration>& out); ///< likewise
bool read_umask(const Raw& raw, const ValueContext& context, mode_t& out);     ///< an octal string
bool read_signed(const Raw& raw, const ValueContext& context, int min, int max,
                 std::optional<int>& out); ///< an integer that may have a sign
bool read_nice(const Raw& raw, const ValueContext& context, std::optional<int>& out);     ///< -20 to 19
bool read_oom_score(const Raw& raw, const ValueContext& context, std::optional<int>& out); ///< -1000 to 1000
bool read_description(const Raw& raw, const ValueContext& context, std::string& out);   ///< no control characters
bool read_unit_description(const Raw& raw, const ValueContext& context, std::string& out); ///< likewise; of a service
bool read_listener_name(const Raw& raw, const ValueContext& context, std::string& out); ///< LISTEN_FDNAMES' characters
bool read_log_level(const Raw& raw, const ValueContext& context, std::string& out);
bool read_account(const Raw& raw, const ValueContext& context,
                  std::string& out); ///< a user's or group's name or number
bool read_accounts(const Raw& raw, const ValueContext& context,
                   std::vector<Placed<std::string>>& out); ///< one, or a list of them; at most limits::kAccounts in all
bool read_placed_account(const Raw& raw, const ValueContext& context, std::optional<Placed<std::string>>& out);

/// Is `name` fit for LISTEN_FDNAMES? Printable ASCII without ':' (sd_listen_fds_with_names(3)), at most
/// limits::kListenerNameBytes.
[[nodiscard]] bool is_listener_name(std::string_view name) noexcept;

/// `expected "a", "b" or "c"`
[[nodiscard]] std::string expected_one_of(const std::vector<std::string_view>& names);

template <class T> bool read_choice(const Raw& raw, const ValueContext& context, T& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    std::vector<std::string_view> names;
    for (const auto& choice : kChoices<T>) {
        names.push_back(choice.name);
        if (choice.name == *text) {
            out = choice.value;
            return true;
        }
    }
    const bool not_ours = std::find(kNotOurs<T>.begin(), kNotOurs<T>.end(), *text) != kNotOurs<T>.end();
    return context.refuse(raw.pos, fmt::format("{} is not {}; {}", quoted(*text), not_ours ? "supported" : "known",
                                               expected_one_of(names)));
}

} // namespace swathe
