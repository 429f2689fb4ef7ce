/* BFD as JavaScript has it. */
#pragma once
#include "../glue.h"

void export_bfd(napi_env env, napi_value exports);
