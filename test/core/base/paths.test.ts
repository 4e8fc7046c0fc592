import path from 'node:path';
import { expect } from 'chai';
import { shown } from '../../../core/base/paths.js';

describe('shown', () => {
  it('is relative below the working folder, absolute elsewhere', () => {
    expect(shown(path.resolve('a', 'b.yaml'))).to.equal(path.join('a', 'b.yaml'));
    expect(shown(path.resolve('.'))).to.equal('.');
    expect(shown(path.resolve('..', 'b.yaml'))).to.equal(path.resolve('..', 'b.yaml'));
  });
});
