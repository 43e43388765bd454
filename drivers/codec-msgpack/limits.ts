// How large a value may be, on the way out and on the way in.

// eight frames: nothing stored or sent is larger
export const encodedBytesMax: number = 16 * 1_024 * 1_024;
export const depthMax = 64; // our deepest record nests under ten; far below the stack's end
// an empty map is one byte here and about 60 in memory: 32 MiB at most
export const valuesMax = 524_288;
