import { EvolveError, type LanguageModel, type LinearSite } from '../../../core/index.js';
import type { LoraOptions } from './options.js';

/**
 * The linear layers that `targetModules` names: those whose name is a target or ends in `.target`, as in PEFT.
 *
 * @throws EvolveError where a target matches nothing; it names all such, and what could match
 */
export function findTargets(model: LanguageModel, targets: LoraOptions['targetModules']): LinearSite[] {
  if (targets === 'all-linear') return model.linears.filter((site) => !site.isOutput);
  const matches = (site: LinearSite, target: string) =>
    site.name === target || site.name.endsWith(`.${target}`);
  const missed = targets.filter((target) => !model.linears.some((site) => matches(site, target)));
  if (missed.length > 0) {
    const names = new Set(model.linears.map((site) => site.name.split('.').at(-1)));
    const message = `no module of this ${model.backbone} matches ${missed.join(', ')}`;
    throw new EvolveError(
      'TARGET_MODULES',
      message,
      `What could match: ${[...names].join(', ')}, or all-linear.`,
      { at: ['adapter', 'targetModules'] },
    );
  }
  return model.linears.filter((site) => targets.some((target) => matches(site, target)));
}
