// A grid of blocks on one CPU thread. The threads of a block are fibers: each runs until it waits for others, and the next goes on.
#pragma once
#include <cstdint>
#include <functional>

namespace emulator {

struct Extent {
  uint32_t x = 1, y = 1, z = 1;
};

// Where the running fiber stands. Kernels read them as threadIdx, blockIdx, blockDim and gridDim.
extern thread_local Extent threadAt, blockAt, blockSize, gridSize;
extern thread_local int currentThread;

constexpr int kWarp = 32;
// What the lanes of a warp hand to each other.
struct Exchange {
  uint32_t values[kWarp][6];
};
extern thread_local Exchange exchanges[1024 / kWarp];

// Runs `kernel` once for each thread of each block. Throws std::runtime_error where threads wait for what never comes.
void launch(Extent grid, Extent block, const std::function<void()>& kernel);

// Waits for all threads of the block that have not ended.
void waitForBlock();
// Waits for all lanes of the warp that have not ended.
void waitForWarp();

}  // namespace emulator
