/** What device plugins do: they open what computes. */

import type { LanguageModel } from './backbone.js';
import type { KeyValueCache } from './cache.js';

/** Asks for a device. A plugin that is wanted but cannot open its device says why with `decline`, and answers undefined. */
export interface DeviceRequest {
  /** The name asked for, or `auto`. */
  readonly name: string;
  /** True if `name` is asked for, or any device will do. */
  wants(name: string): boolean;
  decline(name: string, reason: string): void;
}

/** How often the CPU computed what a device has no kernel for, and how many bytes were fetched from the device for it. */
export interface FallbackCount {
  readonly calls: number;
  readonly bytes: number;
}

/** What a device with memory of its own used since it was opened. */
export interface DeviceUsage {
  /** The most bytes of its memory that were taken at a time. */
  readonly peakMemory: number;
  /** By the name of the kernel. */
  readonly fallbacks: Readonly<Record<string, FallbackCount>>;
}

/** A device that was opened. */
export interface Device {
  readonly name: string;
  /** The TensorFlow.js backend that is active once the device is open. */
  readonly backend: string;
  /** One line for the person: what computes. */
  readonly description: string;
  /** What `evolve device` tells besides: `{ driver: 'for CUDA 12.4', memory: '79.2 GiB, 78.1 GiB free' }`. */
  readonly details?: Readonly<Record<string, string>>;
  /**
   * Takes the model's frozen weights to the device, once they are quantized and adapters are in place. A device with memory
   * of its own replaces the weights of the sites (`site.weight`) by its own, so that nobody holds the originals.
   *
   * @returns what frees them there, called when the model is disposed
   */
  placeWeights?(model: LanguageModel): undefined | (() => void);
  /** A key-value cache in the device's own memory, for one model. Without it decoding takes a PagedCache. */
  makeCache?(): KeyValueCache;
  /** Of a device with memory of its own: what it has used until now. */
  usage?(): DeviceUsage;
}

/** What a person says with `evolve device install NAME`. */
export interface InstallRequest {
  /** The Python in whose packages a library is looked for; by default that of EVOLVE_PYTHON, or python3. */
  readonly python?: string | undefined;
  /** The folder of the library, which is then not looked for. */
  readonly from?: string | undefined;
  /** Tells the person what is being done. */
  tell(line: string): void;
}
