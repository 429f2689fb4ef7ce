/* The TCP sockets of BGP as JavaScript has them. */
#pragma once
#include "../glue.h"

void export_sockets(napi_env env, napi_value exports);
