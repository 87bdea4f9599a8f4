#pragma once

#include "control/json_fields.h"
#include "supervise/view.h"

/// What `swathectl status` tells.
namespace swathe::json_text {

template <> struct Fields<ListenerView::Socket::Refused> : Listed {
    template <class V, class F> static void each(V& refused, F& f) {
        f("rate", refused.rate);
        f("source_rate", refused.source_rate);
        f("blocked", refused.blocked);
        f("closed", refused.closed);
        f("unasked", refused.unasked);
        f("new_sources", refused.new_sources);
    }
};

template <> struct Fields<ListenerView::Socket> : Listed {
    template <class V, class F> static void each(V& socket, F& f) {
        f.nullable("home", socket.home);
        f("slot", socket.slot);
        f("lookups", socket.lookups);
        f("steered", socket.steered);
        f("no_socket", socket.no_socket);
        f("assign_errors", socket.assign_errors);
        f("last_errno", socket.last_errno);
        f("queued", socket.queued);
        f.nullable("unusable", socket.unusable);
        f.if_known("refused", socket.refused);
    }
};

template <> struct Fields<ListenerView> : Listed {
    template <class V, class F> static void each(V& listener, F& f) {
        f("name", listener.name);
        f("protocol", listener.protocol);
        f("addresses", listener.addresses);
        f("ports", listener.ports);
        f.nullable("netns", listener.netns);
        f.if_known("limits", listener.limits);
        f("sockets", listener.sockets);
    }
};

template <> struct Fields<InstanceView> : Listed {
    template <class V, class F> static void each(V& instance, F& f) {
        f("number", instance.number);
        f("phase", instance.phase);
        f("draining", instance.draining);
        f("main_pid", instance.main_pid);
        f("status_text", instance.status_text);
        f.nullable("peer", instance.peer);
    }
};

template <> struct Fields<ConnectionsView::Refused> : Listed {
    template <class V, class F> static void each(V& refused, F& f) {
        f("max_connections", refused.max_connections);
        f("max_connections_per_source", refused.max_connections_per_source);
        f("max_load", refused.max_load);
        f("access_times", refused.access_times);
        f("condition", refused.condition);
    }
};

template <> struct Fields<FlowsView> : Listed {
    template <class V, class F> static void each(V& flows, F& f) {
        f("continued", flows.continued);
        f("idle", flows.idle);
        f("lost", flows.lost);
    }
};

template <> struct Fields<ConnectionsView> : Listed {
    template <class V, class F> static void each(V& connections, F& f) {
        f("now", connections.now);
        f("limit", connections.limit);
        f("most_of_a_source", connections.most_of_a_source);
        f("accepted", connections.accepted);
        f("failed", connections.failed);
        f("refused", connections.refused);
        f.if_known("flows", connections.flows);
    }
};

template <> struct Fields<ServiceView> : Listed {
    template <class V, class F> static void each(V& service, F& f) {
        f("name", service.name);
        f("description", service.description);
        f("state", service.state);
        f("result", service.result);
        f("failure", service.failure);
        f("activation", service.activation);
        f("type", service.type);
        f("main_pid", service.main_pid);
        f("status_text", service.status_text);
        f("starts", service.starts);
        f("restarts", service.restarts);
        f("state_since_usec", service.state_since_usec);
        f("paused_by_hand", service.paused_by_hand);
        f("instances", service.instances);
        f.if_known("connections", service.connections);
        f("listeners", service.listeners);
        f("files", service.files);
        f.nullable("supervisor", service.supervisor);
    }
};

template <> struct Fields<ProgramView> : Listed {
    template <class V, class F> static void each(V& program, F& f) {
        f("id", program.id);
        f("name", program.name);
        f("ours", program.ours);
        f.nullable("netns", program.netns);
    }
};

template <> struct Fields<DaemonView> : Listed {
    template <class V, class F> static void each(V& daemon, F& f) {
        f("version", daemon.version);
        f("pid", daemon.pid);
        f.nullable("netns", daemon.netns);
        f("generation", daemon.generation);
        f("rules", daemon.rules);
        f("traces", daemon.traces);
        f("programs", daemon.programs);
        f("warnings", daemon.warnings);
    }
};

template <> struct Fields<StatusView> : Listed {
    template <class V, class F> static void each(V& status, F& f) {
        f("daemon", status.daemon);
        f("services", status.services);
    }
};

} // namespace swathe::json_text
