#include "dump.h"
#include "scratch.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

using namespace swathe;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> folders_in(const fs::path& directory) {
    std::vector<fs::path> folders;
    for (const auto& entry : fs::directory_iterator(directory))
        if (entry.is_directory()) folders.push_back(entry.path());
    std::sort(folders.begin(), folders.end());
    return folders;
}

std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// One directory of the search path is called "config"; several are numbered in order of precedence.
SearchPath search_path_of(const fs::path& folder) {
    if (fs::exists(folder / "config")) return SearchPath::only((folder / "config").string());
    SearchPath path;
    for (const fs::path& directory : folders_in(folder)) path.directories.push_back(directory.string());
    return path;
}

} // namespace

// SWATHE_UPDATE_GOLDEN=1 in the environment writes the files anew instead: read the difference before you commit it.
TEST_CASE("golden: each broken configuration is refused with exactly these words") {
    const bool update = std::getenv("SWATHE_UPDATE_GOLDEN") != nullptr;
    std::size_t broken = 0;
    for (const fs::path& folder : folders_in(fs::path(SWATHE_TEST_DATA) / "golden")) {
        CAPTURE(folder.filename().string());
        const Loaded loaded = load_config(search_path_of(folder));
        const std::string lines = lines_of(loaded.diagnostics, folder);
        if (update) std::ofstream(folder / "expected", std::ios::binary) << lines;
        CHECK(lines == text_of(folder / "expected"));
        CHECK_FALSE(lines.empty());
        if (has_errors(loaded.diagnostics)) ++broken;
    }
    CHECK(broken >= 30);
}

TEST_CASE("golden: unit files and TOML that say the same give the same configuration") {
    std::size_t pairs = 0;
    for (const fs::path& folder : folders_in(fs::path(SWATHE_TEST_DATA) / "same")) {
        CAPTURE(folder.filename().string());
        const Loaded toml = load_config(SearchPath::only((folder / "toml").string()));
        const Loaded unit = load_config(SearchPath::only((folder / "unit").string()));
        CHECK(lines_of(toml.diagnostics, folder) == "");
        CHECK(lines_of(unit.diagnostics, folder) == "");
        CHECK(dump(toml.config) == dump(unit.config));
        CHECK_FALSE(toml.config.services.empty());
        ++pairs;
    }
    CHECK(pairs >= 5);
}
