#pragma once

#include "base/error.h"
#include "base/log.h"
#include "base/unique_fd.h"

#include <span>
#include <string>

namespace swathe {

inline constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

/// A way to the journal for entries that come in masses. Unlike sd_journal_sendv(3) it never waits for a journald that is behind or has been
/// stopped, since everything of the daemon would wait with it. Protocol: https://systemd.io/JOURNAL_NATIVE_PROTOCOL
class Journal {
public:
    explicit Journal(std::string path = kJournalSocket) : path_(std::move(path)) {}

    /// One entry. Values may hold any bytes; names are as systemd.journal-fields(7) has them. False: journald cannot take it now, but may
    /// soon. Errors: it is not there, or refuses it; a later entry may find it again.
    [[nodiscard]] Result<bool> send(std::span<const LogField> fields);

private:
    [[nodiscard]] Status open();

    std::string path_;
    UniqueFd fd_;
    std::string datagram_; ///< kept for its memory
};

} // namespace swathe
