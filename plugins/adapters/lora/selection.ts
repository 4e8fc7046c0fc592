/**
 * What an adapter of PEFT's may say beyond `targetModules`, `r` and `alpha`: patterns of names, layers by their number, and
 * ranks and alphas of their own. Source: PEFT, check_target_module_exists and get_pattern_key.
 */

import vm from 'node:vm';
import { EvolveError } from '../../../core/index.js';

/** Keys of adapter_config.json, off where they are empty. */
export interface SelectionConfig {
  /** A text is a pattern, which whole names must match. */
  readonly target_modules: string | readonly string[];
  readonly exclude_modules?: string | readonly string[] | null;
  readonly layers_to_transform?: number | readonly number[] | null;
  /** What stands before a layer's number. */
  readonly layers_pattern?: string | readonly string[] | null;
  /** By patterns of the ends of names. */
  readonly rank_pattern?: Readonly<Record<string, number>> | null;
  readonly alpha_pattern?: Readonly<Record<string, number>> | null;
}

export interface Selection {
  /** Whether the linear layer of this name has a branch. */
  readonly has: (name: string) => boolean;
  /** Its rank and its alpha, where they are not those of most. */
  readonly rankOf: (name: string) => number | undefined;
  readonly alphaOf: (name: string) => number | undefined;
}

/**
 * undefined where `target_modules`, `r` and `lora_alpha` say it all.
 *
 * @throws SyntaxError if a pattern is none
 */
export function selectionOf(config: SelectionConfig): Selection | undefined {
  const { target_modules: targets, exclude_modules: excluded, layers_to_transform: numbers } = config;
  const ofRanks = Object.entries(config.rank_pattern ?? {});
  const ofAlphas = Object.entries(config.alpha_pattern ?? {});
  const isPattern = typeof targets === 'string' && targets !== 'all-linear';
  const layers = numbers === null || numbers === undefined ? [] : [numbers].flat();
  const isPlain = !isPattern && !excluded?.length && layers.length === 0;
  if (isPlain && ofRanks.length === 0 && ofAlphas.length === 0) return undefined;
  const isTarget = targets === 'all-linear' ? () => true : matcher(targets);
  const isExcluded = matcher(excluded ?? []);
  // Layers' numbers count where the targets are ends of names.
  const whole = typeof targets === 'string' ? [] : targets;
  const hasNumber = isPattern || layers.length === 0 ? () => true : inLayers(layers, config.layers_pattern);
  return {
    has: (name) => !isExcluded(name) && isTarget(name) && (whole.includes(name) || hasNumber(name)),
    rankOf: lookUp(ofRanks),
    alphaOf: lookUp(ofAlphas),
  };
}

/** A pattern matches whole names; of a list each name matches itself, and names that end in `.name`. */
function matcher(names: string | readonly string[]): (name: string) => boolean {
  if (typeof names === 'string') {
    const pattern = python(`^(?:${names})$`);
    return (name) => pattern.exec(name) !== null;
  }
  return (name) => names.some((end) => name === end || name.endsWith(`.${end}`));
}

function inLayers(numbers: readonly number[], before: SelectionConfig['layers_pattern']) {
  const given = [before ?? []].flat();
  const patterns =
    given.length === 0
      ? [python('^.*?\\.[^.]*\\.(\\d+)\\.')]
      : given.map((pattern) => python(`^(?:.*?\\.)?(?:${pattern})\\.(\\d+)\\.`));
  return (name: string) => {
    const found = patterns
      .map((pattern) => pattern.exec(name)?.at(-1))
      .find((number) => number !== undefined);
    return found !== undefined && numbers.includes(Number(found));
  };
}

/** What the first pattern that a name's end matches stands for. */
function lookUp(entries: readonly (readonly [string, number])[]): (name: string) => number | undefined {
  const patterns = entries.map(([pattern, value]) => [python(`^(.*\\.)?(?:${pattern})$`), value] as const);
  return (name) => patterns.find(([pattern]) => pattern.exec(name) !== null)?.[1];
}

/** Far above what any name takes. */
const TIMEOUT_MS = 2000;

/** A pattern of Python's: names of groups and the end of the text are written otherwise. */
function python(pattern: string): { exec(name: string): RegExpExecArray | null } {
  const expression = new RegExp(pattern.replaceAll('(?P<', '(?<').replaceAll('\\Z', '$'), 's');
  const context = vm.createContext({ expression, name: '' });
  return {
    exec(name) {
      context.name = name;
      try {
        return vm.runInContext('expression.exec(name)', context, { timeout: TIMEOUT_MS });
      } catch (cause) {
        // An adapter is somebody's file: its patterns may take for ever, as (a+)+ does.
        const message = `the adapter's pattern ${pattern} takes too long for the name ${name}`;
        const advice = 'Put the list of names that it matches in its place, in adapter_config.json.';
        throw new EvolveError('ADAPTER_INVALID', message, advice, { cause });
      }
    },
  };
}
