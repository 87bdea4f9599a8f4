#include "dispatch/connection_tags.h"

#include <cerrno>
#include <memory>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

namespace swathe {
namespace {

struct FreeBtf {
    void operator()(btf* types) const noexcept { btf__free(types); }
};

/// The kernel asks for the types of key and value, and that the key is an int: a descriptor.
Result<UniqueFd> create_map() {
    const std::unique_ptr<btf, FreeBtf> types(btf__new_empty());
    if (!types) return system_failure("types of the connection tags");
    const int key = btf__add_int(types.get(), "int", sizeof(int), BTF_INT_SIGNED);
    const int value = btf__add_int(types.get(), "u64", sizeof(std::uint64_t), 0);
    if (key < 0 || value < 0) return failure("types of the connection tags", key < 0 ? -key : -value);
    if (const int error = btf__load_into_kernel(types.get()); error < 0) return failure("types of the connection tags", -error);
    LIBBPF_OPTS(bpf_map_create_opts, options);
    options.btf_fd = static_cast<std::uint32_t>(btf__fd(types.get()));
    options.btf_key_type_id = static_cast<std::uint32_t>(key);
    options.btf_value_type_id = static_cast<std::uint32_t>(value);
    options.map_flags = BPF_F_NO_PREALLOC | BPF_F_CLONE;
    UniqueFd map(bpf_map_create(BPF_MAP_TYPE_SK_STORAGE, "swathe_tags", sizeof(int), sizeof(std::uint64_t), 0, &options));
    if (!map) return system_failure("create connection tags");
    return map;
}

/// Is it what create_map() makes? A map of another kind at the pin is no predecessor's.
bool holds_tags(int map_fd) {
    bpf_map_info info{};
    std::uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(map_fd, &info, &size) == 0 && info.type == BPF_MAP_TYPE_SK_STORAGE &&
           info.value_size == sizeof(std::uint64_t) && (info.map_flags & BPF_F_CLONE) != 0;
}

} // namespace

Result<ConnectionTags> ConnectionTags::create(const std::string& pin_path) {
    ConnectionTags tags;
    if (!pin_path.empty()) {
        tags.map_.reset(bpf_obj_get(pin_path.c_str()));
        if (tags.map_ && holds_tags(tags.map_.get())) return tags;
        if (tags.map_) return failure(pin_path + ": not a map of connection tags");
        if (errno != ENOENT) return system_failure("open " + pin_path);
    }
    auto map = create_map();
    if (!map) return Failure(std::move(map).error());
    tags.map_ = std::move(*map);
    if (pin_path.empty()) return tags;
    if (bpf_obj_pin(tags.map_.get(), pin_path.c_str()) < 0 || ::chmod(pin_path.c_str(), S_IRUSR | S_IWUSR) < 0)
        return system_failure("pin " + pin_path);
    return tags;
}

Status ConnectionTags::put(int fd, std::uint64_t tag) {
    if (bpf_map_update_elem(map_.get(), &fd, &tag, BPF_ANY) < 0) return system_failure("tag a listener");
    return {};
}

} // namespace swathe
