import { expect } from 'chai';
import { z } from 'zod';
import { validate } from '../../../core/config/validate.js';

const schema = z.strictObject({
  name: z.string().min(1),
  size: z.number().int().positive().default(4),
  mode: z.enum(['fast', 'exact']).optional(),
  inner: z.strictObject({ rate: z.number(), deeper: z.strictObject({ flag: z.boolean() }).optional() }),
  items: z
    .array(z.union([z.string().min(1), z.strictObject({ path: z.string(), format: z.string() })]))
    .optional(),
});

/** A location that shows which path was asked for. */
const locate = (path: readonly PropertyKey[]) => `@${path.join('/')}`;

function faultsOf(value: unknown, prefix?: string[]): string[] {
  const { data, faults } = validate(schema, value, locate, prefix);
  expect(data).to.equal(undefined);
  return faults;
}

const RIGHT = { name: 'a', inner: { rate: 1 } };

describe('validate', () => {
  it('yields what is right, completed by defaults', () => {
    expect(validate(schema, RIGHT, locate)).to.deep.equal({ data: { ...RIGHT, size: 4 }, faults: [] });
  });

  it('names all faults at once, each with its place and what was received', () => {
    const faults = faultsOf({
      name: 5,
      size: 'big',
      inner: { rate: null, deeper: { flag: 'no' } },
      colour: 1,
    });
    expect(faults).to.have.members([
      '@name: name: expected text, but got 5',
      '@size: size: expected number, but got "big"',
      '@inner/rate: inner.rate: expected number, but got null',
      '@inner/deeper/flag: inner.deeper.flag: expected true or false, but got "no"',
      '@colour: unknown key "colour"; known here: name, size, mode, inner, items',
    ]);
  });

  it('says of what is absent that it is missing', () => {
    expect(faultsOf({})).to.deep.equal([
      '@name: name: required, but missing',
      '@inner: inner: required, but missing',
    ]);
  });

  it('says which values there may be', () => {
    const [enumeration, bound] = faultsOf({ ...RIGHT, mode: 'fats', size: 0 }).reverse();
    expect(enumeration).to.match(/^@mode: mode: .*"fast".*"exact".*, but got "fats"$/);
    expect(bound).to.match(/^@size: size: too small: .*>0, but got 0$/);
  });

  it('finds the nearest of the keys at the same place, not of another', () => {
    const faults = faultsOf({ name: 'a', inner: { rat: 1, rate: 2, deeper: { flga: true, flag: true } } });
    expect(faults).to.have.members([
      '@inner/rat: unknown key "inner.rat" (did you mean "rate"?)',
      '@inner/deeper/flga: unknown key "inner.deeper.flga" (did you mean "flag"?)',
    ]);
  });

  it('takes a value of several types as the one whose type it has', () => {
    const faults = faultsOf({ ...RIGHT, items: ['x', { path: 'p', formt: 'f' }, 5, ''] });
    expect(faults).to.have.length(4);
    expect(faults[0]).to.equal('@items/1/format: items.1.format: required, but missing');
    expect(faults[1]).to.equal('@items/1/formt: unknown key "items.1.formt" (did you mean "format"?)');
    expect(faults[2]).to.equal(
      '@items/2: items.2: expected text or keys with values, as { key: value }, but got 5',
    );
    expect(faults[3]).to.match(/^@items\/3: items\.3: too small: .*, but got ""$/);
  });

  it('puts the prefix of a plugin before places and paths', () => {
    expect(faultsOf({ ...RIGHT, size: 'x', nmae: 1 }, ['adapter'])).to.have.members([
      '@adapter/size: adapter.size: expected number, but got "x"',
      '@adapter/nmae: unknown key "adapter.nmae" (did you mean "name"?)',
    ]);
  });

  it('names the whole where the whole is wrong', () => {
    expect(faultsOf(7)).to.deep.equal([
      '@: the configuration: expected keys with values, as { key: value }, but got 7',
    ]);
  });

  it('shows infinity as it is, and long values shortened', () => {
    const [fault] = faultsOf({ ...RIGHT, size: Number.POSITIVE_INFINITY });
    expect(fault).to.equal('@size: size: expected number, but got Infinity');
    const [long] = faultsOf({ ...RIGHT, size: 'x'.repeat(500) });
    expect(long).to.match(/but got "x{10,}…$/);
    expect(long).to.have.length.below(120);
  });
});
