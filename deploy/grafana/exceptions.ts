/**
 * Panels that a run on one machine without a GPU, Tempo or Loki leaves empty, by dashboard and title, and what they
 * are tested against instead: text of an exporter in `testdata/`, or nothing but their structure.
 */
export const exceptions: Readonly<Record<string, "gpu.txt" | "dcgm.txt" | "structure">> = {
  "decorum-machines: GPUs, by the services themselves: Utilisation": "gpu.txt",
  "decorum-machines: GPUs, by the services themselves: Memory": "gpu.txt",
  "decorum-machines: GPUs, by the services themselves: Power and temperature": "gpu.txt",
  "decorum-machines: GPUs, by NVIDIA's DCGM exporter: Busy": "dcgm.txt",
  "decorum-machines: GPUs, by NVIDIA's DCGM exporter: Tensor cores": "dcgm.txt",
  "decorum-machines: GPUs, by NVIDIA's DCGM exporter: XID errors": "dcgm.txt",
  "decorum-services: Logs and traces: What was logged": "structure",
  "decorum-services: Logs and traces: Traces with errors": "structure",
};
