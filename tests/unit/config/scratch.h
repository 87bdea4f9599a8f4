#pragma once

#include "config/loader.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// A directory of its own for one test; removed at the end.
class Scratch {
public:
    Scratch();
    ~Scratch();
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    [[nodiscard]] std::filesystem::path path(std::string_view name = {}) const { return name.empty() ? root_ : root_ / name; }
    void write(std::string_view name, std::string_view text) const; ///< with the directories above it
    void link(std::string_view name, std::string_view target) const;
    [[nodiscard]] Loaded load() const; ///< with the directory as the only one of the search path

private:
    std::filesystem::path root_;
};

/// The diagnostics as lines, without `root` in front of file names.
[[nodiscard]] std::string lines_of(const Diagnostics& diagnostics, const std::filesystem::path& root);

/// A service's file that is valid, with one listener.
[[nodiscard]] std::string small_service(std::string_view address = "192.0.2.1");

} // namespace swathe
