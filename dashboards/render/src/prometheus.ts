// Prometheus' answers as data frames, in the form Grafana's data source gives them.

import { type DataFrame, FieldType, createDataFrame } from '@grafana/data';

export async function ask(path: string, parameters: Record<string, string>): Promise<any> {
  const answer = await fetch(`/prometheus/api/v1/${path}?${new URLSearchParams(parameters)}`);
  const body = await answer.json();
  if (body.status !== 'success') {
    throw new Error(`${JSON.stringify(parameters)}: ${body.error}`);
  }
  return body.data;
}

function legend(format: string, labels: Record<string, string>) {
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

const number = (text: string) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

export async function curves(target: any, query: string, from: number, to: number, step: number): Promise<DataFrame[]> {
  const data = await ask('query_range', { query, start: `${from}`, end: `${to}`, step: `${step}` });
  return data.result.map((series: any) => {
    // A point at every step, so that a gap is a gap.
    const start = Math.round(from * 1000);
    const count = Math.floor((to - from) / step) + 1;
    const values: Array<number | null> = Array(count).fill(null);
    for (const [seconds, text] of series.values) {
      values[Math.round((seconds - from) / step)] = number(text);
    }
    return createDataFrame({ refId: target.refId, fields: [
      { name: 'Time', type: FieldType.time, config: { interval: step * 1000 },
        values: values.map((_, index) => start + index * step * 1000) },
      { name: 'Value', type: FieldType.number, labels: series.metric, values,
        config: { displayNameFromDS: legend(target.legendFormat, series.metric) } },
    ] });
  });
}

export async function figures(target: any, query: string, at: number): Promise<DataFrame[]> {
  const data = await ask('query', { query, time: `${at}` });
  return data.result.map((series: any) => createDataFrame({ refId: target.refId, fields: [
    { name: 'Time', type: FieldType.time, values: [series.value[0] * 1000], config: {} },
    { name: 'Value', type: FieldType.number, labels: series.metric, values: [number(series.value[1])],
      config: { displayNameFromDS: legend(target.legendFormat, series.metric) } },
  ] }));
}

// One frame per query: time, a column per label, the value.
export async function rows(target: any, query: string, at: number): Promise<DataFrame | null> {
  const data = await ask('query', { query, time: `${at}` });
  if (data.result.length === 0) {
    return null;
  }
  const labels = [...new Set<string>(data.result.flatMap((series: any) => Object.keys(series.metric)))].sort();
  return createDataFrame({ refId: target.refId, meta: { preferredVisualisationType: 'table' }, fields: [
    { name: 'Time', type: FieldType.time, config: {}, values: data.result.map((series: any) => series.value[0] * 1000) },
    ...labels.map((label) => ({ name: label, type: FieldType.string, config: {},
      values: data.result.map((series: any) => series.metric[label] ?? '') })),
    { name: 'Value', type: FieldType.number, config: {}, values: data.result.map((series: any) => number(series.value[1])) },
  ] });
}
