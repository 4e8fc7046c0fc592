/** The device on a card that is open: its backend, its kernels, and its place in a run. */

import path from 'node:path';
import { type Device, type LanguageModel, PagedCache, tf } from '../../../core/index.js';
import { packageFolder } from '../kit/build-report.js';
import { type Addon, driverCode } from './addon.js';
import { BF16, CudaBackend, F32 } from './backend.js';
import { CardLayerStore } from './cache.js';
import { Declined, type OpenCard, versionOf } from './card.js';
import { type CublasLtAnswer, type CublasLtOptions, takeCublasLt } from './cublaslt.js';
import { Driver } from './driver.js';
import { Fallbacks } from './fallback.js';
import { tellingFaults } from './faults.js';
import { registerAttention } from './kernels/attention.js';
import { registerColumns } from './kernels/columns.js';
import { registerElements } from './kernels/elements.js';
import { registerGates } from './kernels/gates.js';
import { BACKEND, type Cuda } from './kernels/kit.js';
import { registerLinear } from './kernels/linear.js';
import { registerLoss } from './kernels/loss.js';
import { registerMatMul } from './kernels/mat-mul.js';
import { registerNorms } from './kernels/norms.js';
import { registerOptimizer } from './kernels/optimizer.js';
import { registerRotary } from './kernels/rotary.js';
import { registerRows } from './kernels/rows.js';
import { DevicePool } from './memory.js';
import { type CardWeight, CardWeights, computeType } from './weights.js';

const PTX = path.join(packageFolder(), 'plugins', 'devices', 'cuda', 'kernels.ptx.gz');

/** There is one backend a process, whoever asks for it. */
let opened: { readonly cuda: Cuda; readonly fallbacks: Fallbacks; readonly index: number } | undefined;

export interface OpenOptions extends CublasLtOptions {
  /** The name of the driver's library. */
  readonly driver: string;
}

/** @throws Declined where the driver does not take the kernels, or this process computes on another card */
export async function openDevice(open: OpenCard, options: OpenOptions): Promise<Device> {
  opened ??= { ...makeBackend(open), index: open.index };
  if (opened.index !== open.index) {
    open.addon.use(opened.index);
    throw new Declined(`this process computes on card ${opened.index} already`);
  }
  const { cuda, fallbacks } = opened;
  const { pool } = cuda.backend;
  await tf.setBackend(BACKEND);
  const cublasLt = await takeCublasLt(cuda, open, options);
  pool.beginPeak();
  fallbacks.clear();
  return {
    name: 'cuda',
    backend: BACKEND,
    ...described(open, options.driver, cublasLt),
    placeWeights: (model) => placeWeights(cuda, model),
    makeCache: () => new PagedCache(() => new CardLayerStore(cuda.backend)),
    usage: () => ({ peakMemory: pool.peakBytes, fallbacks: fallbacks.counts() }),
  };
}

function described(
  { addon, card, index, count, version }: OpenCard,
  library: string,
  cublasLt: CublasLtAnswer,
): Pick<Device, 'description' | 'details'> {
  const { name, capability, multiprocessors } = card;
  const { free, total } = addon.memory();
  const [left, all] = [free, total].map((bytes) => (bytes / 2 ** 30).toFixed(1));
  return {
    description: `${name}, sm_${capability}, ${left} of ${all} GiB free${cublasLt.version ? `, cublasLt ${cublasLt.version}` : ''}`,
    details: {
      card: `${name}, ${index} of ${count === 1 ? 'one' : count}`,
      'compute capability': `${(capability / 10).toFixed(1)} (sm_${capability}), ${multiprocessors} multiprocessors`,
      memory: `${all} GiB, ${left} free`,
      driver: `for CUDA ${versionOf(version)}`,
      library,
      cublasLt: cublasLt.told,
    },
  };
}

function makeBackend(open: OpenCard): { cuda: Cuda; fallbacks: Fallbacks } {
  const addon = tellingFaults(open.addon);
  const driver = loadKernels(addon, open);
  const pool = new DevicePool(addon);
  const backend = new CudaBackend(driver, pool);
  tf.registerBackend(BACKEND, () => backend);
  const fallbacks = new Fallbacks(BACKEND, backend);
  const cuda: Cuda = {
    backend,
    weights: new CardWeights(driver, pool),
    between: F32,
    largeProducts: undefined,
  };
  for (const register of [
    registerLinear,
    registerMatMul,
    registerAttention,
    registerLoss,
    registerNorms,
    registerGates,
    registerRotary,
    registerRows,
    registerColumns,
    registerElements,
    registerOptimizer,
  ]) {
    register(cuda);
  }
  return { cuda, fallbacks };
}

function loadKernels(addon: Addon, { card }: OpenCard): Driver {
  try {
    return new Driver(addon, card.multiprocessors, PTX);
  } catch (error) {
    const { cause } = error as Error;
    if (!driverCode(cause)) throw error;
    throw new Declined(
      `the driver refuses the kernels: ${(cause as Error).message}; a later driver may take them`,
    );
  }
}

/** Takes the frozen weights to the card. What lies between products has the type of most products' arithmetic. */
function placeWeights(cuda: Cuda, model: LanguageModel): () => void {
  const placed = new Map<unknown, CardWeight>();
  for (const site of [...model.embeddings, ...model.linears]) {
    const weight = placed.get(site.weight) ?? cuda.weights.place(site.weight);
    placed.set(site.weight, weight);
    site.weight = weight;
  }
  const inBf16 = model.linears.filter(({ weight }) => computeType(weight) === BF16);
  cuda.between = 2 * inBf16.length > model.linears.length ? BF16 : F32;
  return () => {
    for (const weight of placed.values()) weight.free();
    cuda.between = F32;
  };
}
