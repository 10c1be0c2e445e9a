// What a dashboard of ours may hold: Grafana's published types, with the options of the three kinds of panel we use.

import type { AnnotationQuery, Dashboard, DataQuery, FieldConfig, FieldConfigSource, Panel, RowPanel } from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { FieldConfig as TableFieldConfig, Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { FieldConfig as TimeSeriesFieldConfig, Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON holds the values of enumerations, not their names.
type Plain<T> = T extends string ? (string extends T ? string : `${T}`)
  : T extends number ? T
  : T extends Array<infer Element> ? Array<Plain<Element>>
  : T extends object ? { [Key in keyof T]: Plain<T[Key]> }
  : T;

// The data source's own form, which the schema leaves open.
interface PrometheusQuery extends DataQuery {
  expr: string;
  editorMode?: 'code';
  format?: 'table' | 'time_series';
  instant?: boolean;
  interval?: string;
  legendFormat?: string;
  range?: boolean;
}

type PanelOf<Type extends string, Options, Custom> =
  Omit<Panel, 'type' | 'title' | 'description' | 'gridPos' | 'options' | 'fieldConfig' | 'targets'> &
  Required<Pick<Panel, 'title' | 'description' | 'gridPos'>> & {
    type: Type;
    options: Options;
    targets: PrometheusQuery[];
    fieldConfig: Omit<FieldConfigSource, 'defaults'> & {
      defaults: Omit<FieldConfig, 'custom'> & { custom?: Partial<Custom> };
    };
  };

type PrometheusAnnotation = Omit<AnnotationQuery, 'target'> & {
  target: PrometheusQuery;
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
  useValueForTime: string;
};

export type CheckedDashboard = Plain<Required<Pick<Dashboard, 'uid' | 'title' | 'description' | 'templating' | 'links' | 'tags'>> &
  Omit<Dashboard, 'panels' | 'annotations'> & {
    annotations: { list: PrometheusAnnotation[] };
    panels: Array<
      | PanelOf<'stat', StatOptions, Record<string, never>>
      | PanelOf<'table', TableOptions, TableFieldConfig>
      | PanelOf<'timeseries', TimeSeriesOptions, TimeSeriesFieldConfig>
      | RowPanel
    >;
  }>;
