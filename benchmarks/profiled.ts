// Where the time of measured processes goes: with `HANSA_PROFILE=<folder>` each writes a profile
// there when it ends.
export const profile: string | undefined = process.env['HANSA_PROFILE'];

/** Flags of Node for a process that is measured. */
export const profileFlags: readonly string[] =
  profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
