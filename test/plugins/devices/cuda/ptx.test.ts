import path from 'node:path';
import { expect } from 'chai';
import { parametersOf } from '../../../../plugins/devices/cuda/driver.js';
import { CUDA_FOLDER, digestOf, kernelsPtx, spillsOf } from '../../../support/ptx.js';

const ptx = kernelsPtx();

describe('kernels.ptx.gz', () => {
  it('was made of the kernels as they are; else make-ptx.py is to be run', () => {
    expect(ptx.split('\n', 1)[0]).to.equal(
      `// Made by make-ptx.py of sources with the SHA-256 ${digestOf(path.join(CUDA_FOLDER, 'src', 'kernels.cu'))}`,
    );
  });

  it('is for every driver from 525 on, and every card from sm_80 on', () => {
    expect(ptx).to.match(/^\.version 8\.0\n\.target sm_80$/m);
  });

  it('tells the parameters of each kernel', () => {
    const kernels = parametersOf(ptx);
    expect(kernels.get('fill')).to.deep.equal(['u64', 'f32', 'u64']);
    expect(kernels.size).to.equal(ptx.split('.visible .entry').length - 1);
  });
});

describe('what ptxas says of a kernel', () => {
  it('tells the bytes that spill', () => {
    const said = [
      "ptxas info    : Compiling entry function 'add' for 'sm_80'",
      'ptxas info    : Function properties for add',
      '    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads',
      'ptxas info    : Used 40 registers, 412 bytes cmem[0]',
      'ptxas info    : Function properties for attend',
      '    48 bytes stack frame, 32 bytes spill stores, 36 bytes spill loads',
    ].join('\n');
    expect(spillsOf(said)).to.deep.equal([
      { kernel: 'add', bytes: 0 },
      { kernel: 'attend', bytes: 32 },
    ]);
  });
});
