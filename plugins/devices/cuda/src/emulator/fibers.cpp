#include "fibers.hpp"

#include "registry.hpp"

#include <cstring>
#include <stdexcept>
#include <vector>

#if defined(__x86_64__)
// Saves what a call preserves, and goes on where the other stack left off.
extern "C" void evolveSwitchStack(void** from, void* to);
asm(R"(
.text
.globl evolveSwitchStack
.hidden evolveSwitchStack
evolveSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
#else
#include <ucontext.h>
#endif

namespace emulator {

thread_local Extent threadAt, blockAt, blockSize, gridSize;
thread_local int currentThread = -1;
thread_local Exchange exchanges[1024 / kWarp];

namespace {

constexpr size_t kStackBytes = 64 * 1024;

struct Fiber {
  std::vector<char> stack = std::vector<char>(kStackBytes);
#if defined(__x86_64__)
  void* at = nullptr;
#else
  ucontext_t at;
#endif
  bool ended = false;
  LaterCopies copies;
};

// A barrier: how many have come, and how often it has opened.
struct Gate {
  int living = 0, arrived = 0;
  unsigned opened = 0;

  void openIfAllCame() {
    if (living > 0 && arrived == living) {
      arrived = 0;
      opened++;
    }
  }
};

thread_local std::vector<Fiber> fibers;
thread_local Gate blockGate, warpGates[1024 / kWarp];
thread_local const std::function<void()>* body;
thread_local int threads;
// How many switches in a row have let nobody past a gate.
thread_local int idleSwitches;
#if defined(__x86_64__)
thread_local void* caller;
#else
thread_local ucontext_t caller;
#endif

void standAt(int thread) {
  currentThread = thread;
  const uint32_t i = thread;
  threadAt = {i % blockSize.x, i / blockSize.x % blockSize.y, i / (blockSize.x * blockSize.y)};
}

#if defined(__x86_64__)
void switchTo(int from, int to) {
  void** saved = from < 0 ? &caller : &fibers[from].at;
  evolveSwitchStack(saved, to < 0 ? caller : fibers[to].at);
}
#else
void switchTo(int from, int to) {
  ucontext_t* saved = from < 0 ? &caller : &fibers[from].at;
  swapcontext(saved, to < 0 ? &caller : &fibers[to].at);
}
#endif

// The next fiber that has not ended, or −1.
int nextAfter(int thread) {
  for (int step = 1; step <= threads; step++) {
    const int next = (thread + step) % threads;
    if (!fibers[next].ended) return next;
  }
  return -1;
}

void yield() {
  const int self = currentThread;
  const int next = nextAfter(self);
  if (next != self) {
    standAt(next);
    switchTo(self, next);
    standAt(self);
  }
}

void waitAt(Gate& gate) {
  const unsigned before = gate.opened;
  gate.arrived++;
  gate.openIfAllCame();
  if (gate.opened != before) idleSwitches = 0;
  while (gate.opened == before) {
    // Nobody has passed a gate while every fiber was asked several times: they wait for each other.
    if (++idleSwitches > 4 * threads + 64) {
      throw std::runtime_error("threads of a block wait at different barriers");
    }
    yield();
  }
  idleSwitches = 0;
}

thread_local const char* fault;
thread_local char faultText[256];

void runFiber() {
  try {
    (*body)();
  } catch (const std::exception& error) {
    if (!fault) {
      strncpy(faultText, error.what(), sizeof faultText - 1);
      fault = faultText;
    }
  }
  const int self = currentThread;
  fibers[self].ended = true;
  Gate& warp = warpGates[self / kWarp];
  blockGate.living--;
  warp.living--;
  blockGate.openIfAllCame();
  warp.openIfAllCame();
  idleSwitches = 0;
  // After a fault the others are left where they are: their stacks hold nothing that must be freed.
  const int next = fault ? -1 : nextAfter(self);
  if (next >= 0) standAt(next);
  switchTo(self, next);
}

void prepare(Fiber& fiber) {
  fiber.ended = false;
  fiber.copies.clear();
#if defined(__x86_64__)
  auto top = reinterpret_cast<uintptr_t>(fiber.stack.data() + fiber.stack.size()) & ~uintptr_t{15};
  auto* slots = reinterpret_cast<void**>(top);
  *--slots = nullptr;
  *--slots = reinterpret_cast<void*>(runFiber);
  for (int saved = 0; saved < 6; saved++) *--slots = nullptr;
  fiber.at = slots;
#else
  getcontext(&fiber.at);
  fiber.at.uc_stack.ss_sp = fiber.stack.data();
  fiber.at.uc_stack.ss_size = fiber.stack.size();
  fiber.at.uc_link = nullptr;
  makecontext(&fiber.at, runFiber, 0);
#endif
}

void runBlock() {
  blockGate = {threads, 0, 0};
  for (int warp = 0; warp * kWarp < threads; warp++) {
    warpGates[warp] = {threads - warp * kWarp < kWarp ? threads - warp * kWarp : kWarp, 0, 0};
  }
  idleSwitches = 0;
  for (int thread = 0; thread < threads; thread++) prepare(fibers[thread]);
  standAt(0);
  switchTo(-1, 0);
  currentThread = -1;
  if (fault) throw std::runtime_error(fault);
}

}  // namespace

void launch(Extent grid, Extent block, const std::function<void()>& kernel) {
  gridSize = grid;
  blockSize = block;
  body = &kernel;
  fault = nullptr;
  threads = block.x * block.y * block.z;
  if (threads < 1 || threads > 1024) throw std::runtime_error("a block has 1 to 1,024 threads");
  if (fibers.size() < size_t(threads)) fibers.resize(threads);
  for (uint32_t z = 0; z < grid.z; z++) {
    for (uint32_t y = 0; y < grid.y; y++) {
      for (uint32_t x = 0; x < grid.x; x++) {
        blockAt = {x, y, z};
        runBlock();
      }
    }
  }
}

LaterCopies& laterCopies() { return fibers[currentThread].copies; }

void waitForBlock() { waitAt(blockGate); }
void waitForWarp() { waitAt(warpGates[currentThread / kWarp]); }

}  // namespace emulator
