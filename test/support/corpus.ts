import { BadRows } from '../../core/data/bad-rows.js';
import { type Corpus, CorpusMaker } from '../../core/data/corpus.js';
import { ExampleReader } from '../../core/data/examples.js';
import { definePlugin, type Encoder, type Example } from '../../core/index.js';
import { startEncodingWorker } from '../../core/run/encoding-worker.js';
import { type ComposedRun, compose } from './compose.js';

export interface TestCorpus {
  readonly run: ComposedRun;
  readonly corpus: Corpus;
  readonly encoder: Encoder;
}

/**
 * The corpus of a configuration, made as a run makes it.
 *
 * @param given what a source of the name `given` has
 * @param other encodes in the place of the model's encoder
 */
export async function corpusOf(
  values: Record<string, unknown>,
  given?: readonly Example[],
  other?: Encoder,
  signal?: AbortSignal,
): Promise<TestCorpus> {
  const plugin = definePlugin({
    name: 'given',
    apiVersion: 2,
    apply(trainer) {
      trainer.hooks.loadData.tap(({ format }) => (format === 'given' ? eachOf(given ?? []) : undefined));
    },
  });
  const run = await compose(values, { further: given ? [plugin] : [], ...(signal && { signal }) });
  const { config, hooks, context, assembler } = run;
  const badRows = new BadRows(config, hooks);
  const reader = new ExampleReader(config, hooks, context.signal, badRows);
  const maker = new CorpusMaker(config, hooks, context.signal, reader, badRows);
  const encoder = await assembler.loadEncoder();
  const startWorker = () => startEncodingWorker(config);
  const corpus = await maker.make({
    encoder: other ?? encoder,
    identity: assembler.encoderIdentity,
    startWorker,
  });
  return { run, corpus, encoder };
}

async function* eachOf(examples: readonly Example[]): AsyncGenerator<Example> {
  yield* examples;
}
