// What Grafana publishes of a dashboard whose panels ask Prometheus, as JSON has it: values of
// enumerations are their text, and there are no methods.
import type { Dashboard, Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";

type Json<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Name in keyof T as T[Name] extends () => void ? never : Name]: Json<T[Name]> }
      : T;
type PrometheusPanel = Omit<Panel, "targets"> & { targets: Dataquery[] };

export type PrometheusDashboard = Json<
  Omit<Dashboard, "panels"> & { panels: PrometheusPanel[] }
>;
