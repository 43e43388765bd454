// How large a value may be, on the way out and on the way in.

export const encodedBytesMax: number = 16 * 1_024 * 1_024; // eight frames: nothing stored or sent is larger
export const depthMax = 64; // our deepest record nests under ten; far below the stack's end
export const valuesMax = 524_288; // an empty map is one byte here and about 60 in memory: 32 MiB at most
