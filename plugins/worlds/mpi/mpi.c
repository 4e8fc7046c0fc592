/*
 * MPI for Node.js: a thread of its own makes all calls of MPI (MPI_THREAD_FUNNELED), so that JavaScript never waits, and so that
 * processes see each other live while JavaScript computes. addon.ts says what each function takes and gives.
 *
 * A collective call begins with a barrier. While others compute, the thread looks seldom; once all are there, it looks
 * all the time. Besides, each process sends a beat to the next one every second. One that hears none of the process before it for
 * too long, or hears that its JavaScript has not returned for too long, says so to process 0, which ends the run.
 */

#define _GNU_SOURCE
#include <mpi.h>
#include <node_api.h>
#include <pthread.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SUM_FLOAT, SUM_DOUBLE, BROADCAST, BARRIER, CLOSE, SHARE };
enum { TAG_BEAT = 1, TAG_FAULT = 2 };
enum { FAULT_BYTES = 4096, HOST_BYTES = MPI_MAX_PROCESSOR_NAME };
/* What one call of MPI sums or sends: its count is an int, and the library keeps copies. */
static const size_t PIECE = 1 << 24;
static const double BEAT_SECONDS = 1;
/* So long JavaScript of process 0 has to hear of a fault, and then to save and end the run. */
static const double GRACE_SECONDS = 10, SAVE_SECONDS = 600;

typedef struct {
  void *memory;
  size_t size;
} Mapping;

typedef struct Job {
  int kind;
  char *data;
  size_t count;
  /* Of SHARE: one for each of `count` sizes, or none. */
  Mapping *shared;
  napi_deferred deferred;
  napi_ref keep;
  char error[MPI_MAX_ERROR_STRING];
  struct Job *next;
} Job;

/* What a fault's teller sends to process 0: whom it is about, and whether that one told it itself. */
typedef struct {
  int about;
  int told;
  char text[FAULT_BYTES];
} Fault;

typedef struct {
  /* Seconds for which its JavaScript has not returned to the event loop. */
  double busy;
} Beat;

static struct {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t woken;
  Job *first, *last;
  bool started;
  _Atomic bool opened, closed, is_heard;
  _Atomic int abort_status;
  _Atomic double turned;
  double silence, patience;
  int rank, size;
  char *hosts;
  char open_error[MPI_MAX_ERROR_STRING];
  napi_deferred opening;
  napi_threadsafe_function settle, fault;
  /* `machine` has the processes of this machine. */
  MPI_Comm calls, signs, machine;
  int place, neighbours;
  Fault told;
  _Atomic bool has_told;
  bool json;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER, .woken = PTHREAD_COND_INITIALIZER, .abort_status = -1};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec * 1e-9;
}

static const char *host_of(int rank) { return world.hosts + (size_t)rank * HOST_BYTES; }

/* ---- The thread ---- */

typedef struct {
  MPI_Request beat_in, beat_out, fault_in, fault_out;
  Beat in, out;
  Fault fault;
  double heard, sent, looked, told_at;
  bool accused;
} Signs;

static void await_beat(Signs *signs) {
  const int before = (world.rank + world.size - 1) % world.size;
  MPI_Irecv(&signs->in, sizeof(Beat), MPI_BYTE, before, TAG_BEAT, world.signs, &signs->beat_in);
}

static void await_fault(Signs *signs) {
  MPI_Irecv(&signs->fault, sizeof(Fault), MPI_BYTE, MPI_ANY_SOURCE, TAG_FAULT, world.signs, &signs->fault_in);
}

/* Of process 0: JavaScript hears of it, and ends the run. */
static void hear(const Fault *fault) {
  Fault *copy = malloc(sizeof(Fault));
  *copy = *fault;
  napi_call_threadsafe_function(world.fault, copy, napi_tsfn_nonblocking);
}

static void accuse(Signs *signs, int about, const char *what, double seconds) {
  Fault *fault = &world.told;
  signs->accused = true;
  signs->told_at = now();
  *fault = (Fault){.about = about};
  snprintf(fault->text, FAULT_BYTES, what, about, host_of(about), seconds);
  if (world.rank == 0) hear(fault);
  else if (about != 0) MPI_Isend(fault, sizeof(Fault), MPI_BYTE, 0, TAG_FAULT, world.signs, &signs->fault_out);
}

/* Where JavaScript of process 0 does not end the run, or cannot. */
static void end_all(const char *text) {
  const char *advice = "The run goes on from its last checkpoint with --resume.";
  if (world.json)
    printf("{\"type\":\"error\",\"code\":\"WORLD_FAILED\",\"message\":\"%s\",\"advice\":\"%s\"}\n", text, advice);
  fprintf(stderr, "evolve: %s\n%s\n", text, advice);
  fflush(NULL);
  /* Of a job that it ends, MPICH's mpirun shows only what it has read by then. */
  usleep(500 * 1000);
  MPI_Abort(MPI_COMM_WORLD, 1);
}

static void look_for_signs(Signs *signs) {
  const double time = now(), gap = time - signs->looked;
  if (world.size == 1 || gap < 1e-3) return;
  int is_there;
  /* It was stopped itself, as by Ctrl-Z: what others sent meanwhile is still to come. */
  if (gap > 2 * BEAT_SECONDS) signs->heard = time;
  signs->looked = time;
  const int before = (world.rank + world.size - 1) % world.size;
  for (MPI_Test(&signs->beat_in, &is_there, MPI_STATUS_IGNORE); is_there;
       MPI_Test(&signs->beat_in, &is_there, MPI_STATUS_IGNORE)) {
    signs->heard = time;
    await_beat(signs);
  }
  if (time - signs->sent > BEAT_SECONDS) {
    MPI_Test(&signs->beat_out, &is_there, MPI_STATUS_IGNORE);
    if (is_there) {
      signs->out.busy = time - world.turned;
      signs->sent = time;
      MPI_Isend(&signs->out, sizeof(Beat), MPI_BYTE, (world.rank + 1) % world.size, TAG_BEAT, world.signs,
                &signs->beat_out);
    }
  }
  if (!signs->accused && time - signs->heard > world.silence)
    accuse(signs, before, "process %d on %s gives no sign of life for %.0f s: it hangs, or its host is not reached",
           time - signs->heard);
  if (!signs->accused && signs->in.busy > world.patience)
    accuse(signs, before, "process %d on %s computes for %.0f s without an end: it seems to hang", signs->in.busy);
  const double grace = world.told.about == 0 ? 0 : world.is_heard ? SAVE_SECONDS : GRACE_SECONDS;
  if (signs->accused && time - signs->told_at > grace) end_all(world.told.text);
  if (world.rank == 0) {
    MPI_Test(&signs->fault_in, &is_there, MPI_STATUS_IGNORE);
    if (is_there) {
      hear(&signs->fault);
      /* What tells of itself may end well: JavaScript saves before it ends the run. */
      if (!signs->accused && !signs->fault.told) {
        world.told = signs->fault;
        signs->accused = true;
        signs->told_at = time;
      }
      await_fault(signs);
    }
  } else if (world.has_told && !signs->accused) {
    signs->accused = true;
    /* It waits to be ended, however long process 0 takes to save. */
    signs->told_at = time + SAVE_SECONDS;
    MPI_Isend(&world.told, sizeof(Fault), MPI_BYTE, 0, TAG_FAULT, world.signs, &signs->fault_out);
  }
}

static void abort_if_asked(void) {
  if (world.abort_status >= 0) MPI_Abort(MPI_COMM_WORLD, world.abort_status);
}

/* Waits for a call; @param spins whether all are there, so that it is worth to look all the time */
static int finish(MPI_Request *request, Signs *signs, bool spins) {
  const double from = now();
  for (;;) {
    int is_done;
    const int error = MPI_Test(request, &is_done, MPI_STATUS_IGNORE);
    if (error != MPI_SUCCESS || is_done) return error;
    const double waited = now() - from;
    look_for_signs(signs);
    abort_if_asked();
    /* At most a twentieth of the time that it waited comes on top of it. */
    if (spins || waited < 2e-4) sched_yield();
    else usleep(waited > 0.02 ? 1000 : (useconds_t)(waited * 5e4));
  }
}

static int all_arrive(Signs *signs) {
  MPI_Request request;
  const int error = MPI_Ibarrier(world.calls, &request);
  return error == MPI_SUCCESS ? finish(&request, signs, false) : error;
}

/* Memory of a machine's first process, and where the others find it: that process's own open file. */
typedef struct {
  int pid, file;
  unsigned long long device, inode;
} Place;

/* A file without a name, in memory: it goes when nobody has it open or mapped any more, also where all are killed. */
static Place make_file(size_t size) {
  Place place = {.pid = getpid(), .file = -1};
#ifdef __linux__
  struct stat status;
  const int file = memfd_create("evolve", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return place;
  /* Nobody can cut it short under those that read it. */
  if (ftruncate(file, (off_t)size) == 0 && fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0 &&
      fstat(file, &status) == 0) {
    place.file = file;
    place.device = status.st_dev;
    place.inode = status.st_ino;
  } else close(file);
#else
  (void)size;
#endif
  return place;
}

/* -1 where it is not to be had: the process may be one of another container, and its number another process's here. */
static int open_file(const Place *place) {
  char path[64];
  struct stat status;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", place->pid, place->file);
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return -1;
  if (fstat(file, &status) == 0 && status.st_dev == place->device && status.st_ino == place->inode) return file;
  close(file);
  return -1;
}

static void unmap(Job *job) {
  for (size_t i = 0; job->shared && i < job->count; i++)
    if (job->shared[i].memory) munmap(job->shared[i].memory, job->shared[i].size);
  free(job->shared);
  job->shared = NULL;
}

/* Maps each buffer from a page on; none where one cannot be mapped. */
static void map(Job *job, int file) {
  const double *sizes = (const double *)job->data;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  off_t at = 0;
  job->shared = calloc(job->count, sizeof(Mapping));
  for (size_t i = 0; i < job->count; i++) {
    const size_t size = ((size_t)sizes[i] + page - 1) / page * page;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, at);
    if (memory == MAP_FAILED) return unmap(job);
    job->shared[i] = (Mapping){memory, size};
    at += (off_t)size;
  }
}

static size_t bytes_of(const Job *job) {
  const double *sizes = (const double *)job->data;
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t sum = 0;
  for (size_t i = 0; i < job->count; i++) sum += ((size_t)sizes[i] + page - 1) / page * page;
  return sum;
}

/* All processes of a machine map the same memory, or none. */
static int share(Job *job, Signs *signs) {
  if (world.neighbours == 1) return MPI_SUCCESS;
  Place place = {.file = -1};
  if (world.place == 0) place = make_file(bytes_of(job));
  int file = place.file, is_mapped;
  MPI_Request request;
  int error = MPI_Ibcast(&place, sizeof place, MPI_BYTE, 0, world.machine, &request);
  if (error == MPI_SUCCESS) error = finish(&request, signs, true);
  if (world.place > 0 && error == MPI_SUCCESS && place.file >= 0) file = open_file(&place);
  if (file >= 0) map(job, file);
  is_mapped = job->shared != NULL;
  if (error == MPI_SUCCESS)
    error = MPI_Iallreduce(MPI_IN_PLACE, &is_mapped, 1, MPI_INT, MPI_MIN, world.machine, &request);
  if (error == MPI_SUCCESS) error = finish(&request, signs, true);
  if (file >= 0) close(file);
  if (error != MPI_SUCCESS || !is_mapped) unmap(job);
  return error;
}

static int carry_out(Job *job, Signs *signs) {
  int error = all_arrive(signs);
  if (job->kind == CLOSE || job->kind == BARRIER || error != MPI_SUCCESS) return error;
  if (job->kind == SHARE) return share(job, signs);
  const size_t width = job->kind == SUM_FLOAT ? sizeof(float) : job->kind == SUM_DOUBLE ? sizeof(double) : 1;
  const MPI_Datatype type = job->kind == SUM_FLOAT ? MPI_FLOAT : job->kind == SUM_DOUBLE ? MPI_DOUBLE : MPI_BYTE;
  for (size_t at = 0; at < job->count && error == MPI_SUCCESS; at += PIECE) {
    char *data = job->data + at * width;
    const int count = (int)(job->count - at < PIECE ? job->count - at : PIECE);
    MPI_Request request;
    error = job->kind == BROADCAST
                ? MPI_Ibcast(data, count, type, 0, world.calls, &request)
                : MPI_Iallreduce(MPI_IN_PLACE, data, count, type, MPI_SUM, world.calls, &request);
    if (error == MPI_SUCCESS) error = finish(&request, signs, true);
  }
  return error;
}

static void tell_error(int error, char *text) {
  int length;
  if (error != MPI_SUCCESS) MPI_Error_string(error, text, &length);
}

static int start(void) {
  int level, length;
  int error = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
  if (error != MPI_SUCCESS) return error;
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &world.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &world.size);
  error = MPI_Comm_dup(MPI_COMM_WORLD, &world.calls);
  if (error == MPI_SUCCESS) error = MPI_Comm_dup(MPI_COMM_WORLD, &world.signs);
  if (error == MPI_SUCCESS)
    error = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &world.machine);
  if (error != MPI_SUCCESS) return error;
  MPI_Comm_rank(world.machine, &world.place);
  MPI_Comm_size(world.machine, &world.neighbours);
  char host[HOST_BYTES] = "";
  MPI_Get_processor_name(host, &length);
  world.hosts = calloc(world.size, HOST_BYTES);
  return MPI_Allgather(host, HOST_BYTES, MPI_CHAR, world.hosts, HOST_BYTES, MPI_CHAR, MPI_COMM_WORLD);
}

static Job *next_job(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 20 * 1000 * 1000;
  if (until.tv_nsec >= 1000 * 1000 * 1000) {
    until.tv_sec++;
    until.tv_nsec -= 1000 * 1000 * 1000;
  }
  pthread_mutex_lock(&world.lock);
  if (!world.first && world.abort_status < 0) pthread_cond_timedwait(&world.woken, &world.lock, &until);
  Job *job = world.first;
  if (job) world.first = job->next;
  if (!world.first) world.last = NULL;
  pthread_mutex_unlock(&world.lock);
  return job;
}

static void *run(void *unused) {
  (void)unused;
  tell_error(start(), world.open_error);
  world.opened = true;
  napi_call_threadsafe_function(world.settle, NULL, napi_tsfn_blocking);
  if (world.open_error[0]) return NULL;
  Signs signs = {.beat_in = MPI_REQUEST_NULL,
                 .beat_out = MPI_REQUEST_NULL,
                 .fault_in = MPI_REQUEST_NULL,
                 .fault_out = MPI_REQUEST_NULL,
                 .heard = now(),
                 .looked = now()};
  if (world.size > 1) await_beat(&signs);
  if (world.size > 1 && world.rank == 0) await_fault(&signs);
  for (;;) {
    Job *job = next_job();
    abort_if_asked();
    look_for_signs(&signs);
    if (!job) continue;
    tell_error(carry_out(job, &signs), job->error);
    const bool is_last = job->kind == CLOSE;
    if (is_last) {
      for (MPI_Request *each = &signs.beat_in; each <= &signs.fault_out; each++)
        if (*each != MPI_REQUEST_NULL) {
          MPI_Cancel(each);
          MPI_Request_free(each);
        }
      MPI_Finalize();
      world.closed = true;
    }
    napi_call_threadsafe_function(world.settle, job, napi_tsfn_blocking);
    if (is_last) return NULL;
  }
}

/* ---- What JavaScript sees ---- */

static napi_value text_of(napi_env env, const char *text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

static napi_value number_of(napi_env env, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  return value;
}

static void reject(napi_env env, napi_deferred deferred, const char *text) {
  napi_value error;
  napi_create_error(env, NULL, text_of(env, text), &error);
  napi_reject_deferred(env, deferred, error);
}

static void unmap_in_js(napi_env env, void *memory, void *size) {
  (void)env;
  munmap(memory, (size_t)size);
}

/* { buffers, place, count }; undefined where nothing is shared. */
static napi_value shared_of(napi_env env, Job *job) {
  napi_value value, buffers, buffer;
  napi_get_undefined(env, &value);
  if (!job->shared) return value;
  napi_create_array(env, &buffers);
  for (size_t i = 0; i < job->count; i++) {
    Mapping *each = &job->shared[i];
    const size_t size = (size_t)((const double *)job->data)[i];
    if (napi_create_external_arraybuffer(env, each->memory, size, unmap_in_js, (void *)each->size, &buffer) != napi_ok) {
      snprintf(job->error, sizeof job->error, "this Node.js takes no mapped memory");
      unmap(job);
      return value;
    }
    /* JavaScript unmaps it from now on. */
    each->memory = NULL;
    napi_set_element(env, buffers, i, buffer);
  }
  unmap(job);
  napi_create_object(env, &value);
  napi_set_named_property(env, value, "buffers", buffers);
  napi_set_named_property(env, value, "place", number_of(env, world.place));
  napi_set_named_property(env, value, "count", number_of(env, world.neighbours));
  return value;
}

static void settle_in_js(napi_env env, napi_value unused, void *unused_too, void *data) {
  (void)unused;
  (void)unused_too;
  if (!env) return;
  Job *job = data;
  napi_value value;
  if (!job) {
    if (world.open_error[0]) return reject(env, world.opening, world.open_error);
    napi_value hosts;
    napi_create_object(env, &value);
    napi_create_array(env, &hosts);
    for (int i = 0; i < world.size; i++) napi_set_element(env, hosts, i, text_of(env, host_of(i)));
    napi_set_named_property(env, value, "rank", number_of(env, world.rank));
    napi_set_named_property(env, value, "size", number_of(env, world.size));
    napi_set_named_property(env, value, "hosts", hosts);
    napi_resolve_deferred(env, world.opening, value);
    return;
  }
  value = shared_of(env, job);
  if (job->keep) napi_delete_reference(env, job->keep);
  if (job->error[0]) reject(env, job->deferred, job->error);
  else napi_resolve_deferred(env, job->deferred, value);
  free(job);
}

static void fault_in_js(napi_env env, napi_value callback, void *unused, void *data) {
  (void)unused;
  Fault *fault = data;
  world.is_heard = true;
  if (env) {
    napi_value self, arguments[3] = {number_of(env, fault->about), number_of(env, fault->told), text_of(env, fault->text)};
    napi_get_undefined(env, &self);
    napi_call_function(env, self, callback, 3, arguments, NULL);
  }
  free(fault);
}

/* open(silence, patience, json, onFault): Promise<{ rank, size, hosts }> */
static napi_value open_world(napi_env env, napi_callback_info info) {
  napi_value arguments[4], promise, name = text_of(env, "mpi");
  size_t count = 4;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (world.started) {
    napi_throw_error(env, NULL, "this process has joined its world already");
    return NULL;
  }
  world.started = true;
  napi_get_value_double(env, arguments[0], &world.silence);
  napi_get_value_double(env, arguments[1], &world.patience);
  napi_get_value_bool(env, arguments[2], &world.json);
  world.turned = now();
  napi_create_promise(env, &world.opening, &promise);
  napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, NULL, settle_in_js, &world.settle);
  napi_create_threadsafe_function(env, arguments[3], NULL, name, 0, 1, NULL, NULL, NULL, fault_in_js, &world.fault);
  napi_unref_threadsafe_function(env, world.fault);
  pthread_create(&world.thread, NULL, run, NULL);
  return promise;
}

/* call(kind, array?): Promise<SharedMemory | undefined> */
static napi_value call(napi_env env, napi_callback_info info) {
  napi_value arguments[2], promise;
  size_t count = 2;
  napi_valuetype type;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  Job *job = calloc(1, sizeof(Job));
  napi_get_value_int32(env, arguments[0], &job->kind);
  napi_typeof(env, arguments[1], &type);
  if (type == napi_object) {
    napi_create_reference(env, arguments[1], 1, &job->keep);
    napi_get_typedarray_info(env, arguments[1], NULL, &job->count, (void **)&job->data, NULL, NULL);
  }
  napi_create_promise(env, &job->deferred, &promise);
  pthread_mutex_lock(&world.lock);
  if (world.last) world.last->next = job;
  else world.first = job;
  world.last = job;
  pthread_cond_signal(&world.woken);
  pthread_mutex_unlock(&world.lock);
  return promise;
}

/* turn(): JavaScript has returned to the event loop. */
static napi_value turn(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  world.turned = now();
  return NULL;
}

/* tell(text): process 0 hears why this one fails. */
static napi_value tell(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  world.told = (Fault){.about = world.rank, .told = 1};
  napi_get_value_string_utf8(env, argument, world.told.text, FAULT_BYTES, NULL);
  world.has_told = true;
  return NULL;
}

/* release(): the world keeps the process from its end no longer. */
static napi_value release(napi_env env, napi_callback_info info) {
  (void)info;
  napi_unref_threadsafe_function(env, world.settle);
  return NULL;
}

/* abort(status): ends all processes, this one too. */
static napi_value abort_all(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  int status;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  if (!world.opened || world.closed || world.open_error[0]) return NULL;
  napi_get_value_int32(env, argument, &status);
  world.abort_status = status;
  pthread_cond_signal(&world.woken);
  pthread_join(world.thread, NULL);
  return NULL;
}

NAPI_MODULE_INIT() {
  const napi_property_descriptor functions[] = {
      {"open", NULL, open_world, NULL, NULL, NULL, napi_enumerable, NULL},
      {"call", NULL, call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"turn", NULL, turn, NULL, NULL, NULL, napi_enumerable, NULL},
      {"tell", NULL, tell, NULL, NULL, NULL, napi_enumerable, NULL},
      {"release", NULL, release, NULL, NULL, NULL, napi_enumerable, NULL},
      {"abort", NULL, abort_all, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
