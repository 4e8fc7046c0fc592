/** What a file says of itself in general: whose model it is, and whether it is one or an adapter for one. */

import type { CheckpointWrite } from '../../../core/index.js';
import type { MetadataValue } from '../kit/gguf/index.js';
import { sizeOf } from '../kit/shape.js';
import type { GgufModel } from './write-model.js';

type Entry = [string, MetadataValue];

/** Source: gguf-py's metadata.py, and convert_lora_to_gguf.py for adapters. */
export function general(
  { name, adapter }: Pick<CheckpointWrite, 'name' | 'adapter'>,
  { architecture, metadata, tensors }: GgufModel,
): Entry[] {
  const named: Entry[] = name === undefined ? [] : [['general.name', { string: name }]];
  if (adapter) {
    return [
      ['general.architecture', { string: architecture }],
      ['general.type', { string: 'adapter' }],
      ...named,
      ['adapter.type', { string: 'lora' }],
      ['adapter.lora.alpha', { f32: adapter.alpha }],
    ];
  }
  const parameters = tensors.reduce((sum, { tensor }) => sum + sizeOf(tensor.shape), 0);
  return [
    ['general.architecture', { string: architecture }],
    ['general.type', { string: 'model' }],
    ...named,
    ['general.size_label', { string: sizeLabel(parameters) }],
    ...metadata,
  ];
}

/** A number of parameters in two digits at least: 135M, 1.1B. */
function sizeLabel(parameters: number): string {
  const units = [1e12, 1e9, 1e6];
  const unit = units.find((size) => parameters > size) ?? 1e3;
  const scaled = parameters / unit;
  const digits = String(Math.round(scaled)).replace(/^0/, '').length;
  return `${scaled.toFixed(Math.max(2 - digits, 0))}${{ 1e12: 'T', 1e9: 'B', 1e6: 'M', 1e3: 'K' }[unit]}`;
}
