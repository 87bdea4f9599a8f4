#include "process/streams.h"

#include <tuple>

#include <fcntl.h>

namespace swathe {
namespace {

using From = StreamSource::Kind;
using Kind = StandardStream::Kind;

bool is_default(const StandardStream& stream) noexcept { return stream.kind == Kind::unset || stream.kind == Kind::inherit; }

bool is_file(Kind kind) noexcept { return kind == Kind::file || kind == Kind::append || kind == Kind::truncate; }

/// Can be written to as well as read from.
bool is_two_way(From from) noexcept { return from == From::socket || from == From::named; }

StreamSource input_of(const StandardStream& wanted) {
    switch (wanted.kind) {
    case Kind::file: return {From::path, wanted.target, O_RDONLY};
    case Kind::socket: return {From::socket, {}, 0};
    case Kind::fd: return {From::named, wanted.target, 0};
    case Kind::unset:
    case Kind::inherit:
    case Kind::null:
    case Kind::journal:
    case Kind::log_file:
    case Kind::append:
    case Kind::truncate: break; // no words of standard_input
    }
    return {};
}

/// `by_default`: for what is unset.
StreamSource output_of(const StandardStream& wanted, const StreamSource& by_default) {
    constexpr int kWrite = O_WRONLY | O_CREAT;
    switch (wanted.kind) {
    case Kind::unset:
    case Kind::inherit: return by_default;
    case Kind::null: return {};
    case Kind::journal:
    case Kind::log_file: return {From::log, {}, 0};
    case Kind::file: return {From::path, wanted.target, kWrite};
    case Kind::append: return {From::path, wanted.target, kWrite | O_APPEND};
    case Kind::truncate: return {From::path, wanted.target, kWrite | O_TRUNC};
    case Kind::socket: return {From::socket, {}, 0};
    case Kind::fd: return {From::named, wanted.target, 0};
    }
    return {};
}

bool is_same(const StandardStream& a, const StandardStream& b) { return a.kind == b.kind && a.target == b.target; }

} // namespace

bool takes_socket(const SpawnPlan& plan) noexcept {
    return plan.input.kind == From::socket || plan.output.kind == From::socket || plan.error.kind == From::socket;
}

void plan_streams(const ExecContext& context, SpawnPlan& plan) {
    const auto& [in, out, error] = std::tie(context.standard_input, context.standard_output, context.standard_error);
    plan.input = input_of(in);
    const StreamSource by_default{is_two_way(plan.input.kind) ? From::input : From::log, {}, 0};
    plan.output = output_of(out, by_default);
    if (in.kind == Kind::file && is_same(in, out)) { // opened once, for both
        plan.input.flags = O_RDWR | O_CREAT;
        plan.output = {From::input, {}, 0};
    }
    const bool shared = is_default(error) || (is_file(out.kind) && is_same(error, out)); // opened twice, each would overwrite the other
    plan.error = shared ? StreamSource{From::output, {}, 0} : output_of(error, {});
}

} // namespace swathe
