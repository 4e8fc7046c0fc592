#!/bin/bash
#SBATCH --job-name=evolve
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=08:00:00
set -euo pipefail

# Slurm starts the processes, and they find each other by PMIx. `srun --mpi=list` shows whether it has it.
srun --mpi=pmix --kill-on-bad-exit=1 node_modules/.bin/evolve run mine.yaml --output runs/mine "$@"
