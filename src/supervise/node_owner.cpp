#include "supervise/node_owner.h"

#include "process/accounts.h"

namespace swathe {

Result<NodeOwner> node_owner(const Listener& listener) {
    NodeOwner owner;
    if (listener.socket_user) {
        auto user = look_up_user(listener.socket_user->value);
        if (!user) return Failure(std::move(user).error().within("socket_user").at(listener.socket_user->pos));
        owner = {user->uid, user->gid};
    }
    if (listener.socket_group) {
        auto gid = look_up_group(listener.socket_group->value);
        if (!gid) return Failure(std::move(gid).error().within("socket_group").at(listener.socket_group->pos));
        owner.gid = *gid;
    }
    return owner;
}

} // namespace swathe
