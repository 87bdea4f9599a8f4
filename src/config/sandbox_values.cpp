#include "config/sandbox_values.h"

#include "config/boolean_word.h"
#include "config/each_word.h"
#include "config/limits.h"
#include "config/number.h"
#include "config/values.h"
#include "model/syscall_groups.h"

#include <algorithm>
#include <cstring>

namespace swathe {
namespace {

bool is_path(std::string_view path) noexcept {
    const auto has_dots = [&](std::string_view part) {
        const std::size_t at = path.find(part);
        return at != path.npos && (at + part.size() == path.size() || path[at + part.size()] == '/');
    };
    return path.starts_with('/') && !has_dots("/..") && path.find("/../") == path.npos;
}

/// "/var//lib/" and "/var/./lib" are "/var/lib".
std::string simplified(std::string_view path) {
    std::string out;
    for (const std::string_view part : split(path, '/')) {
        if (part.empty() || part == ".") continue;
        out += '/';
        out += part;
    }
    return out.empty() ? "/" : out;
}

bool add_path(std::string_view text, const SourcePos& where, const ValueContext& context, std::vector<SandboxPath>& out) {
    std::string_view path = text;
    const auto has_prefix = [&](char prefix) {
        const bool there = path.starts_with(prefix);
        if (there) path.remove_prefix(1);
        return there;
    };
    const bool optional = has_prefix('-');
    const bool in_root = has_prefix('+');
    if (!is_path(path)) return context.refuse(where, fmt::format("{} is no absolute path without \"..\"", quoted(text)));
    if (path.size() > limits::kPathBytes) return context.refuse(where, fmt::format("longer than {} bytes", limits::kPathBytes));
    if (out.size() == limits::kSandboxPaths) return context.refuse(where, fmt::format("more than {} paths", limits::kSandboxPaths));
    out.push_back({simplified(path), optional, in_root, where});
    return true;
}

constexpr int kLastError = 4095; // the kernel's MAX_ERRNO
constexpr int kKill = 0;

std::optional<int> error_number(std::string_view text) {
    if (text == "kill") return kKill;
    if (const auto number = parse_unsigned(text); number && *number >= 1 && *number <= kLastError) return static_cast<int>(*number);
    for (int number = 1; number <= kLastError; ++number)
        if (const char* name = ::strerrorname_np(number); name != nullptr && text == name) return number;
    if (text == "EWOULDBLOCK") return EWOULDBLOCK; // second names of one number
    if (text == "EOPNOTSUPP") return EOPNOTSUPP;
    if (text == "EDEADLOCK") return EDEADLOCK;
    return std::nullopt;
}

std::string no_error(std::string_view text) {
    return fmt::format("{} is no error number; expected a name of errno(3), 1 to {}, or \"kill\"", quoted(text), kLastError);
}

bool is_call_name(std::string_view name) noexcept {
    const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
    return !name.empty() && std::all_of(name.begin(), name.end(), fits);
}

bool check_name(std::string_view name, const SourcePos& where, const ValueContext& context) {
    if (!name.starts_with('@'))
        return is_call_name(name) || context.refuse(where, fmt::format("{} is no name of a system call", quoted(name)));
    if (syscall_group(name)) return true;
    const auto nearest = nearest_name(name, syscall_group_names());
    return context.refuse(where, fmt::format("there is no group {}{}", quoted(name),
                                             nearest ? fmt::format("; did you mean \"{}\"?", *nearest) : std::string()));
}

bool add_call(std::string_view text, bool inverted, const SourcePos& where, const ValueContext& context, SystemCallFilter& out) {
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    if (!check_name(name, where, context)) return false;
    std::optional<int> error;
    if (colon != text.npos) {
        if (!inverted) return context.refuse(where, fmt::format("{}: only what is denied, by \"~\", has an error number", quoted(text)));
        error = error_number(text.substr(colon + 1));
        if (!error) return context.refuse(where, no_error(text.substr(colon + 1)));
    }
    if (out.words.size() == limits::kSystemCalls)
        return context.refuse(where, fmt::format("more than {} system calls and groups", limits::kSystemCalls));
    out.words.push_back({std::string(name), inverted, error, where});
    return true;
}

template <class T> bool read_switch(const Raw& raw, const ValueContext& context, T& out) {
    const std::string* text = raw.get<std::string>();
    const auto named = [&](const auto& choice) { return text != nullptr && choice.name == *text; };
    const bool is_word = std::any_of(kChoices<T>.begin(), kChoices<T>.end(), named);
    if (is_word || (text != nullptr && !(context.is_unit && boolean_word(*text))))
        return read_choice(raw, context, out);
    bool on = false;
    if (!read_boolean(raw, context, on)) return false;
    out = on ? T::yes : T::no;
    return true;
}

} // namespace

bool read_sandbox_paths(const Raw& raw, const ValueContext& context, std::vector<SandboxPath>& out) {
    const auto take = [&](std::string_view word, bool, const SourcePos& where) { return add_path(word, where, context, out); };
    if (context.is_unit) return each_word(raw, context, take);
    return each_item(raw, [&](const Raw& item) {
        const std::string* path = string_of(item, context);
        return path != nullptr && take(*path, true, item.pos);
    });
}

bool read_syscall_filter(const Raw& raw, const ValueContext& context, SystemCallFilter& out) {
    bool inverted = false;
    return each_word(raw, context, [&](std::string_view word, bool first, const SourcePos& where) {
        if (first) inverted = word.starts_with('~');
        if (first && inverted) word.remove_prefix(1);
        if (word.empty() && inverted) return true; // "~ @mount"
        return add_call(word, inverted, where, context, out);
    });
}

bool read_syscall_error(const Raw& raw, const ValueContext& context, SystemCallFilter& out) {
    if (const auto* number = raw.get<std::int64_t>()) {
        if (*number < 1 || *number > kLastError) return context.refuse(raw.pos, no_error(std::to_string(*number)));
        out.error_number = static_cast<int>(*number);
        return true;
    }
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const auto number = error_number(*text);
    if (!number) return context.refuse(raw.pos, no_error(*text));
    if (*number == kKill)
        out.error_number.reset();
    else
        out.error_number = number;
    return true;
}

bool read_architectures(const Raw& raw, const ValueContext& context, SystemCallFilter& out) {
    const auto known = architecture_names();
    return each_word(raw, context, [&](std::string_view word, bool, const SourcePos& where) {
        if (std::find(known.begin(), known.end(), word) == known.end())
            return context.refuse(where, fmt::format("{} is no architecture; expected one of {}", quoted(word), fmt::join(known, ", ")));
        out.architectures.push_back({std::string(word), where});
        return true;
    });
}

bool read_protect_system(const Raw& raw, const ValueContext& context, ProtectSystem& out) { return read_switch(raw, context, out); }
bool read_protect_home(const Raw& raw, const ValueContext& context, ProtectHome& out) { return read_switch(raw, context, out); }

} // namespace swathe
