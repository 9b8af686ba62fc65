/** What a frame of entry lines may hold when decompressed; so no line, its newline counted, is longer. */
export const maxEntryFrameBytes = 1024 * 1024

/** The same for the header and for the lookup line: some ten million lookups. */
export const maxSingleFrameBytes = 64 * 1024 * 1024
