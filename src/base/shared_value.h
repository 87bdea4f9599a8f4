#pragma once

#include <atomic>
#include <memory>

namespace swathe {

/// A large value whose copies share one storage until one of them is changed, which then gets its own (copy on write).
/// Different copies may be used by different threads.
template <class T> class SharedValue {
public:
    [[nodiscard]] const T& get() const noexcept {
        static const T kEmpty{};
        return value_ ? *value_ : kEmpty;
    }
    /// To change it.
    [[nodiscard]] T& own() {
        if (!value_) value_ = std::make_shared<T>();
        else if (value_.use_count() != 1) value_ = std::make_shared<T>(*value_);
        else std::atomic_thread_fence(std::memory_order_acquire); // behind what another thread read until it let go of its copy
        return *value_;
    }

private:
    std::shared_ptr<T> value_; // null: nothing was ever put in
};

} // namespace swathe
