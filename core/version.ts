import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';

/** What took part in a run, as `run.json` records it. */
export function versions(): Record<string, string> {
  return { evolve: packageVersion(), node: process.versions.node, tfjs: tf.version_core };
}

export function packageVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
