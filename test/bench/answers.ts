/**
 * Exact match of 200 questions with SmolLM2-135M, against the answers alone: how fast the metric has the model answer, beside
 * `generateAll` of the same prompts.
 */

import path from 'node:path';
import { makeConfig } from '../../core/config/load.js';
import { GENERATE_DEFAULTS, generateAll } from '../../core/generation/generate.js';
import { definePlugin, type Prompt } from '../../core/index.js';
import { loadPlugins } from '../../core/plugins/load.js';
import { composeEvaluation } from '../../core/run/compose.js';
import { questionsOf } from '../../plugins/metrics/kit/index.js';
import { compose } from '../support/compose.js';
import { ROOT } from '../support/files.js';
import { type Context, smollm2 } from './context.js';
import { Others } from './machine.js';
import { median } from './statistics.js';
import type { Row } from './table.js';

const COT = path.join(ROOT, 'data', 'samples', 'cot.tsv');
const QUESTIONS = 200;
const OPTIONS = { maxNewTokens: 64 };

/** How long the answers took, and how many tokens they have. */
interface Answered {
  readonly seconds: number;
  readonly tokens: number;
}

export async function answers(context: Context): Promise<Row[]> {
  const folder = await smollm2(context);
  if (!folder) return [];
  const values = { model: { path: folder }, quantizer: 'none', device: context.device };
  const others = new Others();
  const sides: { ours: Answered[]; theirs: Answered[] } = { ours: [], theirs: [] };
  for (let round = 0; round < context.rounds; round++) {
    context.say(`… answers, round ${round + 1} of ${context.rounds}`);
    const { answered, prompts } = await byMetric(values);
    sides.ours.push(answered);
    sides.theirs.push(await byGenerate(values, prompts));
  }
  const speed = (side: readonly Answered[]) => median(side.map(({ tokens, seconds }) => tokens / seconds));
  const { tokens } = sides.ours[0];
  return [
    {
      what: `exact match of ${QUESTIONS} questions (theirs: generate, of the same prompts)`,
      unit: 'tokens/s',
      ours: speed(sides.ours),
      theirs: speed(sides.theirs),
      others: others.share(),
      note: `${tokens} tokens`,
      raw: sides,
    },
  ];
}

/** As `evolve evaluate` has the metric answer: from the end of the rows' loss until the metric is there. */
async function byMetric(values: object): Promise<{ answered: Answered; prompts: readonly Prompt[] }> {
  let begun = 0;
  let answered: Answered = { seconds: 0, tokens: 0 };
  let prompts: readonly Prompt[] = [];
  const watch = definePlugin({
    name: 'watch',
    apiVersion: 2,
    apply({ hooks }) {
      hooks.log.tap((event) => {
        if (event.type === 'progress' && event.task === 'evaluating') begun = performance.now();
      });
      // Metrics come first.
      hooks.evaluate.tap(async (metrics, { examples, generate }) => {
        const seconds = (performance.now() - begun) / 1000;
        prompts = questionsOf(examples, QUESTIONS).map(({ prompt }) => prompt);
        // These are known by now.
        const all = await generate(prompts, OPTIONS);
        answered = { seconds, tokens: all.reduce((sum, { tokens }) => sum + tokens, 0) };
        return metrics;
      });
    },
  });
  const metrics = [{ name: 'exact-match', limit: QUESTIONS, ...OPTIONS }];
  const config = makeConfig({ ...values, data: { sources: [{ path: COT }], validationSize: 0 }, metrics });
  const plugins = await loadPlugins(config, (keys) => keys.join('.'), { trackers: [] });
  const applied = [...plugins, { plugin: watch, options: {}, builtIn: false }];
  const { evaluator } = composeEvaluation({ ...config, adapter: undefined }, applied);
  await evaluator.evaluate({ rows: 'all', shots: [0] }, () => {});
  return { answered, prompts };
}

async function byGenerate(values: Record<string, unknown>, prompts: readonly Prompt[]): Promise<Answered> {
  const { assembler } = await compose(values, { adapter: false });
  const device = await assembler.openDevice();
  const { model, encoder, dispose } = await assembler.assemble();
  let tokens = 0;
  const count = (answer: { tokens: number }) => {
    tokens += answer.tokens;
  };
  const begun = performance.now();
  await generateAll(model, encoder, prompts, { ...GENERATE_DEFAULTS, ...OPTIONS }, count, { device });
  const seconds = (performance.now() - begun) / 1000;
  dispose();
  return { seconds, tokens };
}
