/** The variables by which a hub is used, for tests within this process. */

import { VARIABLES } from '../../plugins/hubs/huggingface/environment.js';

/** Those of the machine, cleared; `restore` brings them back. */
export class HubEnvironment {
  readonly #before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));

  constructor() {
    this.clear();
  }

  clear(): void {
    for (const name of VARIABLES) delete process.env[name];
  }

  set(values: Readonly<Record<string, string>>): void {
    Object.assign(process.env, values);
  }

  restore(): void {
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
