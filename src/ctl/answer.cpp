#include "ctl/answer.h"

#include "base/text.h"

#include <cstdio>

namespace swathe::ctl {

Exit exit_of(Trouble trouble) noexcept {
    switch (trouble) {
    case Trouble::not_running: return Exit::not_running;
    case Trouble::no_such_service: return Exit::no_such_service;
    case Trouble::bad_request: return Exit::usage;
    case Trouble::denied:
    case Trouble::failed: return Exit::failure;
    }
    return Exit::failure;
}

void complain(std::string_view message) {
    const std::string line = "swathectl: " + escaped(message) + "\n";
    (void)std::fwrite(line.data(), 1, line.size(), stderr);
}

Exit complain(const ClientError& error) {
    complain(error.message);
    return exit_of(error.kind);
}

void print(std::string_view text) { (void)std::fwrite(text.data(), 1, text.size(), stdout); } // main() looks at ferror()

void print_line(std::string_view text) {
    print(text);
    print("\n");
}

} // namespace swathe::ctl
