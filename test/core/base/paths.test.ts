import path from 'node:path';
import { expect } from 'chai';
import { displayPath } from '../../../core/base/paths.js';

describe('displayPath', () => {
  it('is relative below the working folder, absolute elsewhere', () => {
    expect(displayPath(path.resolve('a', 'b.yaml'))).to.equal(path.join('a', 'b.yaml'));
    expect(displayPath(path.resolve('.'))).to.equal('.');
    expect(displayPath(path.resolve('..', 'b.yaml'))).to.equal(path.resolve('..', 'b.yaml'));
  });
});
