/* A stand-in for libnvidia-ml.so.1, built by the tests. MOCK_NVML names what fails: `init`, or any of
 * handle, memory, utilisation, encoder, temperature, processes, separated by commas; `lies` says that
 * more memory is in use than there is.
 */
#include <stdlib.h>
#include <string.h>

enum { OK = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7, UNKNOWN = 999 };

static int fails(const char *what) {
    const char *wanted = getenv("MOCK_NVML");
    return wanted && strstr(wanted, what) != NULL;
}

typedef struct { unsigned version; unsigned long long total, reserved, free, used; } Memory;
typedef struct { unsigned gpu, memory; } Utilisation;
typedef struct { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; } Process;

int nvmlInit_v2(void) { return fails("init") ? UNKNOWN : OK; }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int error) { (void)error; return "a fault of the mock"; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    if (fails("handle") || strncmp(uuid, "GPU-11111111-1111-", 18) != 0) return UNKNOWN;
    *device = (void *)uuid;
    return OK;
}
int nvmlDeviceGetMemoryInfo_v2(void *device, Memory *memory) {
    (void)device;
    if (fails("memory")) return NOT_SUPPORTED;
    memory->total = 4096ull << 20;
    memory->used = fails("lies") ? 9999ull << 30 : 1024ull << 20;
    memory->free = memory->total - (1024ull << 20);
    memory->reserved = 0;
    return OK;
}
int nvmlDeviceGetUtilizationRates(void *device, Utilisation *rates) {
    (void)device;
    if (fails("utilisation")) return NOT_SUPPORTED;
    rates->gpu = 37;
    rates->memory = 5;
    return OK;
}
int nvmlDeviceGetEncoderUtilization(void *device, unsigned *percent, unsigned *period_us) {
    (void)device;
    if (fails("encoder")) return NOT_SUPPORTED;
    *percent = 12;
    *period_us = 1000;
    return OK;
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *degrees) {
    (void)device; (void)sensor;
    if (fails("temperature")) return NOT_SUPPORTED;
    *degrees = 61;
    return OK;
}
static int list(unsigned *count, Process *processes, unsigned there) {
    if (fails("processes")) return NOT_SUPPORTED;
    unsigned room = processes ? *count : 0;
    *count = there;
    if (room < there) return INSUFFICIENT_SIZE;
    if (there) {
        memset(processes, 0, sizeof(Process));
        processes->pid = 1;
        processes->used = 700ull << 20;
    }
    return OK;
}
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, Process *processes) {
    (void)device;
    return list(count, processes, 1);
}
int nvmlDeviceGetGraphicsRunningProcesses_v3(void *device, unsigned *count, Process *processes) {
    (void)device;
    return list(count, processes, 0);
}
