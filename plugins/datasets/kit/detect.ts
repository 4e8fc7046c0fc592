/** Which formats records look like. */

import type { DataSource } from '../../../core/index.js';
import type { Format, Reading } from './format.js';

export interface Likeness extends Pick<Reading, 'told'> {
  readonly format: Format;
  /** Why one should ask all the same. */
  readonly doubt?: string | undefined;
}

/** The formats that can read most of these records: a file may have faulty ones. */
export function lookAlike(
  sample: readonly unknown[],
  formats: readonly Format[],
  source: DataSource = { name: '', format: '', index: 0 },
): Likeness[] {
  return formats.flatMap((format) => {
    if (format.isPreset) return [];
    const { told, examplesOf } = format.reading(sample, source);
    const faulty = sample.filter((record) => typeof examplesOf(record) === 'string').length;
    if (2 * faulty > sample.length) return [];
    return [{ format, told, doubt: format.doubt?.(sample) }];
  });
}
