// bare_drop: refuses all packets of its network namespace that a socket is looked up for, by the least program that can, until its standard
// input ends. Prints a line when it does. For flood_bench: nobody who refuses packets there does so for less.

#include "support.h"

#include "base/unique_fd.h"

#include <bpf/libbpf.h>
#include <cstdio>
#include <fcntl.h>
#include <memory>

#include "floor.skel.h"

using namespace swathe;
using namespace swathe::bench;

int main() {
    const std::unique_ptr<floor_bpf, decltype(&floor_bpf__destroy)> floor(floor_bpf__open_and_load(), &floor_bpf__destroy);
    if (!floor) die("cannot load the floor program (this benchmark needs root)");
    const UniqueFd here(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    const std::unique_ptr<bpf_link, decltype(&bpf_link__destroy)> link(bpf_program__attach_netns(floor->progs.floor_drop, here.get()),
                                                                       &bpf_link__destroy);
    if (!link) need(Status(system_failure("attach the floor program")));
    if (std::puts("refusing") < 0 || std::fflush(stdout) != 0) die("nobody reads what it says");
    while (std::getchar() != EOF) continue;
    return 0;
}
