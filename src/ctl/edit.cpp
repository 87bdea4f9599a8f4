#include "base/text.h"
#include "config/files.h"
#include "config/words.h"
#include "ctl/answer.h"
#include "ctl/draft.h"
#include "ctl/new_file.h"
#include "ctl/offline.h"
#include "ctl/paths.h"
#include "ctl/programs.h"
#include "ctl/remote.h"
#include "ctl/unit_sources.h"
#include "ctl/verbs.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

namespace fs = std::filesystem;

/// A directory that nobody else can look into, removed at the end.
class Workshop {
public:
    Workshop() {
        const char* directory = std::getenv("TMPDIR");
        std::string name =
            fmt::format("{}/swathectl-XXXXXX", directory == nullptr || *directory == '\0' ? "/tmp" : directory);
        if (::mkdtemp(name.data()) != nullptr) path_ = std::move(name);
    }
    ~Workshop() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; } ///< "" = it could not be made; see errno

private:
    std::string path_;
};

/// Who edits: the first of these that is set, else the first that is there.
std::vector<std::vector<std::string>> editors() {
    for (const char* name : {"SWATHE_EDITOR", "EDITOR", "VISUAL"}) {
        const char* value = std::getenv(name);
        const auto words = value == nullptr ? Result<std::vector<Word>>(std::vector<Word>()) : split_words(value);
        if (!words || words->empty()) continue;
        std::vector<std::string> command;
        for (const Word& word : *words) command.push_back(word.text);
        return {command};
    }
    return {{"editor"}, {"nano"}, {"vim"}, {"vi"}};
}

Status open_editor(const std::string& path) {
    for (std::vector<std::string> command : editors()) {
        command.push_back(path);
        const auto status = run_program(command);
        if (!status && status.error().errno_value == ENOENT) continue;
        if (!status) return Failure(status.error());
        return *status == 0
                   ? Status()
                   : failure(fmt::format("{} ended with status {}; nothing is changed", command.front(), *status));
    }
    return failure("no editor found; set $EDITOR");
}

/// What the configuration would be wrong in: all that can be found without starting anything.
Diagnostics problems_of(const SearchPath& path) {
    auto [config, diagnostics] = load_config(path);
    Diagnostics more = machine_problems(config, "");
    diagnostics.insert(diagnostics.end(), more.begin(), more.end());
    sort_by_place(diagnostics);
    return diagnostics;
}

/// What stands beside the file: lists of addresses are named relative to the file that names them. Configuration is found
/// without: it would stand in for itself.
void link_neighbours(const std::string& real, const std::string& shadow) {
    std::error_code ignored;
    const fs::path directory = fs::absolute(fs::path(real).parent_path(), ignored);
    for (const auto& entry : fs::directory_iterator(directory, ignored)) {
        const std::string suffix = entry.path().extension().string();
        const std::string name = entry.path().filename().string();
        const bool is_config = suffix == ".toml" || suffix == ".conf" || suffix == ".socket" || suffix == ".service" ||
                               suffix == ".d" || name == "units";
        if (!is_config)
            fs::create_symlink(entry.path(), fs::path(shadow).parent_path() / name, ignored);
    }
}

/// The configuration with `text` in the place of the target: a directory with that file alone stands before all others.
class Trial {
public:
    Trial(const EditTarget& target, SearchPath path, std::string directory)
        : target_(target), path_(std::move(path)), directory_(std::move(directory)) {
        for (const Diagnostic& known : problems_of(path_)) known_.insert(known.to_string());
        path_.directories.insert(path_.directories.begin(), directory_);
    }

    /// The errors that the text brings, with the places that it will have.
    Result<std::vector<std::string>> errors_with(const std::string& text) {
        const std::string shadow = fmt::format("{}/{}", directory_, target_.below);
        if (auto ok = replace_file(shadow, text); !ok) return Failure(std::move(ok).error());
        link_neighbours(target_.path, shadow);
        std::vector<std::string> errors;
        for (const Diagnostic& one : problems_of(path_)) {
            std::string line = one.to_string();
            for (std::size_t at; (at = line.find(shadow)) != line.npos;) line.replace(at, shadow.size(), target_.path);
            if (one.severity == Diagnostic::Severity::error && !known_.contains(line)) errors.push_back(line);
        }
        return errors;
    }

private:
    const EditTarget& target_;
    SearchPath path_;
    std::string directory_;
    std::set<std::string> known_; ///< what was wrong before
};

bool wants_again() {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDERR_FILENO) != 1) return false;
    (void)std::fputs("Edit again? [Y/n] ", stderr);
    char answer[16] = "";
    return std::fgets(answer, sizeof answer, stdin) != nullptr && answer[0] != 'n' && answer[0] != 'N';
}

/// Lets the administrator edit until it is right. Nothing = it is as it was, or nothing is written.
Result<std::optional<std::string>> edited_text(const EditTarget& target, Trial& trial, const std::string& workshop,
                                               const std::string& present) {
    const std::string copy = fmt::format("{}/{}", workshop, fs::path(target.path).filename().string());
    if (auto ok = create_file(copy, draft_of(target, present)); !ok) return Failure(std::move(ok).error());
    for (;;) {
        if (auto ok = open_editor(copy); !ok) return Failure(std::move(ok).error());
        const auto draft = read_config_file(copy);
        if (!draft) return Failure(Error(draft.error()).within("what was edited"));
        std::string text = kept_of(draft->text);
        if (text.empty() || text == present) return std::optional<std::string>();
        const auto errors = trial.errors_with(text);
        if (!errors) return Failure(errors.error());
        if (errors->empty()) return std::optional(std::move(text));
        for (const std::string& line : *errors) complain(line);
        if (!wants_again()) return failure("nothing is changed");
    }
}

/// The file that one to be made is a copy of; "" = there is none.
std::string original_of(const EditTarget& target) {
    const auto& files = target.list->files;
    if (!target.full || files.empty()) return {};
    return files.front().use == SourceUse::read || files.size() < 2 ? files.front().path : files[1].path;
}

/// What the target says now; of a copy to be made, what it is a copy of.
std::string present_text(const EditTarget& target) {
    if (const auto file = read_config_file(target.path); file && !file->masked) return file->text;
    const auto file = read_config_file(original_of(target));
    return file ? file->text : std::string();
}

/// Whoever edits a directory of its own has no daemon that reads it.
Exit reload_unless(const Invocation& invocation) {
    if (invocation.has("--no-reload") || invocation.has("--config")) return Exit::ok;
    if (!connect_to_daemon(invocation)) {
        complain("the daemon is not running; it will read the change when it starts");
        return Exit::ok;
    }
    return run_reload(invocation);
}

/// The files below the first directory of the search path that stand in for others, or add to them.
std::vector<std::string> overrides_of(const std::vector<const SourceList*>& lists, const std::string& directory,
                                      const std::string& only) {
    const auto is_own = [&](const Source& source) { return source.path.starts_with(directory + "/"); };
    const auto fits = [&](const Source& source) {
        const fs::path file = fs::path(source.path).filename();
        return only.empty() || file == only || file == only + file.extension().string();
    };
    std::vector<std::string> paths;
    for (const SourceList* list : lists) {
        for (const Source& source : list->drop_ins)
            if (is_own(source) && fits(source) && source.path.find("/" + list->name + ".d/") != source.path.npos)
                paths.push_back(source.path);
        // a template's file is that of other instances, too, and what alone makes an instance hides nothing
        const auto is_named = [&](const Source& source) { return fs::path(source.path).filename() == list->name; };
        const bool vendor = std::any_of(list->files.begin(), list->files.end(),
                                        [&](const Source& source) { return is_named(source) && !is_own(source); });
        for (const Source& source : list->files)
            if (only.empty() && vendor && is_named(source) && is_own(source)) paths.push_back(source.path);
    }
    return paths;
}

} // namespace

Exit run_edit(const Invocation& invocation) {
    const SearchPath path = search_path_of(invocation.value_or_empty("--config"));
    const Seen seen = look_at(path);
    const std::string& name = invocation.words.front();
    if (sources_called(seen, name).empty()) return complain(no_such_service(seen, name)), Exit::no_such_service;
    const std::string drop_in = invocation.has("--drop-in") ? invocation.value_or_empty("--drop-in") : "override";
    const auto target = edit_target(seen, path, name, drop_in, invocation.has("--full"));
    const auto refuse = [&](const Error& error) {
        complain(fmt::format("{}: {}", target ? target->path : name, error.to_string()));
        return Exit::failure;
    };
    if (!target) return refuse(target.error());
    const Workshop workshop;
    if (workshop.path().empty()) return refuse(system_failure("a directory for the editor").value());
    Trial trial(*target, path, workshop.path() + "/trial");
    const auto text = edited_text(*target, trial, workshop.path(), present_text(*target));
    if (!text) return refuse(text.error());
    if (!*text) {
        complain("nothing was written; nothing is changed");
        print_paths({}, invocation.json);
        return Exit::ok;
    }
    if (const auto ok = replace_file(target->path, **text, mode_of(original_of(*target))); !ok) return refuse(ok.error());
    print_paths({target->path}, invocation.json);
    return reload_unless(invocation);
}

Exit run_revert(const Invocation& invocation) {
    const SearchPath path = search_path_of(invocation.value_or_empty("--config"));
    const Seen seen = look_at(path);
    const auto lists = sources_called(seen, invocation.words.front());
    if (lists.empty()) return complain(no_such_service(seen, invocation.words.front())), Exit::no_such_service;
    const auto paths = overrides_of(lists, path.directories.front(), invocation.value_or_empty("--drop-in"));
    if (paths.empty()) complain("nothing overrides it");
    print_paths(paths, invocation.json, "removing ");
    if (paths.empty()) return Exit::ok;
    (void)std::fflush(stdout); // said before it is done
    for (const std::string& file : paths) {
        if (::unlink(file.c_str()) < 0) return complain(system_failure(file).value().to_string()), Exit::failure;
        const fs::path folder = fs::path(file).parent_path();
        if (folder.parent_path() != path.directories.front())
            (void)::rmdir(folder.c_str()); // NAME.d, if there is nothing else in it
    }
    return reload_unless(invocation);
}

} // namespace swathe::ctl
