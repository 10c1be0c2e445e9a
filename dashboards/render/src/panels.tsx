// A panel as Grafana draws it, with Grafana's own components.

import { type DataFrame, FieldType, type GrafanaTheme2, LoadingState, type TimeRange, applyFieldOverrides, getDisplayValueAlignmentFactors,
  getFieldDisplayName, getFieldDisplayValues, transformDataFrame } from '@grafana/data';
import { BigValue, PanelChrome, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { lastValueFrom } from 'rxjs';
import { curves, figures, rows } from './prometheus';
import { properties } from './registry';
import { type Variables } from './variables';

export interface View { theme: GrafanaTheme2; range: TimeRange; step: number; variables: Variables }

// The panel's data as its component takes them: queried, transformed, with units, colours and links.
export async function load(panel: any, view: View): Promise<DataFrame[]> {
  const from = view.range.from.valueOf() / 1000;
  const to = view.range.to.valueOf() / 1000;
  let frames: DataFrame[] = [];
  for (const target of panel.targets) {
    const query = view.variables.replace(target.expr);
    if (target.format === 'table') {
      const frame = await rows(target, query, to);
      frames.push(...(frame ? [frame] : []));
    } else {
      frames.push(...(target.instant ? await figures(target, query, to) : await curves(target, query, from, to, view.step)));
    }
  }
  if (panel.type === 'table' && frames.length > 1) {
    for (const frame of frames) {
      frame.fields[frame.fields.length - 1].name = `Value #${frame.refId}`;
    }
  }
  frames = await lastValueFrom(transformDataFrame(panel.transformations ?? [], frames));
  frames = applyFieldOverrides({ data: frames, fieldConfig: panel.fieldConfig, fieldConfigRegistry: properties,
    replaceVariables: view.variables.replace, theme: view.theme, timeZone: 'utc' });
  // A field keeps the first name it was asked for; the transformations have given it another.
  for (const frame of frames) {
    for (const field of frame.fields) {
      field.state = { ...field.state, displayName: undefined };
      getFieldDisplayName(field, frame, frames);
    }
  }
  return frames;
}

function Stat({ panel, frames, view, width, height }: any) {
  const values = getFieldDisplayValues({ fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions,
    replaceVariables: view.variables.replace, theme: view.theme, data: frames, sparkline: panel.options.graphMode !== 'none' });
  const factors = getDisplayValueAlignmentFactors(values);
  const each = height / values.length;
  return <>{values.map((value, index) => (
    <BigValue key={index} width={width} height={each} theme={view.theme} value={value.display} sparkline={value.sparkline}
      colorMode={panel.options.colorMode} graphMode={panel.options.graphMode} justifyMode={panel.options.justifyMode}
      textMode={panel.options.textMode} alignmentFactors={factors} count={values.length} />))}</>;
}

function Contents({ panel, frames, view, width, height }: any) {
  const hasRows = frames.some((frame: DataFrame) => frame.length > 0);
  if (!hasRows && panel.type !== 'stat') {
    return <div style={{ height, display: 'grid', placeItems: 'center', opacity: 0.6 }}>
      {panel.fieldConfig.defaults.noValue ?? 'No data'}</div>;
  }
  switch (panel.type) {
    case 'stat':
      return <Stat {...{ panel, frames, view, width, height }} />;
    case 'table':
      return <TableNG data={frames[0]} width={width} height={height} sortBy={panel.options.sortBy} cellHeight={panel.options.cellHeight}
        fieldConfig={panel.fieldConfig} enableVirtualization={false} timeRange={view.range} structureRev={1} />;
    case 'timeseries':
      return <TimeSeries frames={frames.filter((frame: DataFrame) => frame.fields.some((field) => field.type === FieldType.time))}
        width={width} height={height} timeRange={view.range} timeZone="utc" legend={panel.options.legend} structureRev={1} />;
    default:
      throw new Error(`no component for ${panel.type}`);
  }
}

export function Panel({ panel, frames, view, width, height }: any) {
  return <PanelChrome title={view.variables.replace(panel.title)} description={panel.description} width={width} height={height}
    loadingState={LoadingState.Done} padding={panel.type === 'table' ? 'none' : 'md'}>
    {(innerWidth: number, innerHeight: number) =>
      <Contents {...{ panel, frames, view }} width={innerWidth} height={innerHeight} />}
  </PanelChrome>;
}
