import { describeFamily } from '../contracts/family.js';
import { describeWorld, describeWorldsOf } from '../contracts/world.js';
import { worldsOf } from '../support/worlds.js';

describeFamily('worlds', describeWorld, [
  ['single', { sizes: [1] }],
  // Those of several are runs that mpirun starts: worlds/mpi.slow.ts.
  ['mpi', { sizes: [1] }],
  [
    'shared-folder',
    {
      options: { folder: '/nowhere', rank: 0, size: 1 },
      sizes: [1, 2, 3],
      optionsOf: (rank, size, folder) => ({ folder, rank, size }),
    },
    'shared-folder.ts',
  ],
]);

// With them the tests have a run of several processes.
describeWorldsOf('worlds of one process', [1, 2, 3], async (size) => worldsOf(size));
