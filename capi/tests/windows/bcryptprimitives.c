/* SPDX-License-Identifier: MIT
 *
 * For tests under Wine 8, which lacks bcryptprimitives.dll: Go takes its random numbers from there.
 * Windows itself has had it since Windows 8.
 */
#include <stddef.h>

extern unsigned char __stdcall SystemFunction036(void *at, unsigned long size);

__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *at, size_t size);

int __stdcall ProcessPrng(unsigned char *at, size_t size) {
    for (size_t part; size > 0; at += part, size -= part) {
        part = size < 1 << 20 ? size : 1 << 20;
        if (!SystemFunction036(at, (unsigned long)part)) return 0;
    }
    return 1;
}
