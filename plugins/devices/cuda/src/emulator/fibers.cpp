#include "fibers.hpp"

#include "registry.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include <cstring>
#include <memory>
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
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
#if defined(__x86_64__)
  void* at = nullptr;
#else
  ucontext_t at;
#endif
  bool ended = false;
  LaterCopies copies;
#if defined(__SANITIZE_ADDRESS__)
  void* fakeStack = nullptr;
#endif
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

#if defined(__SANITIZE_ADDRESS__)
thread_local void* callersFakeStack;
void*& savedOf(int thread) { return thread < 0 ? callersFakeStack : fibers[thread].fakeStack; }
#endif

void standAt(int thread) {
  currentThread = thread;
  const uint32_t i = thread;
  threadAt = {i % blockSize.x, i / blockSize.x % blockSize.y, i / (blockSize.x * blockSize.y)};
}

// AddressSanitizer must know which stack is in use. A fiber that has ended comes back no more.
#if defined(__SANITIZE_ADDRESS__)
struct Stack {
  const void* bottom;
  size_t bytes;
};
Stack stackOf(int thread) {
  if (thread >= 0) return {fibers[thread].stack.get(), kStackBytes};
  pthread_attr_t attributes;
  void* bottom;
  size_t bytes;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &bottom, &bytes);
  pthread_attr_destroy(&attributes);
  return {bottom, bytes};
}
void leaveStack(int from, int to) {
  const Stack next = stackOf(to);
  const bool ends = from >= 0 && fibers[from].ended;
  __sanitizer_start_switch_fiber(ends ? nullptr : &savedOf(from), next.bottom, next.bytes);
}
void arriveAt(int thread) { __sanitizer_finish_switch_fiber(savedOf(thread), nullptr, nullptr); }
#else
void leaveStack(int, int) {}
void arriveAt(int) {}
#endif

void switchTo(int from, int to) {
  leaveStack(from, to);
#if defined(__x86_64__)
  void** saved = from < 0 ? &caller : &fibers[from].at;
  evolveSwitchStack(saved, to < 0 ? caller : fibers[to].at);
#else
  ucontext_t* saved = from < 0 ? &caller : &fibers[from].at;
  swapcontext(saved, to < 0 ? &caller : &fibers[to].at);
#endif
  arriveAt(from);
}

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
  arriveAt(currentThread);
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
#if defined(__SANITIZE_ADDRESS__)
  fiber.fakeStack = nullptr;
  // Of what ran here before.
  ASAN_UNPOISON_MEMORY_REGION(fiber.stack.get(), kStackBytes);
#endif
#if defined(__x86_64__)
  auto top = reinterpret_cast<uintptr_t>(fiber.stack.get() + kStackBytes) & ~uintptr_t{15};
  auto* slots = reinterpret_cast<void**>(top);
  *--slots = nullptr;
  *--slots = reinterpret_cast<void*>(runFiber);
  for (int saved = 0; saved < 6; saved++) *--slots = nullptr;
  fiber.at = slots;
#else
  getcontext(&fiber.at);
  fiber.at.uc_stack.ss_sp = fiber.stack.get();
  fiber.at.uc_stack.ss_size = kStackBytes;
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
