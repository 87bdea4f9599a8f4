#include "daemon/options.h"

#include "base/text.h"

#include <array>
#include <filesystem>
#include <functional>
#include <vector>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::array<OptionSpec, 7> kSpecs{{
    {"config", "DIR", "read the configuration from DIR instead of the search path"},
    {"runtime-dir", "DIR", "control and notify sockets (default /run/swathe)"},
    {"bpffs", "DIR", "BPF file system that holds the pinned link (default /sys/fs/bpf)"},
    {"netns", "NAME", "listen and dispatch in this network namespace; services stay outside"},
    {"check", nullptr, "report what a start would refuse, and exit"},
    {"help", nullptr, "print this and exit"},
    {"version", nullptr, "print the version and exit"},
}};

const OptionSpec* find(std::string_view name) {
    for (const OptionSpec& spec : kSpecs)
        if (name == spec.name) return &spec;
    return nullptr;
}

std::string unknown(std::string_view name) {
    std::vector<std::string_view> names;
    names.reserve(kSpecs.size());
    for (const OptionSpec& spec : kSpecs) names.emplace_back(spec.name);
    const auto near = nearest_name(name, names);
    return fmt::format("unknown option {}{}", swathe::quoted(fmt::format("--{}", name)),
                       near ? fmt::format("; did you mean --{}?", *near) : "");
}

void store(Options& options, std::string_view name, std::string value) {
    const auto absolute = [&] { return std::filesystem::absolute(value).lexically_normal().string(); };
    if (name == "config") options.config = absolute();
    if (name == "runtime-dir") options.runtime_dir = absolute();
    if (name == "bpffs") options.bpffs = absolute();
    if (name == "netns") options.netns = std::move(value);
    if (name == "check") options.check = true;
    if (name == "help") options.help = true;
    if (name == "version") options.version = true;
}

} // namespace

std::span<const OptionSpec> option_specs() noexcept { return kSpecs; }

Result<Options> parse_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        std::string_view word = argv[i];
        if (!word.starts_with("--")) return failure(fmt::format("unexpected argument {}", swathe::quoted(word)));
        word.remove_prefix(2);
        const std::size_t equals = word.find('=');
        const std::string_view name = word.substr(0, equals);
        const OptionSpec* spec = find(name);
        if (spec == nullptr) return failure(unknown(name));
        if (spec->argument == nullptr) {
            if (equals != word.npos) return failure(fmt::format("--{} takes no argument", name));
            store(options, name, {});
            continue;
        }
        if (equals == word.npos && i + 1 >= argc) return failure(fmt::format("--{} needs {}", name, spec->argument));
        std::string value(equals == word.npos ? std::string_view(argv[++i]) : word.substr(equals + 1));
        if (value.empty()) return failure(fmt::format("--{} needs {}", name, spec->argument));
        store(options, name, std::move(value));
    }
    return options;
}

std::string usage() {
    std::string text = "usage: swathed [OPTION]...\n\n";
    for (const OptionSpec& spec : kSpecs) {
        const std::string left =
            fmt::format("--{}{}{}", spec.name, spec.argument != nullptr ? " " : "", spec.argument != nullptr ? spec.argument : "");
        text += fmt::format("  {:<18} {}\n", left, spec.help);
    }
    return text + "\nSee swathed(8), swathe.toml(5), swathe.service(5), swathectl(1).\n";
}

} // namespace swathe
