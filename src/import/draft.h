#pragma once

#include "config/report.h"
#include "config/written.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// The port of a service by its name, for "tcp" or "udp": services(5). The door to the machine, or what a test puts in its place.
using PortOf = std::function<std::optional<std::uint16_t>(const std::string& service, std::string_view protocol)>;

using RawValue = decltype(Raw::value);

/// Names for services, each once.
class Names {
public:
    /// `wanted` without what a service's name cannot have; with "-2" and so on if it is taken.
    std::string take(std::string_view wanted);

private:
    std::set<std::string> taken_;
};

/// A service in the making, key by key. The keys are those of the directive table.
class Draft {
public:
    explicit Draft(SourcePos pos);

    void listen(std::string_view key, const RawValue& value) { put(listener_, Scope::listen, key, value); }
    void service(std::string_view key, const RawValue& value) { put(service_, Scope::service, key, value); }
    [[nodiscard]] bool has(std::string_view service_key) const noexcept { return service_.find(service_key) != nullptr; }
    /// The program with all its words, the first being what it is called.
    void run(const std::string& program, std::vector<std::string> argv);
    /// The socket is standard input, and of who connects each has an instance of its own, however many they are; or one has it alone.
    void serve_each();
    void serve_all();

    /// Nothing = a value that no key takes, of which `report` gets a warning.
    [[nodiscard]] std::optional<WrittenService> finish(Names& names, std::string_view name, Report& report);

private:
    void put(Block& block, Scope scope, std::string_view key, const RawValue& value);

    SourcePos pos_;
    Block listener_, service_;
    bool accepts_ = false;
    std::string problem_; ///< the first
};

[[nodiscard]] RawValue list_of(const std::vector<std::string>& texts);

/// The program of ours that does what a service inside of inetd does; nothing = there is none.
[[nodiscard]] std::optional<std::string> builtin_program(std::string_view service);

/// A port's number, or what `ports` says of its name.
[[nodiscard]] std::optional<std::uint16_t> port_named(const std::string& text, std::string_view protocol, const PortOf& ports);

} // namespace swathe
