import { expect } from 'chai';
import { withMembers } from '../../../core/base/json-text.js';

describe('a JSON text with other values', () => {
  const text = `{
  "eps": 1e-05,
  "scale": 6.0,
  "big": 12345678901234567890,
  "rope": {"factor": 8.0, "dtype": "no, } here", "list": [1.0, {"dtype": 2}]},
  "dtype": "float32",
  "quote": "a \\"dtype\\": {"
}
`;

  it('keeps the form of all that is not changed', () => {
    expect(withMembers(text, {})).to.equal(text);
    const changed = withMembers(text, { dtype: 'bfloat16' });
    expect(changed).to.equal(text.replace('"dtype": "float32"', '"dtype": "bfloat16"'));
  });

  it('takes keys out, the first, the last and one between', () => {
    for (const key of ['eps', 'rope', 'quote']) {
      const { [key]: _, ...rest } = JSON.parse(text);
      expect(JSON.parse(withMembers(text, { [key]: undefined }))).to.deep.equal(rest);
    }
    expect(withMembers(text, { rope: undefined }))
      .to.include('"scale": 6.0,\n')
      .and.not.include('factor');
    expect(withMembers('{"a": 1}', { a: undefined, b: undefined })).to.equal('{}');
  });

  it('puts what is new last', () => {
    expect(withMembers(text, { torch_dtype: 'float16' })).to.equal(
      text.replace('{"\n}', '{",\n  "torch_dtype": "float16"\n}'),
    );
    expect(withMembers('{}', { a: [1] })).to.equal('{"a": [1]}');
    expect(withMembers(' { } ', { a: null })).to.equal(' {"a": null } ');
  });
});
