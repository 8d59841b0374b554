/* A stand-in for libcuda.so.1, built by the tests: the real binding runs against it where there is no
 * GPU, and faults are injected by the environment.
 *
 *   MOCK_CUDA       no_device  cuInit says that there is none
 *                   zero       there are 0 devices
 *                   mismatch   cuInit says that driver and library do not match
 *                   oom        every call says out of memory
 *                   lost       the first kernel fails, and from then on every call does
 *                   serial     streams do not overlap and priorities do nothing
 *                   slow       whoever waits for a stream waits for 20 ms more
 *                   lies       twice as much memory is said to be free as there is
 *   MOCK_VRAM_MIB   memory of a device, 4096 unless said
 *   MOCK_DEVICES    how many devices, 1 unless said
 *
 * With -DOLD it lacks what a driver of before CUDA 11.2 lacks, with -DEMPTY everything.
 *
 * Time is simulated: a stream has a clock that each kernel moves on; only `slow` sleeps. Device memory is
 * the host's. The one kernel that is understood is `mix` of src/gpu/cuda/mix.ptx.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int CUresult;
enum { OK = 0, INVALID = 1, OOM = 2, NO_DEVICE = 100, NOT_FOUND = 500, LAUNCH_FAILED = 719, MISMATCH = 803 };

#ifndef EMPTY

static int lost;

static int mode(const char *name) {
    const char *wanted = getenv("MOCK_CUDA");
    return wanted && strcmp(wanted, name) == 0;
}

static long number(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

static CUresult fault(void) {
    if (mode("oom")) return OOM;
    return lost ? LAUNCH_FAILED : OK;
}

#define CALL do { CUresult bad = fault(); if (bad) return bad; } while (0)

/* ---- devices ---- */

static uint64_t used;

static uint64_t total(void) { return (uint64_t)number("MOCK_VRAM_MIB", 4096) << 20; }

CUresult cuInit(unsigned flags) {
    (void)flags;
    if (mode("no_device")) return NO_DEVICE;
    if (mode("mismatch")) return MISMATCH;
    return fault();
}

CUresult cuGetErrorString(CUresult error, const char **text) {
    (void)error;
    *text = "a fault of the mock";
    return OK;
}

CUresult cuDeviceGetCount(int *count) {
    CALL;
    *count = mode("zero") ? 0 : (int)number("MOCK_DEVICES", 1);
    return OK;
}

CUresult cuDeviceGet(int *device, int ordinal) { CALL; *device = ordinal; return OK; }

CUresult cuDeviceGetName(char *name, int length, int device) {
    CALL;
    const char *text = "Mock GPU";
    (void)device;
    strncpy(name, text, (size_t)length);
    return OK;
}

CUresult cuDeviceGetUuid(unsigned char *uuid, int device) {
    CALL;
    memset(uuid, 0x11, 16);
    uuid[15] = (unsigned char)device;
    return OK;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, int device) { CALL; (void)device; *bytes = total(); return OK; }

CUresult cuDeviceGetAttribute(int *value, int attribute, int device) {
    CALL;
    (void)device;
    /* 75 and 76: compute capability; 115: memory pools. */
    *value = attribute == 75 ? 12 : attribute == 115 ? 1 : 0;
    return OK;
}

CUresult cuDeviceGetDefaultMemPool(void **pool, int device) { CALL; (void)device; *pool = &used; return OK; }

static void *current;
CUresult cuDevicePrimaryCtxRetain(void **context, int device) { CALL; *context = (void *)(intptr_t)(device + 1); return OK; }
CUresult cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return fault(); }
CUresult cuCtxGetCurrent(void **context) { CALL; *context = current; return OK; }
CUresult cuCtxSetCurrent(void *context) { CALL; current = context; return OK; }
CUresult cuCtxSynchronize(void) { return fault(); }
CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) { CALL; *least = 0; *greatest = -5; return OK; }

/* ---- streams and events: each has a clock in milliseconds ---- */

typedef struct { double now; } Stream;
typedef struct { double at; } Event;

static Stream one_for_all;

static Stream *stream_of(void *stream) {
    return stream && !mode("serial") ? (Stream *)stream : &one_for_all;
}

#ifndef OLD
CUresult cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
    CALL;
    (void)flags; (void)priority;
    *stream = calloc(1, sizeof(Stream));
    return *stream ? OK : OOM;
}
#endif
CUresult cuStreamDestroy_v2(void *stream) { free(stream); return fault(); }
static CUresult wait_for_it(void) {
    if (mode("slow")) usleep(20000);
    return fault();
}
CUresult cuStreamSynchronize(void *stream) { (void)stream; return wait_for_it(); }
CUresult cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    CALL;
    (void)flags;
    Stream *s = stream_of(stream);
    if (((Event *)event)->at > s->now) s->now = ((Event *)event)->at;
    return OK;
}

CUresult cuEventCreate(void **event, unsigned flags) { CALL; (void)flags; *event = calloc(1, sizeof(Event)); return OK; }
CUresult cuEventRecord(void *event, void *stream) { CALL; ((Event *)event)->at = stream_of(stream)->now; return OK; }
CUresult cuEventElapsedTime(float *ms, void *start, void *end) {
    CALL;
    *ms = (float)(((Event *)end)->at - ((Event *)start)->at);
    return OK;
}
CUresult cuEventQuery(void *event) { (void)event; return fault(); }
CUresult cuEventSynchronize(void *event) { (void)event; return wait_for_it(); }
CUresult cuEventDestroy_v2(void *event) { free(event); return fault(); }

/* ---- memory: the host's, with its length before it ---- */

static CUresult take(uint64_t *pointer, size_t bytes) {
    CALL;
    if (used + bytes > total()) return OOM;
    uint64_t *block = calloc(1, bytes + 16);
    if (!block) return OOM;
    block[0] = bytes;
    used += bytes;
    *pointer = (uint64_t)(uintptr_t)(block + 2);
    return OK;
}

static CUresult give(uint64_t pointer) {
    if (!pointer) return fault();
    uint64_t *block = (uint64_t *)(uintptr_t)pointer - 2;
    used -= block[0];
    free(block);
    return fault();
}

CUresult cuMemAlloc_v2(uint64_t *pointer, size_t bytes) { return take(pointer, bytes); }
CUresult cuMemFree_v2(uint64_t pointer) { return give(pointer); }
#ifndef OLD
CUresult cuMemAllocAsync(uint64_t *pointer, size_t bytes, void *stream) { (void)stream; return take(pointer, bytes); }
CUresult cuMemFreeAsync(uint64_t pointer, void *stream) { (void)stream; return give(pointer); }
#endif
CUresult cuMemPoolTrimTo(void *pool, size_t bytes) { (void)pool; (void)bytes; return fault(); }
CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total_bytes) {
    CALL;
    *total_bytes = total();
    *free_bytes = mode("lies") ? 2 * total() : total() - used;
    return OK;
}
CUresult cuMemsetD8Async(uint64_t pointer, unsigned char value, size_t bytes, void *stream) {
    CALL;
    (void)stream;
    /* Fresh memory is zero already, and gigabytes of it need not be touched. */
    if (value || bytes <= (64u << 20)) memset((void *)(uintptr_t)pointer, value, bytes);
    return OK;
}
CUresult cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    CALL;
    (void)stream;
    memcpy(to, (void *)(uintptr_t)from, bytes);
    return OK;
}

/* ---- the kernel ---- */

CUresult cuModuleLoadData(void **module, const void *image) {
    CALL;
    if (!strstr(image, ".entry mix(")) return INVALID;
    *module = &used;
    return OK;
}
CUresult cuModuleGetFunction(void **function, void *module, const char *name) {
    CALL;
    if (strcmp(name, "mix") != 0) return NOT_FOUND;
    *function = module;
    return OK;
}
CUresult cuModuleUnload(void *module) { (void)module; return fault(); }

CUresult cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                        unsigned bz, unsigned shared, void *stream, void **parameters, void **extra) {
    if (mode("lost")) lost = 1;
    CALL;
    (void)function; (void)gy; (void)gz; (void)by; (void)bz; (void)shared; (void)extra;
    uint32_t *out = (uint32_t *)(uintptr_t)*(uint64_t *)parameters[0];
    uint32_t count = *(uint32_t *)parameters[1], rounds = *(uint32_t *)parameters[2];
    /* Two nanoseconds a round; a thousand blocks at a time. */
    stream_of(stream)->now += rounds / 500000.0 * (gx > 1000 ? gx / 1000.0 : 1.0);
    /* Long runs are for their time, not for their words. */
    if (rounds > 5000) return OK;
    for (uint32_t i = 0; i < count && i < gx * bx; i++) {
        uint32_t x = i;
        for (uint32_t r = 0; r < rounds; r++) x = x * 1664525u + 1013904223u;
        out[i] = x;
    }
    return OK;
}

#endif
