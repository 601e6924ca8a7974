import {
  BigValueColorMode,
  BigValueGraphMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as LogsBuilder } from "@grafana/grafana-foundation-sdk/logs";
import { DataqueryBuilder as LokiQuery } from "@grafana/grafana-foundation-sdk/loki";
import { DataqueryBuilder as PrometheusQuery } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table";
import { DataqueryBuilder as TempoQuery } from "@grafana/grafana-foundation-sdk/tempo";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import type { DashboardSpec, PanelSpec, Query, VariableName } from "./panel.ts";

/** The data sources that a dashboard's user chooses, by the names of their variables. */
const prometheus = { type: "prometheus", uid: "${datasource}" };
const tempo = { type: "tempo", uid: "${tempo}" };
const loki = { type: "loki", uid: "${loki}" };

/** Query, label, and whether several may be chosen, of each variable. */
export const variables: Readonly<
  Record<VariableName, { query: string; label: string; multi: boolean }>
> = {
  run: { query: "label_values(decorum_trainer_step, run_id)", label: "Run", multi: false },
  job: { query: "label_values(decorum_build_info, job)", label: "Service", multi: true },
  instance: {
    query: 'label_values(decorum_build_info{job=~"$job"}, instance)',
    label: "Process",
    multi: true,
  },
  node: { query: "label_values(node_uname_info, instance)", label: "Node", multi: true },
};

/** When a number changes: an event of the run. */
export const annotations = [
  {
    name: "Evaluation",
    expr: 'changes(decorum_trainer_evaluation_step{run_id="$run"}[1m]) > 0',
    color: "green",
  },
  {
    name: "Checkpoint",
    expr: 'changes(decorum_trainer_checkpoint_step{run_id="$run"}[1m]) > 0',
    color: "blue",
  },
  {
    name: "Push",
    expr: 'changes(decorum_trainer_weights_version{run_id="$run"}[1m]) > 0',
    color: "purple",
  },
] as const;

/** A dashboard as Grafana's JSON. */
export function buildDashboard(spec: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags(["decorum"])
    .timezone("browser")
    .time({ from: "now-1h", to: "now" })
    .refresh("10s")
    .editable()
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder("Decorum")
        .type(DashboardLinkType.Dashboards)
        .tags(["decorum"])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
    .withVariable(source("datasource", "prometheus", "Metrics"));
  const kinds = new Set(spec.rows.flatMap(({ panels }) => panels.map(({ kind }) => kind)));
  if (kinds.has("traces")) builder.withVariable(source("tempo", "tempo", "Traces"));
  if (kinds.has("logs")) builder.withVariable(source("loki", "loki", "Logs"));
  for (const name of spec.variables) builder.withVariable(choice(name));
  if (spec.annotations) annotations.forEach((one) => builder.annotation(annotation(one)));
  let id = 0;
  for (const { title, panels } of spec.rows) {
    builder.withRow(new RowBuilder(title).id(++id));
    for (const panel of panels) builder.withPanel(panelBuilder(panel).id(++id));
  }
  return builder.build();
}

function source(name: string, type: string, label: string): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder(name).type(type).label(label);
}

function choice(name: VariableName): QueryVariableBuilder {
  const { query, label, multi } = variables[name];
  const builder = new QueryVariableBuilder(name)
    .label(label)
    .datasource(prometheus)
    .query({ query, refId: "variable" })
    .refresh(VariableRefresh.OnTimeRangeChanged)
    // The newest run comes first: their ids begin with the date.
    .sort(multi ? VariableSort.AlphabeticalAsc : VariableSort.AlphabeticalDesc)
    .multi(multi);
  return multi ? builder.includeAll(true).allValue(".*") : builder;
}

function annotation({ name, expr, color }: typeof annotations[number]): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(prometheus)
    .enable(true)
    .iconColor(color)
    .expr(expr)
    .titleFormat(name)
    .step("60s");
}

function panelBuilder(spec: PanelSpec) {
  const { kind, title, description, width } = spec;
  const height = kind === "stat" ? 4 : 8;
  if (kind === "logs") {
    return new LogsBuilder().title(title).description(description).span(width).height(height)
      .unit(spec.unit).datasource(loki)
      .withTarget(new LokiQuery().expr(spec.queries[0]!.expr).refId("A"));
  }
  if (kind === "traces") {
    return new TableBuilder().title(title).description(description).span(width).height(height)
      .unit(spec.unit).datasource(tempo)
      .withTarget(
        new TempoQuery().query(spec.queries[0]!.expr).queryType("traceql").limit(20)
          .refId("A"),
      );
  }
  if (kind === "stat") return statPanel(spec, height);
  return timeseriesPanel(spec, height);
}

function target({ expr, legend, exemplars = false }: Query, index: number): PrometheusQuery {
  return new PrometheusQuery()
    .datasource(prometheus)
    .expr(expr)
    .legendFormat(legend)
    .exemplar(exemplars)
    .range()
    .refId(String.fromCharCode(65 + index));
}

function statPanel(spec: PanelSpec, height: number): StatBuilder {
  const { title, description, unit, width, queries, min, max } = spec;
  const builder = new StatBuilder().title(title).description(description).unit(unit)
    .datasource(prometheus).span(width).height(height)
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .targets(queries.map(target));
  if (min !== undefined) builder.min(min);
  if (max !== undefined) builder.max(max);
  return builder;
}

function timeseriesPanel(spec: PanelSpec, height: number): TimeseriesBuilder {
  const { title, description, unit, width, queries, min, max, stacked, band } = spec;
  const builder = new TimeseriesBuilder().title(title).description(description).unit(unit)
    .datasource(prometheus).span(width).height(height)
    .lineWidth(2)
    .fillOpacity(stacked ? 40 : 0)
    .showPoints(VisibilityMode.Auto)
    .spanNulls(true)
    .legend(
      new VizLegendOptionsBuilder().showLegend(true).displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom).calcs([]),
    )
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    )
    .targets(queries.map(target));
  if (min !== undefined) builder.min(min);
  if (max !== undefined) builder.max(max);
  if (stacked) builder.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (band) {
    const faint = [
      { id: "color", value: { mode: "fixed", fixedColor: "text" } },
      { id: "custom.lineWidth", value: 0 },
    ];
    builder.overrideByName(band.lower, faint);
    builder.overrideByName(band.upper, [
      ...faint,
      { id: "custom.fillBelowTo", value: band.lower },
      { id: "custom.fillOpacity", value: 15 },
    ]);
  }
  return builder;
}
