/** Which cublasLt the device cuda takes, and what becomes of one that it does not take: on an emulated card and an emulated cublasLt. */

import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { placesOf } from '../../../../plugins/devices/cuda/cublaslt.js';
import { emulatedCublasLt, emulatedDriver } from '../../../../plugins/devices/cuda/emulated.js';
import cuda from '../../../../plugins/devices/cuda/index.js';
import { execute } from '../../../support/cli.js';
import { EMULATED, requireEmulated, withEnvironment } from '../../../support/cuda.js';
import { type Answer, askDevice } from '../../../support/devices.js';
import { collect } from '../../../support/errors.js';
import { ROOT, TemporaryFolder } from '../../../support/files.js';
import { skip } from '../../../support/skip.js';

const FILE = emulatedCublasLt();
/** No variable of this machine says where it is. */
const NOWHERE = { EVOLVE_CUBLASLT: '', CUDA_HOME: '', CUDA_PATH: '', VIRTUAL_ENV: '', EVOLVE_PYTHON: '' };
const HOPPER = { EVOLVE_EMULATED_CAPABILITY: '90' };

/** The device, opened in an environment. */
const open = (env: Record<string, string>, options = {}): Promise<Answer> =>
  withEnvironment({ ...NOWHERE, ...HOPPER, ...env }, () =>
    askDevice(cuda, { driver: emulatedDriver(), ...options }, 'cuda'),
  );
const toldBy = ({ device }: Answer) => device?.details?.cublasLt;

/** By what is wrong with it: the environment, and why it is not taken. */
const FAULTS: Readonly<Record<string, readonly [Record<string, string>, string]>> = {
  'that is older than 12': [
    { EVOLVE_EMULATED_CUBLASLT: '11902' },
    'cublasLt 11.9.2 (F) is not taken: known are 12 and 13',
  ],
  'that is newer than what is known': [
    { EVOLVE_EMULATED_CUBLASLT: '140001' },
    'cublasLt 14.0.1 (F) is not taken: known are 12 and 13',
  ],
  "that is newer than the driver's CUDA": [
    { EVOLVE_EMULATED_CUBLASLT: '131000', EVOLVE_EMULATED_DRIVER: '12040' },
    'cublasLt 13.10.0 (F) is not taken: the driver is for CUDA 12.4',
  ],
  'that does not start': [
    { EVOLVE_EMULATED_FAULTS: 'cublasLtCreate:0:1' },
    'cublasLt 12.9.3 (F) is not taken: cublasLtCreate: CUBLAS_STATUS_NOT_INITIALIZED',
  ],
  'whose heuristics fail': [
    { EVOLVE_EMULATED_FAULTS: 'cublasLtMatmulAlgoGetHeuristic:0:14' },
    'cublasLt 12.9.3 (F) is not taken: cublasLtMatmulAlgoGetHeuristic: CUBLAS_STATUS_INTERNAL_ERROR',
  ],
  'whose heuristics know nothing': [
    { EVOLVE_EMULATED_FAULTS: 'cublasLtMatmulAlgoGetHeuristic:0:15' },
    'cublasLt 12.9.3 (F) is not taken: it has no algorithm',
  ],
  'whose products fail': [
    { EVOLVE_EMULATED_FAULTS: 'cublasLtMatmul:0:13' },
    'cublasLt 12.9.3 (F) is not taken: cublasLtMatmul: CUBLAS_STATUS_EXECUTION_FAILED',
  ],
  'whose products are wrong': [
    { EVOLVE_EMULATED_FAULTS: 'cublasLtMatmul:0:-1' },
    'cublasLt 12.9.3 (F) is not taken: what it computes differs from what own kernels do',
  ],
};

describe('the cublasLt of the device cuda', () => {
  let folder: TemporaryFolder;
  beforeEach(function () {
    requireEmulated(this);
    folder = new TemporaryFolder();
  });
  afterEach(() => folder?.remove());

  /** A copy in a folder of the temporary one. */
  function copyTo(...names: string[]): string {
    const file = folder.join(...names);
    mkdirSync(path.dirname(file), { recursive: true });
    copyFileSync(FILE, file);
    return file;
  }

  it('is the file that EVOLVE_CUBLASLT names, whatever its name', async () => {
    const file = copyTo('mine.so');
    const answer = await open({ EVOLVE_CUBLASLT: file });
    expect(toldBy(answer)).to.equal(`12.9.3 (${file}), takes the large products`);
    expect(answer.device?.description).to.match(/, sm_90, .*, cublasLt 12\.9\.3$/);
    expect(answer.notices).to.deep.equal([]);
  });

  for (const variable of ['CUDA_HOME', 'CUDA_PATH']) {
    it(`is that in the folder of ${variable}; of several the latest that can be opened`, async () => {
      folder.write('lib64/libcublasLt.so.14', 'no library');
      const file = copyTo('lib64', 'libcublasLt.so.13');
      copyTo('lib64', 'libcublasLt.so.12');
      const answer = await open({ [variable]: folder.path });
      expect(toldBy(answer)).to.equal(`12.9.3 (${file}), takes the large products`);
      expect(answer.notices).to.deep.equal([]);
    });
  }

  it('is that which the loader finds', async () => {
    // The loader is told where to look when a process starts.
    const script = `
      import 'reflect-metadata';
      import { askDevice } from '${ROOT}.build/test/support/devices.js';
      import cuda from '${ROOT}.build/plugins/devices/cuda/index.js';
      console.log((await askDevice(cuda, {}, 'cuda')).device?.details?.cublasLt);`;
    const env = { ...EMULATED, ...NOWHERE, ...HOPPER };
    const args = ['--input-type=module', '--eval', script];
    const { stdout, stderr } = await execute(process.execPath, args, { cwd: ROOT, env });
    expect(stdout, stderr).to.equal(`12.9.3 (${FILE}), takes the large products\n`);
  });

  for (const [package_, name] of [
    ['cublas', 'libcublasLt.so.12'],
    ['cu13', 'libcublasLt.so.13'],
  ]) {
    it(`is that among the packages of a Python, in nvidia/${package_}`, async function () {
      if ((await execute('python3', ['--version']).catch(() => undefined))?.status !== 0) {
        skip(this, 'there is no python3');
      }
      const file = copyTo('nvidia', package_, 'lib', name);
      expect(toldBy(await open({ PYTHONPATH: folder.path }))).to.include(file);
      expect(toldBy(await open({ PYTHONPATH: folder.path, EVOLVE_PYTHON: 'python3' }))).to.include(file);
    });
  }

  it('is looked for in the installed CUDAs too, before the loader and Python, and in no place but the one that is named', async () => {
    const files = [
      ['cuda', 'lib64', 'libcublasLt.so.12'],
      ['cuda-12.10', 'lib64', 'libcublasLt.so.12'],
      ['cuda-12.9', 'lib64', 'libcublasLt.so.12'],
    ].map((names) => copyTo('usr', 'local', ...names));
    copyTo('usr', 'local', 'cuda', 'lib64', 'libcublasLt.so.12.9.3');
    const home = copyTo('home', 'lib', 'libcublasLt.so.11');
    const python = folder.write('python', `#!/bin/sh\necho ${folder.join('nvidia')}\n`);
    await execute('chmod', ['+x', python]);
    const packaged = copyTo('nvidia', 'cublas', 'lib', 'libcublasLt.so.12');
    copyTo('nvidia', 'cudnn', 'lib', 'libcublasLt.so.12');
    folder.write('home/lib64', 'no folder');
    const env = { CUDA_HOME: folder.join('home'), EVOLVE_PYTHON: python };
    expect(await collect(placesOf(env, folder.path))).to.deep.equal([
      home,
      ...files,
      'libcublasLt.so.13',
      'libcublasLt.so.12',
      packaged,
    ]);
    const named = { ...env, EVOLVE_CUBLASLT: 'x.so' };
    expect(await collect(placesOf(named, folder.path))).to.deep.equal(['x.so']);
  });

  it('of 13 is taken where the driver is for CUDA 13', async () => {
    const env = {
      EVOLVE_CUBLASLT: FILE,
      EVOLVE_EMULATED_CUBLASLT: '131000',
      EVOLVE_EMULATED_DRIVER: '13000',
    };
    expect(toldBy(await open(env))).to.equal(`13.10.0 (${FILE}), takes the large products`);
  });

  for (const [what, [env, reason]] of Object.entries(FAULTS)) {
    it(`${what}: is declined in one line, and own kernels compute`, async () => {
      const answer = await open({ EVOLVE_CUBLASLT: FILE, ...env });
      const why = reason.replace('(F)', `(${FILE})`);
      expect(answer.notices).to.deep.equal([`device cuda: ${why}; own kernels compute all products`]);
      expect(toldBy(answer)).to.equal(`not used: ${why}`);
      expect(answer.device?.description).to.not.include('cublasLt');
    });
  }

  it('that is declined is followed by the next', async () => {
    const no = folder.write('home/lib64/libcublasLt.so.12', 'no library');
    const yes = copyTo('path', 'lib64', 'libcublasLt.so.12');
    const env = { CUDA_HOME: path.dirname(path.dirname(no)), CUDA_PATH: folder.join('path') };
    expect(toldBy(await open(env))).to.include(yes);
  });

  it('that is named but is none: says so in one line', async () => {
    for (const [file, why] of [
      [folder.join('no.so'), 'cannot open shared object file'],
      [folder.write('text.so', 'no library'), '(invalid ELF header|file too short)'],
      [emulatedDriver(), 'it has no function cublasLtCreate'],
    ]) {
      const { notices } = await open({ EVOLVE_CUBLASLT: file });
      expect(notices).to.have.lengthOf(1);
      expect(notices[0]).to.match(
        new RegExp(
          `^device cuda: cublasLt does not open: ${file}: ${why}.*; own kernels compute all products$`,
        ),
      );
    }
  });

  it('is not opened where it is switched off, nor on a card whose own kernels are enough', async () => {
    const off = await open({ EVOLVE_CUBLASLT: FILE }, { cublasLt: false });
    expect(toldBy(off)).to.equal('not used: switched off');
    const older = await open({ EVOLVE_CUBLASLT: FILE, EVOLVE_EMULATED_CAPABILITY: '89' });
    expect(toldBy(older)).to.match(/^not looked for: below compute capability 9\.0/);
    expect([...off.notices, ...older.notices]).to.deep.equal([]);
  });

  it('that is nowhere is not missed', async () => {
    const { device, notices } = await open({ EVOLVE_PYTHON: folder.join('no-python') });
    expect(device?.details?.cublasLt).to.equal('not found: own kernels compute all products');
    expect(notices).to.deep.equal([]);
  });
});
