import { type DashboardSpec, lines, quantiles, query, rate, stat } from "./panel.ts";

const at = 'job=~"$job",instance=~"$instance"';

/** Rate, errors and duration of every call between the services. */
export const services: DashboardSpec = {
  uid: "decorum-services",
  title: "Decorum / Services",
  description: "Rate, errors and duration of the calls of all four services, and who was refused.",
  variables: ["job", "instance"],
  annotations: false,
  rows: [
    {
      title: "Now",
      panels: [
        stat("Processes up", "short", "Targets that answer scrapes.", `sum(up{${at}})`),
        stat(
          "Serving",
          "short",
          "Processes whose health check says SERVING.",
          `sum(decorum_serving{${at}})`,
        ),
        stat(
          "Calls",
          "reqps",
          "Calls served a second.",
          `sum(rate(rpc_server_call_duration_seconds_count{${at}}[$__rate_interval]))`,
        ),
        stat(
          "Errors",
          "percentunit",
          "Share of calls whose status is the server's fault.",
          `sum(rate(rpc_server_call_duration_seconds_count{${at},rpc_status_code=~"UNKNOWN|INTERNAL|UNAVAILABLE|DATA_LOSS|DEADLINE_EXCEEDED|UNIMPLEMENTED"}[$__rate_interval]) or vector(0)) / sum(rate(rpc_server_call_duration_seconds_count{${at}}[$__rate_interval]))`,
        ),
        stat(
          "Calls in hand",
          "short",
          "Calls being served.",
          `sum(decorum_rpc_server_active_calls{${at}})`,
        ),
        stat(
          "Certificate ends in",
          "s",
          "Time until the first certificate in use ends.",
          `min(decorum_certificate_expiry_timestamp_seconds{${at}} > 0) - time()`,
        ),
      ],
    },
    {
      title: "Served",
      panels: [
        lines(
          "Rate by method",
          "reqps",
          "Calls served a second.",
          [rate(
            `rpc_server_call_duration_seconds_count{${at}}`,
            "job, rpc_method",
            "{{job}} {{rpc_method}}",
          )],
          { min: 0 },
        ),
        lines(
          "Errors by status",
          "reqps",
          "Calls that did not end with OK. RESOURCE_EXHAUSTED is back-pressure, CANCELLED the caller's will.",
          [rate(
            `rpc_server_call_duration_seconds_count{${at},rpc_status_code!="OK"}`,
            "job, rpc_method, rpc_status_code",
            "{{job}} {{rpc_method}} {{rpc_status_code}}",
          )],
          { min: 0 },
        ),
        lines(
          "Duration",
          "s",
          "Time from a call's first byte to its status. Dots lead to traces.",
          quantiles("rpc_server_call_duration_seconds", at, "job", "{{job}}"),
          { min: 0 },
        ),
        lines(
          "95th percentile by method",
          "s",
          "The slow calls, method by method. Streams last as long as their caller wants.",
          quantiles(
            "rpc_server_call_duration_seconds",
            at,
            "job, rpc_method",
            "{{job}} {{rpc_method}}",
            [0.95],
          ),
          { min: 0 },
        ),
        lines(
          "Refused before their handler",
          "reqps",
          "Calls without an identity, of an identity that may not, or while the process drains.",
          [rate(
            `decorum_rpc_server_refused_calls_total{${at}}`,
            "job, reason",
            "{{job}} {{reason}}",
          )],
          { min: 0 },
        ),
        lines(
          "Requests over HTTP",
          "reqps",
          "The reward's doors over HTTP, by status.",
          [rate(
            `http_server_request_duration_seconds_count{${at}}`,
            "http_route, http_response_status_code",
            "{{http_route}} {{http_response_status_code}}",
          )],
          { min: 0 },
        ),
      ],
    },
    {
      title: "Made",
      panels: [
        lines(
          "Rate by method",
          "reqps",
          "Calls made to other services a second.",
          [rate(
            `rpc_client_call_duration_seconds_count{${at}}`,
            "job, rpc_method",
            "{{job}} to {{rpc_method}}",
          )],
          { min: 0 },
        ),
        lines(
          "Errors by status",
          "reqps",
          "Calls made that did not end with OK, retries included in each.",
          [rate(
            `rpc_client_call_duration_seconds_count{${at},rpc_status_code!="OK"}`,
            "job, rpc_method, rpc_status_code",
            "{{job}} to {{rpc_method}} {{rpc_status_code}}",
          )],
          { min: 0 },
        ),
        lines(
          "Duration",
          "s",
          "Time of calls made, retries included.",
          quantiles("rpc_client_call_duration_seconds", at, "job", "{{job}}"),
          { min: 0 },
        ),
      ],
    },
    {
      title: "Logs and traces",
      panels: [
        lines(
          "Warnings and errors logged",
          "short",
          "Log entries in an interval; the panel beside has their texts.",
          [query(
            `sum by (job, level) (increase(decorum_log_entries_total{${at}}[$__rate_interval]))`,
            "{{job}} {{level}}",
          )],
          { min: 0 },
        ),
        {
          title: "What was logged",
          description: "Warnings and errors; a trace id opens its trace.",
          kind: "logs",
          unit: "short",
          width: 8,
          queries: [query('{service_name=~"decorum-.+"} | json | level =~ "warn|error"', "")],
        },
        {
          title: "Traces with errors",
          description: "Traces of calls that failed.",
          kind: "traces",
          unit: "short",
          width: 8,
          queries: [query("{ status = error }", "")],
        },
      ],
    },
  ],
};
