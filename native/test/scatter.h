/* The SCATTERING map of scatter.c: line by line what user space sets and what the program counts. */
#pragma once

struct scattering {
    __UINT64_TYPE__ packets;     /* so far */
    __UINT32_TYPE__ flows;       /* one packet of each in scattered order */
    __UINT32_TYPE__ frame_bytes; /* as the frame comes from the wire */
};
