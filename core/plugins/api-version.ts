/** Tells when a third party's plugin was written for another version of the API, and what its author must change. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { EvolveError, messageOf } from '../base/errors.js';
import { suggest } from '../base/suggest.js';
import { API_VERSION } from './plugin.js';

/** What is wrong with a plugin that is for another version, or that does not say its version. */
export function versionFault(apiVersion: unknown, where: string): EvolveError | undefined {
  if (apiVersion === API_VERSION) return undefined;
  const fault = (message: string, advice: string) =>
    new EvolveError('PLUGIN_INVALID', `${where}: ${message}`, advice);
  if (apiVersion === undefined)
    return fault('the plugin does not say its API version', `Add apiVersion: ${API_VERSION} to it.`);
  if (typeof apiVersion !== 'number')
    return fault(
      `the plugin's apiVersion must be a number, but is ${JSON.stringify(apiVersion) ?? typeof apiVersion}`,
      `Write the number as it is, without quotes: apiVersion: ${API_VERSION}.`,
    );
  return fault(
    `the plugin was written for API version ${apiVersion}, and this is version ${API_VERSION}`,
    apiVersion === 1 ? SINCE_VERSION_1 : `Take a version of the plugin for API version ${API_VERSION}.`,
  );
}

const MISSING_NAME =
  /The requested module '(evolving-alpaca[\w/-]*)' does not provide an export named '(.+)'/;
const MISSING_MODULE = /Package subpath '\.\/(.+)' is not defined by "exports"/;

/**
 * The error of a plugin, `what`, that imports what evolving-alpaca does not have; undefined if `cause` is another one. Node
 * finds such a fault before the plugin can say its version.
 *
 * @param source the plugin's text, as far as it is known
 */
export async function missingImport(
  what: string,
  cause: unknown,
  source: string,
): Promise<EvolveError | undefined> {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  const [, module, name] = MISSING_NAME.exec(messageOf(cause)) ?? [];
  const [, kit] = (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED' && MISSING_MODULE.exec(messageOf(cause))) || [];
  const isOurs = messageOf(cause).includes(
    fileURLToPath(new URL('./package-resolution.js', import.meta.url)),
  );
  if (name === undefined && (kit === undefined || !isOurs)) return undefined;
  const imported = name === undefined ? `evolving-alpaca/${kit}` : `"${name}" of ${module}`;
  const hint =
    name === undefined
      ? suggest(`evolving-alpaca/${kit}`, await kits())
      : suggest(name, Object.keys(await import(module)));
  const ofThisVersion = source.includes(`apiVersion: ${API_VERSION}`);
  return new EvolveError(
    'PLUGIN_INVALID',
    `${what} imports ${imported}, which is not in API version ${API_VERSION}${hint}`,
    `plugins/README.md tells what there is.${ofThisVersion ? '' : ` Was the plugin written for API version 1? ${SINCE_VERSION_1}`}`,
    { cause },
  );
}

/** What a plugin may import of this package. */
async function kits(): Promise<string[]> {
  const file = new URL('../../../package.json', import.meta.url);
  const { exports } = JSON.parse(await readFile(file, 'utf8')) as { exports: object };
  return Object.keys(exports).map((entry) => entry.replace('.', 'evolving-alpaca'));
}

/** What authors of plugins for version 1 must change. */
const SINCE_VERSION_1 = `Set apiVersion: 2, and change what of this the plugin uses (plugins/README.md has more):
  every hook: taps get a context { step, epoch, model, pass, training, signal, world } as their last argument;
    step(event, model) is step(event, { model }), so are loss(loss, batch, …) and evaluate(metrics, evaluation, …)
  loss: it is called for held-out rows too, with context.training false
  gradients: what a tap replaces is freed for it
  loadData: an example says its kind: { kind: 'instruction', instruction, input, output } or { kind: 'text', text }
  loadModel: a model no longer encodes; defineBackbone of evolving-alpaca/backbones answers loadEncoder and loadModel;
    model.loss is model.crossEntropy, nextLogits takes a cache's pass, an embedding's forward takes the pass
  trainer.config: it is the model's part; data, train and output of the run are in trainer.run
  imports: shown is displayPath; KeyValueCache is an interface, and PagedCache the class`;
