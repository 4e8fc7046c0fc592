/** What device plugins do: they open what computes. */

/** Asks for a device. A plugin that is asked and cannot says why with `decline` and answers undefined. */
export interface DeviceRequest {
  /** The name asked for, or `auto`. */
  readonly name: string;
  /** True where `name` is asked for, or any device will do. */
  wants(name: string): boolean;
  decline(name: string, reason: string): void;
}

/** A device that was opened. */
export interface Device {
  readonly name: string;
  /** The TensorFlow.js backend that is active once the device is open. */
  readonly backend: string;
  /** One line for the person: what computes. */
  readonly description: string;
}
