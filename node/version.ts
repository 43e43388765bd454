// One version for all packages; scripts/release raises it together with theirs.

export const hansaVersion = '0.1.0';
