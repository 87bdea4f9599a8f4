#include "bottom.h"

#include "support.h"

#include <bpf/bpf.h>

#include "floor.skel.h"

namespace swathe::bench {

void Bottom::Close::operator()(floor_bpf* skeleton) const noexcept { floor_bpf__destroy(skeleton); }

Bottom Bottom::load(int socket_fd) {
    Bottom bottom;
    bottom.skeleton_.reset(floor_bpf__open_and_load());
    if (!bottom.skeleton_) die("cannot load the floor program (this benchmark needs root)");
    put_socket(bpf_map__fd(bottom.skeleton_->maps.socket), socket_fd);
    return bottom;
}

int Bottom::empty_fd() const { return bpf_program__fd(skeleton_->progs.floor_empty); }
int Bottom::floor_fd() const { return bpf_program__fd(skeleton_->progs.floor_steer); }

} // namespace swathe::bench
