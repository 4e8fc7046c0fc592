import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** What `action` returns, which must get along without files: every function of node:fs fails meanwhile. */
export function withoutFiles<T>(action: () => T): T {
  const functions = Object.entries(Object.getOwnPropertyDescriptors(fs)).filter(
    ([, { value, writable }]) => typeof value === 'function' && writable,
  );
  const set = (functionOf: (name: string, original: unknown) => unknown) => {
    for (const [name, { value }] of functions) Object.assign(fs, { [name]: functionOf(name, value) });
    syncBuiltinESMExports();
  };
  set((name) => () => {
    throw new Error(`fs.${name} was called`);
  });
  try {
    return action();
  } finally {
    set((_, original) => original);
  }
}
