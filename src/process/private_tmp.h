#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

#include <array>
#include <string>
#include <string_view>

namespace swathe {

/// The directories that private_tmp puts in place of /tmp and /var/tmp for the commands of one run of a service. Each is in one that
/// only root can enter: nobody else gets at what is in it. While this object lives, systemd-tmpfiles(8) leaves them alone.
class PrivateTmp {
public:
    /// `service`: a part of the directories' names. `roots`: where they are made; must be there.
    [[nodiscard]] static Result<PrivateTmp> make(std::string_view service, const std::array<std::string, 2>& roots = {"/tmp", "/var/tmp"});
    PrivateTmp(PrivateTmp&& other) noexcept = default;
    PrivateTmp& operator=(PrivateTmp&& other) noexcept = delete;
    /// Removes what is still there, without a word about errors.
    ~PrivateTmp();

    [[nodiscard]] std::string tmp() const { return halves_[0].path + "/tmp"; }
    [[nodiscard]] std::string var_tmp() const { return halves_[1].path + "/tmp"; }

    /// Removes both with all that is in them; follows no symbolic link. Takes as long as there are files: not for the loop's thread. Goes
    /// on after an error and returns the first.
    Status remove();

private:
    struct Half {
        UniqueFd parent, directory; ///< locked
        std::string name, path;
    };
    PrivateTmp() = default;
    static Result<Half> make_half(std::string_view service, const std::string& root);

    std::array<Half, 2> halves_; ///< one without `directory` is gone
};

} // namespace swathe
