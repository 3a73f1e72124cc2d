/* What our own libraries have in common: each is one C file that includes this one, and allocates nothing. */

#include <stdint.h>
#include <string.h>

/* The digest of both files when they were built: a test compares it. */
#ifndef SOURCE
#define SOURCE "unknown"
#endif
const char *pixlean_source(void) { return SOURCE; }

/* On x86-64 such a function is there twice, and the one for the wider registers runs where there are such. */
#if defined(__x86_64__)
#define WIDE __attribute__((target_clones("arch=haswell", "default")))
#else
#define WIDE
#endif
#define INSIDE static inline __attribute__((always_inline))
