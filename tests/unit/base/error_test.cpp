#include "base/error.h"

#include <cerrno>
#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("error: says where, what and why, and how to raise a limit") {
    CHECK(failure("socket", EACCES).value().to_string() == "socket: Permission denied");
    CHECK(failure("socket", EMFILE).value().to_string() ==
          "socket: Too many open files (LimitNOFILE= of the unit, or ulimit -n, says how many)");
    CHECK(failure("socket", ENFILE).value().to_string() == "socket: Too many open files in system (sysctl fs.file-max says how many)");
    CHECK(failure_at({SourceFile("a.toml"), 3, 9}, "ports: no number").value().to_string() == "a.toml:3:9: ports: no number");
}
