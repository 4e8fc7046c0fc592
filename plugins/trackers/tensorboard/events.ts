/**
 * TensorBoard's events, with the numbers that TensorFlow's event.proto, summary.proto and tensor.proto give their fields.
 */

import { bytes, double, float, integer, message } from './protobuf.js';

type Fields = Uint8Array;

/** `DT_STRING` of types.proto. */
const STRING = 7;
/** `SessionLog.START` of event.proto. */
const START = 1;

/** The first event of a file. */
export function versionEvent(seconds: number): Fields {
  return message(double(1, seconds), bytes(3, 'brain.Event:2'));
}

/** Has TensorBoard drop what other files of the run say of this step and of later ones. */
export function restartEvent(seconds: number, step: number): Fields {
  return message(double(1, seconds), integer(2, step), bytes(7, integer(1, START)));
}

/** Numbers by their tags, of one step. @param seconds since 1970 */
export function scalarEvent(
  seconds: number,
  step: number,
  scalars: readonly (readonly [string, number])[],
): Fields {
  const values = scalars.map(([tag, value]) => bytes(1, message(bytes(1, tag), float(2, value))));
  return message(double(1, seconds), integer(2, step), bytes(5, message(...values)));
}

/** A text, which TensorBoard shows as Markdown. */
export function textEvent(seconds: number, step: number, tag: string, text: string): Fields {
  const tensor = message(integer(1, STRING), bytes(2, bytes(2, integer(1, 1))), bytes(8, text));
  const metadata = bytes(1, bytes(1, 'text'));
  const value = message(bytes(1, tag), bytes(8, tensor), bytes(9, metadata));
  return message(double(1, seconds), integer(2, step), bytes(5, bytes(1, value)));
}
