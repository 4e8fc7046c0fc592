import { PagedCache } from '../../../core/index.js';
import { describeCache } from '../../contracts/cache.js';
import { TensorCache } from '../../support/tensor-cache.js';

describeCache('PagedCache', () => new PagedCache());
describeCache('of a device with memory of its own', () => new TensorCache());
