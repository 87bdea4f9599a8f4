#include "process/virtualization.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace swathe {
namespace {

using Name = std::pair<std::string_view, std::string_view>;

/// CPUID, leaf 0x40000000.
constexpr std::array kSignatures{
    Name{"KVMKVMKVM", "kvm"},         Name{"Linux KVM Hv", "kvm"},      Name{"TCGTCGTCGTCG", "qemu"}, Name{"VMwareVMware", "vmware"},
    Name{"Microsoft Hv", "microsoft"}, Name{"XenVMMXenVMM", "xen"},     Name{"bhyve bhyve ", "bhyve"}, Name{"QNXQVMBSQG", "qnx"},
    Name{"ACRNACRNACRN", "acrn"},     Name{"SRESRESRESRE", "sre"},      Name{"VirtualApple", "apple"},
};

/// How the firmware's names of the machine and of who has made it begin.
constexpr std::array kFirmware{
    Name{"KVM", "kvm"},       Name{"OpenStack", "kvm"},       Name{"KubeVirt", "kvm"},  Name{"Amazon EC2", "amazon"},
    Name{"QEMU", "qemu"},     Name{"VMware", "vmware"},       Name{"VMW", "vmware"},    Name{"innotek GmbH", "oracle"},
    Name{"VirtualBox", "oracle"}, Name{"Xen", "xen"},         Name{"Bochs", "bochs"},   Name{"Parallels", "parallels"},
    Name{"BHYVE", "bhyve"},   Name{"Hyper-V", "microsoft"},   Name{"Apple Virtualization", "apple"},
    Name{"Google Compute Engine", "google"},
};

constexpr std::array<std::string_view, 10> kContainers{"openvz", "lxc", "lxc-libvirt", "systemd-nspawn", "docker",
                                                       "podman", "rkt", "wsl",         "proot",          "pouch"};

std::string line_of(const Machine& machine, const std::string& path) {
    const auto text = machine.text(path);
    return text ? std::string(trim(std::string_view(*text).substr(0, text->find('\n')))) : std::string();
}

/// What a container manager says in $container of the first process, which only root may read.
std::string variable_of_first_process(const Machine& machine) {
    constexpr std::string_view kKey = "container=";
    const auto environment = machine.text("/proc/1/environ");
    if (!environment) return {};
    for (const std::string_view entry : split(*environment, '\0'))
        if (entry.starts_with(kKey)) return std::string(entry.substr(kKey.size()));
    return {};
}

/// "" = no container.
std::string container_of(const Machine& machine) {
    if (machine.file("/proc/vz", true) && !machine.file("/proc/bc", true)) return "openvz";
    const std::string release = machine.kernel_release();
    if (release.find("Microsoft") != release.npos || release.find("WSL") != release.npos) return "wsl";
    std::string told = line_of(machine, "/run/host/container-manager");
    if (told.empty()) told = line_of(machine, "/run/systemd/container");
    if (told.empty()) told = variable_of_first_process(machine);
    if (!told.empty() && told != "oci")
        return std::find(kContainers.begin(), kContainers.end(), told) == kContainers.end() ? "container-other" : told;
    if (machine.file("/run/.containerenv", true)) return "podman";
    if (machine.file("/.dockerenv", true)) return "docker";
    return told.empty() ? "" : "container-other";
}

std::string by_firmware(const Machine& machine) {
    for (const char* field : {"product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"}) {
        const std::string text = line_of(machine, std::string("/sys/class/dmi/id/") + field);
        const auto known = std::find_if(kFirmware.begin(), kFirmware.end(), [&](const Name& name) { return text.starts_with(name.first); });
        if (known != kFirmware.end()) return std::string(known->second);
    }
    return {};
}

std::string by_signature(const Machine& machine) {
    const std::string signature = machine.hypervisor();
    const auto known = std::find_if(kSignatures.begin(), kSignatures.end(), [&](const Name& name) { return name.first == signature; });
    return known != kSignatures.end() ? std::string(known->second) : signature.empty() ? "" : "vm-other";
}

/// Others that emulate what the processor says are told apart by the firmware.
std::string virtual_machine_of(const Machine& machine) {
    const std::string firmware = by_firmware(machine);
    for (const std::string_view surer : {"oracle", "xen", "amazon", "parallels", "google"})
        if (firmware == surer) return firmware;
    const auto processors = machine.text("/proc/cpuinfo");
    if (processors && processors->find("\nvendor_id\t: User Mode Linux") != processors->npos) return "uml";
    if (machine.file("/proc/xen", true)) return "xen";
    std::string id = by_signature(machine);
    if (!id.empty() && id != "vm-other") return id;
    if (!firmware.empty()) return firmware;
    return id;
}

} // namespace

Virtualization virtualization_of(const Machine& machine) {
    if (std::string container = container_of(machine); !container.empty()) return {std::move(container), true};
    return {virtual_machine_of(machine), false};
}

bool has_private_users(const Machine& machine) {
    const std::string map = line_of(machine, "/proc/self/uid_map");
    std::vector<std::string_view> words = split(map, ' ');
    std::erase(words, std::string_view());
    return !map.empty() && words != std::vector<std::string_view>{"0", "0", "4294967295"};
}

} // namespace swathe
