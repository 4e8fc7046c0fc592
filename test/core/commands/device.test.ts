import { expect } from 'chai';
import { type CliResult, evolve } from '../../support/cli.js';
import { EMULATED, requireEmulated } from '../../support/cuda.js';
import { evolveShared } from '../../support/shared-cli.js';

const linesOf = ({ stdout }: CliResult) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('evolve device', () => {
  it('lists every device: one is taken by auto, and one that cannot be used says why', async () => {
    const [told, json] = [await evolveShared(['device']), await evolveShared(['device', '--json'])];
    expect(told.status, told.stderr).to.equal(0);
    const lines = linesOf(json);
    expect(lines.map(({ name }) => name)).to.deep.equal(['cuda', 'tensorflow', 'native', 'portable']);
    const [taken, ...others] = lines.filter(({ auto }) => auto);
    expect(others).to.deep.equal([]);
    expect(told.stdout).to.include(`${taken.name}: ${taken.description}  (auto takes it)\n`);
    for (const { name, usable, description, reason } of lines) {
      expect(told.stdout).to.include(`${name}: ${usable ? description : `cannot be used: ${reason}`}`);
    }
  });

  it('shows the card, its memory, its driver and the library', async function () {
    requireEmulated(this);
    const env = { ...EMULATED, EVOLVE_EMULATED_CAPABILITY: '89', EVOLVE_EMULATED_DRIVER: '12040' };
    const [{ details, ...line }] = linesOf(await evolve(['device', '--json'], { env }));
    expect(line).to.deep.equal({
      type: 'device',
      name: 'cuda',
      usable: true,
      auto: true,
      description: 'emulated GPU, sm_89, 4.0 of 4.0 GiB free',
    });
    expect(details).to.include({
      card: 'emulated GPU, 0 of one',
      'compute capability': '8.9 (sm_89), 2 multiprocessors',
      memory: '4.0 GiB, 4.0 free',
      driver: 'for CUDA 12.4',
      library: 'libcuda.so.1',
    });
    expect((await evolve(['device'], { env })).stdout).to.include('\n  driver: for CUDA 12.4\n');
  });
});

describe('evolve device check', () => {
  it('says pass of each kernel of a device that computes right', async () => {
    const { status, stdout, stderr } = await evolveShared(['device', 'check', 'portable']);
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).to.match(/^portable: /);
    expect(lines.slice(1, -1).every((line) => line.startsWith('pass  '))).to.equal(true);
    expect(lines.at(-1)).to.equal(`all ${lines.length - 2} checks passed`);
  });

  it('takes the device that auto takes, on a card with all its kernels, and tells them as JSON', async function () {
    requireEmulated(this);
    const ran = await evolve(['device', 'check', '--json'], { env: EMULATED });
    expect(ran.status, ran.stderr).to.equal(0);
    const lines = linesOf(ran);
    expect(lines.at(-1)).to.deep.equal({ type: 'done', device: 'cuda', checks: lines.length - 1 });
    for (const { type, passed, error, tolerance } of lines.slice(0, -1)) {
      expect({ type, passed }).to.deep.equal({ type: 'check', passed: true });
      expect(error).to.be.at.most(tolerance);
    }
  });

  it("fails where a kernel does, with the driver's words, and says which", async function () {
    requireEmulated(this);
    const env = { ...EMULATED, EVOLVE_EMULATED_FAULTS: 'cuLaunchKernel:1:1' };
    const ran = await evolve(['device', 'check', 'cuda'], { env });
    expect(ran.status).to.equal(1);
    expect(ran.stdout).to.match(
      /^FAIL {2}linear, f32 weight +a kernel failed on the card: cuLaunchKernel: CUDA_ERROR_INVALID_VALUE/m,
    );
    expect(ran.stdout).to.match(/^pass {2}linear, bf16 weight/m);
    expect(ran.stderr).to.match(/^evolve: the device cuda fails 1 of \d+ checks: linear, f32 weight\n/);
    expect(ran.stderr).to.include('--device native');
  });

  it('of a device that is not there says what there is, and of one that cannot be used why', async () => {
    const unknown = await evolveShared(['device', 'check', 'nativ']);
    expect(unknown.status).to.equal(2);
    expect(unknown.stderr).to.include('there is no device "nativ" (did you mean "native"?)');
    const env = { LD_LIBRARY_PATH: '', CUDA_VISIBLE_DEVICES: '-1' };
    const unusable = await evolve(['device', 'check', 'cuda', '--json'], { env });
    expect(unusable.status).to.equal(2);
    expect(JSON.parse(unusable.stdout)).to.include({ type: 'error', code: 'DEVICE_UNKNOWN' });
    expect(unusable.stderr).to.match(/^evolve: the device cuda cannot be used: \S/);
  });
});
