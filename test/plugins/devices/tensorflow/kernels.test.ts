import { describeKernels } from '../../../contracts/kernels.js';
import { describeTensorflow, expectOnTensorflow } from '../../../support/tensorflow.js';

describeKernels({ title: 'tensorflow', describe: describeTensorflow, hold: expectOnTensorflow });
