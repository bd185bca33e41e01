/* SPDX-License-Identifier: MIT
 *
 * The header stands alone, may be included twice, and agrees with the library. The
 * script compiles this file as C99, C11, C17, C++11, C++17 and C++20.
 */
#include "hermes.h"

#include "hermes.h"

#include <stdio.h>
#include <string.h>

int main(void) {
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", HERMES_VERSION_MAJOR, HERMES_VERSION_MINOR,
             HERMES_VERSION_PATCH);
    if (strcmp(version, HERMES_VERSION_STRING) != 0 ||
        strcmp(version, hermes_version_string()) != 0 || hermes_abi_version() != HERMES_ABI_VERSION)
        return 1;
    return 0;
}
