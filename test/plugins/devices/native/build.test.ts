import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { type CliResult, evolve, execute } from '../../../support/cli.js';
import { fixture, ROOT, TemporaryFolder } from '../../../support/files.js';
import { describeNative } from '../../../support/native.js';
import { EIGHT_ROWS } from '../../../support/runs.js';
import { skip } from '../../../support/skip.js';

/** A copy of the package as an installation has it, without an addon. */
class PackageCopy extends TemporaryFolder {
  constructor() {
    super();
    for (const name of [
      'package.json',
      'plugins/devices/kit',
      'plugins/devices/native',
      '.build/core',
      '.build/plugins',
      'data/catalogue/alpaca.yaml',
    ]) {
      mkdirSync(path.dirname(this.join(name)), { recursive: true });
      cpSync(path.join(ROOT, name), this.join(name), { recursive: true });
    }
    symlinkSync(path.join(ROOT, 'node_modules'), this.join('node_modules'));
    this.write('rows.json', EIGHT_ROWS);
  }

  /** Does what `npm install` does, with this compiler. */
  build(compiler: string): Promise<CliResult> {
    const script = this.join('plugins', 'devices', 'native', 'build.ts');
    const env = { CXX: compiler, EVOLVE_SANITIZE: '' };
    return execute(process.execPath, ['--import', 'tsx', script], { cwd: this.path, env });
  }

  /** A compiler that answers when it is asked for its version, and then does this. */
  compiler(...commands: string[]): string {
    const file = this.write('c++', ['#!/bin/sh', '[ "$1" = --version ] && exit', ...commands, ''].join('\n'));
    chmodSync(file, 0o755);
    return file;
  }

  read(...names: string[]): string {
    return readFileSync(this.join(...names), 'utf8');
  }

  /** A run's line about the device that it takes. */
  async deviceLine(device: string): Promise<string> {
    const configuration = {
      model: { path: fixture('llama') },
      data: { sources: [{ path: 'rows.json', format: 'alpaca' }], cutoffLength: 256, validationSize: 0 },
      train: { maxSteps: 1, warmupSteps: 0, perDeviceBatchSize: 1, gradientAccumulationSteps: 1 },
      device,
    };
    this.write('my.yaml', JSON.stringify(configuration));
    const { status, stdout, stderr } = await evolve(['run', 'my.yaml'], {
      cwd: this.path,
      root: this.path,
      env: { EVOLVE_SANITIZE: '' },
    });
    expect(status, stderr).to.equal(0);
    const lines = stdout.split('\n').filter((line) => line.startsWith('device '));
    expect(lines, stdout).to.have.lengthOf(1);
    return lines[0];
  }
}

describe("the build of the native device's addon", () => {
  let copy: PackageCopy;

  before(() => {
    copy = new PackageCopy();
  });
  afterEach(() => rmSync(copy.join('.native'), { recursive: true, force: true }));
  after(() => copy.remove());

  it('where there is no compiler: says so and what to install, and fails no installation', async () => {
    const { status, stderr } = await copy.build('/nonexistent');
    expect(status).to.equal(0);
    expect(stderr).to.include(
      'evolve: the native device is not built: there is no C++ compiler (/nonexistent)\nInstall a C++20 compiler',
    );
    expect(stderr).to.not.match(/^ +at /m);

    const line = await copy.deviceLine('auto');
    expect(line).to.match(
      /^device portable: .*not native: there is no C\+\+ compiler \(\/nonexistent\)\. Install .*\)$/,
    );
    expect(line).to.include('apt-get install g++').and.to.include('npm rebuild');
  });

  it('where CXX has several words, as with ccache: runs the first with the others', async () => {
    const { stderr } = await copy.build(`env ${copy.compiler('echo complaint >&2', 'exit 3')}`);
    expect(stderr).to.match(/env failed with status 3:\n {2}complaint\n/);
  });

  it('where the compiler fails: shows its last lines, and keeps all of them', async () => {
    const compiler = copy.compiler(
      'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "complaint $i" >&2; done',
      'exit 3',
    );
    const { status, stderr } = await copy.build(compiler);
    expect(status).to.equal(0);
    expect(stderr).to.include(`${compiler} failed with status 3:\n  complaint 5\n  complaint 6\n`);
    expect(stderr).to.include('complaint 12').and.to.not.include('complaint 4\n');
    const log = copy.join('.native', 'build.log');
    expect(stderr).to.include(log);
    expect(readFileSync(log, 'utf8')).to.match(/^\$ .*c\+\+ -std=c\+\+20 .*kernels\.cpp/m);
    for (let i = 1; i <= 12; i++) expect(readFileSync(log, 'utf8')).to.include(`complaint ${i}\n`);
    expect(existsSync(copy.join('.native', 'objects')), 'objects are left').to.equal(false);

    const line = await copy.deviceLine('native');
    expect(line).to.match(/^device portable: .*not native: .*c\+\+ failed with status 3\. .*build\.log/);
  });

  it('leaves out an instruction set whose flags the compiler does not know', async function () {
    if (process.arch !== 'x64') skip(this, 'all instruction sets of this architecture are old');
    const makesFiles = 'while [ $# -gt 1 ]; do [ "$1" = -o ] && : > "$2"; shift; done; true';
    const built = async (compiler: string) => {
      const { stderr } = await copy.build(compiler);
      expect(stderr).to.equal('');
      expect(JSON.parse(copy.read('.native', 'build.json'))).to.include({ status: 'built' });
      return copy.read('.native', 'build.log');
    };
    const refuses = copy.compiler('case "$*" in *-mavxvnni*|*-mamx*) exit 1;; esac', makesFiles);
    const without = await built(refuses);
    expect(without).to.include('kernels-avx2.o').and.to.not.include('kernels-avx-vnni.o');
    expect(without).to.not.match(/kernels-amx\.o|EVOLVE_AVX_VNNI|EVOLVE_AMX/);

    rmSync(copy.join('.native'), { recursive: true });
    const all = await built(copy.compiler(makesFiles));
    expect(all)
      .to.include('kernels-avx-vnni.o')
      .and.to.match(/EVOLVE_AVX_VNNI .*isa\.cpp/);
  });

  it('a failed one is tried again the next time', async () => {
    await copy.build('/nonexistent');
    const { stderr } = await copy.build(copy.compiler('echo again >&2', 'exit 1'));
    expect(stderr).to.include('again');
  });

  it('leaves an addon that is out of date no longer than a new one can be had', async () => {
    copy.write('.native/evolve.node', 'an old one');
    await copy.build('/nonexistent');
    expect(existsSync(copy.join('.native', 'evolve.node'))).to.equal(false);
  });

  it('what it leaves when it did not run, or for another machine, is said where a device is opened', async () => {
    expect(await copy.deviceLine('auto')).to.match(/not native: its addon was not built .*npm rebuild\)$/);
    copy.write('.native/evolve.node', 'not for this machine');
    expect(await copy.deviceLine('auto')).to.match(/not native: its addon does not load: .*npm rebuild\)$/);
  });
});

describeNative('EVOLVE_ISA', () => {
  it('that this CPU or evolve does not know ends a run before it begins', async () => {
    const folder = new TemporaryFolder();
    try {
      folder.write('rows.json', EIGHT_ROWS);
      const yaml = `{ model: { path: ${fixture('llama')} }, data: { sources: [{ path: rows.json, format: alpaca }] }, device: native }`;
      const file = folder.write('my.yaml', yaml);
      const { status, stderr } = await evolve(['run', file], {
        cwd: folder.path,
        env: { EVOLVE_ISA: 'mmx' },
      });
      expect(status).to.equal(2);
      expect(stderr).to.include('EVOLVE_ISA is "mmx"').and.to.include('Set it to one of plain');
      expect(stderr).to.not.match(/^ +at /m);
    } finally {
      folder.remove();
    }
  });
});
