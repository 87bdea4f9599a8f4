#include "config/address_file.h"

#include "base/text.h"
#include "config/files.h"
#include "config/limits.h"
#include "config/line_source.h"
#include "config/net_values.h"
#include "config/values.h"

#include <algorithm>
#include <functional>

namespace swathe {
namespace {

using Take = std::function<void(const AddressRange& range, const SourcePos& where)>;

std::string path_of(const Raw& item, const std::string& text) {
    if (text.front() == '/') return text;
    const std::string& named_in = item.pos.file.name();
    const std::size_t slash = named_in.rfind('/');
    return slash == named_in.npos ? text : named_in.substr(0, slash + 1) + text;
}

/// Reads one file, and hands its ranges to `take`.
class AddressFile {
public:
    AddressFile(const std::string& path, int fd, const ValueContext& context, const Take& take)
        : file_(path), lines_(fd, limits::kAddressLineBytes, limits::kAddressFileBytes), context_(context), take_(take) {}

    /// Returns false after errors.
    bool run() {
        for (;; ++line_) {
            const auto line = lines_.next();
            if (!line) return refuse(1, line.error().to_string());
            if (!*line) break;
            if (line_ > limits::kAddressFileLines)
                return refuse(1, fmt::format("more than {} lines", limits::kAddressFileLines));
            if (!read_line(**line)) return false;
        }
        if (prefixes_ == 0 && errors_ == 0) context_.warn({file_, 0, 0}, "no address in it");
        return errors_ == 0;
    }

private:
    bool refuse(std::size_t column, std::string_view why) {
        return context_.refuse({file_, line_, static_cast<std::uint32_t>(column)}, why);
    }

    /// Returns false if it is no use to go on.
    bool read_line(std::string_view line) {
        constexpr std::string_view kSpace = " \t\r";
        line = line.substr(0, line.find('#'));
        const std::size_t begin = line.find_first_not_of(kSpace);
        if (begin == line.npos) return true;
        const std::string_view text = line.substr(begin, line.find_last_not_of(kSpace) + 1 - begin);
        const auto range = parse_claim(text);
        if (!range) {
            refuse(begin + 1, range.error().message);
            if (++errors_ < limits::kAddressFileErrors) return true;
            return context_.refuse({file_, 0, 0}, "the rest of the file is not read after so many errors");
        }
        prefixes_ += prefixes_in(*range); // a short file of long ranges must not become a rule set that fills the memory
        if (prefixes_ > limits::kAddresses)
            return refuse(begin + 1, fmt::format("more than {} address ranges", limits::kAddresses));
        take_(*range, {file_, line_, static_cast<std::uint32_t>(begin + 1)});
        return true;
    }

    SourceFile file_;
    LineSource lines_;
    const ValueContext& context_;
    const Take& take_;
    std::uint32_t line_ = 1;
    std::size_t errors_ = 0;
    std::size_t prefixes_ = 0;
};

bool read_file(const Raw& item, const ValueContext& context, const Take& take) {
    const std::string* text = string_of(item, context);
    if (text == nullptr) return false;
    if (text->empty()) return context.refuse(item.pos, "path missing");
    const std::string path = path_of(item, *text);
    if (path.size() > limits::kPathBytes)
        return context.refuse(item.pos, fmt::format("longer than {} bytes", limits::kPathBytes));
    const auto file = open_regular_file(path, limits::kAddressFileBytes);
    if (!file) return context.refuse(item.pos, fmt::format("{}: {}", path, file.error().to_string()));
    return AddressFile(path, file->get(), context, take).run();
}

bool read_files(const Raw& raw, const ValueContext& context, const Take& take) {
    return each_of_some(raw, context, [&](const Raw& item) { return read_file(item, context, take); });
}

} // namespace

bool read_addresses_file(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out) {
    auto& addresses = only_endpoint(out, raw.pos).addresses;
    return read_files(raw, context, [&](const AddressRange& range, const SourcePos& where) {
        addresses.push_back({range, where});
    });
}

bool read_prefixes_file(const Raw& raw, const ValueContext& context, std::vector<Placed<Prefix>>& out) {
    std::vector<Prefix> prefixes;
    return read_files(raw, context, [&](const AddressRange& range, const SourcePos& where) {
        prefixes.clear();
        append_prefixes(range, prefixes);
        for (const Prefix& prefix : prefixes) out.push_back({prefix, where});
    });
}

bool read_sources_file(const Raw& raw, const ValueContext& context, Guard& out) { return read_prefixes_file(raw, context, out.from); }

void append_address_files(const Block& block, std::vector<std::string>& files) {
    for (const Setting& setting : block.settings) {
        const std::string_view name = setting.directive->name();
        if (name != "addresses_file" && name != "from_file" && name != "blocked_file") continue;
        for (const Raw& item : items_of(setting.value)) {
            const auto* text = item.get<std::string>();
            if (text == nullptr || text->empty()) continue; // reported by the reader
            std::string path = path_of(item, *text);
            if (std::find(files.begin(), files.end(), path) == files.end()) files.push_back(std::move(path));
        }
    }
}

} // namespace swathe
