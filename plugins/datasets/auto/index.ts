/** A source that names no format: its first records tell which it is, or the person is asked. */

import { type DataSource, definePlugin, EvolveError } from '../../../core/index.js';
import { columnsOf, shown } from '../kit/columns.js';
import { lookAlike } from '../kit/detect.js';
import { FORMATS, type Format } from '../kit/format.js';
import { readExamples } from '../kit/read-examples.js';

export default definePlugin({
  name: 'auto',
  apiVersion: 2,
  family: 'datasets',
  apply(trainer) {
    trainer.hooks.loadData.tap((source, { signal }) => {
      if (source.format !== 'auto' || source.path === undefined) return undefined;
      const formats = trainer.provided(FORMATS);
      const tell = (message: string) => trainer.notice(message);
      return readExamples((sample, kind) => detected(sample, kind, source, formats, tell), source, {
        signal,
        formats,
        tell,
      });
    });
  },
});

/**
 * The one format that the records have without a doubt.
 *
 * @param kind of the file: `JSON`
 * @throws EvolveError DATA_FILE that names the formats which they may have
 */
function detected(
  sample: readonly unknown[],
  kind: string,
  source: DataSource,
  formats: readonly Format[],
  tell: (message: string) => void,
): Format {
  const likely = lookAlike(sample, formats, source);
  const certain = likely.filter(({ doubt }) => doubt === undefined);
  if (certain.length === 1) {
    const [{ format, told }] = certain;
    tell(`${source.name}: ${kind} of ${format.about} (${told}), read as format: ${format.name}`);
    return format;
  }
  throw undecided(sample, kind, source, certain.length > 0 ? certain : likely);
}

function undecided(
  sample: readonly unknown[],
  kind: string,
  { name, index }: DataSource,
  likely: ReturnType<typeof lookAlike>,
): EvolveError {
  const at = ['data', 'sources', index];
  if (likely.length > 0) {
    const ways = likely.map(
      ({ format, told, doubt }) => `  format: ${format.name}  (${told}${doubt ? `; but ${doubt}` : ''})`,
    );
    const message = `${name}: it is not certain which format this ${kind} file has\n${ways.join('\n')}`;
    return new EvolveError('DATA_FILE', message, 'Say in the source which is meant.', { at });
  }
  const columns = [...columnsOf(sample)];
  const what = columns.length > 0 ? `columns ${columns.join(', ')}` : `records such as ${shown(sample[0])}`;
  const message = `${name}: no format fits this ${kind} file with ${what}${untrainable(columns)}`;
  const advice =
    'Say in the source what is what, such as format: instruct and columns: { instruction: QUESTION, output: ANSWER }; data/README.md lists the formats.';
  return new EvolveError('DATA_FILE', message, advice, { at });
}

/** What is there, and cannot be trained on. */
function untrainable(columns: readonly string[]): string {
  const media = columns.filter((column) =>
    /^(image|images|picture|video|videos|audio|audios|sound)$/i.test(column),
  );
  if (media.length > 0) return `: ${media.join(' and ')} cannot be trained on, texts alone`;
  const asked = columns.filter((column) => /^(prompt|prompts|question|instruction|query)$/i.test(column));
  return asked.length > 0 ? `: there is ${asked.join(', ')}, but no answer` : '';
}
