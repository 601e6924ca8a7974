import { type DashboardSpec, lines, quantiles, query } from "./panel.ts";

const at = 'job=~"$job",instance=~"$instance"';
const node = 'instance=~"$node"';

/** Utilisation, saturation and errors of processes, GPUs and nodes. */
export const machines: DashboardSpec = {
  uid: "decorum-machines",
  title: "Decorum / GPUs and machines",
  description:
    "Utilisation, saturation and errors of processes, their worker threads, GPUs and nodes.",
  variables: ["job", "instance", "node"],
  annotations: false,
  rows: [
    {
      title: "Processes",
      panels: [
        lines(
          "CPU",
          "short",
          "Cores in use by a process.",
          [query(
            `rate(process_cpu_seconds_total{${at}}[$__rate_interval])`,
            "{{job}} {{instance}}",
          )],
          { min: 0 },
        ),
        lines(
          "Memory",
          "bytes",
          "Resident memory, and the part of it that is not mapped weights.",
          [
            query(`process_resident_memory_bytes{${at}}`, "{{job}} {{instance}}"),
            query(`decorum_process_private_memory_bytes{${at}}`, "{{job}} {{instance}} private"),
          ],
          { min: 0 },
        ),
        lines(
          "Memory of workers",
          "bytes",
          "Of the threads that hold sessions: heap, buffers, and an estimate of the sessions.",
          [query(`decorum_worker_memory_bytes{${at}}`, "{{job}} {{worker}} {{kind}}")],
          { min: 0 },
        ),
        lines(
          "Event loop lag",
          "s",
          "How late a timer of the main thread comes: it serves gRPC, and must not be held up.",
          quantiles("decorum_event_loop_lag_seconds", at, "job", "{{job}}", [0.5, 0.99]),
          { min: 0 },
        ),
        lines(
          "Spans",
          "short",
          "Spans that the collector took, and those lost, in an interval.",
          [
            query(
              `sum by (job) (increase(decorum_telemetry_exported_spans_total{${at}}[$__rate_interval]))`,
              "{{job}} taken",
            ),
            query(
              `sum by (job, reason) (increase(decorum_telemetry_dropped_spans_total{${at}}[$__rate_interval]))`,
              "{{job}} lost: {{reason}}",
            ),
          ],
          { min: 0 },
        ),
      ],
    },
    {
      title: "GPUs, by the services themselves",
      panels: [
        lines(
          "Utilisation",
          "percentunit",
          "Share of time in which the GPU was busy.",
          [query(`decorum_gpu_utilization_ratio{${at}}`, "{{job}} {{gpu}}")],
          { min: 0, max: 1 },
        ),
        lines(
          "Memory",
          "percentunit",
          "Share of the GPU's memory in use. Near 1, the next longer batch fails.",
          [query(
            `decorum_gpu_memory_used_bytes{${at}} / decorum_gpu_memory_size_bytes{${at}}`,
            "{{job}} {{gpu}}",
          )],
          { min: 0, max: 1 },
        ),
        lines(
          "Power and temperature",
          "short",
          "Watts, and degrees Celsius.",
          [
            query(`decorum_gpu_power_watts{${at}}`, "{{job}} {{gpu}} W"),
            query(`decorum_gpu_temperature_celsius{${at}}`, "{{job}} {{gpu}} °C"),
          ],
          { min: 0 },
        ),
      ],
    },
    {
      title: "GPUs, by NVIDIA's DCGM exporter",
      panels: [
        lines(
          "Busy",
          "percent",
          "Utilisation of each GPU of the cluster.",
          [query("DCGM_FI_DEV_GPU_UTIL", "{{Hostname}} {{gpu}} {{exported_pod}}")],
          { min: 0, max: 100 },
        ),
        lines(
          "Tensor cores",
          "percentunit",
          "Share of cycles in which tensor cores multiplied: low while busy means memory bounds it, as in decoding.",
          [query("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "{{Hostname}} {{gpu}}")],
          { min: 0, max: 1 },
        ),
        lines(
          "XID errors",
          "short",
          "The last error code of a GPU's driver; anything but 0 wants a look.",
          [query("DCGM_FI_DEV_XID_ERRORS", "{{Hostname}} {{gpu}}")],
          { min: 0 },
        ),
      ],
    },
    {
      title: "Nodes",
      panels: [
        lines(
          "CPU",
          "percentunit",
          "Share of the node's cores in use.",
          [query(
            `1 - avg by (instance) (rate(node_cpu_seconds_total{${node},mode="idle"}[$__rate_interval]))`,
            "{{instance}}",
          )],
          { min: 0, max: 1 },
        ),
        lines(
          "Memory",
          "percentunit",
          "Share of the node's memory in use.",
          [query(
            `1 - node_memory_MemAvailable_bytes{${node}} / node_memory_MemTotal_bytes{${node}}`,
            "{{instance}}",
          )],
          { min: 0, max: 1 },
        ),
        lines(
          "Disk",
          "percentunit",
          "Share of each file system in use. A full one ends a run at its next checkpoint.",
          [query(
            `1 - node_filesystem_avail_bytes{${node},fstype!~"tmpfs|overlay|squashfs"} / ` +
              `node_filesystem_size_bytes{${node},fstype!~"tmpfs|overlay|squashfs"}`,
            "{{instance}} {{mountpoint}}",
          )],
          { min: 0, max: 1 },
        ),
        lines(
          "Load",
          "short",
          "Runnable threads over cores: above 1, they wait for each other.",
          [query(
            `node_load1{${node}} / on (instance) count by (instance) (node_cpu_seconds_total{${node},mode="idle"})`,
            "{{instance}}",
          )],
          { min: 0 },
        ),
        lines(
          "Network",
          "Bps",
          "Bytes a second in and out.",
          [
            query(
              `sum by (instance) (rate(node_network_receive_bytes_total{${node},device!="lo"}[$__rate_interval]))`,
              "{{instance}} in",
            ),
            query(
              `sum by (instance) (rate(node_network_transmit_bytes_total{${node},device!="lo"}[$__rate_interval]))`,
              "{{instance}} out",
            ),
          ],
          { min: 0 },
        ),
      ],
    },
  ],
};
