export * from "./dashboard.ts";
export * from "./panel.ts";
import { inference } from "./inference.ts";
import { machines } from "./machines.ts";
import type { DashboardSpec } from "./panel.ts";
import { runOverview } from "./run_overview.ts";
import { services } from "./services.ts";

/** All dashboards. */
export const dashboards: readonly DashboardSpec[] = [runOverview, services, inference, machines];
