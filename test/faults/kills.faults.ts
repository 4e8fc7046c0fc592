/** A run is killed at random moments, without a chance to save anything, and goes on each time (`npm run test:faults`). */

import { TemporaryFolder } from '../support/files.js';
import { surviveKills } from '../support/killed-run.js';

describe('a run that is killed again and again', () => {
  for (const device of ['portable', 'native']) {
    it(`ends with the adapter and the metrics of a run that was not: 50 times, device ${device}`, async () => {
      const folder = new TemporaryFolder();
      await surviveKills(folder, { device, kills: 50 });
      folder.remove();
    });
  }
});
