#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

namespace swathe {

struct Service;

/// A user that exists while a service runs, and is in no file: systemd.exec(5), DynamicUser=. Its group has the same number. systemd's own
/// ones are of the same range, and the same locked files keep both from taking one number twice.
class DynamicUser {
public:
    static constexpr uid_t kFirst = 61184, kLast = 65519; ///< systemd's "dynamic" range (UIDS-GIDS)

    /// The one of `name`, which all who hold it share. The same name gets the same number if that is free. `directory`: where the locked
    /// files are; made if it is not there. Errors: no number is free. Thread-safe.
    [[nodiscard]] static Result<std::shared_ptr<const DynamicUser>> hold(const std::string& name,
                                                                         const std::string& directory = "/run/systemd/dynamic-uid");
    ~DynamicUser(); ///< gives the number back
    DynamicUser(const DynamicUser&) = delete;
    DynamicUser& operator=(const DynamicUser&) = delete;

    [[nodiscard]] uid_t uid() const noexcept { return uid_; }

private:
    DynamicUser(uid_t uid, UniqueFd lock, std::string path) : uid_(uid), lock_(std::move(lock)), path_(std::move(path)) {}

    uid_t uid_;
    UniqueFd lock_;
    std::string path_;
};

/// The name of the user that a start of `service` has to hold: nothing, if it wants none, or there is an account of that name,
/// or that cannot be found out.
[[nodiscard]] std::optional<std::string> dynamic_user_of(const Service& service);

} // namespace swathe
