/* What a test program ends on: the place and the words of what does not hold. By abort(), so that a fuzzer keeps the input. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)
