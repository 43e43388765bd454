// What the certificate commands ask of the machine they run on: files that are nobody else's.

export interface CertificateFiles {
  /** INPUT_INVALID where it cannot be read. */
  read(path: string): Promise<string>;
  /** INPUT_INVALID where one of them is there already: told before a key is made. */
  requireFree(folder: string, names: readonly string[]): Promise<void>;
  /**
   * Writes them mode 600 into the folder, made where it is not there, each whole or not at all,
   * in place of those that are there.
   */
  write(folder: string, files: Readonly<Record<string, string>>): Promise<readonly string[]>;
}
