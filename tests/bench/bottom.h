#pragma once

#include <memory>

struct floor_bpf;

namespace swathe::bench {

/// The programs that everything is held against. Attached nowhere.
class Bottom {
public:
    [[nodiscard]] static Bottom load(int socket_fd); ///< borrowed for the call

    [[nodiscard]] int empty_fd() const; ///< does nothing: the harness alone
    [[nodiscard]] int floor_fd() const; ///< the least that steering costs

private:
    struct Close {
        void operator()(floor_bpf* skeleton) const noexcept;
    };
    std::unique_ptr<floor_bpf, Close> skeleton_;
};

} // namespace swathe::bench
