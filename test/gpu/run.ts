/**
 * Runs the stages one after another, each with a time of its own, and goes on after one that fails. Writes results.json and
 * table.txt to the folder that OUT names; arguments: `--emulated`, and the names of stages.
 */

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { emulatedCublasLt, emulatedDriver } from '../../plugins/devices/cuda/emulated.js';
import { PYTHON, PYTHON_ENV, script } from '../bench/python.js';
import { formatTable, type Row } from '../bench/table.js';
import { ROOT } from '../support/files.js';
import { PARTS } from './shapes.js';

const args = process.argv.slice(2);
const isEmulated = args.includes('--emulated');
const wanted = args.filter((arg) => !arg.startsWith('--'));
const OUT = process.env.OUT ?? path.join(ROOT, 'results');
const DRIVER = isEmulated ? emulatedDriver() : (process.env.EVOLVE_CUDA_DRIVER ?? 'libcuda.so.1');
/** The emulated card is one of which cublasLt takes the large products. */
const EMULATED = isEmulated ? { EVOLVE_EMULATED_CAPABILITY: '90', EVOLVE_CUBLASLT: emulatedCublasLt() } : {};
/** All stages together. The emulated driver is slow. */
const DEADLINE = performance.now() + (isEmulated ? 1800e3 : 570e3);

interface Outcome {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'out of time';
  readonly seconds: number;
  readonly output: string;
}

const outcomes: Outcome[] = [];
const rows: Row[] = [];

/** Runs a command for at most so many seconds. */
function stage(name: string, seconds: number, command: string, given: readonly string[]): Promise<Outcome> {
  const limit = Math.min(isEmulated ? 900e3 : seconds * 1000, DEADLINE - performance.now());
  const env = {
    ...PYTHON_ENV,
    ...EMULATED,
    EVOLVE_CUDA_DRIVER: DRIVER,
    EVOLVE_GPU_EMULATED: isEmulated ? '1' : '',
  };
  const start = performance.now();
  console.log(`… ${name}`);
  return new Promise((resolve) => {
    const child = spawn(command, given, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let isLate = false;
    const timer = setTimeout(
      () => {
        isLate = true;
        child.kill('SIGKILL');
      },
      Math.max(0, limit),
    );
    const end = (status: Outcome['status']) => {
      clearTimeout(timer);
      const outcome = {
        name,
        status,
        seconds: (performance.now() - start) / 1000,
        output: output.slice(-8000),
      };
      outcomes.push(outcome);
      console.log(`${status}: ${name}, ${outcome.seconds.toFixed(1)} s`);
      if (status !== 'passed') console.log(output.trimEnd().split('\n').slice(-25).join('\n'));
      write();
      resolve(outcome);
    };
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
    child.on('error', (error) => {
      output += String(error);
      end('failed');
    });
    child.on('close', (code) => end(isLate ? 'out of time' : code === 0 ? 'passed' : 'failed'));
  });
}

/** After each stage: what is cut off keeps what it has. */
function write(): void {
  mkdirSync(OUT, { recursive: true });
  writeFileSync(path.join(OUT, 'results.json'), JSON.stringify({ outcomes, rows }, null, 1));
  const lines = outcomes.map(
    ({ name, status, seconds }) => `${status.padEnd(12)}${seconds.toFixed(1).padStart(7)} s  ${name}`,
  );
  writeFileSync(
    path.join(OUT, 'table.txt'),
    `${lines.join('\n')}\n\n${rows.length > 0 ? formatTable(rows) : ''}\n`,
  );
}

/** The figures that a process printed as its last line; none where it failed. */
function figuresOf({ status, output }: Outcome): Record<string, number> {
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  return status === 'passed' && last.startsWith('{') ? JSON.parse(last) : {};
}

function mocha(
  name: string,
  seconds: number,
  files: readonly string[],
  ...further: string[]
): Promise<Outcome> {
  const given = ['--no-config', '--require', '.build/test/setup.js', '--timeout', '120000', ...further];
  const paths = files.map((file) => path.join('.build', 'test', 'plugins', file));
  return stage(name, seconds, process.execPath, [
    path.join('node_modules', 'mocha', 'bin', 'mocha.js'),
    ...given,
    ...paths,
  ]);
}

const asks = (name: string) => wanted.length === 0 || wanted.includes(name);
if (!isEmulated) await stage('card', 10, 'nvidia-smi', []);
if (asks('kernels')) {
  await mocha('kernels', 90, ['devices/cuda/kernels.test.js', 'devices/cuda/large-products.test.js']);
}
if (asks('device')) {
  await mocha('device', 90, ['devices.test.js', 'devices/cuda/training.test.js'], '--grep', 'cuda');
}
for (const { name, seconds, units, peer: own } of PARTS) {
  if (!asks(name)) continue;
  const ourPart = (part: string) => stage(part, seconds, process.execPath, ['.build/test/gpu/ours.js', part]);
  const ours = figuresOf(await ourPart(name));
  const peer = own
    ? await ourPart(own)
    : await stage(`${name}, PyTorch and PEFT`, seconds, PYTHON, [
        script('gpu.py'),
        name,
        isEmulated ? 'small' : 'whole',
      ]);
  const theirs = figuresOf(peer);
  for (const what of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
    const unit = units[what.split(',').at(-1)?.trim() ?? ''] ?? 's';
    const figures = { ours: ours[what] ?? null, theirs: theirs[what] ?? null };
    rows.push({ what: `${name}: ${what}`, unit, ...figures, ...(own && { note: `theirs: ${own}` }) });
  }
  write();
}
console.log(rows.length > 0 ? formatTable(rows) : 'no figures');
process.exitCode = outcomes.some(({ name, status }) => status !== 'passed' && !name.includes('PEFT')) ? 1 : 0;
