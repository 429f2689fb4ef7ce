// Numbers of pcapng (draft-ietf-opsawg-pcapng) that its reader here and the writer of src/capture share. Pure.

export const blockTypes = { section: 0x0a0d0d0a, interface: 1, packet: 2, simple: 3, enhanced: 6 } as const;
export const byteOrderMagic = 0x1a2b3c4d;
/** Type and length; behind the body the length once more. */
export const blockHeaderBytes = 8;
export const trailerBytes = 4;
export const optionHeaderBytes = 4;
/** Of an interface description. */
export const interfaceOptions = { end: 0, resolution: 9, offset: 14 } as const;
