/**
 * Compiles kernels.ptx.gz for every architecture that the cuda device takes, and fails where a kernel keeps numbers in local memory
 * for want of registers: `npm run check:ptx`. It needs no GPU but ptxas, of the package nvidia-cuda-nvcc-cu12 (12.8 or later)
 * or of a CUDA toolkit: EVOLVE_PTXAS names it, else it is looked for on the PATH.
 */

import { spawnSync } from 'node:child_process';
import { TemporaryFolder } from './support/files.js';
import { kernelsPtx, spillsOf } from './support/ptx.js';

const ARCHITECTURES = ['sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100', 'sm_120'];
const PTXAS = process.env.EVOLVE_PTXAS ?? 'ptxas';
const folder = new TemporaryFolder();
const ptx = folder.write('kernels.ptx', kernelsPtx());

for (const architecture of ARCHITECTURES) {
  const args = ['--verbose', `--gpu-name=${architecture}`, '--output-file', '/dev/null', ptx];
  const { status, error, stdout, stderr } = spawnSync(PTXAS, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (error) throw new Error(`${PTXAS} cannot be started: ${error.message}`);
  const output = stdout + stderr;
  const kernels = spillsOf(output);
  const spilling = kernels.filter(({ bytes }) => bytes > 0);
  for (const { kernel, bytes } of spilling) console.log(`${architecture}: ${kernel} spills ${bytes} bytes`);
  if (status !== 0 || kernels.length === 0) console.log(output.slice(0, 2000));
  if (status !== 0 || spilling.length > 0 || kernels.length === 0) process.exitCode = 1;
  else console.log(`${architecture}: ${kernels.length} kernels, none spills`);
}
folder.remove();
