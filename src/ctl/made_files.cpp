#include "ctl/made_files.h"

#include "base/text.h"
#include "ctl/answer.h"
#include "ctl/new_file.h"
#include "ctl/paths.h"

#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe::ctl {
namespace {

void print_files(const std::vector<MadeFile>& files, bool json) {
    if (json) {
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (const MadeFile& file : files) list.push_back({{"name", file.name}, {"text", file.text}});
        return print_line(list.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
    }
    for (const MadeFile& file : files)
        print(fmt::format("{}{}{}", &file == &files.front() ? "" : "\n", files.size() > 1 ? fmt::format("# {}\n", file.name) : "",
                          file.text));
}

Exit write_files(const std::vector<MadeFile>& files, const std::string& directory, bool json) {
    std::vector<std::string> paths;
    for (const MadeFile& file : files) {
        paths.push_back(fmt::format("{}/{}", directory, file.name));
        if (const auto ok = create_file(paths.back(), file.text, file.mode); !ok) {
            complain(Error(ok.error()).within(paths.back()).to_string());
            return Exit::failure;
        }
    }
    print_paths(paths, json);
    return Exit::ok;
}

} // namespace

mode_t narrowed(const std::vector<std::string>& files) {
    mode_t mode = kFileMode;
    for (const std::string& file : files) mode &= mode_of(file);
    return mode;
}

void print_diagnostics(const Diagnostics& all) {
    for (const Diagnostic& diagnostic : all) {
        const std::string line = escaped(diagnostic.to_string()) + "\n";
        (void)std::fwrite(line.data(), 1, line.size(), stderr);
    }
}

Exit put_files(const std::vector<MadeFile>& files, const Invocation& invocation) {
    if (invocation.has("--output")) return write_files(files, invocation.value_or_empty("--output"), invocation.json);
    print_files(files, invocation.json);
    return Exit::ok;
}

} // namespace swathe::ctl
