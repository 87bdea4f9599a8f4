#include "process/environment_file.h"

#include "base/text.h"
#include "base/unique_fd.h"
#include "model/service.h"

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr std::string_view kSpace = " \t\n\r";

bool is_newline(char c) noexcept { return c == '\n' || c == '\r'; }
bool is_space(char c) noexcept { return kSpace.find(c) != kSpace.npos; }

bool is_name(std::string_view text) noexcept {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return !text.empty() && letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool has_control(std::string_view text) noexcept {
    return std::any_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') || c == 0x7f;
    });
}

/// systemd's states (src/basic/env-file.c), so that a file means here what it means there: a quote may begin inside of a value after
/// another one has ended, but not after plain characters; a comment that ends in a backslash goes on only to the end of the line.
class Parser {
public:
    explicit Parser(FileVariables& out) : out_(out) {}

    Status parse(std::string_view text) {
        for (const char c : text) {
            if (auto ok = take(c); !ok) return ok;
            if (c == '\n') ++line_;
        }
        return state_ == State::name || state_ == State::before_name || is_comment() ? Status{} : finish();
    }

private:
    enum class State : std::uint8_t {
        before_name, name, before_value, plain, plain_escape, single_quoted, double_quoted, double_quoted_escape, comment, comment_escape
    };

    bool is_comment() const noexcept { return state_ == State::comment || state_ == State::comment_escape; }

    Status take(char c) {
        switch (state_) {
        case State::before_name: return take_before_name(c), Status{};
        case State::name: return take_name(c), Status{};
        case State::before_value: return take_before_value(c);
        case State::plain: return take_plain(c);
        case State::plain_escape: // a line that goes on
            if (!is_newline(c)) add(c);
            state_ = State::plain;
            return {};
        case State::single_quoted:
            if (c == '\'') state_ = State::before_value;
            else add(c);
            return {};
        case State::double_quoted:
            if (c == '"') state_ = State::before_value;
            else if (c == '\\') state_ = State::double_quoted_escape;
            else add(c);
            return {};
        case State::double_quoted_escape:
            if (std::string_view("\"\\`$").find(c) == std::string_view::npos && c != '\n') add('\\');
            if (c != '\n') add(c);
            state_ = State::double_quoted;
            return {};
        case State::comment:
            if (c == '\\') state_ = State::comment_escape;
            else if (is_newline(c)) state_ = State::before_name;
            return {};
        case State::comment_escape: state_ = is_newline(c) ? State::before_name : State::comment; return {};
        }
        return {};
    }

    void take_before_name(char c) {
        if (c == '#' || c == ';') {
            state_ = State::comment;
        } else if (!is_space(c)) {
            name_ = c;
            value_.clear();
            kept_ = 0;
            begin_ = line_;
            state_ = State::name;
        }
    }

    void take_name(char c) {
        if (is_newline(c)) state_ = State::before_name; // no "=": says nothing
        else if (c == '=') state_ = State::before_value;
        else name_ += c;
    }

    Status take_before_value(char c) {
        if (is_newline(c)) return finish();
        if (c == '\'') state_ = State::single_quoted;
        else if (c == '"') state_ = State::double_quoted;
        else if (c == '\\') state_ = State::plain_escape;
        else if (!is_space(c)) {
            add(c);
            state_ = State::plain;
        }
        return {};
    }

    Status take_plain(char c) {
        if (is_newline(c)) return finish();
        if (c == '\\') {
            kept_ = value_.size(); // what was escaped, and what stands before it, is not taken for white space at the end
            state_ = State::plain_escape;
        } else if (is_space(c)) {
            value_ += c;
        } else {
            add(c);
        }
        return {};
    }

    void add(char c) {
        value_ += c;
        kept_ = value_.size();
    }

    /// An assignment is complete.
    Status finish() {
        if (state_ == State::plain) value_.resize(kept_);
        state_ = State::before_name;
        name_.resize(name_.find_last_not_of(kSpace) + 1);
        const auto leave_out = [this](std::string_view why) { out_.warnings.push_back(fmt::format("line {}: {}", begin_, why)); };
        if (!is_name(name_)) return leave_out(quoted(name_) + " is no name of an environment variable; it is left out"), Status{};
        if (has_control(value_)) return leave_out(name_ + " has a control character; it is left out"), Status{};
        if (out_.variables.size() == kEnvironmentFileVariables)
            return failure(fmt::format("line {}: more than {} variables", begin_, kEnvironmentFileVariables));
        out_.variables.emplace_back(name_, value_);
        return {};
    }

    FileVariables& out_;
    State state_ = State::before_name;
    std::string name_, value_;
    std::size_t kept_ = 0; ///< white space of a plain value behind this goes when it ends there
    std::size_t line_ = 1, begin_ = 1;
};

/// A regular file only: to open a FIFO or a terminal could hang the daemon.
Result<std::string> text_of(const std::string& path) {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!fd) return system_failure(quoted(path));
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return system_failure(quoted(path));
    if (!S_ISREG(status.st_mode)) return failure(quoted(path) + " is not a regular file");
    std::string text(kEnvironmentFileBytes + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t count = ::read(fd.get(), text.data() + size, text.size() - size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return system_failure(quoted(path));
        if (count == 0) break;
        size += static_cast<std::size_t>(count);
    }
    if (size > kEnvironmentFileBytes) return failure(fmt::format("{} is larger than {} bytes", quoted(path), kEnvironmentFileBytes));
    text.resize(size);
    return text;
}

/// The files that a pattern of glob(7) means, sorted. Errors: there are none.
Result<std::vector<std::string>> files_of(const std::string& pattern) {
    if (pattern.find_first_of("*?[\\") == pattern.npos) return std::vector<std::string>{pattern};
    glob_t found{};
    const std::unique_ptr<glob_t, decltype(&::globfree)> owner(&found, ::globfree);
    const int error = ::glob(pattern.c_str(), 0, nullptr, &found);
    if (error == GLOB_NOMATCH) return failure(quoted(pattern), ENOENT);
    if (error != 0) return failure(quoted(pattern), error == GLOB_NOSPACE ? ENOMEM : EIO);
    return std::vector<std::string>(found.gl_pathv, found.gl_pathv + found.gl_pathc);
}

Status read_one(const std::string& path, FileVariables& out) {
    auto text = text_of(path);
    if (!text) return Failure(std::move(text).error());
    const std::size_t old = out.warnings.size();
    auto ok = parse_environment_file(*text, out);
    for (std::size_t i = old; i < out.warnings.size(); ++i) out.warnings[i] = quoted(path) + ": " + out.warnings[i];
    if (!ok) return Failure(std::move(ok).error().within(quoted(path)));
    return {};
}

} // namespace

Status parse_environment_file(std::string_view text, FileVariables& out) {
    if (text.find('\0') != text.npos) return failure("NUL character");
    if (!is_utf8(text)) return failure("not UTF-8");
    return Parser(out).parse(text);
}

Status read_environment_file(const EnvironmentFile& file, FileVariables& out) {
    const auto refuse = [&](Error error) -> Status {
        if (!file.optional) return Failure(std::move(error));
        if (error.errno_value != ENOENT) out.warnings.push_back(error.to_string() + "; it is optional, and ignored");
        return {};
    };
    auto paths = files_of(file.path);
    if (!paths) return refuse(std::move(paths).error());
    for (const std::string& path : *paths) {
        const FileVariables before = out;
        auto ok = read_one(path, out);
        if (ok) continue;
        out = before; // all of a file or nothing
        if (auto refused = refuse(std::move(ok).error()); !refused) return refused;
    }
    return {};
}

} // namespace swathe
