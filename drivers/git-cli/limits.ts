// The driver's own bounds, and the two shapes it insists on: what reaches a path or git's input is
// checked here once more, whoever checked it before.

// No dots or capitals: none is a path, an option, or another key on some file system.
export const repositoryKeyPattern: RegExp = /^[a-z0-9][a-z0-9_-]{0,127}$/;
export const objectIdPattern: RegExp = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

export const pushChangesMax = 50_000; // a first push of a large repository; about 8 MiB of lines
export const shallowRootsMax = 10_000; // a depth-1 clone has one for each branch and tag
export const missingObjectsMax = 100; // enough to see what is wrong; a broken history lacks many
export const reasonLengthMax = 500; // characters of a refusal; it is read on a terminal
