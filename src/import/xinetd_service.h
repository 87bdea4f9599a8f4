#pragma once

#include "import/draft.h"
#include "import/xinetd_text.h"

#include <map>

namespace swathe {

/// What a service has of each attribute, the defaults included.
using XinetdValues = std::map<std::string, XinetdAttribute, std::less<>>;

/// One service of xinetd.conf(5) on its way to TOML.
class XinetdService {
public:
    XinetdService(const XinetdSection& section, XinetdValues values, const PortOf& ports, Report& report)
        : section_(section), values_(std::move(values)), ports_(ports), report_(report), draft_(section.pos) {}

    /// Nothing = it was reported why not.
    [[nodiscard]] std::optional<WrittenService> run(Names& names, const std::string& name);

private:
    using Put = bool (XinetdService::*)(const XinetdAttribute&);
    struct Handler;
    static const Handler kHandlers[];

    bool refuse(std::string_view why);                                     ///< the service
    bool left_out(const XinetdAttribute& attribute, std::string_view why); ///< the attribute; true
    [[nodiscard]] const XinetdAttribute* find(std::string_view name) const;
    [[nodiscard]] std::string first(std::string_view name) const; ///< "" = it has none
    [[nodiscard]] bool has_word(std::string_view name, std::string_view word) const;

    bool put_kind();
    bool put_socket();
    bool put_address();
    bool put_program();
    bool put_flags(const XinetdAttribute& attribute);
    bool put_rest();
    void compare_sources();

    bool put_text(const XinetdAttribute& attribute);  ///< the same under another name, or the same
    bool put_limit(const XinetdAttribute& attribute); ///< a number, or UNLIMITED
    bool put_resource(const XinetdAttribute& attribute);
    bool put_rate(const XinetdAttribute& attribute);
    bool put_load(const XinetdAttribute& attribute);
    bool put_nice(const XinetdAttribute& attribute);
    bool put_umask(const XinetdAttribute& attribute);
    bool put_list(const XinetdAttribute& attribute);
    bool put_log(const XinetdAttribute& attribute);
    bool put_sources(const XinetdAttribute& attribute);
    bool put_nothing(const XinetdAttribute& attribute); ///< looked at before, or true anyway

    const XinetdSection& section_;
    XinetdValues values_;
    const PortOf& ports_;
    Report& report_;
    Draft draft_;
    std::string protocol_;
    bool each_ = false; ///< one instance per connection
    bool internal_ = false;
};

} // namespace swathe
