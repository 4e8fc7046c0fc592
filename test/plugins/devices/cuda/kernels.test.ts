import { describeKernels } from '../../../contracts/kernels.js';
import { describeCuda, expectOnCard } from '../../../support/cuda.js';

describeKernels({ title: 'cuda', describe: describeCuda, hold: expectOnCard });
