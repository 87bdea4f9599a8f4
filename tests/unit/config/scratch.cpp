#include "scratch.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

namespace swathe {

Scratch::Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "swathe-config-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
    root_ = name;
}

Scratch::~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
}

void Scratch::write(std::string_view name, std::string_view text) const {
    std::filesystem::create_directories(path(name).parent_path());
    std::ofstream(path(name), std::ios::binary) << text;
}

void Scratch::link(std::string_view name, std::string_view target) const {
    std::filesystem::create_directories(path(name).parent_path());
    std::filesystem::create_symlink(target, path(name));
}

Loaded Scratch::load() const { return load_config(SearchPath::only(root_.string())); }

std::string lines_of(const Diagnostics& diagnostics, const std::filesystem::path& root) {
    std::string out;
    for (const Diagnostic& diagnostic : diagnostics) {
        std::string line = diagnostic.to_string();
        for (std::size_t at = 0; (at = line.find(root.string() + "/", at)) != line.npos;) line.erase(at, root.string().size() + 1);
        out += line + "\n";
    }
    return out;
}

std::string small_service(std::string_view address) {
    return fmt::format("[[listen]]\nprotocol = \"tcp\"\naddresses = [\"{}\"]\nports = 80\n[service]\nexec_start = \"/bin/true\"\n",
                       address);
}

} // namespace swathe
