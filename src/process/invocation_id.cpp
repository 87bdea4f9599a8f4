#include "process/invocation_id.h"

#include <array>

#include <sys/random.h>

namespace swathe {
namespace {

using Bytes = std::array<unsigned char, 16>;

/// Random bytes for some starts: the kernel need not be asked at each.
class Supply {
public:
    [[nodiscard]] Result<Bytes> take() {
        if (left_ == 0) {
            if (::getrandom(bytes_.data(), sizeof bytes_, 0) != static_cast<ssize_t>(sizeof bytes_)) return system_failure("getrandom");
            left_ = bytes_.size();
        }
        return bytes_[--left_];
    }

private:
    std::array<Bytes, 16> bytes_{}; // getrandom(2): up to 256 bytes it gives all or nothing
    std::size_t left_ = 0;
};

} // namespace

Result<std::string> new_invocation_id() {
    thread_local Supply supply;
    auto bytes = supply.take();
    if (!bytes) return Failure(std::move(bytes).error());
    (*bytes)[6] = static_cast<unsigned char>(((*bytes)[6] & 0x0fU) | 0x40U);
    (*bytes)[8] = static_cast<unsigned char>(((*bytes)[8] & 0x3fU) | 0x80U);
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes->size());
    for (const unsigned char byte : *bytes) {
        text += kDigits[byte >> 4U];
        text += kDigits[byte & 0x0fU];
    }
    return text;
}

} // namespace swathe
