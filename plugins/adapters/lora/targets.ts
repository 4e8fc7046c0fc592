import { EvolveError, type LanguageModel, type LinearSite } from '../../../core/index.js';
import type { LoraOptions, TargetModules } from './options.js';

/**
 * Where an adapter goes: where the options say, else where the backbone does.
 *
 * @throws EvolveError if neither says
 */
export function targetsFor(model: LanguageModel, targets: TargetModules | undefined): TargetModules {
  return (
    targets ??
    model.targetModules ??
    refuse(model, `adapter.targetModules is missing, and the backbone ${model.backbone} has no default`)
  );
}

/**
 * Where an adapter has a branch on a layer that is tied to an embedding, the two would no longer be one weight: nobody could
 * merge it.
 *
 * @throws EvolveError that names the first such layer
 */
function checkUntied(
  model: LanguageModel,
  sites: readonly LinearSite[],
  init: string | undefined,
): LinearSite[] {
  for (const { name, weight } of sites) {
    const embedding = model.embeddings.find((other) => other.weight === weight);
    if (!embedding) continue;
    const message = `${name} is tied to ${embedding.name}, so that a branch of its own could not be merged into the model`;
    const [advice, key] =
      init === undefined
        ? [`Leave ${name} out of adapter.targetModules.`, 'targetModules']
        : [
            `The adapter ${init} has such a branch. Untie the base model: save it with lm_head.weight and tie_word_embeddings: false.`,
            'init',
          ];
    throw new EvolveError('TARGET_MODULES', message, advice, { at: ['adapter', key] });
  }
  return [...sites];
}

/** Those of `selectedSites`, none of which is tied. */
export function findTargets(
  model: LanguageModel,
  options: Pick<LoraOptions, 'targetModules' | 'selection' | 'init'>,
): LinearSite[] {
  return checkUntied(model, selectedSites(model, options), options.init);
}

/**
 * The linear layers that `targetModules` names: those whose name is a target or ends in `.target`, as in PEFT; or those
 * that an adapter to start from selects in another way.
 *
 * @throws EvolveError if a target matches nothing; it names all such, and what could match
 */
function selectedSites(
  model: LanguageModel,
  { targetModules: targets = [], selection }: Pick<LoraOptions, 'targetModules' | 'selection'>,
): LinearSite[] {
  const selected = (sites: readonly LinearSite[]) =>
    selection ? sites.filter(({ name }) => selection.has(name)) : [...sites];
  if (targets === 'all-linear') return selected(model.linears.filter((site) => !site.isOutput));
  if (typeof targets === 'string') {
    const sites = selected(model.linears);
    if (sites.length === 0) refuse(model, `no module of this ${model.backbone} matches ${targets}`);
    return sites;
  }
  const matches = (site: LinearSite, target: string) =>
    site.name === target || site.name.endsWith(`.${target}`);
  const missed = targets.filter((target) => !model.linears.some((site) => matches(site, target)));
  if (missed.length > 0) refuse(model, `no module of this ${model.backbone} matches ${missed.join(', ')}`);
  return selected(model.linears.filter((site) => targets.some((target) => matches(site, target))));
}

function refuse(model: LanguageModel, message: string): never {
  const names = new Set(model.linears.map((site) => site.name.split('.').at(-1)));
  const advice = `What could match: ${[...names].join(', ')}, or all-linear.`;
  throw new EvolveError('TARGET_MODULES', message, advice, { at: ['adapter', 'targetModules'] });
}
