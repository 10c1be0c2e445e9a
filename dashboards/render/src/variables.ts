// The values of a dashboard's variables and their place in its texts.

import { ask } from './prometheus';

export class Variables {
  private values: Record<string, string> = {};
  shown: Array<{ label: string; text: string }> = [];

  constructor(private range: string, private rateInterval: string, private interval: string) {}

  // Takes each from the address of the page, else All, else the first that Prometheus knows.
  async resolve(list: any[], given: URLSearchParams) {
    for (const variable of list) {
      let value = given.get(`var-${variable.name}`);
      let text = value ?? 'All';
      if (variable.type === 'datasource') {
        value = text = 'Prometheus';
      } else if (value === null && variable.includeAll) {
        value = variable.allValue;
      } else if (value === null) {
        const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(variable.query.query)!;
        value = text = (await ask(`label/${label}/values`, { 'match[]': this.replace(selector) }))[0];
      }
      this.values[variable.name] = value!;
      this.shown.push({ label: variable.label, text });
    }
  }

  replace = (text: string): string => {
    const known: Record<string, string> = { ...this.values, __rate_interval: this.rateInterval, __range: this.range,
      __interval: this.interval };
    return text.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (all, braced, bare) => known[braced ?? bare] ?? all);
  };
}
