// One version for all packages: raised by hand, together with that of every package.json.

export const hansaVersion = '0.1.0';
