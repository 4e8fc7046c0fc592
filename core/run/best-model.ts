/** Keeps the best model of a run, and ends a run that gets no better: the names and meanings are those of transformers. */

import { EvolveError } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import type { RunConfig } from '../config/load.js';
import type { Metrics } from '../contracts/metric.js';
import type { RunProgress } from '../contracts/state.js';
import type { RunRequests } from './requests.js';

type Train = RunConfig['train'];

/** The keys of `train` that wait for evaluations. */
export function waitingKeys(train: Train): string[] {
  return [
    ...(train.loadBestModelAtEnd ? ['train.loadBestModelAtEnd'] : []),
    ...(train.earlyStoppingPatience === undefined ? [] : ['train.earlyStoppingPatience']),
  ];
}

/**
 * Call it after each evaluation: asks for a save that is kept where the model is the best so far, and for the end of the run where
 * it has not become better for long.
 *
 * @throws EvolveError CONFIG_INVALID if nothing measures `train.metricForBestModel`
 */
export function judge(
  { train, progress }: { readonly train: Train; readonly progress: RunProgress },
  metrics: Metrics,
  requests: Pick<RunRequests, 'requestSave' | 'stop'>,
): void {
  if (waitingKeys(train).length === 0) return;
  const { metricForBestModel: name, earlyStoppingThreshold: threshold } = train;
  const value = metrics[name];
  if (value === undefined) throw unmeasured(name, metrics);
  const sign = train.greaterIsBetter ? 1 : -1;
  const { best } = progress;
  const gain = best ? sign * (value - best.value) : Number.POSITIVE_INFINITY;
  const waited = gain > threshold ? 0 : (best?.waited ?? 0) + 1;
  if (gain > 0) {
    progress.best = { step: progress.step, value, evalLoss: metrics.evalLoss, waited };
    if (train.loadBestModelAtEnd) requests.requestSave({ keep: true });
  } else if (best) {
    best.waited = waited;
  }
  stopIfPatienceEnds({ train, progress }, requests);
}

/** Asks for the end of a run that has waited long enough for a better model. A run that had ended so goes on to that end. */
export function stopIfPatienceEnds(
  { train, progress: { best } }: { readonly train: Train; readonly progress: RunProgress },
  requests: Pick<RunRequests, 'stop'>,
): void {
  const { metricForBestModel: name, earlyStoppingPatience = Number.POSITIVE_INFINITY } = train;
  if (!best || best.waited < earlyStoppingPatience) return;
  const times = `${best.waited} evaluation${best.waited === 1 ? '' : 's'}`;
  requests.stop(
    `${name} has not become better for ${times} than ${figure(best.value)} after step ${best.step}`,
  );
}

/**
 * Where no plugin measures anything, there is the held-out loss alone.
 *
 * @throws EvolveError CONFIG_INVALID if `train.metricForBestModel` waits for something else
 */
export function checkMetric(train: Train, isMeasured: boolean): void {
  if (waitingKeys(train).length > 0 && !isMeasured && train.metricForBestModel !== 'evalLoss')
    throw unmeasured(train.metricForBestModel, { evalLoss: 0 });
}

function unmeasured(name: string, metrics: Metrics): EvolveError {
  const known = Object.keys(metrics);
  const message = `nothing measures train.metricForBestModel, "${name}"${suggest(name, known)}; there are ${known.join(', ')}`;
  const advice = 'Name one of these, or have `metrics` measure it.';
  return new EvolveError('CONFIG_INVALID', message, advice, { at: ['train', 'metricForBestModel'] });
}

function figure(value: number): string {
  return String(Number(value.toPrecision(5)));
}
