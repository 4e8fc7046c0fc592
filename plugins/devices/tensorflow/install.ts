/**
 * `evolve device install tensorflow`: builds the addon of the package tfjs-node from its own sources, on a TensorFlow that is
 * there already, such as that of `pip install tensorflow`. The package's own installation fetches a TensorFlow of 2022 from a
 * host that not every network reaches.
 */

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { EvolveError, type InstallRequest, messageOf, tf } from '../../../core/index.js';
import { buildLibrary } from '../kit/build-addon.js';
import { ADDON, FOLDER, INSTALLED, type Installed } from './installed.js';
import { PACKAGES } from './runtime.js';

const run = promisify(execFile);

/** What the package's JavaScript imports, besides TensorFlow.js. */
const PROTOBUF = 'google-protobuf@3';

/** @throws EvolveError DEVICE_INSTALL */
export async function installTensorflow(request: InstallRequest): Promise<string> {
  const { from, tell } = request;
  const folder = from ? path.resolve(from) : await folderOfPython(request);
  const { include, libraries } = partsOf(folder);
  tell(`TensorFlow is in ${folder}`);
  mkdirSync(FOLDER, { recursive: true });
  rmSync(path.join(FOLDER, INSTALLED), { force: true });
  const sources = installedSources() ?? (await fetchSources(tell));
  tell(`building the addon from ${sources}`);
  const isBuilt = await buildLibrary({
    device: 'tensorflow',
    again: 'evolve device install tensorflow',
    folder: FOLDER,
    name: ADDON,
    report: 'build',
    sources: path.join(sources, 'binding'),
    units: ['tfjs_backend', 'tfjs_binding'].map((name) => ({ name, source: `${name}.cc` })),
    flags: ['-std=c++17', '-fPIC', '-O2', '-w', '-DNAPI_VERSION=8', `-I${include}`, `-I${sources}`],
    libraries: [...libraries, `-Wl,-rpath,${path.dirname(libraries[0])}`],
  });
  if (!isBuilt) throw failure('the addon was not built; the reason stands above');
  const version = await tried();
  const installed: Installed = { folder, version, sources };
  writeFileSync(path.join(FOLDER, INSTALLED), `${JSON.stringify(installed, null, 2)}\n`);
  return `TensorFlow ${version}`;
}

function failure(message: string, advice = ''): EvolveError {
  return new EvolveError('DEVICE_INSTALL', `the device tensorflow was not installed: ${message}`, advice);
}

/** The folder of TensorFlow in the site-packages of a Python. It is not imported, which would take seconds. */
async function folderOfPython({ python }: InstallRequest): Promise<string> {
  const program = python ?? (process.env.EVOLVE_PYTHON || 'python3');
  const advice = `${program} -m pip install tensorflow-cpu (or tensorflow[and-cuda], for an NVIDIA GPU) brings it; --python names another Python, --from the folder of a TensorFlow.`;
  const script =
    'import importlib.util as u; s = u.find_spec("tensorflow"); print(s.submodule_search_locations[0] if s else "")';
  let output: string;
  try {
    ({ stdout: output } = await run(program, ['-c', script]));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such program' : message.trim().split('\n').at(-1);
    throw failure(`the Python ${program} cannot be asked for its TensorFlow: ${why}`, advice);
  }
  const folder = output.trim();
  if (!folder) throw failure(`the Python ${program} has no TensorFlow`, advice);
  return folder;
}

/** Headers and libraries: of Python's package, or of TensorFlow's library for C. */
function partsOf(folder: string): { include: string; libraries: string[] } {
  const ending = process.platform === 'darwin' ? '.2.dylib' : '.so.2';
  const named = (name: string) => ['', 'lib'].map((part) => path.join(folder, part, `${name}${ending}`));
  const framework = named('libtensorflow_framework').find(existsSync);
  const main = [...named('libtensorflow_cc'), ...named('libtensorflow')].find(existsSync);
  const include = path.join(folder, 'include');
  const header = path.join(include, 'tensorflow', 'c', 'eager', 'c_api.h');
  if (framework && main && existsSync(header)) return { include, libraries: [main, framework] };
  const missing = [
    ...(main ? [] : [named('libtensorflow_cc')[0]]),
    ...(framework ? [] : [named('libtensorflow_framework')[0]]),
    ...(existsSync(header) ? [] : [header]),
  ];
  throw failure(
    `${folder} is no TensorFlow to build on: there is no ${missing.join(', no ')}`,
    'It takes TensorFlow 2.9 or later, as pip installs it, or as its library for C.',
  );
}

/** The package where it is installed, without its addon. */
function installedSources(): string | undefined {
  const { resolve } = createRequire(import.meta.url);
  for (const name of PACKAGES) {
    try {
      return path.dirname(resolve(`${name}/package.json`));
    } catch {
      // The other may be there.
    }
  }
  return undefined;
}

/** The package from npm's registry, unpacked. */
async function fetchSources(tell: (line: string) => void): Promise<string> {
  const target = path.join(FOLDER, 'package');
  const name = `@tensorflow/tfjs-node@${tf.version_core}`;
  const protobuf = path.join(FOLDER, 'node_modules', 'google-protobuf');
  if (existsSync(protobuf)) return target;
  tell(`fetching ${name}`);
  try {
    await unpack(name, target);
    await unpack(PROTOBUF, protobuf);
  } catch (error) {
    throw failure(
      `${name} cannot be fetched: ${messageOf(error).trim().split('\n').at(-1)}`,
      REGISTRY_ADVICE,
    );
  }
  return target;
}

const REGISTRY_ADVICE =
  'It comes from npm’s registry. Where that cannot be reached, npm install --ignore-scripts @tensorflow/tfjs-node from a copy.';

async function unpack(name: string, target: string): Promise<void> {
  const partial = `${target}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const { stdout } = await run('npm', ['pack', '--silent', name, '--pack-destination', partial]);
  await run('tar', ['-xzf', path.join(partial, stdout.trim()), '-C', partial, '--strip-components=1']);
  rmSync(target, { recursive: true, force: true });
  renameSync(partial, target);
}

/** Opens what was built in a process of its own, which a fault in TensorFlow may end. @returns TensorFlow's version */
async function tried(): Promise<string> {
  const script = `process.stdout.write(require(${JSON.stringify(path.join(FOLDER, ADDON))}).TF_Version)`;
  try {
    const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
    return (await run(process.execPath, ['-e', script], { env })).stdout;
  } catch (error) {
    throw failure(`what was built does not load: ${messageOf(error).trim().split('\n').at(-1)}`);
  }
}
