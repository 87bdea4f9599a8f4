#include "model/instance_service.h"

#include "model/instance_name.h"

namespace swathe {
namespace {

template <class Commands, class Visit> void each_word(Commands& commands, Visit visit) {
    for (auto& command : commands) {
        visit(command.path);
        for (auto& word : command.argv) visit(word);
    }
}

template <class Placeds, class Visit> void each_value(Placeds& values, Visit visit) {
    for (auto& placed : values) visit(placed.value);
}

template <class S, class Visit> void each_command_word(S& service, Visit visit) {
    for (auto* list : {&service.exec_condition, &service.exec_start_pre, &service.exec_start, &service.exec_start_post,
                       &service.exec_reload, &service.exec_stop, &service.exec_stop_post})
        each_word(*list, visit);
}

template <class S, class Visit> void each_path(S& service, Visit visit) {
    for (auto* one : {&service.root_directory, &service.working_directory, &service.pid_file})
        if (*one) visit((*one)->value);
    for (auto* list : {&service.read_only_paths, &service.read_write_paths, &service.inaccessible_paths})
        for (auto& path : *list) visit(path.path);
    for (auto* own : {&service.runtime_directory, &service.state_directory, &service.cache_directory, &service.logs_directory,
                      &service.configuration_directory})
        each_value(own->names, visit);
}

template <class S, class Visit> void each_variable(S& service, Visit visit) {
    for (auto& [name, value] : service.environment) visit(value);
    for (auto& file : service.environment_files) visit(file.path);
    for (auto& entry : service.unset_environment) visit(entry);
}

/// Every text that is read at a start.
template <class S, class Visit> void each_text(S& service, Visit visit) {
    each_command_word(service, visit);
    each_path(service, visit);
    each_variable(service, visit);
    for (auto* one : {&service.user, &service.group})
        if (*one) visit((*one)->value);
    each_value(service.supplementary_groups, visit);
    for (auto* stream : {&service.standard_input, &service.standard_output, &service.standard_error}) visit(stream->target);
    visit(service.syslog_identifier);
    visit(service.banner);
    if (service.banner_file) visit(service.banner_file->value);
}

} // namespace

bool names_instance(const Service& service) {
    bool found = false;
    each_text(service, [&](const std::string& text) { found = found || names_instance(std::string_view(text)); });
    return found;
}

Service with_instance(Service service, std::string_view instance) {
    each_text(service, [&](std::string& text) {
        if (names_instance(std::string_view(text))) text = with_instance(std::string_view(text), instance);
    });
    return service;
}

bool needs_own_group(const Service& service) noexcept {
    return service.memory_max || service.memory_high || service.memory_swap_max || service.tasks_max || service.cpu_weight ||
           service.cpu_quota || service.io_weight || service.delegate;
}

} // namespace swathe
