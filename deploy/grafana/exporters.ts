/** Metrics of others that dashboards and rules ask for: Prometheus itself, node_exporter, NVIDIA's DCGM exporter. */
export const exporterMetrics: ReadonlySet<string> = new Set([
  "up",
  "node_cpu_seconds_total",
  "node_memory_MemAvailable_bytes",
  "node_memory_MemTotal_bytes",
  "node_filesystem_avail_bytes",
  "node_filesystem_size_bytes",
  "node_load1",
  "node_network_receive_bytes_total",
  "node_network_transmit_bytes_total",
  "node_uname_info",
  "DCGM_FI_DEV_GPU_UTIL",
  "DCGM_FI_DEV_XID_ERRORS",
  "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
]);
