// What Grafana's program does at its start, for the parts of its library that wait for it: the properties a field may
// have (without these, units and colours vanish) and the transformations.

import { locationUtil, standardFieldConfigEditorRegistry, standardTransformers, standardTransformersRegistry } from '@grafana/data';

const STANDARD = ['displayName', 'unit', 'min', 'max', 'decimals', 'thresholds', 'mappings', 'color', 'noValue', 'links',
  'fieldMinMax', 'filterable'];
const CUSTOM = ['align', 'width', 'cellOptions', 'inspect', 'hideFrom', 'drawStyle', 'lineInterpolation', 'lineWidth',
  'fillOpacity', 'gradientMode', 'lineStyle', 'spanNulls', 'insertNulls', 'showPoints', 'pointSize', 'stacking',
  'barAlignment', 'axisPlacement', 'axisLabel', 'axisColorMode', 'axisBorderShow', 'axisCenteredZero', 'axisSoftMin', 'axisSoftMax',
  'scaleDistribution', 'thresholdsStyle'];

function property(path: string, isCustom: boolean): any {
  return { id: isCustom ? `custom.${path}` : path, path, name: path, isCustom, description: '', editor: () => null,
    override: () => null, process: (value: unknown) => value, shouldApply: () => true };
}

export const properties = standardFieldConfigEditorRegistry;

export function initialise() {
  properties.setInit(() => [...STANDARD.map((path) => property(path, false)), ...CUSTOM.map((path) => property(path, true))]);
  standardTransformersRegistry.setInit(() => ['mergeTransformer', 'organizeFieldsTransformer', 'sortByTransformer'].map(
    (name) => {
      const transformation = (standardTransformers as any)[name];
      return { id: transformation.id, name: transformation.name, transformation: async () => transformation,
        editor: () => null, imageDark: '', imageLight: '' } as any;
    }));
  locationUtil.initialize({ config: { appSubUrl: '' } as any, getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({ from: 'now-6h', to: 'now' }) });
}
